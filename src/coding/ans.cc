#include "coding/ans.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "numeric/random/philox.h"

namespace vinci::coding {

namespace {

// The states lie in [2^32, 2^64): a push first moves the low word out where the state would
// overflow, a pop takes it back where it fell below. Both decide from the same inequality, so that
// they always agree.
constexpr uint64_t kLowest = uint64_t{1} << 32;

constexpr uint32_t kCleanStream = 0x62697473;  // apart from all other uses of a seed

}  // namespace

AnsStack::AnsStack(uint64_t seed) : seed_(seed) {
  head_ = clean_head(0);
  clean_bits_ = 64;
  clean_information_ = std::log2(static_cast<double>(head_));
}

AnsStack::AnsStack(AnsState state, uint64_t seed)
    : seed_(seed),
      head_(state.head),
      lanes_(state.lanes),
      has_lanes_(state.has_lanes),
      words_(std::move(state.words)) {
  VINCI_CHECK(head_ >= kLowest);
}

bool AnsStack::is_valid(const AnsState& state) {
  if (state.head < kLowest) return false;
  return !state.has_lanes || std::all_of(state.lanes.begin(), state.lanes.end(),
                                         [](uint64_t x) { return x >= kLowest; });
}

uint32_t AnsStack::clean_word(uint64_t index) const {
  const auto block = numeric::philox4x32(
      {static_cast<uint32_t>(index / 4), static_cast<uint32_t>(index / 4 >> 32), kCleanStream, 0},
      {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  return block[index % 4];
}

uint64_t AnsStack::clean_head(uint64_t index) const {
  const auto block =
      numeric::philox4x32({static_cast<uint32_t>(index), 0, kCleanStream, 1},
                          {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  return uint64_t{1} << 63 | uint64_t{block[0]} << 31 | block[1] >> 1;
}

uint64_t AnsStack::stirred(uint64_t x, int precision) {
  // A round of a Feistel cipher, its own inverse: the bits above the slot stay.
  uint64_t h = (x >> precision) * 0x9e3779b97f4a7c15u;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  return x ^ ((h ^ h >> 31) & ((uint64_t{1} << precision) - 1));
}

uint32_t AnsStack::take_word() {
  if (!words_.empty()) {
    const uint32_t word = words_.back();
    words_.pop_back();
    return word;
  }
  clean_bits_ += 32;
  clean_information_ += 32;
  return clean_word(clean_words_++);
}

void AnsStack::push_onto(uint64_t& x, Interval interval, int precision) {
  // x >= frequency 2^(64 - precision), without the overflow at frequency = 2^precision.
  if ((x >> (64 - precision)) >= interval.frequency) {
    words_.push_back(static_cast<uint32_t>(x));
    x >>= 32;
  }
  x = ((x / interval.frequency) << precision) + x % interval.frequency + interval.start;
}

void AnsStack::push(Interval interval, int precision) {
  VINCI_DCHECK(precision >= 1 && precision <= kMaxPrecision);
  VINCI_DCHECK(interval.frequency >= 1 &&
               uint64_t{interval.start} + interval.frequency <= uint64_t{1} << precision);
  push_onto(head_, interval, precision);
  if (stirring_) head_ = stirred(head_, precision);
}

void AnsStack::pop(Interval interval, int precision) {
  VINCI_DCHECK(slot(precision) - interval.start < interval.frequency);
  if (stirring_) head_ = stirred(head_, precision);
  head_ = popped(head_, interval, precision);
  if (head_ < kLowest) head_ = head_ << 32 | take_word();
}

void AnsStack::push_bits(uint64_t value, int count) {
  for (int done = 0; done < count; done += 16) {
    const int bits = std::min(16, count - done);
    push({static_cast<uint32_t>(value >> done & ((1u << bits) - 1)), 1}, bits);
  }
}

uint64_t AnsStack::pop_bits(int count) {
  uint64_t value = 0;
  for (int done = (count - 1) / 16 * 16; done >= 0 && count > 0; done -= 16) {
    const int bits = std::min(16, count - done);
    const uint32_t part = slot(bits);
    pop({part, 1}, bits);
    value |= uint64_t{part} << done;
  }
  return value;
}

void AnsStack::start_lanes() {
  if (has_lanes_) return;
  has_lanes_ = true;
  for (size_t l = 0; l < kAnsLanes; ++l) {
    lanes_[l] = clean_head(l + 1);
    clean_information_ += std::log2(static_cast<double>(lanes_[l]));
  }
  clean_bits_ += 64 * kAnsLanes;
}

// The elements behind the last whole block are popped last, so they are pushed first.

void AnsStack::push_row(std::span<const Interval> intervals, int precision) {
  VINCI_DCHECK(precision >= kMinRowPrecision && precision <= kMaxPrecision);
  start_lanes();
  const size_t blocks = intervals.size() / kAnsLanes;
  for (size_t i = blocks * kAnsLanes; i < intervals.size(); ++i) {
    push_onto(lanes_[i % kAnsLanes], intervals[i], precision);
  }
  if (blocks == 0) return;
  const size_t whole = blocks * kAnsLanes;
  scratch_.resize(2 * whole);
  for (size_t i = 0; i < whole; ++i) {
    scratch_[i] = intervals[i].start;
    scratch_[whole + i] = intervals[i].frequency;
  }
  const size_t before = words_.size();
  words_.resize(before + whole);
  const size_t written =
      VINCI_SIMD_SELECT(ans_push_blocks)(lanes_.data(), scratch_.data(), scratch_.data() + whole,
                                         blocks, precision, words_.data() + before);
  words_.resize(before + written);
}

void AnsStack::push_bit_row(std::span<const uint32_t> zeros, std::span<const uint8_t> bits,
                            int precision) {
  start_lanes();
  const uint32_t total = uint32_t{1} << precision;
  const size_t blocks = bits.size() / kAnsLanes;
  for (size_t i = blocks * kAnsLanes; i < bits.size(); ++i) {
    const Interval interval =
        bits[i] != 0 ? Interval{zeros[i], total - zeros[i]} : Interval{0, zeros[i]};
    push_onto(lanes_[i % kAnsLanes], interval, precision);
  }
  const size_t before = words_.size();
  words_.resize(before + blocks * kAnsLanes);
  const size_t written = VINCI_SIMD_SELECT(ans_push_bits)(
      lanes_.data(), zeros.data(), bits.data(), blocks, precision, words_.data() + before);
  words_.resize(before + written);
}

void AnsStack::pop_bit_row(std::span<const uint32_t> zeros, std::span<uint8_t> bits,
                           int precision) {
  start_lanes();
  const uint32_t total = uint32_t{1} << precision;
  size_t used = 0;
  const size_t blocks = VINCI_SIMD_SELECT(ans_pop_bits)(
      lanes_.data(), zeros.data(), bits.data(), bits.size() / kAnsLanes, precision,
      words_.data() + words_.size(), words_.size(), &used);
  words_.resize(words_.size() - used);
  const size_t done = blocks * kAnsLanes;
  pop_row(bits.size() - done, precision, [&](size_t i, uint32_t slot, Interval& interval) {
    const uint32_t zero = zeros[done + i];
    bits[done + i] = slot >= zero;
    interval = slot >= zero ? Interval{zero, total - zero} : Interval{0, zero};
  });
}

void AnsStack::pop_table_row(std::span<const uint32_t> symbol_of, std::span<const uint32_t> starts,
                             std::span<const uint32_t> frequencies, std::span<uint32_t> symbols,
                             int precision) {
  start_lanes();
  size_t used = 0;
  const size_t blocks = VINCI_SIMD_SELECT(ans_pop_table)(
      lanes_.data(), symbol_of.data(), starts.data(), frequencies.data(), symbols.data(),
      symbols.size() / kAnsLanes, precision, words_.data() + words_.size(), words_.size(), &used);
  words_.resize(words_.size() - used);
  const size_t done = blocks * kAnsLanes;
  pop_row(symbols.size() - done, precision, [&](size_t i, uint32_t slot, Interval& interval) {
    const uint32_t symbol = symbol_of[slot];
    symbols[done + i] = symbol;
    interval = {starts[symbol], frequencies[symbol]};
  });
}

uint64_t AnsStack::num_bits() const {
  return 32 * words_.size() + 64 * (has_lanes_ ? 1 + kAnsLanes : 1);
}

double AnsStack::information_bits() const {
  double bits = 32 * static_cast<double>(words_.size()) + std::log2(static_cast<double>(head_));
  if (has_lanes_)
    for (const uint64_t x : lanes_) bits += std::log2(static_cast<double>(x));
  return bits;
}

bool AnsStack::is_back_at_start() const {
  if (head_ != clean_head(0)) return false;
  if (has_lanes_)
    for (size_t l = 0; l < kAnsLanes; ++l)
      if (lanes_[l] != clean_head(l + 1)) return false;
  // The first word drawn was on top.
  for (size_t i = 0; i < words_.size(); ++i)
    if (words_[words_.size() - 1 - i] != clean_word(i)) return false;
  return true;
}

AnsState AnsStack::state() const {
  return {head_, has_lanes_ ? lanes_ : decltype(lanes_){}, has_lanes_, words_};
}

}  // namespace vinci::coding
