// VonMises(direction, concentration k): density e^(k cos(x - direction)) / (2 pi I_0(k)) on the
// circle. Over an unbounded coordinate draws are wrapped to [-pi, pi] and the density is that of
// one turn, whichever turn z is on; an angle declared on a bounded turn has a logit for coordinate.
#include <numbers>

#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

using numeric::inv_logit;
using numeric::log1p_exp;
using numeric::log_bessel_i;
constexpr double kPi = std::numbers::pi, kTurn = 2 * kPi;

double wrap(double x, double low = -kPi) { return x - kTurn * std::floor((x - low) / kTurn); }

class VonMises : public ContinuousFactor {
 public:
  std::string_view word() const final { return "von-mises"; }
  Support support() const final { return Support::kCircle; }
  Index num_params() const final { return 2; }
  std::vector<NamedParam> named_params(std::span<const double> l) const final {
    return {{"direction", centre(l)}, {"concentration", std::exp(l[1])}};
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    const double k = std::exp(l[1]), s = std::sin(0.5 * (z[0] - l[0]));
    return k - log_bessel_i(0, k) - std::log(kTurn) - 2 * k * s * s;
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    out[0] = -std::exp(l[1]) * std::sin(z[0] - l[0]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    const double k = std::exp(l[1]), d = z[0] - l[0], s = std::sin(0.5 * d);
    out[0] = k * std::sin(d);
    out[1] = k * (1 - numeric::von_mises_length(k) - 2 * s * s);
  }
  double entropy(std::span<const double> l) const final {
    const double k = std::exp(l[1]);
    return std::log(kTurn) + log_bessel_i(0, k) - k * numeric::von_mises_length(k);
  }
  double entropy_unconstrained(std::span<const double> l) const override { return entropy(l); }
  void mean(std::span<const double> l, std::span<double> out) const final { out[0] = centre(l); }
  void variance(std::span<const double> l, std::span<double> out) const final {
    out[0] = 1 - numeric::von_mises_length(std::exp(l[1]));
  }
  void fisher(std::span<const double> l, std::span<double> out) const final {
    const double k = std::exp(l[1]);
    out[0] = k * numeric::von_mises_length(k);
    out[1] = out[2] = 0;
    out[3] = k * k * numeric::von_mises_length_derivative(k);
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    z[0] = wrap(l[0] + numeric::von_mises_quantile(std::exp(l[1]), u[0]));
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const override {
    const double k = std::exp(l[1]);
    gradient[0] = adjoint[0];
    gradient[1] = adjoint[0] * k * numeric::von_mises_quantile_derivative(k, turned(z[0] - l[0]));
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const override {
    l[0] = mean[0];
    l[1] = -2 * std::log(std::clamp(sd[0], 1e-6, 3.0));
  }

 protected:
  /// In [-pi, pi], rounding included.
  static double turned(double x) { return std::clamp(wrap(x), -kPi, kPi); }
  virtual double centre(std::span<const double> l) const { return wrap(l[0]); }
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const final {
    const double k = std::exp(l[1]), k2 = std::exp(other[1]), a = numeric::von_mises_length(k);
    return k * a - log_bessel_i(0, k) + log_bessel_i(0, k2) - k2 * a * std::cos(l[0] - other[0]);
  }
};

class VonMisesOn final : public VonMises {
 public:
  explicit VonMisesOn(double low) : low_(low) {}

  void constrain(std::span<const double> z, std::span<double> x) const override {
    x[0] = low_ + kTurn * inv_logit(z[0]);
  }
  void unconstrain(std::span<const double> x, std::span<double> z) const override {
    // Strictly inside, whatever the angle.
    const double t = std::clamp((wrap(x[0], low_) - low_) / kTurn, 1e-15, 1 - 1e-15);
    z[0] = std::log(t) - std::log1p(-t);
  }
  double log_abs_det_jacobian(std::span<const double> z) const override {
    return std::log(kTurn) + z[0] - 2 * log1p_exp(z[0]);
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    const double x = angle(z);
    return VonMises::log_q(l, {&x, 1}) + log_abs_det_jacobian(z);
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    const double x = angle(z);
    VonMises::log_q_gradient(l, {&x, 1}, out);
    out[0] = out[0] * slope(z) + 1 - 2 * inv_logit(z[0]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    const double x = angle(z);
    VonMises::score_unconstrained(l, {&x, 1}, out);
  }
  double entropy_unconstrained(std::span<const double>) const override { return kFactorNan; }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    double x = 0;
    VonMises::transform(l, u, {&x, 1});
    unconstrain({&x, 1}, z);
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const override {
    const double x = angle(z), scaled = adjoint[0] / slope(z);
    VonMises::pathwise(l, {&x, 1}, {&scaled, 1}, gradient);
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const override {
    const double x = angle(mean), width = sd[0] * slope(mean);
    VonMises::start({&x, 1}, {&width, 1}, l);
  }

 private:
  double centre(std::span<const double> l) const override { return wrap(l[0], low_); }
  double angle(std::span<const double> z) const { return low_ + kTurn * inv_logit(z[0]); }
  /// dx/dz.
  static double slope(std::span<const double> z) {
    return kTurn * inv_logit(z[0]) * inv_logit(-z[0]);
  }

  double low_;
};

}  // namespace

ContinuousFactorPtr von_mises_factor() { return std::make_shared<VonMises>(); }
ContinuousFactorPtr von_mises_factor_on(double low) { return std::make_shared<VonMisesOn>(low); }

}  // namespace vinci::infer
