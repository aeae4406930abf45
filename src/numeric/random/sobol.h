// Quasi-random numbers: Sobol points with Owen's scrambling, so that averages over them are
// unbiased and, for smooth integrands, much less noisy than over independent numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/random/philox.h"

namespace vinci::numeric {

/// Rows that are Sobol coordinates; those after them are independent numbers.
inline constexpr std::ptrdiff_t kMaxSobolRows = 1111;

/// Coordinate `row` of point `index`, in Gray code order, as a fraction of 2^32, before scrambling.
/// row < kMaxSobolRows. Every 2^b points that start at a multiple of 2^b fall into different
/// intervals [i, i + 1) 2^-b of each coordinate. Rows below 161 have the direction numbers of Joe
/// and Kuo (2008, doi 10.1137/070709359, table new-joe-kuo-6), the rest have arbitrary ones.
/// [Sobol 1967; Antonov and Saleev 1979]
uint32_t sobol_integer(std::ptrdiff_t row, uint32_t index);

/// out[r * stride + l] = coordinate r of point l, l < lanes, uniform on (0, 1): the digits above
/// the 2^-b of the first 2^b >= lanes points are permuted at random, each depending on those before
/// it, those below are random. Every (key, step) has a scrambling of its own. The batch is the
/// unit: a number depends on (key, step, lanes, l, r). O(log lanes) a number.
/// [Owen 1995, doi 10.1007/978-1-4612-2552-2_19]
void fill_sobol_uniform(RandomKey key, uint32_t step, std::ptrdiff_t rows, std::ptrdiff_t lanes,
                        double* out, std::ptrdiff_t stride);

/// As `fill_sobol_uniform`, standard normal: normal_quantile of the same uniforms.
void fill_sobol_normal(RandomKey key, uint32_t step, std::ptrdiff_t rows, std::ptrdiff_t lanes,
                       double* out, std::ptrdiff_t stride);

}  // namespace vinci::numeric
