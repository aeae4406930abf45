#include "coding/distributions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "coding/strict_math.h"
#include "numeric/random/random_stream.h"
#include "numeric/special/special.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;

TEST(StrictMath, AgreesWithTheSystemsLibrary) {
  RandomStream random(1);
  for (int n = 0; n < 20000; ++n) {
    const double x = random.uniform(-700, 700);
    ASSERT_NEAR(strict_exp(x) / std::exp(x), 1, 1e-15) << x;
    const double y = std::exp(random.uniform(-700, 700));
    ASSERT_NEAR(strict_log(y), std::log(y), 1e-15 * std::max(1.0, std::fabs(std::log(y)))) << y;
    const double z = std::exp(random.uniform(-20, 20));
    const double expected = std::lgamma(z);
    ASSERT_NEAR(strict_log_gamma(z), expected, 1e-13 * std::max(1.0, std::fabs(expected))) << z;
    const double t = random.uniform(-12, 12);
    const double phi = 0.5 * std::erfc(-t / std::sqrt(2.0));
    ASSERT_NEAR(strict_normal_cdf(t), phi, 1e-15) << t;
    ASSERT_NEAR(fast_normal_cdf(t), phi, 1.4e-11) << t;
    ASSERT_NEAR(strict_inv_logit(t), 1 / (1 + std::exp(-t)), 1e-15) << t;
  }
  EXPECT_EQ(strict_exp(0), 1);
  EXPECT_EQ(strict_log(1), 0);
  EXPECT_NEAR(strict_log(5e-324), std::log(5e-324), 1e-12);
}

TEST(StrictMath, EdgesOfTheDomains) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(strict_exp(-1000), 0);
  EXPECT_EQ(strict_exp(-inf), 0);
  EXPECT_EQ(strict_exp(inf), inf);
  EXPECT_TRUE(std::isnan(strict_exp(nan)));
  EXPECT_NEAR(strict_exp(709.5) / std::exp(709.5), 1, 1e-15);
  EXPECT_EQ(strict_log(0), -inf);
  EXPECT_EQ(strict_log(inf), inf);
  EXPECT_TRUE(std::isnan(strict_log(-1)));
  EXPECT_EQ(strict_normal_cdf(-inf), 0);
  EXPECT_EQ(strict_normal_cdf(inf), 1);
  EXPECT_EQ(fast_normal_cdf(-inf), 0);
  EXPECT_EQ(fast_normal_cdf(inf), 1);
  EXPECT_EQ(strict_normal_quantile(0), -inf);
  EXPECT_EQ(strict_normal_quantile(1), inf);
  for (const double p : {1e-300, 1e-12, 0.01, 0.25, 0.5, 0.75, 0.999, 1 - 1e-12})
    EXPECT_NEAR(strict_normal_cdf(strict_normal_quantile(p)), p, 1e-15) << p;
}

/// Frequencies are positive and sum to 2^precision; KL(p || quantised) in bits.
double check_table(const FrequencyTable& table, const std::vector<double>& p) {
  EXPECT_EQ(table.size(), p.size());
  EXPECT_EQ(table.cumulative().front(), 0u);
  EXPECT_EQ(table.cumulative().back(), uint32_t{1} << table.precision());
  double sum = 0;
  for (const double x : p) sum += x;
  EXPECT_NEAR(sum, 1, 1e-9);
  double kl = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_GE(table.interval(i).frequency, 1u) << i;
    if (p[i] > 0) kl += p[i] * (std::log2(p[i]) + table.bits(i));
  }
  return kl;
}

