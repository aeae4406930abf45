#include "api/conjugate_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "conjugate/normal_block.h"
#include "conjugate/rows.h"
#include "infer/fit_given.h"

namespace vinci::api {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Standard deviation below which, relative to its mean, a normal statistic has lost digits.
constexpr double kLostDigits = 1e4;

/// Up to here k-hat says that q covers its mode well.
constexpr double kGoodKhat = 0.5;

/// Up to this dimension the ladder has its turn too where coordinate ascent does not do.
constexpr Index kMaxLadderDim = 2000;

constexpr size_t kMaxRecordedDistributions = 1000;

/// Draws by which q is judged: fewer where each has many numbers, so that they do not take longer
/// than the ascent that they judge.
constexpr Index kMaxJudgedNumbers = 16'000'000;
constexpr Index kMinJudgedDraws = 2048, kMaxJudgedDraws = 10'000;

/// Means of the linear leaves where they are far from zero in their deviations; empty: none is.
std::vector<double> better_shifts(const conjugate::Conjugate& m) {
  std::vector<double> shifts(m.statements.leaves.size());
  bool is_needed = false;
  for (int32_t v = 0; v < m.network.num_variables(); ++v) {
    const auto* block = dynamic_cast<const conjugate::NormalBlock*>(&m.network.variable(v));
    if (block == nullptr) continue;
    for (int64_t i = 0; i < block->size(); ++i) {
      const auto leaf = static_cast<size_t>(block->leaves()[static_cast<size_t>(i)]);
      shifts[leaf] =
          block->shifts()[static_cast<size_t>(i)] + block->mean()[static_cast<size_t>(i)];
      const double sd = std::sqrt(block->covariance()[static_cast<size_t>(
          block->slot_of_pair(static_cast<int32_t>(i), static_cast<int32_t>(i)) - block->size())]);
      is_needed = is_needed || std::abs(block->mean()[static_cast<size_t>(i)]) > kLostDigits * sd;
    }
  }
  if (!is_needed) shifts.clear();
  return shifts;
}

/// With respect to the leaves.
double density_at_leaves(const LogDensity& density, const ConjugateCoordinates& coordinates,
                         std::span<const double> values) {
  std::vector<double> point, log_jacobian(1), value(1);
  if (!coordinates.to_coordinates(values, point)) return -std::numeric_limits<double>::infinity();
  const LaneMatrix at{point.data(), coordinates.dim(), 1, 1};
  std::vector<std::vector<double>> unused;
  coordinates.to_leaves(at, unused, log_jacobian);
  density.evaluate(at, value, {nullptr, 0, 0, 0});
  return value[0] - log_jacobian[0];
}

/// State k of a discrete parameter is state order[k] in the network.
std::vector<size_t> order_of(const std::string& parameter, size_t num_states,
                             std::span<const conjugate::Symmetry> symmetries) {
  std::vector<size_t> order(num_states);
  std::iota(order.begin(), order.end(), size_t{0});
  for (const conjugate::Symmetry& s : symmetries) {
    if (s.name != parameter || s.order.empty()) continue;
    std::vector<size_t> next(num_states);
    for (size_t k = 0; k < num_states; ++k) next[k] = order[s.order[k]];
    order = std::move(next);
  }
  return order;
}

}  // namespace

