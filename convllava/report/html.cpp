#include "convllava/report/html.h"

#include <fmt/format.h>

#include <cmath>

namespace convllava::report {

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string format_number(double value) {
  const double size = std::abs(value);
  if (size >= 1e4 && size < 1e12) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.4g}", value);
  const size_t exponent = text.find("e-0");
  return exponent == std::string::npos ? text : text.erase(exponent + 2, 1);
}

}  // namespace convllava::report
