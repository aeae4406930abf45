// Values in 0..255 as a mixture of K logistic distributions over [-1, 1], rounded; the first and
// the last value take the tails. P = 3 K: logits of the weights, means, log scales. The values of
// an image, its colours too, are independent given the outputs. [Salimans, Karpathy, Chen, Kingma
// 2017, eq. (2)]
#include "deep/likelihoods/likelihood.h"

namespace vinci::deep {
namespace {

/// Of a scale: from an eighth of a grey level to far wider than all of them.
constexpr double kLargestLogScale = 7;

class LogisticMixture : public Likelihood {
 public:
  explicit LogisticMixture(int64_t components) : components_(components) {}
  std::string_view name() const override { return "logistic-mixture"; }
  int64_t outputs_per_value() const override { return 3 * components_; }

  Tensor log_density(const Tensor& outputs, const Tensor& x) const override {
    const Split split = split_of(outputs);
    const Tensor value = (x * 255).round().unsqueeze(-2);
    const Tensor inverse_scale = (-split.log_scales).exp();
    const Tensor centred = value * (2.0 / 255) - 1 - split.means;
    // sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^{b - a}) for a > b: no difference of
    // nearly equal numbers. Without the lower edge it is sigmoid(a), without the upper sigmoid(-b).
    const Tensor above = at::log_sigmoid((centred + 1.0 / 255) * inverse_scale);
    const Tensor below = at::log_sigmoid((1.0 / 255 - centred) * inverse_scale);
    const Tensor width = (-at::expm1(inverse_scale * (-2.0 / 255))).log();
    const Tensor is_first = value.lt(0.5).to(above.scalar_type());
    const Tensor is_last = value.gt(254.5).to(above.scalar_type());
    const Tensor mass =
        above * (1 - is_last) + below * (1 - is_first) + width * (1 - is_first - is_last);
    return (mass + split.logits.log_softmax(-2)).logsumexp(-2).sum(-1);
  }

  /// E[v] = sum_{e = 1..255} P(v >= e).
  Tensor mean(const Tensor& outputs) const override {
    const Split split = split_of(outputs);
    const Tensor weights = split.logits.softmax(-2);
    const Tensor inverse_scale = (-split.log_scales).exp();
    Tensor sum = at::zeros_like(split.means);
    for (int edge = 1; edge <= 255; ++edge)
      sum += ((split.means - ((edge - 0.5) * 2.0 / 255 - 1)) * inverse_scale).sigmoid_();
    return (sum * weights).sum(-2) / 255;
  }

  Tensor sample(const Tensor& outputs, Noise& noise) const override {
    const Split split = split_of(outputs);
    const Tensor chosen =
        (split.logits + noise.gumbel(split.logits.sizes())).argmax(-2, /*keepdim=*/true);
    const Tensor mean = split.means.gather(-2, chosen).squeeze(-2);
    const Tensor log_scale = split.log_scales.gather(-2, chosen).squeeze(-2);
    const Tensor at_logistic = mean + log_scale.exp() * noise.logistic(mean.sizes());
    return ((at_logistic + 1) * 127.5).round().clamp(0, 255) / 255;
  }

  Tensor initial_bias(const DataShape& shape) const override {
    const Tensor mean =
        shape.mean.defined() ? shape.mean.to(at::kCPU) * 2 - 1 : at::zeros({shape.values()});
    std::vector<Tensor> rows;
    for (int64_t i = 0; i < components_; ++i) rows.push_back(at::zeros_like(mean));
    // Apart from one another, or they would stay the same.
    for (int64_t i = 0; i < components_; ++i) {
      const double offset = (static_cast<double>(i) + 0.5) / static_cast<double>(components_) - 0.5;
      rows.push_back(mean + 0.5 * offset);
    }
    for (int64_t i = 0; i < components_; ++i) rows.push_back(at::full_like(mean, -1.5));
    return at::cat(rows);
  }

 private:
  struct Split {  // [..., K, D] each
    Tensor logits;
    Tensor means;
    Tensor log_scales;
  };
  Split split_of(const Tensor& outputs) const {
    const auto parts = by_parameter(outputs, 3 * components_).chunk(3, -2);
    return {parts[0], parts[1], parts[2].clamp(-kLargestLogScale, kLargestLogScale)};
  }

  int64_t components_;
};

}  // namespace

std::unique_ptr<Likelihood> make_logistic_mixture(int64_t components) {
  return std::make_unique<LogisticMixture>(components);
}

}  // namespace vinci::deep