std::shared_ptr<ConjugateFit> fit_conjugate(const check::TypedProgram& typed,
                                            const data::DataTable& data,
                                            const infer::FitOptions& options,
                                            const ConjugateOptions& conjugate_options,
                                            std::vector<conjugate::Misfit>& misfits,
                                            source::DiagnosticSink& sink, const Context& context) {
  auto fit = std::make_shared<ConjugateFit>();
  conjugate::CompileOptions compile_options;
  compile_options.seed = conjugate_options.data_seed;
  compile_options.context = &context;
  compile_options.stop_at_first = options.method != infer::Method::kCavi;
  auto start = Clock::now();
  fit->model = conjugate::compile(typed, data, compile_options, misfits, sink);
  fit->compile_seconds = seconds_since(start);
  if (!fit->model) return nullptr;
  bool has_modes = !fit->model->plates.empty();
  for (const conjugate::Leaf& leaf : fit->model->statements.leaves)
    has_modes = has_modes || leaf.kind == conjugate::Leaf::Kind::kInteger;
  for (const char c : fit->model->statements.in_product) has_modes = has_modes || c != 0;
  const int64_t restarts = conjugate_options.restarts > 0 ? conjugate_options.restarts
                           : has_modes                    ? 4
                                                          : 1;
  conjugate::AscentOptions ascent;
  ascent.threads = options.threads;
  ascent.minibatch = conjugate_options.minibatch;
  ascent.damping = conjugate_options.damping;
  if (ascent.minibatch > 0) ascent.max_sweeps = 10;
  start = Clock::now();
  conjugate::Network& network = fit->model->network;
  // Half of the budget is for the draws by which q is judged.
  const auto is_late = [&] { return seconds_since(start) > options.budget_seconds / 2; };
  uint64_t in_network = options.seed;  // whose state the network holds
  const auto run = [&](uint64_t seed) {
    ascent.seed = in_network = seed;
    numeric::RandomStream random(seed, 0x63617669);
    network.start(random);
    return network.ascend(ascent, context);
  };
  uint64_t best_seed = options.seed;
  for (int64_t k = 0; k < restarts; ++k) {
    const uint64_t seed = options.seed + static_cast<uint64_t>(k) * 0x10001;
    ascent.max_seconds = options.budget_seconds / 2 - seconds_since(start);
    const conjugate::AscentResult r = run(seed);
    if (r.improper >= 0) {
      misfits.push_back({{},
                         fmt::format("the posterior of `{}` is improper: statements give it no "
                                     "density that can be normalised; a prior would",
                                     network.variable(r.improper).name())});
      return nullptr;
    }
    if (r.cancelled) {
      fit->ascent = r;  // what the network holds
      fit->bounds.push_back(r.elbo);
      break;
    }
    if (k > 0 && !r.converged && is_late()) break;  // cut off: says nothing
    if (fit->bounds.empty() || r.elbo > *std::max_element(fit->bounds.begin(), fit->bounds.end())) {
      best_seed = seed;
      fit->ascent = r;
    }
    fit->bounds.push_back(r.elbo);
    if (is_late()) break;
  }
  if (best_seed != in_network && !fit->ascent.cancelled) {
    // The best start once more, as far as it went: no clock may make another state of it.
    const int64_t max_sweeps = std::exchange(ascent.max_sweeps, fit->ascent.sweeps);
    ascent.max_seconds = std::numeric_limits<double>::infinity();
    fit->ascent = run(best_seed);
    ascent.max_sweeps = max_sweeps;
  }
  if (const std::vector<double> shifts = better_shifts(*fit->model);
      !shifts.empty() && !is_late()) {
    ascent.max_seconds = options.budget_seconds / 2 - seconds_since(start);
    // The same once more, expanded about where the posterior is.
    compile_options.shifts = shifts;
    std::vector<conjugate::Misfit> unused;
    if (auto again = conjugate::compile(typed, data, compile_options, unused, sink)) {
      const std::shared_ptr<conjugate::Conjugate> before =
          std::exchange(fit->model, std::move(again));
      conjugate::Network& shifted = fit->model->network;
      numeric::RandomStream random(best_seed, 0x63617669);
      ascent.seed = best_seed;
      shifted.start(random);
      const conjugate::AscentResult r = shifted.ascend(ascent, context);
      if (r.improper < 0 && (r.converged || !fit->ascent.converged)) {
        fit->ascent = r;
      } else {
        fit->model = before;
      }
    }
  }
  std::sort(fit->bounds.rbegin(), fit->bounds.rend());
  fit->ascent_seconds = seconds_since(start);
  return fit;
}

