// The draws behind one estimate of an estimator for discrete coordinates. For the .cc files of this
// folder.
#pragma once

#include <vector>

#include "infer/dense.h"
#include "infer/estimator/discrete/discrete_estimator.h"

namespace vinci::infer {

/// n draws of a mixed q_lambda with what the estimators need of them. A draw of zero density has
/// log_p = -inf and gradient 0.
struct MixedBatch {
  Matrix noise;     // of the continuous family
  Matrix points;    // [D + M][n]
  Matrix gradient;  // of log p, rows of the continuous coordinates; empty where D = 0
  Vector log_p;
  Matrix log_q_states;             // [M][n], each coordinate's own
  Vector log_q;                    // all of it
  std::vector<double> log_pi;      // of every state
  ParametricFamily::TapePtr tape;  // of the continuous family

  Index size() const { return points.cols(); }
  /// temperature log p - entropy_weight log q, the smallest finite one in place of what is not.
  Vector log_ratios(const EstimatorOptions& options) const;
  /// Its mean over draws of finite density; -inf if there are none.
  double objective(const EstimatorOptions& options) const;
};

/// What all of these estimators share.
class DiscreteEstimator : public GradientEstimator {
 public:
  using GradientEstimator::GradientEstimator;
  std::string obstacle(const ParametricFamily& family) const override;

 protected:
  /// Draws from uniform noise [M][n] for the states; the continuous noise of lane l is that of lane
  /// l / repeat. Evaluates the density.
  MixedBatch draw(Objective& objective, const MixedFamily& family, std::span<const double> lambda,
                  const Matrix& uniform, Index repeat, numeric::RandomKey key, uint32_t step) const;
  /// The uniforms that draw() takes by default.
  static Matrix uniforms(const MixedFamily& family, Index n, numeric::RandomKey key, uint32_t step);

  /// Writes the continuous parameters' part of the gradient: the mean over draws of `weight` times
  /// the pathwise gradient of temperature log p - entropy_weight log q without its score.
  void continuous_gradient(const MixedBatch& batch, const MixedFamily& family,
                           std::span<const double> lambda, const Vector& weight,
                           std::span<double> gradient) const;
};

/// `points` at the blankets: sums[m][lane] of discrete coordinate m only, [M][n]; evaluations are
/// counted by `objective`. Without blankets every row is log p. What is not finite is -inf.
Matrix blanket_sums(const DiscreteBlankets& blankets, Objective& objective,
                    const MixedFamily& family, const Matrix& points);

/// temperature times the sums of each coordinate's blanket less entropy_weight times its own log q,
/// [M][n]. What is not finite is the smallest finite one of its row, 0 where there is none.
Matrix blanket_log_ratios(const DiscreteBlankets& blankets, Objective& objective,
                          const MixedFamily& family, const MixedBatch& batch,
                          const EstimatorOptions& options);

}  // namespace vinci::infer
