// The vector-quantised variational autoencoder [van den Oord, Vinyals, Kavukcuoglu 2017]: an image
// becomes a picture of codes a quarter as high and wide, each the nearest vector of a codebook (or
// a rounded one); p(x | codes) is a convolutional network. q(codes | x) has one point, so that log
// p(x, codes) is a lower bound on log p(x). The codes have a uniform prior while the rest is
// trained; an autoregressive one is learned beside it or afterwards, with the rest held fixed.
#include "deep/core/functions.h"
#include "deep/core/layers.h"
#include "deep/models/code_prior.h"
#include "deep/models/model.h"
#include "deep/models/quantiser.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

/// Rectifiers halve the variance: without the gain the encoder's vectors start almost equal, and
/// the decoder learns to do without them.
constexpr double kGain = 1.5;
constexpr double kCodeGain = 4;
constexpr int64_t kFactor = 4;  // from a side of the image to one of the picture of codes

/// x + conv1(relu(conv3(relu(x)))), some times, then relu.
struct ResidualStack {
  ResidualStack() = default;
  ResidualStack(Parameters& parameters, const std::string& name, int64_t channels, int64_t inner,
                int64_t blocks, ParameterGroup group, Noise& initial) {
    for (int64_t i = 0; i < blocks; ++i) {
      const std::string own = name + "." + std::to_string(i);
      wide.emplace_back(parameters, own + ".wide", channels, inner, 3, 1, 1, group, initial, kGain);
      narrow.emplace_back(parameters, own + ".narrow", inner, channels, 1, 1, 0, group, initial);
    }
  }
  Tensor operator()(Tensor x) const {
    for (size_t i = 0; i < wide.size(); ++i) x = x + narrow[i](wide[i](x.relu()).relu());
    return x.relu();
  }
  std::vector<Convolution> wide;
  std::vector<Convolution> narrow;
};

class VqVae : public Model {
 public:
  explicit VqVae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        shape_(request.shape),
        prior_from_(request.config.number("prior-from")) {
    const Config& config = request.config;
    if (shape_.height % kFactor != 0 || shape_.width % kFactor != 0)
      throw Error(Error::Kind::kUsage, "The images are " + std::to_string(shape_.height) + " x " +
                                           std::to_string(shape_.width) +
                                           "; vqvae takes images whose sides are multiples of 4.");
    const int64_t channels = config.integer("channels"), half = std::max<int64_t>(1, channels / 2);
    const int64_t inner = config.integer("residual-channels");
    const int64_t blocks = config.integer("residual-blocks");
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    quantiser_ = make_quantiser(config, parameters_, initial);
    const int64_t dimension = quantiser_->dimension();
    const ParameterGroup q = ParameterGroup::kInference, p = ParameterGroup::kModel;
    halve1_ = Convolution(parameters_, "encoder.halve1", shape_.channels, half, 4, 2, 1, q, initial,
                          kGain);
    halve2_ =
        Convolution(parameters_, "encoder.halve2", half, channels, 4, 2, 1, q, initial, kGain);
    gather_ =
        Convolution(parameters_, "encoder.gather", channels, channels, 3, 1, 1, q, initial, kGain);
    encoder_ = ResidualStack(parameters_, "encoder", channels, inner, blocks, q, initial);
    to_code_ = Convolution(parameters_, "encoder.code", channels, dimension, 1, 1, 0, q, initial,
                           kCodeGain);
    from_code_ =
        Convolution(parameters_, "decoder.code", dimension, channels, 3, 1, 1, p, initial, kGain);
    decoder_ = ResidualStack(parameters_, "decoder", channels, inner, blocks, p, initial);
    double1_ =
        TransposedConvolution(parameters_, "decoder.double1", channels, half, 4, 2, 1, p, initial);
    likelihood_ = make_likelihood(config, parameters_);
    const int64_t per_value = likelihood_->outputs_per_value();
    double2_ = TransposedConvolution(parameters_, "decoder.double2", half,
                                     per_value * shape_.channels, 4, 2, 1, p, initial);
    trained_before_prior_ = parameters_.trained().size();
    prior_ = make_code_prior(config, shape_.height / kFactor, shape_.width / kFactor,
                             quantiser_->num_codes(), parameters_, initial);
    WithoutGradient scope;
    // The bias is one of a channel, not of a pixel.
    const Tensor bias = likelihood_->initial_bias(shape_).to(request.device);
    double2_.bias.copy_(
        bias.reshape({per_value * shape_.channels, shape_.height * shape_.width}).mean(1));
  }

