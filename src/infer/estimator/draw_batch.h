// The draws behind one estimate. For the .cc files of this folder.
#pragma once

#include "infer/dense.h"
#include "infer/estimator/estimator.h"

namespace vinci::infer {

/// Noise [noise_dim][n] of the kind asked for; the family's noise must be normal unless it is
/// independent.
Matrix draw_noise(const ParametricFamily& family, NoiseKind kind, Index n, numeric::RandomKey key,
                  uint32_t step);

/// n draws of q_lambda with what the estimators need of them.
struct DrawBatch {
  Matrix noise;     // empty where the family is not reparameterised
  Matrix points;    // [D][n]
  Matrix gradient;  // of log p at points, 0 where it is not finite; empty unless asked for
  Vector log_p;     // -inf where it is not finite
  Vector log_q;
  ParametricFamily::TapePtr tape;
  Index num_finite = 0;

  Index size() const { return points.cols(); }
  /// temperature log p - entropy_weight log q; the smallest finite one of the batch stands in for
  /// what is not finite (0 for all if none is).
  Vector log_ratios(const EstimatorOptions& options) const;
  /// Mean of the same over draws of finite density; -inf if there are none.
  double objective(const EstimatorOptions& options) const;
};

DrawBatch draw_batch(Objective& objective, const ParametricFamily& family,
                     std::span<const double> lambda, const EstimatorOptions& options,
                     bool with_gradient, numeric::RandomKey key, uint32_t step);

/// temperature grad log p - entropy_weight grad_z log q at the draws; where the density is not
/// finite, as if grad log p were 2 grad log q.
Matrix pathwise_adjoint(const DrawBatch& batch, const ParametricFamily& family,
                        std::span<const double> lambda, double temperature, double entropy_weight);

}  // namespace vinci::infer
