#include "api/conjugate_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "conjugate/normal_block.h"
#include "conjugate/rows.h"
#include "infer/fit_given.h"
#include "lower/transforms.h"

namespace vinci::api {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A product of the variables' distributions. Draws are made on the constrained scale and mapped;
/// the Jacobian is the model's own, the difference of its two densities.
class ConjugateFamily final : public infer::Family {
 public:
  ConjugateFamily(std::shared_ptr<const ConjugateFit> fit, const model::Model& model)
      : fit_(std::move(fit)), model_(model) {
    const conjugate::Statements& s = fit_->model->statements;
    // Where each leaf lies in the model's constrained values.
    position_.assign(s.leaves.size(), -1);
    int64_t first = 0;
    for (const model::VariableInfo& v : model.variables()) {
      for (const conjugate::Parameter& p : s.parameters) {
        if (p.name != v.name || v.block != model::VariableInfo::Block::kParameters) continue;
        const auto order = lower::column_major_positions(p.type.all_dims());
        for (size_t k = 0; k < order.size(); ++k) {
          position_[static_cast<size_t>(p.leaves[static_cast<size_t>(order[k])])] =
              first + static_cast<int64_t>(k);
        }
      }
      first += static_cast<int64_t>(v.columns.size());
    }
  }

  Index dim() const override { return model_.dim(); }
  std::string describe() const override { return "product of conjugate distributions"; }
  double entropy() const override { return std::numeric_limits<double>::quiet_NaN(); }

  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override {
    const conjugate::Conjugate& m = *fit_->model;
    std::vector<double> value(m.statements.leaves.size()), coordinates, own;
    for (Index l = 0; l < points.lanes; ++l) {
      numeric::RandomStream random(key.seed + 0x9e3779b97f4a7c15u * step, key.stream ^ 0x636a0000u,
                                   first_lane + static_cast<uint32_t>(l));
      double sum = 0;
      for (int32_t v = 0; v < m.network.num_variables(); ++v) {
        const conjugate::Variable& x = m.network.variable(v);
        if (x.leaves().empty() || is_discrete(x)) continue;
        own.resize(x.leaves().size());
        x.draw(random, own);
        sum += x.log_density(own);
        for (size_t k = 0; k < own.size(); ++k) value[static_cast<size_t>(x.leaves()[k])] = own[k];
      }
      coordinates.clear();
      bool inside = true;
      for (const conjugate::Parameter& p : m.statements.parameters) {
        if (p.type.base == syntax::BaseType::kInt) continue;
        lower::Value constant = lower::make_undefined(p.type);
        for (size_t k = 0; k < p.leaves.size(); ++k)
          constant.elements[k] = value[static_cast<size_t>(p.leaves[k])];
        inside = lower::unconstrain(p.type, constant, coordinates).empty() && inside;
      }
      inside = inside && static_cast<Index>(coordinates.size()) == dim();
      for (Index d = 0; d < dim(); ++d) {
        // A draw on the boundary (it underflowed) has no coordinates: far out, of density zero.
        points(d, l) = inside ? coordinates[static_cast<size_t>(d)] : 1e10;
      }
      log_q[static_cast<size_t>(l)] = sum;
    }
    add_jacobian({points.data, points.rows, points.lanes, points.stride}, log_q);
  }

  void log_q(LaneMatrix points, std::span<double> log_q) const override {
    const conjugate::Conjugate& m = *fit_->model;
    const auto rows = static_cast<Index>(model_.num_constrained());
    std::vector<double> constrained(static_cast<size_t>(rows * points.lanes)), own;
    model_.constrain(points, {constrained.data(), rows, points.lanes, points.lanes});
    for (Index l = 0; l < points.lanes; ++l) {
      double sum = 0;
      for (int32_t v = 0; v < m.network.num_variables(); ++v) {
        const conjugate::Variable& x = m.network.variable(v);
        if (x.leaves().empty() || is_discrete(x)) continue;
        own.resize(x.leaves().size());
        for (size_t k = 0; k < own.size(); ++k) {
          own[k] = constrained[static_cast<size_t>(
              position_[static_cast<size_t>(x.leaves()[k])] * points.lanes + l)];
        }
        sum += x.log_density(own);
      }
      log_q[static_cast<size_t>(l)] = sum;
    }
    add_jacobian(points, log_q);
  }

