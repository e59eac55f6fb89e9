#include "convllava/data/loaded_batch.h"

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "convllava/core/error.h"
#include "tests/catch.h"

namespace convllava::data {
namespace {

using Ids = std::vector<int64_t>;

/// Two tokens, the second one learned.
Sample sample_of(int64_t id) {
  Sample sample;
  sample.prompt.input_ids = {1, id};
  sample.prompt.labels = {text::kIgnoreLabel, id};
  sample.cut_labels = id % 2;
  return sample;
}

}  // namespace

TEST_CASE("a micro-batch keeps the order of its indices whichever thread ends first", "[data]") {
  core::ThreadPool pool(4);
  const auto load = [](int64_t index) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10 - index));
    return sample_of(index);
  };
  const LoadedBatch batch = load_batch(pool, load, {3, 1, 7, 8, 2}, 10).get();
  CHECK(batch.packed.targets == Ids{3, 1, 7, 8, 2});
  CHECK(batch.samples == 5);
  CHECK(batch.cut_samples == 3);
  CHECK(batch.cut_tokens == 3);
  CHECK(batch.bad.empty());
}

TEST_CASE("an unusable sample is skipped and listed", "[data]") {
  core::ThreadPool pool(2);
  const auto load = [](int64_t index) {
    if (index > 3) throw DataError("no image " + std::to_string(index));
    return sample_of(index);
  };
  const LoadedBatch batch = load_batch(pool, load, {5, 2, 4, 3}, 10).get();
  CHECK(batch.packed.targets == Ids{2, 3});
  CHECK(batch.samples == 2);
  REQUIRE(batch.bad.size() == 2);
  CHECK(batch.bad[0].index == 5);
  CHECK(batch.bad[0].message == "no image 5");
  CHECK(batch.bad[1].index == 4);

  const LoadedBatch none = load_batch(pool, load, {5}, 10).get();
  CHECK(none.samples == 0);
  CHECK(none.packed.cu_seqlens == Ids{0});
}

TEST_CASE("an error that is not the sample's fault comes out of the future", "[data]") {
  core::ThreadPool pool(2);
  const auto load = [](int64_t index) {
    if (index == 2) throw std::runtime_error("out of memory");
    return sample_of(index);
  };
  CHECK_THROWS_AS(load_batch(pool, load, {1, 2, 3}, 10).get(), std::runtime_error);
  CHECK(load_batch(pool, load, {1, 3}, 10).get().samples == 2);
}

TEST_CASE("a micro-batch without samples is ready at once", "[data]") {
  core::ThreadPool pool(1);
  std::promise<void> release;
  pool.submit([future = release.get_future()] { future.wait(); });
  CHECK(load_batch(pool, sample_of, {}, 10).get().packed.cu_seqlens == Ids{0});
  release.set_value();
}

TEST_CASE("a pool that ends drops micro-batches that nobody waits for", "[data]") {
  std::vector<std::future<LoadedBatch>> futures;
  {
    core::ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) futures.push_back(load_batch(pool, sample_of, {1, 2, 3}, 10));
  }
  CHECK(futures.size() == 100);
}

}  // namespace convllava::data
