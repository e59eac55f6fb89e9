#pragma once

// What a program does once, at the top of `main`.

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace convllava::core {

/// Keeps freed memory for reuse instead of returning it to the system after every step: with glibc's defaults tensor
/// allocations of a C++ program map and unmap pages all the time. Has no effect on other C libraries.
void tune_allocator();

/// For variables that libraries read while they are loaded, before `main`: sets those of `defaults` that the
/// environment does not have, and starts the program again in the same process, with the arguments of `main`. Returns
/// when there is nothing to set, which is so the second time, and when the program cannot be started again (it is gone,
/// or the dynamic loader was called with it).
void start_with_environment(const std::vector<std::pair<std::string, std::string>>& defaults, char** argv);

/// Runs `body` and turns what it throws into a message on stderr and an exit code (core/error.h). What it wrote to
/// stdout must have arrived. A file that reaches the process's size limit fails like one on a full disk.
int run_main(const char* program, const std::function<int()>& body);

}  // namespace convllava::core