 private:
  bool is_discrete(const conjugate::Variable& x) const {
    return fit_->model->statements.leaves[static_cast<size_t>(x.leaves()[0])].kind ==
           conjugate::Leaf::Kind::kInteger;
  }

  void add_jacobian(LaneMatrix points, std::span<double> log_q) const {
    std::vector<double> value(static_cast<size_t>(points.lanes)), plain(value.size());
    model_.evaluate(points, value, {nullptr, 0, 0, 0}, plain);
    for (size_t l = 0; l < value.size(); ++l) {
      if (std::isfinite(value[l]) && std::isfinite(plain[l])) log_q[l] += value[l] - plain[l];
    }
  }

  std::shared_ptr<const ConjugateFit> fit_;
  const model::Model& model_;
  std::vector<int64_t> position_;  // by leaf, in the model's constrained values
};

/// Standard deviation below which, relative to its mean, a normal statistic has lost digits.
constexpr double kLostDigits = 1e4;

/// Up to this dimension the ladder has its turn too where coordinate ascent does not do.
constexpr Index kMaxLadderDim = 2000;

constexpr size_t kMaxRecordedDistributions = 1000;

/// Means of the linear leaves where they are far from zero in their deviations; empty: none is.
std::vector<double> better_shifts(const conjugate::Conjugate& m) {
  std::vector<double> shifts(m.statements.leaves.size());
  bool is_needed = false;
  for (int32_t v = 0; v < m.network.num_variables(); ++v) {
    const auto* block = dynamic_cast<const conjugate::NormalBlock*>(&m.network.variable(v));
    if (block == nullptr) continue;
    std::vector<double> means(block->leaves().size());
    block->leaf_means(means);
    for (int64_t i = 0; i < block->size(); ++i) {
      const auto leaf = static_cast<size_t>(block->leaves()[static_cast<size_t>(i)]);
      shifts[leaf] = means[static_cast<size_t>(i)];
      const double sd = std::sqrt(block->covariance()[static_cast<size_t>(
          block->slot_of_pair(static_cast<int32_t>(i), static_cast<int32_t>(i)) - block->size())]);
      is_needed = is_needed || std::abs(block->mean()[static_cast<size_t>(i)]) > kLostDigits * sd;
    }
  }
  if (!is_needed) shifts.clear();
  return shifts;
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
  fit->restarts = conjugate_options.restarts > 0 ? conjugate_options.restarts : has_modes ? 4 : 1;
  conjugate::AscentOptions ascent;
  ascent.threads = options.threads;
  ascent.minibatch = conjugate_options.minibatch;
  ascent.damping = conjugate_options.damping;
  if (ascent.minibatch > 0) ascent.max_sweeps = 10;
  start = Clock::now();
  conjugate::Network& network = fit->model->network;
  const auto run = [&](uint64_t seed) {
    ascent.seed = seed;
    numeric::RandomStream random(seed, 0x63617669);
    network.start(random);
    return network.ascend(ascent, context);
  };
  uint64_t best_seed = options.seed;
  for (int64_t k = 0; k < fit->restarts; ++k) {
    const uint64_t seed = options.seed + static_cast<uint64_t>(k) * 0x10001;
    const conjugate::AscentResult r = run(seed);
    if (r.improper >= 0) {
      misfits.push_back({{},
                         fmt::format("the posterior of `{}` is improper: statements give it no "
                                     "density that can be normalised; a prior would",
                                     network.variable(r.improper).name())});
      return nullptr;
    }
    if (fit->bounds.empty() || r.elbo > *std::max_element(fit->bounds.begin(), fit->bounds.end())) {
      best_seed = seed;
      fit->ascent = r;
    }
    fit->bounds.push_back(r.elbo);
    if (context.cancelled() || seconds_since(start) > options.budget_seconds / 2) break;
  }
  fit->restarts = static_cast<int64_t>(fit->bounds.size());
  if (best_seed != options.seed + static_cast<uint64_t>(fit->restarts - 1) * 0x10001 &&
      !context.cancelled())
    fit->ascent = run(best_seed);
  if (const std::vector<double> shifts = better_shifts(*fit->model); !shifts.empty()) {
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
      if (r.improper < 0) {
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

infer::FamilyPtr conjugate_family(std::shared_ptr<const ConjugateFit> fit,
                                  const model::Model& model) {
  return std::make_shared<ConjugateFamily>(std::move(fit), model);
}

infer::FitResult judge_conjugate(const std::shared_ptr<ConjugateFit>& fit,
                                 const model::Model& model, const infer::FitOptions& options,
                                 const Context& context) {
  infer::GivenFit given;
  given.q = conjugate_family(fit, model);
  given.converged = fit->ascent.converged;
  given.cancelled = fit->ascent.cancelled;
  given.stages.push_back({"conjugate factors", 0, fit->compile_seconds});
  given.stages.push_back({"coordinate ascent", 0, fit->ascent_seconds, fit->ascent.elbo});
  return infer::fit_given(model, given, options, context);
}

std::vector<std::string> conjugate_remarks(const ConjugateFit& fit) {
  std::vector<std::string> remarks;
  const conjugate::Conjugate& m = *fit.model;
  std::string exact = fmt::format(
      "Coordinate ascent: the bound {:.6f} is exact, after {} sweeps{}.", fit.ascent.elbo,
      fit.ascent.sweeps, fit.ascent.converged ? "" : " that did not come to an end");
  remarks.push_back(std::move(exact));
  for (const std::string& a : m.augmentations)
    remarks.push_back("Auxiliary variables make outcomes conjugate: " + a + ".");
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
  for (const conjugate::PlateInfo& plate : m.plates) {
    if (plate.is_admixture) continue;
    const auto& rows = dynamic_cast<const conjugate::Rows&>(m.network.variable(plate.variable));
    const std::vector<double> counts = rows.state_counts();
    std::string unused;
    for (size_t k = 0; k < counts.size(); ++k) {
      if (counts[k] < 0.5) unused += fmt::format("{}{}", unused.empty() ? "" : ", ", k + 1);
    }
    if (!unused.empty()) {
      remarks.push_back(
          fmt::format("States of `{}` that hardly any row is in: {}.", plate.name, unused));
    }
    remarks.push_back(
        fmt::format("Labels of `{}` are those of one mode: wherever the priors treat the {} states "
                    "alike, each of their orders is as likely.",
                    plate.name, plate.states));
  }
  return remarks;
}

void report_misfits(const std::vector<conjugate::Misfit>& misfits, source::DiagnosticSink& sink) {
  for (const conjugate::Misfit& m : misfits) {
    sink.error(source::DiagnosticKind::kNotCovered, m.span, m.message)
        .with_hint("`--method auto` fits programs of any form");
  }
}

std::vector<conjugate::NamedDistribution> conjugate_distributions(const ConjugateFit& fit,
                                                                  size_t limit) {
  std::vector<conjugate::NamedDistribution> out;
  const conjugate::Conjugate& m = *fit.model;
  for (int32_t v = 0; v < m.network.num_variables() && out.size() < limit; ++v) {
    const conjugate::Variable& x = m.network.variable(v);
    std::vector<std::string> names;
    for (const int32_t leaf : x.leaves()) names.push_back(m.leaf_names[static_cast<size_t>(leaf)]);
    x.describe(names, out);
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

infer::FitResult fit_or_judge(const LogDensity& density, const model::Model* model,
                              const std::shared_ptr<ConjugateFit>& conjugate,
                              const infer::FitOptions& options, const Context& context,
                              ConjugateNotes& notes) {
  if (!conjugate || model == nullptr) return infer::fit(density, options, context);
  infer::FitResult result = judge_conjugate(conjugate, *model, options, context);
  const bool is_settled = options.method == infer::Method::kCavi ||
                          result.verdict.grade == diagnose::Grade::kGood || context.cancelled() ||
                          model->dim() > kMaxLadderDim;
  if (!is_settled) {
    infer::FitResult other = infer::fit(density, options, context);
    const auto rank = [](const infer::FitResult& r) {
      return std::pair(static_cast<int>(r.verdict.grade), std::isnan(r.khat) ? 1e9 : r.khat);
    };
    if (rank(other) < rank(result)) {
      notes.remarks.push_back(
          fmt::format("Coordinate ascent was tried first; its k-hat is {:.2f}.", result.khat));
      return other;
    }
  }
  notes.is_kept = true;
  notes.remarks = conjugate_remarks(*conjugate);
  notes.distributions = conjugate_distributions(*conjugate, kMaxRecordedDistributions);
  return result;
}

}  // namespace vinci::api
