#include "convllava/image/png_chunks.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <string>

namespace convllava::image {
namespace {

/// Pillow's limits against texts that expand a thousandfold.
constexpr size_t kMostInflated = size_t{1} << 20;
constexpr uint64_t kMostText = 64 * uint64_t{kMostInflated};

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return name.size() == 4 && std::all_of(name.begin(), name.end(), is_letter);
}

uLong checksum(std::string_view name, std::string_view data) {
  const auto add = [](uLong before, std::string_view bytes) {
    return crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  };
  return add(add(0, name), data);
}

}  // namespace

std::optional<PngChunks::Chunk> PngChunks::next() {
  const std::string_view start = reader_.take_at_most(8);
  if (start.size() < 8 || !is_name(start.substr(4))) return std::nullopt;
  return Chunk{start.substr(4), static_cast<uint32_t>(big_endian(start.substr(0, 4)))};
}

void PngChunks::read_to_pixels() {
  reader_.seek(8);
  while (true) {
    const auto chunk = next();
    if (!chunk) file_.fail("a broken chunk, or none, before the pixels");
    if (chunk->name == "IDAT") {
      data_left_ = chunk->length;
      animated_ = frames_ > 1 || (frames_ == 1 && !has_frame_);  // the pixels may be no frame of the animation
      break;
    }
    if (chunk->name == "IEND") file_.fail("no pixels");
    const std::string_view data = reader_.take(chunk->length);
    check(chunk->name, data);
    if (big_endian(reader_.take(4)) != checksum(chunk->name, data)) {
      file_.fail(fmt::format("a wrong checksum of the chunk {}", chunk->name));
    }
  }
  if (header_.channels == 0) file_.fail("an unknown colour type or depth");
  file_.check_size(header_.width, header_.height);
  if (!has_frame_) frame_ = {0, 0, header_.width, header_.height};
  if (frame_.width < 1 || frame_.height < 1 || frame_.left + frame_.width > header_.width ||
      frame_.top + frame_.height > header_.height) {
    file_.fail("a frame outside the image");
  }
}

std::string_view PngChunks::pixel_data() {
  constexpr uint64_t kBlock = 65536;
  while (data_left_ == 0) {
    reader_.take_at_most(4);
    const size_t start = reader_.position();
    const auto chunk = next();
    if (!chunk || (chunk->name != "IDAT" && chunk->name != "DDAT")) {
      reader_.seek(start);
      return {};
    }
    data_left_ = chunk->length;
  }
  const std::string_view data = reader_.take_at_most(std::min(kBlock, data_left_));
  data_left_ -= data.size();
  return data;
}

bool PngChunks::read_to_end() {
  reader_.take_at_most(data_left_);
  while (true) {
    reader_.take_at_most(4);
    const auto chunk = next();
    if (!chunk) return false;
    if (chunk->name == "IEND" || (chunk->name == "fcTL" && animated_)) return true;
    check(chunk->name, reader_.take(chunk->length));
  }
}

void PngChunks::check(std::string_view name, std::string_view data) {
  if (name == "IHDR") {
    read_header(data);
  } else if (name == "PLTE") {
    read_palette(data);
  } else if (name == "tRNS" && !header_.palette_indices && header_.channels % 2 == 1) {
    need(name, data, header_.channels == 3 ? 6 : 2);
  } else if (name == "gAMA") {
    need(name, data, 4);
  } else if (name == "cHRM") {
    if (data.size() % 4 != 0) file_.fail("a chunk cHRM of broken numbers");
  } else if (name == "sRGB") {
    need(name, data, 1);
  } else if (name == "pHYs") {
    need(name, data, 9);
  } else if (name == "acTL") {
    need(name, data, 8);
    frames_ = frames_ == 0 ? static_cast<uint32_t>(big_endian(data.substr(0, 4))) : 0;
    if (frames_ > 0x80000000U) frames_ = 0;
  } else if (name == "fcTL") {
    read_frame(data);
  } else if (name == "fdAT") {
    file_.fail("an animation whose frames are out of order");
  } else {
    check_text(name, data);
  }
}

void PngChunks::need(std::string_view name, std::string_view data, size_t least) const {
  if (data.size() >= least) return;
  file_.fail(fmt::format("a chunk {} of {} bytes", name, data.size()), fmt::format("at least {}", least));
}

