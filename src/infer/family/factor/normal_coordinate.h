// What normal, log-normal and logit-normal share: z is normal, lambda = (mu, log sigma).
#pragma once

#include "infer/family/factor/positive.h"
#include "numeric/random/philox.h"

namespace vinci::infer {

/// Base is ContinuousFactor or a class derived from it.
template <class Base>
class NormalCoordinate : public Base {
 public:
  Index num_params() const final { return 2; }
  double log_q(std::span<const double> l, std::span<const double> z) const final {
    const double t = (z[0] - l[0]) * std::exp(-l[1]);
    return -0.5 * t * t - l[1] - kLogSqrtTwoPi;
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const final {
    out[0] = (l[0] - z[0]) * std::exp(-2 * l[1]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const final {
    const double s = std::exp(-l[1]), t = (z[0] - l[0]) * s;
    out[0] = t * s;
    out[1] = t * t - 1;
  }
  void fisher(std::span<const double> l, std::span<double> out) const final {
    out[0] = std::exp(-2 * l[1]);
    out[1] = out[2] = 0;
    out[3] = 2;
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const final {
    z[0] = l[0] + std::exp(l[1]) * numeric::normal_quantile(u[0]);
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const final {
    gradient[0] = adjoint[0];
    gradient[1] = adjoint[0] * (z[0] - l[0]);
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const final {
    l[0] = mean[0];
    l[1] = std::log(sd[0]);
  }

 protected:
  static double normal_entropy(std::span<const double> l) { return 0.5 + kLogSqrtTwoPi + l[1]; }
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const final {
    const double r = std::exp(2 * (l[1] - other[1])), d = (l[0] - other[0]) * std::exp(-other[1]);
    return 0.5 * (r - 1 + d * d) + other[1] - l[1];
  }
};

}  // namespace vinci::infer
