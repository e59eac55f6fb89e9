#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/safetensors_dtypes.h"
#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

/// A file being written; the system's reason is in what it throws.
class OutputFile {
 public:
  explicit OutputFile(const fs::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail("cannot create the file");
  }
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* bytes, size_t size) {
    const char* next = static_cast<const char*>(bytes);
    checksum_.add({next, size});
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, next, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write");
      next += written;
      size -= static_cast<size_t>(written);
    }
  }
  FileChecksum close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot write");
    return checksum_.result();
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw CheckpointError(path_.string(), what, std::strerror(errno));
  }

  const fs::path& path_;
  int descriptor_;
  RunningChecksum checksum_;
};

/// Tensors in the order of the reference's writer: widest type first, then by name.
std::vector<const NamedTensors::value_type*> storage_order(const fs::path& path, const NamedTensors& tensors) {
  std::vector<const NamedTensors::value_type*> order;
  std::set<std::string_view> names;
  for (const auto& entry : tensors) {
    const auto& [name, tensor] = entry;
    if (!dtype_rank(tensor.scalar_type())) {
      throw CheckpointError(path.string(), fmt::format("tensor {} cannot be stored", name),
                            c10::toString(tensor.scalar_type()));
    }
    if (!names.insert(name).second) {
      throw CheckpointError(path.string(), "two tensors have the same name", name);
    }
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    const size_t rank_a = *dtype_rank(a->second.scalar_type());
    const size_t rank_b = *dtype_rank(b->second.scalar_type());
    return rank_a != rank_b ? rank_a > rank_b : a->first < b->first;
  });
  return order;
}

}  // namespace

FileChecksum write_safetensors(const fs::path& path, const NamedTensors& tensors,
                               const std::map<std::string, std::string>& metadata) {
  const auto order = storage_order(path, tensors);
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto* entry : order) {
    const auto& tensor = entry->second;
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header[entry->first] = {{"dtype", kDtypes[*dtype_rank(tensor.scalar_type())].name},
                            {"shape", tensor.sizes().vec()},
                            {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');

  OutputFile file(path);
  const uint64_t length = text.size();
  file.write(&length, kLengthBytes);
  file.write(text.data(), text.size());
  for (const auto* entry : order) {
    const auto stored = entry->second.detach().to(torch::kCPU).contiguous();
    file.write(stored.const_data_ptr(), stored.nbytes());
  }
  return file.close();
}

}  // namespace convllava::checkpoint
