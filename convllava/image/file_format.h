#pragma once

// What kind of picture some bytes are, and whether all of them are there.

#include <string>
#include <string_view>

namespace convllava::image {

enum class FileFormat { kJpeg, kPng, kWebp, kBmp, kPpm };

/// "JPEG", "PNG", ...
std::string_view format_name(FileFormat format);

/// By the first bytes. Throws DataError for an empty file and for anything else than the formats above; `where` (a
/// path, or nothing) begins the message.
FileFormat identify(std::string_view bytes, std::string_view where);

/// Throws DataError when the file ends before its own structure says it does: decoders fill what is missing with grey.
/// Bytes after the end are allowed. A JPEG without an end-of-image marker counts as truncated.
void check_complete(FileFormat format, std::string_view bytes, std::string_view where);

/// Throws DataError for an animated WebP picture, which decoders call damaged. `bytes` are complete.
void check_still(FileFormat format, std::string_view bytes, std::string_view where);

/// The PNG file without the chunks that do not hold pixels. libpng would print a warning for each of the many odd
/// colour profiles in the wild; nothing that is left out changes what Pillow's convert("RGB") gives. `bytes` are
/// complete.
std::string critical_png_chunks(std::string_view bytes);

}  // namespace convllava::image
