// The residual variational autoencoder: many stochastic layers of pictures, with top-down inference
// [Kingma et al. 2016, sec. 5; Soenderby et al. 2016]. A deterministic pass up from x leaves
// features at every layer. The pass down makes x from a learned picture h: each layer draws z given
// h, adds what it says to h, and goes through a residual block; p(z | h) and q(z | h, features)
// share h, so that q of a layer knows all z above it. q is relative to p [Vahdat and Kautz 2020,
// eq. (2)]:
//     p = N(m, s^2), q = N(m + dm, (s ds)^2), dm and ds from h and from the features, added.
#include "deep/core/functions.h"
#include "deep/core/layers.h"
#include "deep/models/bound.h"
#include "deep/models/networks.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

/// Of what is added to a residual stream, and of the last layers before distributions: a model of
/// any depth starts near one of none, with q near p near N(0, I).
constexpr double kSmallGain = 0.3;

/// x + conv(elu(conv(elu(x)))).
struct ResidualBlock {
  ResidualBlock() = default;
  ResidualBlock(Parameters& parameters, const std::string& name, int64_t channels,
                ParameterGroup group, Noise& initial)
      : first(parameters, name + ".first", channels, channels, 3, 1, 1, group, initial),
        second(parameters, name + ".second", channels, channels, 3, 1, 1, group, initial,
               kSmallGain) {}
  Tensor operator()(const Tensor& x) const { return x + second(at::elu(first(at::elu(x)))); }

  Convolution first, second;
};

class ResidualVae : public Model {
 public:
  explicit ResidualVae(const ModelRequest& request)
      : Model(Parameters(request.device, request.max_parameters)),
        shape_(request.shape),
        channels_(request.config.integer("channels")),
        latent_channels_(request.config.integer("latent-channels")),
        bound_(bound_named(request.config.text("bound"))),
        samples_(request.config.integer("samples")),
        free_bits_(request.config.number("free-bits")) {
    const Config& config = request.config;
    const std::vector<int64_t>& counts = config.integers("layers");
    check(counts);
    Noise initial(request.seed, NoiseStream::kInitial, 0);
    const ParameterGroup q = ParameterGroup::kInference, p = ParameterGroup::kModel;
    likelihood_ = make_likelihood(config, parameters_);
    const int64_t output_channels = likelihood_->outputs_per_value() * shape_.channels;
    for (size_t s = 0; s < counts.size(); ++s) {
      const std::string name = std::to_string(s + 1);
      Scale scale;
      scale.height = shape_.height >> (s + 1);
      scale.width = shape_.width >> (s + 1);
      scale.halve = Convolution(parameters_, "halve" + name, s == 0 ? shape_.channels : channels_,
                                channels_, 4, 2, 1, q, initial);
      for (int64_t l = 0; l < counts[s]; ++l) {
        const std::string layer = name + "." + std::to_string(l + 1);
        const int64_t numbers = 2 * latent_channels_;
        scale.layers.push_back({ResidualBlock(parameters_, "up" + layer, channels_, q, initial),
                                Convolution(parameters_, "q.features" + layer, channels_, numbers,
                                            3, 1, 1, q, initial, kSmallGain),
                                Convolution(parameters_, "q.state" + layer, channels_, numbers, 3,
                                            1, 1, q, initial, kSmallGain),
                                Convolution(parameters_, "p" + layer, channels_, numbers, 3, 1, 1,
                                            p, initial, kSmallGain),
                                Convolution(parameters_, "z" + layer, latent_channels_, channels_,
                                            3, 1, 1, p, initial),
                                ResidualBlock(parameters_, "down" + layer, channels_, p, initial)});
      }
      scale.twice =
          TransposedConvolution(parameters_, s == 0 ? "outputs" : "double" + name, channels_,
                                s == 0 ? output_channels : channels_, 4, 2, 1, p, initial);
      scales_.push_back(std::move(scale));
    }
    const std::vector<int64_t> top = {channels_, scales_.back().height, scales_.back().width};
    parameters_.reserve(top);
    start_ = parameters_.add("start", at::zeros(top), p);
    WithoutGradient scope;
    // The bias is one of a channel, not of a pixel.
    const Tensor bias = likelihood_->initial_bias(shape_).to(request.device);
    scales_[0].twice.bias.copy_(
        bias.reshape({output_channels, shape_.height * shape_.width}).mean(1));
  }

