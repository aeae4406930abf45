#include "infer/method/gaussian_score_matching.h"

#include <cmath>

#include "infer/dense.h"

namespace vinci::infer {

GaussianScoreMatchingResult gaussian_score_matching(Objective& objective,
                                                    const FullRankNormal& start,
                                                    const GaussianScoreMatchingOptions& options,
                                                    numeric::RandomKey key) {
  const Index dim = objective.dim(), batch = options.batch;
  GaussianScoreMatchingResult result{start};
  Vector mean = map_vector(start.mean());
  Matrix factor = map_square(start.factor(), dim);
  Matrix covariance = factor * factor.transpose();
  Matrix noise(dim, batch), z(dim, batch), g(dim, batch);
  Vector values(batch);
  for (Index t = 0; t < options.iterations && !objective.should_stop(); ++t) {
    numeric::fill_normal(key, static_cast<uint32_t>(t), 0, dim, batch, noise.data(), batch);
    z.noalias() = factor.triangularView<Eigen::Lower>() * noise;
    z.colwise() += mean;
    objective.evaluate(lanes_of(z), span_of(values), mutable_lanes(g));
    Vector mean_change = Vector::Zero(dim);
    Matrix covariance_change = Matrix::Zero(dim, dim);
    double finite = 0;
    for (Index b = 0; b < batch; ++b) {
      if (!std::isfinite(values[b])) continue;
      ++finite;
      const Vector away = mean - z.col(b);
      const Vector moved = covariance * g.col(b);
      const double along = away.dot(g.col(b));
      const double rho = 0.5 * std::sqrt(1 + 4 * (g.col(b).dot(moved) + along * along)) - 0.5;
      const Vector error = moved - away;
      const Vector change = (error - away * (g.col(b).dot(error) / (1 + rho + along))) / (1 + rho);
      const Vector away_after = away + change;
      mean_change += change;
      covariance_change += away * away.transpose() - away_after * away_after.transpose();
    }
    if (finite == 0) {
      ++result.rejected;
      continue;
    }
    const Matrix next = covariance + covariance_change / finite;
    const Vector next_mean = mean + mean_change / finite;
    const Eigen::LLT<Matrix> llt(next);
    if (!next.allFinite() || !next_mean.allFinite() || llt.info() != Eigen::Success) {
      ++result.rejected;
      continue;
    }
    mean = next_mean;
    covariance = 0.5 * (next + next.transpose());
    factor = llt.matrixL();
    ++result.accepted;
  }
  result.normal = FullRankNormal(to_std(mean), to_std(factor));
  return result;
}

}  // namespace vinci::infer
