#include "deep/estimators/estimator.h"

#include <fmt/format.h>

#include <cmath>

#include "base/check.h"
#include "deep/core/functions.h"
#include "deep/estimators/concrete.h"
#include "vinci/error.h"

namespace vinci::deep {

Chain Chain::detached() const {
  Chain chain = *this;
  for (Tensor& t : chain.logits) t = t.detach();
  return chain;
}

Tensor mean_of(const Units& units, const Tensor& logits) {
  if (units.binary()) return logits.sigmoid();
  return logits.unflatten(-1, {units.count, units.states}).softmax(-1).flatten(-2);
}

Tensor mean_gradient(const Units& units, const Tensor& a, const Tensor& mean) {
  if (units.binary()) return a * mean * (1 - mean);
  const Tensor product = (a * mean).unflatten(-1, {units.count, units.states});
  const Tensor m = mean.unflatten(-1, {units.count, units.states});
  return (product - m * product.sum(-1, true)).flatten(-2);
}

Tensor draw(const Units& units, const Tensor& mean, const Tensor& uniform) {
  WithoutGradient scope;
  if (units.binary()) return uniform.lt(mean).to(at::kFloat);
  // The state is the number of steps of the distribution function below the uniform.
  const Tensor steps =
      mean.unflatten(-1, {units.count, units.states}).slice(-1, 0, units.states - 1).cumsum(-1);
  const Tensor state = steps.le(uniform.unsqueeze(-1)).sum(-1);
  return at::one_hot(state, units.states).to(at::kFloat).flatten(-2);
}

Tensor log_mass(const Units& units, const Tensor& logits, const Tensor& values) {
  if (units.binary()) {
    if (logits.sizes() == values.sizes()) return bernoulli_log_density(logits, values);
    return (values * logits).sum(-1) - at::softplus(logits).sum(-1);
  }
  const Tensor normal = logits.unflatten(-1, {units.count, units.states}).log_softmax(-1);
  return (values * normal.flatten(-2)).sum(-1);
}

Tensor layer_log_density(const Units& units, const Tensor& logits, const Chain& chain, size_t layer,
                         double temperature) {
  if (chain.unbounded.empty()) return log_mass(units, logits, chain.values[layer]);
  if (units.binary())
    return binary_concrete_log_density(chain.unbounded[layer], logits, temperature).sum(-1);
  const std::vector<int64_t> sizes = {units.count, units.states};
  return concrete_log_density(chain.unbounded[layer].unflatten(-1, sizes),
                              logits.unflatten(-1, sizes), temperature)
      .sum(-1);
}

Chain draw_chains(const StochasticNetwork& network, const Tensor& x, int64_t n, Noise& noise) {
  const auto layers = network.layers();
  int64_t count = 0;
  for (const Units& units : layers) count += units.count;
  const Tensor uniform = noise.uniform({n, x.size(0), count});
  Chain chain;
  Tensor below;
  int64_t used = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    chain.logits.push_back(network.logits(l, x, below));
    chain.means.push_back(mean_of(layers[l], chain.logits.back().detach()));
    below = draw(layers[l], chain.means.back(), uniform.slice(-1, used, used + layers[l].count));
    used += layers[l].count;
    chain.values.push_back(below);
  }
  return chain;
}

std::vector<Tensor> assemble(const std::vector<Tensor>& logits, std::vector<Tensor> d_logits,
                             const Tensor& value, const Tensor& d_value,
                             const std::vector<Tensor>& parameters) {
  const double scale = -1.0 / static_cast<double>(value.size(-1));
  std::vector<Tensor> outputs, weights;
  for (size_t l = 0; l < logits.size(); ++l) {
    Tensor d = d_logits[l];
    if (d.size(0) != logits[l].size(0)) d = d.sum(0, true);
    outputs.push_back(logits[l]);
    weights.push_back(d * scale);
  }
  outputs.push_back(value);
  weights.push_back(d_value * scale);
  return weighted_gradients(outputs, weights, parameters);
}

Tensor mean_of_others(const Tensor& t) {
  const auto n = static_cast<double>(t.size(0));
  return (t.sum(0, true) - t) / (n - 1);
}

Tensor log_mean_exp_with(const Tensor& t, const Tensor& s) {
  const int64_t k = t.size(0);
  Tensor all = t.unsqueeze(0).repeat({k, 1, 1});  // [i, j, B]
  all.diagonal(0, 0, 1).copy_(s.t());
  return all.logsumexp(1) - std::log(static_cast<double>(k));
}

RunningMoments::RunningMoments(Parameters& parameters, const std::string& name)
    : mean_(parameters.add_buffer(name + ".mean", at::zeros({1}))),
      variance_(parameters.add_buffer(name + ".variance", at::zeros({1}))) {}

void RunningMoments::add(const Tensor& values) {
  WithoutGradient scope;
  constexpr double kMemory = 0.9;
  const Tensor flat = values.detach().reshape({-1});
  const double mean = flat.mean().item<double>();
  const double variance = (flat - mean).square().mean().item<double>();
  if (!std::isfinite(mean) || !std::isfinite(variance)) return;
  mean_.mul_(kMemory).add_((1 - kMemory) * mean);
  variance_.mul_(kMemory).add_((1 - kMemory) * variance);
}

