#include "convllava/infer/generate.h"

#include <limits>

#include "convllava/core/error.h"
#include "convllava/infer/answer.h"
#include "convllava/nn/init.h"
#include "tests/support/chain_model.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/whole_model.h"

using namespace convllava;
using testing::batch_of;
using testing::golden;
using testing::language_only;
using testing::reference_model;

TEST_CASE("greedy decoding equals transformers' generate, with and without the cache", "[model]") {
  const auto [kv_heads, name] =
      GENERATE(std::make_pair(4, "llama_mha.safetensors"), std::make_pair(2, "llama_gqa.safetensors"));
  const bool use_cache = GENERATE(true, false);
  auto model = reference_model(kv_heads, name);
  const auto file = golden(std::string("model/") + name);
  const auto prompts = file.tensor("prompts");
  const auto answers =
      infer::generate(*model, batch_of({prompts[0], prompts[1]}), {.max_new_tokens = 24, .use_cache = use_cache});
  CHECK(answers[0].tokens == testing::ids_of(file.tensor("greedy.0")));
  CHECK(answers[1].tokens == testing::ids_of(file.tensor("greedy.1")));
}

TEST_CASE("a prompt's answer does not depend on what else is in the batch", "[model]") {
  auto model = reference_model(2, "llama_gqa.safetensors");
  torch::manual_seed(3);
  std::vector<torch::Tensor> prompts;
  for (const int64_t length : {3, 11, 7, 1}) prompts.push_back(torch::randint(3, 64, {length}, torch::kLong));
  const infer::GenerateOptions options{.max_new_tokens = 30};
  const auto together = infer::generate(*model, batch_of(prompts), options);
  for (size_t i = 0; i < prompts.size(); ++i) {
    CHECK(together[i].tokens == infer::generate(*model, batch_of({prompts[i]}), options)[0].tokens);
  }
}

TEST_CASE("decoding streams each token and stops at the model's last position", "[model]") {
  auto model = reference_model(2, "llama_gqa.safetensors");
  std::vector<int64_t> streamed;
  const auto answers = infer::generate(*model, batch_of({torch::full({120}, 5, torch::kLong)}), {.max_new_tokens = 500},
                                       [&](int64_t, int64_t token) {
                                         streamed.push_back(token);
                                         return true;
                                       });
  CHECK(streamed == answers[0].tokens);
  CHECK(streamed.size() == 8);
  CHECK(answers[0].finish == infer::Finish::kContextLimit);
  const int64_t endless = std::numeric_limits<int64_t>::max();
  const auto again =
      infer::generate(*model, batch_of({torch::full({120}, 5, torch::kLong)}), {.max_new_tokens = endless});
  CHECK(again[0].tokens == streamed);
}

TEST_CASE("a cache refuses more tokens than it was made for", "[model]") {
  nn::KvCache cache(/*layers=*/1, {.count = 1, .width = 8}, /*sequences=*/1, /*capacity=*/4, torch::TensorOptions());
  CHECK_THROWS_WITH(cache.begin({5}), testing::contains("got 5 tokens; expected at most 4"));
}

TEST_CASE("a language model alone refuses an image", "[model]") {
  model::ConvLlava model(language_only(2));
  CHECK_THROWS_AS(model->encode_images(torch::zeros({1, 64, 64, 3}, torch::kByte)), DataError);
  const auto tokenizer = testing::small_tokenizer();
  const infer::Question question{{{text::Speaker::kHuman, "<image>\nWhat?"}},
                                 image::Image{64, 64, std::vector<uint8_t>(64 * 64 * 3)}};
  CHECK(testing::thrown<DataError>([&] { infer::answer(*model, tokenizer, {question}, {}); }) ==
        testing::Parts{.where = "model", .kind = "there is no vision tower", .got = "an image"});
}

TEST_CASE("non-finite weights report an error and give no answer", "[model]") {
  auto model = reference_model(2, "llama_gqa.safetensors");
  const torch::NoGradGuard no_grad;
  model->named_parameters()["llm.model.norm.weight"][0] = std::numeric_limits<float>::quiet_NaN();
  const auto prompts = batch_of({torch::tensor({1, 5}, torch::kLong)});
  CHECK(testing::thrown<CheckpointError>([&] { infer::generate(*model, prompts, {}); }) ==
        testing::Parts{.got = "NaN or infinity", .expected = "weights that are finite"});
}

TEST_CASE("nothing is generated where nothing is asked for", "[model]") {
  auto model = reference_model(2, "llama_gqa.safetensors");
  model::Batch none;
  none.cu_seqlens = {0};
  CHECK(infer::generate(*model, none, {}).empty());
  const auto prompts = batch_of({torch::tensor({1, 5}, torch::kLong)});
  const auto nothing = infer::generate(*model, prompts, {.max_new_tokens = 0});
  REQUIRE(nothing.size() == 1);
  CHECK(nothing[0].tokens.empty());
  CHECK(nothing[0].finish == infer::Finish::kTokenLimit);
}

TEST_CASE("sequences of a batch end one by one, each at its own end token", "[model]") {
  using namespace testing::tokens;
  auto model = testing::chain_model({kColon, kA, kRed, kDog, kEnd});
  const bool use_cache = GENERATE(true, false);
  const auto prompts = batch_of({torch::tensor({int64_t{1}, kRed}), torch::tensor({kColon}),
                                 torch::tensor({kDog, kDog}), torch::tensor({kA, kColon, kA})});
  const auto answers = infer::generate(*model, prompts, {.max_new_tokens = 3, .use_cache = use_cache});
  CHECK(answers[0].tokens == std::vector<int64_t>{kDog});
  CHECK(answers[1].tokens == std::vector<int64_t>{kA, kRed, kDog});
  CHECK(answers[2].tokens.empty());
  CHECK(answers[3].tokens == std::vector<int64_t>{kRed, kDog});
  CHECK(answers[0].finish == infer::Finish::kEnd);
  CHECK(answers[1].finish == infer::Finish::kTokenLimit);
  CHECK(answers[2].finish == infer::Finish::kEnd);
  CHECK(answers[3].finish == infer::Finish::kEnd);
}

TEST_CASE("the caller's end tokens count beside the model's, and the caller may end a sequence", "[model]") {
  using namespace testing::tokens;
  auto model = testing::chain_model({kColon, kA, kRed, kDog, kEnd});
  const auto prompts = batch_of({torch::tensor({kColon}), torch::tensor({kRed})});
  const auto answers = infer::generate(*model, prompts, {.max_new_tokens = 9, .end_tokens = {kRed}});
  CHECK(answers[0].tokens == std::vector<int64_t>{kA});
  CHECK(answers[1].tokens == std::vector<int64_t>{kDog});
  const auto ended =
      infer::generate(*model, prompts, {.max_new_tokens = 9}, [](int64_t, int64_t token) { return token != kDog; });
  CHECK(ended[0].tokens == std::vector<int64_t>{kA, kRed, kDog});
  CHECK(ended[1].tokens == std::vector<int64_t>{kDog});
  CHECK(ended[0].finish == infer::Finish::kEnd);
}
