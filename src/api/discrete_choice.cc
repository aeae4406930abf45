#include "api/discrete_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "api/factor_choice.h"
#include "draws/draws.h"
#include "infer/family/mean_field_normal_family.h"
#include "model/blankets.h"
#include "vinci/error.h"

namespace vinci::api {

namespace {

constexpr std::string_view kWays = "enumerate, cavi, local, score, disarm, relax and concrete";

/// `way` of `NAME=way`; empty where there is none.
std::string way_of(const std::string& choice) {
  const size_t equals = choice.find('=');
  return equals == std::string::npos ? std::string() : choice.substr(equals + 1);
}

std::optional<infer::DiscreteMethod> method_of(const std::string& way) {
  for (const auto method : {infer::DiscreteMethod::kLocal, infer::DiscreteMethod::kScore,
                            infer::DiscreteMethod::kDisarm, infer::DiscreteMethod::kRelax,
                            infer::DiscreteMethod::kConcrete}) {
    if (infer::to_string(method) == way) return method;
  }
  return {};
}

/// The joint density's states and blankets.
infer::DiscreteOptions options_of(const model::Model& model, infer::DiscreteMethod method) {
  infer::DiscreteOptions options;
  options.method = method;
  for (const graph::DiscreteVariable& v : model.discrete_variables()) {
    options.states.push_back({static_cast<Index>(v.low), static_cast<Index>(v.num_states()),
                              draws::bracket_name(v.name)});
  }
  const model::JointLogDensity& joint = model.joint();
  const auto blankets = std::make_shared<model::Blankets>(joint.graph(), joint.dim());
  options.blankets.sums = [blankets](LaneMatrix points, MutableLaneMatrix sums) {
    blankets->evaluate(points, sums);
  };
  options.blankets.colour = blankets->colours(joint.num_continuous());
  return options;
}

/// The variables that discrete parameters are elements of: `z` of `z.3`.
std::vector<std::string> discrete_names(const model::Model& model) {
  std::vector<std::string> names;
  for (const graph::DiscreteVariable& v : model.discrete_variables()) {
    std::string name = v.name.substr(0, v.name.find_first_of(".:"));
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

std::optional<infer::DiscreteMethod> sampling_of(const std::string& choices) {
  std::optional<infer::DiscreteMethod> found;
  for (const std::string& choice : split_names(choices)) {
    const auto method = method_of(way_of(choice));
    if (!method || (found && *found != *method)) return {};
    found = method;
  }
  return found;
}

bool is_by_ascent(const std::string& choices) {
  const std::vector<std::string> all = split_names(choices);
  return std::any_of(all.begin(), all.end(),
                     [](const std::string& choice) { return way_of(choice) == "cavi"; });
}

infer::DiscreteOptions discrete_options(const model::Model& model, infer::DiscreteMethod method,
                                        std::string& reason) {
  infer::DiscreteOptions options = options_of(model, method);
  if (method == infer::DiscreteMethod::kConcrete) options.relaxed = model.soft(reason);
  return options;
}

bool choose_discrete(const std::string& choices, const model::Model& model,
                     infer::FitOptions& options, source::DiagnosticSink& sink) {
  const std::vector<std::string> names = discrete_names(model);
  const auto option_error = [&](const std::string& message) -> source::Diagnostic& {
    return sink.error(source::DiagnosticKind::kOption, {},
                      fmt::format("`--discrete {}`: {}", choices, message));
  };
  bool by_ascent = false;
  const int errors = sink.num_errors();
  std::string first_way;
  for (const std::string& choice : split_names(choices)) {
    const size_t equals = choice.find('=');
    if (equals == std::string::npos || equals == 0) {
      option_error(fmt::format("`{}` is not of the form NAME=WAY", choice))
          .with_hint(fmt::format("ways are {}", kWays));
      continue;
    }
    const std::string name = choice.substr(0, equals), way = way_of(choice);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string known;
      for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
      option_error(fmt::format("`{}` is no discrete parameter of the program", name))
          .with_hint(known.empty() ? "the program has none" : "its discrete parameters: " + known);
    } else if (way != "enumerate" && way != "cavi" && !method_of(way)) {
      option_error(fmt::format("`{}` is no way to handle a discrete parameter", way))
          .with_hint(fmt::format("ways are {}", kWays));
    } else if (!first_way.empty() && way != first_way && (method_of(way) || method_of(first_way))) {
      option_error(fmt::format("`{}` and `{}` differ; all discrete parameters are handled alike",
                               first_way, way));
    }
    by_ascent = by_ascent || way == "cavi";
    if (first_way.empty()) first_way = way;
  }
  if (model.is_marginal() || by_ascent || sink.num_errors() > errors) return by_ascent;
  std::string reason;
  options.discrete =
      discrete_options(model, sampling_of(choices).value_or(infer::DiscreteMethod::kAuto), reason);
  if (!reason.empty()) {
    option_error("the density has no extension to soft states: " + reason)
        .with_hint("`local` and `score` need none, and have no bias");
    return false;
  }
  try {
    const infer::MixedFamily family(std::make_shared<infer::MeanFieldNormalFamily>(model.dim()),
                                    options.discrete.states);
    infer::estimator_of(options.discrete, family, 4);
  } catch (const Error& error) {
    option_error(error.what());
  }
  return by_ascent;
}

}  // namespace vinci::api
