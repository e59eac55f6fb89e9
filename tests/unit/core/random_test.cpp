#include "convllava/core/random.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "tests/catch.h"

namespace convllava::core {

TEST_CASE("the numbers are those of SplitMix64", "[core]") {
  Random random(1234567);  // the sequence that implementations of SplitMix64 are checked with
  CHECK(random.next() == 6457827717110365317ULL);
  CHECK(random.next() == 3203168211198807973ULL);
  CHECK(random.next() == 9817491932198370423ULL);
  CHECK(random.next() == 4593380528125082431ULL);
  CHECK(random.next() == 16408922859458223821ULL);
}

TEST_CASE("streams of a seed are reproducible and differ", "[core]") {
  Random first(42, 1);
  Random second(42, 2);
  Random other_seed(43, 1);
  CHECK(first.next() == 13952185146303469357ULL);
  CHECK(second.next() == 8113782896551301738ULL);
  CHECK(other_seed.next() == 2999478798717202274ULL);
  Random again(42, 1);
  CHECK(again.next() == 13952185146303469357ULL);
}

TEST_CASE("numbers below a bound are reproducible and evenly spread", "[core]") {
  Random random(7);
  std::array<int64_t, 6> first{};
  for (auto& value : first) value = static_cast<int64_t>(random.below(1000));
  CHECK(first == std::array<int64_t, 6>{487, 804, 346, 203, 674, 305});

  std::array<int, 10> counts{};
  for (int i = 0; i < 100000; ++i) ++counts[random.below(10)];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);  // 5 standard deviations
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
  // Three quarters of 2^64: with a plain remainder a third of the numbers would come twice as often.
  const uint64_t bound = 3ULL << 62;
  int low = 0;
  for (int i = 0; i < 9000; ++i) low += random.below(bound) < bound / 3;
  CHECK(std::abs(low - 3000) < 250);
}

TEST_CASE("uniform numbers lie in [0, 1)", "[core]") {
  Random random(11);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.uniform();
    REQUIRE(value >= 0);
    REQUIRE(value < 1);
    sum += value;
  }
  CHECK(sum / 10000 == Approx(0.5).margin(0.015));
  CHECK(Random(11).uniform() == 0x1.43d591f48e00cp-2);
}

TEST_CASE("numbers between two bounds reach both", "[core]") {
  Random random(3);
  std::array<int, 4> counts{};
  for (int i = 0; i < 1000; ++i) {
    const int64_t value = random.between(-2, 1);
    REQUIRE(value >= -2);
    REQUIRE(value <= 1);
    ++counts[value + 2];
  }
  CHECK(*std::min_element(counts.begin(), counts.end()) > 150);
  CHECK(random.between(5, 5) == 5);
}

TEST_CASE("a permutation holds each number once and is reproducible", "[core]") {
  Random random(2024);
  CHECK(random_permutation(10, random) == std::vector<int64_t>{9, 0, 6, 3, 4, 2, 5, 7, 8, 1});
  for (const int64_t size : {0, 1, 2, 1000}) {
    auto order = random_permutation(size, random);
    std::vector<int64_t> expected(size);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK((size < 1000 || order != expected));
    std::sort(order.begin(), order.end());
    CHECK(order == expected);
  }
}

TEST_CASE("every order of three is equally likely", "[core]") {
  Random random(5);
  std::array<int, 9> counts{};
  for (int i = 0; i < 6000; ++i) {
    const auto order = random_permutation(3, random);
    ++counts[order[0] * 3 + order[1]];
  }
  for (const int index : {1, 2, 3, 5, 6, 7}) CHECK(std::abs(counts[index] - 1000) < 150);
}

}  // namespace convllava::core
