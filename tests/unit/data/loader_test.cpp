#include "convllava/data/loader.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "tests/support/errors.h"
#include "tests/unit/data/fixtures.h"

namespace convllava::data {
namespace {

using namespace testing;

constexpr int64_t kRecords = 29;

/// Images of two shapes, absent ones and texts; no two records have the same answer.
class Files {
 public:
  Files() {
    folder_.write_image("wide.ppm", 40, 20, 1);
    folder_.write_image("tall.ppm", 20, 40, 2);
    std::string json;
    for (int i = 0; i < kRecords; ++i) {
      const std::string image = i % 10 == 9 ? "absent.ppm" : i % 3 == 0 ? "wide.ppm" : i % 3 == 1 ? "tall.ppm" : "";
      std::string answer = std::to_string(i);
      for (int word = 0; word < i % 7; ++word) answer += " and";
      json += record_json(image, "how many", answer) + "\n";
    }
    SampleOptions options = small_options();
    options.image.aspect = image::Aspect::kNative;
    dataset_.emplace(std::vector<DataSource>{{folder_.write("set.jsonl", json), folder_.path(), 1.0}}, options,
                     small_tokenizer());
  }
  const Dataset& dataset() const { return *dataset_; }

 private:
  TemporaryFolder folder_;
  std::optional<Dataset> dataset_;
};

Ids all_members() {
  Ids members(kRecords);
  std::iota(members.begin(), members.end(), 0);
  return members;
}

LoaderSetup options_of(int64_t global_batch_size, int64_t micro_batch_size) {
  LoaderSetup options;
  options.global_batch_size = global_batch_size;
  options.micro_batch_size = micro_batch_size;
  options.workers = 2;
  return options;
}

std::vector<StepBatch> steps_of(const Dataset& dataset, const LoaderSetup& options, int64_t count, int64_t first = 0) {
  Loader loader(dataset, all_members(), options, first);
  std::vector<StepBatch> steps;
  for (int64_t i = 0; i < count; ++i) steps.push_back(loader.next());
  return steps;
}

bool equal(const PackedBatch& a, const PackedBatch& b) {
  const auto same_group = [](const PackedBatch::ImageGroup& x, const PackedBatch::ImageGroup& y) {
    return x.height == y.height && x.width == y.width && x.count == y.count && x.pixels == y.pixels;
  };
  return a.input_ids == b.input_ids && a.position_ids == b.position_ids && a.cu_seqlens == b.cu_seqlens &&
         a.target_rows == b.target_rows && a.targets == b.targets && a.visual_rows == b.visual_rows &&
         std::equal(a.images.begin(), a.images.end(), b.images.begin(), b.images.end(), same_group);
}

bool equal(const StepBatch& a, const StepBatch& b) {
  const auto same_bad = [](const BadSample& x, const BadSample& y) {
    return x.index == y.index && x.message == y.message;
  };
  const auto same_batch = [](const PackedBatch& x, const PackedBatch& y) { return equal(x, y); };
  return a.epoch == b.epoch && a.step_in_epoch == b.step_in_epoch && a.samples == b.samples &&
         a.cut_samples == b.cut_samples &&
         std::equal(a.bad.begin(), a.bad.end(), b.bad.begin(), b.bad.end(), same_bad) &&
         std::equal(a.micro_batches.begin(), a.micro_batches.end(), b.micro_batches.begin(), b.micro_batches.end(),
                    same_batch);
}

bool equal(const std::vector<StepBatch>& a, const std::vector<StepBatch>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StepBatch& x, const StepBatch& y) { return equal(x, y); });
}

/// The sequences of a step with how often each occurs, and the pixels of its images likewise.
struct Content {
  std::map<Ids, int> sequences;
  std::map<std::vector<uint8_t>, int> images;
  std::set<int64_t> bad;
  bool operator==(const Content&) const = default;
};

void add(Content& content, const StepBatch& step) {
  for (const PackedBatch& batch : step.micro_batches) {
    for (size_t s = 0; s + 1 < batch.cu_seqlens.size(); ++s) {
      ++content.sequences[Ids(batch.input_ids.begin() + batch.cu_seqlens[s],
                              batch.input_ids.begin() + batch.cu_seqlens[s + 1])];
    }
    for (const auto& group : batch.images) {
      const auto bytes = group.height * group.width * 3;
      for (int64_t i = 0; i < group.count; ++i) {
        ++content.images[{group.pixels.begin() + i * bytes, group.pixels.begin() + (i + 1) * bytes}];
      }
    }
  }
  for (const BadSample& bad : step.bad) content.bad.insert(bad.index);
}

}  // namespace

