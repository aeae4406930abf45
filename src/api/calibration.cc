#include "api/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/ascent_choice.h"
#include "draws/draws.h"
#include "numeric/parallel/thread_pool.h"
#include "report/format.h"
#include "vinci/error.h"
#include "vinci/version.h"

namespace vinci::api {
namespace {

constexpr Index kLeastReplicas = 20;
constexpr uint64_t kSeedStep = 0x9e3779b97f4a7c15u;

/// Where ranks_ and pars_ lie in a row of generated quantities.
struct Layout {
  size_t ranks = 0, pars = 0;
  size_t num_ranks = 0, num_pars = 0;
};

std::optional<Layout> find_layout(const model::Model& model) {
  Layout layout;
  size_t at = 0;
  for (const model::VariableInfo& v : model.variables()) {
    if (v.block != model::VariableInfo::Block::kGeneratedQuantities) continue;
    const size_t count = v.columns.size();
    if (v.name == "ranks_") layout.ranks = at, layout.num_ranks = count;
    if (v.name == "pars_") layout.pars = at, layout.num_pars = count;
    at += count;
  }
  if (layout.num_ranks == 0) return std::nullopt;
  if (layout.num_pars != layout.num_ranks) layout.num_pars = 0;
  return layout;
}

struct Replica {
  std::vector<double> p;
  std::vector<std::vector<bool>> answers;  // [rank][constrained column]: may be its name
  diagnose::Grade grade = diagnose::Grade::kBad;
  std::string failure;
  bool interrupted = false;
};

void measure(const model::Model& model, const ConjugateCoordinates* states,
             const infer::FitResult& fit, const Layout& layout, uint64_t seed, Replica& replica) {
  const auto count = static_cast<size_t>(fit.num_draws);
  const auto width = static_cast<size_t>(model.num_constrained());
  const auto extra = static_cast<size_t>(model.num_generated());
  const std::vector<double> rows = constrain_draws(model, states, fit.draws, fit.num_draws, seed, 1);
  std::vector<double> generated(count * extra);
  const auto failed = model.generate(rows, generated, fit.num_draws, seed, 1);
  if (failed.num_failed > 0) {
    replica.failure = "generated quantities failed: " + failed.first_failure->message;
    return;
  }
  replica.answers.assign(layout.num_pars, std::vector<bool>(width, true));
  for (size_t r = 0; r < layout.num_ranks; ++r) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      const double rank = generated[i * extra + layout.ranks + r];
      if (rank != 0 && rank != 1) {
        replica.failure = fmt::format(
            "`ranks_` holds {}; it must be 1 where a draw exceeds the "
            "true value, else 0",
            rank);
        return;
      }
      sum += rank;
      if (layout.num_pars == 0) continue;
      const double truth = generated[i * extra + layout.pars + r];
      for (size_t k = 0; k < width; ++k) {
        if ((rows[i * width + k] > truth) != (rank == 1)) replica.answers[r][k] = false;
      }
    }
    replica.p.push_back(1 - sum / static_cast<double>(count));
  }
}

Replica run_replica(const TypedProgramPtr& program, const data::DataTable& table,
                    const CalibrationOptions& options, uint64_t seed, const Context& context) {
  Replica replica;
  source::DiagnosticSink sink;
  model::BuildOptions build;
  build.seed = seed;
  build.context = &context;
  set_discrete(options.fit.method, {}, build);
  auto model = model::Model::build(program, table, build, sink);
  const auto failed = [&] {
    replica.failure = "interrupted";
    for (const source::Diagnostic& d : sink.diagnostics()) {
      if (d.severity != source::Severity::kError) continue;
      replica.failure = d.message;
      break;
    }
    replica.interrupted = context.cancelled();
    return replica;
  };
  if (!model) return failed();
  infer::FitOptions fit = options.fit;
  fit.seed = seed;
  fit.threads = 1;
  Context quiet;
  quiet.cancel = context.cancel;
  // The program was found to fit, if it has to: what is left are improper posteriors.
  AscentChoice choice = choose_ascent({program, table, seed}, *model, {}, {}, fit, sink, quiet);
  if (sink.has_errors()) return failed();
  if (choice.model) model = std::move(choice.model);
  const LogDensity& density =
      model->is_marginal() ? static_cast<const LogDensity&>(*model) : model->joint();
  const Target target(density, model.get(), choice.fit);
  ConjugateNotes notes;
  const infer::FitResult result = target.fit(fit, quiet, notes);
  replica.interrupted = result.cancelled;
  replica.grade = result.verdict.grade;
  if (result.num_draws == 0) {
    replica.failure = result.verdict.reasons.front();
    return replica;
  }
  measure(*model, target.states(), result, *find_layout(*model), seed, replica);
  return replica;
}

