// The sigmoid belief network as a variational autoencoder [Neal 1992; Mnih and Gregor 2014]: 1 to 3
// layers of binary or categorical variables,
//     b_L ~ p(b_L), b_l ~ p(b_l | b_{l+1}), x ~ Bernoulli(b_1);  q(b_1 | x), q(b_{l+1} | b_l).
// Layers see 2b - 1, and q sees x less the mean of the training images, as in [Tucker et al. 2017;
// Grathwohl et al. 2018].
#include "deep/core/functions.h"
#include "deep/models/discrete_model.h"

namespace vinci::deep {
namespace {

class DiscreteVae : public DiscreteModel {
 public:
  explicit DiscreteVae(const ModelRequest& request)
      : DiscreteModel(request, layers_of(request.config)), likelihood_(make_bernoulli()) {
    const std::vector<int64_t> hidden = hidden_of(request.config);
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const int64_t values = request.shape.values();
    mean_ = parameters_.add_buffer(
        "input-mean", request.shape.mean.defined() ? request.shape.mean : at::full({values}, 0.5));
    int64_t below = values;
    for (size_t l = 0; l < layers().size(); ++l) {
      const int64_t width = layers()[l].width();
      const std::string name = std::to_string(l + 1);
      up_.emplace_back(parameters_, "q." + name, below, hidden, width, ParameterGroup::kInference,
                       initial);
      down_.emplace_back(parameters_, "p." + name, width, hidden, below, ParameterGroup::kModel,
                         initial);
      below = width;
    }
    prior_ = parameters_.add("prior", at::zeros({below}), ParameterGroup::kModel);
    {
      WithoutGradient scope;
      down_[0].outputs.bias.copy_(likelihood_->initial_bias(request.shape));
    }
    start_estimator(request, initial);
  }

  Tensor logits(size_t layer, const Tensor& x, const Tensor& below) const override {
    return layer == 0 ? up_[0](x - mean_).unsqueeze(0) : up_[layer](below * 2 - 1);
  }

  Tensor value(const Tensor& x, const Chain& chain) const override {
    Tensor log_p = prior_log_density(chain), log_q;
    for (size_t l = 0; l < layers().size(); ++l) {
      const Tensor own =
          layer_log_density(layers()[l], chain.logits[l], chain, l, chain.temperature);
      log_q = l == 0 ? own : log_q + own;
      if (l > 0)
        log_p = log_p + layer_log_density(layers()[l - 1], down(l, chain.values[l]), chain, l - 1,
                                          chain.prior_temperature);
    }
    Tensor ratio = log_p - log_q;
    if (kl_weight_ != 1) ratio = ratio * kl_weight_;
    return likelihood_->log_density(down(0, chain.values[0]), x) + ratio;
  }

  Tensor context(const Tensor& x) const override { return x - mean_; }
  int64_t context_width() const override { return mean_.numel(); }

  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    return likelihood_->mean(down(0, code));
  }
  Tensor sample(int64_t count, Noise& noise) override {
    WithoutGradient scope;
    Tensor mean = mean_of(layers().back(), prior_).expand({1, count, -1});
    for (size_t l = layers().size() - 1;; --l) {
      const Tensor b = draw(layers()[l], mean, noise.uniform({1, count, layers()[l].count}));
      if (l == 0) return decode(b[0], noise);
      mean = mean_of(layers()[l - 1], down(l, b));
    }
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Tensor mean = mean_of(layers()[0], logits(0, batch.x, {}));
    return decode(
        draw(layers()[0], mean, noise.uniform({1, batch.x.size(0), layers()[0].count}))[0], noise);
  }
  Tensor kl(const Batch& batch, Noise&) override {
    if (layers().size() > 1) return {};
    WithoutGradient scope;
    // E_q[log q(b) - log p(b)] is linear in the means of b.
    const Units& units = layers()[0];
    const Tensor q = logits(0, batch.x, {});
    const Tensor mean = mean_of(units, q);
    return (log_mass(units, q, mean) - log_mass(units, prior_, mean))[0];
  }

 private:
  /// Logits of the layer below layer l, or of x.
  Tensor down(size_t l, const Tensor& b) const { return down_[l](b * 2 - 1); }

  Tensor prior_log_density(const Chain& chain) const {
    const size_t top = layers().size() - 1;
    if (!chain.unbounded.empty() || !layers()[top].binary())
      return layer_log_density(layers()[top], prior_, chain, top, chain.prior_temperature);
    // One product of a matrix and a vector.
    return at::matmul(chain.values[top], prior_) - at::softplus(prior_).sum();
  }

  Tensor mean_;  // [D]
  std::vector<Link> up_;
  std::vector<Link> down_;
  Tensor prior_;
  std::unique_ptr<Likelihood> likelihood_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<DiscreteVae>(request);
}

}  // namespace

ModelKind discrete_vae_kind() {
  std::vector<Setting> settings = discrete_settings(1, 200);
  for (const Setting& setting : estimator_settings("disarm", "elbo", 2))
    settings.push_back(setting);
  return {"dvae", "autoencoder with binary or categorical variables, a sigmoid belief network",
          settings, make};
}

}  // namespace vinci::deep
