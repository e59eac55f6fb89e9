#pragma once

// "Did you mean": the name among candidates that is nearest to a misspelt one.

#include <string>
#include <string_view>
#include <vector>

namespace convllava::core {

/// The nearest candidate, or "" when none is near: within 2 edits, or a third of a longer name's letters, and by fewer
/// edits than the name has letters. Upper and lower case are the same to it. Another word for a candidate, such as
/// "gpu" for "cuda", counts as nearest.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "a, b, c".
std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// "one of a, b (did you mean b?)", the question only where a name is near. `quote` is put around the nearest name, for
/// messages that quote what was given.
std::string one_of(const std::vector<std::string>& names, std::string_view given, std::string_view quote = "");

}  // namespace convllava::core
