#include "infer/estimator/discrete/mixed_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vinci::infer {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What is not finite in a row of signals becomes the smallest finite one of that row, or 0.
void cut_to_finite(Matrix& signals) {
  for (Index i = 0; i < signals.rows(); ++i) {
    double least = kInfinity;
    for (Index l = 0; l < signals.cols(); ++l) {
      if (std::isfinite(signals(i, l))) least = std::min(least, signals(i, l));
    }
    if (!std::isfinite(least)) least = 0;
    for (Index l = 0; l < signals.cols(); ++l) {
      if (!std::isfinite(signals(i, l))) signals(i, l) = least;
    }
  }
}

}  // namespace

Vector MixedBatch::log_ratios(const EstimatorOptions& options) const {
  Matrix f(1, size());
  f.row(0) = (options.temperature * log_p - options.entropy_weight * log_q).transpose();
  cut_to_finite(f);
  return f.row(0).transpose();
}

double MixedBatch::objective(const EstimatorOptions& options) const {
  double sum = 0, count = 0;
  for (Index l = 0; l < size(); ++l) {
    if (!std::isfinite(log_p[l])) continue;
    sum += options.temperature * log_p[l] - options.entropy_weight * log_q[l];
    count += 1;
  }
  return count > 0 ? sum / count : -kInfinity;
}

std::string DiscreteEstimator::obstacle(const ParametricFamily& family) const {
  if (dynamic_cast<const MixedFamily*>(&family) == nullptr) {
    return "it is for families with discrete factors";
  }
  if (options_.noise != NoiseKind::kIndependent) return "it needs independent draws";
  return "";
}

Matrix DiscreteEstimator::uniforms(const MixedFamily& family, Index n, numeric::RandomKey key,
                                   uint32_t step) {
  Matrix u(family.num_discrete(), n);
  numeric::fill_uniform(states_key(key), step, 0, u.rows(), n, u.data(), n);
  return u;
}

MixedBatch DiscreteEstimator::draw(Objective& objective, const MixedFamily& family,
                                   std::span<const double> lambda, const Matrix& uniform,
                                   Index repeat, numeric::RandomKey key, uint32_t step) const {
  const Index n = uniform.cols(), d = family.num_continuous(), m = family.num_discrete();
  const ParametricFamily& continuous = family.continuous();
  MixedBatch batch;
  batch.points.resize(d + m, n);
  batch.log_q = Vector::Zero(n);
  batch.log_p.resize(n);
  if (d > 0) {
    const Index own = (n + repeat - 1) / repeat;
    Matrix noise(continuous.noise_dim(), own);
    continuous.fill_noise(key, step, 0, mutable_lanes(noise));
    batch.noise.resize(noise.rows(), n);
    for (Index l = 0; l < n; ++l) batch.noise.col(l) = noise.col(l / repeat);
    batch.tape = continuous.transform(family.continuous_params(lambda), lanes_of(batch.noise),
                                      {batch.points.data(), d, n, n}, span_of(batch.log_q));
  }
  batch.log_pi = family.log_probabilities(lambda);
  double* const states = batch.points.data() + d * n;
  family.draw_states(batch.log_pi, lanes_of(uniform), {states, m, n, n});
  batch.log_q_states.resize(m, n);
  family.log_q_of_states(batch.log_pi, {states, m, n, n}, mutable_lanes(batch.log_q_states));
  batch.log_q += batch.log_q_states.colwise().sum().transpose();
  if (d > 0) {
    batch.gradient.resize(d + m, n);
    objective.evaluate(lanes_of(batch.points), span_of(batch.log_p), mutable_lanes(batch.gradient));
  } else {
    objective.evaluate(lanes_of(batch.points), span_of(batch.log_p));
  }
  for (Index l = 0; l < n; ++l) {
    if (std::isfinite(batch.log_q[l])) continue;
    batch.log_p[l] = -kInfinity;
    batch.log_q[l] = 0;
  }
  return batch;
}

void DiscreteEstimator::continuous_gradient(const MixedBatch& batch, const MixedFamily& family,
                                            std::span<const double> lambda, const Vector& weight,
                                            std::span<double> gradient) const {
  const Index d = family.num_continuous(), n = batch.size();
  if (d == 0) return;
  const ParametricFamily& continuous = family.continuous();
  const std::span<const double> own = family.continuous_params(lambda);
  const LaneMatrix theta{batch.points.data(), d, n, n};
  Matrix of_q(d, n);
  continuous.log_q_gradient(own, theta, mutable_lanes(of_q));
  Matrix adjoint =
      options_.temperature * batch.gradient.topRows(d) - options_.entropy_weight * of_q;
  for (Index l = 0; l < n; ++l) {
    // A draw of zero density pulls towards the mass of q.
    if (!std::isfinite(batch.log_p[l])) {
      adjoint.col(l) = (2 * options_.temperature - options_.entropy_weight) * of_q.col(l);
    }
    adjoint.col(l) *= weight[l] / static_cast<double>(n);
  }
  continuous.pathwise_sum(own, lanes_of(batch.noise), theta, batch.tape.get(), lanes_of(adjoint),
                          gradient.first(own.size()));
}

Matrix blanket_sums(const DiscreteBlankets& blankets, Objective& objective,
                    const MixedFamily& family, const Matrix& points) {
  const Index d = family.num_continuous(), m = family.num_discrete(), n = points.cols();
  Matrix sums(d + m, n);
  if (blankets.sums) {
    blankets.sums(lanes_of(points), mutable_lanes(sums));
    objective.count(n);
  } else {
    Vector value(n);
    objective.evaluate(lanes_of(points), span_of(value));
    sums.bottomRows(m).rowwise() = value.transpose();
  }
  Matrix result = sums.bottomRows(m);
  for (Index i = 0; i < m; ++i) {
    for (Index l = 0; l < n; ++l) {
      if (!std::isfinite(result(i, l))) result(i, l) = -kInfinity;
    }
  }
  return result;
}

Matrix blanket_log_ratios(const DiscreteBlankets& blankets, Objective& objective,
                          const MixedFamily& family, const MixedBatch& batch,
                          const EstimatorOptions& options) {
  Matrix f = options.temperature * blanket_sums(blankets, objective, family, batch.points) -
             options.entropy_weight * batch.log_q_states;
  cut_to_finite(f);
  return f;
}

}  // namespace vinci::infer
