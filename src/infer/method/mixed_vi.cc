#include "infer/method/mixed_vi.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "infer/dense.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/method/stochastic_vi.h"
#include "infer/optimizer/optimizer.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

struct Word {
  DiscreteMethod method;
  std::string_view word;
};
constexpr std::array<Word, 6> kWords = {{{DiscreteMethod::kAuto, "auto"},
                                         {DiscreteMethod::kLocal, "local"},
                                         {DiscreteMethod::kScore, "score"},
                                         {DiscreteMethod::kDisarm, "disarm"},
                                         {DiscreteMethod::kRelax, "relax"},
                                         {DiscreteMethod::kConcrete, "concrete"}}};

/// Evaluations of the blankets that local expectations take for each draw.
Index local_cost(const DiscreteOptions& options) {
  std::vector<Index> most;  // states of each colour
  for (size_t i = 0; i < options.states.size(); ++i) {
    const size_t c =
        options.blankets.colour.empty() ? i : static_cast<size_t>(options.blankets.colour[i]);
    if (c >= most.size()) most.resize(c + 1, 0);
    most[c] = std::max(most[c], options.states[i].count);
  }
  Index sum = 0;
  for (const Index count : most) sum += count;
  return sum;
}

}  // namespace

std::string_view to_string(DiscreteMethod method) {
  for (const Word& w : kWords) {
    if (w.method == method) return w.word;
  }
  return "auto";
}

DiscreteMethod parse_discrete_method(std::string_view word) {
  std::string known;
  for (const Word& w : kWords) {
    if (w.word == word) return w.method;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", w.word);
  }
  throw Error(Error::Kind::kUsage,
              fmt::format("discrete method is `{}`; it must be one of {}", word, known));
}

DiscreteMethod chosen_method(const DiscreteOptions& options) {
  if (options.method != DiscreteMethod::kAuto) return options.method;
  constexpr Index kMaxLocalCost = 64;
  return local_cost(options) <= kMaxLocalCost ? DiscreteMethod::kLocal : DiscreteMethod::kScore;
}

EstimatorPtr estimator_of(const DiscreteOptions& options, const MixedFamily& family, Index draws) {
  const EstimatorOptions plain{.draws = draws};
  EstimatorPtr result;
  switch (chosen_method(options)) {
    case DiscreteMethod::kAuto:
    case DiscreteMethod::kLocal:
      result = local_expectation_estimator(plain, options.blankets);
      break;
    case DiscreteMethod::kScore:
      result =
          discrete_rao_blackwell_estimator(plain, options.blankets, ScoreControl::kLeaveOneOut);
      break;
    case DiscreteMethod::kDisarm:
      result = disarm_estimator(plain, options.blankets);
      break;
    case DiscreteMethod::kRelax:
      result = relax_estimator(plain);
      break;
    case DiscreteMethod::kConcrete:
      if (!options.relaxed) {
        throw Error(Error::Kind::kUsage,
                    "discrete method is `concrete`; this density has no extension to soft states");
      }
      result = concrete_estimator(plain, *options.relaxed, options.concrete_temperature);
      break;
  }
  const std::string obstacle = result->obstacle(family);
  if (!obstacle.empty()) {
    throw Error(Error::Kind::kUsage, fmt::format("discrete method is `{}`, which does not serve "
                                                 "these parameters: {}",
                                                 to_string(options.method), obstacle));
  }
  return result;
}

MixedViResult mixed_vi(Objective& objective, const MixedViOptions& options,
                       numeric::RandomKey key) {
  const auto& states = options.discrete.states;
  const Index d = objective.dim() - static_cast<Index>(states.size());
  const MixedFamily family(std::make_shared<MeanFieldNormalFamily>(d), states);
  // An exact sum over states leaves little noise.
  const bool exact = chosen_method(options.discrete) == DiscreteMethod::kLocal;
  const Index draws = exact ? 4 : 16;
  MixedViResult result;
  StochasticViOptions vi;
  StochasticViResult best;
  best.objective.value = -std::numeric_limits<double>::infinity();
  for (Index s = 0; s < options.starts; ++s) {
    if (s > 0 && objective.should_stop()) break;
    Vector start = Vector::Zero(family.num_params());
    Vector noise(family.num_params());
    numeric::fill_normal({key.seed, ~key.stream}, static_cast<uint32_t>(s), 0, noise.size(), 1,
                         noise.data(), 1);
    start.head(d) = options.radius * noise.head(d);
    start.segment(d, d).setConstant(-1);
    start.tail(family.num_logits()) = 0.5 * noise.tail(family.num_logits());
    vi.start = to_std(start);
    vi.max_iterations = options.trial;
    vi.window = std::max<Index>(2, options.trial / 4);
    vi.plateaus = options.trial;
    const EstimatorPtr estimator = estimator_of(options.discrete, family, draws);
    const auto optimizer = adam(options.rate);
    StochasticViResult r = stochastic_vi(objective, family, *estimator, *optimizer, vi,
                                         {key.seed + static_cast<uint64_t>(s) + 1, key.stream});
    if (s == 0 || r.objective.value > best.objective.value) best = std::move(r);
  }
  vi = {};
  vi.start = best.last;
  vi.max_iterations = options.max_iterations;
  const EstimatorPtr estimator = estimator_of(options.discrete, family, draws);
  const auto optimizer = adam(options.rate);
  const StochasticViResult r = stochastic_vi(objective, family, *estimator, *optimizer, vi, key);
  result.q = std::make_shared<Mixed>(family, r.lambda);
  result.elbo = r.iterations > 0 ? r.objective.value : best.objective.value;
  result.iterations = r.iterations;
  result.converged = r.converged;
  result.estimator = estimator->name();
  return result;
}

}  // namespace vinci::infer