void PngChunks::read_header(std::string_view data) {
  need("IHDR", data, 13);
  header_ = {};
  header_.width = static_cast<int64_t>(big_endian(data.substr(0, 4)));
  header_.height = static_cast<int64_t>(big_endian(data.substr(4, 4)));
  header_.depth = static_cast<uint8_t>(data[8]);
  const auto color = static_cast<uint8_t>(data[9]);
  header_.interlaced = data[12] != 0;
  if (data[11] != 0) file_.fail(fmt::format("filter method {}", static_cast<uint8_t>(data[11])), "filter method 0");
  const int depth = header_.depth;
  const bool narrow = depth == 1 || depth == 2 || depth == 4;
  const bool wide = depth == 8 || depth == 16;
  header_.palette_indices = color == 3;
  if (color == 0 && (narrow || wide)) header_.channels = 1;
  if (color == 3 && (narrow || depth == 8)) header_.channels = 1;
  if (color == 2 && wide) header_.channels = 3;
  if (color == 4 && wide) header_.channels = 2;
  if (color == 6 && wide) header_.channels = 4;
}

void PngChunks::read_palette(std::string_view data) {
  if (!header_.palette_indices) return;
  if (data.size() / 3 > 256) file_.fail(fmt::format("a palette of {} colours", data.size() / 3), "at most 256");
  palette_ = {};
  for (size_t i = 0; i < data.size() / 3 * 3; ++i) palette_[i / 3][i % 3] = static_cast<uint8_t>(data[i]);
}

void PngChunks::read_frame(std::string_view data) {
  need("fcTL", data, 26);
  const auto number = [&](size_t at) { return static_cast<int64_t>(big_endian(data.substr(at, 4))); };
  if (static_cast<uint64_t>(number(0)) != sequence_++) file_.fail("an animation whose frames are out of order");
  frame_ = {.left = number(12), .top = number(16), .width = number(4), .height = number(8)};
  has_frame_ = true;
  if (frame_.left + frame_.width > header_.width || frame_.top + frame_.height > header_.height) {
    file_.fail("a frame outside the image");
  }
}

void PngChunks::check_text(std::string_view name, std::string_view data) {
  const size_t key = std::min(data.find('\0'), data.size());
  const std::string_view value = data.substr(std::min(key + 1, data.size()));
  if (name == "tEXt" && key > 0) {
    text_bytes_ += value.size();
  } else if (name == "zTXt") {
    if (!value.empty() && value[0] != 0) file_.fail("a text of unknown compression");
    const size_t size = inflated_size(name, value.substr(value.empty() ? 0 : 1));
    if (key > 0) text_bytes_ += size;
  } else if (name == "iTXt" && value.size() >= 2) {
    const size_t language = value.find('\0', 2);
    const size_t translated = language == value.npos ? value.npos : value.find('\0', language + 1);
    if (translated == value.npos) return;
    const std::string_view text = value.substr(translated + 1);
    if (value[0] != 0 && value[1] != 0) return;
    text_bytes_ += value[0] != 0 ? inflated_size(name, text) : text.size();
  } else if (name == "iCCP") {
    const size_t method = data.find('\0') + 1;  // 0 where there is no name
    if (method >= data.size() || data[method] != 0) file_.fail("a colour profile of unknown compression");
    inflated_size(name, data.substr(method + 1));
  }
  if (text_bytes_ > kMostText) file_.fail("too many bytes of text", fmt::format("at most {}", kMostText));
}

size_t PngChunks::inflated_size(std::string_view name, std::string_view data) const {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) file_.fail("no memory");
  std::array<Bytef, 16384> scratch;
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  int state = Z_OK;
  while (state == Z_OK && stream.total_out < kMostInflated) {
    stream.next_out = scratch.data();
    stream.avail_out = static_cast<uInt>(std::min<size_t>(scratch.size(), kMostInflated - stream.total_out));
    state = inflate(&stream, Z_NO_FLUSH);
  }
  inflateEnd(&stream);
  if (state == Z_OK && stream.avail_in > 0) {
    file_.fail(fmt::format("a chunk {} that expands to more than {} bytes", name, kMostInflated));
  }
  return state < 0 ? 0 : stream.total_out;
}

}  // namespace convllava::image
