#include "api/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "api/ascent_choice.h"
#include "api/conjugate_fit.h"
#include "api/persistence.h"
#include "api/state_summary.h"
#include "data/csv.h"
#include "data/json.h"
#include "data/npy.h"
#include "diagnose/bounds.h"
#include "diagnose/convergence.h"
#include "diagnose/psis.h"
#include "draws/summary.h"
#include "infer/family/serialise.h"
#include "numeric/parallel/thread_pool.h"
#include "syntax/parse.h"
#include "vinci/version.h"

namespace vinci::api {

namespace {

/// Fresh draws of q by which single quantities are judged; their stream is apart from those of the
/// fit. As many as judge the whole, fewer where there are many quantities.
constexpr Index kMinQuantityDraws = 2048;
constexpr Index kMaxQuantityDraws = 9984;
constexpr Index kQuantityNumbers = 640'000;
constexpr Index kMostQuantityNumbers = 128'000'000;  // a gigabyte
constexpr uint32_t kQuantityStream = 0x6b686174;

constexpr Index kSummaryDraws = 4000;

constexpr Index kMaxMomentsDim = 10'000;
// A dense factor of this many coordinates is a megabyte of text.
constexpr Index kMaxRecordedDim = 300;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_identifier(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!(std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_')) return false;
  }
  return std::isdigit(static_cast<unsigned char>(text[0])) == 0;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

std::string_view to_string(diagnose::BoundUse use) {
  switch (use) {
    case diagnose::BoundUse::kTight:
      return "tight";
    case diagnose::BoundUse::kReweight:
      return "reweight";
    case diagnose::BoundUse::kUseless:
      return "useless";
    case diagnose::BoundUse::kNotComputed:
      break;
  }
  return "not-computed";
}

/// 0: too many quantities to judge them one by one.
Index num_quantity_draws(Index num_quantities) {
  const Index count =
      std::clamp(kQuantityNumbers / num_quantities, kMinQuantityDraws, kMaxQuantityDraws);
  return count * num_quantities <= kMostQuantityNumbers ? count : 0;
}

/// Judges each constrained quantity by fresh draws of q: its k-hat (the worst tail of the weights
/// and of the quantity under them), how well its mean is known, and how far q's own mean and sd may
/// be off; and q as a whole.
void judge_quantities(const LogDensity& density, const model::Model* model,
                      const ConjugateCoordinates* ascent, const infer::FitResult& result,
                      const infer::FitOptions& options, draws::RunRecord& record) {
  if (!result.approximation || result.dim == 0) return;
  const Index dim = result.dim;
  constexpr Index kBlock = 64;
  const Index num_draws =
      num_quantity_draws(std::max<Index>(dim, std::ssize(record.parameters))) / kBlock * kBlock;
  if (num_draws == 0) return;
  std::vector<double> draws(static_cast<size_t>(num_draws * dim));
  std::vector<double> log_ratio;
  std::vector<double> points(static_cast<size_t>(dim * kBlock));
  std::vector<double> log_q(kBlock);
  std::vector<double> log_p(kBlock);
  for (Index first = 0; first < num_draws; first += kBlock) {
    const MutableLaneMatrix block{points.data(), dim, kBlock, kBlock};
    result.approximation->draw({options.seed, kQuantityStream}, 0, static_cast<uint32_t>(first),
                               block, log_q);
    density.evaluate({points.data(), dim, kBlock, kBlock}, log_p, {nullptr, 0, 0, 0});
    for (Index l = 0; l < kBlock; ++l) {
      log_ratio.push_back(log_p[static_cast<size_t>(l)] - log_q[static_cast<size_t>(l)]);
      for (Index d = 0; d < dim; ++d)
        draws[static_cast<size_t>((first + l) * dim + d)] = block(d, l);
    }
  }
  const diagnose::Psis psis = diagnose::smooth_importance_weights(log_ratio);
  if (psis.weights.empty()) return;
  const diagnose::RenyiBound bound =
      diagnose::renyi_bound(psis, diagnose::elbo_from_log_ratios(log_ratio));
  const bool bounded = bound.use != diagnose::BoundUse::kNotComputed;
  draws::ErrorBounds& bounds = record.bounds;
  bounds.use = to_string(bound.use);
  bounds.optimistic = bound.optimistic;
  if (bounded) {
    const diagnose::JointBounds joint = diagnose::joint_bounds(bound.d2, draws, dim);
    bounds.d2 = bound.d2;
    bounds.d2_se = bound.d2_error;
    bounds.w1 = joint.w1;
    bounds.w2 = joint.w2;
    bounds.covariance_error = joint.covariance_error;
    bounds.mean_error = std::sqrt(std::expm1(bound.d2));
    bounds.sd_error = 0;
  }
  const std::vector<double> values =
      model != nullptr
          ? constrain_draws(*model, ascent, draws, num_draws, options.seed, options.threads)
          : draws;
  const auto columns = values.size() / static_cast<size_t>(num_draws);
  std::vector<double> column(static_cast<size_t>(num_draws));
  const std::vector<int64_t> states =
      model != nullptr ? state_of_column(*model) : std::vector<int64_t>(columns, -1);
  for (size_t k = 0; k < columns && k < record.parameters.size(); ++k) {
    if (states[k] >= 0) {
      // Probabilities are means of bounded quantities: their tail is that of the weights.
      record.parameters[k].khat = result.khat;
      continue;
    }
    for (size_t s = 0; s < column.size(); ++s) column[s] = values[s * columns + k];
    const diagnose::WeightedEstimate e = diagnose::weighted_estimate(psis, column);
    draws::ParameterSummary& row = record.parameters[k];
    row.khat = e.khat;
    if (result.resampled && e.mcse > 0) {
      // The draws summarised stand for `num_judged` weighted ones, not for so many independent.
      row.mcse = e.mcse * std::sqrt(static_cast<double>(num_draws) /
                                    static_cast<double>(std::max<Index>(result.num_judged, 1)));
      row.ess = std::min(row.ess, e.sd * e.sd / (row.mcse * row.mcse));
      row.mcse = std::max(row.mcse, row.sd / std::sqrt(row.ess));
    }
    if (!bounded) continue;
    const diagnose::MomentBounds m = diagnose::moment_bounds(bound.d2, column);
    row.mean_error = m.mean_error;
    row.sd_error = m.sd_error;
    if (row.sd > 0) bounds.sd_error = std::max(bounds.sd_error, m.sd_error / row.sd);
  }
}

/// Draws from which parameters are summarised: more than are handed out, since they cost little
/// without generated quantities, within memory for 16 million numbers.
Index num_summary_draws(const LogDensity& density, const model::Model* model, Index wanted) {
  const auto width =
      density.dim() + static_cast<Index>(model != nullptr ? model->num_constrained() : 0);
  return std::max(wanted, std::min(kSummaryDraws, Index{16'000'000} / std::max<Index>(width, 1)));
}

/// Summary of parameters and transformed parameters from all draws of the result.
std::vector<draws::ParameterSummary> summarise_parameters(const model::Model* model,
                                                          const ConjugateCoordinates* ascent,
                                                          const infer::FitResult& result,
                                                          uint64_t seed, int threads) {
  if (result.num_draws == 0) return {};
  draws::Draws all;
  if (model == nullptr) {
    all.add_variable("x", {result.dim});
  } else {
    for (const model::VariableInfo& v : model->variables()) {
      if (v.block != model::VariableInfo::Block::kGeneratedQuantities)
        all.add_variable(v.name, v.dims, v.columns);
    }
  }
  const auto count = static_cast<size_t>(result.num_draws);
  all.resize(count);
  const std::vector<double> values =
      model != nullptr
          ? constrain_draws(*model, ascent, result.draws, result.num_draws, seed, threads)
          : result.draws;
  const size_t width = all.num_columns();
  for (size_t i = 0; i < count; ++i) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * width), width, all.row(i).begin());
  }
  return draws::summarise(all);
}