TEST(Distributions, LoseAtMostTheStatedOverhead) {
  RandomStream random(3);
  for (const int precision : {10, 12, 16, 20, 24}) {
    const double slots = std::ldexp(1.0, precision);
    const auto bound = [&](size_t n) {
      return -std::log2(1 - static_cast<double>(n) / slots) + 1e-9;
    };
    for (int n = 0; n < 20; ++n) {
      const double p = random.uniform(0.001, 0.999);
      EXPECT_LE(check_table(bernoulli_table(p, precision), {1 - p, p}), bound(2));

      std::vector<double> weights(100);
      double sum = 0;
      for (double& w : weights) sum += w = std::exp(2 * random.normal());
      for (double& w : weights) w /= sum;
      EXPECT_LE(check_table(categorical_table(weights, precision), weights), bound(100));

      const double a = std::exp(random.normal());
      const double b = std::exp(random.normal());
      std::vector<double> mass(256);
      for (int k = 0; k <= 255; ++k)
        mass[static_cast<size_t>(k)] =
            std::exp(std::lgamma(256.0) - std::lgamma(k + 1.0) - std::lgamma(256.0 - k) +
                     std::lgamma(k + a) + std::lgamma(255 - k + b) - std::lgamma(255 + a + b) -
                     std::lgamma(a) - std::lgamma(b) + std::lgamma(a + b));
      EXPECT_LE(check_table(beta_binomial_table(255, a, b, precision), mass), bound(256));

      const double rate = std::exp(random.uniform(-2, 4));
      std::vector<double> counts(301);
      double rest = 1;
      for (int k = 0; k < 300; ++k)
        rest -= counts[static_cast<size_t>(k)] =
            std::exp(k * std::log(rate) - rate - std::lgamma(k + 1.0));
      counts[300] = std::max(0.0, rest);
      EXPECT_LE(check_table(poisson_table(rate, 300, precision), counts), bound(301));

      const double phi = std::exp(random.uniform(-1, 3));
      rest = 1;
      for (int k = 0; k < 300; ++k)
        rest -= counts[static_cast<size_t>(k)] =
            std::exp(std::lgamma(k + phi) - std::lgamma(phi) - std::lgamma(k + 1.0) +
                     phi * std::log(phi / (rate + phi)) + k * std::log(rate / (rate + phi)));
      counts[300] = std::max(0.0, rest);
      EXPECT_LE(check_table(neg_binomial_table(rate, phi, 300, precision), counts), bound(301));

      const double mean = random.uniform(-20, 120);
      const double scale = std::exp(random.uniform(0, 3));
      const auto discretised = [&](auto&& cdf) {
        std::vector<double> out(101);
        for (int k = 0; k <= 100; ++k) {
          const double high = k == 100 ? 1 : cdf((k + 0.5 - mean) / scale);
          const double low = k == 0 ? 0 : cdf((k - 0.5 - mean) / scale);
          out[static_cast<size_t>(k)] = high - low;
        }
        return out;
      };
      const LogisticComponent one[] = {{1, mean, scale}};
      EXPECT_LE(check_table(discretised_logistic_table(one, 0, 100, precision),
                            discretised([](double t) { return numeric::inv_logit(t); })),
                bound(101));
      EXPECT_LE(check_table(discretised_normal_table(mean, scale, 0, 100, precision),
                            discretised([](double t) { return numeric::std_normal_cdf(t); })),
                bound(101));
    }
  }
}

TEST(Distributions, WeightsOfAllSizesAreTakenAsTheyAre) {
  for (const double scale : {1e-300, 1.0, 1e300}) {
    const double weights[] = {3 * scale, 0, 1 * scale};
    const FrequencyTable table = categorical_table(weights, 4);
    EXPECT_EQ(table.interval(0), (Interval{0, 12}));
    EXPECT_EQ(table.interval(1).frequency, 0u);
    EXPECT_EQ(table.interval(2), (Interval{12, 4}));
    EXPECT_EQ(table.find(11), 0u);
    EXPECT_EQ(table.find(12), 2u);
    EXPECT_TRUE(std::isinf(table.bits(1)));
  }
  // As many symbols as slots; probabilities next to 0 and 1.
  EXPECT_EQ(uniform_table(16, 4).interval(15), (Interval{15, 1}));
  EXPECT_EQ(bernoulli_table(0, 10).interval(1).frequency, 1u);
  EXPECT_EQ(bernoulli_table(1, 10).interval(0).frequency, 1u);
  EXPECT_EQ(uniform_table(1, 5).interval(0).frequency, 32u);
}

