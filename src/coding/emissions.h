// p(row | component) for tables of integers: every column independent given the component, with a
// quantised distribution of its own. What the mixture (mixture.h) and the hidden Markov model
// (hmm.h) have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coding/frequency_table.h"
#include "coding/table_model.h"

namespace vinci::coding {

inline constexpr uint32_t kMaxColumnSymbols = 1024;
/// Up to here a column has a frequency for each symbol and component, above a location and scale.
inline constexpr uint32_t kMaxCategories = 64;
inline constexpr int kEmissionPrecision = 20;
/// Components times symbols of all columns.
inline constexpr size_t kMaxEmissionCells = size_t{1} << 25;

/// The parameters as they are stored: small integers on fixed grids, so that a model has a defined
/// size and both sides compute the same tables from it. For each column, for each component:
/// 2 symbols: the logit of P(1); up to kMaxCategories: a log weight for each symbol; above: logits
/// of the masses at the first and the last symbol, location and log scale of a logistic between. Of
/// a normal: location and log scale, both on fine grids; of a table: a log weight for each symbol,
/// on a fine grid.
struct EmissionCodes {
  size_t components = 1;
  std::vector<Column> columns;
  std::vector<uint16_t> codes;
};

/// Codes of a column, for one component.
size_t codes_of_column(const Column& column);
/// Of all columns and components.
size_t num_codes(const EmissionCodes& codes);
/// Codes are below this.
uint32_t code_limit(const Column& column, size_t code);

class Emissions {
 public:
  /// The codes are as many as num_codes and below their limits.
  explicit Emissions(EmissionCodes codes);

  const EmissionCodes& codes() const { return codes_; }
  size_t components() const { return codes_.components; }
  size_t columns() const { return codes_.columns.size(); }

  /// Costs are in units of 2^-16 bits.
  static constexpr double kCostUnit = 0x1p-16;
  /// out[k] = -log2 p(row | k), exactly a sum of integers; O(columns components), less where
  /// symbols are the most frequent of their column.
  void costs(std::span<const uint32_t> row, std::span<int64_t> out) const;

  /// p(. | component). The Emissions must outlive it.
  RowDistributionPtr row(size_t component) const;
  void push(AnsStack& stack, size_t component, std::span<const uint32_t> symbols) const;
  void pop(AnsStack& stack, size_t component, std::span<uint32_t> symbols) const;
  double bits(size_t component, std::span<const uint32_t> symbols) const;
  Interval interval(size_t component, size_t column, uint32_t symbol) const {
    const uint32_t* c = cumulative_of(component, column);
    return {c[symbol], c[symbol + 1] - c[symbol]};
  }

 private:
  const uint32_t* cumulative_of(size_t component, size_t column) const {
    return cumulative_.data() + component * cumulative_stride_ + cumulative_offset_[column];
  }

  EmissionCodes codes_;
  bool all_bits_ = false;        // every column has two symbols
  std::vector<uint32_t> zeros_;  // [component][column] where all_bits_
  std::vector<size_t> cumulative_offset_;
  size_t cumulative_stride_ = 0;
  std::vector<uint32_t> cumulative_;  // [component][column][symbol]
  std::vector<size_t> cell_offset_;   // of a column's first symbol
  std::vector<uint32_t> reference_;   // of each column, the symbol that the base assumes
  std::vector<int64_t> base_;         // [component]
  std::vector<int32_t> cost_;         // [column, symbol][component], less that of the reference
};

/// Appends the codes of one component of a normal column, with location and scale in the units of
/// the values, or of a column of 2 to kMaxCategories symbols with these probabilities.
void append_normal_codes(std::vector<uint16_t>& codes, const Column& column, double location,
                         double scale);
void append_category_codes(std::vector<uint16_t>& codes, std::span<const double> probabilities);
/// The same of a table, from log probabilities; what is below e^-16 of the
/// largest one counts as that.
void append_table_codes(std::vector<uint16_t>& codes, std::span<const double> log_p);

/// The codes nearest to what maximises sum counts log p, with the column's overall distribution as
/// a prior worth one row. counts: [column, symbol][component], as many cells as the columns have
/// symbols.
EmissionCodes estimate_emissions(std::vector<Column> columns, size_t components,
                                 std::span<const float> counts);

}  // namespace vinci::coding
