// The variational autoencoder [Kingma and Welling 2013; Rezende, Mohamed, Wierstra 2014], and the
// same network trained by the importance-weighted bound [Burda, Grosse, Salakhutdinov 2015]:
//     z ~ N(0, I), x ~ p(x | decoder(z)); q(z | x) one of posterior.h.
#include "deep/core/functions.h"
#include "deep/core/optimizer.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"
#include "deep/models/posterior.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

class Vae : public Model {
 public:
  explicit Vae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")),
        latent_(request.config.integer("latent")),
        analytic_(request.config.flag("analytic-kl")) {
    const Config& config = request.config;
    const std::vector<int64_t>& hidden = config.integers("hidden");
    const ParameterGroup q = ParameterGroup::kInference;
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    posterior_ = make_posterior(config, latent_, parameters_, initial);
    if (detaches_q(bound_) && !posterior_->knows_density())
      throw Error(Error::Kind::kUsage,
                  "`bound` is `" + config.text("bound") +
                      "`, which takes log q(z | x) with its parameters held fixed; an inverse "
                      "autoregressive flow knows its density at its own draws only. Use elbo or "
                      "iwae, or the posterior full.");
    encoder_ = Mlp(parameters_, "encoder", request.shape.values(), hidden,
                   activation_named(config.text("activation")), q, initial);
    outputs_ =
        Linear(parameters_, "posterior", encoder_.outputs(), posterior_->num_outputs(), q, initial);
    posterior_->start(outputs_);
    decoder_ = Decoder(parameters_, config, latent_, hidden, request.shape, initial);
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    const Tensor q = inferred(batch.x);
    auto [z, log_q] = posterior_->draw(q, noise.normal({samples_, batch.x.size(0), latent_}));
    if (bound_ == Bound::kElbo && analytic_) {
      if (Tensor kl = posterior_->kl(q); kl.defined()) {
        kl = kl.mean();
        const Tensor fit = decoder_.log_density(z, batch.x).mean();
        result.figures = {{"kl", kl.item<double>()}};
        result.bound = fit.item<double>() - result.figures[0].second;
        return context.kl_weight * kl - fit;
      }
    }
    std::vector<std::shared_ptr<Tensor>> scales;
    if (bound_ == Bound::kIwaeDreg) scales.push_back(scale_gradient(z));
    if (detaches_q(bound_)) log_q = posterior_->log_density(q.detach(), z);
    const Tensor kl = log_q - standard_normal_log_density(z);
    const Tensor fit = decoder_.log_density(z, batch.x);
    return bound_loss(bound_, fit, kl, scales, context, result);
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const auto [z, log_q] =
        posterior_->draw(inferred(batch.x), noise.normal({k, batch.x.size(0), latent_}));
    return decoder_.log_density(z, batch.x) + standard_normal_log_density(z) - log_q;
  }

  Tensor kl(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return divergence(inferred(batch.x), noise.normal({1, batch.x.size(0), latent_}));
  }
  Tensor amortisation_gap(const Batch& batch, int64_t steps, Noise& noise) override {
    const Tensor start = [&] {
      WithoutGradient scope;
      return inferred(batch.x);
    }();
    const at::AutoGradMode recording(true);
    Parameters free(parameters_.device());
    const Tensor fitted = free.add("posterior", start, ParameterGroup::kInference);
    Config config;
    config.declare(optimizer_settings());
    config.set("beta2", "0.99");
    const auto adam = make_optimizer(config, free);
    for (int64_t step = 0; step < steps; ++step) {
      const Tensor eps = noise.normal({4, batch.x.size(0), latent_});
      const Tensor negative = -elbo(fitted, batch.x, eps).sum();
      const double rate = 0.03 * (1 - static_cast<double>(step) / static_cast<double>(steps));
      adam->step(gradients_of(negative, free.trained()), {rate}, 1);
    }
    WithoutGradient scope;
    const Tensor eps = noise.normal({100, batch.x.size(0), latent_});
    return elbo(fitted, batch.x, eps) - elbo(start, batch.x, eps);
  }
  Tensor encode(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return posterior_->mean(inferred(batch.x), noise);
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
    const Tensor eps = noise.normal({1, batch.x.size(0), latent_});
    return decode(posterior_->draw(inferred(batch.x), eps).z[0], noise);
  }

 private:
  /// The parameters of q, [B, num_outputs].
  Tensor inferred(const Tensor& x) const { return outputs_(encoder_(x)); }
  /// KL(q || p) of each example, in closed form or by draws.
  Tensor divergence(const Tensor& q, const Tensor& eps) const {
    if (Tensor kl = posterior_->kl(q); kl.defined()) return kl;
    const auto [z, log_q] = posterior_->draw(q, eps);
    return (log_q - standard_normal_log_density(z)).mean(0);
  }
  /// The ELBO of each example at noise [k, B, L].
  Tensor elbo(const Tensor& q, const Tensor& x, const Tensor& eps) const {
    return decoder_.log_density(posterior_->draw(q, eps).z, x).mean(0) - divergence(q, eps);
  }

  Bound bound_;
  int64_t samples_;
  int64_t latent_;
  bool analytic_;
  std::unique_ptr<Posterior> posterior_;
  Mlp encoder_;
  Linear outputs_;
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
       .help = "KL(q || prior) of the ELBO in closed form, where there is one, rather than at the "
               "draws"},
  };
  for (const Setting& setting : posterior_settings()) settings.push_back(setting);
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
