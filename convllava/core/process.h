#pragma once

// What a program does once, at the top of `main`.

#include <functional>

namespace convllava::core {

/// Keeps freed memory for reuse instead of returning it to the system after every step: with glibc's defaults tensor
/// allocations of a C++ program map and unmap pages all the time. Has no effect on other C libraries.
void tune_allocator();

/// From now on SIGTERM and SIGINT set a flag instead of ending the process; a second SIGINT ends it.
void install_stop_handler();
/// The signal that asked for a stop, or 0.
int stop_signal();

/// Runs `body` and turns what it throws into a message on stderr and an exit code (core/error.h). After a caught
/// stop signal the code is 128 + signal.
int run_main(const char* program, const std::function<int()>& body);

}  // namespace convllava::core
