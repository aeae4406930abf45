// vinci estimators: gradient estimators side by side at one approximation of the posterior.
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/discrete_choice.h"
#include "cli/command.h"
#include "draws/atomic_file.h"
#include "infer/estimator_study.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/method/advi.h"
#include "infer/method/mixed_vi.h"
#include "infer/method/pathfinder.h"
#include "model/blankets.h"
#include "report/terminal.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

struct EstimatorsCommand {
  ProgramOptions program;
  DataOptions data;
  infer::EstimatorStudyOptions study;
  std::string family = "mean-field";
  std::string at = "pathfinder";
  std::string plot;
  bool json = false;

  int run();

 private:
  struct At {
    std::vector<double> lambda;
    infer::ParametricFamilyPtr family;
  };
  At mean_field(const infer::MeanFieldNormal& q) const {
    return {infer::MeanFieldNormalFamily::params_of(q),
            std::make_shared<infer::MeanFieldNormalFamily>(q.dim())};
  }
  At full_rank(const infer::FullRankNormal& q) const {
    return {infer::FullRankNormalFamily::params_of(q),
            std::make_shared<infer::FullRankNormalFamily>(q.dim())};
  }
  bool wants_full_rank() const { return family == "full-rank"; }
  infer::EstimatorStudy study_continuous(const model::Model& model, const Context& context) const;
  infer::EstimatorStudy study_discrete(const model::Model& model, const Context& context);
  At from_pathfinder(infer::Objective& objective) const;
  At from_advi(infer::Objective& objective) const;
  At from_file(Index dim) const;
};

EstimatorsCommand::At EstimatorsCommand::from_pathfinder(infer::Objective& objective) const {
  const auto result = infer::pathfinder(objective, {}, {study.seed, 1});
  if (result.best < 0) {
    throw Error(Error::Kind::kInput,
                "Pathfinder found no point of finite density; give an approximation with --at "
                "FILE.");
  }
  const auto& q = *result.paths[static_cast<size_t>(result.best)].approximation;
  return wants_full_rank() ? full_rank(q.to_full_rank()) : mean_field({q.mean(), q.marginal_sds()});
}

EstimatorsCommand::At EstimatorsCommand::from_advi(infer::Objective& objective) const {
  infer::AdviOptions options;
  options.full_rank = wants_full_rank();
  const auto q = infer::advi(objective, options, {study.seed, 1}).approximation;
  if (!q) {
    throw Error(Error::Kind::kInput,
                "ADVI found no step size with a finite ELBO; try --at pathfinder or --at FILE.");
  }
  return wants_full_rank() ? full_rank(dynamic_cast<const infer::FullRankNormal&>(*q))
                           : mean_field(dynamic_cast<const infer::MeanFieldNormal&>(*q));
}

/// A list of `size` finite numbers of member `name`.
std::vector<double> numbers(const nlohmann::json& json, const std::string& name, Index size,
                            const std::string& path) {
  if (!json.contains(name) || !json[name].is_array()) {
    throw Error(Error::Kind::kInput, fmt::format("{} has no list `{}`.", path, name));
  }
  std::vector<double> result;
  for (const auto& v : json[name]) {
    if (!v.is_number() || !std::isfinite(v.get<double>())) {
      throw Error(Error::Kind::kInput,
                  fmt::format("Number {} of `{}` in {} is not a finite number.", result.size() + 1,
                              name, path));
    }
    result.push_back(v.get<double>());
  }
  if (static_cast<Index>(result.size()) != size) {
    throw Error(Error::Kind::kInput,
                fmt::format("`{}` of {} has {} numbers; the model has {} unconstrained parameters.",
                            name, path, result.size(), size));
  }
  return result;
}

