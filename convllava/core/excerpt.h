#pragma once

#include <string>

namespace convllava::core {

/// `text` for a message, cut after some 200 bytes: files of others may hold values of any length.
std::string excerpt(std::string text);

}  // namespace convllava::core
