// An image through the vision tower of a checkpoint:
//
//     example_encode_image runs/demo/stage3 image.jpg

#include <cstdio>
#include <exception>

#include "convllava/core/error.h"
#include "convllava/infer/pretrained.h"
#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"

using namespace convllava;

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CHECKPOINT_OR_RUN IMAGE\n", argv[0]);
    return 2;
  }
  const torch::NoGradGuard no_grad;
  auto [tower, options] = infer::load_pretrained_tower(argv[1], torch::kCPU);
  const auto pixels = infer::to_pixels(image::load_image(argv[2]), options);  // [1, 3, H, W]
  const auto features = tower->forward(pixels);                               // [1, N, C], row by row
  std::printf("%ldx%ld pixels -> %ld tokens of %ld numbers, root mean square %.4f\n", pixels.size(2), pixels.size(3),
              features.size(1), features.size(2), features.square().mean().sqrt().item<double>());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return exit_code(error);
}
