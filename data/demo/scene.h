#pragma once

// What is on a demo image: a coloured sign with a word, below it a coloured shape and a two-digit number. Five
// facts, each of them something that `text.h` can ask for.

#include <cstdint>
#include <string>
#include <vector>

namespace convllava::demo {

/// The values a fact can take, by index into these lists.
const std::vector<std::string>& words();
const std::vector<std::string>& colors();
const std::vector<std::string>& shapes();
inline constexpr int kFirstNumber = 10;
inline constexpr int kLastNumber = 99;

struct Scene {
  int word = 0;               ///< index into `words()`
  int sign_color = 0;         ///< index into `colors()`
  int shape = 0;              ///< index into `shapes()`
  int shape_color = 0;        ///< index into `colors()`
  int number = kFirstNumber;  ///< kFirstNumber .. kLastNumber
  uint64_t drawing_seed = 0;  ///< background, clutter, fonts and positions: nothing a question asks for

  bool operator==(const Scene&) const = default;
};

enum class Split { kTrain, kHeldOut };

/// Whether a word and a number are shown together on held-out images only: one pair in ten, the same ones for every
/// seed. No training image shows such a pair, no held-out image another one.
bool is_held_out(int word, int number);

/// Image `index` of a split; depends on the three arguments alone.
Scene make_scene(uint64_t seed, Split split, int64_t index);

}  // namespace convllava::demo
