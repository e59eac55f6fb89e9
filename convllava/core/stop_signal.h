#pragma once

// Signals that ask a run to stop.

namespace convllava::core {

/// From this call on SIGTERM, SIGINT, SIGHUP (unless nohup has it ignored), SIGUSR1, SIGUSR2 and SIGXCPU set a flag and
/// do not end the process: cluster schedulers send any of them before they end a job. The same signal again ends it,
/// unless it comes within three seconds: a terminal and a launcher send the same Ctrl-C one after the other. A closed
/// output does not end the process either.
void install_stop_handler();
/// The first signal that asked for a stop, or 0.
int stop_signal();

}  // namespace convllava::core
