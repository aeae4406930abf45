#include "coding/emissions.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "coding/scores.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

// Rows shorter than this are coded on the stack's one head: eight more would cost 64 bytes.
constexpr size_t kMinLaneColumns = 64;

// Grids of the codes. The logit of a probability: 512 steps over [-14, 14].
constexpr uint32_t kLogits = 512;
constexpr double kLogitReach = 14;
double logit_of(uint16_t code) {
  return (static_cast<double>(code) - (kLogits - 1) / 2.0) * (2 * kLogitReach / (kLogits - 1));
}
uint16_t logit_code(double p) {
  const double logit = std::log(p) - std::log1p(-p);
  const double at = (logit / (2 * kLogitReach) + 0.5) * (kLogits - 1);
  return static_cast<uint16_t>(std::clamp(std::round(at), 0.0, kLogits - 1.0));
}

// Log weights below that of the most frequent symbol: 256 steps of 1/16.
constexpr uint32_t kLogWeights = 256;
double weight_of(uint16_t code) { return strict_exp(-static_cast<double>(code) / 16); }
uint16_t weight_code(double ratio) {
  return static_cast<uint16_t>(
      std::clamp(std::round(-16 * std::log(ratio)), 0.0, kLogWeights - 1.0));
}

// Locations: 4096 steps over the symbols; scales: 256 steps from 0.1 to twice the symbols.
constexpr uint32_t kLocations = 4096;
constexpr uint32_t kScales = 256;
double location_of(uint16_t code, uint32_t size) {
  return (static_cast<double>(code) + 0.5) * size / kLocations - 0.5;
}
uint16_t location_code(double location, uint32_t size) {
  const double at = (location + 0.5) * kLocations / size - 0.5;
  return static_cast<uint16_t>(std::clamp(std::round(at), 0.0, kLocations - 1.0));
}
double scale_of(uint16_t code, uint32_t size) {
  return 0.1 * strict_exp(static_cast<double>(code) / (kScales - 1) * strict_log(20.0 * size));
}
uint16_t scale_code(double scale, uint32_t size) {
  const double at = std::log(scale / 0.1) / std::log(20.0 * size) * (kScales - 1);
  return static_cast<uint16_t>(std::clamp(std::round(at), 0.0, kScales - 1.0));
}

// Of normals: locations over three times the range of the symbols, scales from 0.01 to a hundred
// times it, 65536 steps each.
constexpr uint32_t kFine = 65536;
double normal_location_of(uint16_t code, uint32_t size) {
  return ((static_cast<double>(code) + 0.5) * 3 / kFine - 1) * size;
}
double normal_scale_of(uint16_t code, uint32_t size) {
  return 0.01 * strict_exp(static_cast<double>(code) / (kFine - 1) * strict_log(1e4 * size));
}
uint16_t fine_code(double at) {
  return static_cast<uint16_t>(std::clamp(std::round(at), 0.0, kFine - 1.0));
}

// Of tables: log weights below the largest one, 4096 steps of 2^-8.
constexpr uint32_t kTableWeights = 4096;
constexpr double kTableSteps = 256;

enum class Family : uint8_t { kConstant, kBit, kCategorical, kSpikedLogistic, kNormal, kTable };

Family family_of(const Column& column) {
  if (column.shape == ColumnShape::kNormal) return Family::kNormal;
  if (column.shape == ColumnShape::kTable) return Family::kTable;
  if (column.size == 1) return Family::kConstant;
  if (column.size == 2) return Family::kBit;
  return column.size <= kMaxCategories ? Family::kCategorical : Family::kSpikedLogistic;
}

FrequencyTable spiked_logistic(std::span<const uint16_t> codes, uint32_t size) {
  const double location = location_of(codes[2], size);
  const double inverse_scale = 1 / scale_of(codes[3], size);
  const double low = strict_inv_logit(logit_of(codes[0]));
  const double high = (1 - low) * strict_inv_logit(logit_of(codes[1]));
  const double between = 1 - low - high;
  const auto logistic = [&](double edge) {
    return strict_inv_logit((edge - location) * inverse_scale);
  };
  const double first = logistic(0.5);
  const double mass = logistic(size - 1.5) - first;
  return FrequencyTable::from_cdf(
      [&](size_t i) {
        const auto at = static_cast<double>(i);
        // A logistic that lies outside altogether leaves a uniform distribution.
        const double share = mass > 1e-12 ? (logistic(at + 0.5) - first) / mass : at / (size - 2.0);
        return low + between * std::clamp(share, 0.0, 1.0);
      },
      size, kEmissionPrecision);
}