/// A parameter's name where in every replica one and the same column answers as the ranks do.
std::string name_of(size_t rank, const std::vector<Replica>& replicas,
                    const std::vector<std::string>& columns, const Layout& layout) {
  std::vector<bool> possible(columns.size(), layout.num_pars > 0);
  for (const Replica& r : replicas) {
    if (r.p.empty()) continue;
    for (size_t k = 0; k < columns.size() && layout.num_pars > 0; ++k) {
      if (!r.answers[rank][k]) possible[k] = false;
    }
  }
  if (std::count(possible.begin(), possible.end(), true) == 1) {
    const auto at = std::find(possible.begin(), possible.end(), true) - possible.begin();
    return draws::bracket_name(columns[static_cast<size_t>(at)]);
  }
  return fmt::format("pars_[{}]", rank + 1);
}

std::string bars(const diagnose::Calibration& c) {
  static constexpr const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  // A full bar is three times what each bin should hold.
  const double full = 3.0 * static_cast<double>(c.count) / diagnose::kCalibrationBins;
  std::string out;
  for (const std::ptrdiff_t n : c.histogram) {
    const auto level = static_cast<size_t>(
        std::clamp(std::ceil(8 * static_cast<double>(n) / std::max(full, 1.0)), 0.0, 8.0));
    out += kBars[level];
  }
  return out;
}

}  // namespace

void CalibrationOptions::validate() const {
  const auto reject = [](const std::string& text) { throw Error(Error::Kind::kUsage, text); };
  if (replicas < 2 || replicas > 1'000'000) {
    reject(fmt::format("replicas is {}; it must be between 2 and 1000000", replicas));
  }
  if (threads < 0 || threads > 1024) {
    reject(fmt::format("threads is {}; it must be between 0 and 1024", threads));
  }
}

