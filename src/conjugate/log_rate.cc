// Counts with a log-linear rate: not conjugate to anything, but a function of one normal number.
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "conjugate/variable.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

namespace {

constexpr int kNodes = 32;

/// E f(m + s z), z ~ N(0, 1), is sum_i weight_i f(m + s node_i), exactly for polynomials of degree
/// up to 63.
struct Quadrature {
  double node[kNodes], weight[kNodes];
};

/// Nodes are the eigenvalues of the Jacobi matrix of the Hermite polynomials, weights the squares
/// of the first elements of its eigenvectors.  [Golub and Welsch 1969, doi 10.2307/2004418]
const Quadrature& hermite() {
  static const Quadrature quadrature = [] {
    Eigen::VectorXd side(kNodes - 1);
    for (int i = 1; i < kNodes; ++i) side(i - 1) = std::sqrt(i);
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
    solver.computeFromTridiagonal(Eigen::VectorXd::Zero(kNodes), side);
    Quadrature q;
    for (int i = 0; i < kNodes; ++i) {
      q.node[i] = solver.eigenvalues()(i);
      q.weight[i] = solver.eigenvectors()(0, i) * solver.eigenvectors()(0, i);
    }
    return q;
  }();
  return quadrature;
}

/// From E[m], E[m^2]; what rounding makes of a variance that is zero is zero.
double variance(std::span<const double> eta) { return std::max(eta[1] - eta[0] * eta[0], 0.0); }

}  // namespace

LogRate::LogRate(double count, double shape) : count_(count), shape_(shape) {
  constant_ = -numeric::lgamma(count + 1);
  if (std::isfinite(shape))
    constant_ += numeric::lgamma(count + shape) - numeric::lgamma(shape) + shape * std::log(shape);
}

double LogRate::expected(double mean, double variance, double& slope, double& curvature) const {
  if (!std::isfinite(shape_)) {
    const double rate = std::exp(mean + variance / 2);
    slope = count_ - rate;
    curvature = -rate;
    return constant_ + count_ * mean - rate;
  }
  const Quadrature& q = hermite();
  const double deviation = std::sqrt(variance), total = count_ + shape_;
  double sum = 0, share = 0, product = 0;
  for (int i = 0; i < kNodes; ++i) {
    const double x = mean + deviation * q.node[i];
    // log(shape + e^x) = log(shape) + log1p(e^(x - log shape)), and p = e^x / (shape + e^x)
    const double t = x - std::log(shape_), e = std::exp(-std::abs(t));
    const double p = (t > 0 ? 1 : e) / (1 + e);
    sum += q.weight[i] * (std::max(t, 0.0) + std::log1p(e));
    share += q.weight[i] * p;
    product += q.weight[i] * e / ((1 + e) * (1 + e));
  }
  slope = count_ - total * share;
  curvature = -total * product;
  return constant_ + count_ * mean - total * (std::log(shape_) + sum);
}

// With the mean parameters a = E[m], b = E[m^2] and F(mean, variance) = E[log f]: dF/db = F_v and
// dF/da = F_m - 2 a F_v, F_m = E[f'/f ...] the slope, F_v half of the curvature.
bool LogRate::update(std::span<const double> eta, std::span<double> mean) {
  double slope = 0, curvature = 0;
  const double value = expected(eta[0], variance(eta), slope, curvature);
  if (!std::isfinite(value) || !std::isfinite(curvature)) return false;
  log_partition_ = value;
  const double gradient[] = {slope - eta[0] * curvature, curvature / 2};
  for (size_t k = 0; k < 2; ++k) {
    if (!has_retreated_) before_[k] = used_[k];
    used_[k] = mean[k];
    mean[k] += step_ * (gradient[k] - mean[k]);
  }
  has_retreated_ = false;
  step_ = std::min(1.0, 1.5 * step_);
  return true;
}

void LogRate::retreat(std::span<double> mean) {
  for (size_t k = 0; k < 2; ++k) mean[k] = (before_[k] + used_[k]) / 2;
  step_ /= 2;
  has_retreated_ = true;
}

double LogRate::log_sum(std::span<const double> eta, std::span<const double>) const {
  double slope = 0, curvature = 0;
  return expected(eta[0], variance(eta), slope, curvature);
}

/// Expanded about the rate that the count speaks for.
void LogRate::start(numeric::RandomStream&, std::span<double> mean) {
  double slope = 0, curvature = 0;
  const double at = std::log(count_ + 0.5);
  expected(at, 0, slope, curvature);
  mean[0] = slope - at * curvature;
  mean[1] = curvature / 2;
  step_ = 1;
  has_retreated_ = false;
  std::copy(mean.begin(), mean.end(), before_);
  std::copy(mean.begin(), mean.end(), used_);
}

}  // namespace vinci::conjugate