TEST_CASE("a loader yields the sampler's order in steps and micro-batches", "[data]") {
  const Files files;
  const LoaderSetup options = options_of(8, 3);
  Loader loader(files.dataset(), all_members(), options);
  CHECK(loader.steps_per_epoch() == 4);

  std::vector<SamplerItem> items;
  for (const int64_t i : all_members()) {
    const RecordSummary& summary = files.dataset().summary(i);
    items.push_back({i, summary.words, summary.has_image, 1.0});
  }
  for (int64_t step = 0; step < 9; ++step) {
    const Ids order = epoch_order(items, {options.group_by, options.global_batch_size, options.seed}, step / 4);
    const StepBatch batch = loader.next();
    CHECK(batch.epoch == step / 4);
    CHECK(batch.step_in_epoch == step % 4);
    const int64_t size = step % 4 == 3 ? 5 : 8;
    REQUIRE(batch.micro_batches.size() == (size == 8 ? 3 : 2));
    int64_t samples = 0;
    Ids bad;
    for (size_t micro = 0; micro < batch.micro_batches.size(); ++micro) {
      std::vector<Sample> expected;
      for (int64_t i = 3 * micro; i < std::min<int64_t>(3 * micro + 3, size); ++i) {
        const int64_t index = order[step % 4 * 8 + i];
        if (index % 10 == 9) {
          bad.push_back(index);
        } else {
          expected.push_back(files.dataset().sample(index));
        }
      }
      samples += static_cast<int64_t>(expected.size());
      CHECK(equal(batch.micro_batches[micro], pack(expected, files.dataset().options().max_length)));
    }
    CHECK(batch.samples == samples);
    REQUIRE(batch.bad.size() == bad.size());
    for (size_t i = 0; i < bad.size(); ++i) {
      CHECK(batch.bad[i].index == bad[i]);
      CHECK_THAT(batch.bad[i].message, contains(files.dataset().where(bad[i]) + ": "));
      CHECK_THAT(batch.bad[i].message, contains("absent.ppm: "));
    }
  }
}

TEST_CASE("threads and prefetching do not change what a loader yields", "[data]") {
  const Files files;
  LoaderSetup options = options_of(8, 2);
  options.workers = 1;
  options.prefetch_steps = 1;
  const auto expected = steps_of(files.dataset(), options, 10);
  options.workers = 4;
  CHECK(equal(steps_of(files.dataset(), options, 10), expected));
  options.prefetch_steps = 3;
  CHECK(equal(steps_of(files.dataset(), options, 10), expected));
  options.seed = 43;
  CHECK_FALSE(equal(steps_of(files.dataset(), options, 10), expected));
}

TEST_CASE("the ranks of a step together hold the same global batch in every world", "[data]") {
  const Files files;
  constexpr int64_t kSteps = 8;
  std::vector<Content> expected(kSteps);
  for (const int world : {1, 2, 4}) {
    std::vector<Content> contents(kSteps);
    std::vector<std::set<size_t>> micro_batch_counts(kSteps);
    for (int rank = 0; rank < world; ++rank) {
      LoaderSetup options = options_of(8, 1);
      options.rank = rank;
      options.world_size = world;
      const auto steps = steps_of(files.dataset(), options, kSteps);
      for (int64_t step = 0; step < kSteps; ++step) {
        add(contents[step], steps[step]);
        micro_batch_counts[step].insert(steps[step].micro_batches.size());
      }
    }
    if (world == 1) expected = contents;
    for (int64_t step = 0; step < kSteps; ++step) {
      CHECK(contents[step] == expected[step]);
      CHECK(micro_batch_counts[step].size() == 1);
    }
  }
}

TEST_CASE("a loader that starts at a step gives the batches of a loader that ran to that step", "[data]") {
  const Files files;
  const LoaderSetup options = options_of(8, 2);
  const auto whole = steps_of(files.dataset(), options, 11);
  for (const int64_t first : {1, 4, 6}) {
    const auto rest = steps_of(files.dataset(), options, 11 - first, first);
    CHECK(equal(rest, {whole.begin() + first, whole.end()}));
  }
}

TEST_CASE("samples whose answer was cut are counted", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.json", "[" + record_json("", "q", "a") + "," +
                                                 record_json("", "q", "a b c d e f g h i j k l m n o p") + "]");
  SampleOptions sample_options = small_options();
  const Dataset whole({{path, "", 1.0}}, sample_options, small_tokenizer());
  sample_options.max_length = static_cast<int64_t>(whole.sample(1).prompt.input_ids.size()) - 4;
  const Dataset dataset({{path, "", 1.0}}, sample_options, small_tokenizer());
  const StepBatch step = Loader(dataset, {0, 1}, options_of(2, 2)).next();
  CHECK(step.samples == 2);
  CHECK(step.cut_samples == 1);
  CHECK(step.cut_tokens == 4);
  CHECK(step.bad.empty());
}

