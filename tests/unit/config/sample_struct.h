#pragma once

// A struct with one field of every kind.

#include <string>
#include <utility>
#include <vector>

#include "convllava/config/yaml.h"

namespace convllava::config::testing {

enum class Shape { kRound, kSquare };

struct Part {
  std::string name;
  double share = 1.0;
  void visit_fields(FieldVisitor& visitor) {
    visitor.field("name", name, "A name.");
    visitor.field("share", share, "A share.", {0, 1});
  }
};

struct Inner {
  int64_t depth = 3;
  Part part;
  void visit_fields(FieldVisitor& visitor) {
    visitor.field("depth", depth, "A depth.", kPositive);
    visitor.section("part", part, "A part.");
  }
};

struct Sample {
  bool flag = false;
  int64_t count = 1;
  double rate = 0.5;
  std::string text = "plain";
  std::vector<std::string> words;
  std::vector<int64_t> counts;
  std::vector<double> rates;
  std::map<std::string, double> by_name;
  Shape shape = Shape::kRound;
  Inner inner;
  std::vector<Part> parts;

  void visit_fields(FieldVisitor& visitor) {
    visitor.field("flag", flag, "A flag.");
    visitor.field("count", count, "A count | of things.", {0, 100});
    visitor.field("rate", rate, "A rate.", {-10, 10});
    visitor.field("text", text, "A text.");
    visitor.field("words", words, "Words.");
    visitor.field("counts", counts, "Counts.", kPositive);
    visitor.field("rates", rates, "Rates.", kNonNegative);
    visitor.field("by_name", by_name, "Numbers.", {0, 1});
    visitor.choice<Shape>("shape", shape, {{"round", Shape::kRound}, {"square", Shape::kSquare}}, "A shape.");
    visitor.section("inner", inner, "Inner things.");
    visitor.list("parts", parts, "Parts.");
  }
};

inline VisitFields fields_of(Sample& sample) {
  return [&sample](FieldVisitor& visitor) { sample.visit_fields(visitor); };
}

}  // namespace convllava::config::testing
