// Random tensors as a pure function of (seed, stream, step, call): a run that stops and is resumed
// at a step sees the numbers that it would have seen.
#pragma once

#include "deep/core/tensor.h"

namespace vinci::deep {

/// What random numbers are for; streams are unrelated.
enum class NoiseStream : uint32_t {
  kInitial = 0x7000,  ///< weights
  kTraining,          ///< latent variables and binarised pixels of a training step
  kValidation,
  kEvaluation,
  kSampling,
  kData,  ///< binarisation once for all
};

class Noise {
 public:
  Noise(uint64_t seed, NoiseStream stream, uint64_t step, at::Device device = at::kCPU);

  /// float32 on the device of the source: uniform on (0, 1), never 0 or 1.
  Tensor uniform(at::IntArrayRef sizes);
  /// Standard normal.
  Tensor normal(at::IntArrayRef sizes);
  /// Standard logistic: log u - log(1 - u).
  Tensor logistic(at::IntArrayRef sizes);
  /// -log(-log u).
  Tensor gumbel(at::IntArrayRef sizes);
  /// 0 or 1 as float32, 1 with the probabilities given.
  Tensor bernoulli(const Tensor& probabilities);
  /// 0 or 1 as float32, 1 with probability byte / 255. `bytes`: uint8 on the CPU, contiguous; the
  /// result is on the device.
  Tensor binarise(const Tensor& bytes);

  at::Device device() const { return device_; }

 private:
  uint64_t seed_;
  NoiseStream stream_;
  uint64_t step_;
  uint32_t call_ = 0;
  at::Device device_;
};

}  // namespace vinci::deep
