#include "convllava/data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "convllava/core/cpus.h"
#include "convllava/core/error.h"
#include "convllava/core/thread_pool.h"
#include "convllava/data/loaded_batch.h"

namespace convllava::data {
namespace {

void check(const LoaderSetup& setup, int64_t first_step) {
  const auto require = [](bool condition, std::string_view field, int64_t got, std::string_view expected) {
    if (!condition) throw ConfigError({"loader", field}, "out of range", fmt::format("{}", got), expected);
  };
  require(setup.global_batch_size >= 1, "global_batch_size", setup.global_batch_size, ">= 1");
  require(setup.micro_batch_size >= 1, "micro_batch_size", setup.micro_batch_size, ">= 1");
  require(setup.workers >= 1, "workers", setup.workers, ">= 1");
  require(setup.prefetch_steps >= 1, "prefetch_steps", setup.prefetch_steps, ">= 1");
  require(setup.rank >= 0 && setup.rank < setup.world_size, "rank", setup.rank,
          fmt::format("0 <= rank < {}", setup.world_size));
  require(first_step >= 0, "first_step", first_step, ">= 0");
}

std::vector<SamplerItem> sampler_items(const Dataset& dataset, const std::vector<int64_t>& members) {
  std::vector<SamplerItem> items;
  items.reserve(members.size());
  for (const int64_t index : members) {
    const RecordSummary& summary = dataset.summary(index);
    items.push_back({index, std::max<int64_t>(summary.words, 1), summary.has_image, dataset.weight(index)});
  }
  return items;
}

struct PendingStep {
  int64_t epoch = 0;
  int64_t step_in_epoch = 0;
  std::vector<std::future<LoadedBatch>> micro_batches;
};

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& dataset, const std::vector<int64_t>& members, LoaderSetup setup, int64_t first_step);
  void submit_step();

  const Dataset& dataset;
  LoaderSetup setup;
  std::vector<SamplerItem> items;
  int64_t steps_per_epoch = 0;
  int64_t next_step;         ///< to be submitted, over all epochs
  int64_t order_epoch = -1;  ///< the epoch of `order`; -1 for none yet
  std::vector<int64_t> order;
  std::deque<PendingStep> pending;
  core::ThreadPool pool;  // last: its threads end before the members that they use
};

Loader::Impl::Impl(const Dataset& dataset, const std::vector<int64_t>& members, LoaderSetup setup, int64_t first_step)
    : dataset(dataset),
      setup(setup),
      items(sampler_items(dataset, members)),
      next_step(first_step),
      pool(core::worker_threads(setup.workers)) {
  if (const auto weight = weight_without_effect(items)) {
    throw ConfigError("data.train", "a set is too small for its weight: no record of it is used",
                      fmt::format("weight {}", *weight), "a larger weight, or 0 to skip the set");
  }
  const int64_t drawn = epoch_size(items);
  if (drawn == 0) {
    throw ConfigError("loader", "an epoch has no samples", fmt::format("{} records after weighting", items.size()),
                      "larger weights or sets");
  }
  steps_per_epoch = (drawn + setup.global_batch_size - 1) / setup.global_batch_size;
  for (int64_t i = 0; i < setup.prefetch_steps; ++i) submit_step();
}

void Loader::Impl::submit_step() {
  PendingStep step{next_step / steps_per_epoch, next_step % steps_per_epoch, {}};
  if (step.epoch != order_epoch) {
    order = epoch_order(items, SamplerOptions{setup.group_by, setup.global_batch_size, setup.seed}, step.epoch);
    order_epoch = step.epoch;
  }
  const int64_t begin = step.step_in_epoch * setup.global_batch_size;
  const int64_t batch_size = std::min<int64_t>(setup.global_batch_size, static_cast<int64_t>(order.size()) - begin);
  const int64_t count = micro_batches(batch_size, setup.micro_batch_size, setup.world_size);
  for (int64_t micro = 0; micro < count; ++micro) {
    std::vector<int64_t> indices =
        micro_batch_members(batch_size, setup.micro_batch_size, setup.rank, setup.world_size, micro);
    for (int64_t& position : indices) position = order[begin + position];
    step.micro_batches.push_back(load_batch(
        pool, [this](int64_t index) { return dataset.sample(index); }, std::move(indices),
        dataset.options().max_length));
  }
  pending.push_back(std::move(step));
  ++next_step;
}

void LoaderOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.fixed_on_resume().choice<Grouping>(
      "group_by", group_by,
      {{"modality_length", Grouping::kModalityLength}, {"modality", Grouping::kModality}, {"none", Grouping::kNone}},
      "Grouping of samples in a batch: by modality (with or without image) and similar length (fastest), by "
      "modality, or none.");
  visitor.field("workers", workers,
                "Threads per rank that read, decode and tokenize; at most the number of cores of the rank.", {1, 1024});
  visitor.field("prefetch_steps", prefetch_steps,
                "Optimizer steps prepared ahead. Each costs the memory of its images.", {1, 1000});
}

void BatchOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.fixed_on_resume().field("global_batch_size", global_batch_size, "Samples per optimizer step, over all ranks.",
                                  config::kCount);
  visitor.field("micro_batch_size", micro_batch_size,
                "Samples per forward pass and rank. More is faster and takes more memory; the result is the same.",
                config::kCount);
}

Loader::Loader(const Dataset& dataset, std::vector<int64_t> members, LoaderSetup setup, int64_t first_step) {
  check(setup, first_step);
  impl_ = std::make_unique<Impl>(dataset, members, setup, first_step);
}

Loader::~Loader() = default;

StepBatch Loader::next() {
  PendingStep step = std::move(impl_->pending.front());
  impl_->pending.pop_front();
  for (auto& future : step.micro_batches) future.wait();
  // Only now: memory has at most `prefetch_steps` steps and the current one.
  impl_->submit_step();
  StepBatch batch;
  batch.epoch = step.epoch;
  batch.step_in_epoch = step.step_in_epoch;
  for (auto& future : step.micro_batches) {
    LoadedBatch micro = future.get();
    batch.micro_batches.push_back(std::move(micro.packed));
    batch.bad.insert(batch.bad.end(), micro.bad.begin(), micro.bad.end());
    batch.samples += micro.samples;
    batch.cut_samples += micro.cut_samples;
    batch.cut_tokens += micro.cut_tokens;
  }
  return batch;
}

int64_t Loader::steps_per_epoch() const { return impl_->steps_per_epoch; }

int64_t Loader::micro_batches_per_step() const {
  const auto& setup = impl_->setup;
  return micro_batches(setup.global_batch_size, setup.micro_batch_size, setup.world_size);
}

std::vector<PackedBatch> load_in_order(const Dataset& dataset, const std::vector<int64_t>& members,
                                       int64_t micro_batch_size, std::vector<BadSample>& bad) {
  core::ThreadPool pool(core::worker_threads(4));
  std::vector<int64_t> ascending = members;
  std::sort(ascending.begin(), ascending.end());
  std::vector<std::future<LoadedBatch>> futures;
  for (auto begin = ascending.begin(); begin != ascending.end();) {
    const auto end = begin + std::min<int64_t>(micro_batch_size, ascending.end() - begin);
    futures.push_back(load_batch(
        pool, [&dataset](int64_t index) { return dataset.sample(index); }, {begin, end}, dataset.options().max_length));
    begin = end;
  }
  std::vector<PackedBatch> batches;
  for (auto& future : futures) {
    LoadedBatch micro = future.get();
    batches.push_back(std::move(micro.packed));
    bad.insert(bad.end(), micro.bad.begin(), micro.bad.end());
  }
  return batches;
}

}  // namespace convllava::data
