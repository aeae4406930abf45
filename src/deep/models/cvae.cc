// The conditional variational autoencoder [Sohn, Lee, Yan 2015]: the lower rows y of an image given
// the upper ones c. z ~ p(z | c), y ~ p(y | z, c); q(z | c, y). The bound is one on log p(y | c).
#include "deep/core/functions.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"
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
    const int64_t given = shape_.channels * given_rows_ * shape_.width;
    posterior_ = NormalNetwork(parameters_, "encoder", "posterior", shape_.values(), hidden,
                               latent_, activation, ParameterGroup::kInference, initial);
    context_ =
        Mlp(parameters_, "context", given, hidden, activation, ParameterGroup::kModel, initial);
    prior_ = Linear(parameters_, "prior", context_.outputs(), 2 * latent_, ParameterGroup::kModel,
                    initial);
    DataShape lower = shape_;
    lower.height -= given_rows_;
    if (lower.mean.defined()) lower.mean = halves(lower.mean.unsqueeze(0)).lower[0];
    decoder_ = Decoder(parameters_, config, latent_ + context_.outputs(), hidden, lower, initial);
  }

  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    std::vector<std::shared_ptr<Tensor>> scales;
    const auto [fit, kl] = draw(batch.x, samples_, noise, &scales);
    result.figures = {{"kl", kl.detach().mean().item<double>()}};
    return bound_loss(bound_, fit, kl, scales, context, result);
  }
  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const auto [fit, kl] = draw(batch.x, k, noise, nullptr);
    return fit - kl;
  }
  Tensor kl(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    const Normal q = posterior_(batch.x), p = prior(context_(halves(batch.x).upper));
    return normal_kl(q.mean, q.log_scale, p.mean, p.log_scale);
  }
  int64_t given_values() const override { return shape_.channels * given_rows_ * shape_.width; }
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return posterior_(batch.x).mean;
  }
  Tensor decode(const Tensor&, Noise&) override { refuse(); }
  Tensor sample(int64_t, Noise&) override { refuse(); }
  /// The upper rows as they are, the lower ones drawn without having seen them.
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Tensor upper = halves(batch.x).upper;
    const Tensor seen = context_(upper);
    const Tensor z = prior(seen).draw(noise);
    const Tensor lower = decoder_.mean(code(z, seen));
    const int64_t count = batch.x.size(0);
    return at::cat({rows_of(upper, count), rows_of(lower, count)}, 2).reshape({count, -1});
  }

 private:
  struct Halves {
    Tensor upper;  // [B, given]
    Tensor lower;  // [B, D - given]
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
  Normal prior(const Tensor& seen) const { return normal_of(prior_(seen)); }
  /// What the decoder sees: z beside what is given.
  Tensor code(const Tensor& z, const Tensor& seen) const {
    std::vector<int64_t> sizes = z.sizes().vec();
    sizes.back() = seen.size(-1);
    return at::cat({z, seen.expand(sizes)}, -1);
  }

  /// log p(y | z, c) and log q - log p of z at k draws, [k, B].
  std::pair<Tensor, Tensor> draw(const Tensor& x, int64_t k, Noise& noise,
                                 std::vector<std::shared_ptr<Tensor>>* scales) const {
    const Halves parts = halves(x);
    const Normal q = posterior_(x);
    const Tensor eps = noise.normal({k, x.size(0), latent_});
    const Tensor z = q.at(eps);
    const bool training = scales != nullptr;
    if (training && bound_ == Bound::kIwaeDreg) scales->push_back(scale_gradient(z));
    const Tensor log_q = training && detaches_q(bound_)
                             ? normal_log_density(z, q.mean.detach(), q.log_scale.detach())
                             : standard_normal_log_density(eps) - q.log_scale.sum(-1);
    const Tensor seen = context_(parts.upper);
    const Normal p = prior(seen);
    return {decoder_.log_density(code(z, seen), parts.lower),
            log_q - normal_log_density(z, p.mean, p.log_scale)};
  }

  DataShape shape_;
  int64_t given_rows_;
  int64_t latent_;
  Bound bound_;
  int64_t samples_;
  NormalNetwork posterior_;
  Mlp context_;
  Linear prior_;
  Decoder decoder_;
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
      latent_setting(),
      hidden_setting("widths of the hidden layers of each network; the decoder mirrors them"),
      activation_setting(),
  };
  for (const Setting& setting : bound_settings("elbo", 1)) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings()) settings.push_back(setting);
  return {"cvae", "the lower rows of images given the upper ones", settings, make};
}

}  // namespace vinci::deep
