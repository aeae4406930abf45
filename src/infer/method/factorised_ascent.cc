#include "infer/method/factorised_ascent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "infer/dense.h"
#include "infer/optimizer/adam.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

/// Above this many parameters of one factor, only the diagonal of its Fisher information is used.
constexpr Index kMaxDenseParams = 64;

/// The Cholesky factors of the factors' Fisher information at lambda.
class Metric {
 public:
  explicit Metric(const FactorisedFamily& family) : family_(family) {
    factors_.resize(family.blocks().size());
  }

  void update(const Vector& lambda) {
    for (size_t b = 0; b < factors_.size(); ++b) {
      const ContinuousFactor& f = *family_.blocks()[b].factor;
      const Index n = f.num_params();
      scratch_.resize(static_cast<size_t>(n * n));
      f.fisher(segment(lambda, b), scratch_);
      Matrix& l = factors_[b];
      l = map_square(scratch_, n);
      if (n > kMaxDenseParams) {
        l = Vector(l.diagonal().cwiseMax(1e-12).cwiseSqrt());
        continue;
      }
      if (n == 1) {
        l(0, 0) = std::sqrt(std::max(l(0, 0), 1e-12));
        continue;
      }
      // Rounding may cost the last direction its sign where parameters are large.
      const double ridge = 1e-12 * l.trace();
      l.diagonal().array() += ridge;
      const Eigen::LLT<Matrix> llt(l);
      l = llt.info() == Eigen::Success
              ? Matrix(llt.matrixL())
              : Matrix(l.diagonal().cwiseMax(1e-12).cwiseSqrt().asDiagonal());
    }
  }
  /// gradient <- L^-1 gradient.
  void whiten(Vector& gradient) const {
    for (size_t b = 0; b < factors_.size(); ++b) {
      auto g = gradient.segment(family_.first_param(b), factors_[b].rows());
      if (factors_[b].cols() == 1) {
        g.array() /= factors_[b].col(0).array();
      } else {
        factors_[b].triangularView<Eigen::Lower>().solveInPlace(g);
      }
    }
  }
  /// direction <- L'^-1 direction.
  void colour(Vector& direction) const {
    for (size_t b = 0; b < factors_.size(); ++b) {
      auto d = direction.segment(family_.first_param(b), factors_[b].rows());
      if (factors_[b].cols() == 1) {
        d.array() /= factors_[b].col(0).array();
      } else {
        factors_[b].triangularView<Eigen::Lower>().transpose().solveInPlace(d);
      }
    }
  }

 private:
  std::span<const double> segment(const Vector& lambda, size_t b) const {
    return span_of(lambda).subspan(static_cast<size_t>(family_.first_param(b)),
                                   static_cast<size_t>(family_.blocks()[b].factor->num_params()));
  }

  const FactorisedFamily& family_;
  std::vector<Matrix> factors_;
  std::vector<double> scratch_;
};

/// Means of the ELBO over windows of steps, and whether it still rises.
class Windows {
 public:
  explicit Windows(Index length) : length_(length) {}

  /// Whether a window has been filled by this.
  bool add(double elbo) {
    ++count_;
    const double d = elbo - mean_;
    mean_ += d / static_cast<double>(count_);
    squares_ += d * (elbo - mean_);
    return count_ >= length_;
  }
  /// Closes the window; whether its mean exceeds the last one's by twice the error.
  bool rising() {
    const auto m = static_cast<double>(count_);
    const double error = std::sqrt(squares_ / (m - 1) / m);
    const bool up = mean_ - last_ > 2 * std::hypot(error, last_error_);
    last_ = mean_;
    last_error_ = error;
    mean_ = squares_ = 0;
    count_ = 0;
    return up;
  }
  double last() const { return last_; }

 private:
  Index length_, count_ = 0;
  double mean_ = 0, squares_ = 0, last_error_ = 0;
  double last_ = -std::numeric_limits<double>::infinity();
};

/// Draws and the mean pathwise gradient at lambda.
class Sampler {
 public:
  Sampler(Objective& objective, const FactorisedFamily& family, Index pairs)
      : objective_(objective),
        family_(family),
        pairs_(pairs),
        noise_(family.noise_dim(), 2 * pairs),
        z_(family.dim(), 2 * pairs),
        g_(family.dim(), 2 * pairs),
        q_gradient_(family.dim(), 2 * pairs),
        values_(2 * pairs),
        log_q_(2 * pairs) {}

  /// Returns the ELBO's estimate; the lowest number where no draw has a density.
  double sample(const Vector& lambda, numeric::RandomKey key, uint32_t step, Vector& gradient) {
    const Index lanes = 2 * pairs_;
    if (noise_.rows() > 0) {
      family_.fill_noise(key, step, 0, {noise_.data(), noise_.rows(), pairs_, lanes});
      noise_.rightCols(pairs_) = 1 - noise_.leftCols(pairs_).array();
    }
    const auto l = span_of(lambda);
    family_.transform(l, lanes_of(noise_), mutable_lanes(z_), span_of(log_q_));
    objective_.evaluate(lanes_of(z_), span_of(values_), mutable_lanes(g_));
    family_.log_q_gradient(l, lanes_of(z_), mutable_lanes(q_gradient_));
    double total = 0;
    Index finite = 0;
    for (Index i = 0; i < lanes; ++i) {
      if (std::isfinite(values_[i])) {
        g_.col(i) -= q_gradient_.col(i);
        total += values_[i] - log_q_[i];
        ++finite;
      } else {
        g_.col(i) = q_gradient_.col(i);  // back to where q is, as if p fell off twice as fast
      }
    }
    family_.pathwise_sum(l, lanes_of(noise_), lanes_of(z_), nullptr, lanes_of(g_),
                         span_of(gradient));
    gradient /= static_cast<double>(lanes);
    return finite > 0 ? total / static_cast<double>(finite) : -std::numeric_limits<double>::max();
  }

