#include "conjugate/rows_kernels.h"
#include "numeric/special/vec_math.h"

namespace vinci::numeric::VINCI_TARGET {

void row_features(int64_t features, const double* const* left, const double* const* right,
                  int64_t count, double* out) {
  for (int64_t s = 0; s < features; ++s) {
    const double* a = left[s];
    const double* b = right[s];
    double* y = out + s * kRowTile;
    int64_t l = 0;
    for (; l + kVecSize <= count; l += kVecSize) {
      Vec x = Vec(1.0);
      if (a) x = load_unaligned(a + l);
      if (b) x = x * load_unaligned(b + l);
      store_unaligned(y + l, x);
    }
    for (; l < count; ++l) y[l] = (a ? a[l] : 1.0) * (b ? b[l] : 1.0);
    for (; l < kRowTile; ++l) y[l] = 0;
  }
}

void normalise_rows(int64_t states, int64_t count, double* scores, double* log_sum) {
  for (int64_t l = 0; l < count; l += kVecSize) {
    Vec top = Vec(-1e300);  // not -inf: differences must not become NaN
    for (int64_t k = 0; k < states; ++k) top = max(top, load_unaligned(scores + k * kRowTile + l));
    Vec sum = Vec(0.0);
    for (int64_t k = 0; k < states; ++k) {
      const Vec e = exp_nonpositive(load_unaligned(scores + k * kRowTile + l) - top);
      store_unaligned(scores + k * kRowTile + l, e);
      sum += e;
    }
    const Vec scale = Vec(1.0) / sum;
    for (int64_t k = 0; k < states; ++k) {
      store_unaligned(scores + k * kRowTile + l, load_unaligned(scores + k * kRowTile + l) * scale);
    }
    store_unaligned(log_sum + l, top + log(sum));
  }
  for (int64_t k = 0; k < states; ++k) {
    for (int64_t l = count; l < kRowTile; ++l) scores[k * kRowTile + l] = 0;
  }
  for (int64_t l = count; l < kRowTile; ++l) log_sum[l] = 0;
}

namespace {

VINCI_INLINE double sum_of(Vec x) {
  double s = 0;
  for (int k = 0; k < kVecSize; ++k) s += x[k];
  return s;
}

/// Topics in registers: kBlocks blocks of eight.
template <int kBlocks>
VINCI_INLINE void document_blocks(const DocumentStep& job) {
  Vec share[kBlocks], gained[kBlocks];
  for (int b = 0; b < kBlocks; ++b) {
    share[b] = load_unaligned(job.share + b * kVecSize);
    gained[b] = Vec(0.0);
  }
  for (int64_t i = 0; i < job.words; ++i) {
    const double* row = job.table + static_cast<int64_t>(job.word[i]) * job.topics;
    Vec norm = Vec(0.0);
    for (int b = 0; b < kBlocks; ++b)
      norm = fma(share[b], load_unaligned(row + b * kVecSize), norm);
    const double n = sum_of(norm);
    job.norm[i] = n;
    const Vec weight = Vec(job.count[i] / n);
    for (int b = 0; b < kBlocks; ++b) {
      gained[b] = fma(weight, load_unaligned(row + b * kVecSize), gained[b]);
    }
  }
  for (int b = 0; b < kBlocks; ++b)
    store_unaligned(job.gained + b * kVecSize, gained[b] * share[b]);
}

VINCI_INLINE void document_any(const DocumentStep& job) {
  for (int64_t k = 0; k < job.topics; k += kVecSize) store_unaligned(job.gained + k, Vec(0.0));
  for (int64_t i = 0; i < job.words; ++i) {
    const double* row = job.table + static_cast<int64_t>(job.word[i]) * job.topics;
    Vec norm = Vec(0.0);
    for (int64_t k = 0; k < job.topics; k += kVecSize)
      norm = fma(load_unaligned(job.share + k), load_unaligned(row + k), norm);
    const double n = sum_of(norm);
    job.norm[i] = n;
    const Vec weight = Vec(job.count[i] / n);
    for (int64_t k = 0; k < job.topics; k += kVecSize) {
      store_unaligned(job.gained + k,
                      fma(weight, load_unaligned(row + k), load_unaligned(job.gained + k)));
    }
  }
  for (int64_t k = 0; k < job.topics; k += kVecSize) {
    store_unaligned(job.gained + k, load_unaligned(job.gained + k) * load_unaligned(job.share + k));
  }
}

}  // namespace

void document_step(const DocumentStep& job) {
  switch (job.topics / kVecSize) {
    case 1:
      document_blocks<1>(job);
      break;
    case 2:
      document_blocks<2>(job);
      break;
    default:
      document_any(job);
  }
}

void document_statistics(const DocumentStep& job) {
  for (int64_t i = 0; i < job.words; ++i) {
    const double* row = job.table + static_cast<int64_t>(job.word[i]) * job.topics;
    double* out = job.statistics + static_cast<int64_t>(job.word[i]) * job.topics;
    const Vec weight = Vec(job.count[i] / job.norm[i]);
    for (int64_t k = 0; k < job.topics; k += kVecSize) {
      const Vec r = weight * load_unaligned(job.share + k) * load_unaligned(row + k);
      store_unaligned(out + k, load_unaligned(out + k) + r);
    }
  }
}

double exp_digamma(const double* concentration, int64_t n, double* out) {
  double top = -1e300;
  for (int64_t k = 0; k < n; k += kVecSize) {
    Vec c = Vec(1.0);
    for (int64_t i = k; i < n && i < k + kVecSize; ++i)
      c.set(static_cast<int>(i - k), concentration[i]);
    const Vec psi = digamma(c);
    for (int64_t i = k; i < n && i < k + kVecSize; ++i) {
      out[i] = psi[static_cast<int>(i - k)];
      if (out[i] > top) top = out[i];
    }
  }
  for (int64_t k = 0; k < n; k += kVecSize) {
    Vec x = Vec(0.0);
    for (int64_t i = k; i < n && i < k + kVecSize; ++i) x.set(static_cast<int>(i - k), out[i]);
    const Vec e = exp(x - Vec(top));
    for (int64_t i = k; i < n && i < k + kVecSize; ++i) out[i] = e[static_cast<int>(i - k)];
  }
  return top;
}

}  // namespace vinci::numeric::VINCI_TARGET
