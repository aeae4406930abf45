#include "coding/ans.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "coding/adaptive.h"
#include "coding/frequency_table.h"
#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;
using numeric::SimdTarget;

/// Runs on every instruction set of this machine in turn.
template <class Fn>
void on_each_target(Fn&& fn) {
  const SimdTarget before = numeric::simd_target();
  for (const SimdTarget target : {SimdTarget::kBaseline, SimdTarget::kAvx2, SimdTarget::kAvx512})
    if (numeric::set_simd_target(target)) fn();
  numeric::set_simd_target(before);
}

/// Any interval; often one of the extremes.
Interval random_interval(RandomStream& random, int precision) {
  const uint64_t total = uint64_t{1} << precision;
  uint64_t frequency = 0;
  switch (random.integer(5)) {
    case 0:
      frequency = 1;
      break;
    case 1:
      frequency = total;
      break;
    case 2:
      frequency = total > 1 ? total - 1 : 1;
      break;
    default:
      frequency = 1 + static_cast<uint64_t>(random.integer(static_cast<int64_t>(total)));
  }
  const auto start =
      static_cast<uint64_t>(random.integer(static_cast<int64_t>(total - frequency + 1)));
  return {static_cast<uint32_t>(start), static_cast<uint32_t>(frequency)};
}

TEST(Ans, PopUndoesPush) {
  RandomStream random(1);
  AnsStack stack(7);
  struct Step {
    Interval interval;
    int precision;
    AnsState before;
  };
  std::vector<Step> steps;
  for (int n = 0; n < 2000; ++n) {
    const int precision = 1 + static_cast<int>(random.integer(kMaxPrecision));
    const Interval interval = random_interval(random, precision);
    steps.push_back({interval, precision, stack.state()});
    stack.push(interval, precision);
  }
  for (size_t n = steps.size(); n-- > 0;) {
    const Step& step = steps[n];
    ASSERT_LT(stack.slot(step.precision) - step.interval.start, step.interval.frequency) << n;
    stack.pop(step.interval, step.precision);
    ASSERT_EQ(stack.state(), step.before) << n;
  }
  EXPECT_EQ(stack.num_clean_bits(), 64u);
  EXPECT_TRUE(stack.is_back_at_start());
}

TEST(Ans, PushUndoesPop) {
  RandomStream random(2);
  AnsStack stack(3);
  for (int n = 0; n < 3000; ++n) stack.push_bits(random.bits(), 64);
  const AnsState before = stack.state();
  // Pop with distributions of two symbols that share the slots at random.
  std::vector<std::pair<Interval, int>> popped;
  for (int n = 0; n < 5000; ++n) {
    const int precision = 1 + static_cast<int>(random.integer(kMaxPrecision));
    const auto cut = static_cast<uint32_t>(1 + random.integer((int64_t{1} << precision) - 1));
    const Interval interval = stack.slot(precision) < cut
                                  ? Interval{0, cut}
                                  : Interval{cut, (uint32_t{1} << precision) - cut};
    stack.pop(interval, precision);
    popped.emplace_back(interval, precision);
  }
  EXPECT_EQ(stack.num_clean_bits(), 64u);
  for (size_t n = popped.size(); n-- > 0;) stack.push(popped[n].first, popped[n].second);
  EXPECT_EQ(stack.state(), before);
}

TEST(Ans, CleanBitsAreCountedAndComeBack) {
  AnsStack stack(11);
  std::vector<uint64_t> drawn;
  for (int n = 0; n < 100; ++n) drawn.push_back(stack.pop_bits(37));
  // 3700 bits were drawn, of which the head held up to 64.
  EXPECT_GE(stack.num_clean_bits(), 3700u);
  EXPECT_LE(stack.num_clean_bits(), 3700u + 64u);
  EXPECT_FALSE(stack.is_back_at_start());
  for (size_t n = drawn.size(); n-- > 0;) stack.push_bits(drawn[n], 37);
  EXPECT_TRUE(stack.is_back_at_start());
  EXPECT_EQ(stack.num_bits(), stack.num_clean_bits());
  EXPECT_NEAR(stack.information_bits(), stack.clean_information_bits(), 1e-6);
  // The same seed gives the same bits, another one others.
  AnsStack same(11);
  AnsStack other(12);
  EXPECT_EQ(same.pop_bits(37), drawn[0]);
  EXPECT_NE(other.pop_bits(37), drawn[0]);
}