TEST(Distributions, BestFrequenciesOfAllBySearch) {
  // All splits of 2^6 slots over three symbols: none is shorter.
  RandomStream random(6);
  for (int n = 0; n < 30; ++n) {
    std::vector<double> w = {random.exponential(), random.exponential(), random.exponential()};
    const FrequencyTable table = categorical_table(w, 6);
    const auto length = [&](double a, double b, double c) {
      return -w[0] * std::log2(a / 64) - w[1] * std::log2(b / 64) - w[2] * std::log2(c / 64);
    };
    double best = std::numeric_limits<double>::infinity();
    for (int a = 1; a < 63; ++a)
      for (int b = 1; a + b < 64; ++b) best = std::min(best, length(a, b, 64 - a - b));
    EXPECT_NEAR(w[0] * table.bits(0) + w[1] * table.bits(1) + w[2] * table.bits(2), best, 1e-12);
  }
}

TEST(Distributions, AnyFunctionServesAsCdf) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> wild = {0.5, 0.2, nan, -3, 7, 0.1, nan, 0.4};
  const FrequencyTable table =
      FrequencyTable::from_cdf([&](size_t i) { return wild[i]; }, wild.size(), 6);
  EXPECT_EQ(table.cumulative().back(), 64u);
  for (size_t i = 0; i < wild.size(); ++i) EXPECT_GE(table.interval(i).frequency, 1u);
  EXPECT_EQ(table.interval(0).frequency, 29u);
}

/// A number that changes with any frequency of the table.
uint64_t hash(const FrequencyTable& table) {
  uint64_t h = 1469598103934665603u;
  for (const uint32_t c : table.cumulative()) h = (h ^ c) * 1099511628211u;
  return h;
}

TEST(Distributions, SameBitsOnEveryMachine) {
  // Recorded once; a file that was written anywhere decodes everywhere only while these hold.
  const LogisticComponent mixture[] = {{0.3, 20.25, 3.5}, {0.7, 180.5, 11}};
  const double weights[] = {0.1, 2.5, 1e-9, 0, 7};
  uint64_t all = 0;
  for (const uint64_t h :
       {hash(bernoulli_table(0.3, 16)), hash(categorical_table(weights, 20)),
        hash(beta_binomial_table(255, 0.3, 1.7, 16)), hash(poisson_table(33.25, 200, 24)),
        hash(neg_binomial_table(12.5, 0.8, 400, 24)),
        hash(discretised_logistic_table(mixture, 0, 255, 24)),
        hash(discretised_normal_table(-3.25, 17, -100, 100, 31))})
    all = (all ^ h) * 1099511628211u;
  for (const BinShape shape : {BinShape::kNormal, BinShape::kLogistic}) {
    const EqualMassBins bins(shape, 1024);
    const BinnedDistribution q(bins, BinShape::kNormal, 0.31, 0.12, 24);
    for (size_t i = 0; i < bins.size(); ++i) all = (all ^ q.interval(i).start) * 1099511628211u;
  }
  EXPECT_EQ(all, 7528956497501787213u);
}

TEST(Bins, HoldEqualMassAndAreSymmetric) {
  for (const size_t n : {2, 16, 1024, 4096}) {
    const EqualMassBins normal(BinShape::kNormal, n);
    const EqualMassBins logistic(BinShape::kLogistic, n);
    for (size_t i = 0; i < n; ++i) {
      const double mass =
          numeric::std_normal_cdf(normal.edge(i + 1)) - numeric::std_normal_cdf(normal.edge(i));
      ASSERT_NEAR(mass, 1.0 / static_cast<double>(n), 1e-14);
      ASSERT_LT(normal.edge(i), normal.centre(i));
      ASSERT_LT(normal.centre(i), normal.edge(i + 1));
      ASSERT_LT(logistic.edge(i), logistic.centre(i));
      ASSERT_LT(logistic.centre(i), logistic.edge(i + 1));
      ASSERT_EQ(normal.centre(i), -normal.centre(n - 1 - i));
    }
  }
}

