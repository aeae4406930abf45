// Vector kernels of plates of discrete variables; no standard library (see numeric/simd/vec.h).
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

/// Rows of a tile, at most; a multiple of the vector's size.
constexpr int64_t kRowTile = 128;

/// One document of an admixture: see document_step.
struct DocumentStep {
  int64_t words = 0, topics = 0;  // topics padded to a multiple of 8, padding zero in `table`
  const double* table = nullptr;  // [V][topics]: exp(eta_wk - top_w)
  const int32_t* word = nullptr;  // [words]
  const double* count = nullptr;  // [words]
  const double* share = nullptr;  // [topics]: exp(E[log theta_k] - top)
  double* gained = nullptr;       // [topics]: share_k sum_w count_w table_wk / norm_w
  double* norm = nullptr;         // [words]: sum_k share_k table_wk
  double* statistics = nullptr;   // [V][topics], see document_statistics
};

VINCI_SIMD_DECLARE(
    /// out[s][l] = left[s][l] right[s][l], l < kRowTile; a null pointer stands for ones. Rows from
    /// `count` on are zero.
    void row_features(int64_t features, const double* const* left, const double* const* right,
                      int64_t count, double* out);

    /// scores [states][kRowTile] become responsibilities, zero from row `count` on; log_sum[l] =
    /// log sum_k exp(score_kl).
    void normalise_rows(int64_t states, int64_t count, double* scores, double* log_sum);

    /// Writes `gained` and `norm`.
    void document_step(const DocumentStep& job);
    /// statistics_wk += count_w share_k table_wk / norm_w.
    void document_statistics(const DocumentStep& job);

    /// concentration -> exp(digamma(c_k) - top), k < n; returns top = max digamma(c_k).
    double exp_digamma(const double* concentration, int64_t n, double* out);)

}  // namespace vinci::numeric
