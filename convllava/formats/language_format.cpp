#include "convllava/formats/language_format.h"

#include <algorithm>

#include "convllava/core/error.h"
#include "convllava/formats/config_fields.h"

namespace convllava::formats {

// A new format is a source in language/ and its name in these two lines.
LanguageFormat llama_format();

const std::vector<LanguageFormat>& language_formats() {
  static const std::vector<LanguageFormat> formats = {llama_format()};
  return formats;
}

namespace {

bool has_llava_type(const LanguageFormat& format, std::string_view model_type) {
  const auto& types = format.llava_model_types;
  return std::find(types.begin(), types.end(), model_type) != types.end();
}

}  // namespace

const LanguageFormat& language_format_of(const model::LanguageConfig& llm) {
  for (const auto& format : language_formats()) {
    if (llm.model_type == format.model_type) return format;
  }
  throw CheckpointError("language model", "its family has no format for files", llm.model_type);
}

const LanguageFormat& language_format_of(const checkpoint::JsonObject& file) {
  const std::string type = file.text("model_type");
  std::vector<std::string_view> names;
  for (const auto& format : language_formats()) {
    if (type == format.model_type || has_llava_type(format, type)) return format;
    names.push_back(format.model_type);
    names.insert(names.end(), format.llava_model_types.begin(), format.llava_model_types.end());
  }
  file.fail_value("model_type", choices(names));
}

bool is_llava(std::string_view model_type) {
  const auto& formats = language_formats();
  return std::any_of(formats.begin(), formats.end(),
                     [&](const LanguageFormat& format) { return has_llava_type(format, model_type); });
}

}  // namespace convllava::formats
