#include "convllava/checkpoint/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/core/watched_file.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and are read as they are");

constexpr uint64_t kLengthBytes = 8;

struct Dtype {
  std::string_view name;
  torch::ScalarType type;
};

// In the reference's order, which is also the order of tensors in a file it writes: later ones come first.
constexpr std::array<Dtype, 19> kDtypes = {{{"BOOL", torch::kBool},
                                            {"U8", torch::kUInt8},
                                            {"I8", torch::kInt8},
                                            {"F8_E5M2", torch::kFloat8_e5m2},
                                            {"F8_E4M3", torch::kFloat8_e4m3fn},
                                            {"F8_E8M0", torch::kFloat8_e8m0fnu},
                                            {"F8_E4M3FNUZ", torch::kFloat8_e4m3fnuz},
                                            {"F8_E5M2FNUZ", torch::kFloat8_e5m2fnuz},
                                            {"I16", torch::kInt16},
                                            {"U16", torch::kUInt16},
                                            {"F16", torch::kFloat16},
                                            {"BF16", torch::kBFloat16},
                                            {"I32", torch::kInt32},
                                            {"U32", torch::kUInt32},
                                            {"F32", torch::kFloat32},
                                            {"C64", torch::kComplexFloat},
                                            {"F64", torch::kFloat64},
                                            {"I64", torch::kInt64},
                                            {"U64", torch::kUInt64}}};

std::optional<torch::ScalarType> scalar_type(std::string_view name) {
  for (const auto& dtype : kDtypes) {
    if (dtype.name == name) return dtype.type;
  }
  return std::nullopt;
}

std::optional<size_t> dtype_rank(torch::ScalarType type) {
  for (size_t i = 0; i < kDtypes.size(); ++i) {
    if (kDtypes[i].type == type) return i;
  }
  return std::nullopt;
}

core::WatchedFile open(const fs::path& path) {
  try {
    return core::WatchedFile(path);
  } catch (const Error& reason) {
    throw CheckpointError(path.string(), "cannot read the file", reason.what(), "a safetensors file");
  }
}

void read_bytes(const core::WatchedFile& file, uint64_t offset, uint64_t count, void* bytes) {
  try {
    file.read(static_cast<int64_t>(offset), static_cast<int64_t>(count), bytes);
  } catch (const DataError& error) {
    throw error_as<CheckpointError>(error);
  }
}

struct Entry {
  TensorInfo info;
  torch::ScalarType type = torch::kFloat32;
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// Checks a header and turns it into entries.
class HeaderReader {
 public:
  HeaderReader(const fs::path& path, const core::WatchedFile& file)
      : path_(path), file_(file), file_bytes_(static_cast<uint64_t>(file.size())) {}

