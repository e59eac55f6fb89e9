#include "convllava/data/mixture.h"

#include <fmt/format.h>

#include <filesystem>
#include <tuple>

#include "convllava/core/error.h"
#include "convllava/core/log.h"

namespace convllava::data {
namespace {

namespace fs = std::filesystem;

std::vector<DataSource> resolved(const MixtureOptions& mixture, std::vector<DataSource> sets) {
  for (auto& set : sets) {
    set.annotations = mixture.resolve(set.annotations);
    set.images = mixture.resolve(set.images);
  }
  return sets;
}

void add_sets(DataIdentity& identity, const char* list, const std::vector<DataSource>& sets, const Dataset& dataset) {
  const auto contents = dataset.fingerprints();
  for (size_t i = 0; i < sets.size(); ++i) {
    identity.sets.push_back({list, sets[i].annotations, contents[i], sets[i].weight});
  }
}

std::vector<int64_t> all_of(const Dataset& dataset) { return dataset.split(0.0, 0).first; }

}  // namespace

std::string MixtureOptions::resolve(const std::string& path) const {
  const fs::path given(path);
  if (root.empty() || given.is_absolute()) return path;
  return path.empty() ? root : (fs::path(root) / given).string();
}

void MixtureOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.path("root", root, "Folder of relative paths of annotations and images; empty is the current folder.");
  visitor.list("train", train, "Training sets; they are mixed.");
  visitor.list("validation", validation, "Validation sets, for the validation loss.");
  visitor.fixed_on_resume().field(
      "validation_share", validation_share,
      "Share of the training records for validation, if `data.validation` is empty. The choice depends on `seed` and "
      "on the records, not on their order. Records of one image are in the same part, and so are text records with "
      "equal turns.",
      {0, 0.5});
}

Mixture open_mixture(const MixtureOptions& mixture, const SampleOptions& samples, const text::Tokenizer& tokenizer,
                     uint64_t seed) {
  Mixture opened;
  auto& [train, validation, identity] = opened;
  const auto training_sets = resolved(mixture, mixture.train);
  const auto validation_sets = resolved(mixture, mixture.validation);
  train.dataset = std::make_shared<Dataset>(training_sets, samples, tokenizer);
  if (validation_sets.empty()) {
    std::tie(train.members, validation.members) = train.dataset->split(mixture.validation_share, seed);
    if (!validation.members.empty()) validation.dataset = train.dataset;
  } else {
    train.members = all_of(*train.dataset);
    validation.dataset = std::make_shared<Dataset>(validation_sets, samples, tokenizer);
    validation.members = all_of(*validation.dataset);
  }
  if (train.members.empty()) {
    const bool split = !validation.members.empty() && validation_sets.empty();
    throw DataError(
        "data.train", "no training records", "0 records",
        split ? "more than one image, or data.validation_share 0: validation has all records" : "at least 1 record");
  }
  identity.records = train.dataset->size();
  identity.training = train.members;
  identity.validation = validation.members;
  add_sets(identity, "train", training_sets, *train.dataset);
  if (!validation_sets.empty()) add_sets(identity, "validation", validation_sets, *validation.dataset);
  core::log_info(
      fmt::format("data: {} training and {} validation samples", train.members.size(), validation.members.size()));
  return opened;
}

}  // namespace convllava::data
