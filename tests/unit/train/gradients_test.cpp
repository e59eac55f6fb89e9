// The same global batch, split differently: same loss, same gradients.

#include "convllava/data/mixture.h"
#include "convllava/nn/init.h"
#include "convllava/setup/build_model.h"
#include "convllava/text/tokenizer.h"
#include "convllava/train/train_step.h"
#include "tests/support/golden.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"

using namespace convllava;
using testing::relative_difference;

namespace {

struct Gradients {
  double loss = 0;
  std::map<std::string, torch::Tensor> of;
};

/// Loss and gradients of the first step with this micro-batch size, summed over the ranks of `group`.
Gradients first_step(const stage::RunConfig& config, int64_t micro_batch_size, distributed::ProcessGroup group = {}) {
  const auto tokenizer = testing::small_tokenizer();
  const auto shape = setup::resolve_model_shape(config.model);
  auto model = setup::build_model(config.model, shape, torch::kFloat, config.seed);
  setup::set_trainable(*model, config.trainable);
  const auto data = stage::open_data(config, shape.vision, tokenizer);
  data::LoaderSetup setup{config.data, config.train, 1, group.rank(), group.world_size()};
  setup.micro_batch_size = micro_batch_size;
  data::Loader loader(*data.train.dataset, data.train.members, setup);
  parallel::Engine engine(model->blocks(), group);
  const auto batch = loader.next();
  REQUIRE(batch.bad.empty());
  const auto counts = train::global_counts(batch, group);
  Gradients result;
  const auto loss = train::accumulate_gradients(*model, batch, counts, engine);
  result.loss = group.all_reduce(std::vector<double>{loss.item<double>()})[0];
  for (const auto& item : model->named_parameters()) {
    if (item.value().requires_grad()) result.of[item.key()] = item.value().grad().clone();
  }
  return result;
}

void check_equal(const Gradients& actual, const Gradients& expected) {
  CHECK(actual.loss == Approx(expected.loss).epsilon(1e-5));
  REQUIRE(actual.of.size() == expected.of.size());
  for (const auto& [name, gradient] : expected.of) {
    INFO(name);
    // fp32 sums in another order; measured 4e-6.
    CHECK(relative_difference(actual.of.at(name), gradient) < 5e-5);
  }
}

/// Every rank compares what the group computes with what it computes alone. Without grouping a batch mixes images and
/// texts, so that some ranks have no image.
void check_ranks() {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.data.group_by = data::Grouping::kNone;
  distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
  check_equal(first_step(config, 2, group), first_step(config, 8));
  group.shutdown();
}

}  // namespace

TEST_CASE("two ranks compute the loss and gradients of one", "[train]") { testing::run_ranks(2, check_ranks); }

TEST_CASE("four ranks compute the loss and gradients of one", "[train]") { testing::run_ranks(4, check_ranks); }

TEST_CASE("loss and gradients do not depend on the split into micro-batches", "[train]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.data.group_by = GENERATE(data::Grouping::kNone, data::Grouping::kModalityLength);
  const auto whole = first_step(config, 8);
  CHECK(whole.loss > 0);
  for (const int64_t micro : {1, 3, 4}) {
    INFO("micro-batches of " << micro);
    check_equal(first_step(config, micro), whole);
  }
}
