#pragma once

// The rules that every path shares: in a configuration, in `--set` and on a command line.

#include <filesystem>
#include <string>
#include <string_view>

namespace convllava::core {

/// A path as its user means it: `~` at the beginning is the home folder, `$NAME` and `${NAME}` are variables of the
/// environment, `$$` is a dollar sign. Any other `$` stays. What a variable holds is not expanded again. Throws
/// ConfigError with the reason alone, the caller knows the place: a variable that is not set or empty, `~user`, `${`
/// without a name.
///
///     expand_path("~/runs/${USER}");   // "/home/kim/runs/kim"
std::string expand_path(std::string_view text);

/// `path` in a form that `expand_path` takes back to it.
std::string path_text(std::string_view path);
/// The path behind a `path_text`, on whatever machine it was written: nothing is expanded.
std::string path_of_text(std::string_view text);

/// Absolute, without `.`, `..` and a slash at the end, and without links as far as the path exists: equal for all names
/// of one place.
std::filesystem::path real_path(const std::filesystem::path& path);

}  // namespace convllava::core
