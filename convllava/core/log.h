#pragma once

// Leveled lines on stderr. Rank 0 prints everything; other ranks print warnings and errors only, with their rank.

#include <string_view>

namespace convllava::core {

/// Sets the rank that prefixes the lines of this process. Call once, before threads start.
void set_log_rank(int rank, int world_size);

void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace convllava::core
