#include "numeric/random/random_stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

namespace vinci::numeric {
namespace {

// Each distribution draws once per row of a table: mean and variance in closed form. The error
// bounds are 5 standard errors from the sample itself; about 60 comparisons, chance of failure 4e-5
// for a fixed seed.
struct Moments {
  std::string name;
  std::function<double(RandomStream&)> draw;
  double mean;
  double variance;
};

TEST(RandomStream, MomentsOfEveryDistribution) {
  constexpr double kPi = std::numbers::pi, kEuler = std::numbers::egamma;
  using R = RandomStream;
  const auto real = [](int64_t k) { return static_cast<double>(k); };
  const double bessel_ratio = 0.697774657964008;  // I_1(2) / I_0(2)
  const std::vector<Moments> table = {
      {"uniform", [](R& r) { return r.uniform(); }, 0.5, 1.0 / 12},
      {"uniform(-1,3)", [](R& r) { return r.uniform(-1, 3); }, 1, 16.0 / 12},
      {"integer(7)", [=](R& r) { return real(r.integer(7)); }, 3, 4},
      {"normal", [](R& r) { return r.normal(2, 3); }, 2, 9},
      {"exponential", [](R& r) { return r.exponential(2); }, 0.5, 0.25},
      {"gamma(0.3)", [](R& r) { return r.gamma(0.3); }, 0.3, 0.3},
      {"gamma(1)", [](R& r) { return r.gamma(1); }, 1, 1},
      {"gamma(7.5, 3)", [](R& r) { return r.gamma(7.5, 3); }, 2.5, 7.5 / 9},
      {"log_gamma_draw(0.01)", [](R& r) { return r.log_gamma_draw(0.01); }, -100.560885457869,
       10001.621213528313},
      {"inv_gamma(6, 5)", [](R& r) { return r.inv_gamma(6, 5); }, 1, 0.25},
      {"chi_square(3)", [](R& r) { return r.chi_square(3); }, 3, 6},
      {"inv_chi_square(12)", [](R& r) { return r.inv_chi_square(12); }, 0.1, 2.0 / 800},
      {"scaled_inv_chi_square(12,2)", [](R& r) { return r.scaled_inv_chi_square(12, 2); }, 4.8,
       2.0 * 144 * 16 / 800},
      {"beta(0.2, 0.5)", [](R& r) { return r.beta(0.2, 0.5); }, 2.0 / 7, 0.1 / (0.49 * 1.7)},
      {"beta(30, 10)", [](R& r) { return r.beta(30, 10); }, 0.75, 300.0 / (1600 * 41)},
      {"student_t(9, 1, 2)", [](R& r) { return r.student_t(9, 1, 2); }, 1, 4 * 9.0 / 7},
      {"atan of cauchy", [](R& r) { return std::atan((r.cauchy(1, 2) - 1) / 2); }, 0,
       kPi * kPi / 12},
      {"double_exponential", [](R& r) { return r.double_exponential(1, 2); }, 1, 8},
      {"logistic", [](R& r) { return r.logistic(1, 2); }, 1, 4 * kPi * kPi / 3},
      {"gumbel", [](R& r) { return r.gumbel(1, 2); }, 1 + 2 * kEuler, 4 * kPi * kPi / 6},
      {"lognormal", [](R& r) { return r.lognormal(0.1, 0.3); }, std::exp(0.145),
       std::expm1(0.09) * std::exp(0.29)},
      {"weibull(2, 3)", [](R& r) { return r.weibull(2, 3); }, 3 * std::sqrt(kPi) / 2,
       9 * (1 - kPi / 4)},
      {"frechet(6, 1)", [](R& r) { return r.frechet(6, 1); }, std::tgamma(5.0 / 6),
       std::tgamma(2.0 / 3) - std::pow(std::tgamma(5.0 / 6), 2)},
      {"rayleigh(2)", [](R& r) { return r.rayleigh(2); }, 2 * std::sqrt(kPi / 2), (4 - kPi) * 2},
      {"pareto(2, 9)", [](R& r) { return r.pareto(2, 9); }, 2.25, 36.0 / (64 * 7)},
      {"pareto_type_2(1, 2, 9)", [](R& r) { return r.pareto_type_2(1, 2, 9); }, 1.25,
       36.0 / (64 * 7)},
      {"cos von_mises", [](R& r) { return std::cos(r.von_mises(1, 2) - 1); }, bessel_ratio,
       1 - bessel_ratio / 2 - bessel_ratio * bessel_ratio},
      {"sin von_mises", [](R& r) { return std::sin(r.von_mises(1, 2) - 1); }, 0, bessel_ratio / 2},
      {"skew_normal", [](R& r) { return r.skew_normal(1, 2, 3); },
       1 + 2 * 3 / std::sqrt(10.0) * std::sqrt(2 / kPi), 4 * (1 - 2 * 0.9 / kPi)},
      {"exp_mod_normal", [](R& r) { return r.exp_mod_normal(1, 2, 0.5); }, 3, 8},
      {"inverse_gaussian", [](R& r) { return r.inverse_gaussian(1.5, 2); }, 1.5, 3.375 / 2},
      {"bernoulli", [=](R& r) { return real(r.bernoulli(0.3)); }, 0.3, 0.21},
      {"binomial(10)", [=](R& r) { return real(r.binomial(10, 0.3)); }, 3, 2.1},
      {"binomial(1000)", [=](R& r) { return real(r.binomial(1000, 0.3)); }, 300, 210},
      {"binomial(1e15)", [=](R& r) { return real(r.binomial(1000000000000000, 1e-13)); }, 100, 100},
      {"beta_binomial", [=](R& r) { return real(r.beta_binomial(20, 2, 3)); }, 8,
       20 * 6.0 * 25 / (25 * 6)},
      {"poisson(0.5)", [=](R& r) { return real(r.poisson(0.5)); }, 0.5, 0.5},
      {"poisson(12)", [=](R& r) { return real(r.poisson(12)); }, 12, 12},
      {"poisson(400)", [=](R& r) { return real(r.poisson(400)); }, 400, 400},
      {"poisson(1e12)", [=](R& r) { return real(r.poisson(1e12)) - 1e12; }, 0, 1e12},
      {"neg_binomial", [=](R& r) { return real(r.neg_binomial(3, 0.5)); }, 6, 18},
      {"neg_binomial_2", [=](R& r) { return real(r.neg_binomial_2(6, 3)); }, 6, 18},
      {"hypergeometric", [=](R& r) { return real(r.hypergeometric(5, 6, 4)); }, 3,
       5 * 0.6 * 0.4 * 5 / 9},
      {"categorical", [=](R& r) { return real(r.categorical(std::vector<double>{0, 1, 0, 3})); },
       2.5, 0.75},
      {"dirichlet",
       [](R& r) {
         std::vector<double> out(3);
         r.dirichlet(std::vector<double>{0.5, 1, 2.5}, out);
         EXPECT_NEAR(out[0] + out[1] + out[2], 1, 1e-15);
         return out[2];
       },
       2.5 / 4, 2.5 * 1.5 / (16 * 5)},
      {"multinomial",
       [=](R& r) {
         std::vector<int64_t> out(4);
         r.multinomial(20, std::vector<double>{1, 0, 3, 4}, out);
         EXPECT_EQ(out[0] + out[2] + out[3], 20);
         EXPECT_EQ(out[1], 0);
         return real(out[2]);
       },
       7.5, 20 * 3.0 / 8 * 5 / 8},
  };
  constexpr int kDraws = 40000;
  for (const Moments& row : table) {
    RandomStream stream(7, 1, 2);
    double m1 = 0, m2 = 0, m4 = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double d = row.draw(stream) - row.mean;
      m1 += d / kDraws;
      m2 += d * d / kDraws;
      m4 += d * d * d * d / kDraws;
    }
    EXPECT_NEAR(m1, 0, 5 * std::sqrt(row.variance / kDraws)) << row.name;
    EXPECT_NEAR(m2, row.variance, 5 * std::sqrt((m4 - m2 * m2) / kDraws)) << row.name;
  }
}

// Pearson's statistic against the probability mass, cells 0..23: 23 degrees of freedom, 5e-6 upper
// point 60.
TEST(RandomStream, PoissonAndBinomialCells) {
  constexpr int kDraws = 100000;
  const auto statistic = [](const std::function<int64_t(RandomStream&)>& draw,
                            const std::function<double(int)>& mass) {
    RandomStream stream(11);
    std::vector<double> count(24, 0);
    for (int i = 0; i < kDraws; ++i) {
      const int64_t k = draw(stream);
      if (k < 24) count[static_cast<size_t>(k)] += 1;
    }
    double x = 0;
    for (int k = 0; k < 24; ++k) {
      const double expected = kDraws * mass(k);
      if (expected > 5) x += std::pow(count[static_cast<size_t>(k)] - expected, 2) / expected;
    }
    return x;
  };
  EXPECT_LT(statistic([](RandomStream& r) { return r.poisson(13); },
                      [](int k) { return std::exp(k * std::log(13.0) - 13 - std::lgamma(k + 1)); }),
            60);
  EXPECT_LT(statistic([](RandomStream& r) { return r.binomial(40, 0.25); },
                      [](int k) {
                        return std::exp(std::lgamma(41) - std::lgamma(k + 1) - std::lgamma(41 - k) +
                                        k * std::log(0.25) + (40 - k) * std::log(0.75));
                      }),
            60);
}

TEST(RandomStream, StreamsAreReproducibleAndDistinct) {
  RandomStream a(1, 2, 3), same(1, 2, 3), b(1, 2, 4), c(1, 3, 3), d(2, 2, 3);
  for (int i = 0; i < 10; ++i) {
    const uint64_t x = a.bits();
    EXPECT_EQ(x, same.bits());
    EXPECT_NE(x, b.bits());
    EXPECT_NE(x, c.bits());
    EXPECT_NE(x, d.bits());
  }
}

TEST(RandomStream, OutOfDomainGivesNaNOrMinusOne) {
  RandomStream r(1);
  const double nan = std::nan(""), inf = HUGE_VAL;
  for (const double bad : {-1.0, 0.0, nan}) {
    EXPECT_TRUE(std::isnan(r.gamma(bad)));
    EXPECT_TRUE(std::isnan(r.beta(bad, 1)));
    EXPECT_TRUE(std::isnan(r.student_t(bad, 0, 1)));
    EXPECT_TRUE(std::isnan(r.cauchy(0, bad)));
    EXPECT_TRUE(std::isnan(r.weibull(bad, 1)));
    EXPECT_TRUE(std::isnan(r.inv_gamma(1, bad)));
    EXPECT_TRUE(std::isnan(r.inverse_gaussian(1, bad)));
    EXPECT_EQ(r.neg_binomial(1, bad), -1);
    EXPECT_EQ(r.neg_binomial_2(1, bad), -1);
  }
  EXPECT_TRUE(std::isnan(r.gamma(inf)));
  EXPECT_TRUE(std::isnan(r.normal(0, -1)));
  EXPECT_TRUE(std::isnan(r.von_mises(0, -1)));
  EXPECT_TRUE(std::isnan(r.uniform(1, 0)));
  EXPECT_EQ(r.integer(0), -1);
  for (const double bad : {-0.1, 1.1, nan}) {
    EXPECT_EQ(r.bernoulli(bad), -1);
    EXPECT_EQ(r.binomial(100, bad), -1);
  }
  EXPECT_EQ(r.binomial(-1, 0.5), -1);
  EXPECT_EQ(r.poisson(-1), -1);
  EXPECT_EQ(r.poisson(nan), -1);
  EXPECT_EQ(r.poisson(inf), -1);
  EXPECT_EQ(r.hypergeometric(11, 5, 5), -1);
  EXPECT_EQ(r.categorical({}), -1);
  EXPECT_EQ(r.categorical(std::vector<double>{1, nan}), -1);
  EXPECT_EQ(r.categorical(std::vector<double>{0, 0}), -1);
  std::vector<double> out(2);
  r.dirichlet(std::vector<double>{1, 0}, out);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]));
  std::vector<int64_t> counts(2);
  r.multinomial(5, std::vector<double>{1, -1}, counts);
  EXPECT_EQ(counts[0], -1);
}

TEST(RandomStream, EdgesOfTheDomain) {
  RandomStream r(1);
  EXPECT_EQ(r.binomial(0, 0.5), 0);
  EXPECT_EQ(r.binomial(1000, 0), 0);
  EXPECT_EQ(r.binomial(1000, 1), 1000);
  EXPECT_EQ(r.poisson(0), 0);
  EXPECT_EQ(r.integer(1), 0);
  EXPECT_EQ(r.normal(3, 0), 3);
  EXPECT_EQ(r.hypergeometric(0, 0, 0), 0);
  EXPECT_TRUE(std::isfinite(r.log_gamma_draw(1e-300)));
  EXPECT_TRUE(std::isfinite(r.gamma(1e300)));
}

}  // namespace
}  // namespace vinci::numeric
