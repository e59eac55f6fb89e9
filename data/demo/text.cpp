#include "data/demo/text.h"

#include <array>
#include <string_view>

namespace convllava::demo {
namespace {

using core::Random;

constexpr std::array kKinds = {"word", "number", "shape", "color", "sign"};

// {sign} {word} {color} {shape} {number} stand for the facts.
const std::vector<std::string> kCaptions = {
    "The {sign} sign says {word}, the {shape} is {color} and the number is {number}.",
    "The {shape} is {color}, the number is {number} and the {sign} sign says {word}.",
    "The number is {number}, the {sign} sign says {word} and the {shape} is {color}.",
};

const std::vector<std::string> kCaptionPrompts = {
    "Describe the image.",
    "What is in the image?",
    "Tell what you see.",
};

const std::vector<std::string>& wordings(std::string_view kind) {
  static const std::vector<std::string> word = {"What word is on the sign?", "What does the sign say?",
                                                "Which word is written on the sign?"};
  static const std::vector<std::string> number = {"What number is in the image?", "Which number is shown?",
                                                  "What is the number?"};
  static const std::vector<std::string> shape = {"What shape is in the image?", "Which shape is shown?",
                                                 "What is the shape?"};
  static const std::vector<std::string> color = {"What color is the shape?", "Which color does the shape have?",
                                                 "What is the color of the shape?"};
  static const std::vector<std::string> sign = {"What color is the sign?", "Which color does the sign have?",
                                                "What is the color of the sign?"};
  if (kind == "word") return word;
  if (kind == "number") return number;
  if (kind == "shape") return shape;
  return kind == "color" ? color : sign;
}

std::string fact(const Scene& scene, std::string_view kind) {
  if (kind == "word") return words()[scene.word];
  if (kind == "number") return std::to_string(scene.number);
  if (kind == "shape") return shapes()[scene.shape];
  return colors()[kind == "color" ? scene.shape_color : scene.sign_color];
}

std::string fill(std::string text, const Scene& scene) {
  for (const char* kind : kKinds) {
    const std::string slot = "{" + std::string(kind) + "}";
    text.replace(text.find(slot), slot.size(), fact(scene, kind));
  }
  return text;
}

const std::string& pick(const std::vector<std::string>& list, Random& random) {
  return list[random.below(list.size())];
}

}  // namespace

std::string caption(const Scene& scene, Random& random) { return fill(pick(kCaptions, random), scene); }

std::string caption_prompt(Random& random) { return pick(kCaptionPrompts, random); }

std::vector<Question> questions(const Scene& scene, Random& random) {
  std::vector<Question> list;
  for (const int64_t i : core::random_permutation(kKinds.size(), random))
    list.push_back({kKinds[i], pick(wordings(kKinds[i]), random), fact(scene, kKinds[i])});
  return list;
}

std::vector<std::string> tokenizer_texts() {
  std::vector<std::string> texts = {
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
      "and polite answers to the user's questions.",
      "USER: ASSISTANT:", kShortAnswer};
  texts.insert(texts.end(), kCaptionPrompts.begin(), kCaptionPrompts.end());
  for (const char* kind : kKinds) texts.insert(texts.end(), wordings(kind).begin(), wordings(kind).end());
  Scene scene;
  for (int number = kFirstNumber; number <= kLastNumber; ++number) {
    const auto turn = static_cast<size_t>(number);
    scene.number = number;
    scene.word = static_cast<int>(turn % words().size());
    scene.shape = static_cast<int>(turn % shapes().size());
    scene.shape_color = scene.sign_color = static_cast<int>(turn % colors().size());
    for (const std::string& wording : kCaptions) texts.push_back(fill(wording, scene));
  }
  return texts;
}

}  // namespace convllava::demo
