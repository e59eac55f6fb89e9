#pragma once

// The command line of a program: what a mistake on it prints, and the exit code.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/paths.h"
#include "convllava/core/suggest.h"
#include "convllava/core/version.h"

namespace convllava::apps {

/// "--help", "--model", ...: the options of a program and of its option groups.
inline std::set<std::string> option_names(const CLI::App& app) {
  std::set<std::string> names;
  for (const auto* option : app.get_options()) names.insert(option->get_name());
  for (const auto* group : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.merge(option_names(*group));
  }
  return names;
}

/// Names the first option among the arguments that the program does not know.
inline std::string unknown_option(const CLI::App& app, const std::vector<std::string>& unknown) {
  const auto option = std::find_if(unknown.begin(), unknown.end(), [](const auto& text) { return text[0] == '-'; });
  if (option == unknown.end()) {
    return error_message("", "unexpected argument", "\"" + unknown.front() + "\"");
  }
  const std::string name = option->substr(0, option->find('='));
  const auto names = option_names(app);
  const std::vector<std::string> known(names.begin(), names.end());
  const std::string nearest = core::nearest_name(name, known);
  return error_message("", "unknown option", name, nearest.empty() ? core::join(known) : nearest);
}

/// For `transform` of an option that takes a whole number: CLI11 alone silently changes a
/// number that does not fit into 64 bits, and reads "010" as 8.
inline CLI::Validator whole_number(int64_t least, int64_t most) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  const auto read = [least, most, range](std::string& text) -> std::string {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || value < least || value > most) return error_message("", "out of range", text, range);
    text = std::to_string(value);
    return "";
  };
  return CLI::Validator(read, "");
}

/// For `transform` of an option that takes a path: core/paths.h, as in a configuration. An empty one is most often a
/// shell variable that is not set.
inline CLI::Validator path() {
  const auto expand = [](std::string& text) -> std::string {
    if (text.empty()) return error_message("", "the path is empty");
    try {
      text = core::expand_path(text);
      return "";
    } catch (const ConfigError& error) {
      return error_message("", error.what(), text);
    }
  };
  return CLI::Validator(expand, "");
}

/// Parses the arguments. Returns the exit code when the program is to end: 0 when help or the version was asked for,
/// which is then printed, and 2 when there is a mistake, which is then named on stderr.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  app.set_version_flag("--version", program + " " + std::string(core::version_and_build()), "Print version and build");
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    // A missing required option is often a misspelt one.
    const auto unknown = app.remaining();
    std::cerr << program << ": " << (unknown.empty() ? error.what() : unknown_option(app, unknown))
              << " (--help lists the options)\n";
    return 2;
  }
}

}  // namespace convllava::apps
