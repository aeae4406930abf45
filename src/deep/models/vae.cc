// The variational autoencoder [Kingma and Welling 2013; Rezende, Mohamed, Wierstra 2014], and the
// same network trained by the importance-weighted bound [Burda, Grosse, Salakhutdinov 2015]:
//     z ~ N(0, I), x ~ p(x | decoder(z)); q(z | x) = N(mean(x), diag scale(x)^2).
#include "deep/core/functions.h"
#include "deep/core/layers.h"
#include "deep/models/bound.h"
#include "deep/models/model.h"

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
    const Activation activation = activation_named(config.text("activation"));
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const int64_t values = request.shape.values();
    encoder_ = Mlp(parameters_, "encoder", values, hidden, activation, ParameterGroup::kInference,
                   initial);
    posterior_ = Linear(parameters_, "posterior", encoder_.outputs(), 2 * latent,
                        ParameterGroup::kInference, initial);
    const std::vector<int64_t> mirrored(hidden.rbegin(), hidden.rend());
    decoder_ =
        Mlp(parameters_, "decoder", latent, mirrored, activation, ParameterGroup::kModel, initial);
    likelihood_ = make_likelihood(config, parameters_);
    outputs_ = Linear(parameters_, "outputs", decoder_.outputs(),
                      likelihood_->outputs_per_value() * values, ParameterGroup::kModel, initial);
    WithoutGradient scope;
    outputs_.bias.copy_(likelihood_->initial_bias(request.shape));
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    const Posterior q = posterior(batch.x);
    const Tensor eps = noise.normal({samples_, batch.x.size(0), q.mean.size(-1)});
    Tensor z = q.mean + q.log_scale.exp() * eps;
    const bool plain_elbo = bound_ == Bound::kElbo;
    if (plain_elbo && (analytic_ || context.kl_weight != 1)) {
      const Tensor kl = standard_normal_kl(q.mean, q.log_scale).mean();
      const Tensor fit = likelihood_->log_density(outputs(z), batch.x).mean();
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
    const Tensor fit = likelihood_->log_density(outputs(z), batch.x);
    const Tensor log_weights = context.kl_weight == 1 ? fit - kl : fit - context.kl_weight * kl;
    Tensor value;
    const Tensor scalar = bound_loss(bound_, log_weights, scales, value);
    result.bound = value.mean().item<double>();
    return scalar;
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const Posterior q = posterior(batch.x);
    const Tensor eps = noise.normal({k, batch.x.size(0), q.mean.size(-1)});
    const Tensor z = q.mean + q.log_scale.exp() * eps;
    const Tensor log_q = standard_normal_log_density(eps) - q.log_scale.sum(-1);
    return likelihood_->log_density(outputs(z), batch.x) + standard_normal_log_density(z) - log_q;
  }

  Tensor kl(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    const Posterior q = posterior(batch.x);
    return standard_normal_kl(q.mean, q.log_scale);
  }
  Tensor amortisation_gap(const Batch& batch, int64_t steps, Noise& noise) override {
    const Posterior start = [&] {
      WithoutGradient scope;
      return posterior(batch.x);
    }();
    const at::AutoGradMode recording(true);
    std::vector<Tensor> free = {start.mean.detach().clone(), start.log_scale.detach().clone()};
    std::vector<Tensor> first, second;  // moments of Adam
    for (Tensor& parameter : free) {
      parameter.set_requires_grad(true);
      first.push_back(at::zeros_like(parameter));
      second.push_back(at::zeros_like(parameter));
    }
    constexpr int64_t kDraws = 4;
    constexpr double kRate = 0.03, kBeta1 = 0.9, kBeta2 = 0.99;
    for (int64_t step = 0; step < steps; ++step) {
      const Tensor eps = noise.normal({kDraws, batch.x.size(0), free[0].size(-1)});
      const Tensor negative = -elbo({free[0], free[1]}, batch.x, eps).sum();
      const std::vector<Tensor> gradients = gradients_of(negative, free);
      WithoutGradient scope;
      const auto count = static_cast<double>(step + 1);
      const double rate = kRate * (1 - static_cast<double>(step) / static_cast<double>(steps)) *
                          std::sqrt(1 - std::pow(kBeta2, count)) / (1 - std::pow(kBeta1, count));
      for (size_t i = 0; i < free.size(); ++i) {
        first[i].mul_(kBeta1).add_(gradients[i], 1 - kBeta1);
        second[i].mul_(kBeta2).addcmul_(gradients[i], gradients[i], 1 - kBeta2);
        free[i].sub_(rate * first[i] / (second[i].sqrt() + 1e-8));
      }
    }
    WithoutGradient scope;
    const Tensor eps = noise.normal({100, batch.x.size(0), free[0].size(-1)});
    return elbo({free[0], free[1]}, batch.x, eps) - elbo(start, batch.x, eps);
  }
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return posterior(batch.x).mean;
  }
  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    return likelihood_->mean(outputs(code));
  }
  Tensor sample(int64_t count, Noise& noise) override {
    return decode(noise.normal({count, posterior_.weight.size(0) / 2}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Posterior q = posterior(batch.x);
    return decode(q.mean + q.log_scale.exp() * noise.normal(q.mean.sizes()), noise);
  }

 private:
  struct Posterior {
    Tensor mean;       // [B, L]
    Tensor log_scale;  // [B, L]
  };
  Posterior posterior(const Tensor& x) const {
    const auto halves = posterior_(encoder_(x)).chunk(2, -1);
    return {halves[0], halves[1]};
  }
  /// The ELBO of each example at noise [k, B, L], its KL in closed form.
  Tensor elbo(const Posterior& q, const Tensor& x, const Tensor& eps) const {
    const Tensor z = q.mean + q.log_scale.exp() * eps;
    return likelihood_->log_density(outputs(z), x).mean(0) -
           standard_normal_kl(q.mean, q.log_scale);
  }
  Tensor outputs(const Tensor& z) const { return outputs_(decoder_(z)); }

  Bound bound_;
  int64_t samples_;
  bool analytic_;
  Mlp encoder_;
  Linear posterior_;
  Mlp decoder_;
  Linear outputs_;
  std::unique_ptr<Likelihood> likelihood_;
};

std::unique_ptr<Model> make_vae(const ModelRequest& request) {
  return std::make_unique<Vae>(request);
}

ModelKind kind(const std::string& name, const std::string& summary, const std::string& bound,
               int64_t samples) {
  std::vector<Setting> settings = {
      {.name = "latent",
       .value = int64_t{50},
       .help = "latent variables",
       .minimum = 1,
       .maximum = 65536},
      {.name = "hidden",
       .value = std::vector<int64_t>{200, 200},
       .help = "widths of the encoder's hidden layers; the decoder mirrors them",
       .minimum = 1,
       .maximum = 65536},
      {.name = "activation",
       .value = std::string("tanh"),
       .help = "of the hidden layers",
       .choices = {"tanh", "relu", "leaky-relu", "softplus", "elu"}},
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
