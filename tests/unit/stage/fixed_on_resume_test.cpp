#include <functional>
#include <map>

#include "convllava/config/field_table.h"
#include "convllava/stage/same_run.h"
#include "tests/catch.h"
#include "tests/support/files.h"

namespace convllava::stage {
namespace {

RunConfig started() {
  RunConfig config;
  config.output_dir = "runs/a";
  config.model.from = "runs/before";
  config.trainable = {"projector", "llm"};
  return config;
}

std::string changed_by(const std::function<void(RunConfig&)>& change) {
  RunConfig config = started();
  change(config);
  const auto changed = changed_field(started(), config);
  return changed ? changed->path + " " + changed->before + " -> " + changed->after : "";
}

}  // namespace

TEST_CASE("fields that determine parameters and samples cannot change on resume", "[config]") {
  CHECK(changed_by([](auto&) {}).empty());
  CHECK(changed_by([](auto& c) { c.model.size = "tiny"; }) == "model.size \"\" -> tiny");
  CHECK(changed_by([](auto& c) { c.trainable = {"llm"}; }) == "trainable [llm, projector] -> [llm]");
  CHECK(changed_by([](auto& c) { c.dtype = hardware::Dtype::kFp32; }) == "dtype bf16 -> fp32");
  CHECK(changed_by([](auto& c) { c.data.max_length = 4096; }) == "data.max_length 2048 -> 4096");
  CHECK(changed_by([](auto& c) { c.data.group_by = data::Grouping::kNone; }) ==
        "data.group_by modality_length -> none");
  CHECK(changed_by([](auto& c) { c.image.aspect = image::Aspect::kNative; }) == "image.aspect pad -> native");
}

TEST_CASE("each field that is fixed on resume is compared", "[config]") {
  // Another value for each field that decides parameters or samples.
  const std::map<std::string, std::string> others = {{"model.size", "tiny"},
                                                     {"model.vision_depths", "[1, 1, 1, 1, 1]"},
                                                     {"model.vision_hidden_sizes", "[8, 8, 8, 8, 8]"},
                                                     {"model.layer_scale_init_value", "0.5"},
                                                     {"trainable", "[projector]"},
                                                     {"dtype", "fp32"},
                                                     {"seed", "7"},
                                                     {"image.size", "1536"},
                                                     {"image.aspect", "native"},
                                                     {"data.template", "plain"},
                                                     {"data.max_length", "4096"},
                                                     {"data.group_by", "none"},
                                                     {"data.validation_share", "0.25"},
                                                     {"train.global_batch_size", "128"},
                                                     {"train.optimizer", "lion"}};
  RunConfig before = started();
  before.model.from = "";
  const auto visit = [](RunConfig& config) { return config::fields_of(config); };
  size_t fixed = 0;
  for (const auto& row : config::field_rows(visit(before))) fixed += row.fixed_on_resume ? 1 : 0;
  CHECK(fixed == others.size());
  for (const auto& [field, value] : others) {
    INFO(field);
    RunConfig after = before;
    config::read_yaml("", "a.yaml", visit(after), {field + "=" + value});
    const auto changed = changed_field(before, after);
    REQUIRE(changed);
    CHECK(changed->path == field);
  }
}

TEST_CASE("rates, reports, the end of a run and the places of its files may change", "[config]") {
  CHECK(changed_by([](auto& c) {
          c.train.lr = 1e-3;
          c.train.max_steps = 7;
          c.train.micro_batch_size = 1;
          c.report.log_every = 5;
          c.data.root = "elsewhere";
          c.data.workers = 1;
          c.output_dir = "runs/moved";
        }).empty());
  CHECK(changed_by([](auto& c) { c.trainable = {"llm", "projector", "llm"}; }).empty());  // the same parameters
  CHECK(changed_by([](auto& c) { c.model.from = "runs/other"; }).empty());  // stage/same_run.h compares the weights
  CHECK(changed_by([](auto& c) { c.model.layer_scale_init_value = 1; }).empty());  // no effect beside from
}

}  // namespace convllava::stage