bool is_point(const model::ParameterInfo& parameter, const infer::FitOptions& options) {
  return std::find(options.points.begin(), options.points.end(),
                   static_cast<Index>(parameter.first_coordinate)) != options.points.end();
}

/// The factors of q in the record, and `r=gamma` for its options.
void note_factors(const model::Model* model, const infer::FitOptions& options,
                  draws::RunRecord& record, const infer::FitResult& result) {
  for (const infer::FittedFactor& f : result.factors) {
    draws::Factor& out = record.factors.emplace_back();
    out.parameter = f.name;
    out.family = f.word;
    for (const infer::NamedParam& p : f.params) out.params.emplace_back(p.name, p.value);
  }
  std::string words, points;
  for (const infer::FactorBlock& b : options.factors) {
    words += fmt::format("{}{}={}", words.empty() ? "" : ",", b.name, b.factor->word());
  }
  if (!words.empty()) {
    for (auto& [name, value] : record.options) {
      if (name == "family") value = words;
    }
  }
  if (options.points.empty() || model == nullptr) return;
  for (const model::ParameterInfo& p : model->parameters()) {
    if (is_point(p, options)) points += (points.empty() ? "" : ",") + p.name;
  }
  record.options.emplace_back("point", points);
  record.reasons.push_back(fmt::format(
      "{} {} learned as {}: draws, k-hat and evidence are those of the other parameters "
      "given {}.",
      points, points.find(',') == std::string::npos ? "is" : "are",
      points.find(',') == std::string::npos ? "a point" : "points",
      points.find(',') == std::string::npos ? "it" : "them"));
}