  StepResult gradients(const Batch& batch, Noise& noise, const StepContext& context) override {
    StepResult result;
    const bool rest_is_fixed = prior_from_ > 0 && context.epoch >= prior_from_;
    Tensor vectors, fit, distance, squared_error;
    Quantiser::Result code;
    {
      std::optional<WithoutGradient> fixed;
      if (rest_is_fixed) fixed.emplace();
      vectors = encoded(batch.x);
      if (!rest_is_fixed) quantiser_->prepare(vectors.detach(), noise);
      code = quantiser_->quantise(vectors);
      const Tensor decoded = outputs(code.values, batch.x.size(0));
      fit = likelihood_->log_density(decoded, batch.x);
      distance = code.loss.sum() / static_cast<double>(batch.x.size(0));
      WithoutGradient scope;
      squared_error = (likelihood_->mean(decoded) - batch.x).square().mean();
    }
    // Both losses at once where the prior is trained beside: they share no parameter.
    const bool trains_prior = (rest_is_fixed || prior_from_ == 0) && has_prior();
    const Tensor indices = code.indices.reshape({batch.x.size(0), -1});
    Tensor log_prior;
    if (trains_prior) {
      log_prior = prior_->log_density(indices);
    } else {
      WithoutGradient scope;
      log_prior = has_prior() && rest_is_fixed ? prior_->log_density(indices)
                                               : at::full({1}, uniform_log_density());
    }
    Tensor loss;
    if (!rest_is_fixed) loss = distance - fit.mean();
    if (trains_prior) loss = loss.defined() ? loss - log_prior.mean() : -log_prior.mean();
    result.gradients.resize(parameters_.trained().size());
    if (loss.defined() && loss.requires_grad()) {
      const std::vector<Tensor>& all = parameters_.trained();
      const size_t begin = rest_is_fixed ? trained_before_prior_ : 0;
      const size_t end = trains_prior ? all.size() : trained_before_prior_;
      const auto own = gradients_of(loss, {all.begin() + static_cast<std::ptrdiff_t>(begin),
                                           all.begin() + static_cast<std::ptrdiff_t>(end)});
      std::copy(own.begin(), own.end(),
                result.gradients.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    if (!rest_is_fixed) {
      // The codebook moves after the step, which may be refused.
      last_vectors_ = vectors.detach();
      last_indices_ = code.indices;
      update_noise_.emplace(noise);
    }
    const double mean_fit = fit.detach().mean().item<double>();
    const double mean_prior = log_prior.detach().mean().item<double>();
    const Tensor use = at::bincount(code.indices, {}, quantiser_->num_codes()).to(at::kDouble);
    const Tensor share = use / use.sum();
    result.bound = mean_fit + mean_prior;
    result.figures = {
        {"fit", mean_fit},
        {"log_prior", mean_prior},
        {"squared_error", squared_error.item<double>()},
        {"distance", distance.detach().item<double>()},
        {"codes_used", use.gt(0).sum().item<double>()},
        {"perplexity", std::exp(-at::xlogy(share, share).sum().item<double>())},
    };
    return result;
  }

  void after_step(const StepContext&) override {
    if (!update_noise_) return;
    quantiser_->update(last_vectors_, last_indices_, *update_noise_);
    update_noise_.reset();
    last_vectors_ = last_indices_ = Tensor();
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise&) override {
    WithoutGradient scope;
    const auto code = quantiser_->quantise(encoded(batch.x));
    const int64_t count = batch.x.size(0);
    const Tensor fit = likelihood_->log_density(outputs(code.values, count), batch.x);
    return (fit + prior_->log_density(code.indices.reshape({count, -1}))).expand({k, count});
  }
  /// -log p(codes): q has one point.
  Tensor kl(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return -prior_->log_density(indices_of(batch.x));
  }
  std::vector<std::pair<std::string, Tensor>> figures(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    const int64_t count = batch.x.size(0);
    const auto code = quantiser_->quantise(encoded(batch.x));
    const Tensor decoded = outputs(code.values, count);
    const Tensor fit = likelihood_->log_density(decoded, batch.x);
    const Tensor learned = prior_->log_density(code.indices.reshape({count, -1}));
    return {{"log p(x | codes)", fit},
            {"log p(codes), uniform prior", at::full_like(fit, uniform_log_density())},
            {"log p(codes), learned prior", learned},
            {"log p(x, codes), uniform prior", fit + uniform_log_density()},
            {"squared error of a value", (likelihood_->mean(decoded) - batch.x).square().mean(-1)}};
  }
  Tensor code_use(const Batch& batch) override {
    WithoutGradient scope;
    return at::bincount(indices_of(batch.x).reshape({-1}), {}, quantiser_->num_codes());
  }
  /// The code vectors, [B, places D].
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    return quantiser_->quantise(encoded(batch.x)).values.reshape({batch.x.size(0), -1});
  }
  /// Vectors between codes are decoded as they are.
  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    const int64_t count = code.size(0);
    return likelihood_->mean(outputs(code.reshape({-1, quantiser_->dimension()}), count));
  }
  Tensor sample(int64_t count, Noise& noise) override {
    WithoutGradient scope;
    const Tensor indices = prior_->draw(count, noise);
    return decode(quantiser_->values(indices).reshape({count, -1}), noise);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    return decode(encode(batch, noise), noise);
  }