TEST(Ans, CleanBitsAreUniform) {
  AnsStack stack(5);
  std::vector<int> count(16);
  const int n = 32000;
  for (int k = 0; k < n; ++k) ++count[stack.pop_bits(4)];
  double chi2 = 0;
  for (const int c : count) chi2 += (c - n / 16.0) * (c - n / 16.0) / (n / 16.0);
  EXPECT_LT(chi2, 37.7);  // 15 degrees of freedom, p = 0.001
}

TEST(Ans, TakesTheEntropyAndNoMore) {
  // The published overhead to beat is 0.0015 % at 24 bits of precision.
  RandomStream random(4);
  for (const int precision : {8, 12, 16, 24}) {
    std::vector<double> weights(50);
    for (double& w : weights) w = random.exponential();
    const FrequencyTable table = FrequencyTable::from_weights(weights, precision);
    AnsStack stack(1);
    double bits = 0;
    const double before = stack.information_bits();
    for (int n = 0; n < 200000; ++n) {
      const auto symbol = static_cast<size_t>(random.categorical(weights));
      bits += table.bits(symbol);
      table.push(stack, symbol);
    }
    const double taken = stack.information_bits() - before;
    // What a push rounds off shrinks with the distance of the precision from the 32 bits of a word.
    EXPECT_NEAR(taken / bits, 1, precision <= 16 ? 1e-8 : 2e-7) << precision;
  }
}

TEST(Ans, RowsAreTheSameOnEveryTarget) {
  // Whole blocks, rests, extreme intervals; the reference is the scalar law of each element.
  for (int n = 0; n < 300; ++n) {
    AnsState reference;
    bool first = true;
    on_each_target([&] {
      RandomStream random(100 + static_cast<uint64_t>(n));
      const int precision =
          kMinRowPrecision + static_cast<int>(random.integer(kMaxPrecision - kMinRowPrecision + 1));
      const auto size = static_cast<size_t>(random.integer(70));
      std::vector<Interval> intervals(size);
      for (Interval& interval : intervals) interval = random_interval(random, precision);
      AnsStack stack(static_cast<uint64_t>(n));
      // Something to begin with, so that the states are anywhere.
      std::vector<Interval> earlier(40, Interval{5, 77});
      stack.push_row(earlier, kMinRowPrecision);
      const AnsState before = stack.state();
      stack.push_row(intervals, precision);
      const AnsState after = stack.state();
      if (first) reference = after;
      first = false;
      ASSERT_EQ(after, reference);
      stack.pop_row(size, precision, [&](size_t i, uint32_t slot, Interval& interval) {
        ASSERT_LT(slot - intervals[i].start, intervals[i].frequency);
        interval = intervals[i];
      });
      ASSERT_EQ(stack.state(), before);
    });
  }
}

TEST(Ans, BitRowsComeBackOnEveryTarget) {
  for (int n = 0; n < 300; ++n) {
    AnsState reference;
    bool first = true;
    on_each_target([&] {
      RandomStream random(200 + static_cast<uint64_t>(n));
      const int precision =
          kMinRowPrecision + static_cast<int>(random.integer(kMaxPrecision - kMinRowPrecision + 1));
      const auto size = static_cast<size_t>(random.integer(100));
      const int64_t total = int64_t{1} << precision;
      std::vector<uint32_t> zeros(size);
      std::vector<uint8_t> bits(size);
      std::vector<Interval> intervals(size);
      for (size_t i = 0; i < size; ++i) {
        const int64_t kind = random.integer(4);
        const int64_t zero = kind == 0 ? 1 : kind == 1 ? total - 1 : 1 + random.integer(total - 1);
        zeros[i] = static_cast<uint32_t>(zero);
        bits[i] = static_cast<uint8_t>(random.integer(2));
        intervals[i] = bits[i] != 0 ? Interval{zeros[i], static_cast<uint32_t>(total - zero)}
                                    : Interval{0, zeros[i]};
      }
      AnsStack stack(1);
      AnsStack by_intervals(1);
      const AnsState before = (stack.push_row({}, precision), stack.state());
      stack.push_bit_row(zeros, bits, precision);
      by_intervals.push_row(intervals, precision);
      ASSERT_EQ(stack.state(), by_intervals.state());
      if (first) reference = stack.state();
      first = false;
      ASSERT_EQ(stack.state(), reference);
      std::vector<uint8_t> back(size, 7);
      stack.pop_bit_row(zeros, back, precision);
      ASSERT_EQ(back, bits);
      ASSERT_EQ(stack.state(), before);
    });
  }
}

