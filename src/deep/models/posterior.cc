#include "deep/models/posterior.h"

#include "base/check.h"
#include "deep/core/functions.h"
#include "deep/models/networks.h"

namespace vinci::deep {
namespace {

/// N(mean, diag exp(log_scale)^2). Outputs: means, log scales.
class DiagonalNormal : public Posterior {
 public:
  explicit DiagonalNormal(int64_t latent) : latent_(latent) {}

  int64_t num_outputs() const override { return 2 * latent_; }
  Draws draw(const Tensor& outputs, const Tensor& eps) const override {
    const Normal q = normal_of(outputs);
    // (z - mean) / scale is eps.
    return {q.at(eps), standard_normal_log_density(eps) - q.log_scale.sum(-1)};
  }
  Tensor log_density(const Tensor& outputs, const Tensor& z) const override {
    const Normal q = normal_of(outputs);
    return normal_log_density(z, q.mean, q.log_scale);
  }
  Tensor kl(const Tensor& outputs) const override {
    const Normal q = normal_of(outputs);
    return standard_normal_kl(q.mean, q.log_scale);
  }
  Tensor mean(const Tensor& outputs, Noise&) const override { return normal_of(outputs).mean; }

 private:
  int64_t latent_;
};

/// N(mean, F F'), F lower triangular with diagonal exp(log_diagonal). Outputs: means, log_diagonal,
/// the rows of F below its diagonal. O(L^2) numbers and operations a draw.
class FullNormal : public Posterior {
 public:
  explicit FullNormal(int64_t latent) : latent_(latent) {}

  int64_t num_outputs() const override { return 2 * latent_ + latent_ * (latent_ - 1) / 2; }
  /// As a diagonal normal: many small correlations of a random start would add up.
  void start(Linear& last) override {
    const Tensor places = at::tril_indices(latent_, latent_, -1);
    below_ = (places[0] * latent_ + places[1]).to(last.weight.device());
    WithoutGradient scope;
    last.weight.slice(0, 2 * latent_).zero_();
  }
  Draws draw(const Tensor& outputs, const Tensor& eps) const override {
    const Parts q = parts(outputs);
    // [B, L, L] times [B, L, k].
    const Tensor moved = at::matmul(q.factor, eps.permute({1, 2, 0})).permute({2, 0, 1});
    return {q.mean + moved, standard_normal_log_density(eps) - q.log_diagonal.sum(-1)};
  }
  Tensor log_density(const Tensor& outputs, const Tensor& z) const override {
    const Parts q = parts(outputs);
    const Tensor eps =
        at::linalg_solve_triangular(q.factor, (z - q.mean).permute({1, 2, 0}), /*upper=*/false);
    return standard_normal_log_density(eps.permute({2, 0, 1})) - q.log_diagonal.sum(-1);
  }
  /// (|mean|^2 + |F|^2 - L) / 2 - sum log_diagonal: the trace of F F' is the sum of squares.
  Tensor kl(const Tensor& outputs) const override {
    const Tensor below = outputs.slice(-1, 2 * latent_);
    const Normal diagonal = normal_of(outputs.slice(-1, 0, 2 * latent_));
    return standard_normal_kl(diagonal.mean, diagonal.log_scale) + below.square().sum(-1) * 0.5;
  }
  Tensor mean(const Tensor& outputs, Noise&) const override { return parts(outputs).mean; }

 private:
  struct Parts {
    Tensor mean;          // [B, L]
    Tensor log_diagonal;  // [B, L]
    Tensor factor;        // [B, L, L]
  };
  Parts parts(const Tensor& outputs) const {
    const int64_t count = outputs.size(0);
    const Normal diagonal = normal_of(outputs.slice(-1, 0, 2 * latent_));
    const Tensor below = at::zeros({count, latent_ * latent_}, outputs.options())
                             .index_copy(1, below_, outputs.slice(-1, 2 * latent_))
                             .reshape({count, latent_, latent_});
    return {diagonal.mean, diagonal.log_scale, below + diagonal.log_scale.exp().diag_embed()};
  }

  int64_t latent_;
  Tensor below_;  // places of the elements below the diagonal in L * L
};

/// Two numbers for each variable from those before it and a context: a network whose layers have
/// masks. An input or hidden unit has a degree, and sees no unit of a higher one; the i-th output
/// sees variables before the i-th.  [Germain, Gregor, Murray, Larochelle 2015, sec. 3]
class AutoregressiveNetwork {
 public:
  /// `reversed`: before means after.
  AutoregressiveNetwork(Parameters& parameters, const std::string& name, int64_t variables,
                        int64_t context, const std::vector<int64_t>& widths, Activation activation,
                        bool reversed, Noise& initial)
      : activation_(activation) {
    const ParameterGroup q = ParameterGroup::kInference;
    Tensor order = at::arange(variables);
    if (reversed) order = order.flip(0);
    Tensor degrees = order + 1;
    const auto add_layer = [&](const Tensor& of_outputs) {
      layers_.emplace_back(parameters, name + "." + std::to_string(layers_.size()), degrees.numel(),
                           of_outputs.numel(), q, initial);
      masks_.push_back(of_outputs.unsqueeze(1)
                           .ge(degrees.unsqueeze(0))
                           .to(at::TensorOptions(at::kFloat).device(parameters.device())));
      degrees = of_outputs;
    };
    for (const int64_t width : widths) add_layer(at::arange(width).remainder(variables));
    add_layer(order.repeat({2}));
    context_ = Linear(parameters, name + ".context", context, layers_[0].bias.numel(), q, initial);
  }