 private:
  bool has_prior() const { return parameters_.trained().size() > trained_before_prior_; }
  double uniform_log_density() const {
    return -static_cast<double>(prior_->places()) *
           std::log(static_cast<double>(quantiser_->num_codes()));
  }

  /// The encoder's vectors, [B places, D].
  Tensor encoded(const Tensor& x) const {
    const Tensor image = x.reshape({-1, shape_.channels, shape_.height, shape_.width}) - 0.5;
    const Tensor features = encoder_(gather_(halve2_(halve1_(image).relu()).relu()));
    return to_code_(features).permute({0, 2, 3, 1}).reshape({-1, quantiser_->dimension()});
  }
  Tensor indices_of(const Tensor& x) const {
    return quantiser_->quantise(encoded(x)).indices.reshape({x.size(0), -1});
  }
  /// The likelihood's outputs [B, P D] at code vectors [B places, D].
  Tensor outputs(const Tensor& values, int64_t count) const {
    const Tensor picture =
        values.reshape({count, shape_.height / kFactor, shape_.width / kFactor, -1})
            .permute({0, 3, 1, 2});
    return double2_(double1_(decoder_(from_code_(picture))).relu()).reshape({count, -1});
  }

  DataShape shape_;
  double prior_from_;
  std::unique_ptr<Quantiser> quantiser_;
  Convolution halve1_, halve2_, gather_;
  ResidualStack encoder_;
  Convolution to_code_;
  Convolution from_code_;
  ResidualStack decoder_;
  TransposedConvolution double1_, double2_;
  std::unique_ptr<Likelihood> likelihood_;
  size_t trained_before_prior_ = 0;  // parameters before those of the prior
  std::unique_ptr<CodePrior> prior_;
  // From `gradients` to `after_step`.
  Tensor last_vectors_, last_indices_;
  std::optional<Noise> update_noise_;
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<VqVae>(request);
}

}  // namespace

ModelKind vqvae_kind() {
  std::vector<Setting> settings = {
      {.name = "channels",
       .value = int64_t{64},
       .help = "of the encoder's and decoder's features",
       .minimum = 1,
       .maximum = 4096},
      {.name = "residual-channels",
       .value = int64_t{32},
       .help = "within a residual block",
       .minimum = 1,
       .maximum = 4096},
      {.name = "residual-blocks",
       .value = int64_t{2},
       .help = "of the encoder and of the decoder",
       .minimum = 0,
       .maximum = 256},
      {.name = "prior-from",
       .value = 0.0,
       .help = "epoch from which the prior is trained, with all else held fixed; 0: beside it from "
               "the start",
       .minimum = 0,
       .maximum = 1e9},
  };
  for (const Setting& setting : quantiser_settings()) settings.push_back(setting);
  for (const Setting& setting : code_prior_settings()) settings.push_back(setting);
  for (const Setting& setting : likelihood_settings("logistic-mixture")) {
    settings.push_back(setting);
    if (setting.name == "components") settings.back().value = int64_t{1};
  }
  return {"vqvae", "autoencoder with a picture of codes, and a prior over them", settings, make};
}

}  // namespace vinci::deep
