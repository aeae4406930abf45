// The variational autoencoder with several stochastic layers [Burda, Grosse, Salakhutdinov 2015,
// sec. 5]: z_L ~ N(0, I), z_l ~ p(z_l | z_{l+1}), x ~ p(x | z_1); q goes up from x,
// q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}); all conditionals are diagonal normals of networks.
#include "base/check.h"
#include "deep/core/functions.h"
#include "deep/core/layers.h"
#include "deep/models/bound.h"
#include "deep/models/model.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

/// N(mean, diag scale^2) with mean and log scale computed from a layer's value.
struct Conditional {
  Mlp hidden;
  Linear parameters;

  std::pair<Tensor, Tensor> operator()(const Tensor& given) const {  // mean, log scale
    const auto halves = parameters(hidden(given)).chunk(2, -1);
    return {halves[0], halves[1]};
  }
  /// The same function with its numbers held fixed.
  Conditional held() const {
    Conditional copy = *this;
    for (Linear& layer : copy.hidden.layers) {
      layer.weight = layer.weight.detach();
      layer.bias = layer.bias.detach();
    }
    copy.parameters.weight = copy.parameters.weight.detach();
    copy.parameters.bias = copy.parameters.bias.detach();
    return copy;
  }
};

class HierarchicalVae : public Model {
 public:
  explicit HierarchicalVae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")),
        latents_(request.config.integers("latents")) {
    const Config& config = request.config;
    if (latents_.empty())
      throw Error(Error::Kind::kUsage,
                  "`latents` is empty; it is a list of the widths of the stochastic layers, from "
                  "the one next to the image, such as 100,50.");
    const Activation activation = activation_named(config.text("activation"));
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const int64_t values = request.shape.values();
    const auto widths = [&](size_t layer) {
      return config.integers(layer == 0 ? "hidden" : "upper-hidden");
    };
    for (size_t layer = 0; layer < latents_.size(); ++layer)
      up_.push_back(conditional("up" + std::to_string(layer + 1),
                                layer == 0 ? values : latents_[layer - 1], widths(layer),
                                latents_[layer], activation, ParameterGroup::kInference, initial));
    for (size_t layer = 0; layer + 1 < latents_.size(); ++layer) {
      const std::vector<int64_t> hidden = widths(layer + 1);
      down_.push_back(conditional("down" + std::to_string(layer + 1), latents_[layer + 1],
                                  {hidden.rbegin(), hidden.rend()}, latents_[layer], activation,
                                  ParameterGroup::kModel, initial));
    }
    const std::vector<int64_t> hidden = widths(0);
    decoder_ = Mlp(parameters_, "decoder", latents_[0], {hidden.rbegin(), hidden.rend()},
                   activation, ParameterGroup::kModel, initial);
    likelihood_ = make_likelihood(config, parameters_);
    outputs_ = Linear(parameters_, "outputs", decoder_.outputs(),
                      likelihood_->outputs_per_value() * values, ParameterGroup::kModel, initial);
    WithoutGradient scope;
    outputs_.bias.copy_(likelihood_->initial_bias(request.shape));
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    std::vector<std::shared_ptr<Tensor>> scales;
    const Terms terms = draw(batch.x, samples_, noise, &scales);
    Tensor log_weights = terms.fit;
    for (const Tensor& kl : terms.kl)
      log_weights = log_weights - (context.kl_weight == 1 ? kl : kl * context.kl_weight);
    Tensor value;
    const Tensor scalar = bound_loss(bound_, log_weights, scales, value);
    result.bound = value.mean().item<double>();
    for (size_t layer = 0; layer < terms.kl.size(); ++layer)
      result.figures.emplace_back("kl" + std::to_string(layer + 1),
                                  terms.kl[layer].detach().mean().item<double>());
    return scalar;
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const Terms terms = draw(batch.x, k, noise, nullptr);
    Tensor sum = terms.fit;
    for (const Tensor& kl : terms.kl) sum = sum - kl;
    return sum;
  }

  Tensor kl(const Batch& batch, Noise& noise) override {
    Tensor sum;
    for (const auto& figure : figures(batch, noise))
      sum = sum.defined() ? sum + figure.second : figure.second;
    return sum;
  }

  /// KL of each layer by one draw.
  std::vector<std::pair<std::string, Tensor>> figures(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Terms terms = draw(batch.x, 1, noise, nullptr);
    std::vector<std::pair<std::string, Tensor>> all;
    for (size_t layer = 0; layer < terms.kl.size(); ++layer)
      all.emplace_back("KL of layer " + std::to_string(layer + 1), terms.kl[layer][0]);
    return all;
  }

