// vinci eval: the log density, its gradient and the constrained values at given points.
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

struct EvalCommand {
  ProgramOptions program;
  DataOptions data;
  std::string points;

  int run();
};

double number_of(const nlohmann::json& value, const std::string& where) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    constexpr double kInf = std::numeric_limits<double>::infinity();
    if (text == "inf" || text == "Inf" || text == "Infinity") return kInf;
    if (text == "-inf" || text == "-Inf" || text == "-Infinity") return -kInf;
    if (text == "nan" || text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  }
  throw Error(Error::Kind::kInput, where + " is not a number.");
}

/// Points as [point][D], or all with the states of the discrete parameters after the coordinates.
std::vector<std::vector<double>> read_points(const std::string& path, Index dim, Index states) {
  std::ifstream file(path);
  if (!file) throw Error(Error::Kind::kInput, fmt::format("The file {} cannot be read.", path));
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded() || !json.is_object() || !json.contains("points") ||
      !json["points"].is_array()) {
    throw Error(Error::Kind::kInput,
                fmt::format("The file {} is not of the form {{\"points\": [[...], ...]}}.", path));
  }
  std::vector<std::vector<double>> points;
  for (const auto& row : json["points"]) {
    const std::string where = fmt::format("Point {} of {}", points.size() + 1, path);
    const auto size = static_cast<Index>(row.size());
    const bool fits = points.empty() ? size == dim || size == dim + states
                                     : size == static_cast<Index>(points.front().size());
    if (!row.is_array() || !fits) {
      const std::string rule =
          states == 0
              ? std::string()
              : fmt::format(" and {} discrete ones, which may follow (in all points)", states);
      throw Error(Error::Kind::kInput,
                  fmt::format("{} has {} numbers; the model has {} unconstrained parameters{}.",
                              where, row.size(), dim, rule));
    }
    points.emplace_back();
    for (const auto& value : row) {
      points.back().push_back(
          number_of(value, fmt::format("Number {} of point {} of {}", points.back().size() + 1,
                                       points.size(), path)));
    }
  }
  return points;
}

std::string show(double x) {
  if (std::isnan(x)) return "\"nan\"";
  if (std::isinf(x)) return x > 0 ? "\"inf\"" : "\"-inf\"";
  return fmt::format("{:.17g}", x);
}

/// [[…], …] of a matrix [rows][lanes], one list for each lane.
std::string show_lanes(const std::vector<double>& values, size_t rows, size_t lanes) {
  std::string text = "[";
  for (size_t l = 0; l < lanes; ++l) {
    text += l == 0 ? "[" : ", [";
    for (size_t r = 0; r < rows; ++r) text += (r == 0 ? "" : ", ") + show(values[r * lanes + l]);
    text += "]";
  }
  return text + "]";
}

int EvalCommand::run() {
  Run run;
  const auto typed = run.compile(program);
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  if (typed && api::read_data(data.all(), table, run.sources, run.sink)) {
    model::BuildOptions build;
    build.messages = &std::cerr;
    model = model::Model::build(typed, table, build, run.sink);
  }
  run.report(program);
  if (!model) return kExitInput;

  const auto num_states = static_cast<Index>(model->discrete_variables().size());
  const auto given = read_points(points, model->dim(), num_states);
  const bool has_states =
      num_states > 0 && !given.empty() && static_cast<Index>(given[0].size()) != model->dim();
  const Index dim = model->dim() + (has_states ? num_states : 0);
  const auto lanes = static_cast<Index>(given.size());
  const auto count = given.size();
  std::vector<double> theta(static_cast<size_t>(dim) * count);
  for (size_t l = 0; l < count; ++l) {
    for (size_t d = 0; d < static_cast<size_t>(dim); ++d) theta[d * count + l] = given[l][d];
  }
  std::vector<double> value(count);
  std::vector<double> no_jacobian(count);
  std::vector<double> gradient(theta.size());
  const auto outputs = static_cast<size_t>(model->num_constrained());
  std::vector<double> constrained(outputs * count);
  const LaneMatrix at{theta.data(), dim, lanes, lanes};
  // A gradient of a model without parameters has no storage to point to.
  gradient.reserve(1);
  const MutableLaneMatrix slope{gradient.data(), dim, lanes, lanes};
  const MutableLaneMatrix out{constrained.data(), static_cast<Index>(outputs), lanes, lanes};
  if (has_states) {
    model->joint().evaluate(at, value, slope, no_jacobian);
    model->joint().constrain(at, out);
  } else {
    model->evaluate(at, value, slope, no_jacobian);
    model->constrain(at, out);
  }

  std::string names;
  for (const std::string& name : model->constrained_names()) {
    names += (names.empty() ? "\"" : ", \"") + name + "\"";
  }
  const auto list = [](const std::vector<double>& x) {
    std::string text;
    for (double v : x) text += (text.empty() ? "" : ", ") + show(v);
    return text;
  };
  fmt::print(
      "{{\"names\": [{}],\n \"log_density\": [{}],\n \"log_density_no_jacobian\": [{}],\n "
      "\"gradient\": {},\n "
      "\"constrained\": {}}}\n",
      names, list(value), list(no_jacobian), show_lanes(gradient, static_cast<size_t>(dim), count),
      show_lanes(constrained, outputs, count));
  return kExitDone;
}

}  // namespace

void add_eval(CLI::App& app, int& status) {
  auto command = std::make_shared<EvalCommand>();
  CLI::App* eval =
      app.add_subcommand("eval", "log density, gradient and constrained values at points");
  add_program_options(*eval, command->program);
  add_data_options(*eval, command->data);
  eval->add_option("--points", command->points,
                   "JSON file {\"points\": [[D numbers], ...]} of unconstrained points; with the "
                   "states of discrete parameters after the D coordinates the joint density is "
                   "evaluated")
      ->required()
      ->type_name("FILE");
  eval->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