EstimatorsCommand::At EstimatorsCommand::from_file(Index dim) const {
  std::ifstream file(at);
  if (!file) {
    throw Error(
        Error::Kind::kInput,
        fmt::format("--at {}: neither `pathfinder` nor `advi` nor a file that can be read.", at));
  }
  const nlohmann::json content = nlohmann::json::parse(file, nullptr, false);
  if (!content.is_object()) {
    throw Error(
        Error::Kind::kInput,
        fmt::format("{} is not of the form {{\"mean\": [...], \"sd\": [...]}} or {{\"mean\": "
                    "[...], \"factor\": [[...], ...]}}.",
                    at));
  }
  const std::vector<double> mean = numbers(content, "mean", dim, at);
  if (content.contains("factor")) {
    if (!wants_full_rank()) {
      throw Error(Error::Kind::kInput,
                  fmt::format("{} holds a factor; it takes --family full-rank.", at));
    }
    std::vector<double> factor;
    if (!content["factor"].is_array() || static_cast<Index>(content["factor"].size()) != dim) {
      throw Error(Error::Kind::kInput,
                  fmt::format("`factor` of {} is not a list of {} rows.", at, dim));
    }
    for (Index i = 0; i < dim; ++i) {
      const nlohmann::json row = {{"factor", content["factor"][static_cast<size_t>(i)]}};
      const auto values = numbers(row, "factor", dim, at);
      if (!(values[static_cast<size_t>(i)] > 0)) {
        throw Error(Error::Kind::kInput,
                    fmt::format("`factor` of {}: number {} of row {} is {}; the diagonal is "
                                "positive.",
                                at, i + 1, i + 1, values[static_cast<size_t>(i)]));
      }
      factor.insert(factor.end(), values.begin(), values.end());
    }
    return full_rank({mean, factor});
  }
  const std::vector<double> sd = numbers(content, "sd", dim, at);
  for (size_t i = 0; i < sd.size(); ++i) {
    if (!(sd[i] > 0)) {
      throw Error(
          Error::Kind::kInput,
          fmt::format("Number {} of `sd` in {} is {}; deviations are positive.", i + 1, at, sd[i]));
    }
  }
  if (!wants_full_rank()) return mean_field({mean, sd});
  std::vector<double> factor(mean.size() * mean.size());
  for (size_t i = 0; i < sd.size(); ++i) factor[i * sd.size() + i] = sd[i];
  return full_rank({mean, factor});
}

infer::EstimatorStudy EstimatorsCommand::study_continuous(const model::Model& model,
                                                          const Context& context) const {
  infer::Objective objective(model, context);
  const At q = at == "pathfinder" ? from_pathfinder(objective)
               : at == "advi"     ? from_advi(objective)
                                  : from_file(model.dim());
  const model::Blankets blankets(model);
  return infer::study_estimators(
      model, *q.family, q.lambda,
      [&](LaneMatrix points, MutableLaneMatrix sums) { blankets.evaluate(points, sums); }, study,
      context);
}

/// Of logits and means at a mixed family that is on its way: some steps from a start at random.
infer::EstimatorStudy EstimatorsCommand::study_discrete(const model::Model& model,
                                                        const Context& context) {
  if (at != "pathfinder" || wants_full_rank()) {
    throw Error(Error::Kind::kInput,
                "A program with discrete parameters is studied at a mean-field q of its own; "
                "leave --at and --family away.");
  }
  at = "a fit that is on its way";
  const model::JointLogDensity& joint = model.joint();
  std::string reason;
  infer::MixedViOptions options;
  options.discrete = api::discrete_options(model, infer::DiscreteMethod::kConcrete, reason);
  options.discrete.method = infer::DiscreteMethod::kAuto;
  options.starts = 1;
  options.trial = 40;
  options.max_iterations = 1;
  infer::Objective objective(joint, context);
  const auto q = infer::mixed_vi(objective, options, {study.seed, 1}).q;
  return infer::study_discrete_estimators(joint, q->family(), q->lambda(),
                                          options.discrete.blankets, options.discrete.relaxed.get(),
                                          study, context);
}