  /// The mean of the uppermost layer at the means of those below.
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    Tensor value = batch.x;
    for (const Conditional& q : up_) value = q(value).first;
    return value;
  }
  Tensor decode(const Tensor& code, Noise& noise) override {
    WithoutGradient scope;
    Tensor z = code;
    for (size_t layer = down_.size(); layer-- > 0;) {
      const auto [mean, log_scale] = down_[layer](z);
      z = mean + log_scale.exp() * noise.normal(mean.sizes());
    }
    return likelihood_->mean(outputs_(decoder_(z)));
  }
  Tensor sample(int64_t count, Noise& noise) override {
    return decode(noise.normal({count, latents_.back()}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const auto [mean, log_scale] = up_[0](batch.x);
    const Tensor z = mean + log_scale.exp() * noise.normal(mean.sizes());
    return likelihood_->mean(outputs_(decoder_(z)));
  }

 private:
  struct Terms {
    Tensor fit;              // log p(x | z_1), [k, B]
    std::vector<Tensor> kl;  // log q - log p of each layer at the draws, [k, B]
  };

  Conditional conditional(const std::string& name, int64_t inputs,
                          const std::vector<int64_t>& hidden, int64_t outputs,
                          Activation activation, ParameterGroup group, Noise& initial) {
    Conditional made;
    made.hidden = Mlp(parameters_, name, inputs, hidden, activation, group, initial);
    made.parameters = Linear(parameters_, name + ".parameters", made.hidden.outputs(), 2 * outputs,
                             group, initial);
    return made;
  }

  /// `scales`: where a loss is to be differentiated, the hooks of the doubly reparameterised bound.
  Terms draw(const Tensor& x, int64_t k, Noise& noise,
             std::vector<std::shared_ptr<Tensor>>* scales) const {
    const bool training = scales != nullptr;
    const size_t layers = up_.size();
    std::vector<Tensor> z(layers);      // as the densities see them
    std::vector<Tensor> log_q(layers);  // [k, B]
    Tensor below = x;                   // the value that z_l is computed from
    Tensor below_seen = x;              // the same value as log q sees it
    for (size_t layer = 0; layer < layers; ++layer) {
      const auto [mean, log_scale] = up_[layer](below);
      const Tensor eps = noise.normal({k, x.size(0), latents_[layer]});
      const Tensor drawn = mean + log_scale.exp() * eps;
      Tensor seen = drawn;
      if (training && bound_ == Bound::kIwaeDreg) {
        // The weight multiplies what the densities send back to z_l once, not again on the way
        // from z_{l+1} through its network: so the hook is on an alias that only densities see.
        seen = drawn.alias();
        scales->push_back(scale_gradient(seen));
      }
      if (training && detaches_q(bound_)) {
        const auto [held_mean, held_log_scale] = up_[layer].held()(below_seen);
        log_q[layer] = normal_log_density(seen, held_mean, held_log_scale);
      } else {
        log_q[layer] = standard_normal_log_density(eps) - log_scale.sum(-1);
      }
      z[layer] = seen;
      below = drawn;
      below_seen = seen;
    }
    Terms terms;
    terms.fit = likelihood_->log_density(outputs_(decoder_(z[0])), x);
    for (size_t layer = 0; layer < layers; ++layer) {
      if (layer + 1 == layers) {
        terms.kl.push_back(log_q[layer] - standard_normal_log_density(z[layer]));
      } else {
        const auto [mean, log_scale] = down_[layer](z[layer + 1]);
        terms.kl.push_back(log_q[layer] - normal_log_density(z[layer], mean, log_scale));
      }
    }
    return terms;
  }

  Bound bound_;
  int64_t samples_;
  std::vector<int64_t> latents_;   // from the layer next to x
  std::vector<Conditional> up_;    // q(z_l | z_{l-1}), z_0 = x
  std::vector<Conditional> down_;  // p(z_l | z_{l+1})
  Mlp decoder_;
  Linear outputs_;
  std::unique_ptr<Likelihood> likelihood_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<HierarchicalVae>(request);
}

}  // namespace

ModelKind hvae_kind() {
  std::vector<Setting> settings = {
      {.name = "latents",
       .value = std::vector<int64_t>{100, 50},
       .help = "latent variables of each stochastic layer, from the one next to the image",
       .minimum = 1,
       .maximum = 65536},
      {.name = "hidden",
       .value = std::vector<int64_t>{200, 200},
       .help = "widths of the hidden layers between the image and the first stochastic layer",
       .minimum = 1,
       .maximum = 65536},
      {.name = "upper-hidden",
       .value = std::vector<int64_t>{100, 100},
       .help = "widths of the hidden layers between two stochastic layers",
       .minimum = 1,
       .maximum = 65536},
      {.name = "activation",
       .value = std::string("tanh"),
       .help = "of the hidden layers",
       .choices = {"tanh", "relu", "leaky-relu", "softplus", "elu"}},
  };
  for (const Setting& setting : bound_settings("iwae", 5)) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {"hvae", "variational autoencoder with several stochastic layers", settings, make};
}

}  // namespace vinci::deep
