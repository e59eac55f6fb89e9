#include "convllava/image/decode.h"

#include "convllava/core/files.h"
#include "convllava/image/ppm.h"

namespace convllava::image {
namespace {

Image decode(std::string_view bytes, std::string_view where) {
  const FileFormat format = identify(bytes, where);
  if (format == FileFormat::kPpm) return read_ppm(bytes, where);
  check_complete(format, bytes, where);
  check_still(format, bytes, where);
  return decode_compressed(format, bytes, where);
}

}  // namespace

Image decode_image(std::string_view bytes) { return decode(bytes, {}); }

Image load_image(const std::filesystem::path& path) { return decode(core::read_file(path), path.string()); }

}  // namespace convllava::image
