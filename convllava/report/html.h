#pragma once

#include <string>
#include <string_view>

namespace convllava::report {

/// `text` escaped for use between tags and in quoted attributes.
std::string escape_html(std::string_view text);

/// Four digits, for people to read: 1.23456 -> "1.235", 0.00002 -> "2e-5", 1234567.8 -> "1234568", "nan".
std::string format_number(double value);

}  // namespace convllava::report
