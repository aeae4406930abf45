#include "api/state_summary.h"

#include <algorithm>
#include <unordered_map>

#include "numeric/parallel/thread_pool.h"

namespace vinci::api {

std::vector<int64_t> state_of_column(const model::Model& model) {
  const auto& variables = model.discrete_variables();
  std::unordered_map<std::string, int64_t> by_column;  // `z.1.2`
  for (size_t m = 0; m < variables.size(); ++m) {
    by_column.emplace(variables[m].name, static_cast<int64_t>(m));
  }
  std::vector<int64_t> states;
  for (const model::VariableInfo& v : model.variables()) {
    if (v.block == model::VariableInfo::Block::kGeneratedQuantities) continue;
    for (const std::string& column : v.columns) {
      const auto found = by_column.find(column);
      const bool is_state =
          v.block == model::VariableInfo::Block::kParameters && found != by_column.end();
      states.push_back(is_state ? found->second : -1);
    }
  }
  return states;
}

namespace {

/// Shares of the draws, whose last coordinates are the states, in each state.
std::vector<double> shares(const std::vector<graph::DiscreteVariable>& variables,
                           const infer::FitResult& result) {
  std::vector<double> sum;
  const Index first = result.dim - static_cast<Index>(variables.size());
  for (size_t m = 0; m < variables.size(); ++m) {
    std::vector<double> own(static_cast<size_t>(variables[m].num_states()), 0.0);
    for (Index i = 0; i < result.num_draws; ++i) {
      const double z =
          result.draws[static_cast<size_t>(i * result.dim + first + static_cast<Index>(m))];
      own[static_cast<size_t>(z - static_cast<double>(variables[m].low))] +=
          1 / static_cast<double>(result.num_draws);
    }
    sum.insert(sum.end(), own.begin(), own.end());
  }
  return sum;
}

/// E[p(z = k | theta)] over the draws.
std::vector<double> exact_marginals(const model::Model& model, const ConjugateCoordinates* ascent,
                                    const infer::FitResult& result, int threads) {
  int64_t num_states = 0;
  for (const graph::DiscreteVariable& v : model.discrete_variables()) num_states += v.num_states();
  std::vector<double> sum(static_cast<size_t>(num_states), 0.0);
  // Without continuous parameters all draws are the same point.
  const Index count = result.dim == 0 ? 1 : result.num_draws;
  constexpr Index kBlock = 64;
  const std::vector<double> weights(static_cast<size_t>(kBlock), 1.0 / static_cast<double>(count));
  // Blocks of draws are dealt out to a fixed number of sums, so that these do not depend on
  // `threads`.
  constexpr Index kSums = 16;
  const Index blocks = (count + kBlock - 1) / kBlock;
  std::vector<std::vector<double>> sums(static_cast<size_t>(std::min(kSums, blocks)));
  numeric::ThreadPool(threads).parallel_for(std::ssize(sums), [&](Index part) {
    std::vector<double>& own = sums[static_cast<size_t>(part)];
    own.assign(sum.size(), 0.0);
    for (Index b = part; b < blocks; b += kSums) {
      const Index first = b * kBlock, used = std::min(kBlock, count - first);
      std::vector<double> points(static_cast<size_t>(result.dim * used));
      for (Index l = 0; l < used; ++l) {
        for (Index d = 0; d < result.dim; ++d) {
          points[static_cast<size_t>(d * used + l)] =
              result.draws[static_cast<size_t>((first + l) * result.dim + d)];
        }
      }
      const LaneMatrix at{points.data(), result.dim, used, used};
      if (model.is_marginal()) {
        model.state_posterior().add_marginals(at, weights, own);
      } else {
        add_state_probabilities(*ascent, at, weights, own);
      }
    }
  });
  for (const std::vector<double>& own : sums)
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += own[k];
  return sum;
}

}  // namespace

void note_states(const model::Model& model, const ConjugateCoordinates* ascent,
                 const infer::FitResult& result, int threads, draws::RunRecord& record) {
  const auto& variables = model.discrete_variables();
  if (variables.empty()) return;
  record.elimination = model.describe_elimination();
  if (result.dim == 0) {
    record.reasons = {
        "All parameters are discrete and were summed out: probabilities and evidence are exact."};
  }
  if (result.num_draws == 0) return;
  const std::vector<double> sum = model.is_marginal() || ascent != nullptr
                                      ? exact_marginals(model, ascent, result, threads)
                                      : shares(variables, result);
  std::vector<size_t> first_state;
  size_t num_states = 0;
  for (const graph::DiscreteVariable& v : variables) {
    first_state.push_back(num_states);
    num_states += static_cast<size_t>(v.num_states());
  }
  const std::vector<int64_t> states = state_of_column(model);
  for (size_t row = 0; row < states.size() && row < record.parameters.size(); ++row) {
    if (states[row] < 0) continue;
    const auto m = static_cast<size_t>(states[row]);
    draws::ParameterSummary& summary = record.parameters[row];
    const auto begin = sum.begin() + static_cast<std::ptrdiff_t>(first_state[m]);
    summary.first_state = variables[m].low;
    summary.probabilities.assign(begin, begin + variables[m].num_states());
  }
}

}  // namespace vinci::api