infer::FitResult judge_conjugate(const ConjugateFit& fit, const LogDensity& density,
                                 const std::shared_ptr<const ConjugateCoordinates>& coordinates,
                                 const infer::FitOptions& options, const Context& context,
                                 ConjugateNotes& notes) {
  infer::GivenFit given;
  given.converged = fit.ascent.converged;
  given.cancelled = fit.ascent.cancelled;
  given.stages.push_back({"conjugate factors", 0, fit.compile_seconds});
  given.stages.push_back({"coordinate ascent", 0, fit.ascent_seconds, fit.ascent.elbo});
  const auto start = Clock::now();
  const conjugate::Conjugate& m = *fit.model;
  conjugate::LeafDensity at_leaves = [&](std::span<const double> values) {
    return m.network.log_density(values);
  };
  if (!m.network.has_density()) {
    at_leaves = [&](std::span<const double> values) {
      return density_at_leaves(density, *coordinates, values);
    };
  }
  // Half of what is left of the budget: the rest is for the judgement.
  const double left = options.budget_seconds - fit.compile_seconds - fit.ascent_seconds;
  conjugate::Symmetries found = conjugate::find_symmetries(
      m, at_leaves, options.seed, std::max(left / 2, options.budget_seconds / 16), context);
  for (const conjugate::Symmetry& s : found.equal) {
    given.symmetries.push_back(conjugate::describe(s));
    given.log_equal_modes += s.log_modes;
  }
  given.q = std::make_shared<ConjugateFamily>(coordinates, conjugate::ordering_of(found.equal));
  given.image_modes = found.rivals;
  notes.image_modes = std::move(found.rivals);
  notes.symmetries = std::move(found.equal);
  given.stages.push_back({"symmetries", 0, seconds_since(start)});
  infer::FitOptions judging = options;
  if (judging.judge_draws == 0) {
    judging.judge_draws = std::clamp(kMaxJudgedNumbers / std::max<Index>(density.dim(), 1),
                                     kMinJudgedDraws, kMaxJudgedDraws);
    judging.judge_draws = std::max(judging.judge_draws, options.draws);
  }
  infer::FitResult result = infer::fit_given(density, given, judging, context);
  if (!found.is_complete && !context.cancelled()) {
    result.verdict.grade = std::max(result.verdict.grade, diagnose::Grade::kUsable);
    result.verdict.reasons.emplace_back(
        "The search for modes with other labels or signs ended with its time; there may be some.");
    result.verdict.suggestions.emplace_back("Allow more time.");
  }
  return result;
}

std::vector<std::string> conjugate_remarks(const ConjugateFit& fit,
                                           std::span<const conjugate::Symmetry> symmetries) {
  std::vector<std::string> remarks;
  const conjugate::Conjugate& m = *fit.model;
  std::string exact = fmt::format(
      "Coordinate ascent: the bound {:.6f} is exact, after {} sweeps{}.", fit.ascent.elbo,
      fit.ascent.sweeps, fit.ascent.converged ? "" : " that did not come to an end");
  remarks.push_back(std::move(exact));
  for (const std::string& a : m.augmentations)
    remarks.push_back("Auxiliary variables make outcomes conjugate: " + a + ".");
  if (m.num_log_rates > 0) {
    remarks.push_back(
        fmt::format("{} counts with log-linear rates are not conjugate: natural-gradient steps "
                    "towards the best "
                    "normal, of which {} were halved.",
                    m.num_log_rates, fit.ascent.retreats));
  }
  if (fit.bounds.size() > 1) {
    const double spread = fit.bounds.front() - fit.bounds.back();
    remarks.push_back(
        spread > 1e-3
            ? fmt::format("{} starts ended at bounds up to {:.4g} nats apart; the best is kept.",
                          fit.bounds.size(), spread)
            : fmt::format("{} starts ended at the same bound.", fit.bounds.size()));
  }
  if (fit.ascent.largest_decrease > 0) {
    remarks.push_back(fmt::format("A sweep lowered the bound by {:.2g} nats, beyond rounding.",
                                  fit.ascent.largest_decrease));
  }
  for (const conjugate::Symmetry& symmetry : symmetries) {
    if (!symmetry.is_ordered) continue;
    remarks.push_back(fmt::format("The {} are in order of their weights, the largest first.",
                                  conjugate::describe(symmetry)));
  }
  for (const conjugate::PlateInfo& plate : m.plates) {
    if (plate.is_admixture) continue;
    const auto& rows = dynamic_cast<const conjugate::Rows&>(m.network.variable(plate.variable));
    const std::vector<double> in_network = rows.state_counts();
    std::vector<double> counts = in_network;
    const std::vector<size_t> order = order_of(plate.name, counts.size(), symmetries);
    for (size_t k = 0; k < counts.size(); ++k) counts[k] = in_network[order[k]];
    std::string unused;
    for (size_t k = 0; k < counts.size(); ++k) {
      if (counts[k] < 0.5) unused += fmt::format("{}{}", unused.empty() ? "" : ", ", k + 1);
    }
    if (!unused.empty()) {
      remarks.push_back(
          fmt::format("States of `{}` that hardly any row is in: {}.", plate.name, unused));
    }
  }
  return remarks;
}