int EstimatorsCommand::run() {
  study.validate();
  Context context;
  context.cancel = report::cancel_on_interrupt();
  Run run;
  const auto typed = run.compile(program);
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  if (typed && api::read_data(data.all(), table, run.sources, run.sink)) {
    model::BuildOptions build;
    build.seed = study.seed;
    build.context = &context;
    build.messages = &std::cerr;
    build.marginalise = false;
    model = model::Model::build(typed, table, build, run.sink);
  }
  run.report(program);
  if (!model) return kExitInput;
  const bool has_states = !model->is_marginal();
  if (model->dim() == 0 && !has_states) {
    throw Error(
        Error::Kind::kInput,
        fmt::format("{} has no parameters: there is no gradient to estimate.", program.program));
  }
  constexpr Index kMaxDim = 2000, kMaxFullRankDim = 100;
  const Index most = wants_full_rank() ? kMaxFullRankDim : kMaxDim;
  if (model->dim() > most) {
    throw Error(Error::Kind::kInput,
                fmt::format("{} has {} unconstrained parameters; the study of the {} family takes "
                            "at most {}.",
                            program.program, model->dim(), family, most));
  }

  const infer::EstimatorStudy result =
      has_states ? study_discrete(*model, context) : study_continuous(*model, context);
  if (!plot.empty()) {
    const std::string svg = infer::estimator_svg(result);
    draws::write_file_atomically(plot, [&](draws::FileWriter& out) { out.write(svg); });
  }
  if (json) {
    std::cout << infer::estimator_json(result);
    return kExitDone;
  }
  fmt::print("{}: gradients of the ELBO over {} ({} {}) at {}\n", program.program, result.family,
             result.num_params, has_states ? "logits" : "parameters", at);
  fmt::print(
      "{} estimates of {} draws; reference gradient |g| = {:.4g} +- {:.2g} from {} draws\n\n",
      result.options.estimates, result.options.draws, result.gradient_norm, result.gradient_error,
      result.options.reference_draws);
  std::cout << std::flush << infer::estimator_table(result) << '\n'
            << infer::estimator_plot(result);
  std::cout
      << "\nbias: distance of the mean estimate from the reference; (noise): what an unbiased "
         "estimator shows.\nper eval.: variance x evaluations of the density; var x time: "
         "variance x seconds. Less is better.\n";
  if (!plot.empty()) fmt::print("plot: {}\n", plot);
  return kExitDone;
}

}  // namespace

void add_estimators(CLI::App& app, int& status) {
  auto command = std::make_shared<EstimatorsCommand>();
  CLI::App* estimators = app.add_subcommand(
      "estimators", "bias, variance and time of gradient estimators, side by side");
  add_program_options(*estimators, command->program);
  add_data_options(*estimators, command->data);
  estimators->add_option("--family", command->family, "of the approximation")
      ->check(CLI::IsMember({"mean-field", "full-rank"}))
      ->capture_default_str();
  estimators
      ->add_option("--at", command->at,
                   "where to compare: `pathfinder`, `advi`, or a JSON file {\"mean\": [D], \"sd\": "
                   "[D]} or {\"mean\": [D], \"factor\": [D][D]} in unconstrained space")
      ->type_name("FILE|pathfinder|advi")
      ->capture_default_str();
  estimators->add_option("--draws", command->study.draws, "of the approximation in one estimate")
      ->capture_default_str();
  estimators->add_option("--estimates", command->study.estimates, "of each estimator")
      ->capture_default_str();
  estimators
      ->add_option("--reference-draws", command->study.reference_draws,
                   "behind the gradient that biases are measured against")
      ->capture_default_str();
  estimators
      ->add_option("--bound-draws", command->study.bound_draws,
                   "k of the importance-weighted bound L_k")
      ->capture_default_str();
  estimators->add_option("--seed", command->study.seed, "seed of all random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  estimators->add_option("--plot", command->plot, "write a drawing, SVG")->type_name("FILE");
  estimators->add_flag("--json", command->json, "print the numbers as JSON");
  estimators->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