/// Rows of parameters that are points: marked, without k-hat.
void mark_points(const model::Model& model, const infer::FitOptions& options,
                 draws::RunRecord& record) {
  size_t row = 0;
  for (const model::VariableInfo& v : model.variables()) {
    const bool point =
        v.block == model::VariableInfo::Block::kParameters &&
        std::any_of(model.parameters().begin(), model.parameters().end(),
                    [&](const auto& p) { return p.name == v.name && is_point(p, options); });
    for (size_t k = 0; k < v.columns.size() && row < record.parameters.size(); ++k, ++row) {
      if (!point) continue;
      record.parameters[row].is_point = true;
      record.parameters[row].khat = draws::ParameterSummary::kUnknown;
      record.parameters[row].sd = 0;  // exactly, whatever a sum of equal draws rounds to
    }
  }
}

/// Keeps `count` of the draws, evenly spaced: resampled draws are ordered by their origin.
void thin_draws(infer::FitResult& result, Index count) {
  if (result.num_draws <= count) return;
  const auto dim = static_cast<size_t>(result.dim);
  for (Index i = 0; i < count; ++i) {
    const auto from = static_cast<size_t>(i * result.num_draws / count);
    const auto to = static_cast<size_t>(i);
    std::copy_n(result.draws.begin() + static_cast<std::ptrdiff_t>(from * dim), dim,
                result.draws.begin() + static_cast<std::ptrdiff_t>(to * dim));
    result.log_density[to] = result.log_density[from];
    result.log_q[to] = result.log_q[from];
  }
  const auto kept = static_cast<size_t>(count);
  result.num_draws = count;
  result.draws.resize(kept * dim);
  result.log_density.resize(kept);
  result.log_q.resize(kept);
}

