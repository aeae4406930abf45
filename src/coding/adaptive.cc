#include "coding/adaptive.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace vinci::coding {

AdaptiveModel::AdaptiveModel(size_t n, int precision, uint32_t step)
    : size_(n), precision_(precision), step_(step), total_(n), counts_(n, 1), tree_(n + 1) {
  VINCI_CHECK(precision >= 1 && precision <= kMaxPrecision && n >= 1 && step >= 1);
  VINCI_CHECK(2 * n <= uint64_t{1} << precision || n == 1);
  for (size_t i = 1; i <= n; ++i) {
    tree_[i] += 1;
    const size_t parent = i + (i & -i);
    if (parent <= n) tree_[parent] += tree_[i];
  }
}

uint64_t AdaptiveModel::prefix(size_t count) const {
  uint64_t sum = 0;
  for (size_t i = count; i > 0; i -= i & -i) sum += tree_[i];
  return sum;
}

// The cumulative count c of total t becomes floor(c 2^precision / t): every symbol keeps a slot as
// long as t <= 2^precision.
uint32_t AdaptiveModel::scaled(size_t symbol) const {
  return static_cast<uint32_t>((prefix(symbol) << precision_) / total_);
}

Interval AdaptiveModel::interval(size_t symbol) const {
  const uint32_t start = scaled(symbol);
  return {start, scaled(symbol + 1) - start};
}

size_t AdaptiveModel::find(uint32_t slot) const {
  // The last symbol with floor(c 2^precision / t) <= slot, that is c 2^precision < (slot + 1) t.
  const uint64_t bound = (uint64_t{slot} + 1) * total_;
  size_t at = 0;
  uint64_t sum = 0;
  for (size_t step = std::bit_floor(size_); step > 0; step /= 2) {
    if (at + step < size_ && (sum + tree_[at + step]) << precision_ < bound) {
      at += step;
      sum += tree_[at];
    }
  }
  return at;
}

void AdaptiveModel::update(size_t symbol) {
  if (total_ + step_ > uint64_t{1} << precision_) {
    total_ = 0;
    std::fill(tree_.begin(), tree_.end(), 0);
    for (size_t i = 0; i < size_; ++i) {
      counts_[i] -= counts_[i] / 2;
      total_ += counts_[i];
      for (size_t k = i + 1; k <= size_; k += k & -k) tree_[k] += counts_[i];
    }
    if (total_ + step_ > uint64_t{1} << precision_) return;
  }
  counts_[symbol] += step_;
  total_ += step_;
  for (size_t k = symbol + 1; k <= size_; k += k & -k) tree_[k] += step_;
}

void encode_adaptive(AnsStack& stack, AdaptiveModel model, std::span<const uint32_t> symbols) {
  std::vector<Interval> intervals;
  intervals.reserve(symbols.size());
  for (const uint32_t symbol : symbols) {
    intervals.push_back(model.interval(symbol));
    model.update(symbol);
  }
  for (size_t i = intervals.size(); i-- > 0;) stack.push(intervals[i], model.precision());
}

void decode_adaptive(AnsStack& stack, AdaptiveModel model, std::span<uint32_t> symbols) {
  for (uint32_t& symbol : symbols) {
    symbol = static_cast<uint32_t>(model.find(stack.slot(model.precision())));
    stack.pop(model.interval(symbol), model.precision());
    model.update(symbol);
  }
}

}  // namespace vinci::coding
