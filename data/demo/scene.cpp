#include "data/demo/scene.h"

#include "convllava/core/random.h"

namespace convllava::demo {

const std::vector<std::string>& words() {
  static const std::vector<std::string> list = {"CAT", "DOG", "SUN", "BUS", "TEA", "BOX", "KEY", "MAP",
                                                "HAT", "PEN", "ICE", "FOX", "OWL", "JAM", "ZOO", "FLY"};
  return list;
}

const std::vector<std::string>& colors() {
  static const std::vector<std::string> list = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"};
  return list;
}

const std::vector<std::string>& shapes() {
  static const std::vector<std::string> list = {"circle", "square", "triangle", "star",
                                                "heart",  "cross",  "moon",     "ring"};
  return list;
}

bool is_held_out(int word, int number) {
  return core::Random(static_cast<uint64_t>(word) * 100 + static_cast<uint64_t>(number)).below(10) == 0;
}

Scene make_scene(uint64_t seed, Split split, int64_t index) {
  const bool held_out = split == Split::kHeldOut;
  core::Random random(seed, 2 * static_cast<uint64_t>(index) + (held_out ? 1 : 0));
  const auto pick = [&](const auto& list) { return static_cast<int>(random.below(list.size())); };
  Scene scene;
  do {
    scene.word = pick(words());
    scene.number = static_cast<int>(random.between(kFirstNumber, kLastNumber));
  } while (is_held_out(scene.word, scene.number) != held_out);
  scene.sign_color = pick(colors());
  scene.shape = pick(shapes());
  scene.shape_color = pick(colors());
  scene.drawing_seed = random.next();
  return scene;
}

}  // namespace convllava::demo
