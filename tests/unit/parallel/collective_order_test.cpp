#include "convllava/parallel/collective_order.h"

#include <string>

#include "tests/catch.h"

namespace convllava::parallel {
namespace {

/// A frozen and a trained block of a tower, a projector, and a language model of two layers; unit n is block n's.
std::vector<BlockUse> blocks() {
  return {{.units = {0}, .language = false, .trained = false},
          {.units = {1}, .language = false, .trained = true},
          {.units = {2}, .language = false, .trained = true},
          {.units = {3}, .trained = true, .gathered_in_backward = false},
          {.units = {4}, .trained = true},
          {.units = {5}, .trained = true},
          {.units = {6}, .trained = true},
          {.units = {7}, .trained = true, .gathered_in_backward = false}};
}

std::vector<bool> trained_units(const std::vector<BlockUse>& blocks) {
  std::vector<bool> trained(8);
  for (const auto& block : blocks) {
    for (const size_t unit : block.units) trained[unit] = trained[unit] || block.trained;
  }
  return trained;
}

/// "G3" gathers the units of block 3, "G3*" for backward too, "R3" reduces unit 3.
std::string text(const std::vector<BlockUse>& blocks, Level level, const MicroPlan& plan) {
  std::string text;
  for (const auto& item : collective_order(blocks, trained_units(blocks), level, plan)) {
    text += text.empty() ? "" : " ";
    text += item.kind == Collective::Kind::kGather ? "G" : "R";
    text += std::to_string(item.index) + (item.keep ? "*" : "");
  }
  return text;
}

/// Only the projector is trained, as in the first stage.
std::vector<BlockUse> first_stage() {
  auto all = blocks();
  for (size_t i = 0; i < all.size(); ++i) all[i].trained = i == 2;
  return all;
}

}  // namespace

TEST_CASE("levels that keep whole gradients reduce all of them once in a step", "[parallel]") {
  for (const auto level : {Level::kNone, Level::kOptimizer}) {
    CHECK(text(blocks(), level, {}) == "R7 R6 R5 R4 R3 R2 R1");
    CHECK(text(blocks(), level, {.last = false}).empty());
    // The micro-batches before it may have had images.
    CHECK(text(blocks(), level, {.tower_passes = 0}) == "R7 R6 R5 R4 R3 R2 R1");
    CHECK(text(blocks(), level, {.computes = false, .backward = false}) == "R7 R6 R5 R4 R3 R2 R1");
    CHECK(text(blocks(), level, {.backward = false, .last = false}).empty());
  }
}

TEST_CASE("level gradients reduces in each micro-batch what it trains", "[parallel]") {
  CHECK(text(blocks(), Level::kGradients, {.last = false}) == "R7 R6 R5 R4 R3 R2 R1");
  CHECK(text(blocks(), Level::kGradients, {.tower_passes = 0}) == "R7 R6 R5 R4 R3");
  CHECK(text(blocks(), Level::kGradients, {.backward = false}).empty());
  CHECK(text(blocks(), Level::kGradients, {.computes = false}).empty());
  CHECK(text(first_stage(), Level::kGradients, {}) == "R2");
}

TEST_CASE("level parameters gathers one block ahead and reduces one behind", "[parallel]") {
  CHECK(text(blocks(), Level::kParameters, {}) == "G0 G1 G2 G3 G4 G5* G6* G7 R7 R6 G4 R5 G2 R4 R3 G1 R2 R1");
  CHECK(text(blocks(), Level::kParameters, {.tower_passes = 0}) == "G3 G4 G5* G6* G7 R7 R6 G4 R5 R4 R3");
  CHECK(text(blocks(), Level::kParameters, {.backward = false, .last = false}) == "G0 G1 G2 G3 G4 G5 G6 G7");
  CHECK(text(blocks(), Level::kParameters, {.computes = false}).empty());
}

TEST_CASE("gradients that pass a frozen language model need its weights again", "[parallel]") {
  CHECK(text(first_stage(), Level::kParameters, {}) == "G0 G1 G2 G3 G4 G5* G6* G7 G4 G2 R2");
  // Of texts alone nothing is learnt.
  CHECK(text(first_stage(), Level::kParameters, {.tower_passes = 0, .backward = false}) == "G3 G4 G5 G6 G7");
}

TEST_CASE("a tower that runs twice is gathered twice and reduced after its last pass", "[parallel]") {
  CHECK(text(blocks(), Level::kParameters, {.tower_passes = 2}) ==
        "G0 G1 G2 G0 G1 G2 G3 G4 G5* G6* G7 R7 R6 G4 R5 G2 R4 R3 G1 G2 G1 R2 R1");
}

TEST_CASE("a tied embedding is reduced at its last use", "[parallel]") {
  auto tied = blocks();
  tied[7].units = {3};
  CHECK(text(tied, Level::kGradients, {.tower_passes = 0}) == "R6 R5 R4 R3");
}

TEST_CASE("frozen layers behind the first trained one are gathered in backward and not reduced", "[parallel]") {
  auto half = blocks();
  for (const size_t i : {1, 2, 3, 5}) half[i].trained = false;
  CHECK(text(half, Level::kParameters, {.tower_passes = 0}) == "G3 G4 G5* G6* G7 R7 R6 G4 R4");
}

}  // namespace convllava::parallel