void fill_draws(const model::Model* model, const ConjugateCoordinates* ascent,
                const infer::FitOptions& options, const Context& context, Outcome& outcome) {
  const infer::FitResult& result = outcome.result;
  draws::Draws& out = outcome.draws;
  const auto count = static_cast<size_t>(result.num_draws);
  if (model == nullptr) {
    out.add_variable("x", {result.dim});
    out.resize(count);
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(result.draws.begin() + static_cast<std::ptrdiff_t>(i) * result.dim, result.dim,
                  out.row(i).begin());
    }
  } else {
    for (const model::VariableInfo& v : model->variables())
      out.add_variable(v.name, v.dims, v.columns);
    out.resize(count);
    const std::vector<double> constrained = constrain_draws(
        *model, ascent, result.draws, result.num_draws, options.seed, options.threads);
    const auto width = static_cast<size_t>(model->num_constrained());
    const auto extra = static_cast<size_t>(model->num_generated());
    std::vector<double> generated(count * extra);
    // After an interrupted fit the draws that there are get their generated quantities all the
    // same; an interrupt that comes during this stage ends it.
    Context generating = context;
    if (context.cancelled()) generating.cancel = nullptr;
    const auto failures = model->generate(constrained, generated, result.num_draws, options.seed,
                                          options.threads, generating);
    if (generating.cancelled()) {
      outcome.record.interrupted = true;
      outcome.record.reasons.push_back(
          "The run was interrupted in the generated quantities; they are NaN in the draws that "
          "were left.");
    }
    for (size_t i = 0; i < count; ++i) {
      const auto row = out.row(i);
      std::copy_n(constrained.begin() + static_cast<std::ptrdiff_t>(i * width), width, row.begin());
      std::copy_n(generated.begin() + static_cast<std::ptrdiff_t>(i * extra), extra,
                  row.begin() + static_cast<std::ptrdiff_t>(width));
    }
    if (failures.num_failed > 0) {
      outcome.record.reasons.push_back(
          fmt::format("Generated quantities failed in {} of {} draws and are NaN there: {}.",
                      failures.num_failed, count, failures.first_failure->message));
    }
  }
  out.log_density = result.log_density;
  out.log_approximation = result.log_q;
}

/// Whether means or deviations of two samples of equal size differ beyond their errors, at four
/// deviations; so few numbers that nothing can be said count as different.
template <class First, class Second>
bool moments_differ(size_t count, First first, Second second) {
  std::vector<double> a, b;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isnan(first(i))) a.push_back(first(i));
    if (!std::isnan(second(i))) b.push_back(second(i));
  }
  if (a.size() < 2 || b.size() < 2) return true;
  const auto moments = [](const std::vector<double>& x) {
    double sum = 0, square = 0;
    for (double v : x) sum += v;
    const double mean = sum / static_cast<double>(x.size());
    for (double v : x) square += (v - mean) * (v - mean);
    return std::pair(mean, std::sqrt(square / static_cast<double>(x.size() - 1)));
  };
  const auto [mean_a, sd_a] = moments(a);
  const auto [mean_b, sd_b] = moments(b);
  const double scale = std::max({sd_a, sd_b, 1e-12 * std::abs(mean_a)});
  const double error =
      4 * scale * std::sqrt(2.0 / static_cast<double>(std::min(a.size(), b.size())));
  return std::abs(mean_a - mean_b) > error || std::abs(sd_a - sd_b) > error;
}

