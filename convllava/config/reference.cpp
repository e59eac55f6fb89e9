#include <fmt/format.h>

#include "convllava/config/field_table.h"

namespace convllava::config {
namespace {

constexpr const char* kTableHead = "| field | type | default | allowed | meaning |\n|---|---|---|---|---|\n";

// A bar would end the cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string section_title(const FieldRow& row) { return row.type == "list" ? row.path + "[]" : row.path; }

}  // namespace

std::string reference_markdown(const VisitFields& visit) {
  std::string text;
  bool in_table = false;
  for (const FieldRow& row : field_rows(visit)) {
    if (row.has_fields()) {
      text += fmt::format("{}## {}\n\n{}\n", text.empty() ? "" : "\n", section_title(row), row.meaning);
      in_table = false;
      continue;
    }
    if (!in_table) text += (text.empty() ? "" : "\n") + std::string(kTableHead);
    in_table = true;
    text += fmt::format("| `{}` | {} | `{}` | {} | {}{} |\n", row.path, row.type, cell(row.value), cell(row.allowed),
                        cell(row.meaning), row.fixed_on_resume ? " Fixed on resume." : "");
  }
  return text;
}

}  // namespace convllava::config
