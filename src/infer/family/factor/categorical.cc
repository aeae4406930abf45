// Categorical: x in 0, ..., K - 1 with probabilities proportional to e^{lambda_0}, ...,
// e^{lambda_{K-2}}, 1.
#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

class Categorical final : public Factor {
 public:
  explicit Categorical(Index num_values) : k_(static_cast<size_t>(num_values)) {}

  std::string_view word() const override { return "categorical"; }
  Support support() const override { return Support::kCategory; }
  Index num_params() const override { return static_cast<Index>(k_) - 1; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    std::vector<NamedParam> out;
    for (size_t k = 0; k < k_; ++k) {
      out.push_back({"probability[" + std::to_string(k) + "]", std::exp(log_p(l, k))});
    }
    return out;
  }
  double log_density(std::span<const double> l, std::span<const double> x) const override {
    if (!(x[0] >= 0 && x[0] < static_cast<double>(k_)) || x[0] != std::floor(x[0])) {
      return -kFactorInfinity;
    }
    return log_p(l, static_cast<size_t>(x[0]));
  }
  void score(std::span<const double> l, std::span<const double> x,
             std::span<double> out) const override {
    for (size_t k = 0; k + 1 < k_; ++k) {
      out[k] = (x[0] == static_cast<double>(k) ? 1 : 0) - std::exp(log_p(l, k));
    }
  }
  double entropy(std::span<const double> l) const override {
    double sum = 0;
    for (size_t k = 0; k < k_; ++k) {
      const double v = log_p(l, k), p = std::exp(v);
      if (p > 0) sum -= p * v;  // 0 log 0 = 0
    }
    return sum;
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    out[0] = 0;
    for (size_t k = 1; k < k_; ++k) out[0] += static_cast<double>(k) * std::exp(log_p(l, k));
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    double m = 0, sum = 0;
    mean(l, {&m, 1});
    for (size_t k = 0; k < k_; ++k) {
      const double d = static_cast<double>(k) - m;
      sum += d * d * std::exp(log_p(l, k));
    }
    out[0] = sum;
  }
  void fisher(std::span<const double> l, std::span<double> out) const override {
    const size_t n = k_ - 1;
    for (size_t i = 0; i < n; ++i) {
      const double p = std::exp(log_p(l, i));
      for (size_t j = 0; j < n; ++j) out[i * n + j] = -p * std::exp(log_p(l, j));
      out[i * n + i] += p;
    }
  }
  void draw(std::span<const double> l, std::span<const double> u,
            std::span<double> x) const override {
    double below = 0;
    for (size_t k = 0; k + 1 < k_; ++k) {
      below += std::exp(log_p(l, k));
      if (u[0] < below) {
        x[0] = static_cast<double>(k);
        return;
      }
    }
    x[0] = static_cast<double>(k_ - 1);
  }

 protected:
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const override {
    double sum = 0;
    for (size_t k = 0; k < k_; ++k) {
      const double v = log_p(l, k), p = std::exp(v);
      if (p > 0) sum += p * (v - log_p(other, k));
    }
    return sum;
  }

 private:
  double log_p(std::span<const double> l, size_t k) const {
    double top = 0, sum = 0;
    for (const double v : l) top = std::max(top, v);
    for (const double v : l) sum += std::exp(v - top);
    sum += std::exp(-top);
    return (k + 1 < k_ ? l[k] : 0.0) - top - std::log(sum);
  }

  size_t k_;
};

}  // namespace

FactorPtr categorical_factor(Index num_values) { return std::make_shared<Categorical>(num_values); }

}  // namespace vinci::infer