const std::vector<EstimatorKind>& estimator_kinds() {
  static const std::vector<EstimatorKind> kinds = {
      {.name = "reinforce",
       .summary = "score function with a running mean as baseline",
       .make = make_reinforce},
      {.name = "straight-through",
       .summary = "the draw forward, its mean backward",
       .unbiased = false,
       .serves_iwae = true,
       .make = make_straight_through},
      {.name = "nvil",
       .summary = "score function with a learned baseline, normalised",
       .learns = true,
       .make = make_nvil},
      {.name = "muprop",
       .summary = "score function of the remainder of a Taylor expansion at the means",
       .make = make_muprop},
      {.name = "vimco",
       .summary = "score function for L_k, leave-one-out in each weight",
       .least_samples = 2,
       .serves_elbo = false,
       .serves_iwae = true,
       .make = make_vimco},
      {.name = "concrete",
       .summary = "pathwise through relaxed draws with densities of their own",
       .unbiased = false,
       .serves_iwae = true,
       .make = make_concrete},
      {.name = "gumbel-softmax",
       .summary = "pathwise through relaxed draws, the masses' formula kept",
       .unbiased = false,
       .serves_iwae = true,
       .make = make_gumbel_softmax},
      {.name = "rebar",
       .summary = "score function with a relaxed control variate, its temperature learned",
       .learns = true,
       .make = make_rebar},
      {.name = "relax",
       .summary = "rebar plus a learned network of the relaxed variables",
       .learns = true,
       .make = make_relax},
      {.name = "reinforce-loo",
       .summary = "score function, each draw against the mean of the others",
       .least_samples = 2,
       .make = make_reinforce_loo},
      {.name = "disarm",
       .summary = "antithetic pairs, the uniforms integrated out",
       .least_samples = 2,
       .serves_iwae = true,
       .serves_categorical = false,
       .make = make_disarm},
      {.name = "arms",
       .summary = "n antithetic draws through a copula",
       .least_samples = 2,
       .serves_categorical = false,
       .make = make_arms},
      {.name = "double-cv",
       .summary = "leave-one-out with first-order predictions of the others",
       .least_samples = 2,
       .learns = true,
       .make = make_double_cv},
  };
  return kinds;
}

std::vector<Setting> estimator_settings(const std::string& estimator, const std::string& bound,
                                        int64_t samples) {
  std::vector<std::string> names;
  for (const EstimatorKind& kind : estimator_kinds()) names.push_back(kind.name);
  return {
      {.name = "estimator",
       .value = estimator,
       .help = "how the gradient of a discrete layer is estimated",
       .choices = names},
      {.name = "bound",
       .value = bound,
       .help = "what is maximised: the ELBO, or the importance-weighted L_k with k = samples",
       .choices = {"elbo", "iwae"}},
      {.name = "samples",
       .value = samples,
       .help = "draws for each example",
       .minimum = 1,
       .maximum = 100000},
      {.name = "temperature",
       .value = 2.0 / 3,
       .help = "of relaxed draws of q; where it is learned (rebar, relax), what it starts from",
       .minimum = 1e-3,
       .maximum = 1e3},
      {.name = "prior-temperature",
       .value = 0.5,
       .help = "concrete: of the relaxed p(b)",
       .minimum = 1e-3,
       .maximum = 1e3},
      {.name = "surrogate-hidden",
       .value = std::vector<int64_t>{200, 200},
       .help = "widths of the hidden layers of a learned baseline or surrogate",
       .minimum = 1,
       .maximum = 65536},
      {.name = "surrogate-rate",
       .value = 1.0,
       .help = "learning rate of baselines and surrogates, as a multiple of the model's",
       .minimum = 0,
       .maximum = 1e6},
      {.name = "surrogate-warmup",
       .value = int64_t{0},
       .help = "first steps in which only baselines and surrogates learn",
       .minimum = 0,
       .maximum = 1e12},
  };
}

std::unique_ptr<Estimator> make_estimator(const EstimatorRequest& request) {
  const std::string& name = request.config.text("estimator");
  for (const EstimatorKind& kind : estimator_kinds()) {
    if (kind.name != name) continue;
    const bool iwae = request.config.text("bound") == "iwae";
    if (iwae ? !kind.serves_iwae : !kind.serves_elbo) {
      std::string others;
      for (const EstimatorKind& other : estimator_kinds())
        if (iwae ? other.serves_iwae : other.serves_elbo)
          others += (others.empty() ? "" : ", ") + other.name;
      throw Error(Error::Kind::kUsage,
                  fmt::format("The estimator `{}` does not serve the bound `{}`; {} do.", name,
                              request.config.text("bound"), others));
    }
    const int64_t samples = request.config.integer("samples");
    if (samples < kind.least_samples)
      throw Error(Error::Kind::kUsage,
                  fmt::format("`samples` is {}; the estimator `{}` takes at least {}.", samples,
                              name, kind.least_samples));
    for (const Units& units : request.network.layers())
      if (!units.binary() && !kind.serves_categorical)
        throw Error(Error::Kind::kUsage,
                    fmt::format("The estimator `{}` is for binary units; these have {} states.",
                                name, units.states));
    return kind.make(request);
  }
  VINCI_CHECK(false);
}

}  // namespace vinci::deep