void report_misfits(const std::vector<conjugate::Misfit>& misfits, source::DiagnosticSink& sink) {
  for (const conjugate::Misfit& m : misfits) {
    sink.error(source::DiagnosticKind::kNotCovered, m.span, m.message)
        .with_hint("`--method auto` fits programs of any form");
  }
}

std::vector<conjugate::NamedDistribution> conjugate_distributions(
    const ConjugateFit& fit, size_t limit, std::span<const conjugate::Symmetry> symmetries) {
  std::vector<conjugate::NamedDistribution> out;
  const conjugate::Conjugate& m = *fit.model;
  // Leaf k of the network is leaf now[k] of the image.
  const std::vector<int32_t> now = conjugate::ordering_of(symmetries).inverse().source;
  for (int32_t v = 0; v < m.network.num_variables() && out.size() < limit; ++v) {
    const conjugate::Variable& x = m.network.variable(v);
    std::vector<std::string> names;
    for (const int32_t leaf : x.leaves()) {
      const auto at = static_cast<size_t>(leaf);
      names.push_back(m.leaf_names[static_cast<size_t>(now.empty() ? leaf : now[at])]);
    }
    const size_t before = out.size();
    x.describe(names, out);
    if (!x.is_discrete() || out.size() != before + 1) continue;
    auto& states = out.back().params;
    const conjugate::Leaf& z = m.statements.leaves[static_cast<size_t>(x.leaves()[0])];
    const std::vector<size_t> order = order_of(
        m.statements.parameters[static_cast<size_t>(z.parameter)].name, states.size(), symmetries);
    const auto in_network = states;
    for (size_t k = 0; k < states.size(); ++k) states[k].second = in_network[order[k]].second;
  }
  if (out.size() > limit) out.resize(limit);
  return out;
}

bool may_be_conjugate(const infer::FitOptions& options) {
  return options.method == infer::Method::kCavi ||
         (options.method == infer::Method::kAuto && options.family == infer::FamilyChoice::kAuto &&
          options.factors.empty() && options.points.empty() && options.init.empty() &&
          !options.start);
}

infer::FitResult fit_or_judge(const LogDensity& density, const ConjugateFit* conjugate,
                              const std::shared_ptr<const ConjugateCoordinates>& coordinates,
                              const infer::FitOptions& options, const Context& context,
                              ConjugateNotes& notes) {
  if (conjugate == nullptr) return infer::fit(density, options, context);
  infer::FitResult result =
      judge_conjugate(*conjugate, density, coordinates, options, context, notes);
  // Where q covers one of equal modes well, the ladder would find no more than that.
  const bool covers_its_mode = result.verdict.is_of_one_mode && result.khat <= kGoodKhat &&
                               result.verdict.grade == diagnose::Grade::kUsable;
  const bool is_settled = options.method == infer::Method::kCavi || covers_its_mode ||
                          result.verdict.grade == diagnose::Grade::kGood || context.cancelled() ||
                          density.dim() > kMaxLadderDim;
  if (!is_settled) {
    infer::FitResult other = infer::fit(density, options, context);
    const auto rank = [](const infer::FitResult& r) {
      return std::pair(static_cast<int>(r.verdict.grade), std::isnan(r.khat) ? 1e9 : r.khat);
    };
    if (rank(other) < rank(result)) {
      // The ladder knows of no symmetry; whether its draws are of all modes it cannot tell.
      for (const conjugate::Symmetry& s : notes.symmetries) {
        other.verdict.grade = std::max(other.verdict.grade, diagnose::Grade::kUsable);
        other.verdict.reasons.push_back(fmt::format(
            "The {} are arbitrary; the draws may be of one of the equal modes.", describe(s)));
      }
      if (!notes.image_modes.empty()) {
        const double best = *std::max_element(notes.image_modes.begin(), notes.image_modes.end());
        other.verdict.grade = std::max(other.verdict.grade, diagnose::Grade::kUsable);
        other.verdict.reasons.push_back(
            fmt::format("Other labels or signs make another mode, with about exp({:.1f}) times the "
                        "mass; the draws may be of one of them.",
                        best));
      }
      notes = {};
      notes.remarks.push_back(
          fmt::format("Coordinate ascent was tried first; its k-hat is {:.2f}.", result.khat));
      return other;
    }
  }
  notes.is_kept = true;
  notes.remarks = conjugate_remarks(*conjugate, notes.symmetries);
  notes.distributions =
      conjugate_distributions(*conjugate, kMaxRecordedDistributions, notes.symmetries);
  return result;
}

}  // namespace vinci::api
