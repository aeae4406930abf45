// A point mass in unconstrained coordinates: parameters that are learned, as in variational EM.
#include <utility>

#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

class Point final : public ContinuousFactor {
 public:
  explicit Point(std::vector<double> scale) : scale_(std::move(scale)) {}

  std::string_view word() const override { return "point"; }
  Support support() const override { return Support::kReal; }
  Index num_values() const override { return num_params(); }
  Index num_unconstrained() const override { return num_params(); }
  Index noise_dim() const override { return 0; }
  Index num_params() const override { return static_cast<Index>(scale_.size()); }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    std::vector<NamedParam> out;
    for (const double v : l) out.push_back({"value", v});
    return out;
  }
  double log_q(std::span<const double>, std::span<const double>) const override { return 0; }
  void log_q_gradient(std::span<const double>, std::span<const double>,
                      std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
  }
  void score_unconstrained(std::span<const double>, std::span<const double>,
                           std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
  }
  double entropy(std::span<const double>) const override { return 0; }
  double entropy_unconstrained(std::span<const double>) const override { return 0; }
  void mean(std::span<const double> l, std::span<double> out) const override {
    std::copy(l.begin(), l.end(), out.begin());
  }
  void variance(std::span<const double>, std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
  }
  /// The metric of the optimiser's steps: a point has no Fisher information of its own.
  void fisher(std::span<const double>, std::span<double> out) const override {
    const size_t n = scale_.size();
    std::fill(out.begin(), out.end(), 0.0);
    for (size_t k = 0; k < n; ++k) out[k * n + k] = 1 / (scale_[k] * scale_[k]);
  }
  void transform(std::span<const double> l, std::span<const double>,
                 std::span<double> z) const override {
    std::copy(l.begin(), l.end(), z.begin());
  }
  void pathwise(std::span<const double>, std::span<const double>, std::span<const double> adjoint,
                std::span<double> gradient) const override {
    std::copy(adjoint.begin(), adjoint.end(), gradient.begin());
  }
  void start(std::span<const double> mean, std::span<const double>,
             std::span<double> l) const override {
    std::copy(mean.begin(), mean.end(), l.begin());
  }

 private:
  std::vector<double> scale_;
};

}  // namespace

ContinuousFactorPtr point_factor(std::vector<double> scale) {
  return std::make_shared<Point>(std::move(scale));
}

}  // namespace vinci::infer
