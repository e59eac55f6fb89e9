// What a GPU reaches in the operations of a training step, at the shapes of the 7B model: memory bandwidth, matrix
// products, the depthwise convolution three ways, norms, rotary embedding, attention, head, gradient sums, AdamW.
// One line of JSON each, with TB/s where bytes are the limit and TFLOP/s where arithmetic is.
//
//   benchmark_gpu_kernels [--device cuda] [--tiny] [--only NAME]...
//
// `--tiny` takes small shapes, for a try on a CPU.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "benchmark.h"
#include "convllava/apps/command_line.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/hardware/gpu.h"
#include "convllava/model/convllava.h"
#include "convllava/nn/attention.h"
#include "convllava/nn/head_loss.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/norm.h"
#include "convllava/nn/rope.h"
#include "device_timer.h"

namespace {

using namespace convllava;
using torch::Tensor;

/// Sizes of a micro-batch of the 7B model.
struct Sizes {
  int64_t rows = 6400;    ///< tokens
  int64_t length = 400;   ///< of a sequence
  int64_t width = 4096;   ///< of the language model
  int64_t inner = 11008;  ///< of its MLP
  int64_t heads = 32;
  int64_t vocabulary = 32000;
  int64_t supervised = 1200;
  int64_t images = 8;
  int64_t pixels = 768;
  std::vector<int64_t> channels = {192, 384, 768, 1536, 3072};
  int64_t numbers = 256 << 20;  ///< of long vectors
};

Sizes tiny_sizes() { return {96, 24, 64, 160, 4, 320, 24, 1, 64, {16, 32, 48, 64, 96}, 1 << 16}; }

class Kernels {
 public:
  Kernels(const torch::Device& device, bool tiny, std::vector<std::string> only)
      : device_(device),
        only_(std::move(only)),
        sizes_(tiny ? tiny_sizes() : Sizes()),
        least_seconds_(tiny ? 0 : 0.05) {}

  void run() {
    const std::vector<std::pair<const char*, std::function<void()>>> groups = {
        {"copy", [this] { copies(); }},
        {"matmul", [this] { products(); }},
        {"weight_gradient", [this] { weight_gradients(); }},
        {"depthwise", [this] { depthwise(); }},
        {"pointwise", [this] { pointwise(); }},
        {"rms_norm", [this] { rms_norms(); }},
        {"rope", [this] { rope(); }},
        {"swiglu", [this] { swiglu(); }},
        {"attention", [this] { attention(); }},
        {"head", [this] { head(); }},
        {"embedding", [this] { embedding(); }},
        {"pixels", [this] { pixels(); }},
        {"adamw", [this] { adamw(); }}};
    for (const auto& [name, measure] : groups) {
      if (only_.empty() || std::find(only_.begin(), only_.end(), name) != only_.end()) measure();
    }
  }

 private:
  Tensor random(at::IntArrayRef shape, torch::ScalarType type = torch::kBFloat16) const {
    return torch::randn(shape, torch::TensorOptions(device_).dtype(type));
  }

  /// `bytes`: each input read once and each output written once.
  void time(const std::string& name, double bytes, double flops, const std::function<void()>& body) const {
    const auto seconds = benchmark::device_seconds(device_, 5, least_seconds_, body);
    const double median = seconds[seconds.size() / 2];
    benchmark::print_result(name, median, {{"TB/s", bytes / median / 1e12}, {"TFLOP/s", flops / median / 1e12}});
  }

  /// Forward alone, then forward and backward, of a function of tensors that want gradients.
  void time_both(const std::string& name, double forward_bytes, double both_bytes, std::vector<Tensor> inputs,
                 const std::function<Tensor(const std::vector<Tensor>&)>& function) const {
    {
      const torch::NoGradGuard no_grad;
      time(name + " forward", forward_bytes, 0, [&] { function(inputs); });
    }
    for (auto& input : inputs) input.requires_grad_(true);
    const auto upstream = torch::ones_like(function(inputs));
    time(name + " forward+backward", both_bytes, 0,
         [&] { torch::autograd::grad({function(inputs)}, inputs, {upstream}); });
  }

