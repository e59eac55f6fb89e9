#pragma once

#include <string>

namespace convllava::distributed {

/// Passes the error of this process to torchrun: its summary shows the text of the file TORCHELASTIC_ERROR_FILE.
/// The format is that of torch.distributed.elastic.multiprocessing.errors. Does nothing under other launchers; a file
/// that cannot be written is a warning.
void write_error_file(const std::string& message);

}  // namespace convllava::distributed
