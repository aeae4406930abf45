// Structured prediction: the lower half y of an image from its upper half x through layers of
// binary or categorical variables, drawn from p itself [Raiko et al. 2015; Maddison, Mnih, Teh
// 2017, sec. 5.2]:
//     b_1 ~ p(b_1 | x), b_{l+1} ~ p(b_{l+1} | b_l), y ~ Bernoulli(b_L).
// With q = p the value is log p(y | b_L), and L_k a bound on log p(y | x). The layers' parameters
// count as q's: they are what draws.
#include "deep/core/functions.h"
#include "deep/models/discrete_model.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

class StructuredPrediction : public DiscreteModel {
 public:
  explicit StructuredPrediction(const ModelRequest& request)
      : DiscreteModel(request, layers_of(request.config)),
        shape_(request.shape),
        upper_rows_(request.shape.height / 2),
        likelihood_(make_bernoulli()) {
    const Config& config = request.config;
    if (upper_rows_ == 0)
      throw Error(Error::Kind::kInput,
                  "The images have one row; the lower half is predicted from the upper one, which "
                  "takes at least two.");
    if (config.has("kl-warmup") && config.integer("kl-warmup") > 0)
      throw Error(Error::Kind::kUsage,
                  "`kl-warmup` is set, but in the model `structured` there is no KL: its variables "
                  "are drawn from p.");
    const std::vector<int64_t> hidden = hidden_of(config);
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const Tensor mean =
        request.shape.mean.defined() ? request.shape.mean : at::full({request.shape.values()}, 0.5);
    mean_ = parameters_.add_buffer("input-mean", upper(mean.unsqueeze(0))[0]);
    int64_t below = mean_.numel();
    for (const Units& units : layers()) {
      links_.emplace_back(parameters_, "layer." + std::to_string(links_.size() + 1), below, hidden,
                          units.width(), ParameterGroup::kInference, initial);
      below = units.width();
    }
    outputs_ = Link(parameters_, "outputs", below, hidden, shape_.values() - mean_.numel(),
                    ParameterGroup::kModel, initial);
    {
      WithoutGradient scope;
      outputs_.outputs.bias.copy_(lower(likelihood_->initial_bias(request.shape).unsqueeze(0))[0]);
    }
    start_estimator(request, initial);
  }

  Tensor logits(size_t layer, const Tensor& x, const Tensor& below) const override {
    return layer == 0 ? links_[0](context(x)).unsqueeze(0) : links_[layer](below * 2 - 1);
  }
  Tensor value(const Tensor& x, const Chain& chain) const override {
    return likelihood_->log_density(outputs_(chain.values.back() * 2 - 1), lower(x));
  }
  Tensor context(const Tensor& x) const override { return upper(x) - mean_; }
  int64_t context_width() const override { return mean_.numel(); }
  int64_t given_values() const override { return mean_.numel(); }

  /// The upper half stays blank: a code does not hold it.
  Tensor decode(const Tensor& code, Noise& noise) override {
    WithoutGradient scope;
    const Tensor blank =
        at::zeros({code.size(0), shape_.channels, upper_rows_, shape_.width}, code.options());
    return joined(blank, lower_mean(code.unsqueeze(0), noise));
  }
  Tensor sample(int64_t, Noise&) override {
    throw Error(Error::Kind::kUsage,
                "The model `structured` draws the lower half of an image given its upper half: use "
                "`vinci deep reconstruct`.");
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Units& units = layers()[0];
    const Tensor b = draw(units, mean_of(units, logits(0, batch.x, {})),
                          noise.uniform({1, batch.x.size(0), units.count}));
    return joined(image(batch.x).narrow(2, 0, upper_rows_), lower_mean(b, noise));
  }

 private:
  Tensor image(const Tensor& x) const {
    return x.view({x.size(0), shape_.channels, shape_.height, shape_.width});
  }
  Tensor upper(const Tensor& x) const { return image(x).narrow(2, 0, upper_rows_).flatten(1); }
  Tensor lower(const Tensor& x) const {
    return image(x).narrow(2, upper_rows_, shape_.height - upper_rows_).flatten(1);
  }
  Tensor joined(const Tensor& upper_half, const Tensor& lower_half) const {
    return at::cat({upper_half,
                    lower_half.view({upper_half.size(0), shape_.channels, -1, shape_.width})},
                   2)
        .flatten(1);
  }
  /// [B, lower half] at values of the first layer, [1, B, width]; further layers are drawn.
  Tensor lower_mean(Tensor b, Noise& noise) const {
    for (size_t l = 1; l < layers().size(); ++l)
      b = draw(layers()[l], mean_of(layers()[l], logits(l, {}, b)),
               noise.uniform({1, b.size(1), layers()[l].count}));
    return likelihood_->mean(outputs_(b[0] * 2 - 1));
  }

  DataShape shape_;
  int64_t upper_rows_;
  Tensor mean_;  // of the upper half
  std::vector<Link> links_;
  Link outputs_;
  std::unique_ptr<Likelihood> likelihood_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<StructuredPrediction>(request);
}

}  // namespace

ModelKind structured_prediction_kind() {
  std::vector<Setting> settings = discrete_settings(2, 240);
  for (const Setting& setting : estimator_settings("disarm", "iwae", 5))
    settings.push_back(setting);
  return {"structured", "the lower half of an image from the upper, through discrete layers",
          settings, make};
}

}  // namespace vinci::deep
