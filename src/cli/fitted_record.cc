#include "cli/fitted_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/coding_files.h"
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

/// Means of all elements of a parameter, the last index fastest.
std::vector<double> means(const json& parameters, const std::string& wanted,
                          const std::string& path) {
  std::map<std::vector<int64_t>, double> elements;
  std::vector<std::string> known;
  for (const auto& [name, row] : parameters.items()) {
    std::string base;
    std::vector<int64_t> indices;
    if (!split_name(name, base, indices)) continue;
    if (known.empty() || known.back() != base) known.push_back(base);
    if (base != wanted || !row.is_object()) continue;
    const auto mean = row.find("mean");
    if (mean == row.end() || !mean->is_number())
      throw Error(Error::Kind::kInput,
                  fmt::format("The record `{}` has no mean of `{}`.", path, name));
    elements[indices] = mean->get<double>();
  }
  if (elements.empty()) {
    const std::string near = source::did_you_mean(wanted, known);
    throw Error(Error::Kind::kInput,
                fmt::format("The record `{}` has no parameter `{}`{}", path, wanted,
                            near.empty() ? "." : "; did you mean `" + near + "`?"));
  }
  std::vector<double> out;
  for (const auto& [indices, mean] : elements) out.push_back(mean);
  return out;
}

}  // namespace

coding::FittedParameters read_fitted_parameters(const std::string& path, const std::string& names) {
  const auto file = map_or_throw(path);
  const json record = json::parse(file->bytes(), nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || !record.contains("parameters") || !record["parameters"].is_object())
    throw Error(
        Error::Kind::kInput,
        fmt::format("The file `{}` is not the record of a fit (vinci fit --record).", path));
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
    *role->second = means(record["parameters"], std::string(pair.substr(equals + 1)), path);
  }
  if (out.location.empty() && out.probability.empty())
    throw Error(Error::Kind::kUsage,
                "--parameters names neither a location nor a probability: nothing would depend on "
                "the component.");
  return out;
}

}  // namespace vinci::cli
