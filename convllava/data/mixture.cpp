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
  visitor.path("root", root,
               "Folder that relative paths of annotations and images start from; empty is the current one.");
  visitor.list("train", train, "Sets to train on; they are mixed.");
  visitor.list("validation", validation, "Sets to measure the validation loss on.");
  visitor.fixed_on_resume().field(
      "validation_share", validation_share,
      "Share of the training records that is kept aside for validation when `data.validation` is empty. Which ones "
      "depends on `seed` and on the records, not on their order. Records of one image stay together, and so do "
      "records of equal turns without an image.",
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
    throw DataError("data.train", "there is nothing to train on", "0 records",
                    split ? "more than one image, or no data.validation_share, which took them all" : "at least 1");
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
