// The semi-implicit variational autoencoder [Yin and Zhou 2018, sec. 4.3]: q(z | x) =
// E_psi[N(z | psi, diag scale(x)^2)], where psi is a network of x and noise and has no density.
// It is trained by the surrogate bound
//     L_K = E log [ p(x, z) / ((1 / (K+1)) sum_{j=0..K} q(z | psi_j)) ],  z ~ q(z | psi_0),
// which is below the ELBO and rises to it with K.  [eq. (9)] Its weights are unbiased for p(x) for
// every K: z is one of K + 1 exchangeable psi's, so that it has the density it is divided by.
#include "deep/core/functions.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"

namespace vinci::deep {
namespace {

class SemiImplicitVae : public Model {
 public:
  explicit SemiImplicitVae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        latent_(request.config.integer("latent")),
        noise_(request.config.integer("mixing-noise")),
        inner_(request.config.integer("inner")),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")) {
    const Config& config = request.config;
    const std::vector<int64_t>& hidden = config.integers("hidden");
    const Activation activation = activation_named(config.text("activation"));
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const int64_t values = request.shape.values();
    encoder_ = Mlp(parameters_, "encoder", values, hidden, activation, ParameterGroup::kInference,
                   initial);
    const int64_t width = config.integer("mixing-hidden");
    // The first layer of the mixing network, split: what comes from x is computed once for all psi.
    from_features_ = Linear(parameters_, "mixing.features", encoder_.outputs(), width,
                            ParameterGroup::kInference, initial);
    from_noise_ =
        Linear(parameters_, "mixing.noise", noise_, width, ParameterGroup::kInference, initial);
    location_ =
        Linear(parameters_, "mixing.location", width, latent_, ParameterGroup::kInference, initial);
    log_scale_ = Linear(parameters_, "log_scale", encoder_.outputs(), latent_,
                        ParameterGroup::kInference, initial);
    activation_ = activation;
    decoder_ = Decoder(parameters_, config, latent_, hidden, request.shape, initial);
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    const auto [fit, kl] = draw(batch.x, samples_, noise);
    result.figures = {{"kl", kl.detach().mean().item<double>()}};
    return bound_loss(bound_, fit, kl, {}, context, result);
  }
  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const auto [fit, kl] = draw(batch.x, k, noise);
    return fit - kl;
  }
  Tensor kl(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return draw(batch.x, 1, noise).second[0];
  }
  /// The mean of 64 draws of psi.
  Tensor encode(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return locations(encoder_(batch.x), 64, noise).mean(0);
  }
  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    return decoder_.mean(code);
  }
  Tensor sample(int64_t count, Noise& noise) override {
    return decode(noise.normal({count, latent_}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Tensor features = encoder_(batch.x);
    const Tensor psi = locations(features, 1, noise)[0];
    return decode(psi + log_scale_(features).exp() * noise.normal(psi.sizes()), noise);
  }

 private:
  /// Draws of psi for each example, [count, B, L].
  Tensor locations(const Tensor& features, int64_t count, Noise& noise) const {
    const Tensor eps = noise.normal({count, features.size(0), noise_});
    return location_(activate(from_features_(features) + from_noise_(eps), activation_));
  }

  /// log p(x | z), and log of the mixture of K + 1 conditionals less log p(z), at k draws: [k, B].
  /// The K psi's besides a draw's own are shared by the k draws.
  std::pair<Tensor, Tensor> draw(const Tensor& x, int64_t k, Noise& noise) const {
    const Tensor features = encoder_(x);
    const Tensor log_scale = log_scale_(features);
    const Tensor own = locations(features, k, noise);
    const Tensor eps = noise.normal(own.sizes());
    const Tensor z = own + log_scale.exp() * eps;
    const Tensor own_density = standard_normal_log_density(eps) - log_scale.sum(-1);  // [k, B]
    Tensor log_q = own_density;
    if (inner_ > 0) {
      const Tensor others = locations(features, inner_, noise);  // [K, B, L]
      const Tensor densities =
          normal_log_density(z.unsqueeze(0), others.unsqueeze(1), log_scale);  // [K, k, B]
      log_q = log_mean_exp(at::cat({own_density.unsqueeze(0), densities}));
    }
    return {decoder_.log_density(z, x), log_q - standard_normal_log_density(z)};
  }

  int64_t latent_;
  int64_t noise_;
  int64_t inner_;
  Bound bound_;
  int64_t samples_;
  Activation activation_ = Activation::kTanh;
  Mlp encoder_;
  Linear from_features_;
  Linear from_noise_;
  Linear location_;
  Linear log_scale_;
  Decoder decoder_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<SemiImplicitVae>(request);
}

}  // namespace

ModelKind sivae_kind() {
  std::vector<Setting> settings = {
      latent_setting(),
      {.name = "inner",
       .value = int64_t{20},
       .help = "draws of psi besides a draw's own in the surrogate bound, K",
       .minimum = 0,
       .maximum = 100000},
      {.name = "mixing-noise",
       .value = int64_t{50},
       .help = "numbers of noise that psi is computed from",
       .minimum = 1,
       .maximum = 65536},
      {.name = "mixing-hidden",
       .value = int64_t{200},
       .help = "width of the layer where noise and image meet",
       .minimum = 1,
       .maximum = 65536},
      hidden_setting("widths of the encoder's hidden layers; the decoder mirrors them"),
      activation_setting(),
  };
  for (Setting& setting : bound_settings("elbo", 1)) {
    // log q of a mixture cannot be held fixed: it has no parameters of its own.
    if (setting.name == "bound") setting.choices = {"elbo", "iwae"};
    settings.push_back(setting);
  }
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {"sivae", "variational autoencoder with a semi-implicit q(z | x)", settings, make};
}

}  // namespace vinci::deep