  void read() {
    if (file_bytes_ < kLengthBytes) {
      fail("too short for a safetensors file", fmt::format("{} bytes", file_bytes_), "at least 8 bytes");
    }
    uint64_t length = 0;
    read_bytes(file_, 0, kLengthBytes, &length);
    if (length > core::kMaxSettingsBytes) {
      fail("the header is too long", fmt::format("{} bytes", length),
           fmt::format("at most {}", core::kMaxSettingsBytes));
    }
    if (length > file_bytes_ - kLengthBytes) {
      fail("the header is longer than the file", fmt::format("{} bytes", length),
           fmt::format("at most {}; the file may be cut off", file_bytes_ - kLengthBytes));
    }
    data_begin = kLengthBytes + length;
    std::string text(length, '\0');
    read_bytes(file_, kLengthBytes, length, text.data());
    const auto header = parse(text);
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        read_metadata(value);
      } else {
        entries.emplace(name, read_entry(name, value));
      }
    }
    check_layout();
  }

  uint64_t data_begin = 0;
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

 private:
  [[noreturn]] void fail(std::string_view what, std::string_view got = {}, std::string_view expected = {}) const {
    throw CheckpointError(path_.string(), what, got, expected);
  }
  [[noreturn]] void fail_tensor(const std::string& name, std::string_view what, std::string_view got,
                                std::string_view expected) const {
    throw CheckpointError(fmt::format("{}: tensor {}", path_.string(), name), what, got, expected);
  }

  nlohmann::json parse(std::string_view text) const {
    using Event = nlohmann::json::parse_event_t;
    std::vector<std::set<std::string>> keys;  // of the objects that are open
    std::string twice;
    const auto note_keys = [&](int, Event event, nlohmann::json& value) {
      if (event == Event::object_start) keys.emplace_back();
      if (event == Event::object_end) keys.pop_back();
      if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) twice = value.get<std::string>();
      return true;
    };
    nlohmann::json header;
    try {
      header = core::parse_json<nlohmann::json>(text, note_keys);
    } catch (const core::JsonError& error) {
      fail("the header is not JSON", error.what(), "a safetensors file");
    }
    if (text.starts_with("\xEF\xBB\xBF")) fail("the header is not JSON", "a byte order mark", "a safetensors file");
    if (!header.is_object()) fail("the header is not a JSON object", header.type_name());
    if (!twice.empty()) fail("a name occurs twice in the header", twice, "each name once");
    return header;
  }

  void read_metadata(const nlohmann::json& value) {
    if (value.is_null()) return;
    if (!value.is_object()) fail("__metadata__ is not an object", value.type_name());
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail(fmt::format("__metadata__.{} is not text", key), text.type_name());
      metadata[key] = text.get<std::string>();
    }
  }

  std::vector<uint64_t> read_counts(const std::string& name, const nlohmann::json& value, const char* key) const {
    const auto found = value.find(key);
    const bool is_list =
        found != value.end() && found->is_array() &&
        std::all_of(found->begin(), found->end(), [](const auto& n) { return n.is_number_unsigned(); });
    if (!is_list) {
      fail_tensor(name, fmt::format("wrong {}", key), found == value.end() ? "none" : core::json_excerpt(*found),
                  "a list of whole numbers >= 0");
    }
    return found->get<std::vector<uint64_t>>();
  }

  Entry read_entry(const std::string& name, const nlohmann::json& value) const {
    if (!value.is_object()) fail_tensor(name, "its description is not a JSON object", value.type_name(), "");
    Entry entry;
    const auto dtype = value.find("dtype");
    const auto type =
        dtype != value.end() && dtype->is_string() ? scalar_type(dtype->get<std::string>()) : std::nullopt;
    if (!type) {
      std::vector<std::string_view> known;
      for (const auto& each : kDtypes) known.push_back(each.name);
      fail_tensor(name, "unknown dtype", dtype == value.end() ? "none" : core::json_excerpt(*dtype),
                  fmt::format("one of {}", fmt::join(known, ", ")));
    }
    entry.type = *type;
    entry.info.dtype = dtype->get<std::string>();
    const auto shape = read_counts(name, value, "shape");
    uint64_t bytes = c10::elementSize(*type);
    uint64_t stride = 1;  // LibTorch counts a size of 0 as 1 in its strides
    for (auto size = shape.rbegin(); size != shape.rend(); ++size) {
      if (__builtin_mul_overflow(bytes, *size, &bytes) || stride > INT64_MAX || bytes > INT64_MAX ||
          *size > INT64_MAX || __builtin_mul_overflow(stride, std::max<uint64_t>(*size, 1), &stride)) {
        fail_tensor(name, "its shape is too large", fmt::format("[{}]", fmt::join(shape, ", ")), "");
      }
    }
    entry.info.shape.assign(shape.begin(), shape.end());
    entry.info.bytes = static_cast<int64_t>(bytes);
    read_offsets(name, value, entry);
    return entry;
  }

  void read_offsets(const std::string& name, const nlohmann::json& value, Entry& entry) const {
    const auto offsets = read_counts(name, value, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      fail_tensor(name, "wrong data_offsets", fmt::format("[{}]", fmt::join(offsets, ", ")), "[begin, end]");
    }
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const uint64_t available = file_bytes_ - data_begin;
    if (entry.end > available) {
      fail_tensor(name, "its data lie outside of the file", fmt::format("bytes {} to {}", entry.begin, entry.end),
                  fmt::format("at most {}; the file may be cut off", available));
    }
    if (entry.end - entry.begin != static_cast<uint64_t>(entry.info.bytes)) {
      fail_tensor(name, "its data do not fit its shape",
                  fmt::format("{} bytes for {} [{}]", entry.end - entry.begin, entry.info.dtype,
                              fmt::join(entry.info.shape, ", ")),
                  fmt::format("{} bytes", entry.info.bytes));
    }
  }

  /// The data must be covered from the first byte to the last, each byte once.
  void check_layout() const {
    std::vector<std::pair<const std::string*, const Entry*>> order;
    for (const auto& [name, entry] : entries) order.emplace_back(&name, &entry);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
    });
    uint64_t covered = 0;
    const std::string* previous = nullptr;
    for (const auto& [name, entry] : order) {
      if (entry->begin < covered) {
        fail_tensor(*name, "its data overlap those of another tensor", *previous,
                    fmt::format("to begin at byte {}", covered));
      }
      if (entry->begin > covered) {
        fail_tensor(*name, "there is a hole before its data", fmt::format("bytes {} to {}", covered, entry->begin),
                    "data without holes");
      }
      covered = entry->end;
      previous = name;
    }
    if (const uint64_t available = file_bytes_ - data_begin; covered != available) {
      fail("bytes after the last tensor", fmt::format("{} bytes of data", available), fmt::format("{}", covered));
    }
  }

  const fs::path& path_;
  const core::WatchedFile& file_;
  const uint64_t file_bytes_;
};

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
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, next, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write");
      next += written;
      size -= static_cast<size_t>(written);
    }
  }
  void close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot write");
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw CheckpointError(path_.string(), what, std::strerror(errno));
  }

  const fs::path& path_;
  int descriptor_;
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

struct SafetensorsFile::Impl {
  explicit Impl(const fs::path& path) : path(path), file(open(path)) {
    HeaderReader header(path, file);
    header.read();
    data_begin = header.data_begin;
    metadata = std::move(header.metadata);
    entries = std::move(header.entries);
    for (const auto& [name, entry] : entries) infos[name] = entry.info;
  }

  fs::path path;
  core::WatchedFile file;
  uint64_t data_begin = 0;
  std::map<std::string, Entry> entries;
  std::map<std::string, TensorInfo> infos;
  std::map<std::string, std::string> metadata;
};

SafetensorsFile::SafetensorsFile(const fs::path& path) : impl_(std::make_shared<const Impl>(path)) {}

const std::map<std::string, TensorInfo>& SafetensorsFile::tensors() const { return impl_->infos; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return impl_->metadata; }

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end()) {
    throw CheckpointError(impl_->path.string(), "unknown tensor", name);
  }
  const Entry& entry = found->second;
  auto tensor = torch::empty(entry.info.shape, entry.type);
  read_bytes(impl_->file, impl_->data_begin + entry.begin, entry.end - entry.begin, tensor.data_ptr());
  return tensor;
}

void write_safetensors(const fs::path& path, const NamedTensors& tensors,
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
  file.close();
}

}  // namespace convllava::checkpoint
