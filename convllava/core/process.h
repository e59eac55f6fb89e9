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

/// From this call on SIGTERM, SIGINT, SIGHUP (unless nohup has it ignored), SIGUSR1, SIGUSR2 and SIGXCPU set a flag and
/// do not end the process: cluster schedulers send any of them before they end a job. The same signal again ends it,
/// unless it comes within three seconds: a terminal and a launcher send the same Ctrl-C one after the other. A closed
/// output does not end the process either.
void install_stop_handler();
/// The first signal that asked for a stop, or 0.
int stop_signal();

/// Runs `body` and turns what it throws into a message on stderr and an exit code (core/error.h). What it wrote to
/// stdout must have arrived. A file that reaches the process's size limit fails like one on a full disk.
int run_main(const char* program, const std::function<int()>& body);

}  // namespace convllava::core
