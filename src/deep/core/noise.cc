#include "deep/core/noise.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "base/check.h"
#include "deep/core/kernels.h"

namespace vinci::deep {
namespace {

/// Numbers of one task; a multiple of the generator's block.
constexpr int64_t kPiece = int64_t{1} << 16;

/// The key of a call's first piece.
FloatNoiseKey key_of(uint64_t seed, NoiseStream stream, uint64_t step, uint32_t call) {
  FloatNoiseKey key;
  key.key[0] = static_cast<uint32_t>(seed) ^ static_cast<uint32_t>(stream) * 0x9E3779B9u;
  key.key[1] = static_cast<uint32_t>(seed >> 32) ^ static_cast<uint32_t>(stream);
  key.counter[0] = static_cast<uint32_t>(step);
  // 2^16 calls a step, 2^16 upper bits of the step.
  key.counter[1] = static_cast<uint32_t>(step >> 32) << 16 | (call & 0xffffu);
  key.counter[2] = 0;
  return key;
}

/// A float tensor on the CPU that fill(key, offset, count, values) writes piece by piece, in
/// parallel.
template <typename Fill>
Tensor filled(at::IntArrayRef sizes, const FloatNoiseKey& key, const Fill& fill) {
  Tensor out = at::empty(sizes, at::kFloat);
  float* values = out.data_ptr<float>();
  const int64_t n = out.numel();
  at::parallel_for(0, (n + kPiece - 1) / kPiece, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      FloatNoiseKey own = key;
      own.counter[2] = static_cast<uint32_t>(piece);
      const int64_t offset = piece * kPiece;
      fill(own, offset, std::min(kPiece, n - offset), values + offset);
    }
  });
  return out;
}

// On a GPU the same numbers as on the CPU would cost a transfer: there the library's own generator
// is seeded with what the numbers are keyed by.
at::Generator generator_for(at::Device device, const FloatNoiseKey& key) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  const uint64_t low = static_cast<uint64_t>(key.counter[1]) << 32 | key.counter[0];
  const uint64_t high = static_cast<uint64_t>(key.key[1]) << 32 | key.key[0];
  generator.set_current_seed(low * 0x9E3779B97F4A7C15u ^ high);
  return generator;
}

}  // namespace

Noise::Noise(uint64_t seed, NoiseStream stream, uint64_t step, at::Device device)
    : seed_(seed), stream_(stream), step_(step), device_(device) {}

Tensor Noise::uniform(at::IntArrayRef sizes) {
  const FloatNoiseKey key = key_of(seed_, stream_, step_, call_++);
  if (device_.is_cpu()) {
    const auto fill = VINCI_SIMD_SELECT(float_uniform);
    return filled(sizes, key, [&](const FloatNoiseKey& own, int64_t, int64_t count, float* values) {
      fill(own, values, count);
    });
  }
  Tensor out = at::empty(sizes, at::TensorOptions(at::kFloat).device(device_));
  // [0, 1) to (0, 1).
  out.uniform_(0, 1, generator_for(device_, key));
  return out.clamp_(0x1p-24, 1 - 0x1p-24);
}

Tensor Noise::normal(at::IntArrayRef sizes) {
  const FloatNoiseKey key = key_of(seed_, stream_, step_, call_++);
  if (device_.is_cpu()) {
    const auto fill = VINCI_SIMD_SELECT(float_normal);
    return filled(sizes, key, [&](const FloatNoiseKey& own, int64_t, int64_t count, float* values) {
      fill(own, values, count);
    });
  }
  Tensor out = at::empty(sizes, at::TensorOptions(at::kFloat).device(device_));
  return out.normal_(0, 1, generator_for(device_, key));
}

Tensor Noise::logistic(at::IntArrayRef sizes) {
  const Tensor u = uniform(sizes);
  return u.log() - (-u).log1p();
}

Tensor Noise::gumbel(at::IntArrayRef sizes) { return uniform(sizes).log_().neg_().log_().neg_(); }

Tensor Noise::bernoulli(const Tensor& probabilities) {
  return uniform(probabilities.sizes()).lt(probabilities).to(at::kFloat);
}

Tensor Noise::binarise(const Tensor& bytes) {
  VINCI_CHECK(bytes.scalar_type() == at::kByte && bytes.is_contiguous() && bytes.device().is_cpu());
  if (!device_.is_cpu()) {
    const Tensor levels = bytes.to(device_).to(at::kFloat);
    return uniform(bytes.sizes()).mul_(255).lt(levels).to(at::kFloat);
  }
  const uint8_t* in = bytes.data_ptr<uint8_t>();
  const auto fill = VINCI_SIMD_SELECT(float_binarise);
  return filled(bytes.sizes(), key_of(seed_, stream_, step_, call_++),
                [&](const FloatNoiseKey& own, int64_t offset, int64_t count, float* values) {
                  fill(own, in + offset, values, count);
                });
}

}  // namespace vinci::deep
