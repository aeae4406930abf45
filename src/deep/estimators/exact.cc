#include "deep/estimators/exact.h"

#include <cmath>

#include "base/check.h"

namespace vinci::deep {
namespace {

/// All values of one layer: [S, width].
Tensor all_values(const Units& units) {
  Tensor states = at::zeros({1, 0});
  const Tensor one =
      units.binary() ? at::tensor({0.0f, 1.0f}).unsqueeze(-1) : at::eye(units.states, at::kFloat);
  for (int64_t u = 0; u < units.count; ++u)
    states =
        at::cat({states.repeat({one.size(0), 1}), one.repeat_interleave(states.size(0), 0)}, 1);
  return states;
}

/// f and log q at all joint states: [S, B] each.
struct AllStates {
  Tensor value;
  Tensor log_q;
};

AllStates all_states(const StochasticNetwork& network, const Tensor& x) {
  const auto layers = network.layers();
  const int64_t batch = x.size(0);
  Chain chain;
  for (const Units& units : layers) {
    const Tensor own = all_values(units).to(x.device());
    const int64_t before = chain.values.empty() ? 1 : chain.values[0].size(0);
    for (Tensor& t : chain.values) t = t.repeat({own.size(0), 1, 1});
    chain.values.push_back(
        own.repeat_interleave(before, 0).unsqueeze(1).expand({-1, batch, -1}).contiguous());
  }
  Tensor log_q = at::zeros({1, batch}, x.options());
  for (size_t l = 0; l < layers.size(); ++l) {
    chain.logits.push_back(network.logits(l, x, l == 0 ? Tensor() : chain.values[l - 1]));
    log_q = log_q + log_mass(layers[l], chain.logits[l], chain.values[l]);
  }
  return {network.value(x, chain), log_q};
}

}  // namespace

double state_count(const StochasticNetwork& network) {
  double count = 1;
  for (const Units& units : network.layers())
    count *= std::pow(static_cast<double>(units.states), static_cast<double>(units.count));
  return count;
}

Estimate exact_gradient(const StochasticNetwork& network, const Tensor& x, int64_t k,
                        const std::vector<Tensor>& parameters) {
  VINCI_CHECK(std::pow(state_count(network), static_cast<double>(k)) <= kMaxStates);
  const auto [f, log_q] = all_states(network, x);
  // log sum_i exp f(b^i) and log q of all k-tuples.
  Tensor sum = f, log_q_all = log_q;
  for (int64_t i = 1; i < k; ++i) {
    sum = at::logaddexp(sum.unsqueeze(0), f.unsqueeze(1)).flatten(0, 1);
    log_q_all = (log_q_all.unsqueeze(0) + log_q.unsqueeze(1)).flatten(0, 1);
  }
  const Tensor bound = (log_q_all.exp() * (sum - std::log(static_cast<double>(k)))).sum(0);
  Estimate result;
  result.gradients = gradients_of(-bound.mean(), parameters);
  result.bound = bound.detach();
  result.evaluations = f.size(0);
  return result;
}

Tensor exact_log_evidence(const StochasticNetwork& network, const Tensor& x) {
  VINCI_CHECK(state_count(network) <= kMaxStates);
  WithoutGradient scope;
  const AllStates all = all_states(network, x);
  return (all.value + all.log_q).logsumexp(0);
}

}  // namespace vinci::deep