  void copies() const {
    const auto from = random({sizes_.numbers}, torch::kFloat);
    auto to = torch::empty_like(from);
    time("copy fp32", 8.0 * sizes_.numbers, 0, [&] { to.copy_(from); });
    auto narrow = torch::empty_like(from, torch::kBFloat16);
    time("copy fp32 to bf16", 6.0 * sizes_.numbers, 0, [&] { narrow.copy_(from); });
  }

  void product(const char* what, int64_t m, int64_t n, int64_t k, torch::ScalarType type = torch::kBFloat16) const {
    const auto a = random({m, k}, type);
    const auto b = random({n, k}, type);
    const double bytes = (m * k + n * k + m * n) * static_cast<double>(a.element_size());
    time(fmt::format("matmul {} {} {}x{}x{}", what, c10::toString(type), m, n, k), bytes, 2.0 * m * n * k,
         [&] { at::matmul(a, b.t()); });
  }

  void products() const {
    const auto& s = sizes_;
    product("square", 2 * s.width, 2 * s.width, 2 * s.width);
    for (const int64_t rows : {s.rows / 2, s.rows}) {
      product("q_proj", rows, s.width, s.width);
      product("gate_proj", rows, s.inner, s.width);
      product("down_proj", rows, s.width, s.inner);
    }
    product("lm_head", s.supervised, s.vocabulary, s.width);
    product("fp32", s.rows / 2, s.width, s.width, torch::kFloat);
    for (size_t stage = 0; stage < s.channels.size(); ++stage) {
      product("pwconv1", positions(stage), 4 * s.channels[stage], s.channels[stage]);
      product("pwconv2", positions(stage), s.channels[stage], 4 * s.channels[stage]);
    }
  }

  int64_t side(size_t stage) const { return std::max<int64_t>(1, sizes_.pixels / (4 << stage)); }
  int64_t positions(size_t stage) const { return sizes_.images * side(stage) * side(stage); }

  /// gradient += x^T g in fp32: as the engine does it, and by one product that adds.
  void weight_gradients() const {
    const auto& s = sizes_;
    const auto g = random({s.rows, s.inner});
    const auto x = random({s.rows, s.width});
    auto sum = torch::zeros({s.inner, s.width}, torch::TensorOptions(device_).dtype(torch::kFloat));
    const double flops = 2.0 * s.rows * s.inner * s.width;
    const double bytes = 2.0 * (g.numel() + x.numel()) + 8.0 * sum.numel();
    time("weight_gradient product, copy to fp32, add", bytes, flops,
         [&] { sum.add_(at::matmul(g.t(), x).to(torch::kFloat)); });
    time("weight_gradient product, mixed add", bytes, flops, [&] { sum.add_(at::matmul(g.t(), x)); });
    if (device_.is_cpu()) return;  // LibTorch has the product into another type for CUDA only
    time("weight_gradient product into fp32", bytes, flops,
         [&] { at::addmm_out(sum, sum, g.t(), x, torch::kFloat, 1, 1); });
  }

  void depthwise_stage(size_t stage, const char* how, torch::ScalarType type) const {
    const int64_t channels = sizes_.channels[stage];
    const auto options = torch::TensorOptions(device_).dtype(type);
    const auto last = torch::MemoryFormat::ChannelsLast;
    const auto x = torch::randn({sizes_.images, channels, side(stage), side(stage)}, options).contiguous(last);
    const auto g = torch::randn_like(x);
    const auto weight = torch::randn({channels, 1, 7, 7}, options).contiguous(last);
    const auto bias = torch::randn({channels}, options);
    const double bytes = 2.0 * x.numel() * x.element_size();
    const double flops = 2.0 * 49 * x.numel();
    const auto name = fmt::format("depthwise stage {} {} {}", stage + 1, c10::toString(type), how);
    time(name + " forward", bytes, flops, [&] { at::conv2d(x, weight, bias, 1, 3, 1, channels); });
    const auto backward = [&](std::array<bool, 3> mask) {
      at::convolution_backward(g, x, weight, at::OptionalIntArrayRef({channels}), {1, 1}, {3, 3}, {1, 1}, false, {0, 0},
                               channels, mask);
    };
    time(name + " input gradient", bytes, flops, [&] { backward({true, false, false}); });
    time(name + " weight gradient", bytes, flops, [&] { backward({false, true, true}); });
  }

