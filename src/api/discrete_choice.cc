#include "api/discrete_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "api/factor_choice.h"

namespace vinci::api {

namespace {

constexpr std::array<std::string_view, 4> kWays = {"enumerate", "cavi", "score", "relax"};

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

bool choose_discrete(const std::string& choices, const model::Model& model,
                     source::DiagnosticSink& sink) {
  const std::vector<std::string> names = discrete_names(model);
  const auto option_error = [&](const std::string& message) -> source::Diagnostic& {
    return sink.error(source::DiagnosticKind::kOption, {},
                      fmt::format("`--discrete {}`: {}", choices, message));
  };
  bool by_ascent = false;
  for (const std::string& choice : split_names(choices)) {
    const size_t equals = choice.find('=');
    if (equals == std::string::npos || equals == 0) {
      option_error(fmt::format("`{}` is not of the form NAME=WAY", choice))
          .with_hint("ways are enumerate, cavi, score and relax");
      continue;
    }
    const std::string name = choice.substr(0, equals), way = choice.substr(equals + 1);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string known;
      for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
      option_error(fmt::format("`{}` is no discrete parameter of the program", name))
          .with_hint(known.empty() ? "the program has none" : "its discrete parameters: " + known);
    } else if (std::find(kWays.begin(), kWays.end(), way) == kWays.end()) {
      option_error(fmt::format("`{}` is no way to handle a discrete parameter", way))
          .with_hint("ways are enumerate, cavi, score and relax");
    } else if (way == "cavi") {
      by_ascent = true;
    } else if (way != "enumerate") {
      sink.error(source::DiagnosticKind::kNotCovered, {},
                 fmt::format("`--discrete {}`: `{}` is not available yet", choice, way))
          .with_hint(
              fmt::format("`--discrete {}=enumerate`, which is the default, is exact", name));
    }
  }
  return by_ascent;
}

}  // namespace vinci::api