/// Marks the rows that are other in other modes of equal mass: parameters that a symmetry moves;
/// transformed parameters and generated quantities whose mean or sd differs between draws and their
/// images, or of which that cannot be told.
void mark_modes(const model::Model& model, const ConjugateCoordinates& coordinates,
                const ConjugateCoordinates* ascent, const ConjugateNotes& notes,
                const infer::FitOptions& options, const Outcome& outcome,
                draws::RunRecord& record) {
  if (notes.symmetries.empty()) return;
  size_t num_parameters = 0;
  for (const model::VariableInfo& v : model.variables()) {
    if (v.block == model::VariableInfo::Block::kParameters) num_parameters += v.columns.size();
  }
  for (const conjugate::Symmetry& s : notes.symmetries) {
    for (size_t leaf = 0; leaf < s.moves.size(); ++leaf) {
      const int64_t row = coordinates.positions()[leaf];
      if (s.moves[leaf] && row >= 0 && row < std::ssize(record.parameters))
        record.parameters[static_cast<size_t>(row)].is_of_one_mode = true;
    }
  }
  const auto width = static_cast<size_t>(model.num_constrained());
  const size_t columns = record.parameters.size();
  const infer::FitResult& result = outcome.result;
  const Index count = std::min<Index>(result.num_draws, 256), dim = result.dim;
  std::vector<double> points(static_cast<size_t>(dim)), image, jacobian(1), images;
  std::vector<std::vector<double>> leaves;
  std::vector<size_t> used;  // draws that have an image: not those on the boundary
  for (const conjugate::Symmetry& s : notes.symmetries) {
    for (const conjugate::LeafMap& map : s.maps) {
      if (columns <= num_parameters) return;
      images.clear();
      used.clear();
      for (Index i = 0; i < count; ++i) {
        std::copy_n(result.draws.begin() + i * dim, dim, points.begin());
        coordinates.to_leaves({points.data(), dim, 1, 1}, leaves, jacobian);
        std::vector<double> moved(leaves[0].size());
        map.apply(leaves[0], moved);
        if (!coordinates.to_coordinates(moved, image)) continue;
        images.insert(images.end(), image.begin(), image.end());
        used.push_back(static_cast<size_t>(i));
      }
      const auto num_used = std::ssize(used);
      const std::vector<double> other =
          constrain_draws(model, ascent, images, num_used, options.seed, options.threads);
      const auto extra = static_cast<size_t>(model.num_generated());
      std::vector<double> generated(used.size() * extra);
      model.generate(other, generated, num_used, options.seed, options.threads);
      for (size_t k = num_parameters; k < columns; ++k) {
        const bool is_generated = k >= width;
        const auto differs = [&] {
          return moments_differ(
              used.size(), [&](size_t i) { return outcome.draws.row(used[i])[k]; },
              [&](size_t i) {
                return is_generated ? generated[i * extra + k - width] : other[i * width + k];
              });
        };
        bool& is_of_one_mode = record.parameters[k].is_of_one_mode;
        is_of_one_mode = is_of_one_mode || differs();
      }
    }
  }
}

}  // namespace

TypedProgramPtr compile(source::FileId file, const std::vector<std::string>& include_paths,
                        source::SourceMap& sources, source::DiagnosticSink& sink) {
  syntax::ParseOptions options;
  options.lex.include_paths = include_paths;
  syntax::Program program = syntax::parse(file, sources, sink, options);
  // What the parser could read is checked all the same: one run shows all faults.
  const bool parsed = !sink.has_errors();
  auto typed = check::check(std::move(program), sink);
  if (!parsed || !typed) return nullptr;
  return std::make_shared<const check::TypedProgram>(std::move(*typed));
}

bool read_data(const std::vector<std::string>& arguments, data::DataTable& table,
               source::SourceMap& sources, source::DiagnosticSink& sink) {
  const int errors = sink.num_errors();
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos ||
        !is_identifier(std::string_view(argument).substr(0, equals))) {
      const source::FileId file = sources.add_from_path(argument, source::kMaxDataBytes, sink);
      if (!file.valid()) continue;
      const data::DataTable values = data::read_json(file, sources, sink);
      for (const auto& [name, value] : values) table.set(name, value);
      continue;
    }
    const std::string name = argument.substr(0, equals);
    std::string path = argument.substr(equals + 1);
    if (ends_with(path, ".npy")) {
      if (auto value = data::read_npy(path, sources, sink)) table.set(name, std::move(*value));
      continue;
    }
    std::string column = name;
    const size_t colon = path.rfind(':');
    if (colon != std::string::npos && !ends_with(path, ".csv")) {
      column = path.substr(colon + 1);
      path.resize(colon);
    }
    if (!ends_with(path, ".csv")) {
      sink.error(
          source::DiagnosticKind::kOption, {},
          fmt::format("`--data {}`: expected a file name that ends in .npy or .csv, or .csv:COLUMN",
                      argument));
      continue;
    }
    const std::string wanted[] = {column};
    const data::DataTable columns = data::read_csv(path, wanted, sources, sink);
    if (const data::DataValue* value = columns.find(column)) table.set(name, *value);
  }
  return sink.num_errors() == errors;
}

