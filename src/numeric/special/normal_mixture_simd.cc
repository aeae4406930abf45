#include "numeric/special/normal_mixture.h"
#include "numeric/special/vec_math.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

constexpr int64_t kChunk = 512;  // centres at a time: their terms of eight lanes fit the L1 cache
constexpr int kGroup = 4;        // centres side by side in registers

/// terms[c] = -|a - b_c|^2 / 2 of N centres.
template <int N>
VINCI_INLINE void exponents(int64_t dim, const double* tile, const double* centres, double* terms) {
  Vec sum[N];
  for (int c = 0; c < N; ++c) sum[c] = Vec(0.0);
  for (int64_t d = 0; d < dim; ++d) {
    const Vec a = load_unaligned(tile + d * kVecSize);
    for (int c = 0; c < N; ++c) {
      const Vec t = a - Vec(centres[c * dim + d]);
      sum[c] = fma(t, t, sum[c]);
    }
  }
  for (int c = 0; c < N; ++c) store_unaligned(terms + c * kVecSize, sum[c] * -0.5);
}

/// pulled += sum_c terms[c] b_c of N centres.
template <int N>
VINCI_INLINE void accumulate(int64_t dim, const double* centres, const double* terms,
                             double* pulled) {
  Vec r[N];
  for (int c = 0; c < N; ++c) r[c] = load_unaligned(terms + c * kVecSize);
  for (int64_t d = 0; d < dim; ++d) {
    Vec s = load_unaligned(pulled + d * kVecSize);
    for (int c = 0; c < N; ++c) s = fma(r[c], Vec(centres[c * dim + d]), s);
    store_unaligned(pulled + d * kVecSize, s);
  }
}

VINCI_INLINE void chunk_exponents(int64_t dim, int64_t count, const double* tile,
                                  const double* centres, double* terms) {
  int64_t k = 0;
  for (; k + kGroup <= count; k += kGroup)
    exponents<kGroup>(dim, tile, centres + k * dim, terms + k * kVecSize);
  for (; k < count; ++k) exponents<1>(dim, tile, centres + k * dim, terms + k * kVecSize);
}

}  // namespace

void normal_mixture(const NormalMixture& job) {
  const int64_t dim = job.dim;
  double* terms = job.scratch;               // [kChunk][8]
  double* tile = terms + kChunk * kVecSize;  // [dim][8]: the points
  double* own = tile + dim * kVecSize;       // [dim][8]
  double* pulled = own + dim * kVecSize;     // [dim][8]: sum_k e_k b_k, scaled like `sum`
  for (int64_t first = 0; first < job.lanes; first += kVecSize) {
    const int64_t width = job.lanes - first < kVecSize ? job.lanes - first : kVecSize;
    // Lanes beyond the last repeat it, so that nothing unusual happens in them.
    for (int64_t d = 0; d < dim; ++d) {
      for (int64_t l = 0; l < kVecSize; ++l) {
        const int64_t lane = first + (l < width ? l : width - 1);
        tile[d * kVecSize + l] = job.points[d * job.point_stride + lane];
        own[d * kVecSize + l] = job.own ? job.own[d * job.own_stride + lane] : 0;
      }
    }
    // Not -inf: differences of maxima must not become NaN.
    Vec top = Vec(-1e300);
    Vec sum = Vec(0.0);
    Vec own_term = Vec(0.0);
    if (job.own) {
      Vec square = Vec(0.0);
      for (int64_t d = 0; d < dim; ++d) {
        const Vec t = load_unaligned(tile + d * kVecSize) - load_unaligned(own + d * kVecSize);
        square = fma(t, t, square);
      }
      top = max(square * -0.5, top);
      sum = exp(square * -0.5 - top);
      own_term = sum;
    }
    if (job.pull) {
      for (int64_t d = 0; d < dim; ++d)
        store_unaligned(pulled + d * kVecSize, own_term * load_unaligned(own + d * kVecSize));
    }
    for (int64_t begin = 0; begin < job.count; begin += kChunk) {
      const int64_t count = job.count - begin < kChunk ? job.count - begin : kChunk;
      const double* centres = job.centres + begin * dim;
      chunk_exponents(dim, count, tile, centres, terms);
      Vec highest = top;
      for (int64_t k = 0; k < count; ++k)
        highest = max(load_unaligned(terms + k * kVecSize), highest);
      if (any(highest > top)) {
        const Vec shrink = exp(top - highest);
        sum *= shrink;
        own_term *= shrink;
        if (job.pull) {
          for (int64_t d = 0; d < dim; ++d)
            store_unaligned(pulled + d * kVecSize, shrink * load_unaligned(pulled + d * kVecSize));
        }
        top = highest;
      }
      for (int64_t k = 0; k < count; ++k) {
        const Vec e = exp(load_unaligned(terms + k * kVecSize) - top);
        sum += e;
        store_unaligned(terms + k * kVecSize, e);
      }
      if (!job.pull) continue;
      int64_t k = 0;
      for (; k + kGroup <= count; k += kGroup)
        accumulate<kGroup>(dim, centres + k * dim, terms + k * kVecSize, pulled);
      for (; k < count; ++k) accumulate<1>(dim, centres + k * dim, terms + k * kVecSize, pulled);
    }
    const Vec log_sum = log(sum) + top;
    for (int l = 0; l < width; ++l) job.log_sum[first + l] = log_sum[l];
    if (!job.pull) continue;
    for (int64_t d = 0; d < dim; ++d) {
      const Vec p =
          load_unaligned(pulled + d * kVecSize) / sum - load_unaligned(tile + d * kVecSize);
      for (int l = 0; l < width; ++l) job.pull[d * job.pull_stride + first + l] = p[l];
    }
    if (job.own_share) {
      const Vec share = own_term / sum;
      for (int l = 0; l < width; ++l) job.own_share[first + l] = share[l];
    }
    if (!job.centre_pull) continue;
    Vec weight = Vec(0.0);
    for (int l = 0; l < width; ++l) weight.set(l, job.weight[first + l]);
    for (int64_t begin = 0; begin < job.count; begin += kChunk) {
      const int64_t count = job.count - begin < kChunk ? job.count - begin : kChunk;
      const double* centres = job.centres + begin * dim;
      chunk_exponents(dim, count, tile, centres, terms);
      for (int64_t k = 0; k < count; ++k) {
        const Vec r = weight * exp(load_unaligned(terms + k * kVecSize) - log_sum);
        for (int64_t d = 0; d < dim; ++d) {
          const Vec away = load_unaligned(tile + d * kVecSize) - Vec(centres[k * dim + d]);
          job.centre_pull[(begin + k) * dim + d] += VINCI_TARGET::sum(r * away);
        }
      }
    }
  }
}

}  // namespace vinci::numeric::VINCI_TARGET