FrequencyTable table_of(const Column& column, std::span<const uint16_t> codes) {
  switch (family_of(column)) {
    case Family::kConstant:
      return uniform_table(1, kEmissionPrecision);
    case Family::kBit:
      return bernoulli_table(strict_inv_logit(logit_of(codes[0])), kEmissionPrecision);
    case Family::kCategorical: {
      std::vector<double> weights;
      for (const uint16_t code : codes) weights.push_back(weight_of(code));
      return FrequencyTable::from_weights(weights, kEmissionPrecision);
    }
    case Family::kTable: {
      std::vector<double> weights;
      for (const uint16_t code : codes)
        weights.push_back(strict_exp(-static_cast<double>(code) / kTableSteps));
      return FrequencyTable::from_weights(weights, kEmissionPrecision);
    }
    case Family::kNormal: {
      const double location = normal_location_of(codes[0], column.size);
      const double inverse_scale = 1 / normal_scale_of(codes[1], column.size);
      return FrequencyTable::from_cdf(
          [&](size_t s) {
            return fast_normal_cdf((static_cast<double>(s) + 0.5 - location) * inverse_scale);
          },
          column.size, kEmissionPrecision);
    }
    case Family::kSpikedLogistic:
      break;
  }
  return spiked_logistic(codes, column.size);
}

class EmissionRow final : public RowDistribution {
 public:
  EmissionRow(const Emissions& emissions, size_t component)
      : emissions_(emissions), component_(component) {}
  size_t size() const override { return emissions_.columns(); }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    emissions_.push(stack, component_, symbols);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    emissions_.pop(stack, component_, symbols);
  }
  double bits(std::span<const uint32_t> symbols) const override {
    return emissions_.bits(component_, symbols);
  }

 private:
  const Emissions& emissions_;
  size_t component_;
};

}  // namespace

size_t codes_of_column(const Column& column) {
  switch (family_of(column)) {
    case Family::kConstant:
      return 0;
    case Family::kBit:
      return 1;
    case Family::kCategorical:
    case Family::kTable:
      return column.size;
    case Family::kNormal:
      return 2;
    case Family::kSpikedLogistic:
      break;
  }
  return 4;
}

size_t num_codes(const EmissionCodes& codes) {
  size_t sum = 0;
  for (const Column& column : codes.columns) sum += codes_of_column(column);
  return sum * codes.components;
}

uint32_t code_limit(const Column& column, size_t code) {
  switch (family_of(column)) {
    case Family::kConstant:
    case Family::kBit:
      return kLogits;
    case Family::kCategorical:
      return kLogWeights;
    case Family::kNormal:
      return kFine;
    case Family::kTable:
      return kTableWeights;
    case Family::kSpikedLogistic:
      break;
  }
  return code < 2 ? kLogits : code == 2 ? kLocations : kScales;
}

