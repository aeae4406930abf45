// The variational autoencoder [Kingma and Welling 2013; Rezende, Mohamed, Wierstra 2014], and the
// same network trained by the importance-weighted bound [Burda, Grosse, Salakhutdinov 2015]:
//     z ~ N(0, I), x ~ p(x | decoder(z)); q(z | x) = N(mean(x), diag scale(x)^2).
#include "deep/core/functions.h"
#include "deep/core/optimizer.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"

namespace vinci::deep {
namespace {

class Vae : public Model {
 public:
  explicit Vae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")),
        analytic_(request.config.flag("analytic-kl")) {
    const Config& config = request.config;
    const int64_t latent = config.integer("latent");
    const std::vector<int64_t>& hidden = config.integers("hidden");
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    posterior_ = NormalNetwork(parameters_, "encoder", "posterior", request.shape.values(), hidden,
                               latent, activation_named(config.text("activation")),
                               ParameterGroup::kInference, initial);
    decoder_ = Decoder(parameters_, config, latent, hidden, request.shape, initial);
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    const Normal q = posterior_(batch.x);
    const Tensor eps = noise.normal({samples_, batch.x.size(0), q.mean.size(-1)});
    Tensor z = q.at(eps);
    const bool plain_elbo = bound_ == Bound::kElbo;
    if (plain_elbo && (analytic_ || context.kl_weight != 1)) {
      const Tensor kl = standard_normal_kl(q.mean, q.log_scale).mean();
      const Tensor fit = decoder_.log_density(z, batch.x).mean();
      result.figures = {{"kl", kl.item<double>()}};
      result.bound = fit.item<double>() - result.figures[0].second;
      return context.kl_weight * kl - fit;
    }
    std::vector<std::shared_ptr<Tensor>> scales;
    if (bound_ == Bound::kIwaeDreg) scales.push_back(scale_gradient(z));
    const Tensor log_q = detaches_q(bound_)
                             ? normal_log_density(z, q.mean.detach(), q.log_scale.detach())
                             // (z - mean) / scale is eps.
                             : standard_normal_log_density(eps) - q.log_scale.sum(-1);
    const Tensor kl = log_q - standard_normal_log_density(z);
    const Tensor fit = decoder_.log_density(z, batch.x);
    return bound_loss(bound_, fit, kl, scales, context, result);
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const Normal q = posterior_(batch.x);
    const Tensor eps = noise.normal({k, batch.x.size(0), q.mean.size(-1)});
    const Tensor z = q.at(eps);
    const Tensor log_q = standard_normal_log_density(eps) - q.log_scale.sum(-1);
    return decoder_.log_density(z, batch.x) + standard_normal_log_density(z) - log_q;
  }

  Tensor kl(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    const Normal q = posterior_(batch.x);
    return standard_normal_kl(q.mean, q.log_scale);
  }
  Tensor amortisation_gap(const Batch& batch, int64_t steps, Noise& noise) override {
    const Normal start = [&] {
      WithoutGradient scope;
      return posterior_(batch.x);
    }();
    const at::AutoGradMode recording(true);
    Parameters free(parameters_.device());
    const Normal fitted = {free.add("mean", start.mean, ParameterGroup::kInference),
                           free.add("log_scale", start.log_scale, ParameterGroup::kInference)};
    Config config;
    config.declare(optimizer_settings());
    config.set("beta2", "0.99");
    const auto adam = make_optimizer(config, free);
    for (int64_t step = 0; step < steps; ++step) {
      const Tensor eps = noise.normal({4, batch.x.size(0), start.mean.size(-1)});
      const Tensor negative = -elbo(fitted, batch.x, eps).sum();
      const double rate = 0.03 * (1 - static_cast<double>(step) / static_cast<double>(steps));
      adam->step(gradients_of(negative, free.trained()), {rate, rate}, 1);
    }
    WithoutGradient scope;
    const Tensor eps = noise.normal({100, batch.x.size(0), start.mean.size(-1)});
    return elbo(fitted, batch.x, eps) - elbo(start, batch.x, eps);
  }
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return posterior_(batch.x).mean;
  }
  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    return decoder_.mean(code);
  }
  Tensor sample(int64_t count, Noise& noise) override {
    return decode(noise.normal({count, posterior_.outputs.weight.size(0) / 2}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return decode(posterior_(batch.x).draw(noise), noise);
  }

 private:
  /// The ELBO of each example at noise [k, B, L], its KL in closed form.
  Tensor elbo(const Normal& q, const Tensor& x, const Tensor& eps) const {
    const Tensor z = q.at(eps);
    return decoder_.log_density(z, x).mean(0) - standard_normal_kl(q.mean, q.log_scale);
  }

  Bound bound_;
  int64_t samples_;
  bool analytic_;
  NormalNetwork posterior_;
  Decoder decoder_;
};

std::unique_ptr<Model> make_vae(const ModelRequest& request) {
  return std::make_unique<Vae>(request);
}

ModelKind kind(const std::string& name, const std::string& summary, const std::string& bound,
               int64_t samples) {
  std::vector<Setting> settings = {
      latent_setting(),
      hidden_setting("widths of the encoder's hidden layers; the decoder mirrors them"),
      activation_setting(),
      {.name = "analytic-kl",
       .value = true,
       .help = "KL(q || prior) of the ELBO in closed form rather than at the draws"},
  };
  for (const Setting& setting : bound_settings(bound, samples)) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {name, summary, settings, make_vae};
}

}  // namespace

ModelKind vae_kind() { return kind("vae", "variational autoencoder", "elbo", 1); }
ModelKind iwae_kind() {
  return kind("iwae", "the same network, trained by the importance-weighted bound", "iwae", 5);
}

}  // namespace vinci::deep
