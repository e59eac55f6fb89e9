#include "convllava/data/sampler.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <vector>

#include "tests/catch.h"

namespace convllava::data {
namespace {

using Indices = std::vector<int64_t>;

constexpr Grouping kGroupings[] = {Grouping::kModalityLength, Grouping::kModality, Grouping::kNone};

Grouping grouping_named(const std::string& name) {
  if (name == "modality_length") return Grouping::kModalityLength;
  return name == "modality" ? Grouping::kModality : Grouping::kNone;
}

/// Images first, then texts; dataset indices start at 100 and lengths repeat.
std::vector<SamplerItem> mixture(int64_t images, int64_t texts) {
  std::vector<SamplerItem> items;
  for (int64_t i = 0; i < images + texts; ++i) items.push_back({100 + i, 1 + i * 37 % 23, i < images, 1.0});
  return items;
}

std::map<int64_t, int64_t> counts(const Indices& order) {
  std::map<int64_t, int64_t> result;
  for (const int64_t index : order) ++result[index];
  return result;
}

}  // namespace

TEST_CASE("the order of an epoch equals an independent statement of the algorithm", "[data]") {
  std::ifstream stream(std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/data/epoch_order.json");
  const auto golden = nlohmann::json::parse(stream);
  REQUIRE(golden["cases"].size() == 7);
  for (const auto& golden_case : golden["cases"]) {
    std::vector<SamplerItem> items;
    for (const auto& item : golden_case["items"]) {
      items.push_back({static_cast<int64_t>(items.size()), item[0], item[1], item[2]});
    }
    const SamplerOptions options{grouping_named(golden_case["grouping"]), golden_case["global_batch_size"],
                                 golden_case["seed"]};
    for (const auto& [epoch, order] : golden_case["orders"].items()) {
      CHECK(epoch_order(items, options, std::stoll(epoch)) == order.get<Indices>());
      CHECK(epoch_size(items) == static_cast<int64_t>(order.size()));
    }
  }
}

TEST_CASE("small orders that no random number decides", "[data]") {
  // One modality in one batch: longest first.
  const std::vector<SamplerItem> one = {{10, 3, true, 1.0}, {11, 7, true, 1.0}, {12, 5, true, 1.0}, {13, 1, true, 1.0}};
  CHECK(epoch_order(one, {Grouping::kModalityLength, 4, 42}, 0) == Indices{11, 12, 10, 13});
  // Each modality's only batch is its last one: mixed, in the order of the data set.
  const std::vector<SamplerItem> two = {{10, 3, true, 1.0}, {11, 7, false, 1.0}, {12, 5, true, 1.0}};
  CHECK(epoch_order(two, {Grouping::kModalityLength, 2, 42}, 0) == Indices{10, 11, 12});
  // Nothing, and one record twice.
  CHECK(epoch_order({}, {Grouping::kModalityLength, 2, 42}, 0).empty());
  CHECK(epoch_size({}) == 0);
  CHECK(epoch_order({{7, 1, false, 2.0}}, {Grouping::kModalityLength, 2, 42}, 5) == Indices{7, 7});
}

TEST_CASE("an epoch holds each record once", "[data]") {
  for (const Grouping grouping : kGroupings) {
    for (const auto& [images, texts] : {std::pair{40, 0}, {0, 17}, {1, 1}, {31, 9}, {8, 8}}) {
      for (const int64_t batch : {1, 3, 8, 64}) {
        Indices order = epoch_order(mixture(images, texts), {grouping, batch, 1}, 0);
        std::sort(order.begin(), order.end());
        Indices expected(images + texts);
        std::iota(expected.begin(), expected.end(), 100);
        CHECK(order == expected);
      }
    }
  }
}

TEST_CASE("batches are of one modality, longest first, except for those that end the epoch", "[data]") {
  for (const Grouping grouping : {Grouping::kModalityLength, Grouping::kModality}) {
    const auto items = mixture(101, 58);
    const int64_t size = 8;
    const Indices order = epoch_order(items, {grouping, size, 3}, 2);
    // 101 = 12 * 8 + 5 and 58 = 7 * 8 + 2: the last 7 samples are mixed.
    bool sorted = true;
    std::set<bool> seen;
    for (int64_t begin = 0; begin < 19 * size; begin += size) {
      for (int64_t i = begin + 1; i < begin + size; ++i) {
        CHECK(items[order[i] - 100].has_image == items[order[begin] - 100].has_image);
        sorted = sorted && items[order[i] - 100].length <= items[order[i - 1] - 100].length;
      }
      seen.insert(items[order[begin] - 100].has_image);
    }
    CHECK(sorted == (grouping == Grouping::kModalityLength));
    CHECK(seen.size() == 2);
    CHECK(std::is_sorted(order.begin() + 19 * size, order.end()));
  }
}

TEST_CASE("the order repeats for a seed and epoch and differs between them", "[data]") {
  const auto items = mixture(60, 30);
  for (const Grouping grouping : kGroupings) {
    const SamplerOptions options{grouping, 8, 42};
    const Indices order = epoch_order(items, options, 3);
    CHECK(epoch_order(items, options, 3) == order);
    CHECK(epoch_order(items, options, 4) != order);
    CHECK(epoch_order(items, {grouping, 8, 43}, 3) != order);
  }
}

TEST_CASE("weights give whole copies and a share that changes with the epoch", "[data]") {
  std::vector<SamplerItem> items = mixture(40, 20);
  for (size_t i = 0; i < items.size(); ++i) items[i].weight = i < 20 ? 2.25 : i < 40 ? 0.5 : i < 50 ? 0.0 : 1.0;
  for (const Grouping grouping : kGroupings) {
    std::set<std::set<int64_t>> halves;
    for (int64_t epoch = 0; epoch < 10; ++epoch) {
      const Indices order = epoch_order(items, {grouping, 8, 42}, epoch);
      CHECK(order.size() == 20 * 2 + 5 + 10 + 10);
      const auto count = counts(order);
      std::set<int64_t> half;
      int64_t extra = 0;
      for (const auto& [index, times] : count) {
        const int64_t item = index - 100;
        if (item < 20) {
          CHECK((times == 2 || times == 3));
          extra += times - 2;
        } else {
          CHECK(times == 1);
          CHECK((item < 40 || item >= 50));
          if (item < 40) half.insert(index);
        }
      }
      CHECK(extra == 5);
      CHECK(half.size() == 10);
      halves.insert(half);
    }
    CHECK(halves.size() == 10);
  }
}

TEST_CASE("micro-batches of all ranks cover a global batch exactly once", "[data]") {
  for (const int64_t size : {1, 2, 7, 8, 16, 33, 256}) {
    for (const int64_t micro_batch_size : {1, 2, 5, 16}) {
      for (const int world : {1, 2, 3, 4, 8}) {
        const int64_t count = micro_batches(size, micro_batch_size, world);
        CHECK((count - 1) * micro_batch_size * world < size);
        CHECK(count * micro_batch_size * world >= size);
        Indices all;
        for (int64_t micro = 0; micro < count; ++micro) {
          for (int rank = 0; rank < world; ++rank) {
            const Indices members = micro_batch_members(size, micro_batch_size, rank, world, micro);
            CHECK(static_cast<int64_t>(members.size()) <= micro_batch_size);
            for (const int64_t position : members) {
              CHECK(position / (micro_batch_size * world) == micro);
              CHECK(position % world == rank);
            }
            all.insert(all.end(), members.begin(), members.end());
          }
        }
        std::sort(all.begin(), all.end());
        Indices expected(size);
        std::iota(expected.begin(), expected.end(), 0);
        CHECK(all == expected);
      }
    }
  }
}

TEST_CASE("ranks take turns inside a micro-batch", "[data]") {
  CHECK(micro_batch_members(16, 4, 0, 2, 0) == Indices{0, 2, 4, 6});
  CHECK(micro_batch_members(16, 4, 1, 2, 1) == Indices{9, 11, 13, 15});
  CHECK(micro_batch_members(11, 2, 2, 4, 1) == Indices{10});
  CHECK(micro_batch_members(11, 2, 3, 4, 1).empty());
}

}  // namespace convllava::data
