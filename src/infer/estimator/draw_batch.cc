#include "infer/estimator/draw_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "numeric/random/sobol.h"

namespace vinci::infer {

Matrix draw_noise(const ParametricFamily& family, NoiseKind kind, Index n, numeric::RandomKey key,
                  uint32_t step) {
  Matrix noise(family.noise_dim(), n);
  if (kind == NoiseKind::kIndependent) {
    family.fill_noise(key, step, 0, mutable_lanes(noise));
    return noise;
  }
  VINCI_CHECK(family.has_normal_noise());
  if (kind == NoiseKind::kSobol) {
    numeric::fill_sobol_normal(key, step, noise.rows(), n, noise.data(), n);
    return noise;
  }
  const Index half = (n + 1) / 2;
  numeric::fill_normal(key, step, 0, noise.rows(), half, noise.data(), n);
  noise.rightCols(n - half) = -noise.leftCols(n - half);
  return noise;
}

Vector DrawBatch::log_ratios(const EstimatorOptions& options) const {
  Vector f = options.temperature * log_p - options.entropy_weight * log_q;
  if (num_finite == size()) return f;
  double least = std::numeric_limits<double>::infinity();
  for (const double v : f) {
    if (std::isfinite(v)) least = std::min(least, v);
  }
  if (num_finite == 0) least = 0;
  for (double& v : f) {
    if (!std::isfinite(v)) v = least;  // 0 times -inf is NaN
  }
  return f;
}

double DrawBatch::objective(const EstimatorOptions& options) const {
  if (num_finite == 0) return -std::numeric_limits<double>::infinity();
  double sum = 0;
  for (Index l = 0; l < size(); ++l) {
    if (std::isfinite(log_p[l])) {
      sum += options.temperature * log_p[l] - options.entropy_weight * log_q[l];
    }
  }
  return sum / static_cast<double>(num_finite);
}

DrawBatch draw_batch(Objective& objective, const ParametricFamily& family,
                     std::span<const double> lambda, const EstimatorOptions& options,
                     bool with_gradient, numeric::RandomKey key, uint32_t step) {
  const Index n = options.draws;
  DrawBatch batch;
  batch.points.resize(family.dim(), n);
  batch.log_p.resize(n);
  batch.log_q.resize(n);
  if (family.reparameterised()) {
    batch.noise = draw_noise(family, options.noise, n, key, step);
    batch.tape = family.transform(lambda, lanes_of(batch.noise), mutable_lanes(batch.points),
                                  span_of(batch.log_q));
  } else {
    family.at(lambda)->draw(key, step, 0, mutable_lanes(batch.points), span_of(batch.log_q));
  }
  if (with_gradient) {
    batch.gradient.resize(family.dim(), n);
    objective.evaluate(lanes_of(batch.points), span_of(batch.log_p), mutable_lanes(batch.gradient));
  } else {
    objective.evaluate(lanes_of(batch.points), span_of(batch.log_p));
  }
  for (Index l = 0; l < n; ++l) {
    // A log q that is not finite (lambda far off) spoils a draw as much.
    if (!std::isfinite(batch.log_q[l])) {
      batch.log_p[l] = -std::numeric_limits<double>::infinity();
      batch.log_q[l] = 0;
    }
    batch.num_finite += std::isfinite(batch.log_p[l]) ? 1 : 0;
  }
  return batch;
}

Matrix pathwise_adjoint(const DrawBatch& batch, const ParametricFamily& family,
                        std::span<const double> lambda, double temperature, double entropy_weight) {
  Matrix adjoint = temperature * batch.gradient;
  const bool all_finite = batch.num_finite == batch.size();
  if (entropy_weight == 0 && all_finite) return adjoint;
  Matrix of_q(family.dim(), batch.size());
  family.log_q_gradient(lambda, lanes_of(batch.points), mutable_lanes(of_q));
  if (entropy_weight != 0) adjoint -= entropy_weight * of_q;
  if (all_finite) return adjoint;
  for (Index l = 0; l < batch.size(); ++l) {
    if (!std::isfinite(batch.log_p[l])) {
      adjoint.col(l) = (2 * temperature - entropy_weight) * of_q.col(l);
    }
  }
  return adjoint;
}

}  // namespace vinci::infer