std::vector<double> constrain_draws(const model::Model& model, const ConjugateCoordinates* ascent,
                                    std::span<const double> draws, Index count, uint64_t seed,
                                    int threads) {
  const bool is_marginal = model.is_marginal();
  const auto num_states = is_marginal ? 0 : std::ssize(model.discrete_variables());
  const Index all = model.dim() + num_states, given = ascent != nullptr ? model.dim() : all;
  const auto outputs = static_cast<Index>(model.num_constrained());
  std::vector<double> result(static_cast<size_t>(count * outputs));
  constexpr Index kBlock = 64;
  const auto constrain_block = [&](Index b) {
    const Index first = b * kBlock, used = std::min(kBlock, count - first);
    std::vector<double> points(static_cast<size_t>(all * used));
    std::vector<double> values(static_cast<size_t>(outputs * used));
    for (Index l = 0; l < used; ++l) {
      for (Index d = 0; d < given; ++d) {
        points[static_cast<size_t>(d * used + l)] =
            draws[static_cast<size_t>((first + l) * given + d)];
      }
    }
    const LaneMatrix at{points.data(), all, used, used};
    const MutableLaneMatrix out{values.data(), outputs, used, used};
    if (is_marginal) {
      model.constrain(at, out, seed, static_cast<uint64_t>(first));
    } else {
      if (ascent != nullptr) {
        draw_states(*ascent, {points.data(), given, used, used}, seed, static_cast<uint64_t>(first),
                    {points.data() + given * used, num_states, used, used});
      }
      model.joint().constrain(at, out);
    }
    // By tiles of 8 columns: a cache line of either side is used whole.
    for (Index k = 0; k < outputs; k += 8) {
      for (Index l = 0; l < used; ++l) {
        for (Index i = k; i < std::min(k + 8, outputs); ++i) {
          result[static_cast<size_t>((first + l) * outputs + i)] =
              values[static_cast<size_t>(i * used + l)];
        }
      }
    }
  };
  numeric::ThreadPool(threads).parallel_for((count + kBlock - 1) / kBlock, constrain_block);
  return result;
}

std::string verdict_sentence(const diagnose::Verdict& verdict) {
  switch (verdict.grade) {
    case diagnose::Grade::kGood:
      return "means, sds and tails can be used.";
    case diagnose::Grade::kUsable:
      if (verdict.is_of_one_mode) {
        return "means and sds can be used; those of rows marked `mode` hold in this one of several "
               "equal modes only.";
      }
      return "means and sds can be used; take tails with care.";
    case diagnose::Grade::kBad:
      return "do not use these draws as the posterior.";
  }
  return {};
}

int exit_status(const Outcome& outcome) {
  return outcome.result.verdict.grade == diagnose::Grade::kBad ? 3 : 0;
}

