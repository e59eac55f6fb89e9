#include "convllava/model/language/language_model.h"

#include "convllava/model/language/llama.h"
#include "convllava/model/table.h"
#include "convllava/nn/libtorch.h"

namespace convllava::model {

const std::vector<LanguageFamily>& language_families() {
  static const std::vector<LanguageFamily> families = {
      {"llama",
       [](const LanguageConfig& config, const torch::TensorOptions& options) -> std::shared_ptr<LanguageModel> {
         return Llama(config, options).ptr();
       }}};
  return families;
}

std::shared_ptr<LanguageModel> make_language_model(const LanguageConfig& config, const torch::TensorOptions& options) {
  return row_named(language_families(), config.model_type, "model_type").make(config, options);
}

}  // namespace convllava::model
