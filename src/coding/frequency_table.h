// A quantised distribution over {0, ..., n-1} as a table of cumulative counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "coding/ans.h"

namespace vinci::coding {

/// Integer frequencies that sum to 2^precision. A symbol of positive weight has a frequency of at
/// least 1, one of weight 0 has 0 and cannot be coded.
///
/// Cost of the quantisation: KL(w || f 2^-precision) <= -log2(1 - n 2^-precision) bits a symbol,
/// and typically much less (docs/compression.md has measurements).
class FrequencyTable {
 public:
  FrequencyTable() = default;

  /// The frequencies that code a source with these weights in the fewest bits. Weights are finite
  /// and not negative, at least one is positive, at most 2^precision are. O(n log n). The result is
  /// a function of the bits of the weights.
  static FrequencyTable from_weights(std::span<const double> weights, int precision);
  /// From P(X <= i), i < n, of any origin: values are clamped to [0, 1] and to what came before
  /// (NaN counts as that), the last is taken as 1. All n <= 2^precision symbols are possible:
  /// P(X <= i) becomes i + 1 + floor((2^precision - n) P(X <= i)). O(n).
  static FrequencyTable from_cdf(const std::function<double(size_t)>& cdf, size_t n, int precision);

  size_t size() const { return cumulative_.empty() ? 0 : cumulative_.size() - 1; }
  int precision() const { return precision_; }
  Interval interval(size_t symbol) const {
    return {cumulative_[symbol], cumulative_[symbol + 1] - cumulative_[symbol]};
  }
  /// The symbol whose interval holds the slot; O(log n).
  size_t find(uint32_t slot) const;
  /// -log2 of the probability; inf where it is 0.
  double bits(size_t symbol) const;
  /// n + 1 numbers, from 0 to 2^precision.
  std::span<const uint32_t> cumulative() const { return cumulative_; }

  void push(AnsStack& stack, size_t symbol) const { stack.push(interval(symbol), precision_); }
  size_t pop(AnsStack& stack) const;

 private:
  int precision_ = 0;
  std::vector<uint32_t> cumulative_;
};

/// A FrequencyTable with what rows are popped by: the symbol of every slot. Memory 4 2^precision
/// bytes.
class SlotTable {
 public:
  /// kMinRowPrecision <= precision <= 20.
  explicit SlotTable(const FrequencyTable& table);

  void push_row(AnsStack& stack, std::span<const uint32_t> symbols) const;
  void pop_row(AnsStack& stack, std::span<uint32_t> symbols) const;

 private:
  int precision_;
  std::vector<uint32_t> symbol_of_, starts_, frequencies_;
};

}  // namespace vinci::coding