TEST(Ans, TableRowsComeBackOnEveryTarget) {
  RandomStream random(8);
  for (const int precision : {13, 14, 16}) {
    std::vector<double> weights(300);
    for (double& w : weights) w = std::exp(3 * random.normal());
    const FrequencyTable table = FrequencyTable::from_weights(weights, precision);
    const SlotTable slots(table);
    for (const size_t size : {0, 1, 7, 8, 9, 1000, 4096}) {
      std::vector<uint32_t> symbols(size);
      for (uint32_t& s : symbols) s = static_cast<uint32_t>(random.categorical(weights));
      AnsState reference;
      bool first = true;
      on_each_target([&] {
        AnsStack stack(2);
        const AnsState before = (stack.push_row({}, precision), stack.state());
        slots.push_row(stack, symbols);
        if (first) reference = stack.state();
        first = false;
        ASSERT_EQ(stack.state(), reference);
        std::vector<uint32_t> back(size);
        slots.pop_row(stack, back);
        ASSERT_EQ(back, symbols);
        ASSERT_EQ(stack.state(), before);
      });
    }
  }
}

TEST(Ans, RowsDrawCleanBitsWhereTheStackEnds) {
  // Bits drawn from an empty stack, on every target the same, and put back.
  std::vector<uint8_t> reference;
  on_each_target([&] {
    AnsStack stack(21);
    std::vector<uint32_t> zeros(4000);
    for (size_t i = 0; i < zeros.size(); ++i) zeros[i] = 1 + static_cast<uint32_t>(i * 16);
    std::vector<uint8_t> bits(zeros.size());
    stack.pop_bit_row(zeros, bits, 16);
    if (reference.empty()) reference = bits;
    EXPECT_EQ(bits, reference);
    EXPECT_GT(stack.num_clean_bits(), 64u * 9);
    stack.push_bit_row(zeros, bits, 16);
    EXPECT_TRUE(stack.is_back_at_start());
  });
}

TEST(Ans, StoredStackGoesOn) {
  AnsStack stack(1);
  stack.push_bits(123456789, 40);
  AnsStack again(stack.state(), 1);
  EXPECT_EQ(again.pop_bits(40), 123456789u);
  EXPECT_TRUE(again.is_back_at_start());
  AnsState bad = stack.state();
  EXPECT_TRUE(AnsStack::is_valid(bad));
  bad.head = 12;
  EXPECT_FALSE(AnsStack::is_valid(bad));
}

TEST(Adaptive, CodesAtTheLaplaceMixture) {
  RandomStream random(31);
  for (const size_t n : {1, 2, 5, 100}) {
    std::vector<double> weights(n);
    for (double& w : weights) w = random.exponential();
    std::vector<uint32_t> symbols(2000);
    std::vector<double> count(n);
    for (uint32_t& s : symbols) {
      s = static_cast<uint32_t>(random.categorical(weights));
      count[s] += 1;
    }
    AnsStack stack(1);
    const double before = stack.information_bits();
    encode_adaptive(stack, AdaptiveModel(n, 22), symbols);
    // -log of (n-1)! prod c_i! / (N + n - 1)!.
    double nats =
        std::lgamma(2000.0 + static_cast<double>(n)) - std::lgamma(static_cast<double>(n));
    for (const double c : count) nats -= std::lgamma(c + 1);
    EXPECT_NEAR(stack.information_bits() - before, nats / std::log(2.0), 1e-3 + 1e-4 * nats) << n;
    std::vector<uint32_t> back(symbols.size());
    decode_adaptive(stack, AdaptiveModel(n, 22), back);
    EXPECT_EQ(back, symbols);
    EXPECT_TRUE(stack.is_back_at_start());
  }
}

TEST(Adaptive, HalvesItsCountsAndStaysInvertible) {
  RandomStream random(32);
  for (int n = 0; n < 60; ++n) {
    const int precision = 2 + static_cast<int>(random.integer(14));
    const auto size = static_cast<size_t>(1 + random.integer(int64_t{1} << (precision - 1)));
    const auto step = static_cast<uint32_t>(1 + random.integer(50));
    std::vector<uint32_t> symbols(static_cast<size_t>(random.integer(600)));
    for (uint32_t& s : symbols)
      s = static_cast<uint32_t>(random.integer(static_cast<int64_t>(n % 3 == 0 ? 1 : size)));
    AnsStack stack(1);
    encode_adaptive(stack, AdaptiveModel(size, precision, step), symbols);
    std::vector<uint32_t> back(symbols.size());
    decode_adaptive(stack, AdaptiveModel(size, precision, step), back);
    ASSERT_EQ(back, symbols);
    ASSERT_TRUE(stack.is_back_at_start());
  }
}

}  // namespace
}  // namespace vinci::coding
