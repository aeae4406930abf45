// The entropy coder: range asymmetric numeral systems as a stack of symbols.
//
// What was pushed last is popped first, and either undoes the other exactly: a pop with a
// distribution draws from it, as bits-back coding needs. [Duda 2013, arXiv 1311.2540, sec. 3.3;
// streaming with 64-bit states and 32-bit words]
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "coding/ans_rows.h"

namespace vinci::coding {

/// A symbol's share of 2^precision slots: [start, start + frequency).
struct Interval {
  uint32_t start = 0;
  uint32_t frequency = 0;
  bool operator==(const Interval&) const = default;
};

inline constexpr int kMaxPrecision = 31;
/// Rows are coded with at least this precision.
inline constexpr int kMinRowPrecision = 13;

/// Everything of a stack, as it is stored.
struct AnsState {
  uint64_t head = 0;
  std::array<uint64_t, kAnsLanes> lanes{};
  bool has_lanes = false;
  std::vector<uint32_t> words;
  bool operator==(const AnsState&) const = default;
};

/// Laws: (1) pop undoes push: after push(i, p), slot(p) lies in i and pop(i, p) gives the state
/// before; (2) push undoes pop, unless the pop drew clean bits, which then lie on the stack; (3)
/// the same for rows, and a row leaves the same state on every instruction set.
///
/// A push costs log2(2^p / frequency) bits, up to 2^-31 of them for each renormalisation.
class AnsStack {
 public:
  /// Empty. Pops beyond the bottom get clean bits: a fixed sequence of uniform words for each
  /// seed, of which num_clean_bits() have been drawn.
  explicit AnsStack(uint64_t seed);
  /// Goes on with a stored stack; heads below 2^32 are a sign of damage: see is_valid.
  AnsStack(AnsState state, uint64_t seed);
  static bool is_valid(const AnsState& state);

  /// 1 <= precision <= kMaxPrecision, frequency >= 1, start + frequency <= 2^precision.
  void push(Interval interval, int precision);
  /// The slot that the top of the stack lies in: the symbol to pop is the one whose interval holds
  /// it.
  uint32_t slot(int precision) const {
    const uint64_t x = stirring_ ? stirred(head_, precision) : head_;
    return static_cast<uint32_t>(x & ((uint64_t{1} << precision) - 1));
  }
  void pop(Interval interval, int precision);

  /// While it is on, pops stir the slot with a hash of the rest of the state before they read it,
  /// and pushes undo this: the two are each other's inverse as before, at the same cost. What a pop
  /// draws is then as good as independent of what lies on the stack. Without it a pop right after a
  /// push finds its slot in the interval of the symbol pushed, and draws with a distribution q only
  /// where the data follow the model.
  void set_stirring(bool on) { stirring_ = on; }

  /// `count` bits as they are, count <= 64; value < 2^count.
  void push_bits(uint64_t value, int count);
  uint64_t pop_bits(int count);

  /// Rows: elements that are independent given what is known, spread over eight more states.
  /// kMinRowPrecision <= precision; of equal sizes. popping gives the elements in order, from the
  /// first on. Rows are never stirred.
  void push_row(std::span<const Interval> intervals, int precision);
  /// `locate(i, slot, interval)` sets the interval of element i that holds the slot.
  template <class Locate>
  void pop_row(size_t size, int precision, Locate&& locate);
  /// Bits: element i is 0 on the slots [0, zeros[i]), 0 < zeros[i] < 2^precision.
  void push_bit_row(std::span<const uint32_t> zeros, std::span<const uint8_t> bits, int precision);
  void pop_bit_row(std::span<const uint32_t> zeros, std::span<uint8_t> bits, int precision);
  /// Symbols of one table; see FrequencyTable for what it holds.
  void pop_table_row(std::span<const uint32_t> symbol_of, std::span<const uint32_t> starts,
                     std::span<const uint32_t> frequencies, std::span<uint32_t> symbols,
                     int precision);

  /// What the stack takes when stored: 32 a word, 64 a head.
  uint64_t num_bits() const;
  /// The information in it, log2 of the states: num_bits() less what the heads leave unused.
  double information_bits() const;
  /// Bits that came from the seed, those of the first heads included: what remains on the stack
  /// when everything is popped again. num_bits() - num_clean_bits() is the net size.
  uint64_t num_clean_bits() const { return clean_bits_; }
  /// The same in terms of information_bits().
  double clean_information_bits() const { return clean_information_; }
  /// Whether the stack is as it was when new, but for clean bits drawn since: the test at the end
  /// of decoding.
  bool is_back_at_start() const;

  AnsState state() const;

 private:
  static uint64_t stirred(uint64_t x, int precision);
  static uint64_t popped(uint64_t x, Interval interval, int precision) {
    const uint64_t slot = x & ((uint64_t{1} << precision) - 1);
    return interval.frequency * (x >> precision) + slot - interval.start;
  }
  /// Pushes on one state, whose lower word goes to the stack first where it is full.
  void push_onto(uint64_t& x, Interval interval, int precision);
  uint32_t take_word();
  uint32_t clean_word(uint64_t index) const;
  uint64_t clean_head(uint64_t index) const;
  void start_lanes();

  uint64_t seed_;
  uint64_t head_;
  std::array<uint64_t, kAnsLanes> lanes_{};
  bool has_lanes_ = false;
  bool stirring_ = false;
  std::vector<uint32_t> words_;
  uint64_t clean_words_ = 0;
  uint64_t clean_bits_ = 0;
  double clean_information_ = 0;
  std::vector<uint32_t> scratch_;
};

template <class Locate>
void AnsStack::pop_row(size_t size, int precision, Locate&& locate) {
  start_lanes();
  const uint64_t mask = (uint64_t{1} << precision) - 1;
  for (size_t first = 0; first < size; first += kAnsLanes) {
    const size_t count = std::min<size_t>(kAnsLanes, size - first);
    // All states move before any is refilled, the last one first.
    for (size_t l = 0; l < count; ++l) {
      const uint64_t slot = lanes_[l] & mask;
      Interval interval;
      locate(first + l, static_cast<uint32_t>(slot), interval);
      lanes_[l] = popped(lanes_[l], interval, precision);
    }
    for (size_t l = count; l-- > 0;)
      if (lanes_[l] >> 32 == 0) lanes_[l] = lanes_[l] << 32 | take_word();
  }
}

}  // namespace vinci::coding
