// The conditional variational autoencoder [Sohn, Lee, Yan 2015]: the lower rows y of an image given
// the upper ones c. z ~ p(z | c), y ~ p(y | z, c); q(z | c, y). The bound is one on log p(y | c).
#include "deep/core/functions.h"
#include "deep/core/layers.h"
#include "deep/models/bound.h"
#include "deep/models/model.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

class ConditionalVae : public Model {
 public:
  explicit ConditionalVae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        shape_(request.shape),
        given_rows_(static_cast<int64_t>(request.config.number("given") *
                                         static_cast<double>(request.shape.height))),
        latent_(request.config.integer("latent")),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")) {
    const Config& config = request.config;
    if (given_rows_ < 1 || given_rows_ >= shape_.height)
      throw Error(Error::Kind::kUsage,
                  "`given` leaves no row, or no row to draw, of images " +
                      std::to_string(shape_.height) +
                      " rows high; it is the share of rows, from the top, that is given.");
    const std::vector<int64_t>& hidden = config.integers("hidden");
    const Activation activation = activation_named(config.text("activation"));
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const int64_t values = shape_.values();
    const int64_t given = shape_.channels * given_rows_ * shape_.width;
    encoder_ = Mlp(parameters_, "encoder", values, hidden, activation, ParameterGroup::kInference,
                   initial);
    posterior_ = Linear(parameters_, "posterior", encoder_.outputs(), 2 * latent_,
                        ParameterGroup::kInference, initial);
    context_ =
        Mlp(parameters_, "context", given, hidden, activation, ParameterGroup::kModel, initial);
    prior_ = Linear(parameters_, "prior", context_.outputs(), 2 * latent_, ParameterGroup::kModel,
                    initial);
    decoder_ = Mlp(parameters_, "decoder", latent_ + context_.outputs(),
                   {hidden.rbegin(), hidden.rend()}, activation, ParameterGroup::kModel, initial);
    likelihood_ = make_likelihood(config, parameters_);
    outputs_ = Linear(parameters_, "outputs", decoder_.outputs(),
                      likelihood_->outputs_per_value() * (values - given), ParameterGroup::kModel,
                      initial);
    WithoutGradient scope;
    DataShape lower = shape_;
    lower.height -= given_rows_;
    if (lower.mean.defined()) lower.mean = halves(lower.mean.unsqueeze(0)).lower[0];
    outputs_.bias.copy_(likelihood_->initial_bias(lower));
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    std::vector<std::shared_ptr<Tensor>> scales;
    const auto [fit, kl] = draw(batch.x, samples_, noise, &scales);
    const Tensor log_weights = context.kl_weight == 1 ? fit - kl : fit - kl * context.kl_weight;
    Tensor value;
    const Tensor scalar = bound_loss(bound_, log_weights, scales, value);
    result.bound = value.mean().item<double>();
    result.figures = {{"kl", kl.detach().mean().item<double>()}};
    return scalar;
  }
  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const auto [fit, kl] = draw(batch.x, k, noise, nullptr);
    return fit - kl;
  }
  Tensor kl(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    const Normal q = posterior(batch.x), p = prior(context_(halves(batch.x).upper));
    return normal_kl(q.mean, q.log_scale, p.mean, p.log_scale);
  }
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return posterior(batch.x).mean;
  }
  Tensor decode(const Tensor&, Noise&) override { refuse(); }
  Tensor sample(int64_t, Noise&) override { refuse(); }
  /// The upper rows as they are, the lower ones drawn without having seen them.
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Tensor upper = halves(batch.x).upper;
    const Tensor seen = context_(upper);
    const Normal p = prior(seen);
    const Tensor z = p.mean + p.log_scale.exp() * noise.normal(p.mean.sizes());
    const Tensor lower = likelihood_->mean(outputs(z, seen));
    const int64_t count = batch.x.size(0);
    return at::cat({rows_of(upper, count), rows_of(lower, count)}, 2).reshape({count, -1});
  }

 private:
  struct Halves {
    Tensor upper;  // [B, given]
    Tensor lower;  // [B, D - given]
  };
  struct Normal {
    Tensor mean;
    Tensor log_scale;
  };

  [[noreturn]] static void refuse() {
    throw Error(Error::Kind::kUsage,
                "A cvae draws the lower rows of images whose upper rows are given: use `vinci deep "
                "reconstruct`, which takes them from --data.");
  }
  Tensor rows_of(const Tensor& flat, int64_t count) const {
    return flat.reshape({count, shape_.channels, -1, shape_.width});
  }
  Halves halves(const Tensor& x) const {
    const int64_t count = x.size(0);
    const Tensor rows = rows_of(x, count);
    return {rows.slice(2, 0, given_rows_).reshape({count, -1}),
            rows.slice(2, given_rows_).reshape({count, -1})};
  }
  Normal posterior(const Tensor& x) const {
    const auto parts = posterior_(encoder_(x)).chunk(2, -1);
    return {parts[0], parts[1]};
  }
  Normal prior(const Tensor& seen) const {
    const auto parts = prior_(seen).chunk(2, -1);
    return {parts[0], parts[1]};
  }
  Tensor outputs(const Tensor& z, const Tensor& seen) const {
    std::vector<int64_t> sizes = z.sizes().vec();
    sizes.back() = seen.size(-1);
    return outputs_(decoder_(at::cat({z, seen.expand(sizes)}, -1)));
  }

  /// log p(y | z, c) and log q - log p of z at k draws, [k, B].
  std::pair<Tensor, Tensor> draw(const Tensor& x, int64_t k, Noise& noise,
                                 std::vector<std::shared_ptr<Tensor>>* scales) const {
    const Halves parts = halves(x);
    const Normal q = posterior(x);
    const Tensor eps = noise.normal({k, x.size(0), latent_});
    const Tensor z = q.mean + q.log_scale.exp() * eps;
    const bool training = scales != nullptr;
    if (training && bound_ == Bound::kIwaeDreg) scales->push_back(scale_gradient(z));
    const Tensor log_q = training && detaches_q(bound_)
                             ? normal_log_density(z, q.mean.detach(), q.log_scale.detach())
                             : standard_normal_log_density(eps) - q.log_scale.sum(-1);
    const Tensor seen = context_(parts.upper);
    const Normal p = prior(seen);
    return {likelihood_->log_density(outputs(z, seen), parts.lower),
            log_q - normal_log_density(z, p.mean, p.log_scale)};
  }

  DataShape shape_;
  int64_t given_rows_;
  int64_t latent_;
  Bound bound_;
  int64_t samples_;
  Mlp encoder_;
  Linear posterior_;
  Mlp context_;
  Linear prior_;
  Mlp decoder_;
  Linear outputs_;
  std::unique_ptr<Likelihood> likelihood_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<ConditionalVae>(request);
}

}  // namespace

ModelKind cvae_kind() {
  std::vector<Setting> settings = {
      {.name = "given",
       .value = 0.5,
       .help = "share of the rows, from the top, that is given",
       .minimum = 0,
       .maximum = 1},
      {.name = "latent",
       .value = int64_t{50},
       .help = "latent variables",
       .minimum = 1,
       .maximum = 65536},
      {.name = "hidden",
       .value = std::vector<int64_t>{200, 200},
       .help = "widths of the hidden layers of each network; the decoder mirrors them",
       .minimum = 1,
       .maximum = 65536},
      {.name = "activation",
       .value = std::string("tanh"),
       .help = "of the hidden layers",
       .choices = {"tanh", "relu", "leaky-relu", "softplus", "elu"}},
  };
  for (const Setting& setting : bound_settings("elbo", 1)) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {"cvae", "the lower rows of images given the upper ones", settings, make};
}

}  // namespace vinci::deep