TEST(Bins, DistributionsOverThemAreTablesWithoutTheTable) {
  RandomStream random(9);
  const EqualMassBins grids[] = {EqualMassBins(BinShape::kNormal, 256),
                                 EqualMassBins(BinShape::kLogistic, 64)};
  for (int n = 0; n < 60; ++n) {
    const EqualMassBins& grid = grids[n % 2];
    const BinShape shape = n % 3 == 0 ? BinShape::kLogistic : BinShape::kNormal;
    const double location = n % 5 == 0 ? 1e6 : 3 * random.normal();
    const double scale = n % 7 == 0 ? 1e-12 : std::exp(random.uniform(-8, 3));
    const int precision = 10 + static_cast<int>(random.integer(22));
    const BinnedDistribution q(grid, shape, location, scale, precision);
    uint32_t end = 0;
    double total = 0;
    for (size_t i = 0; i < grid.size(); ++i) {
      const Interval interval = q.interval(i);
      ASSERT_EQ(interval.start, end);
      ASSERT_GE(interval.frequency, 1u);
      ASSERT_EQ(q.find(interval.start), i);
      ASSERT_EQ(q.find(interval.start + interval.frequency - 1), i);
      end = interval.start + interval.frequency;
      total += std::exp2(-q.bits(i));
    }
    ASSERT_EQ(end, uint32_t{1} << precision);
    ASSERT_NEAR(total, 1, 1e-9);
  }
  // The mass of a bin is the distribution's, up to the slots that each bin keeps.
  const BinnedDistribution q(grids[0], BinShape::kNormal, 0.3, 0.5, 30);
  for (size_t i = 0; i < grids[0].size(); ++i) {
    const double mass = numeric::std_normal_cdf((grids[0].edge(i + 1) - 0.3) / 0.5) -
                        numeric::std_normal_cdf((grids[0].edge(i) - 0.3) / 0.5);
    EXPECT_NEAR(std::exp2(-q.bits(i)), mass, 1e-6 * mass + 4e-9);
  }
}

TEST(Distributions, ChainedCodingIsLossless) {
  // Every kind, at random precisions, on one stack: pops give back what was pushed, and the stack.
  RandomStream random(10);
  const EqualMassBins bins(BinShape::kNormal, 128);
  for (int n = 0; n < 40; ++n) {
    std::vector<FrequencyTable> tables;
    std::vector<BinnedDistribution> binned;
    for (int k = 0; k < 12; ++k) {
      const int precision = 9 + static_cast<int>(random.integer(23));
      const double u = random.uniform();
      const LogisticComponent components[] = {{u, 50 * random.normal(), 5 * random.exponential()},
                                              {1 - u, 50 * random.normal(), 1e-9}};
      const double weights[] = {u, 0, 1e-30, 1};
      switch (k % 8) {
        case 0:
          tables.push_back(uniform_table(1 + static_cast<size_t>(random.integer(300)), precision));
          break;
        case 1:
          tables.push_back(bernoulli_table(n % 2 == 0 ? u : std::floor(2 * u), precision));
          break;
        case 2:
          tables.push_back(categorical_table(weights, precision));
          break;
        case 3:
          tables.push_back(beta_binomial_table(random.integer(200), u * 1e-3, 1e3 * u, precision));
          break;
        case 4:
          tables.push_back(poisson_table(1e3 * u, 100, precision));
          break;
        case 5:
          tables.push_back(neg_binomial_table(1e2 * u, u, 100, precision));
          break;
        case 6:
          tables.push_back(discretised_logistic_table(components, -100, 100, precision));
          break;
        default:
          tables.push_back(discretised_normal_table(300 * u, 1e-3 + u, 0, 255, precision));
      }
      binned.emplace_back(bins, BinShape::kLogistic, 4 * random.normal(), random.exponential(),
                          precision);
    }
    AnsStack stack(static_cast<uint64_t>(n));
    std::vector<size_t> symbols;
    std::vector<size_t> latents;
    for (size_t k = 0; k < tables.size(); ++k) {
      size_t symbol;
      do {
        symbol = static_cast<size_t>(random.integer(static_cast<int64_t>(tables[k].size())));
      } while (tables[k].interval(symbol).frequency == 0);
      symbols.push_back(symbol);
      latents.push_back(static_cast<size_t>(random.integer(128)));
      tables[k].push(stack, symbol);
      binned[k].push(stack, latents[k]);
    }
    for (size_t k = tables.size(); k-- > 0;) {
      ASSERT_EQ(binned[k].pop(stack), latents[k]);
      ASSERT_EQ(tables[k].pop(stack), symbols[k]) << k;
    }
    ASSERT_TRUE(stack.is_back_at_start());
  }
}

}  // namespace
}  // namespace vinci::coding
