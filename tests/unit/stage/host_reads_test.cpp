// On a GPU the host runs ahead of the device until it reads a number. A step must not make it wait.

#include <ATen/record_function.h>

#include <atomic>

#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/train_step.h"
#include "tests/catch.h"
#include "tests/support/tiny_run.h"

using namespace convllava;

namespace {

std::atomic<int64_t> reads{0};
thread_local int in_adamw = 0;  // LibTorch's kernel for CPUs reads its scalars, the one for GPUs takes them as tensors

bool is_adamw(const at::RecordFunction& function) { return std::string_view(function.name()) == "aten::_fused_adamw_"; }

/// Operators whose result the host needs before it can go on. `item` and conversions to numbers end in the first. A
/// copy to the CPU is none where the tensor is there: only the trace of a step on a GPU shows that
/// (scripts/gpu/check.sh).
std::unique_ptr<at::ObserverContext> operator_begins(const at::RecordFunction& function) {
  const std::string_view name = function.name();
  if (is_adamw(function)) ++in_adamw;
  const bool read = name == "aten::_local_scalar_dense" || name == "aten::nonzero" || name == "aten::equal";
  if (read && in_adamw == 0) ++reads;
  return nullptr;
}

void operator_ends(const at::RecordFunction& function, at::ObserverContext*) {
  if (is_adamw(function)) --in_adamw;
}

/// Counts in all threads while it lives.
class ReadCounter {
 public:
  ReadCounter() : handle_(at::addGlobalCallback(at::RecordFunctionCallback(operator_begins, operator_ends))) {
    reads = 0;
  }
  ~ReadCounter() { at::removeCallback(handle_); }
  ReadCounter(const ReadCounter&) = delete;
  ReadCounter& operator=(const ReadCounter&) = delete;
  int64_t count() const { return reads; }

 private:
  at::CallbackHandle handle_;
};

/// Two micro-batches of two samples: an image with text, and text alone.
data::StepBatch two_micro_batches(const model::ModelConfig& shape) {
  data::StepBatch batch;
  for (int i = 0; i < 2; ++i) {
    data::Sample with_image;
    with_image.image = image::Image{64, 64, std::vector<uint8_t>(64 * 64 * 3, 100)};
    with_image.visual_tokens = shape.vision->num_tokens(64, 64);
    with_image.prompt.input_ids = {1, text::kImageToken, 5, 6, 7};
    with_image.prompt.labels = {text::kIgnoreLabel, text::kIgnoreLabel, text::kIgnoreLabel, 6, 7};
    data::Sample words;
    words.prompt.input_ids = {1, 8, 9, 10};
    words.prompt.labels = {text::kIgnoreLabel, 8, 9, 10};
    batch.micro_batches.push_back(data::pack({with_image, words}, 64));
    batch.samples += 2;
  }
  return batch;
}

}  // namespace

TEST_CASE("the host reads no number in a step", "[stage]") {
  const auto dtype = GENERATE(torch::kFloat, torch::kBFloat16);
  const auto recompute = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"vision", "llm"});
  INFO(dtype << (recompute.empty() ? "" : " with recomputation"));
  const auto config = testing::tiny_run("");
  const auto shape = setup::resolve_model_shape(config.model);
  auto model = setup::build_model(config.model, shape, dtype, /*seed=*/1);
  setup::set_trainable(*model, config.trainable);
  model->set_recompute(recompute);
  distributed::ProcessGroup group;
  parallel::Engine engine(model->blocks(), group);
  optim::Optimizer optimizer(optim::make_rule({}), engine.shards());
  const auto batch = two_micro_batches(shape);
  const auto counts = train::global_counts(batch, group);

  const ReadCounter counter;
  const auto outcome =
      train::train_step(*model, batch, counts, engine, optimizer, optim::ClipOptions(), [](const parallel::FlatRange&) {
        return optim::Rates{1e-3, 0.1};
      });
  CHECK(counter.count() == 0);
  CHECK(outcome.loss.item<double>() > 0);
  CHECK(counter.count() == 1);
}
