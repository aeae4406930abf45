#include "infer/method/short_chains.h"

#include <algorithm>
#include <cmath>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

constexpr Index kMinChains = 20;

/// Chains as lanes, in coordinates u with z = C u.
class Chains {
 public:
  Chains(Objective& objective, const Matrix& start, const Vector& sds,
         const ShortChainsOptions& options, numeric::RandomKey key)
      : objective_(objective), options_(options), key_(key), sds_(sds), start_(start) {
    z_ = start;
    value_.resize(start.cols());
    gradient_.resize(start.rows(), start.cols());
    objective_.evaluate(lanes_of(z_), span_of(value_), mutable_lanes(gradient_));
    start_value_ = value_;
    start_gradient_ = gradient_;
  }

  void restart() {
    z_ = start_;
    value_ = start_value_;
    gradient_ = start_gradient_;
  }

  /// One trajectory of every chain; the mean acceptance probability.
  double advance(double step) {
    const Index dim = z_.rows(), lanes = z_.cols();
    // Rows: the momentum, then the step's length and the uniform of the decision.
    momentum_.resize(dim, lanes);
    numeric::fill_normal(key_, step_number_, 0, dim, lanes, momentum_.data(), lanes);
    Matrix uniform(2, lanes);
    numeric::fill_uniform({key_.seed, key_.stream + 1}, step_number_, 0, 2, lanes, uniform.data(),
                          lanes);
    ++step_number_;
    // Lengths that vary keep orbits from closing.
    const Eigen::RowVectorXd length = step * (0.6 + 0.8 * uniform.row(0).array()).matrix();
    const Vector energy =
        (value_.array() - 0.5 * momentum_.colwise().squaredNorm().transpose().array()).matrix();
    next_ = z_;
    next_gradient_ = gradient_;
    next_value_ = value_;
    kick(length, 0.5);
    for (Index l = 0; l < options_.num_leapfrog; ++l) {
      to_z(Matrix(momentum_.array().rowwise() * length.array()), moved_);
      next_ += moved_;
      objective_.evaluate(lanes_of(next_), span_of(next_value_), mutable_lanes(next_gradient_));
      kick(length, l + 1 < options_.num_leapfrog ? 1 : 0.5);
    }
    double total = 0;
    for (Index c = 0; c < lanes; ++c) {
      const double change = next_value_[c] - 0.5 * momentum_.col(c).squaredNorm() - energy[c];
      const double probability = std::isnan(change) ? 0 : std::min(1.0, std::exp(change));
      total += probability;
      if (!(uniform(1, c) < probability)) continue;
      z_.col(c) = next_.col(c);
      gradient_.col(c) = next_gradient_.col(c);
      value_[c] = next_value_[c];
    }
    return total / static_cast<double>(lanes);
  }

  const Matrix& z() const { return z_; }

 private:
  void to_z(const Matrix& u, Matrix& z) const {
    if (options_.factor.empty()) {
      z = u.array().colwise() * sds_.array();
    } else {
      const Eigen::Map<const Matrix> c(options_.factor.data(), u.rows(), u.rows());
      z.noalias() = c.triangularView<Eigen::Lower>() * u;
    }
  }
  /// momentum += share * length * C' gradient.
  void kick(const Eigen::RowVectorXd& length, double share) {
    if (options_.factor.empty()) {
      moved_ = next_gradient_.array().colwise() * sds_.array();
    } else {
      const Eigen::Map<const Matrix> c(options_.factor.data(), z_.rows(), z_.rows());
      moved_.noalias() = c.transpose().triangularView<Eigen::Upper>() * next_gradient_;
    }
    momentum_.array() += moved_.array().rowwise() * (share * length.array());
  }

  Objective& objective_;
  const ShortChainsOptions& options_;
  numeric::RandomKey key_;
  Vector sds_;
  Matrix start_, start_gradient_, z_, gradient_, next_, next_gradient_, momentum_, moved_;
  Vector value_, start_value_, next_value_;
  uint32_t step_number_ = 0;
};

/// Mean over chains of what `after` exceeds its expectation under q by, where `before` is the same
/// function at the start, of known expectation 0. Regressing on it takes its noise away.
struct Excess {
  double mean, error, slope;
};
Excess excess(const Eigen::RowVectorXd& after, const Eigen::RowVectorXd& before) {
  const auto n = static_cast<double>(after.size());
  const double a = after.mean(), b = before.mean();
  const double cross = (after.array() - a).matrix().dot((before.array() - b).matrix());
  const double square = (before.array() - b).square().sum();
  const double slope = square > 0 ? cross / square : 0;
  const Eigen::ArrayXd rest = (after - slope * before).array().transpose();
  const double mean = rest.mean();
  // Two degrees of freedom go with mean and slope.
  return {mean, std::sqrt((rest - mean).square().sum() / (n - 2) / n), slope};
}

double correlation(const Eigen::RowVectorXd& x, const Eigen::RowVectorXd& y) {
  const Eigen::ArrayXd a = x.array() - x.mean(), b = y.array() - y.mean();
  const double squares = std::sqrt(a.square().sum() * b.square().sum());
  return squares > 0 ? (a * b).sum() / squares : 1;
}

void take_extremes(const std::vector<double>& value, const std::vector<double>& error,
                   double critical, Drift& drift, double& at_least, double& at_most) {
  at_least = at_most = 0;
  double largest = -1;
  for (size_t d = 0; d < value.size(); ++d) {
    const double size = std::abs(value[d]);
    at_least = std::max(at_least, size - critical * error[d]);
    at_most = std::max(at_most, size + critical * error[d]);
    const double ratio = size > 0 ? size / error[d] : 0;
    if (ratio <= largest) continue;
    largest = ratio;
    drift = {value[d], error[d], static_cast<Index>(d)};
  }
}

}  // namespace