Outcome fit(const LogDensity& given_density, const model::Model* model,
            const infer::FitOptions& options, const source::SourceMap* sources,
            const Context& context, const std::shared_ptr<ConjugateFit>& conjugate) {
  Outcome outcome;
  draws::RunRecord& record = outcome.record;
  record.started = utc_now();
  const auto start = std::chrono::steady_clock::now();
  // The model counts from its making on, this fit from here.
  const std::vector<model::Rejection> before =
      model != nullptr ? model->rejections() : std::vector<model::Rejection>();
  infer::FitOptions inner = options;
  const Target target(given_density, model, conjugate);
  const ConjugateCoordinates* ascent = target.states();
  const LogDensity& density = target.density();
  inner.draws = num_summary_draws(density, model, options.draws);
  inner.later_evaluations =
      num_quantity_draws(density.dim() + (model != nullptr ? model->num_constrained() : 0) + 1);
  ConjugateNotes notes;
  outcome.result = target.fit(inner, context, notes);
  const std::vector<draws::ParameterSummary> summary =
      summarise_parameters(model, ascent, outcome.result, options.seed, options.threads);
  thin_draws(outcome.result, options.draws);
  const infer::FitResult& result = outcome.result;

  record.version = kVersion;
  record.seed = options.seed;
  record.threads = options.threads > 0 ? options.threads : numeric::hardware_threads();
  record.options = {{"method", std::string(infer::to_string(options.method))},
                    {"family", std::string(infer::to_string(options.family))},
                    {"draws", std::to_string(options.draws)},
                    {"budget_seconds", fmt::format("{}", options.budget_seconds)},
                    {"budget_evaluations", std::to_string(options.budget_evaluations)}};
  record.num_unconstrained = result.dim - static_cast<Index>(options.discrete.states.size());
  if (model != nullptr) {
    record.num_observations = model->num_terms();
    record.num_plates = model->num_plates();
    for (const model::BuildStage& stage : model->stages()) {
      record.stages.push_back({stage.name, {}, 0, stage.seconds});
    }
  }
  if (!options.discrete.states.empty()) {
    record.options.emplace_back("discrete",
                                infer::to_string(infer::chosen_method(options.discrete)));
  }
  record.num_draws = result.num_draws;
  record.method = infer::to_string(options.method);
  record.family = result.family;
  for (const infer::Stage& stage : result.stages) {
    record.stages.push_back(
        {stage.name, std::isfinite(stage.elbo) ? fmt::format("ELBO {:.6g}", stage.elbo) : "",
         stage.evaluations, stage.seconds});
  }
  record.elbo = result.elbo.value;
  record.elbo_se = result.elbo.error;
  record.log_evidence = result.log_evidence.value;
  record.log_evidence_se = result.log_evidence.error;
  record.khat = result.khat;
  record.judged_draws = result.num_judged;
  record.minimal_draws = diagnose::minimal_sample_size(result.khat);
  record.convergence_rate = diagnose::convergence_rate(result.khat, result.num_judged);
  record.verdict = diagnose::to_string(result.verdict.grade);
  record.verdict_sentence = verdict_sentence(result.verdict);
  record.reasons = result.verdict.reasons;
  record.advice = result.verdict.suggestions;
  record.reasons.insert(record.reasons.end(), notes.remarks.begin(), notes.remarks.end());
  for (conjugate::NamedDistribution& d : notes.distributions)
    record.factors.push_back({std::move(d.name), std::move(d.family), std::move(d.params)});
  if (notes.is_kept) record.method = infer::to_string(infer::Method::kCavi);
  note_factors(model, options, record, result);
  record.interrupted = result.cancelled;
  record.evaluations = result.evaluations;
  record.fit_seconds = result.seconds;

  fill_draws(model, ascent, options, context, outcome);
  if (model != nullptr) {
    for (model::Rejection& r : model->rejections()) {
      for (const model::Rejection& b : before) {
        if (b.span == r.span && b.message == r.message) r.count -= b.count;
      }
      // A share of rejected points is normal while a method searches; only a large one is worth a
      // word.
      if (r.count <= 0 ||
          static_cast<double>(r.count) < 0.01 * static_cast<double>(result.evaluations))
        continue;
      const std::string where = sources != nullptr ? sources->describe(r.span) : std::string();
      record.reasons.push_back(fmt::format("{}{}{} at {} of {} points.", where,
                                           where.empty() ? "" : ": ", r.message, r.count,
                                           result.evaluations));
    }
  }
  if (result.num_draws > 0) {
    record.parameters = draws::summarise(outcome.draws);
    std::copy(summary.begin(), summary.end(), record.parameters.begin());
    for (draws::ParameterSummary& row : record.parameters) row.mcse = row.sd / std::sqrt(row.ess);
    judge_quantities(density, model, ascent, result, options, record);
  }
  if (model != nullptr) note_states(*model, ascent, result, options.threads, record);
  if (notes.is_kept)
    mark_modes(*model, *target.coordinates(), ascent, notes, options, outcome, record);
  // Those with states are no start for another fit.
  // Moments of other families than normals come from draws, which take long where there are many.
  const bool is_long = notes.is_kept && result.dim > kMaxMomentsDim;
  if (result.approximation && options.discrete.states.empty() && !is_long) {
    record.approximation = infer::to_json(*result.approximation, kMaxRecordedDim);
    if (model != nullptr) {
      record.unconstrained_names = coordinate_names(*model);
    } else {
      for (Index i = 1; i <= result.dim; ++i)
        record.unconstrained_names.push_back(fmt::format("x[{}]", i));
    }
    if (model != nullptr) mark_points(*model, options, record);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  record.seconds = seconds.count();
  return outcome;
}

}  // namespace vinci::api