TEST_CASE("a loader that is destroyed while it works does not hang", "[data]") {
  const Files files;
  for (int steps = 0; steps < 3; ++steps) {
    LoaderSetup options = options_of(29, 4);
    options.prefetch_steps = 5;
    Loader loader(files.dataset(), all_members(), options);
    for (int i = 0; i < steps; ++i) loader.next();
  }
}

TEST_CASE("a loader trains on its members only", "[data]") {
  const Files files;
  Loader loader(files.dataset(), {2, 5, 8}, options_of(2, 2));
  CHECK(loader.steps_per_epoch() == 2);
  Content content;
  for (int i = 0; i < 2; ++i) add(content, loader.next());
  CHECK(content.sequences.size() == 3);
  for (const int64_t index : {2, 5, 8}) CHECK(content.sequences[files.dataset().sample(index).prompt.input_ids] == 1);
}

TEST_CASE("records without a word are trained on", "[data]") {
  const TemporaryFolder folder;
  const Dataset dataset({{folder.write("set.json", "[" + record_json("", "", "") + "]"), "", 1.0}}, small_options(),
                        small_tokenizer());
  REQUIRE(dataset.summary(0).words == 0);
  CHECK(Loader(dataset, {0}, options_of(1, 1)).next().samples == 1);
}

TEST_CASE("options that cannot work are rejected", "[data]") {
  const Files files;
  const auto error = [&](const LoaderSetup& options, int64_t first_step = 0) {
    return thrown<ConfigError>([&] { Loader loader(files.dataset(), all_members(), options, first_step); });
  };
  CHECK(error(options_of(0, 1)) ==
        Parts{.where = "loader", .field = "global_batch_size", .got = "0", .expected = ">= 1"});
  CHECK(error(options_of(1, 0)) ==
        Parts{.where = "loader", .field = "micro_batch_size", .got = "0", .expected = ">= 1"});
  LoaderSetup options = options_of(1, 1);
  options.workers = 0;
  CHECK(error(options) == Parts{.where = "loader", .field = "workers", .got = "0", .expected = ">= 1"});
  options = options_of(1, 1);
  options.prefetch_steps = 0;
  CHECK(error(options) == Parts{.where = "loader", .field = "prefetch_steps", .got = "0", .expected = ">= 1"});
  options = options_of(1, 1);
  options.rank = 2;
  options.world_size = 2;
  CHECK(error(options) == Parts{.where = "loader", .field = "rank", .got = "2", .expected = "0 <= rank < 2"});
  CHECK(error(options_of(1, 1), -1) ==
        Parts{.where = "loader", .field = "first_step", .got = "-1", .expected = ">= 0"});
  CHECK(thrown<ConfigError>([&] { Loader loader(files.dataset(), {}, options_of(1, 1)); }) ==
        Parts{.where = "loader",
              .kind = "an epoch has no samples",
              .got = "0 records after weighting",
              .expected = "larger weights or sets"});
}

TEST_CASE("a set of which no epoch holds a record is rejected", "[data]") {
  std::vector<SamplerItem> items(20);
  for (size_t i = 16; i < items.size(); ++i) items[i].weight = 0.2;
  CHECK_FALSE(weight_without_effect(items));  // 0.8 of a record
  for (size_t i = 16; i < items.size(); ++i) items[i].weight = 0.1;
  CHECK(weight_without_effect(items) == 0.1);
  CHECK(epoch_size(items) == 16);
}

TEST_CASE("validation samples come in ascending order without the bad ones", "[data]") {
  const Files files;
  std::vector<BadSample> bad;
  const auto batches = load_in_order(files.dataset(), {20, 3, 9, 0, 7}, 2, bad);
  REQUIRE(batches.size() == 3);
  const auto expected = [&](std::vector<int64_t> indices) {
    std::vector<Sample> samples;
    for (const int64_t index : indices) samples.push_back(files.dataset().sample(index));
    return pack(samples, files.dataset().options().max_length);
  };
  CHECK(equal(batches[0], expected({0, 3})));
  CHECK(equal(batches[1], expected({7})));
  CHECK(equal(batches[2], expected({20})));
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].index == 9);
}

}  // namespace convllava::data
