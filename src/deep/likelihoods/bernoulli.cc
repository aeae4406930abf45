// Black or white, or the expectation over it: P = 1, the logit.
#include "deep/core/functions.h"
#include "deep/likelihoods/likelihood.h"

namespace vinci::deep {
namespace {

class Bernoulli : public Likelihood {
 public:
  std::string_view name() const override { return "bernoulli"; }
  int64_t outputs_per_value() const override { return 1; }
  Tensor log_density(const Tensor& outputs, const Tensor& x) const override {
    return bernoulli_log_density(outputs, x);
  }
  Tensor mean(const Tensor& outputs) const override { return outputs.sigmoid(); }
  Tensor sample(const Tensor& outputs, Noise& noise) const override {
    return noise.bernoulli(outputs.sigmoid());
  }
  Tensor initial_bias(const DataShape& shape) const override {
    if (!shape.mean.defined()) return at::zeros({shape.values()});
    const Tensor mean = shape.mean.clamp(0.001, 0.999);
    return mean.log() - (-mean).log1p();
  }
};

}  // namespace

std::unique_ptr<Likelihood> make_bernoulli() { return std::make_unique<Bernoulli>(); }

}  // namespace vinci::deep
