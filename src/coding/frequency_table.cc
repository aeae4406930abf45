#include "coding/frequency_table.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

/// w log((f + 1) / f): by how much the expected length falls with one more slot, in nats.
double gain(double weight, uint64_t frequency) {
  return weight * strict_log(1 + 1 / static_cast<double>(frequency));
}

/// One slot more or less for a symbol that has `frequency` of them.
struct Move {
  double value;
  size_t symbol;
  uint64_t frequency;
  bool operator<(const Move& other) const {
    return value < other.value || (value == other.value && symbol > other.symbol);
  }
};

}  // namespace

FrequencyTable FrequencyTable::from_weights(std::span<const double> weights, int precision) {
  VINCI_CHECK(precision >= 1 && precision <= kMaxPrecision);
  const uint64_t total = uint64_t{1} << precision;
  double largest = 0;
  for (const double w : weights) {
    VINCI_CHECK(w >= 0 && w <= std::numeric_limits<double>::max());
    largest = std::max(largest, w);
  }
  VINCI_CHECK(largest > 0);
  // Relative to the largest: their sum cannot overflow.
  double sum = 0;
  for (const double w : weights) sum += w / largest;
  std::vector<uint64_t> frequencies(weights.size());
  uint64_t used = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    const double ideal = weights[i] / largest / sum * static_cast<double>(total);
    frequencies[i] = std::max<uint64_t>(1, static_cast<uint64_t>(ideal));
    used += frequencies[i];
  }
  // Slots go where a further one gains the most and come from where the last one gains the least,
  // until the sum is right and no exchange gains: the expected length is convex in each frequency,
  // so that this is the minimum. Ties go to the first symbol.
  std::vector<Move> gains, losses;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    gains.push_back({gain(weights[i] / largest, frequencies[i]), i, frequencies[i]});
    if (frequencies[i] > 1)
      losses.push_back({-gain(weights[i] / largest, frequencies[i] - 1), i, frequencies[i]});
  }
  std::make_heap(gains.begin(), gains.end());
  std::make_heap(losses.begin(), losses.end());
  const auto change = [&](size_t i, bool add) {
    frequencies[i] += add ? 1 : uint64_t(-1);
    used += add ? 1 : uint64_t(-1);
    const uint64_t f = frequencies[i];
    gains.push_back({gain(weights[i] / largest, f), i, f});
    std::push_heap(gains.begin(), gains.end());
    if (f > 1) {
      losses.push_back({-gain(weights[i] / largest, f - 1), i, f});
      std::push_heap(losses.begin(), losses.end());
    }
  };
  // Entries of earlier frequencies are stale.
  const auto drop_stale = [&](std::vector<Move>& heap) {
    while (!heap.empty() && frequencies[heap.front().symbol] != heap.front().frequency) {
      std::pop_heap(heap.begin(), heap.end());
      heap.pop_back();
    }
  };
  for (;;) {
    drop_stale(gains);
    drop_stale(losses);
    if (used < total) {
      change(gains.front().symbol, true);
    } else if (used > total) {
      VINCI_CHECK(!losses.empty());  // more symbols than slots
      change(losses.front().symbol, false);
    } else if (!losses.empty() && gains.front().symbol != losses.front().symbol &&
               gains.front().value + losses.front().value > 0) {
      change(gains.front().symbol, true);
    } else {
      break;
    }
  }
  FrequencyTable table;
  table.precision_ = precision;
  table.cumulative_.reserve(weights.size() + 1);
  table.cumulative_.push_back(0);
  for (const uint64_t f : frequencies)
    table.cumulative_.push_back(table.cumulative_.back() + static_cast<uint32_t>(f));
  return table;
}

FrequencyTable FrequencyTable::from_cdf(const std::function<double(size_t)>& cdf, size_t n,
                                        int precision) {
  VINCI_CHECK(precision >= 1 && precision <= kMaxPrecision);
  const uint64_t total = uint64_t{1} << precision;
  VINCI_CHECK(n >= 1 && n <= total);
  const auto scale = static_cast<double>(total - n);
  FrequencyTable table;
  table.precision_ = precision;
  table.cumulative_.reserve(n + 1);
  table.cumulative_.push_back(0);
  double before = 0;
  for (size_t i = 0; i + 1 < n; ++i) {
    double p = cdf(i);
    if (!(p >= before)) p = before;
    if (p > 1) p = 1;
    before = p;
    table.cumulative_.push_back(static_cast<uint32_t>(i + 1 + static_cast<uint64_t>(scale * p)));
  }
  table.cumulative_.push_back(static_cast<uint32_t>(total));
  return table;
}

size_t FrequencyTable::find(uint32_t slot) const {
  // The first cumulative count beyond the slot ends the symbol's interval; it passes over symbols
  // of frequency 0.
  const auto end = std::upper_bound(cumulative_.begin(), cumulative_.end(), slot);
  return static_cast<size_t>(end - cumulative_.begin()) - 1;
}

double FrequencyTable::bits(size_t symbol) const {
  const uint32_t frequency = interval(symbol).frequency;
  return frequency == 0 ? std::numeric_limits<double>::infinity()
                        : precision_ - strict_log2(static_cast<double>(frequency));
}

size_t FrequencyTable::pop(AnsStack& stack) const {
  const size_t symbol = find(stack.slot(precision_));
  stack.pop(interval(symbol), precision_);
  return symbol;
}

SlotTable::SlotTable(const FrequencyTable& table) : precision_(table.precision()) {
  VINCI_CHECK(precision_ >= kMinRowPrecision && precision_ <= 20);
  symbol_of_.reserve(size_t{1} << precision_);
  for (size_t s = 0; s < table.size(); ++s) {
    const Interval interval = table.interval(s);
    starts_.push_back(interval.start);
    frequencies_.push_back(interval.frequency);
    symbol_of_.insert(symbol_of_.end(), interval.frequency, static_cast<uint32_t>(s));
  }
}

void SlotTable::push_row(AnsStack& stack, std::span<const uint32_t> symbols) const {
  // In pieces that stay in cache, the last one first: whole blocks, so that it is one row.
  constexpr size_t kPiece = 64 * kAnsLanes;
  Interval intervals[kPiece];
  for (size_t first = (symbols.size() + kPiece - 1) / kPiece * kPiece; first > 0;) {
    first -= kPiece;
    const size_t count = std::min(kPiece, symbols.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t symbol = symbols[first + i];
      intervals[i] = {starts_[symbol], frequencies_[symbol]};
    }
    stack.push_row({intervals, count}, precision_);
  }
}

void SlotTable::pop_row(AnsStack& stack, std::span<uint32_t> symbols) const {
  stack.pop_table_row(symbol_of_, starts_, frequencies_, symbols, precision_);
}

}  // namespace vinci::coding