  /// With free bits, a channel of a layer costs at least so many nats, on average over the batch:
  /// sum_j max(lambda, E_batch KL_j) in place of the sum of KL_j. [Kingma et al. 2016, eq. (15)]
  Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
              StepResult& result) override {
    const Pass pass = infer(batch.x, samples_, noise);
    Tensor total, charged;
    for (size_t i = pass.steps.size(); i-- > 0;) {
      const Tensor kl = pass.steps[i].kl().mean(at::IntArrayRef({0, 1}));  // of each channel
      result.figures.emplace_back("kl" + std::to_string(pass.steps.size() - i),
                                  kl.sum().item<double>());
      const Tensor own = kl.clamp_min(free_bits_).sum();
      total = total.defined() ? total + kl.sum() : kl.sum();
      charged = charged.defined() ? charged + own : own;
    }
    if (bound_ != Bound::kElbo)
      return bound_loss(bound_, pass.fit, pass.log_ratio(), {}, context, result);
    const Tensor fit = pass.fit.mean();
    result.bound = (fit - total).item<double>();
    return context.kl_weight * charged - fit;
  }

  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override {
    WithoutGradient scope;
    const Pass pass = infer(batch.x, k, noise);
    return pass.fit - pass.log_ratio();
  }
  /// In closed form for each layer, given one draw of those above.
  Tensor kl(const Batch& batch, Noise& noise) override {
    Tensor sum;
    for (const auto& figure : figures(batch, noise))
      sum = sum.defined() ? sum + figure.second : figure.second;
    return sum;
  }
  std::vector<std::pair<std::string, Tensor>> figures(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    const Pass pass = infer(batch.x, 1, noise);
    std::vector<std::pair<std::string, Tensor>> all;
    for (size_t i = pass.steps.size(); i-- > 0;)
      all.emplace_back("KL of layer " + std::to_string(pass.steps.size() - i),
                       pass.steps[i].kl().sum(-1)[0]);
    return all;
  }
  /// All layers, from the top: the mean of each at the means of those above.
  Tensor encode(const Batch& batch, Noise&) override {
    WithoutGradient scope;
    std::vector<Tensor> codes;
    const auto features = pass_up(batch.x);
    pass_down(1, batch.x.size(0), [&](const Layer& layer, const Tensor& h, const Normal& p) {
      const Normal q = posterior(layer, h, p, features[codes.size()]);
      codes.push_back(q.mean.reshape({batch.x.size(0), -1}));
      return q.mean;
    });
    return at::cat(codes, 1);
  }
  Tensor decode(const Tensor& code, Noise&) override {
    WithoutGradient scope;
    int64_t used = 0;
    return likelihood_->mean(
        pass_down(1, code.size(0), [&](const Layer&, const Tensor&, const Normal& p) {
          const int64_t own = p.mean.size(2) * p.mean.size(3);
          used += own;
          return code.slice(1, used - own, used).reshape(p.mean.sizes());
        })[0]);
  }
  Tensor sample(int64_t count, Noise& noise) override {
    WithoutGradient scope;
    return likelihood_->mean(pass_down(
        1, count, [&](const Layer&, const Tensor&, const Normal& p) { return p.draw(noise); })[0]);
  }
  Tensor reconstruct(const Batch& batch, Noise& noise) override {
    WithoutGradient scope;
    return likelihood_->mean(infer(batch.x, 1, noise).outputs[0]);
  }

 private:
  struct Layer {
    ResidualBlock up;
    Convolution q_features, q_state, p, from_z;
    ResidualBlock down;
  };
  struct Scale {
    int64_t height = 0, width = 0;
    Convolution halve;            // on the way up
    std::vector<Layer> layers;    // from below
    TransposedConvolution twice;  // on the way down
  };
  /// A layer in a pass of k draws; tensors are [k, B, C, places].
  struct Step {
    Normal q, p;
    Tensor eps, z;

    /// KL(q || p) of each channel, [k, B, C].
    Tensor kl() const { return normal_kl(q.mean, q.log_scale, p.mean, p.log_scale); }
    /// log q(z) - log p(z), [k, B].
    Tensor log_ratio() const {
      return (standard_normal_log_density(eps) - q.log_scale.sum(-1) -
              normal_log_density(z, p.mean, p.log_scale))
          .sum(-1);
    }
  };
  struct Pass {
    std::vector<Step> steps;  // from the top
    Tensor outputs;           // [k, B, P D]
    Tensor fit;               // log p(x | z), [k, B]

    Tensor log_ratio() const {
      Tensor sum = steps[0].log_ratio();
      for (size_t i = 1; i < steps.size(); ++i) sum = sum + steps[i].log_ratio();
      return sum;
    }
  };

  void check(const std::vector<int64_t>& counts) const {
    if (counts.empty())
      throw Error(Error::Kind::kUsage,
                  "`layers` is empty; it is a list of the numbers of stochastic layers at each "
                  "resolution, from half that of the image, such as 2,2.");
    const int64_t factor = counts.size() < 32 ? int64_t{1} << counts.size() : 0;
    if (factor == 0 || shape_.height % factor != 0 || shape_.width % factor != 0)
      throw Error(Error::Kind::kUsage,
                  "The images are " + std::to_string(shape_.height) + " x " +
                      std::to_string(shape_.width) + ", which cannot be halved " +
                      std::to_string(counts.size()) +
                      " times; `layers` has a number for each resolution, and each halves the one "
                      "before.");
    if (free_bits_ > 0 && bound_ != Bound::kElbo)
      throw Error(Error::Kind::kUsage,
                  "`free-bits` changes what each KL costs, of which L_k has none; set it to 0, or "
                  "`bound` to elbo.");
  }

  /// Features of each layer, from the top.
  std::vector<Tensor> pass_up(const Tensor& x) const {
    std::vector<Tensor> features;
    Tensor h = x.reshape({-1, shape_.channels, shape_.height, shape_.width}) - 0.5;
    for (const Scale& scale : scales_) {
      h = scale.halve(features.empty() ? h : at::elu(h));
      for (const Layer& layer : scale.layers) {
        h = layer.up(h);
        features.push_back(h);
      }
    }
    std::reverse(features.begin(), features.end());
    return features;
  }
  /// Outputs for the likelihood, [k, B, P D], with z = choose(layer, elu(h), p) of each layer.
  template <typename Choose>
  Tensor pass_down(int64_t k, int64_t count, const Choose& choose) const {
    Tensor h = start_.unsqueeze(0).expand({k * count, -1, -1, -1});
    for (size_t s = scales_.size(); s-- > 0;) {
      const Scale& scale = scales_[s];
      for (size_t l = scale.layers.size(); l-- > 0;) {
        const Layer& layer = scale.layers[l];
        const Tensor seen = at::elu(h);
        const Tensor z = choose(layer, seen, normal_of_picture(layer.p(seen), k));
        const Tensor picture = z.reshape({k * count, latent_channels_, scale.height, scale.width});
        h = layer.down(h + layer.from_z(picture));
      }
      h = scale.twice(at::elu(h));
    }
    return h.reshape({k, count, -1});
  }
  /// [k B, 2 C, H, W] as a normal of [k, B, C, H W].
  static Normal normal_of_picture(const Tensor& numbers, int64_t k) {
    const auto halves = numbers.reshape({k, numbers.size(0) / k, numbers.size(1), -1}).chunk(2, 2);
    return {halves[0], halves[1]};
  }
  static Normal posterior(const Layer& layer, const Tensor& h, const Normal& p,
                          const Tensor& features) {
    const Normal own = normal_of_picture(layer.q_state(h), p.mean.size(0));
    const Normal seen = normal_of_picture(layer.q_features(at::elu(features)), 1);
    return {p.mean + own.mean + seen.mean, p.log_scale + own.log_scale + seen.log_scale};
  }

  Pass infer(const Tensor& x, int64_t k, Noise& noise) const {
    Pass pass;
    const auto features = pass_up(x);
    pass.outputs =
        pass_down(k, x.size(0), [&](const Layer& layer, const Tensor& h, const Normal& p) {
          const Normal q = posterior(layer, h, p, features[pass.steps.size()]);
          const Tensor eps = noise.normal(q.mean.sizes());
          pass.steps.push_back({q, p, eps, q.at(eps)});
          return pass.steps.back().z;
        });
    pass.fit = likelihood_->log_density(pass.outputs, x);
    return pass;
  }

  DataShape shape_;
  int64_t channels_;
  int64_t latent_channels_;
  Bound bound_;
  int64_t samples_;
  double free_bits_;
  std::unique_ptr<Likelihood> likelihood_;
  std::vector<Scale> scales_;  // from the finest
  Tensor start_;               // h at the top
};