 private:
  Objective& objective_;
  const FactorisedFamily& family_;
  Index pairs_;
  Matrix noise_, z_, g_, q_gradient_;
  Vector values_, log_q_;
};

}  // namespace

FactorisedAscentResult factorised_ascent(Objective& objective, const FactorisedFamily& family,
                                         std::vector<double> start,
                                         const FactorisedAscentOptions& options,
                                         numeric::RandomKey key) {
  const Index num_params = family.num_params();
  Vector lambda = map_vector(start), sum = Vector::Zero(num_params);
  Vector gradient(num_params), direction(num_params);
  Index averaged = 0;
  Metric metric(family);
  Sampler sampler(objective, family, std::max<Index>(1, options.batch / 2));
  Windows windows(options.window);
  Adam adam(static_cast<size_t>(num_params));
  FactorisedAscentResult result;
  double rate = options.rate;
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    const double elbo = sampler.sample(lambda, key, static_cast<uint32_t>(t), gradient);
    metric.update(lambda);
    metric.whiten(gradient);
    if (!gradient.allFinite()) gradient.setZero();
    adam.direction(span_of(std::as_const(gradient)), span_of(direction));
    metric.colour(direction);
    lambda += rate * direction;
    sum += lambda;
    ++averaged;
    result.iterations = t + 1;
    if (!windows.add(elbo)) continue;
    const bool rising = windows.rising();
    result.elbo = windows.last();
    if (rising) continue;
    rate *= 0.5;
    if (rate < options.last_rate) {
      result.converged = true;
      break;
    }
    sum.setZero();
    averaged = 0;
  }
  const Vector mean = averaged > 0 ? Vector(sum / static_cast<double>(averaged)) : lambda;
  result.lambda = mean.allFinite() ? to_std(mean) : std::move(start);
  return result;
}

void validate_factors(const std::vector<FactorBlock>& factors, const std::vector<Index>& points,
                      Index dim) {
  std::vector<bool> taken(static_cast<size_t>(dim), false);
  const auto take = [&](Index k) {
    if (k < 0 || k >= dim || taken[static_cast<size_t>(k)]) {
      throw Error(
          Error::Kind::kUsage,
          fmt::format("coordinate {} of a factor or point is taken or not below {}", k, dim));
    }
    taken[static_cast<size_t>(k)] = true;
  };
  for (const FactorBlock& b : factors) {
    for (Index k = 0; k < b.factor->num_unconstrained(); ++k) take(b.first + k);
  }
  for (const Index k : points) take(k);
  if (static_cast<Index>(points.size()) == dim) {
    throw Error(Error::Kind::kUsage,
                "every parameter is a point; at least one must be integrated out");
  }
}

FactorisedFit fit_factors(Objective& objective, const std::vector<FactorBlock>& factors,
                          const std::vector<Index>& points, const MeanFieldNormal* warm,
                          const std::vector<double>& init, numeric::RandomKey key) {
  const Index dim = objective.dim();
  const auto n = static_cast<size_t>(dim);
  const std::vector<double> cold_mean = init.empty() ? std::vector<double>(n, 0.0) : init;
  const std::vector<double> cold_sd(n, 1.0);
  const std::vector<double>& sd = warm != nullptr ? warm->sd() : cold_sd;

  std::vector<FactorBlock> blocks = factors;
  std::vector<bool> taken(n, false);
  for (const FactorBlock& b : factors) {
    for (Index k = 0; k < b.factor->num_unconstrained(); ++k) {
      taken[static_cast<size_t>(b.first + k)] = true;
    }
  }
  for (const Index k : points) {
    taken[static_cast<size_t>(k)] = true;
    // Deviations along a path are a hint at the scale, no more.
    blocks.push_back({"", point_factor({std::clamp(sd[static_cast<size_t>(k)], 0.05, 2.0)}), k});
  }
  for (Index k = 0; k < dim; ++k) {
    if (!taken[static_cast<size_t>(k)]) blocks.push_back({"", normal_factor(), k});
  }
  const FactorisedFamily family(dim, std::move(blocks));

  std::vector<double> start =
      warm != nullptr ? family.start(warm->mean(), sd) : family.start(cold_mean, cold_sd);
  if (warm != nullptr && family.has_points()) {
    FactorisedAscentOptions race;
    race.max_iterations = 300;
    const FactorisedAscentResult a = factorised_ascent(objective, family, start, race, key);
    const FactorisedAscentResult b =
        factorised_ascent(objective, family, family.start(cold_mean, cold_sd), race, key);
    start = b.elbo > a.elbo ? b.lambda : a.lambda;
  }
  const FactorisedAscentResult r = factorised_ascent(objective, family, std::move(start), {}, key);
  return {std::make_shared<Factorised>(family, r.lambda), r.elbo, r.converged};
}

}  // namespace vinci::infer