  void depthwise() const {
    auto& context = at::globalContext();
    for (size_t stage = 0; stage < sizes_.channels.size(); ++stage) {
      depthwise_stage(stage, "cuDNN", torch::kBFloat16);
      context.setBenchmarkCuDNN(true);
      depthwise_stage(stage, "cuDNN benchmark", torch::kBFloat16);
      context.setBenchmarkCuDNN(false);
      context.setUserEnabledCuDNN(false);
      depthwise_stage(stage, "native", torch::kBFloat16);
      context.setUserEnabledCuDNN(true);
    }
    depthwise_stage(2, "cuDNN", torch::kFloat);
  }

  /// What a ConvNeXt block has beside products and the convolution, at stage 3.
  void pointwise() const {
    const int64_t channels = sizes_.channels[2];
    const auto x = random({positions(2), channels});
    const auto wide = random({positions(2), 4 * channels});
    const double bytes = 2.0 * x.numel();
    time_both("layer_norm", 2 * bytes, 5 * bytes, {x.clone(), random({channels}), random({channels})},
              [&](const auto& in) { return at::layer_norm(in[0], {channels}, in[1], in[2], 1e-6); });
    time_both("gelu", 8 * bytes, 20 * bytes, {wide.clone()}, [](const auto& in) { return at::gelu(in[0]); });
    time_both("layer_scale", 3 * bytes, 8 * bytes, {x.clone(), x.clone(), random({channels})},
              [](const auto& in) { return at::addcmul(in[0], in[1], in[2]); });
  }

  void rms_norms() const {
    const auto x = random({sizes_.rows, sizes_.width});
    const double bytes = 2.0 * x.numel();
    nn::RmsNorm norm(sizes_.width, 1e-5, x.options());
    {
      const torch::NoGradGuard no_grad;
      norm->weight.fill_(1);
    }
    // The module's own weight takes the place of the second input.
    time_both("rms_norm ours", 2 * bytes, 5 * bytes, {x.clone(), norm->weight},
              [&](const auto& in) { return norm(in[0]); });
    time_both("rms_norm LibTorch's", 2 * bytes, 5 * bytes, {x.clone(), random({sizes_.width})},
              [&](const auto& in) { return at::rms_norm(in[0], {sizes_.width}, in[1], 1e-5); });
  }

  void rope() const {
    const int64_t head_dim = sizes_.width / sizes_.heads;
    const auto positions = torch::arange(sizes_.rows, torch::TensorOptions(device_).dtype(torch::kLong));
    const auto [cos, sin] = nn::rope_tables(positions, head_dim, 10000);
    const auto x = random({sizes_.rows, sizes_.heads, head_dim});
    time_both("rope ours", 4.0 * x.numel(), 8.0 * x.numel(), {x},
              [&, cos = cos, sin = sin](const auto& in) { return nn::apply_rope(in[0], cos, sin); });
  }

  void swiglu() const {
    const auto gate = random({sizes_.rows, sizes_.inner});
    time_both("swiglu", 6.0 * gate.numel(), 16.0 * gate.numel(), {gate, gate.clone()},
              [](const auto& in) { return at::silu(in[0]) * in[1]; });
    time_both("residual add", 6.0 * gate.numel(), 8.0 * gate.numel(), {gate.detach().clone(), gate.detach().clone()},
              [](const auto& in) { return in[0] + in[1]; });
  }

  void attention() const {
    std::vector<int64_t> boundaries;
    for (int64_t at = 0; at <= sizes_.rows; at += sizes_.length) boundaries.push_back(at);
    const auto layout = nn::SequenceLayout::make(boundaries, device_);
    const auto x = random({sizes_.rows, sizes_.heads, sizes_.width / sizes_.heads});
    time_both(fmt::format("attention, sequences of {}", sizes_.length), 8.0 * x.numel(), 24.0 * x.numel(),
              {x.clone(), x.clone(), x.clone()},
              [&](const auto& in) { return nn::causal_attention(in[0], in[1], in[2], layout); });
  }

