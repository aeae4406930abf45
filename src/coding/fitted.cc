#include "coding/fitted.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

[[noreturn]] void misfit(const std::string& message) { throw Error(Error::Kind::kInput, message); }

void check_probabilities(std::span<const double> p, const char* what) {
  double sum = 0;
  for (const double x : p) {
    if (!(x >= 0 && x <= 1))
      misfit(fmt::format("The {} of the fit are not probabilities: one is {}.", what, x));
    sum += x;
  }
  // Means of simplexes are simplexes, up to the digits of the record.
  if (std::fabs(sum - 1) > 1e-3)
    misfit(fmt::format("The {} of the fit sum to {}, not to 1.", what, sum));
}

size_t count_components(const FittedParameters& p, size_t columns) {
  if (p.weights.size() == 1) return 2;
  if (!p.weights.empty()) return p.weights.size();
  if (!p.transitions.empty())
    return static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(p.transitions.size()))));
  return columns == 0 ? 1 : std::max<size_t>(1, p.location.size() / columns);
}

}  // namespace

ModelCodes fitted_model(const FittedParameters& p, std::vector<Column> columns, double unit) {
  const size_t n = count_components(p, columns.size());
  if (n > kMaxComponents)
    misfit(fmt::format("The fit has {} components; at most {} can be coded.", n, kMaxComponents));
  ModelCodes codes;
  codes.kind = p.transitions.empty() ? ModelKind::kMixture : ModelKind::kHmm;
  codes.emissions.components = n;

  std::vector<double> weights = p.weights;
  if (weights.size() == 1) weights.push_back(1 - weights[0]);
  if (weights.empty()) weights.assign(n, 1.0 / static_cast<double>(n));
  check_probabilities(weights, "weights");
  codes.weights = weight_codes(weights);
  if (codes.kind == ModelKind::kHmm) {
    if (p.transitions.size() != n * n)
      misfit(fmt::format("The fit has {} transition probabilities; {} components need {}.",
                         p.transitions.size(), n, n * n));
    for (size_t k = 0; k < n; ++k) {
      const auto row = std::span(p.transitions).subspan(k * n, n);
      check_probabilities(row, "transition probabilities");
      const auto row_codes = weight_codes(row);
      codes.transitions.insert(codes.transitions.end(), row_codes.begin(), row_codes.end());
    }
  }

  if (!p.probability.empty()) {
    if (columns.size() != 1 || !p.location.empty())
      misfit("Probabilities of categories are for a table of one column, without locations.");
    if (p.probability.size() % n != 0)
      misfit(fmt::format("The fit has {} probabilities of categories for {} components.",
                         p.probability.size(), n));
    const size_t symbols = p.probability.size() / n;
    if (symbols < 2 || symbols > kMaxCategories)
      misfit(
          fmt::format("The fit has {} categories; 2 to {} can be coded.", symbols, kMaxCategories));
    columns[0].size = static_cast<uint32_t>(symbols);
    columns[0].shift = 0;
    codes.emissions.columns = std::move(columns);
    for (size_t k = 0; k < n; ++k) {
      const auto row = std::span(p.probability).subspan(k * symbols, symbols);
      check_probabilities(row, "probabilities of categories");
      append_category_codes(codes.emissions.codes, row);
    }
    return codes;
  }

  const size_t elements = n * columns.size();
  if (p.location.size() != elements)
    misfit(fmt::format("The fit has {} locations; {} components of {} columns need {}.",
                       p.location.size(), n, columns.size(), elements));
  if (p.scale.size() != elements && p.scale.size() != 1 && p.scale.size() != n)
    misfit(fmt::format("The fit has {} scales; 1, {} or {} would fit its {} components.",
                       p.scale.size(), n, elements, n));
  for (Column& column : columns) column.shape = ColumnShape::kNormal;
  codes.emissions.columns = std::move(columns);
  for (size_t c = 0; c < codes.emissions.columns.size(); ++c) {
    for (size_t k = 0; k < n; ++k) {
      const size_t at = k * codes.emissions.columns.size() + c;
      const double scale = p.scale[p.scale.size() == 1 ? 0 : p.scale.size() == n ? k : at] / unit;
      const double location = p.location[at] / unit;
      if (!(scale > 0 && std::isfinite(scale) && std::isfinite(location)))
        misfit(fmt::format("The fit has location {} and scale {}; scales are positive.",
                           location * unit, scale * unit));
      append_normal_codes(codes.emissions.codes, codes.emissions.columns[c], location, scale);
    }
  }
  return codes;
}

ModelCodes tabulated_model(std::span<const double> initial, std::span<const double> transitions,
                           std::vector<Column> columns,
                           std::span<const std::vector<double>> log_p) {
  const size_t n = initial.size();
  size_t cells = 0;
  for (const Column& column : columns) cells += column.size;
  if (n > kMaxComponents || cells * n > kMaxEmissionCells)
    misfit(fmt::format("{} components of {} symbols are more than can be coded.", n, cells));
  ModelCodes codes;
  codes.kind = transitions.empty() ? ModelKind::kMixture : ModelKind::kHmm;
  codes.emissions.components = n;
  const auto append_weights = [](std::vector<uint16_t>& out, std::span<const double> logs) {
    std::vector<double> weights;
    for (const double x : logs) weights.push_back(std::exp(x));
    const std::vector<uint16_t> added = weight_codes(weights);
    out.insert(out.end(), added.begin(), added.end());
  };
  append_weights(codes.weights, initial);
  for (size_t k = 0; k * n < transitions.size(); ++k)
    append_weights(codes.transitions, transitions.subspan(k * n, n));
  for (size_t c = 0; c < columns.size(); ++c) {
    VINCI_CHECK(log_p[c].size() == n * columns[c].size);
    columns[c].shape = ColumnShape::kTable;
    for (size_t k = 0; k < n; ++k)
      append_table_codes(codes.emissions.codes,
                         std::span(log_p[c]).subspan(k * columns[c].size, columns[c].size));
  }
  codes.emissions.columns = std::move(columns);
  return codes;
}

}  // namespace vinci::coding
