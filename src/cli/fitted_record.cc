#include "cli/fitted_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/coding_files.h"
#include "cli/command.h"
#include "model/row_tables.h"
#include "source/suggest.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

using nlohmann::json;

/// `mu[2,1]` as `mu` and {2, 1}; false where it is not of this form.
bool split_name(std::string_view name, std::string& base, std::vector<int64_t>& indices) {
  const size_t open = name.find('[');
  base = name.substr(0, open);
  indices.clear();
  if (open == std::string_view::npos) return true;
  std::string_view rest = name.substr(open + 1);
  while (!rest.empty()) {
    int64_t index = 0;
    const auto got = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    if (got.ec != std::errc() || got.ptr == rest.data() + rest.size() || index < 1) return false;
    indices.push_back(index);
    rest.remove_prefix(static_cast<size_t>(got.ptr - rest.data()) + 1);
  }
  return true;
}

json read_record(const std::string& path) {
  const auto file = map_or_throw(path);
  json record = json::parse(file->bytes(), nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || !record.contains("parameters") || !record["parameters"].is_object())
    throw Error(
        Error::Kind::kInput,
        fmt::format("The file `{}` is not the record of a fit (vinci fit --record).", path));
  return record;
}

/// Means by parameter and indices: the last index is the fastest.
using Means = std::map<std::string, std::map<std::vector<int64_t>, double>>;

Means all_means(const json& record, const std::string& path) {
  Means out;
  for (const auto& [name, row] : record["parameters"].items()) {
    std::string base;
    std::vector<int64_t> indices;
    if (!split_name(name, base, indices) || !row.is_object()) continue;
    const auto mean = row.find("mean");
    if (mean == row.end() || !mean->is_number())
      throw Error(Error::Kind::kInput,
                  fmt::format("The record `{}` has no mean of `{}`.", path, name));
    out[base][indices] = mean->get<double>();
  }
  return out;
}

/// Means of all elements of a parameter, the last index fastest.
std::vector<double> means(const Means& all, const std::string& wanted, const std::string& path) {
  const auto found = all.find(wanted);
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const auto& [name, elements] : all) known.push_back(name);
    const std::string near = source::did_you_mean(wanted, known);
    throw Error(Error::Kind::kInput,
                fmt::format("The record `{}` has no parameter `{}`{}", path, wanted,
                            near.empty() ? "." : "; did you mean `" + near + "`?"));
  }
  std::vector<double> out;
  for (const auto& [indices, mean] : found->second) out.push_back(mean);
  return out;
}

/// Means as values of parameters.
data::DataTable values_of(const Means& all) {
  data::DataTable out;
  for (const auto& [name, elements] : all) {
    std::vector<double> numbers;
    for (const auto& [indices, mean] : elements) numbers.push_back(mean);
    // The last element has the largest indices: arrays are rectangular.
    out.set(name, data::make_value(elements.rbegin()->first, std::move(numbers), false));
  }
  return out;
}

}  // namespace

coding::FittedParameters read_fitted_parameters(const std::string& path, const std::string& names) {
  const Means all = all_means(read_record(path), path);
  coding::FittedParameters out;
  const std::map<std::string, std::vector<double>*> roles = {{"weights", &out.weights},
                                                             {"transitions", &out.transitions},
                                                             {"location", &out.location},
                                                             {"scale", &out.scale},
                                                             {"probability", &out.probability}};
  std::string_view rest = names;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const auto role = roles.find(std::string(pair.substr(0, equals)));
    if (equals == std::string_view::npos || role == roles.end())
      throw Error(
          Error::Kind::kUsage,
          fmt::format("--parameters has `{}`; it takes weights, transitions, location, scale "
                      "and probability, as in weights=theta,location=mu,scale=sigma.",
                      pair));
    *role->second = means(all, std::string(pair.substr(equals + 1)), path);
  }
  if (out.location.empty() && out.probability.empty())
    throw Error(Error::Kind::kUsage,
                "--parameters names neither a location nor a probability: nothing would depend on "
                "the component.");
  return out;
}

coding::ModelCodes read_fitted_program(const std::string& path, const std::string& table,
                                       size_t columns, double unit, const Context& context) {
  const json record = read_record(path);
  if (!record.contains("program") || !record["program"].is_string())
    throw Error(Error::Kind::kInput,
                fmt::format("The record `{}` does not name the program that was fitted.", path));
  ProgramOptions program;
  program.program = record["program"].get<std::string>();
  Run run;
  const api::TypedProgramPtr typed = run.compile(program);
  data::DataTable data;
  if (typed != nullptr) {
    api::read_data(record.value("data", std::vector<std::string>()), data, run.sources, run.sink);
  }
  const bool failed = run.sink.has_errors();
  run.report(program);
  if (failed)
    throw Error(Error::Kind::kInput,
                fmt::format("The record `{}` names a program or data that cannot be used.", path));

  model::RowTablesOptions options;
  options.unit = unit;
  options.num_columns = columns;
  options.max_symbols = coding::kMaxColumnSymbols;
  for (std::string_view rest = table; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    options.table.emplace_back(name);
  }
  model::BuildOptions build;
  build.context = &context;
  const model::RowTables tables =
      model::read_row_tables(typed, data, values_of(all_means(record, path)), options, build);
  // Integrated over the parameters, data are less probable than at good values of them.
  const auto elbo = record.find("elbo");
  double cells = 0;
  for (const std::string& name : options.table)
    cells += static_cast<double>(data.find(name)->values.size());
  const double log_likelihood = tables.log_likelihood - cells * std::log(unit);
  if (elbo != record.end() && elbo->is_number() && log_likelihood < elbo->get<double>()) {
    fmt::print(stderr,
               "warning: at the posterior means log p(data) is {:.1f}, less than the fit's ELBO "
               "{:.1f}: the posterior is not around its means (labels of states that may be "
               "exchanged? order them). The rate suffers.\n",
               log_likelihood, elbo->get<double>());
  }
  std::vector<coding::Column> shapes;
  std::vector<std::vector<double>> log_p;
  for (const model::RowTables::Column& c : tables.columns) {
    shapes.push_back({c.low, static_cast<uint32_t>(c.size), c.shift, coding::ColumnShape::kTable});
    log_p.push_back(c.log_p);
  }
  return coding::tabulated_model(tables.initial, tables.transition, std::move(shapes), log_p);
}

}  // namespace vinci::cli
