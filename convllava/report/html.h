#pragma once

#include <string>
#include <string_view>

namespace convllava::report {

/// `text` for use between tags and inside quoted attributes.
std::string escape_html(std::string_view text);

/// For people: 1.23456 -> "1.235", 0.00002 -> "2e-5", 1234567.8 -> "1234568", "nan".
std::string format_number(double value);

}  // namespace convllava::report
