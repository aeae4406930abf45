// The variational autoencoder with several stochastic layers [Burda, Grosse, Salakhutdinov 2015,
// sec. 5]: z_L ~ N(0, I), z_l ~ p(z_l | z_{l+1}), x ~ p(x | z_1); q goes up from x,
// q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}); all conditionals are diagonal normals of networks.
#include "base/check.h"
#include "deep/core/functions.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

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
    const auto network = [&](const char* way, size_t layer, int64_t inputs,
                             const std::vector<int64_t>& hidden, int64_t variables,
                             ParameterGroup group) {
      const std::string name = way + std::to_string(layer + 1);
      return NormalNetwork(parameters_, name, name + ".parameters", inputs, hidden, variables,
                           activation, group, initial);
    };
    for (size_t layer = 0; layer < latents_.size(); ++layer)
      up_.push_back(network("up", layer, layer == 0 ? values : latents_[layer - 1], widths(layer),
                            latents_[layer], ParameterGroup::kInference));
    for (size_t layer = 0; layer + 1 < latents_.size(); ++layer) {
      const std::vector<int64_t> hidden = widths(layer + 1);
      down_.push_back(network("down", layer, latents_[layer + 1], {hidden.rbegin(), hidden.rend()},
                              latents_[layer], ParameterGroup::kModel));
    }
    decoder_ = Decoder(parameters_, config, latents_[0], widths(0), request.shape, initial);
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    std::vector<std::shared_ptr<Tensor>> scales;
    const Terms terms = draw(batch.x, samples_, noise, &scales);
    for (size_t layer = 0; layer < terms.kl.size(); ++layer)
      result.figures.emplace_back("kl" + std::to_string(layer + 1),
                                  terms.kl[layer].detach().mean().item<double>());
    return bound_loss(bound_, terms.fit, terms.total_kl(), scales, context, result);
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const Terms terms = draw(batch.x, k, noise, nullptr);
    return terms.fit - terms.total_kl();
  }

  Tensor kl(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return draw(batch.x, 1, noise, nullptr).total_kl()[0];
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
    for (const NormalNetwork& q : up_) value = q(value).mean;
    return value;
  }
  Tensor decode(const Tensor& code, Noise& noise) override {
    WithoutGradient scope;
    Tensor z = code;
    for (size_t layer = down_.size(); layer-- > 0;) z = down_[layer](z).draw(noise);
    return decoder_.mean(z);
  }
  Tensor sample(int64_t count, Noise& noise) override {
    return decode(noise.normal({count, latents_.back()}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return decoder_.mean(up_[0](batch.x).draw(noise));
  }

 private:
  struct Terms {
    Tensor fit;              // log p(x | z_1), [k, B]
    std::vector<Tensor> kl;  // log q - log p of each layer at the draws, [k, B]

    Tensor total_kl() const {
      Tensor sum = kl[0];
      for (size_t layer = 1; layer < kl.size(); ++layer) sum = sum + kl[layer];
      return sum;
    }
  };

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
      const Normal q = up_[layer](below);
      const Tensor eps = noise.normal({k, x.size(0), latents_[layer]});
      const Tensor drawn = q.at(eps);
      Tensor seen = drawn;
      if (training && bound_ == Bound::kIwaeDreg) {
        // The weight multiplies what the densities send back to z_l once, not again on the way
        // from z_{l+1} through its network: so the hook is on an alias that only densities see.
        seen = drawn.alias();
        scales->push_back(scale_gradient(seen));
      }
      if (training && detaches_q(bound_)) {
        const Normal held = up_[layer].held()(below_seen);
        log_q[layer] = normal_log_density(seen, held.mean, held.log_scale);
      } else {
        log_q[layer] = standard_normal_log_density(eps) - q.log_scale.sum(-1);
      }
      z[layer] = seen;
      below = drawn;
      below_seen = seen;
    }
    Terms terms;
    terms.fit = decoder_.log_density(z[0], x);
    for (size_t layer = 0; layer < layers; ++layer) {
      if (layer + 1 == layers) {
        terms.kl.push_back(log_q[layer] - standard_normal_log_density(z[layer]));
      } else {
        const Normal p = down_[layer](z[layer + 1]);
        terms.kl.push_back(log_q[layer] - normal_log_density(z[layer], p.mean, p.log_scale));
      }
    }
    return terms;
  }

  Bound bound_;
  int64_t samples_;
  std::vector<int64_t> latents_;     // from the layer next to x
  std::vector<NormalNetwork> up_;    // q(z_l | z_{l-1}), z_0 = x
  std::vector<NormalNetwork> down_;  // p(z_l | z_{l+1})
  Decoder decoder_;
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
      hidden_setting(
          "widths of the hidden layers between the image and the first stochastic layer"),
      {.name = "upper-hidden",
       .value = std::vector<int64_t>{100, 100},
       .help = "widths of the hidden layers between two stochastic layers",
       .minimum = 1,
       .maximum = 65536},
      activation_setting(),
  };
  for (const Setting& setting : bound_settings("iwae", 5)) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {"hvae", "variational autoencoder with several stochastic layers", settings, make};
}

}  // namespace vinci::deep
