#include "vinci/fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/ascent_choice.h"
#include "api/impl.h"
#include "draws/cmdstan_csv.h"
#include "report/fit_report.h"
#include "vinci/error.h"

namespace vinci {

Draws::Draws(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

size_t Draws::num_draws() const { return impl_->draws.num_draws(); }
const std::vector<std::string>& Draws::names() const { return impl_->names; }

std::span<const double> Draws::values() const {
  if (num_draws() == 0) return {};
  return {impl_->draws.row(0).data(), num_draws() * names().size()};
}

std::vector<double> Draws::operator[](std::string_view name) const {
  const auto found = std::find(impl_->names.begin(), impl_->names.end(), name);
  if (found == impl_->names.end()) {
    throw Error(
        Error::Kind::kUsage,
        fmt::format("There is no quantity `{}`; elements have names such as `theta[1]`.", name));
  }
  return impl_->draws.column(static_cast<size_t>(found - impl_->names.begin()));
}

namespace {

const draws::Variable& find_variable(const draws::Draws& draws, std::string_view name) {
  const draws::Variable* found = draws.find(name);
  if (found == nullptr) {
    throw Error(Error::Kind::kUsage, fmt::format("There is no variable `{}`.", name));
  }
  return *found;
}

}  // namespace

std::vector<double> Draws::variable(std::string_view name) const {
  const draws::Variable& found = find_variable(impl_->draws, name);
  std::vector<double> values;
  values.reserve(num_draws() * found.num_columns);
  for (size_t i = 0; i < num_draws(); ++i) {
    const auto part = impl_->draws.row(i).subspan(found.first_column, found.num_columns);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

std::vector<int64_t> Draws::shape(std::string_view name) const {
  return find_variable(impl_->draws, name).dims;
}

std::span<const double> Draws::log_density() const { return impl_->draws.log_density; }
std::span<const double> Draws::log_approximation() const { return impl_->draws.log_approximation; }

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "good";
    case Verdict::kUsable:
      return "usable";
    case Verdict::kBad:
      break;
  }
  return "bad";
}

Fit::Fit(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Verdict Fit::verdict() const {
  switch (impl_->grade) {
    case diagnose::Grade::kGood:
      return Verdict::kGood;
    case diagnose::Grade::kUsable:
      return Verdict::kUsable;
    case diagnose::Grade::kBad:
      break;
  }
  return Verdict::kBad;
}

const std::vector<std::string>& Fit::reasons() const { return impl_->record.reasons; }
const std::vector<std::string>& Fit::advice() const { return impl_->record.advice; }
const Draws& Fit::draws() const { return impl_->draws; }
const std::vector<Summary>& Fit::summaries() const { return impl_->summaries; }

const Summary& Fit::summary(std::string_view name) const {
  for (const Summary& row : impl_->summaries) {
    if (row.name == name) return row;
  }
  throw Error(
      Error::Kind::kUsage,
      fmt::format("There is no summary of `{}`; elements have names such as `theta[1]`.", name));
}

Estimate Fit::elbo() const { return {impl_->record.elbo, impl_->record.elbo_se}; }
Estimate Fit::log_evidence() const {
  return {impl_->record.log_evidence, impl_->record.log_evidence_se};
}
double Fit::khat() const { return impl_->record.khat; }
const std::string& Fit::family() const { return impl_->record.family; }
int64_t Fit::evaluations() const { return impl_->record.evaluations; }
double Fit::seconds() const { return impl_->record.seconds; }
bool Fit::interrupted() const { return impl_->record.interrupted; }

std::string Fit::report() const { return report::fit_report(impl_->record); }
std::string Fit::record_json() const { return draws::to_json(impl_->record); }
void Fit::write_record(const std::string& path) const { draws::write_record(path, impl_->record); }

void Fit::write_csv(const std::string& path) const {
  draws::CsvOptions csv;
  if (impl_->method == infer::Method::kAdvi) {
    csv.layout = draws::CsvLayout::kVariational;
    for (const Summary& row : impl_->summaries) csv.mean_row.push_back(row.mean);
  }
  draws::write_cmdstan_csv(path, impl_->draws_impl->draws, impl_->record, csv);
}

Fit fit(const LogDensity& density, const FitOptions& options, const Context& context) {
  infer::FitOptions inner;
  inner.seed = options.seed;
  inner.threads = options.threads;
  inner.draws = static_cast<Index>(options.draws);
  inner.method = infer::parse_method(options.method);
  inner.family = infer::parse_family(options.family);
  inner.init = options.init;
  inner.budget_seconds = options.budget_seconds;
  inner.budget_evaluations = options.budget_evaluations;

  // A Model hands its own work on to the compiled one, which also knows names and generated
  // quantities.
  const auto* bound = dynamic_cast<const Model*>(&density);
  const model::Model* model = bound != nullptr ? bound->impl()->model.get() : nullptr;
  const source::SourceMap* sources = bound != nullptr ? &bound->impl()->program->sources : nullptr;
  source::DiagnosticSink sink;
  api::AscentChoice choice;
  if (bound != nullptr) {
    const api::ProgramData data{bound->impl()->program->typed, bound->impl()->data,
                                bound->impl()->data_seed};
    choice = api::choose_ascent(data, *model, bound->impl()->discrete, {}, inner, sink, context);
    if (choice.cancelled) throw Error(Error::Kind::kCancelled, "The fit was cancelled.");
    api::throw_errors(sink, *sources);
    if (choice.model) model = choice.model.get();
  }
  const LogDensity& target = choice.model       ? *choice.model
                             : bound != nullptr ? density_of(*bound->impl())
                                                : density;
  inner.validate(choice.fit ? model->dim() : target.dim());
  api::Outcome outcome = api::fit(target, model, inner, sources, context, choice.fit);

  auto draws = std::make_shared<Draws::Impl>();
  draws->draws = std::move(outcome.draws);
  for (const std::string& column : draws->draws.columns()) {
    draws->names.push_back(draws::bracket_name(column));
  }
  draws::RunRecord& record = outcome.record;
  if (bound != nullptr) {
    record.program = bound->impl()->program->name;
    record.compile_seconds = bound->impl()->program->seconds + bound->impl()->seconds;
  }
  std::vector<Summary> summaries;
  for (const draws::ParameterSummary& p : record.parameters) {
    summaries.push_back({p.name, p.mean, p.sd, p.q05, p.q50, p.q95, p.khat, p.ess, p.probabilities,
                         p.first_state, p.is_of_one_mode});
  }
  return Fit(std::make_shared<const Fit::Impl>(Fit::Impl{inner.method, outcome.result.verdict.grade,
                                                         std::move(record), draws, Draws(draws),
                                                         std::move(summaries)}));
}

}  // namespace vinci
