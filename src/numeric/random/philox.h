// Counter-based random numbers: a number is a pure function of (seed, stream, step, lane, row), so
// results do not depend on the number of threads, on tiling or on the order of evaluation.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vinci::numeric {

/// Philox4x32-10: a bijection of 128-bit counters, indexed by a 64-bit key; its outputs on distinct
/// counters pass as independent uniform words.  [Salmon, Moraes, Dror, Shaw 2011,
/// doi 10.1145/2063384.2063405, sec. 3.3]
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Names a family of random numbers. Two keys that differ in either member give unrelated numbers.
struct RandomKey {
  uint64_t seed = 0;
  uint32_t stream = 0;
};

/// Maps 64 random bits to (k + 1/2) 2^-52, k the upper 52 bits: never 0 or 1, exactly symmetric
/// about 1/2.
inline double uniform_from_bits(uint64_t bits) {
  // With the exponent of [1, 2) the fraction k is 1 + k 2^-52; both sums are exact, and vectorise
  // where a conversion of integers would not.
  return (std::bit_cast<double>(bits >> 12 | 0x3ff0000000000000u) - 1) + 0x1p-53;
}

/// Inverse of the standard normal distribution function, p in (0, 1): relative error about 1e-15.
/// p = 0, 1 give -inf, +inf; outside of [0, 1] and for NaN, NaN.
/// [Wichura 1988, algorithm AS 241 (PPND16), doi 10.2307/2347330]
double normal_quantile(double p);

/// out[r * stride + l] = random number r of lane (first_lane + l) at `step`, for r < rows, l <
/// lanes: uniform on (0, 1). A number depends on (key, step, absolute lane, r) only.
void fill_uniform(RandomKey key, uint32_t step, uint32_t first_lane, std::ptrdiff_t rows,
                  std::ptrdiff_t lanes, double* out, std::ptrdiff_t stride);

/// As `fill_uniform`, standard normal: normal_quantile of the same uniforms.
void fill_normal(RandomKey key, uint32_t step, uint32_t first_lane, std::ptrdiff_t rows,
                 std::ptrdiff_t lanes, double* out, std::ptrdiff_t stride);

}  // namespace vinci::numeric