Emissions::Emissions(EmissionCodes codes) : codes_(std::move(codes)) {
  VINCI_CHECK(codes_.codes.size() == num_codes(codes_) && codes_.components >= 1);
  const size_t n = components();
  size_t cells = 0;
  all_bits_ = true;
  for (const Column& column : codes_.columns) {
    cumulative_offset_.push_back(cumulative_stride_);
    cumulative_stride_ += column.size + 1;
    cell_offset_.push_back(cells);
    cells += column.size;
    all_bits_ = all_bits_ && column.size == 2;
  }
  cumulative_.resize(cumulative_stride_ * n);
  cost_.resize(cells * n);
  base_.assign(n, 0);
  reference_.assign(columns(), 0);
  if (all_bits_) zeros_.resize(columns() * n);
  size_t at = 0;
  std::vector<FrequencyTable> tables(n);
  for (size_t c = 0; c < columns(); ++c) {
    const Column& column = codes_.columns[c];
    const size_t count = codes_of_column(column);
    std::vector<uint64_t> total(column.size);
    for (size_t k = 0; k < n; ++k, at += count) {
      tables[k] = table_of(column, std::span(codes_.codes).subspan(at, count));
      std::copy(tables[k].cumulative().begin(), tables[k].cumulative().end(),
                cumulative_.begin() +
                    static_cast<ptrdiff_t>(k * cumulative_stride_ + cumulative_offset_[c]));
      if (all_bits_) zeros_[k * columns() + c] = tables[k].interval(0).frequency;
      for (size_t s = 0; s < column.size; ++s) total[s] += tables[k].interval(s).frequency;
    }
    const auto reference =
        static_cast<size_t>(std::max_element(total.begin(), total.end()) - total.begin());
    reference_[c] = static_cast<uint32_t>(reference);
    for (size_t k = 0; k < n; ++k) {
      const auto cost = [&](size_t s) {
        return static_cast<int32_t>(tables[k].bits(s) / kCostUnit + 0.5);
      };
      const int32_t of_reference = cost(reference);
      base_[k] += of_reference;
      for (size_t s = 0; s < column.size; ++s)
        cost_[(cell_offset_[c] + s) * n + k] = cost(s) - of_reference;
    }
  }
}

void Emissions::costs(std::span<const uint32_t> row, std::span<int64_t> out) const {
  std::copy(base_.begin(), base_.end(), out.begin());
  constexpr size_t kBatch = 256;
  size_t cells[kBatch];
  size_t count = 0;
  const auto add = VINCI_SIMD_SELECT(add_rows);
  for (size_t c = 0; c < row.size(); ++c) {
    if (row[c] == reference_[c]) continue;
    cells[count++] = cell_offset_[c] + row[c];
    if (count == kBatch) {
      add(out.data(), cost_.data(), cells, count, components());
      count = 0;
    }
  }
  add(out.data(), cost_.data(), cells, count, components());
}

RowDistributionPtr Emissions::row(size_t component) const {
  return std::make_unique<EmissionRow>(*this, component);
}

void Emissions::push(AnsStack& stack, size_t component, std::span<const uint32_t> symbols) const {
  if (columns() < kMinLaneColumns) {
    for (size_t c = columns(); c-- > 0;)
      stack.push(interval(component, c, symbols[c]), kEmissionPrecision);
  } else if (all_bits_) {
    std::vector<uint8_t> bits(symbols.begin(), symbols.end());
    stack.push_bit_row({zeros_.data() + component * columns(), columns()}, bits,
                       kEmissionPrecision);
  } else {
    std::vector<Interval> intervals(columns());
    for (size_t c = 0; c < columns(); ++c) intervals[c] = interval(component, c, symbols[c]);
    stack.push_row(intervals, kEmissionPrecision);
  }
}

void Emissions::pop(AnsStack& stack, size_t component, std::span<uint32_t> symbols) const {
  const auto find = [&](size_t c, uint32_t slot) {
    const uint32_t* first = cumulative_of(component, c);
    const uint32_t* last = first + codes_.columns[c].size + 1;
    return static_cast<uint32_t>(std::upper_bound(first, last, slot) - first - 1);
  };
  if (columns() < kMinLaneColumns) {
    for (size_t c = 0; c < columns(); ++c) {
      symbols[c] = find(c, stack.slot(kEmissionPrecision));
      stack.pop(interval(component, c, symbols[c]), kEmissionPrecision);
    }
  } else if (all_bits_) {
    std::vector<uint8_t> bits(columns());
    stack.pop_bit_row({zeros_.data() + component * columns(), columns()}, bits, kEmissionPrecision);
    std::copy(bits.begin(), bits.end(), symbols.begin());
  } else {
    stack.pop_row(columns(), kEmissionPrecision, [&](size_t c, uint32_t slot, Interval& at) {
      symbols[c] = find(c, slot);
      at = interval(component, c, symbols[c]);
    });
  }
}

double Emissions::bits(size_t component, std::span<const uint32_t> symbols) const {
  double sum = 0;
  for (size_t c = 0; c < columns(); ++c)
    sum += kEmissionPrecision -
           strict_log2(static_cast<double>(interval(component, c, symbols[c]).frequency));
  return sum;
}

