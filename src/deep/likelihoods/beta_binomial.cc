// Values in 0..255 as successes of 255 trials whose probability is Beta(a, b): P = 2, a and b as
// exp(12 tanh(o / 12)).  [Townsend, Bird, Barber 2019, sec. 3.2]
#include "deep/likelihoods/likelihood.h"

namespace vinci::deep {
namespace {

constexpr int64_t kTrials = 255;
/// |log a| and |log b| stay below this: their log gammas keep 11 digits in double precision.
constexpr double kLargest = 12;

class BetaBinomial : public Likelihood {
 public:
  std::string_view name() const override { return "beta-binomial"; }
  int64_t outputs_per_value() const override { return 2; }

  Tensor log_density(const Tensor& outputs, const Tensor& x) const override {
    const auto [a, b] = shapes_of(outputs);
    const Tensor mass = log_mass((x * kTrials).round().to(at::kDouble), a, b);
    return mass.sum(-1).to(outputs.scalar_type());
  }
  Tensor mean(const Tensor& outputs) const override {
    const auto [a, b] = shapes_of(outputs);
    return (a / (a + b)).to(outputs.scalar_type());
  }
  /// By the inverse of the cumulative masses; O(256 B D).
  Tensor sample(const Tensor& outputs, Noise& noise) const override {
    const auto [a, b] = shapes_of(outputs);
    const Tensor u = noise.uniform(a.sizes()).to(at::kDouble);
    Tensor below = at::zeros_like(a);
    Tensor value = at::zeros_like(a);
    for (int64_t v = 0; v < kTrials; ++v) {
      below += log_mass(at::full({1}, static_cast<double>(v), a.options()), a, b).exp();
      value += u.gt(below).to(at::kDouble);
    }
    return (value / kTrials).to(outputs.scalar_type());
  }
  Tensor initial_bias(const DataShape& shape) const override {
    if (!shape.mean.defined()) return at::zeros({2 * shape.values()});
    const Tensor mean = shape.mean.clamp(0.001, 0.999);
    return at::atanh(at::cat({mean.log(), (-mean).log1p()}) / kLargest) * kLargest;
  }

 private:
  /// log C(n, v) + log B(v + a, n - v + b) - log B(a, b), in double precision: the log gammas
  /// nearly cancel.
  static Tensor log_mass(const Tensor& v, const Tensor& a, const Tensor& b) {
    const Tensor choose =
        std::lgamma(kTrials + 1.0) - at::lgamma(v + 1) - at::lgamma(kTrials - v + 1);
    const Tensor sum = a + b;
    return choose + at::lgamma(v + a) + at::lgamma(kTrials - v + b) - at::lgamma(sum + kTrials) -
           at::lgamma(a) - at::lgamma(b) + at::lgamma(sum);
  }
  static std::pair<Tensor, Tensor> shapes_of(const Tensor& outputs) {
    const auto parts =
        ((by_parameter(outputs.to(at::kDouble), 2) / kLargest).tanh() * kLargest).exp().unbind(-2);
    return {parts[0], parts[1]};
  }
};

}  // namespace

std::unique_ptr<Likelihood> make_beta_binomial() { return std::make_unique<BetaBinomial>(); }

}  // namespace vinci::deep
