#include "infer/method/advi.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <memory>
#include <numbers>
#include <numeric>
#include <utility>

#include "infer/dense.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"

namespace vinci::infer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr uint32_t kElboStep = 1u << 31;

/// Mean and scale (a lower factor, or log deviations) with the running squares of their gradients.
class Approximation {
 public:
  Approximation(Objective& objective, const AdviOptions& options, numeric::RandomKey key)
      : objective_(objective),
        options_(options),
        key_(key),
        dim_(objective.dim()),
        columns_(options.full_rank ? dim_ : 1),
        mean_(Vector::Zero(dim_)),
        scale_(options.full_rank ? Matrix(Matrix::Identity(dim_, dim_))
                                 : Matrix(Matrix::Zero(dim_, 1))),
        mean_squares_(Vector::Zero(dim_)),
        scale_squares_(Matrix::Zero(dim_, columns_)) {}

  /// One step of ascent, number t from 1; false where a draw or the result is not finite.
  bool step(double eta, Index t, uint32_t random_step) {
    const Index draws = options_.gradient_draws;
    const Matrix u = noise(random_step, draws);
    const Matrix z = place(u);
    Matrix g(dim_, draws);
    Vector values(draws);
    objective_.evaluate(lanes_of(z), span_of(values), mutable_lanes(g));
    if (!values.allFinite()) return false;
    const auto n = static_cast<double>(draws);
    const Vector mean_gradient = g.rowwise().sum() / n;
    Matrix scale_gradient;
    if (options_.full_rank) {
      scale_gradient = g * u.transpose() / n;
      scale_gradient.triangularView<Eigen::StrictlyUpper>().setZero();
      scale_gradient.diagonal().array() += 1 / scale_.diagonal().array();
    } else {
      scale_gradient =
          ((g.array() * u.array()).rowwise().sum() / n * scale_.col(0).array().exp() + 1).matrix();
    }
    constexpr double kOld = 0.9, kNew = 0.1;
    const double keep = t == 1 ? 0 : kOld, add = t == 1 ? 1 : kNew;
    mean_squares_ = keep * mean_squares_.array() + add * mean_gradient.array().square();
    scale_squares_ = keep * scale_squares_.array() + add * scale_gradient.array().square();
    const double rate = eta / std::sqrt(static_cast<double>(t));
    mean_.array() += rate * mean_gradient.array() / (1 + mean_squares_.array().sqrt());
    scale_.array() += rate * scale_gradient.array() / (1 + scale_squares_.array().sqrt());
    return mean_.allFinite() && scale_.allFinite();
  }

  /// The ELBO by `elbo_draws` draws; -inf where one of them has no finite density.
  double elbo(uint32_t random_step) {
    const Matrix z = place(noise(kElboStep + random_step, options_.elbo_draws));
    Vector values(options_.elbo_draws);
    objective_.evaluate(lanes_of(z), span_of(values));
    const double log_det =
        options_.full_rank ? scale_.diagonal().array().abs().log().sum() : scale_.sum();
    const double value = values.mean() + log_det +
                         0.5 * static_cast<double>(dim_) * (1 + std::log(2 * std::numbers::pi));
    return std::isfinite(value) ? value : -kInfinity;
  }

  FamilyPtr family() const {
    if (!options_.full_rank) {
      return std::make_shared<MeanFieldNormal>(to_std(mean_),
                                               to_std(Vector(scale_.col(0).array().exp())));
    }
    Matrix factor = scale_;
    // The sign of a column of a factor does not matter to the distribution.
    for (Index c = 0; c < dim_; ++c) {
      if (factor(c, c) < 0) factor.col(c) *= -1;
    }
    return std::make_shared<FullRankNormal>(to_std(mean_), to_std(factor));
  }

 private:
  Matrix noise(uint32_t step, Index draws) const {
    Matrix u(dim_, draws);
    numeric::fill_normal(key_, step, 0, dim_, draws, u.data(), draws);
    return u;
  }
  Matrix place(const Matrix& u) const {
    Matrix z;
    if (options_.full_rank) {
      z = scale_.triangularView<Eigen::Lower>() * u;
    } else {
      z = u.array().colwise() * scale_.col(0).array().exp();
    }
    z.colwise() += mean_;
    return z;
  }

  Objective& objective_;
  const AdviOptions& options_;
  numeric::RandomKey key_;
  Index dim_;
  Index columns_;
  Vector mean_;
  Matrix scale_;
  Vector mean_squares_;
  Matrix scale_squares_;
};

double median(std::deque<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace

AdviResult advi(Objective& objective, const AdviOptions& options, numeric::RandomKey key) {
  AdviResult result;
  uint32_t random_step = 0;
  const double initial = Approximation(objective, options, key).elbo(0);
  double best = -kInfinity;
  for (const double eta : std::array{100.0, 10.0, 1.0, 0.1, 0.01}) {
    Approximation trial(objective, options, key);
    bool finite = true;
    for (Index t = 1; finite && t <= options.adapt_iterations && !objective.should_stop(); ++t) {
      finite = trial.step(eta, t, random_step++);
    }
    const double elbo = finite ? trial.elbo(0) : -kInfinity;
    // Step sizes fall: once the ELBO falls with them, and an earlier one beat the start, the best
    // is known.
    if (elbo < best && best > initial) break;
    if (elbo > best) {
      best = elbo;
      result.step_size = eta;
    }
  }
  if (!(best > -kInfinity)) return result;

  Approximation q(objective, options, key);
  const auto window = static_cast<size_t>(
      std::max<Index>(2, static_cast<Index>(0.1 * static_cast<double>(options.max_iterations) /
                                            static_cast<double>(options.elbo_every))));
  std::deque<double> changes;
  double previous = initial;
  for (Index t = 1; t <= options.max_iterations && !objective.should_stop(); ++t) {
    result.iterations = t;
    // A step that leaves the support is skipped; the next draw is another.
    q.step(result.step_size, t, random_step++);
    if (t % options.elbo_every != 0) continue;
    const double elbo = q.elbo(random_step);
    changes.push_back(std::abs((elbo - previous) / elbo));
    if (changes.size() > window) changes.pop_front();
    previous = elbo;
    const double mean =
        std::accumulate(changes.begin(), changes.end(), 0.0) / static_cast<double>(changes.size());
    if (mean < options.relative_tol || median(changes) < options.relative_tol) {
      result.converged = true;
      break;
    }
  }
  result.elbo = q.elbo(random_step);
  result.approximation = q.family();
  return result;
}

}  // namespace vinci::infer
