#pragma once

// Fuzzing by mutation: inputs that nobody wrote are given to a reader, which must return or throw convllava::Error
// within seconds. An input is a function of its number alone, so that any of them can be made again.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convllava::fuzz {

struct Reader {
  std::vector<std::string> corpus;      ///< what is mutated; the first inputs are these as they are
  std::vector<std::string> dictionary;  ///< pieces of the format, which are put in
  std::function<void(const std::string&)> read;
};

/// Input number `index`: of one of the corpus, with one to six mutations.
std::string make_input(const Reader& reader, uint64_t index);

/// The main function of a program:
///
///     fuzz_yaml 1000       the first 1000 inputs
///     fuzz_yaml FILE       one input again, in the process itself (for a debugger)
///
/// A child process reads the inputs. One that ends it (a signal, a sanitizer, another exception, 20 seconds of a processor, too much
/// memory) is written to the working folder and named with the command that runs it again. Returns 1 if there was one.
int run(const Reader& reader, int argc, char** argv);

/// What stands between the spaces of a text.
std::vector<std::string> words(const std::string& text);

/// The contents of the regular files in a folder of the repository.
std::vector<std::string> files_in(const std::string& folder, const std::string& extension = "");

}  // namespace convllava::fuzz