void append_normal_codes(std::vector<uint16_t>& codes, const Column& column, double location,
                         double scale) {
  // The upper edge of symbol s is the value low + (s + 1) 2^shift - 1/2, and s + 1/2 among symbols.
  const double step = std::ldexp(1.0, static_cast<int>(column.shift));
  const double at = (location + 0.5 - static_cast<double>(column.low)) / step - 0.5;
  codes.push_back(fine_code((at / column.size + 1) * kFine / 3 - 0.5));
  codes.push_back(
      fine_code(std::log(scale / step / 0.01) / std::log(1e4 * column.size) * (kFine - 1)));
}

void append_category_codes(std::vector<uint16_t>& codes, std::span<const double> probabilities) {
  if (probabilities.size() == 2) return codes.push_back(logit_code(probabilities[1]));
  const double largest = *std::max_element(probabilities.begin(), probabilities.end());
  for (const double x : probabilities) codes.push_back(weight_code(x / largest));
}

void append_table_codes(std::vector<uint16_t>& codes, std::span<const double> log_p) {
  const double largest = *std::max_element(log_p.begin(), log_p.end());
  for (const double x : log_p)
    codes.push_back(static_cast<uint16_t>(
        std::clamp(std::round((largest - x) * kTableSteps), 0.0, kTableWeights - 1.0)));
}

EmissionCodes estimate_emissions(std::vector<Column> columns, size_t components,
                                 std::span<const float> counts) {
  constexpr double kPriorRows = 1;
  EmissionCodes out;
  out.components = components;
  out.columns = std::move(columns);
  out.codes.reserve(num_codes(out));
  size_t cell = 0;
  for (const Column& column : out.columns) {
    const size_t size = column.size;
    const auto count = [&](size_t symbol, size_t k) {
      return static_cast<double>(counts[(cell + symbol) * components + k]);
    };
    // Over all components, and a little of everything.
    std::vector<double> overall(size);
    double rows = 0;
    for (size_t s = 0; s < size; ++s) {
      overall[s] = 1e-3;
      for (size_t k = 0; k < components; ++k) overall[s] += count(s, k);
      rows += overall[s];
    }
    for (double& p : overall) p /= rows;
    double overall_mean = 0;
    double overall_square = 0;
    for (size_t s = 0; s < size; ++s) {
      overall_mean += overall[s] * static_cast<double>(s);
      overall_square += overall[s] * static_cast<double>(s) * static_cast<double>(s);
    }
    for (size_t k = 0; k < components; ++k) {
      std::vector<double> p(size);
      double sum = 0;
      for (size_t s = 0; s < size; ++s) sum += p[s] = count(s, k) + kPriorRows * overall[s];
      for (double& x : p) x /= sum;
      switch (family_of(column)) {
        case Family::kConstant:
          break;
        case Family::kBit:
          out.codes.push_back(logit_code(p[1]));
          break;
        case Family::kCategorical:
          append_category_codes(out.codes, p);
          break;
        case Family::kSpikedLogistic: {
          out.codes.push_back(logit_code(p[0]));
          out.codes.push_back(logit_code(std::min(p[size - 1] / (1 - p[0]), 1 - 1e-9)));
          double between = 0;
          double mean = 0;
          double square = 0;
          for (size_t s = 1; s + 1 < size; ++s) {
            const auto x = static_cast<double>(s);
            between += p[s];
            mean += p[s] * x;
            square += p[s] * x * x;
          }
          if (between > 1e-12) {
            mean /= between;
            square /= between;
          } else {
            mean = overall_mean;
            square = overall_square;
          }
          // The deviation of a logistic is its scale times pi / sqrt 3; rounding adds 1/12.
          const double variance = std::max(square - mean * mean - 1.0 / 12, 1e-4);
          out.codes.push_back(location_code(mean, column.size));
          out.codes.push_back(scale_code(std::sqrt(3 * variance) / 3.14159265358979, column.size));
          break;
        }
        case Family::kNormal:
        case Family::kTable:
          VINCI_CHECK(false);  // their parameters are given
      }
    }
    cell += size;
  }
  return out;
}

}  // namespace vinci::coding
