// Adaptive coding: a distribution that learns from the symbols coded so far, on both sides alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coding/ans.h"

namespace vinci::coding {

/// Counts of {0, ..., n-1} that begin at 1 each and grow by `step` with each symbol; halved before
/// they exceed the precision. With step 1 and no halving this codes a sequence at its Laplace
/// mixture, -log2 (n-1)! prod c_i! / (N+n-1)!, up to the quantisation of counts to 2^precision
/// slots.
///
/// A stack gives symbols back in reverse, so an encoder records a sequence first: `encode` and
/// `decode` do all of it.
class AdaptiveModel {
 public:
  /// 1 <= n <= 2^(precision - 1), step >= 1.
  explicit AdaptiveModel(size_t n, int precision = 16, uint32_t step = 1);

  Interval interval(size_t symbol) const;
  size_t find(uint32_t slot) const;
  int precision() const { return precision_; }
  /// Counts a symbol; O(log n), and O(n) now and then.
  void update(size_t symbol);

 private:
  uint64_t prefix(size_t count) const;
  uint32_t scaled(size_t symbol) const;

  size_t size_;
  int precision_;
  uint32_t step_;
  uint64_t total_;
  std::vector<uint32_t> counts_;
  std::vector<uint64_t> tree_;  // Fenwick sums of the counts
};

/// Pushes the symbols so that `decode` pops them in order. O(N log n).
void encode_adaptive(AnsStack& stack, AdaptiveModel model, std::span<const uint32_t> symbols);
void decode_adaptive(AnsStack& stack, AdaptiveModel model, std::span<uint32_t> symbols);

}  // namespace vinci::coding
