// Dirichlet(alpha): its stick-breaking shares v_k = x_k / (x_k + ... + x_K) are independent
// Beta(alpha_k, alpha_{k+1} + ... + alpha_K), and the coordinates of a simplex are the logits of
// these, shifted. So draws, density and pathwise derivatives are those of K - 1 betas.
// [Connor and Mosimann 1969, doi 10.1080/01621459.1969.10500963]
#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

using numeric::digamma;
using numeric::inv_logit;
using numeric::lgamma;
using numeric::log1p_exp;
using numeric::trigamma;

class Dirichlet final : public ContinuousFactor {
 public:
  explicit Dirichlet(Index num_values) : k_(static_cast<size_t>(num_values)) {}

  std::string_view word() const override { return "dirichlet"; }
  Support support() const override { return Support::kSimplex; }
  Index num_values() const override { return static_cast<Index>(k_); }
  Index num_unconstrained() const override { return static_cast<Index>(k_) - 1; }
  Index num_params() const override { return static_cast<Index>(k_); }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    std::vector<NamedParam> out;
    for (size_t k = 0; k < k_; ++k) {
      out.push_back({"alpha[" + std::to_string(k + 1) + "]", std::exp(l[k])});
    }
    return out;
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    double rest = std::exp(l[k_ - 1]), sum = -lgamma(rest);
    for (size_t k = k_ - 1; k-- > 0;) {
      const double a = std::exp(l[k]), y = shifted(z, k);
      sum -= a * log1p_exp(-y) + rest * log1p_exp(y) + lgamma(a);
      rest += a;
    }
    return sum + lgamma(rest);
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    double rest = std::exp(l[k_ - 1]);
    for (size_t k = k_ - 1; k-- > 0;) {
      const double a = std::exp(l[k]), y = shifted(z, k);
      out[k] = a * inv_logit(-y) - rest * inv_logit(y);
      rest += a;
    }
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    const double psi = digamma(total(l));
    double log_stick = 0;
    for (size_t k = 0; k < k_; ++k) {
      const double a = std::exp(l[k]);
      double log_x = log_stick;
      if (k + 1 < k_) {
        const double y = shifted(z, k);
        log_x -= log1p_exp(-y);
        log_stick -= log1p_exp(y);
      }
      out[k] = a * (log_x - digamma(a) + psi);
    }
  }
  double entropy(std::span<const double> l) const override {
    const double n = total(l);
    double sum = -lgamma(n) + (n - static_cast<double>(k_)) * digamma(n);
    for (const double log_a : l) {
      const double a = std::exp(log_a);
      sum += lgamma(a) - (a - 1) * digamma(a);
    }
    return sum;
  }
  double entropy_unconstrained(std::span<const double> l) const override {
    const double n = total(l);
    double sum = -lgamma(n) + n * digamma(n);
    for (const double log_a : l) {
      const double a = std::exp(log_a);
      sum += lgamma(a) - a * digamma(a);
    }
    return sum;
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    const double n = total(l);
    for (size_t k = 0; k < k_; ++k) out[k] = std::exp(l[k]) / n;
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    const double n = total(l);
    for (size_t k = 0; k < k_; ++k) {
      const double m = std::exp(l[k]) / n;
      out[k] = m * (1 - m) / (n + 1);
    }
  }
  void fisher(std::span<const double> l, std::span<double> out) const override {
    const double common = trigamma(total(l));
    for (size_t i = 0; i < k_; ++i) {
      const double a = std::exp(l[i]);
      for (size_t j = 0; j < k_; ++j) out[i * k_ + j] = -a * std::exp(l[j]) * common;
      out[i * k_ + i] += a * a * trigamma(a);
    }
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    double rest = std::exp(l[k_ - 1]);
    for (size_t k = k_ - 1; k-- > 0;) {
      const double a = std::exp(l[k]);
      z[k] = numeric::logit_beta_quantile(a, rest, u[k]) + shift(k);
      rest += a;
    }
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const override {
    // Share k moves with alpha_k, and through its second parameter with every later alpha.
    std::vector<double> later(k_, 0.0);
    double rest = std::exp(l[k_ - 1]);
    gradient[k_ - 1] = 0;
    for (size_t k = k_ - 1; k-- > 0;) {
      const double a = std::exp(l[k]);
      double own = 0;
      numeric::logit_beta_quantile_derivatives(a, rest, shifted(z, k), &own, &later[k]);
      gradient[k] = a * adjoint[k] * own;
      rest += a;
    }
    double earlier = 0;
    for (size_t k = 0; k + 1 < k_; ++k) {
      earlier += adjoint[k] * later[k];
      gradient[k + 1] += std::exp(l[k + 1]) * earlier;
    }
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const override {
    // Each share tells of the total; their geometric mean starts the fit.
    std::vector<double> x(k_);
    constrain(mean, x);
    double stick = 1, sum = 0;
    for (size_t k = 0; k + 1 < k_; ++k) {
      const double v = inv_logit(shifted(mean, k));
      const double n = 1 / std::max(sd[k] * sd[k] * v * (1 - v), 1e-12);
      sum += std::log(n / std::max(stick, 1e-12));
      stick *= 1 - v;
    }
    const double log_total = k_ > 1 ? sum / static_cast<double>(k_ - 1) : 0;
    for (size_t k = 0; k < k_; ++k)
      l[k] = std::max(log_total + std::log(std::max(x[k], 1e-12)), -3.0);
  }

 protected:
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const override {
    const double n = total(l), psi = digamma(n);
    double sum = lgamma(n) - lgamma(total(other));
    for (size_t k = 0; k < k_; ++k) {
      const double a = std::exp(l[k]), b = std::exp(other[k]);
      sum += lgamma(b) - lgamma(a) + (a - b) * (digamma(a) - psi);
    }
    return sum;
  }

 private:
  double shift(size_t k) const { return std::log(static_cast<double>(k_ - 1 - k)); }
  /// The logit of share k.
  double shifted(std::span<const double> z, size_t k) const { return z[k] - shift(k); }
  static double total(std::span<const double> l) {
    double sum = 0;
    for (const double log_a : l) sum += std::exp(log_a);
    return sum;
  }

  size_t k_;
};

}  // namespace

ContinuousFactorPtr dirichlet_factor(Index num_values) {
  return std::make_shared<Dirichlet>(num_values);
}

}  // namespace vinci::infer