std::unique_ptr<Model> make(const ModelRequest& request) {
  return std::make_unique<ResidualVae>(request);
}

}  // namespace

ModelKind rvae_kind() {
  std::vector<Setting> settings = {
      {.name = "layers",
       .value = std::vector<int64_t>{2, 2},
       .help = "stochastic layers at each resolution, from half that of the image, each of which "
               "halves the one before",
       .minimum = 1,
       .maximum = 1000},
      {.name = "channels",
       .value = int64_t{32},
       .help = "of the features",
       .minimum = 1,
       .maximum = 4096},
      {.name = "latent-channels",
       .value = int64_t{4},
       .help = "of a stochastic layer",
       .minimum = 1,
       .maximum = 4096},
      {.name = "free-bits",
       .value = 0.0,
       .help =
           "nats that a channel of a layer may cost before its KL counts in the loss; the bound "
           "that is shown is always the true one",
       .minimum = 0,
       .maximum = 1e6},
  };
  for (Setting& setting : bound_settings("elbo", 1)) {
    // q and p share the networks of the pass down: log q has no parameters of its own to hold
    // fixed.
    if (setting.name == "bound") setting.choices = {"elbo", "iwae"};
    settings.push_back(setting);
  }
  for (const Setting& setting : likelihood_settings("logistic-mixture"))
    settings.push_back(setting);
  return {"rvae", "residual autoencoder of pictures with many stochastic layers, inferred top down",
          settings, make};
}

}  // namespace vinci::deep