  /// [k, B, 2 L] at z [k, B, L] and h [B, context].
  Tensor operator()(const Tensor& z, const Tensor& h) const {
    Tensor value = z;
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (i > 0) value = activate(value, activation_);
      value = at::linear(value, layers_[i].weight * masks_[i], layers_[i].bias);
      if (i == 0) value = value + context_(h);
    }
    return value;
  }
  Linear& last() { return layers_.back(); }

 private:
  Activation activation_;
  std::vector<Linear> layers_;
  std::vector<Tensor> masks_;
  Linear context_;
};

/// Inverse autoregressive flow: z_0 = mean + scale eps, then steps
///     z_t = sigma_t z_{t-1} + (1 - sigma_t) m_t,  sigma_t = sigmoid(s_t),
/// in which m_t and s_t of a variable see the variables before it in z_{t-1}, and h(x). The
/// Jacobian of a step is triangular with diagonal sigma_t, so that
///     log q(z_T) = log q_0(z_0) - sum_t sum_i log sigma_{t,i}.
/// Every other step sees the variables in reverse order. A draw costs one pass of each step; the
/// density elsewhere would take one pass for every variable.
/// [Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016, eq. (9)-(11), (13), algorithm 1]
class InverseAutoregressiveFlow : public Posterior {
 public:
  InverseAutoregressiveFlow(const Config& config, int64_t latent, Parameters& parameters,
                            Noise& initial)
      : latent_(latent), context_(config.integer("flow-context")) {
    for (int64_t t = 0; t < config.integer("flow-steps"); ++t) {
      steps_.emplace_back(parameters, "flow." + std::to_string(t + 1), latent, context_,
                          config.integers("flow-hidden"),
                          activation_named(config.text("activation")), t % 2 == 1, initial);
      // A step starts by keeping most of what it is given.
      WithoutGradient scope;
      steps_.back().last().bias.slice(0, latent).fill_(2);
    }
  }

  int64_t num_outputs() const override { return 2 * latent_ + context_; }
  Draws draw(const Tensor& outputs, const Tensor& eps) const override {
    const Normal first = normal_of(outputs.slice(-1, 0, 2 * latent_));
    const Tensor h = outputs.slice(-1, 2 * latent_);
    Tensor z = first.at(eps);
    Tensor log_q = standard_normal_log_density(eps) - first.log_scale.sum(-1);
    for (const AutoregressiveNetwork& step : steps_) {
      const auto halves = step(z, h).chunk(2, -1);
      const Tensor sigma = halves[1].sigmoid();
      z = sigma * z + (1 - sigma) * halves[0];
      log_q = log_q - at::log_sigmoid(halves[1]).sum(-1);
    }
    return {z, log_q};
  }
  Tensor log_density(const Tensor&, const Tensor&) const override { VINCI_CHECK(false); }
  bool knows_density() const override { return false; }
  Tensor kl(const Tensor&) const override { return {}; }
  Tensor mean(const Tensor& outputs, Noise& noise) const override {
    return draw(outputs, noise.normal({64, outputs.size(0), latent_})).z.mean(0);
  }

 private:
  int64_t latent_;
  int64_t context_;
  std::vector<AutoregressiveNetwork> steps_;
};

}  // namespace

std::vector<Setting> posterior_settings() {
  return {
      {.name = "posterior",
       .value = std::string("diagonal"),
       .help = "q(z | x): a normal with diagonal or full covariance, or one that inverse "
               "autoregressive steps transform",
       .choices = {"diagonal", "full", "flow"}},
      {.name = "flow-steps",
       .value = int64_t{4},
       .help = "of a flow",
       .minimum = 1,
       .maximum = 1000},
      {.name = "flow-hidden",
       .value = std::vector<int64_t>{200},
       .help = "widths of the hidden layers of a step of a flow",
       .minimum = 1,
       .maximum = 65536},
      {.name = "flow-context",
       .value = int64_t{100},
       .help = "numbers by which the encoder tells a flow of the image",
       .minimum = 1,
       .maximum = 65536},
  };
}

std::unique_ptr<Posterior> make_posterior(const Config& config, int64_t latent,
                                          Parameters& parameters, Noise& initial) {
  const std::string& name = config.text("posterior");
  if (name == "diagonal") return std::make_unique<DiagonalNormal>(latent);
  if (name == "full") return std::make_unique<FullNormal>(latent);
  VINCI_CHECK(name == "flow");
  return std::make_unique<InverseAutoregressiveFlow>(config, latent, parameters, initial);
}

}  // namespace vinci::deep
