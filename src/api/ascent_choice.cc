#include "api/ascent_choice.h"

#include <fmt/format.h>

#include <utility>

#include "api/discrete_choice.h"

namespace vinci::api {

namespace {

source::Diagnostic& option_error(source::DiagnosticSink& sink, std::string message) {
  return sink.error(source::DiagnosticKind::kOption, {}, std::move(message));
}

/// False where options contradict the way in which discrete parameters are to be handled.
bool read_discrete(const model::Model& model, const std::string& discrete,
                   infer::FitOptions& options, source::DiagnosticSink& sink) {
  const bool is_cavi = options.method == infer::Method::kCavi;
  if (discrete.empty() && (model.is_marginal() || is_cavi)) return true;
  const int errors = sink.num_errors();
  infer::FitOptions chosen = options;
  const bool by_ascent = choose_discrete(discrete, model, chosen, sink);
  if (sink.num_errors() > errors) return false;
  if (is_cavi && !by_ascent && sampling_of(discrete)) {
    option_error(sink, fmt::format("`--discrete {}`: `--method cavi` handles discrete parameters "
                                   "by coordinate ascent",
                                   discrete));
    return false;
  }
  if (by_ascent && !is_cavi && options.method != infer::Method::kAuto) {
    option_error(sink, fmt::format("`--discrete {}`: coordinate ascent is a method of its own; "
                                   "`--method {}` is another",
                                   discrete, infer::to_string(options.method)));
    return false;
  }
  if (is_cavi) return true;  // there is nothing to choose
  options = std::move(chosen);
  if (by_ascent) options.method = infer::Method::kCavi;
  return true;
}

}  // namespace

void set_discrete(infer::Method method, const std::string& discrete, model::BuildOptions& build) {
  // Coordinate ascent has no need of a density in which discrete parameters are summed out.
  build.marginalise =
      method != infer::Method::kCavi && !is_by_ascent(discrete) && !sampling_of(discrete);
  build.joint_if_too_costly = discrete.empty();
}

AscentChoice choose_ascent(const ProgramData& program, const model::Model& model,
                           const std::string& discrete, const ConjugateOptions& conjugate_options,
                           infer::FitOptions& options, source::DiagnosticSink& sink,
                           const Context& context) {
  AscentChoice choice;
  if (!read_discrete(model, discrete, options, sink) || sink.has_errors()) return choice;
  const bool is_asked_for = options.method == infer::Method::kCavi;
  if (!(model.is_marginal() || is_asked_for) || !may_be_conjugate(options)) return choice;
  if (is_asked_for && (!options.factors.empty() || !options.points.empty() ||
                       options.family != infer::FamilyChoice::kAuto)) {
    option_error(sink, "coordinate ascent chooses its family by itself, and learns no points")
        .with_hint("leave out `--family` and `--point`, or the method");
    return choice;
  }
  if (is_asked_for && !options.init.empty()) {
    option_error(
        sink, "coordinate ascent starts from messages, not from a point: `--init` would be ignored")
        .with_hint("leave out `--init`, or the method; `--restarts` gives more starts");
    return choice;
  }
  ConjugateOptions own = conjugate_options;
  own.data_seed = program.seed;
  source::DiagnosticSink found;  // what is wrong with program or data, the model has said
  std::vector<conjugate::Misfit> misfits;
  choice.fit = fit_conjugate(*program.typed, program.table, options, own, misfits, found, context);
  if (!choice.fit) {
    if (!is_asked_for) return choice;
    choice.cancelled = context.cancelled();
    for (const source::Diagnostic& d : found.diagnostics()) sink.add(d);
    report_misfits(misfits, sink);
    return choice;
  }
  if (!model.is_marginal() && !choice.fit->model->network.has_density()) {
    // Variables that are summed out meet: the density has to come from an elimination.
    model::BuildOptions build;
    build.seed = program.seed;
    build.context = &context;
    choice.model = model::Model::build(program.typed, program.table, build, sink);
    if (!choice.model) choice.fit = nullptr;
  }
  return choice;
}

Target::Target(const LogDensity& density, const model::Model* model,
               const std::shared_ptr<ConjugateFit>& fit)
    : density_(density), fit_(model != nullptr ? fit.get() : nullptr) {
  if (fit_ == nullptr) return;
  coordinates_ = std::make_shared<ConjugateCoordinates>(fit->model, *model);
  if (!model->is_marginal()) network_ = std::make_unique<ConjugateDensity>(coordinates_);
}

infer::FitResult Target::fit(const infer::FitOptions& options, const Context& context,
                             ConjugateNotes& notes) const {
  return fit_or_judge(density(), fit_, coordinates_, options, context, notes);
}

}  // namespace vinci::api
