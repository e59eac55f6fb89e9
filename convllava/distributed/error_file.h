#pragma once

#include <string>

namespace convllava::distributed {

/// Tells torchrun why this process fails: its summary shows what stands in the file that TORCHELASTIC_ERROR_FILE names.
/// The format is that of torch.distributed.elastic.multiprocessing.errors. Does nothing under other launchers; a file
/// that cannot be written is a warning.
void write_error_file(const std::string& message);

}  // namespace convllava::distributed
