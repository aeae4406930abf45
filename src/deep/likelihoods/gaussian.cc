// Values as numbers: N(sigmoid(o), scale^2) with one scale for all values, which is learned: P = 1.
// A density: its nats are not those of the likelihoods of 8-bit values.
#include "deep/core/functions.h"
#include "deep/likelihoods/likelihood.h"

namespace vinci::deep {
namespace {

/// The scale is not below half of a grey level, where the density would reward knowing that levels
/// are whole numbers.
constexpr double kSmallestScale = 0.5 / 255;

class Gaussian : public Likelihood {
 public:
  explicit Gaussian(Parameters& parameters)
      : log_scale_(
            parameters.add("likelihood.log_scale", at::full({1}, -1.5), ParameterGroup::kModel)) {}
  std::string_view name() const override { return "gaussian"; }
  int64_t outputs_per_value() const override { return 1; }
  Tensor log_density(const Tensor& outputs, const Tensor& x) const override {
    return normal_log_density(x, outputs.sigmoid(), log_scale());
  }
  Tensor mean(const Tensor& outputs) const override { return outputs.sigmoid(); }
  Tensor sample(const Tensor& outputs, Noise& noise) const override {
    return outputs.sigmoid() + log_scale().exp() * noise.normal(outputs.sizes());
  }
  Tensor initial_bias(const DataShape& shape) const override {
    if (!shape.mean.defined()) return at::zeros({shape.values()});
    const Tensor mean = shape.mean.clamp(0.001, 0.999);
    return mean.log() - (-mean).log1p();
  }

 private:
  Tensor log_scale() const { return log_scale_.clamp_min(std::log(kSmallestScale)); }

  Tensor log_scale_;  // [1]
};

}  // namespace

std::unique_ptr<Likelihood> make_gaussian(Parameters& parameters) {
  return std::make_unique<Gaussian>(parameters);
}

}  // namespace vinci::deep
