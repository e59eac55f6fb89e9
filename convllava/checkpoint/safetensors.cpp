#include "convllava/checkpoint/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/safetensors_dtypes.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

struct Entry {
  TensorInfo info;
  torch::ScalarType type = torch::kFloat32;
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// Checks a header and turns it into entries.
class HeaderReader {
 public:
  HeaderReader(const fs::path& path, const CheckedFile& file)
      : path_(path), file_(file), file_bytes_(static_cast<uint64_t>(file.size())) {}

  void read() {
    if (file_bytes_ < kLengthBytes) {
      fail("too short for a safetensors file", fmt::format("{} bytes", file_bytes_), "at least 8 bytes");
    }
    uint64_t length = 0;
    file_.read(0, kLengthBytes, &length, "its header");
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
    file_.read(kLengthBytes, static_cast<int64_t>(length), text.data(), "its header");
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
  const CheckedFile& file_;
  const uint64_t file_bytes_;
};

}  // namespace

struct SafetensorsFile::Impl {
  explicit Impl(const fs::path& path) : path(path), file(path) {
    HeaderReader header(path, file);
    header.read();
    data_begin = header.data_begin;
    metadata = std::move(header.metadata);
    entries = std::move(header.entries);
    for (const auto& [name, entry] : entries) infos[name] = entry.info;
  }

  const Entry& entry(const std::string& name) const;
  /// The bytes of a tensor of the file, or of a part of it, from `begin` of the data on.
  void read(uint64_t begin, const torch::Tensor& tensor, const std::string& name) const {
    file.read(static_cast<int64_t>(data_begin + begin), static_cast<int64_t>(tensor.nbytes()), tensor.data_ptr(),
              "tensor " + name);
  }

  fs::path path;
  CheckedFile file;
  uint64_t data_begin = 0;
  std::map<std::string, Entry> entries;
  std::map<std::string, TensorInfo> infos;
  std::map<std::string, std::string> metadata;
};

SafetensorsFile::SafetensorsFile(const fs::path& path) : impl_(std::make_shared<const Impl>(path)) {}

const std::map<std::string, TensorInfo>& SafetensorsFile::tensors() const { return impl_->infos; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return impl_->metadata; }

const Entry& SafetensorsFile::Impl::entry(const std::string& name) const {
  const auto found = entries.find(name);
  if (found == entries.end()) throw CheckpointError(path.string(), "unknown tensor", name);
  return found->second;
}

torch::Tensor SafetensorsFile::elements(const std::string& name, int64_t begin, int64_t end) const {
  const Entry& entry = impl_->entry(name);
  auto tensor = torch::empty({end - begin}, entry.type);
  const auto size = static_cast<uint64_t>(tensor.element_size());
  const uint64_t first = entry.begin + static_cast<uint64_t>(begin) * size;
  TORCH_CHECK(begin >= 0 && first + tensor.nbytes() <= entry.end, "elements ", begin, " to ", end, " of ", name,
              " are not all in ", impl_->path.string());
  impl_->read(first, tensor, name);
  return tensor;
}

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const Entry& entry = impl_->entry(name);
  auto tensor = torch::empty(entry.info.shape, entry.type);
  impl_->read(entry.begin, tensor, name);
  return tensor;
}

}  // namespace convllava::checkpoint
