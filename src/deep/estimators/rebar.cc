// REBAR [Tucker, Mnih, Maddison, Lawson, Sohl-Dickstein 2017].
#include "deep/estimators/rebar.h"

#include <cmath>

#include "deep/estimators/surrogate.h"

namespace vinci::deep {
namespace {

Tensor relaxed(const Units& units, const Tensor& z, const Tensor& temperature) {
  return mean_of(units, z / temperature);
}

/// t twice, one after the other, unless it is shared by all chains.
Tensor twice(const Tensor& t, int64_t n) {
  return t.size(0) == n && n > 1 ? at::cat({t, t}) : n == 1 ? t.expand({2, -1, -1}) : t;
}

}  // namespace

Tensor ConditionalDraw::gradient(const Units& units, const Tensor& d, const Tensor& mean) const {
  if (units.binary()) return d * own;
  const Tensor of_largest = (d * share).unflatten(-1, {units.count, units.states}).sum(-1, true);
  const Tensor m = mean.unflatten(-1, {units.count, units.states});
  return d * own + (m * of_largest).flatten(-2);
}

ConditionalDraw conditional_draw(const Units& units, const Tensor& logits, const Tensor& b,
                                 const Tensor& uniform) {
  WithoutGradient scope;
  ConditionalDraw result;
  if (units.binary()) {
    const Tensor sign = b * 2 - 1;
    const Tensor signed_logit = sign * logits;
    const Tensor inner = uniform.log() - (-uniform).log1p() + at::softplus(signed_logit);
    result.z = sign * at::softplus(inner);
    result.own = inner.sigmoid() * signed_logit.sigmoid();
    return result;
  }
  // The largest is Gumbel at log sum exp(logits); the others are Gumbel, cut off there.
  const std::vector<int64_t> sizes = {units.count, units.states};
  const Tensor log_e = uniform.log().neg().log().unflatten(-1, sizes);  // log of exponentials
  const Tensor l = logits.unflatten(-1, sizes);
  const Tensor chosen = b.unflatten(-1, sizes);
  const Tensor largest = l.logsumexp(-1, true) - (log_e * chosen).sum(-1, true);
  const Tensor log_rate = log_e - l;
  const Tensor others = -at::logaddexp(log_rate, -largest);
  const Tensor own = (log_rate + largest).sigmoid();
  result.z = at::where(chosen.gt(0.5), largest, others).flatten(-2);
  result.own = (own * (1 - chosen)).flatten(-2);
  result.share = at::where(chosen.gt(0.5), at::ones_like(own), 1 - own).flatten(-2);
  return result;
}

ReparameterisedControl::ReparameterisedControl(const EstimatorRequest& request)
    : samples_(request.config.integer("samples")) {
  const auto depth = static_cast<int64_t>(request.network.layers().size());
  log_temperatures_ = request.parameters.add(
      "log-temperatures", at::full({depth}, std::log(request.config.number("temperature"))),
      ParameterGroup::kSurrogate);
  eta_ = request.parameters.add("eta", at::ones({depth}), ParameterGroup::kSurrogate);
  own_ = {log_temperatures_, eta_};
}

Tensor ReparameterisedControl::surrogate(size_t, const Tensor&, const Tensor&,
                                         const std::vector<Tensor>&) const {
  return {};
}

Estimate ReparameterisedControl::estimate(const StochasticNetwork& network, const Tensor& x,
                                          const std::vector<Tensor>& parameters, Noise& noise) {
  const auto layers = network.layers();
  int64_t width = 0;
  for (const Units& units : layers) width += units.width();
  const Tensor uniform = noise.uniform({2, samples_, x.size(0), width});
  const Tensor context = network.context(x).detach();

  Chain chain;
  std::vector<Tensor> errors, z, conditional_uniform;  // z - logits; z; for z~
  int64_t used = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    chain.logits.push_back(network.logits(l, x, l == 0 ? Tensor() : chain.values.back()));
    const Tensor constant = chain.logits.back().detach();
    chain.means.push_back(mean_of(layers[l], constant));
    const Tensor u = uniform[0].slice(-1, used, used + layers[l].width());
    conditional_uniform.push_back(uniform[1].slice(-1, used, used + layers[l].width()));
    used += layers[l].width();
    errors.push_back(layers[l].binary() ? u.log() - (-u).log1p() : u.log().neg().log().neg());
    z.push_back(constant + errors.back());
    if (layers[l].binary()) {
      chain.values.push_back(z.back().gt(0).to(at::kFloat));
    } else {
      const Tensor largest = z.back().unflatten(-1, {layers[l].count, layers[l].states}).argmax(-1);
      chain.values.push_back(at::one_hot(largest, layers[l].states).to(at::kFloat).flatten(-2));
    }
  }
  const Chain constant = chain.detached();
  const Tensor value = network.value(x, constant);
  const Tensor f = value.detach();

  const double share = 1.0 / static_cast<double>(samples_);
  std::vector<Tensor> d_logits;
  Tensor loss;
  for (size_t l = 0; l < layers.size(); ++l) {
    const Tensor score = chain.values[l] - chain.means[l];
    const ConditionalDraw given =
        conditional_draw(layers[l], constant.logits[l], chain.values[l], conditional_uniform[l]);
    Tensor both = at::cat({z[l], given.z});  // [2n, B, width]
    both.set_requires_grad(true);

    Chain path;
    for (size_t j = 0; j < l; ++j) {
      path.values.push_back(twice(chain.values[j], samples_));
      path.logits.push_back(twice(constant.logits[j], samples_));
    }
    path.logits.push_back(twice(constant.logits[l], samples_));
    const Tensor temperatures = log_temperatures_.exp();
    path.values.push_back(relaxed(layers[l], both, temperatures[static_cast<int64_t>(l)]));
    for (size_t j = l + 1; j < layers.size(); ++j) {
      path.logits.push_back(network.logits(j, x, path.values.back()));
      const Tensor above = path.logits.back() + at::cat({errors[j], errors[j]});
      path.values.push_back(relaxed(layers[j], above, temperatures[static_cast<int64_t>(j)]));
    }
    Tensor c = network.value(x, path);
    const Tensor further = surrogate(l, context, both, path.values);
    if (further.defined()) c = c + further;
    // Differentiable in the surrogate's parameters.
    const Tensor slopes =
        weighted_gradients({c}, {at::ones_like(c)}, {both}, /*keep_graph=*/true)[0];
    const Tensor eta = eta_[static_cast<int64_t>(l)];
    const Tensor signal = f - eta * c.slice(0, samples_);
    const Tensor d = signal.unsqueeze(-1) * score +
                     eta * (slopes.slice(0, 0, samples_) -
                            given.gradient(layers[l], slopes.slice(0, samples_), chain.means[l]));
    const Tensor square = d.square().sum(-1).mean();
    loss = l == 0 ? square : loss + square;
    d_logits.push_back(d.detach() * share);
  }
  Estimate result;
  result.gradients = assemble(chain.logits, d_logits, value, at::full_like(f, share), parameters);
  result.surrogate_gradients = gradients_of(loss, own_);
  result.bound = f.mean(0);
  result.evaluations = samples_ * (1 + 2 * static_cast<int64_t>(layers.size()));
  return result;
}

std::unique_ptr<Estimator> make_rebar(const EstimatorRequest& request) {
  return std::make_unique<ReparameterisedControl>(request);
}

}  // namespace vinci::deep
