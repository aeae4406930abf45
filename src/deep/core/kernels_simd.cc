#include "deep/core/kernels.h"
#include "numeric/special/float_math.h"

namespace vinci::deep::VINCI_TARGET {

using namespace numeric::VINCI_TARGET;

namespace {

constexpr int kWidth = 16;
constexpr int kBlock = 4 * kWidth;

/// Sixty-four words: the four outputs of Philox4x32-10 on sixteen counters, outputs of one kind
/// together.
VINCI_INLINE void philox_block(const FloatNoiseKey& key, uint32_t block, uint32_t* words) {
  uint32_t c0[kWidth], c1[kWidth], c2[kWidth], c3[kWidth];
  for (int i = 0; i < kWidth; ++i) {
    c0[i] = block * kWidth + static_cast<uint32_t>(i);
    c1[i] = key.counter[0];
    c2[i] = key.counter[1];
    c3[i] = key.counter[2];
  }
  uint32_t k0 = key.key[0], k1 = key.key[1];
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kWidth; ++i) {
      const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0[i];
      const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2[i];
      const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
      const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = static_cast<uint32_t>(p1);
      c3[i] = static_cast<uint32_t>(p0);
      c0[i] = n0;
      c2[i] = n2;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < kWidth; ++i) {
    words[i] = c0[i];
    words[kWidth + i] = c1[i];
    words[2 * kWidth + i] = c2[i];
    words[3 * kWidth + i] = c3[i];
  }
}

/// (k + 1/2) 2^-23, k the upper 23 bits.
VINCI_INLINE void uniform_block(const FloatNoiseKey& key, uint32_t block, float* u) {
  uint32_t words[kBlock];
  philox_block(key, block, words);
  for (int i = 0; i < kBlock; ++i)
    u[i] = static_cast<float>(static_cast<int32_t>(words[i] >> 9)) * 0x1p-23f + 0x1p-24f;
}

/// sqrt(2) erfinv(x), x in (-1, 1).
VINCI_INLINE FloatVec normal_from(FloatVec x) {
  FloatVec w = -log((FloatVec(1.0f) - x) * (FloatVec(1.0f) + x));
  const FloatMask central = w < FloatVec(5.0f);
  const FloatVec a = w - FloatVec(2.5f);
  FloatVec root;
  for (int i = 0; i < kFloatVecSize; ++i) root.set(i, __builtin_sqrtf(max(w, FloatVec(0.0f))[i]));
  const FloatVec b = root - FloatVec(3.0f);
  const float c[9] = {2.81022636e-08f,  3.43273939e-07f, -3.5233877e-06f,
                      -4.39150654e-06f, 0.00021858087f,  -0.00125372503f,
                      -0.00417768164f,  0.246640727f,    1.50140941f};
  const float t[9] = {-0.000200214257f, 0.000100950558f, 0.00134934322f,
                      -0.00367342844f,  0.00573950773f,  -0.0076224613f,
                      0.00943887047f,   1.00167406f,     2.83297682f};
  FloatVec p(c[0]), q(t[0]);
  for (int i = 1; i < 9; ++i) {
    p = fma(p, a, FloatVec(c[i]));
    q = fma(q, b, FloatVec(t[i]));
  }
  return FloatVec(1.41421356f) * x * select(central, p, q);
}

/// Calls f(block, start, count) for pieces of at most kBlock numbers.
template <typename F>
VINCI_INLINE void for_blocks(int64_t n, F f) {
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t left = n - start;
    f(static_cast<uint32_t>(start / kBlock), start,
      left < kBlock ? static_cast<int>(left) : kBlock);
  }
}

VINCI_INLINE FloatVec load_first(const float* p, int count) {
  if (count >= kFloatVecSize) return load_unaligned(p);
  FloatVec r(0.0f);
  for (int i = 0; i < count; ++i) r.set(i, p[i]);
  return r;
}
VINCI_INLINE void store_first(float* p, FloatVec x, int count) {
  if (count >= kFloatVecSize)
    store_unaligned(p, x);
  else
    for (int i = 0; i < count; ++i) p[i] = x[i];
}

}  // namespace

void float_uniform(const FloatNoiseKey& key, float* out, int64_t n) {
  for_blocks(n, [&](uint32_t block, int64_t start, int count) {
    float u[kBlock];
    uniform_block(key, block, u);
    for (int i = 0; i < count; ++i) out[start + i] = u[i];
  });
}

void float_normal(const FloatNoiseKey& key, float* out, int64_t n) {
  for_blocks(n, [&](uint32_t block, int64_t start, int count) {
    float u[kBlock];
    uniform_block(key, block, u);
    for (int i = 0; i < count; i += kFloatVecSize) {
      const FloatVec x = FloatVec(2.0f) * load_unaligned(u + i) - FloatVec(1.0f);
      store_first(out + start + i, normal_from(x), count - i);
    }
  });
}

void float_binarise(const FloatNoiseKey& key, const uint8_t* bytes, float* out, int64_t n) {
  for_blocks(n, [&](uint32_t block, int64_t start, int count) {
    float u[kBlock];
    uniform_block(key, block, u);
    for (int i = 0; i < count; ++i)
      out[start + i] = u[i] * 255.0f < static_cast<float>(bytes[start + i]) ? 1.0f : 0.0f;
  });
}

void bernoulli_rows(const float* logits, const float* x, float* value, float* residual,
                    int64_t rows, int64_t x_rows, int64_t dim) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* l = logits + r * dim;
    const float* y = x + (r % x_rows) * dim;
    float* g = residual + r * dim;
    FloatVec sum(0.0f);
    for (int64_t d = 0; d < dim; d += kFloatVecSize) {
      const int count = dim - d < kFloatVecSize ? static_cast<int>(dim - d) : kFloatVecSize;
      const FloatVec a = load_first(l + d, count);
      const FloatVec b = load_first(y + d, count);
      const FloatVec e = exp(-abs(a));
      const FloatVec inverse = FloatVec(1.0f) / (FloatVec(1.0f) + e);
      // log(1 + e^a) = max(a, 0) + log(1 + e^-|a|).
      FloatVec term = a * b - max(a, FloatVec(0.0f)) - log(FloatVec(1.0f) + e);
      if (count < kFloatVecSize) term = first(term, count);
      sum = sum + term;
      store_first(g + d, b - select(a < FloatVec(0.0f), e * inverse, inverse), count);
    }
    float total = 0;
    for (int i = 0; i < kFloatVecSize; ++i) total += sum[i];
    value[r] = total;
  }
}

void adam(float* p, const float* g, float* m, float* v, int64_t n, const AdamStep& step) {
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = step.scale * g[i] + step.decay * p[i];
    const float first = step.beta1 * m[i] + (1.0f - step.beta1) * gradient;
    const float second = step.beta2 * v[i] + (1.0f - step.beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] -= step.step_size * first / (__builtin_sqrtf(second) + step.epsilon);
  }
}

}  // namespace vinci::deep::VINCI_TARGET