  void head() const {
    const auto states = random({sizes_.supervised, sizes_.width}).requires_grad_(true);
    const auto weight = random({sizes_.vocabulary, sizes_.width}).requires_grad_(true);
    const auto targets =
        torch::randint(0, sizes_.vocabulary, {sizes_.supervised}, torch::TensorOptions(device_).dtype(torch::kLong));
    const double logits = static_cast<double>(sizes_.supervised) * sizes_.vocabulary;
    time("head forward+backward", 2.0 * weight.numel() + 4 * logits, 6 * logits * sizes_.width, [&] {
      const auto loss = nn::head_cross_entropy(states, weight, targets, 1.0 / sizes_.supervised);
      torch::autograd::grad({loss}, {states, weight});
    });
  }

  void embedding() const {
    const auto weight = random({sizes_.vocabulary, sizes_.width});
    const auto ids =
        torch::randint(0, sizes_.vocabulary, {sizes_.rows}, torch::TensorOptions(device_).dtype(torch::kLong));
    const double bytes = 4.0 * sizes_.rows * sizes_.width;
    time_both("embedding", bytes, 2 * bytes, {weight}, [&](const auto& in) { return at::embedding(in[0], ids); });
  }

  void pixels() const {
    const auto bytes = torch::randint(0, 256, {sizes_.images, sizes_.pixels, sizes_.pixels, 3},
                                      torch::TensorOptions(device_).dtype(torch::kByte));
    time("normalize pixels", 3.0 * bytes.numel(), 0,
         [&] { model::normalize_pixels(bytes, image::kClipPixels, torch::kBFloat16); });
  }

  /// fp32 master weights, both moments, the gradient, and the bf16 copy.
  void adamw() const {
    const auto vector = [&] { return random({sizes_.numbers}, torch::kFloat); };
    auto master = vector();
    auto gradient = vector();
    auto first = vector();
    auto second = vector().square_();
    auto narrow = torch::empty_like(master, torch::kBFloat16);
    auto step = torch::ones({}, torch::TensorOptions(device_).dtype(torch::kFloat));
    const auto divisor = torch::ones_like(step);
    const auto skip = torch::zeros_like(step);
    const auto update = [&](const std::optional<Tensor>& scale) {
      at::_fused_adamw_({master}, {gradient}, {first}, {second}, {}, {step}, 1e-5, 0.9, 0.999, 0.0, 1e-8, false, false,
                        scale, skip);
    };
    time("adamw", 28.0 * sizes_.numbers, 0, [&] { update(std::nullopt); });
    time("adamw with clipping", 32.0 * sizes_.numbers, 0, [&] { update(divisor); });
    time("adamw master to bf16", 6.0 * sizes_.numbers, 0, [&] { narrow.copy_(master); });
    time("gradient norm", 4.0 * sizes_.numbers, 0, [&] { gradient.norm(); });
    time("gradient zero", 4.0 * sizes_.numbers, 0, [&] { gradient.zero_(); });
  }

  torch::Device device_;
  std::vector<std::string> only_;
  Sizes sizes_;
  double least_seconds_;
};

}  // namespace

int main(int argc, char** argv) {
  core::tune_allocator();
  CLI::App app("Times the operations of a training step on a GPU.");
  std::string device = "cuda";
  bool tiny = false;
  std::vector<std::string> only;
  app.add_option("--device", device, "cuda or cpu")->check(CLI::IsMember({"cuda", "cpu"}));
  app.add_flag("--tiny", tiny, "Small shapes, for a try on a CPU");
  app.add_option("--only", only, "A group of operations: copy, matmul, depthwise, ...");
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;
  return core::run_main("benchmark_gpu_kernels", [&] {
    hardware::set_gpu_arithmetic();
    Kernels(torch::Device(device), tiny, only).run();
    return 0;
  });
}
