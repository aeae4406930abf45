// Quantised distributions by name: from parameters to integer intervals, by arithmetic that gives
// the same bits on every machine (strict_math.h).
//
// What a distribution needs is that its parameters are the same doubles on both sides; what it
// gives is a FrequencyTable, or, over bins, intervals one at a time without a table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coding/frequency_table.h"

namespace vinci::coding {

/// Equal frequencies as far as 2^precision allows; n <= 2^precision.
FrequencyTable uniform_table(size_t n, int precision);
/// Symbols 0, 1; p = P(1) in [0, 1], both possible whatever p.
FrequencyTable bernoulli_table(double p, int precision);
/// Proportional to the weights; see FrequencyTable::from_weights.
FrequencyTable categorical_table(std::span<const double> weights, int precision);
/// P(k) = C(n, k) B(k + a, n - k + b) / B(a, b), k = 0..n; a, b > 0.
FrequencyTable beta_binomial_table(int64_t n, double a, double b, int precision);
/// Counts 0..max-1 and, as symbol max, all that are larger; rate >= 0.
FrequencyTable poisson_table(double rate, int64_t max, int precision);
/// The same for the negative binomial with mean mu and variance mu + mu^2 / phi; mu >= 0, phi > 0.
FrequencyTable neg_binomial_table(double mu, double phi, int64_t max, int precision);

struct LogisticComponent {
  double weight = 1;
  double location = 0;
  double scale = 1;  // > 0
};
/// P(k) = F(k + 1/2) - F(k - 1/2), k = low..high, with F the mixture's distribution function; the
/// tails belong to low and high. Symbol s is the value low + s.
/// [Salimans, Karpathy, Chen, Kingma 2017, arXiv 1701.05517, sec. 2.1]
FrequencyTable discretised_logistic_table(std::span<const LogisticComponent> components,
                                          int64_t low, int64_t high, int precision);
/// The same for one normal.
FrequencyTable discretised_normal_table(double mean, double deviation, int64_t low, int64_t high,
                                        int precision);

enum class BinShape : uint8_t { kNormal, kLogistic };

/// The real line cut into n bins of equal mass under the standard normal or logistic: the grid on
/// which continuous latent variables are coded. Under the prior that shaped them, bins cost log2 n
/// bits each, exactly. [Townsend, Bird, Barber 2019, arXiv 1901.04866, sec. 2.5.1]
class EqualMassBins {
 public:
  /// n is a power of 2, 2 <= n <= 2^16. O(n) quantiles.
  EqualMassBins(BinShape shape, size_t n);

  size_t size() const { return centres_.size(); }
  int log2_size() const { return log2_size_; }
  BinShape shape() const { return shape_; }
  /// Bin i is (edge(i), edge(i + 1)); the first edge is -inf, the last +inf.
  double edge(size_t i) const { return edges_[i]; }
  /// The bin's median: the value that a bin stands for.
  double centre(size_t i) const { return centres_[i]; }

 private:
  BinShape shape_;
  int log2_size_;
  std::vector<double> edges_, centres_;
};

/// A normal or logistic distribution over the bins of a grid, with no table: an interval takes two
/// distribution functions, a search log2 n. Edge i has the cumulative count 2 i +
/// floor((2^precision
/// - 2 n) F(edge)), so that every bin is possible even where the computed F falls by a rounding
/// error. log2 n + 2 <= precision.
class BinnedDistribution {
 public:
  /// scale > 0 and finite, location finite.
  BinnedDistribution(const EqualMassBins& bins, BinShape shape, double location, double scale,
                     int precision);

  int precision() const { return precision_; }
  Interval interval(size_t bin) const;
  size_t find(uint32_t slot) const;
  double bits(size_t bin) const;
  void push(AnsStack& stack, size_t bin) const { stack.push(interval(bin), precision_); }
  size_t pop(AnsStack& stack) const;

 private:
  uint32_t cumulative(size_t edge) const;

  const EqualMassBins* bins_;
  BinShape shape_;
  double location_;
  double inverse_scale_;
  int precision_;
  double mass_;
};

}  // namespace vinci::coding