bool ShortChainsResult::certifies(double mean_error, double log_sd_error) const {
  const double moved = 1 - std::max(0.0, slowest);
  return ran && moved > 0.2 && mean_at_most <= mean_error * moved &&
         log_sd_at_most <= log_sd_error * moved;
}

ShortChainsResult short_chains(Objective& objective, std::span<const double> points,
                               const ShortChainsOptions& options, numeric::RandomKey key) {
  ShortChainsResult result;
  const Index dim = objective.dim();
  if (dim == 0) return result;
  const Index count = std::ssize(points) / dim;
  const int64_t before = objective.evaluations();
  const Eigen::Map<const Matrix> draws(points.data(), count, dim);
  if (count < kMinChains) return result;
  const Vector mean = draws.colwise().mean();
  const Vector sds = ((draws.rowwise() - mean.transpose()).colwise().squaredNorm() /
                      static_cast<double>(count - 1))
                         .array()
                         .sqrt();
  if (!mean.allFinite() || !sds.allFinite() || sds.minCoeff() <= 0) return result;

  // Chains cannot start where there is no density.
  Matrix start = draws.topRows(std::min(count, options.num_chains)).transpose();
  Vector value(start.cols());
  objective.evaluate(lanes_of(start), span_of(value));
  std::vector<Index> finite;
  for (Index c = 0; c < value.size(); ++c) {
    if (std::isfinite(value[c])) finite.push_back(c);
  }
  result.num_chains = std::ssize(finite);
  result.evaluations = objective.evaluations() - before;
  if (result.num_chains < kMinChains) return result;
  start = Matrix(start(Eigen::all, finite));

  Chains chains(objective, start, sds, options, key);
  // A trajectory of an isotropic normal turns round after pi; the acceptance falls with D^{1/4}.
  double log_step =
      std::log(0.2 * std::pow(static_cast<double>(std::max<Index>(dim, 10)) / 10, -0.25) * 8 /
               static_cast<double>(std::max<Index>(options.num_leapfrog, 1)));
  for (Index t = 0; t < options.num_adapt && !objective.should_stop(); ++t) {
    const double acceptance = chains.advance(std::exp(log_step));
    log_step +=
        2.0 / std::sqrt(1.0 + static_cast<double>(t)) * (acceptance - options.target_acceptance);
    // Longer than this a trajectory comes back.
    log_step = std::min(
        log_step, std::log(2.0 / static_cast<double>(std::max<Index>(options.num_leapfrog, 1))));
  }
  result.step_size = std::exp(log_step);
  chains.restart();
  const Index first_counted = options.num_trajectories / 2;
  Matrix sum = Matrix::Zero(dim, result.num_chains), squares = sum;
  Index counted = 0, done = 0;
  for (Index t = 0; t < options.num_trajectories && !objective.should_stop(); ++t) {
    result.acceptance += chains.advance(result.step_size);
    ++done;
    if (t < first_counted) continue;
    const Matrix u = (chains.z().colwise() - mean).array().colwise() / sds.array();
    sum += u;
    squares += u.cwiseProduct(u);
    ++counted;
  }
  result.evaluations = objective.evaluations() - before;
  if (done < options.num_trajectories || counted == 0) return result;
  result.acceptance /= static_cast<double>(done);
  sum /= static_cast<double>(counted);
  squares /= static_cast<double>(counted);
  const Matrix u0 = (start.colwise() - mean).array().colwise() / sds.array();
  const Matrix u1 = (chains.z().colwise() - mean).array().colwise() / sds.array();
  result.slowest = -1;
  for (Index d = 0; d < dim; ++d) {
    // q's own moments come from all draws, whose error adds to that of the chains.
    const Excess m = excess(sum.row(d), u0.row(d));
    const double own = 1 / static_cast<double>(count);
    result.mean_drift.push_back(m.mean);
    result.mean_drift_error.push_back(std::sqrt(m.error * m.error + own));
    const Excess s =
        excess((squares.row(d).array() - 1).matrix(), (u0.row(d).array().square() - 1).matrix());
    // sd'^2 / sd^2 = 1 + s - m^2; half its logarithm.
    const double ratio = std::max(1e-6, 1 + s.mean - m.mean * m.mean);
    result.log_sd_drift.push_back(0.5 * std::log(ratio));
    result.log_sd_drift_error.push_back(
        0.5 / ratio *
        std::sqrt(s.error * s.error + 4 * m.mean * m.mean * m.error * m.error +
                  (u0.row(d).array().square() - 1).square().mean() * own));
    const double r = correlation(u1.row(d), u0.row(d));
    if (r > result.slowest) {
      result.slowest = r;
      result.slowest_coordinate = d;
    }
  }
  // Bonferroni over 2 D two-sided comparisons.
  result.critical = -numeric::normal_quantile(0.01 / (4 * static_cast<double>(dim)));
  take_extremes(result.mean_drift, result.mean_drift_error, result.critical, result.mean,
                result.mean_at_least, result.mean_at_most);
  take_extremes(result.log_sd_drift, result.log_sd_drift_error, result.critical, result.log_sd,
                result.log_sd_at_least, result.log_sd_at_most);
  result.ran = true;
  return result;
}

}  // namespace vinci::infer