std::optional<CalibrationOutcome> calibrate(const TypedProgramPtr& program,
                                            const data::DataTable& table,
                                            const CalibrationOptions& options,
                                            source::DiagnosticSink& sink, const Context& context) {
  options.validate();
  const auto start = std::chrono::steady_clock::now();
  // One run that may complain: the replicas' own sinks are not shown.
  model::BuildOptions build;
  build.seed = options.seed;
  build.context = &context;
  set_discrete(options.fit.method, {}, build);
  const auto first = model::Model::build(program, table, build, sink);
  if (!first) return std::nullopt;
  options.fit.validate(first->dim());
  const std::optional<Layout> layout = find_layout(*first);
  if (!layout) {
    sink.error(source::DiagnosticKind::kOption, {},
               "calibration needs the generated quantity `ranks_`, which is 1 where a parameter "
               "exceeds the value that `transformed data` drew from its prior, else 0")
        .with_hint(
            "draw `mu_` and data in `transformed data`, then `array[1] int ranks_ = {mu > mu_};`");
    return std::nullopt;
  }
  if (options.fit.method == infer::Method::kCavi) {
    std::vector<conjugate::Misfit> misfits;
    conjugate::CompileOptions compile_options;
    compile_options.seed = options.seed;
    compile_options.context = &context;
    if (!conjugate::compile(*program, table, compile_options, misfits, sink)) {
      report_misfits(misfits, sink);
      return std::nullopt;
    }
  }
  std::vector<Replica> replicas(static_cast<size_t>(options.replicas));
  std::atomic<Index> done{0};
  numeric::ThreadPool pool(options.threads);
  pool.parallel_for(options.replicas, [&](Index j) {
    Replica& replica = replicas[static_cast<size_t>(j)];
    replica.interrupted = context.cancelled();
    if (!replica.interrupted) {
      const uint64_t seed = options.seed + kSeedStep * static_cast<uint64_t>(j + 1);
      replica = run_replica(program, table, options, seed, context);
    }
    Progress p;
    p.stage = "calibrate";
    p.fraction = static_cast<double>(++done) / static_cast<double>(options.replicas);
    p.elapsed_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    context.progress(p);
  });

  CalibrationOutcome outcome;
  outcome.replicas = options.replicas;
  for (Replica& r : replicas) {
    if (r.interrupted) {
      outcome.interrupted = true;
      r.p.clear();
      continue;
    }
    if (!r.failure.empty()) {
      r.p.clear();
      if (std::find(outcome.failures.begin(), outcome.failures.end(), r.failure) ==
          outcome.failures.end()) {
        outcome.failures.push_back(r.failure);
      }
      continue;
    }
    ++outcome.usable;
    outcome.num_good += r.grade == diagnose::Grade::kGood ? 1 : 0;
    outcome.num_usable += r.grade == diagnose::Grade::kUsable ? 1 : 0;
    outcome.num_bad += r.grade == diagnose::Grade::kBad ? 1 : 0;
  }
  const double level = options.level / static_cast<double>(layout->num_ranks);
  outcome.calibrated = outcome.usable >= kLeastReplicas;
  for (size_t k = 0; k < layout->num_ranks; ++k) {
    ParameterCalibration& c = outcome.parameters.emplace_back();
    c.name = name_of(k, replicas, first->constrained_names(), *layout);
    for (const Replica& r : replicas) {
      if (!r.p.empty()) c.p.push_back(r.p[k]);
    }
    c.result = diagnose::calibrate(c.p, level, options.seed);
    if (c.result.finding != diagnose::Calibration::Finding::kCalibrated) outcome.calibrated = false;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  outcome.seconds = seconds.count();
  return outcome;
}

std::string calibration_text(const CalibrationOutcome& outcome) {
  using diagnose::Calibration;
  std::string out = fmt::format(
      "{} replicas in {}: {} usable; verdicts on their fits: {} good, {} usable, {} bad\n\n",
      outcome.replicas, report::duration_text(outcome.seconds), outcome.usable, outcome.num_good,
      outcome.num_usable, outcome.num_bad);
  std::vector<std::vector<std::string>> rows = {
      {"", "mean p", "spread", "symmetry", "uniformity", "0       p        1", ""}};
  size_t findings = 0;
  for (const ParameterCalibration& c : outcome.parameters) {
    const Calibration& r = c.result;
    if (r.finding != Calibration::Finding::kCalibrated) ++findings;
    rows.push_back({c.name, report::number_text(r.mean, 2), report::number_text(r.spread, 2),
                    report::number_text(r.symmetry_p_value, 4),
                    report::number_text(r.uniformity_p_value, 4), bars(r),
                    std::string(diagnose::to_string(r.finding))});
  }
  out += report::aligned_table(rows) + "\n";
  if (outcome.interrupted)
    out += "interrupted: these are the replicas that were done until then.\n";
  for (const std::string& failure : outcome.failures) {
    out += report::wrapped("  - ", fmt::format("Replicas failed: {}", failure), 100);
  }
  if (outcome.usable < kLeastReplicas) {
    out += fmt::format("verdict: unknown. {} replicas are too few; {} are the least.\n",
                       outcome.usable, kLeastReplicas);
  } else if (outcome.calibrated) {
    out +=
        "verdict: calibrated. nothing speaks against these fits on data that the program "
        "simulates.\n";
  } else {
    out += fmt::format("verdict: not calibrated. {} of {} parameters differ beyond chance.\n",
                       findings, outcome.parameters.size());
  }
  return out;
}

std::string calibration_json(const CalibrationOutcome& outcome, const CalibrationOptions& options) {
  using Json = nlohmann::ordered_json;
  Json out;
  out["vinci_version"] = kVersion;
  out["seed"] = options.seed;
  out["replicas"] = outcome.replicas;
  out["usable"] = outcome.usable;
  out["verdicts"] = {
      {"good", outcome.num_good}, {"usable", outcome.num_usable}, {"bad", outcome.num_bad}};
  out["failures"] = outcome.failures;
  out["interrupted"] = outcome.interrupted;
  out["verdict"] = outcome.usable < kLeastReplicas ? "unknown"
                   : outcome.calibrated            ? "calibrated"
                                                   : "not calibrated";
  out["seconds"] = outcome.seconds;
  Json parameters = Json::object();
  for (const ParameterCalibration& c : outcome.parameters) {
    const diagnose::Calibration& r = c.result;
    parameters[c.name] = {{"finding", diagnose::to_string(r.finding)},
                          {"mean", r.mean},
                          {"spread", r.spread},
                          {"symmetry_statistic", r.symmetry_statistic},
                          {"symmetry_p_value", r.symmetry_p_value},
                          {"uniformity_statistic", r.uniformity_statistic},
                          {"uniformity_p_value", r.uniformity_p_value},
                          {"p", c.p}};
  }
  out["parameters"] = std::move(parameters);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace vinci::api
