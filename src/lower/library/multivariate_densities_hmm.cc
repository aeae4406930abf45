// Hidden Markov models with K states, T observations, log_omega[k, t] = log p(y_t | state k),
// transition matrix Gamma[j, k] = p(k | j) and initial distribution rho: the forward and backward
// recursions on the log scale.
#include <fmt/format.h>

#include "lower/library/multivariate_densities.h"

namespace vinci::lower {

namespace {

struct HiddenMarkov {
  size_t states;
  size_t times;
  const Value& log_omega;
  std::vector<Scalar> log_gamma;  // [j, k]
  std::vector<Scalar> log_rho;

  Scalar observation(size_t k, size_t t) const { return log_omega.elements[k * times + t]; }
};

HiddenMarkov hidden_markov_of(Density& d, std::span<const Value> args) {
  const Call& call = d.call();
  const auto states = static_cast<size_t>(args[0].dims[0]);
  const auto times = static_cast<size_t>(args[0].dims[1]);
  if (args[1].dims[0] != args[0].dims[0] || args[1].dims[1] != args[0].dims[0] ||
      args[2].elements.size() != states) {
    call.fail(
        fmt::format("`{}` has observations of {} states, a transition matrix of {} x {} and an "
                    "initial distribution of {}; sizes must agree",
                    call.name, states, args[1].dims[0], args[1].dims[1], args[2].elements.size()),
        source::DiagnosticKind::kSize);
  }
  HiddenMarkov m{states, times, args[0], {}, {}};
  for (size_t j = 0; j < states; ++j) {
    const std::span<const Scalar> row(args[1].elements.data() + j * states, states);
    d.require_simplex(row, "row of the transition matrix");
    for (Scalar p : row) m.log_gamma.push_back(call.graph.log(p));
  }
  d.require_simplex(args[2].elements, "initial distribution");
  for (Scalar p : args[2].elements) m.log_rho.push_back(call.graph.log(p));
  return m;
}

/// log p(y_1..y_t, state_t = k) for all t: [t][k].
std::vector<std::vector<Scalar>> forward(graph::Graph& g, const HiddenMarkov& m) {
  std::vector<std::vector<Scalar>> alpha(m.times, std::vector<Scalar>(m.states));
  std::vector<Scalar> parts(m.states);
  for (size_t t = 0; t < m.times; ++t) {
    for (size_t k = 0; k < m.states; ++k) {
      Scalar prior = m.log_rho[k];
      if (t > 0) {
        for (size_t j = 0; j < m.states; ++j) {
          parts[j] = g.add(alpha[t - 1][j], m.log_gamma[j * m.states + k]);
        }
        prior = g.log_sum_exp(parts);
      }
      alpha[t][k] = g.add(prior, m.observation(k, t));
    }
  }
  return alpha;
}

/// log p(y_{t+1}..y_T | state_t = k) for all t: [t][k].
std::vector<std::vector<Scalar>> backward(graph::Graph& g, const HiddenMarkov& m) {
  std::vector<std::vector<Scalar>> beta(m.times, std::vector<Scalar>(m.states, Scalar(0.0)));
  std::vector<Scalar> parts(m.states);
  for (size_t t = m.times; t-- > 1;) {
    for (size_t j = 0; j < m.states; ++j) {
      for (size_t k = 0; k < m.states; ++k) {
        parts[k] = g.add(g.add(beta[t][k], m.observation(k, t)), m.log_gamma[j * m.states + k]);
      }
      beta[t - 1][j] = g.log_sum_exp(parts);
    }
  }
  return beta;
}

Value hmm_marginal(const Call& call, std::span<const Value> args) {
  if (args[0].elements.empty()) return Value::real(0.0);
  Density d(call);
  const HiddenMarkov m = hidden_markov_of(d, args);
  return Value::real(call.graph.log_sum_exp(forward(call.graph, m).back()));
}

/// p(state_t = k | y): [k, t].
Value hmm_hidden_state_prob(const Call& call, std::span<const Value> args) {
  graph::Graph& g = call.graph;
  Value result = Value::matrix(args[0].dims[0], args[0].dims[1], args[0].elements);
  if (result.elements.empty()) return result;
  Density d(call);
  const HiddenMarkov m = hidden_markov_of(d, args);
  auto joint = forward(g, m);
  const auto beta = backward(g, m);
  for (size_t t = 0; t < m.times; ++t) {
    for (size_t k = 0; k < m.states; ++k) joint[t][k] = g.add(joint[t][k], beta[t][k]);
    const Scalar total = g.log_sum_exp(joint[t]);
    for (size_t k = 0; k < m.states; ++k) {
      result.elements[k * m.times + t] = g.exp(g.sub(joint[t][k], total));
    }
  }
  return result;
}

/// A draw of the states given the observations: forward, then backward sampling. States count
/// from 1.
Value hmm_latent_rng(const Call& call, std::span<const Value> args) {
  Density d(call);
  if (args[0].elements.empty()) return Value::array(BaseType::kInt, {});
  if (call.random == nullptr) {
    call.fail(fmt::format("`{}` is called where there are no random numbers", call.name));
  }
  const HiddenMarkov m = hidden_markov_of(d, args);
  const auto alpha = forward(call.graph, m);
  std::vector<Scalar> draw(m.times);
  std::vector<double> weights(m.states);
  size_t next = 0;
  for (size_t t = m.times; t-- > 0;) {
    double top = kNegativeInfinity;
    for (size_t k = 0; k < m.states; ++k) {
      Scalar s = alpha[t][k];
      if (t + 1 < m.times) s = call.graph.add(s, m.log_gamma[k * m.states + next]);
      if (!s.is_constant()) call.fail(fmt::format("`{}` depends on parameters", call.name));
      weights[k] = s.constant();
      top = std::fmax(top, weights[k]);
    }
    for (double& w : weights) w = std::exp(w - top);
    const int64_t k = call.random->categorical(weights);
    if (k < 0) call.fail(fmt::format("`{}` has observations that no state can give", call.name));
    next = static_cast<size_t>(k);
    draw[t] = static_cast<double>(k + 1);
  }
  return Value::array(BaseType::kInt, std::move(draw));
}

}  // namespace

void add_hidden_markov_models(LibraryTable& table) {
  table.add("hmm_marginal", hmm_marginal);
  table.add("hmm_hidden_state_prob", hmm_hidden_state_prob);
  table.add("hmm_latent_rng", hmm_latent_rng);
}

}  // namespace vinci::lower
