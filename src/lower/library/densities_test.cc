// Univariate densities: each row of the table against an independent reference, its own integral
// and its distribution function; derivatives against differences; every shape of arguments; random
// draws against the distribution function.
#include <algorithm>
#include <boost/math/distributions.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <functional>
#include <limits>

#include "lower/library/density_testing.h"

namespace vinci::lower {

namespace {

namespace bm = boost::math;
using Numbers = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Row {
  std::string name;
  Numbers parameters;
  Numbers outcomes;
  double lower;  // of the support
  double upper;
  std::function<double(double, const Numbers&)> log_density;  // independent reference
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

template <class D>
std::function<double(double, const Numbers&)> boost_density(D make) {
  return [make](double y, const Numbers& p) { return std::log(bm::pdf(make(p), y)); };
}
/// A location-scale version: pdf((y - mu)/sigma)/sigma.
double scaled(double density, double sigma) { return std::log(density / sigma); }

std::vector<Row> continuous_rows() {
  using P = const Numbers&;
  std::vector<Row> rows = {
      {"normal", {0.3, 1.7}, {-2.1, 0.4, 3}, -kInf, kInf, boost_density([](P p) {
         return bm::normal(p[0], p[1]);
       })},
      {"std_normal", {}, {-2.1, 0.4, 3}, -kInf, kInf, boost_density([](P) {
         return bm::normal();
       })},
      {"exp_mod_normal",
       {0.3, 0.8, 1.4},
       {-2.1, 0.4, 3},
       -kInf,
       kInf,
       [](double y, P p) {
         return std::log(0.5 * p[2]) + 0.5 * p[2] * (2 * p[0] + p[2] * p[1] * p[1] - 2 * y) +
                std::log(std::erfc((p[0] + p[2] * p[1] * p[1] - y) / (std::sqrt(2.0) * p[1])));
       }},
      {"skew_normal", {0.3, 0.8, -1.4}, {-2.1, 0.4, 1}, -kInf, kInf, boost_density([](P p) {
         return bm::skew_normal(p[0], p[1], p[2]);
       })},
      {"student_t",
       {3.5, 0.3, 0.8},
       {-5.1, 0.4, 3},
       -kInf,
       kInf,
       [](double y, P p) {
         return scaled(bm::pdf(bm::students_t(p[0]), (y - p[1]) / p[2]), p[2]);
       }},
      {"cauchy", {0.3, 0.8}, {-5.1, 0.4, 3}, -kInf, kInf, boost_density([](P p) {
         return bm::cauchy(p[0], p[1]);
       })},
      {"double_exponential", {0.3, 0.8}, {-2.1, 0.4, 3}, -kInf, kInf, boost_density([](P p) {
         return bm::laplace(p[0], p[1]);
       })},
      {"logistic", {0.3, 0.8}, {-2.1, 0.4, 3}, -kInf, kInf, boost_density([](P p) {
         return bm::logistic(p[0], p[1]);
       })},
      {"gumbel", {0.3, 0.8}, {-1.1, 0.4, 3}, -kInf, kInf, boost_density([](P p) {
         return bm::extreme_value(p[0], p[1]);
       })},
      {"skew_double_exponential",
       {0.3, 0.8, 0.7},
       {-2.1, 0.4, 3},
       -kInf,
       kInf,
       [](double y, P p) {
         const double weight = y < p[0] ? (1 - p[2]) * (p[0] - y) : p[2] * (y - p[0]);
         return std::log(2 * p[2] * (1 - p[2]) / p[1]) - 2 / p[1] * weight;
       }},
      {"lognormal", {0.3, 0.8}, {0.4, 1.3, 7}, 0, kInf, boost_density([](P p) {
         return bm::lognormal(p[0], p[1]);
       })},
      {"chi_square", {3.5}, {0.4, 1.3, 7}, 0, kInf, boost_density([](P p) {
         return bm::chi_squared(p[0]);
       })},
      {"inv_chi_square", {3.5}, {0.1, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::inverse_gamma(p[0] / 2, 0.5);
       })},
      {"scaled_inv_chi_square", {3.5, 0.8}, {0.1, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::inverse_gamma(p[0] / 2, p[0] * p[1] * p[1] / 2);
       })},
      {"exponential", {1.7}, {0.1, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::exponential(p[0]);
       })},
      {"gamma", {2.3, 1.7}, {0.1, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::gamma_distribution<>(p[0], 1 / p[1]);
       })},
      {"inv_gamma", {2.3, 1.7}, {0.2, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::inverse_gamma(p[0], p[1]);
       })},
      {"weibull", {2.3, 1.7}, {0.2, 0.3, 2}, 0, kInf, boost_density([](P p) {
         return bm::weibull(p[0], p[1]);
       })},
      {"frechet",
       {2.3, 1.7},
       {0.7, 1.3, 4},
       0,
       kInf,
       [](double y, P p) {
         return std::log(p[0] / p[1] * std::pow(y / p[1], -1 - p[0]) *
                         std::exp(-std::pow(y / p[1], -p[0])));
       }},
      {"rayleigh", {1.7}, {0.7, 1.3, 4}, 0, kInf, boost_density([](P p) {
         return bm::rayleigh(p[0]);
       })},
      {"loglogistic",
       {1.7, 2.6},
       {0.7, 1.3, 4},
       0,
       kInf,
       [](double y, P p) {
         const double power = std::pow(y / p[0], p[1]);
         return std::log(p[1] / y * power / ((1 + power) * (1 + power)));
       }},
      {"pareto", {0.5, 2.6}, {0.7, 1.3, 4}, 0.5, kInf, boost_density([](P p) {
         return bm::pareto(p[0], p[1]);
       })},
      {"pareto_type_2",
       {0.5, 1.4, 2.6},
       {0.7, 1.3, 4},
       0.5,
       kInf,
       [](double y, P p) {
         return std::log(p[2] / p[1] * std::pow(1 + (y - p[0]) / p[1], -p[2] - 1));
       }},
      {"beta", {1.5, 2.6}, {0.1, 0.4, 0.9}, 0, 1, boost_density([](P p) {
         return bm::beta_distribution<>(p[0], p[1]);
       })},
      {"beta_proportion", {0.3, 6}, {0.1, 0.4, 0.9}, 0, 1, boost_density([](P p) {
         return bm::beta_distribution<>(p[0] * p[1], (1 - p[0]) * p[1]);
       })},
      {"uniform", {-0.5, 1.5}, {-0.4, 0.4, 1.1}, -0.5, 1.5, boost_density([](P p) {
         return bm::uniform(p[0], p[1]);
       })},
      {"von_mises",
       {0.4, 2.2},
       {-3, 0.4, 1.1},
       -std::numbers::pi,
       std::numbers::pi,
       [](double y, P p) {
         return p[1] * std::cos(y - p[0]) -
                std::log(2 * std::numbers::pi * bm::cyl_bessel_i(0, p[1]));
       }},
  };
  return rows;
}

Numbers with_outcome(double y, const Numbers& parameters) {
  Numbers args = {y};
  args.insert(args.end(), parameters.begin(), parameters.end());
  return args;
}

double integrate(const Row& row, double from, double to) {
  const auto f = [&](double y) {
    return std::exp(constant_call(row.name + "_lpdf", with_outcome(y, row.parameters)));
  };
  return bm::quadrature::gauss_kronrod<double, 31>::integrate(f, from, to, 12, 1e-11);
}

class ContinuousDensity : public testing::TestWithParam<Row> {};

TEST_P(ContinuousDensity, MatchesReference) {
  const Row& row = GetParam();
  for (double y : row.outcomes) {
    expect_close(constant_call(row.name + "_lpdf", with_outcome(y, row.parameters)),
                 row.log_density(y, row.parameters), 1e-11, row.name);
  }
}

TEST_P(ContinuousDensity, IntegratesToItsDistributionFunction) {
  const Row& row = GetParam();
  // kinks lie at location parameters
  double kink = row.parameters.empty() ? 0 : row.parameters[0];
  if (!(kink > row.lower && kink < row.upper)) kink = row.outcomes[1];
  expect_close(integrate(row, row.lower, kink) + integrate(row, kink, row.upper), 1, 1e-8,
               row.name + " integral");
  for (double y : row.outcomes) {
    const double cdf = y < kink ? integrate(row, row.lower, y)
                                : integrate(row, row.lower, kink) + integrate(row, kink, y);
    const Numbers args = with_outcome(y, row.parameters);
    if (row.name != "beta_proportion") {
      expect_close(constant_call(row.name + "_cdf", args), cdf, 1e-8, row.name + " cdf");
    }
    expect_close(constant_call(row.name + "_lcdf", args), std::log(cdf), 1e-7, row.name + " lcdf");
    expect_close(constant_call(row.name + "_lccdf", args), std::log1p(-cdf), 1e-7,
                 row.name + " lccdf");
  }
}

TEST_P(ContinuousDensity, HasRightDerivatives) {
  const Row& row = GetParam();
  for (double y : row.outcomes) {
    const Numbers point = with_outcome(y, row.parameters);
    for (const char* suffix : {"_lpdf", "_lcdf", "_lccdf"}) {
      const std::string name = row.name + suffix;
      expect_gradient(name, point, constant_call(name, point),
                      [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                        std::vector<Value> args;
                        for (Scalar s : p) args.push_back(Value::real(s));
                        return call_row(graph, name, args).scalar();
                      });
    }
  }
}

TEST_P(ContinuousDensity, DerivativesWithConstantOutcome) {
  const Row& row = GetParam();
  const std::string name = row.name + "_lpdf";
  for (double y : row.outcomes) {
    expect_gradient(name, row.parameters, constant_call(name, with_outcome(y, row.parameters)),
                    [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                      std::vector<Value> args = {Value::real(y)};
                      for (Scalar s : p) args.push_back(Value::real(s));
                      return call_row(graph, name, args).scalar();
                    });
  }
}

TEST_P(ContinuousDensity, TakesEveryShape) {
  const Row& row = GetParam();
  const std::string name = row.name + "_lpdf";
  double sum = 0;
  for (double y : row.outcomes) sum += constant_call(name, with_outcome(y, row.parameters));
  const size_t n = row.outcomes.size();
  const std::vector<Value> outcomes = {Value::vector(scalars(row.outcomes)),
                                       Value::row_vector(scalars(row.outcomes)),
                                       Value::array(BaseType::kReal, scalars(row.outcomes))};
  // each subset of the parameters as containers of equal elements
  for (unsigned subset = 0; subset < (1u << row.parameters.size()); ++subset) {
    for (const Value& y : outcomes) {
      std::vector<Value> args = {y};
      for (size_t k = 0; k < row.parameters.size(); ++k) {
        const std::vector<Scalar> copies(n, row.parameters[k]);
        args.push_back((subset >> k & 1) == 0 ? Value::real(row.parameters[k])
                       : k % 2 == 0           ? Value::vector(copies)
                                              : Value::array(BaseType::kReal, copies));
      }
      expect_close(constant_call(name, args), sum, 1e-12, name);
    }
  }
  std::vector<Value> empty = {Value::vector({})};
  for (double p : row.parameters) empty.push_back(Value::real(p));
  EXPECT_EQ(constant_call(name, empty), 0);
  if (!row.parameters.empty()) {
    empty[1] = Value::vector({1.0, 2.0});
    try {
      constant_call(name, empty);
      FAIL() << "sizes 0 and 2 were taken";
    } catch (const TraceError& error) {
      EXPECT_EQ(error.kind, source::DiagnosticKind::kSize);
    }
  }
}

/// Kolmogorov-Smirnov distance of 4000 draws; chance of 1e-5 to exceed 2.47 of sqrt(n) D.
TEST_P(ContinuousDensity, DrawsFollowTheDistributionFunction) {
  const Row& row = GetParam();
  constexpr size_t kDraws = 4000;
  numeric::RandomStream random(20240917);
  graph::Graph graph;
  std::vector<Value> args;
  for (double p : row.parameters) args.push_back(Value::real(p));
  Numbers draws;
  for (size_t i = 0; i < kDraws; ++i) {
    draws.push_back(call_row(graph, row.name + "_rng", args, &random).scalar().constant());
  }
  std::sort(draws.begin(), draws.end());
  double distance = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    const double cdf =
        std::exp(constant_call(row.name + "_lcdf", with_outcome(draws[i], row.parameters)));
    distance = std::max({distance, cdf - static_cast<double>(i) / kDraws,
                         static_cast<double>(i + 1) / kDraws - cdf});
  }
  EXPECT_LT(distance * std::sqrt(static_cast<double>(kDraws)), 2.47);
  // a container gives an array of its size
  if (!args.empty()) {
    args[0] = Value::vector(std::vector<Scalar>(3, row.parameters[0]));
    const Value array = call_row(graph, row.name + "_rng", args, &random);
    EXPECT_EQ(array.elements.size(), 3u);
    EXPECT_EQ(array.type, syntax::Type::array(BaseType::kReal, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(All, ContinuousDensity, testing::ValuesIn(continuous_rows()),
                         [](const auto& row) { return row.param.name; });

// ---- integer outcomes

struct MassRow {
  std::string name;
  Numbers integers;    // integer arguments after the outcome
  Numbers parameters;  // real arguments
  int64_t lower;
  int64_t upper;  // masses beyond are negligible
  std::function<double(double, const Numbers&, const Numbers&)> mass;
  bool has_cdf = true;
};

void PrintTo(const MassRow& row, std::ostream* out) { *out << row.name; }

std::vector<MassRow> mass_rows() {
  using P = const Numbers&;
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  return {
      {"bernoulli", {}, {0.3}, 0, 1, [](double n, P, P p) { return n == 1 ? p[0] : 1 - p[0]; }},
      {"bernoulli_logit",
       {},
       {0.3},
       0,
       1,
       [=](double n, P, P p) { return logistic(n == 1 ? p[0] : -p[0]); },
       false},
      {"binomial",
       {12},
       {0.3},
       0,
       12,
       [](double n, P i, P p) { return bm::pdf(bm::binomial(i[0], p[0]), n); }},
      {"binomial_logit",
       {12},
       {0.3},
       0,
       12,
       [=](double n, P i, P p) { return bm::pdf(bm::binomial(i[0], logistic(p[0])), n); },
       false},
      {"beta_binomial",
       {12},
       {1.5, 2.4},
       0,
       12,
       [](double n, P i, P p) {
         return bm::binomial_coefficient<double>(static_cast<unsigned>(i[0]),
                                                 static_cast<unsigned>(n)) *
                bm::beta(n + p[0], i[0] - n + p[1]) / bm::beta(p[0], p[1]);
       }},
      {"hypergeometric",
       {7, 9, 5},
       {},
       2,
       7,
       [](double n, P i, P) {
         return bm::pdf(bm::hypergeometric(static_cast<unsigned>(i[1]), static_cast<unsigned>(i[0]),
                                           static_cast<unsigned>(i[1] + i[2])),
                        static_cast<unsigned>(n));
       },
       false},
      {"discrete_range", {-2, 6}, {}, -2, 6, [](double, P, P) { return 1 / 9.0; }},
      {"neg_binomial",
       {},
       {2.3, 1.6},
       0,
       150,
       [](double n, P, P p) { return bm::pdf(bm::negative_binomial(p[0], p[1] / (1 + p[1])), n); }},
      {"neg_binomial_2",
       {},
       {2.3, 1.6},
       0,
       150,
       [](double n, P, P p) {
         return bm::pdf(bm::negative_binomial(p[1], p[1] / (p[0] + p[1])), n);
       }},
      {"neg_binomial_2_log",
       {},
       {0.8, 1.6},
       0,
       150,
       [](double n, P, P p) {
         return bm::pdf(bm::negative_binomial(p[1], p[1] / (std::exp(p[0]) + p[1])), n);
       },
       false},
      {"beta_neg_binomial",
       {},
       {2.3, 9.5, 3.4},
       0,
       2000,
       [](double n, P, P p) {
         return bm::tgamma_ratio(n + p[0], p[0]) / bm::tgamma(n + 1) *
                bm::beta(n + p[2], p[1] + p[0]) / bm::beta(p[2], p[1]);
       }},
      {"poisson", {}, {3.7}, 0, 60, [](double n, P, P p) { return bm::pdf(bm::poisson(p[0]), n); }},
      {"poisson_log",
       {},
       {1.2},
       0,
       60,
       [](double n, P, P p) { return bm::pdf(bm::poisson(std::exp(p[0])), n); },
       false},
      {"yule_simon",
       {},
       {6.5},
       1,
       3000,
       [](double n, P, P p) { return p[0] * bm::beta(p[0] + 1, n); }},
  };
}

Numbers mass_args(double n, const MassRow& row) {
  Numbers args = with_outcome(n, row.integers);
  args.insert(args.end(), row.parameters.begin(), row.parameters.end());
  return args;
}

class DiscreteDensity : public testing::TestWithParam<MassRow> {};

TEST_P(DiscreteDensity, MatchesReferenceAndSumsToOne) {
  const MassRow& row = GetParam();
  double sum = 0;
  const int64_t step = row.upper > 200 ? 97 : 1;
  for (int64_t n = row.lower; n <= row.upper; ++n) {
    const auto y = static_cast<double>(n);
    const double log_mass = constant_call(row.name + "_lpmf", mass_args(y, row));
    sum += std::exp(log_mass);
    if (n < 150) {
      expect_close(log_mass, std::log(row.mass(y, row.integers, row.parameters)), 1e-10, row.name);
    }
    if (!row.has_cdf || (n % step != 0 && n > 10)) continue;
    expect_close(constant_call(row.name + "_cdf", mass_args(y, row)), sum, 1e-10,
                 row.name + " cdf");
    expect_close(constant_call(row.name + "_lcdf", mass_args(y, row)), std::log(sum), 1e-10,
                 row.name + " lcdf");
    expect_close(std::exp(constant_call(row.name + "_lccdf", mass_args(y, row))), 1 - sum, 1e-9,
                 row.name + " lccdf");
  }
  expect_close(sum, 1, 1e-8, row.name);
}

TEST_P(DiscreteDensity, HasRightDerivatives) {
  const MassRow& row = GetParam();
  const int64_t last = std::min(row.upper, row.lower + 9);
  for (int64_t n = row.lower; n <= last; n += 3) {
    for (const char* suffix : {"_lpmf", "_lcdf", "_lccdf"}) {
      if (suffix != std::string("_lpmf") && !row.has_cdf) continue;
      const std::string name = row.name + suffix;
      const Numbers args = mass_args(static_cast<double>(n), row);
      const double value = constant_call(name, args);
      if (!std::isfinite(value)) continue;
      expect_gradient(name, row.parameters, value,
                      [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                        std::vector<Value> values;
                        for (size_t k = 0; k <= row.integers.size(); ++k) {
                          values.push_back(Value::integer(args[k]));
                        }
                        for (Scalar s : p) values.push_back(Value::real(s));
                        return call_row(graph, name, values).scalar();
                      });
    }
  }
}

TEST_P(DiscreteDensity, TakesEveryShape) {
  const MassRow& row = GetParam();
  const std::string name = row.name + "_lpmf";
  const Numbers outcomes = {static_cast<double>(row.lower), static_cast<double>(row.lower + 1)};
  double sum = 0;
  for (double n : outcomes) sum += constant_call(name, mass_args(n, row));
  std::vector<Value> args = {Value::array(BaseType::kInt, scalars(outcomes))};
  const Numbers rest = mass_args(0, row);
  for (size_t k = 1; k < rest.size(); ++k) args.push_back(Value::real(rest[k]));
  expect_close(constant_call(name, args), sum, 1e-12, name);
  for (size_t k = 1; k < rest.size(); ++k) args[k] = Value::vector({rest[k], rest[k]});
  expect_close(constant_call(name, args), sum, 1e-12, name);
}

/// Every empirical distribution function value within 4.8 standard errors: 1e-6 each.
TEST_P(DiscreteDensity, DrawsFollowTheMasses) {
  const MassRow& row = GetParam();
  constexpr int kDraws = 20000;
  numeric::RandomStream random(20240918);
  graph::Graph graph;
  std::vector<Value> args;
  const Numbers rest = mass_args(0, row);
  for (size_t k = 1; k < rest.size(); ++k) args.push_back(Value::real(rest[k]));
  std::vector<int> count(static_cast<size_t>(row.upper - row.lower + 1));
  for (int i = 0; i < kDraws; ++i) {
    const double draw = call_row(graph, row.name + "_rng", args, &random).scalar().constant();
    ASSERT_GE(draw, static_cast<double>(row.lower));
    if (draw <= static_cast<double>(row.upper))
      ++count[static_cast<size_t>(static_cast<int64_t>(draw) - row.lower)];
  }
  double cdf = 0;
  double empirical = 0;
  for (size_t k = 0; k < count.size() && cdf < 0.9999; ++k) {
    cdf += row.mass(static_cast<double>(row.lower) + static_cast<double>(k), row.integers,
                    row.parameters);
    empirical += count[k];
    const double error = std::sqrt(std::max(cdf * (1 - cdf), 1e-6) / kDraws);
    EXPECT_NEAR(empirical / kDraws, cdf, 4.8 * error) << row.name << " at " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(All, DiscreteDensity, testing::ValuesIn(mass_rows()),
                         [](const auto& row) { return row.param.name; });

// ---- edges

TEST(DensityEdges, ZeroTimesLogZeroIsZero) {
  EXPECT_EQ(constant_call("binomial_lpmf", Numbers{0, 5, 0}), 0);
  EXPECT_EQ(constant_call("binomial_lpmf", Numbers{5, 5, 1}), 0);
  EXPECT_EQ(constant_call("binomial_lpmf", Numbers{1, 5, 0}), -kInf);
  EXPECT_EQ(constant_call("bernoulli_lpmf", Numbers{1, 1}), 0);
  EXPECT_EQ(constant_call("bernoulli_lpmf", Numbers{0, 1}), -kInf);
  EXPECT_EQ(constant_call("poisson_lpmf", Numbers{0, 0}), 0);
  EXPECT_EQ(constant_call("poisson_lpmf", Numbers{2, 0}), -kInf);
  EXPECT_EQ(constant_call("gamma_lpdf", Numbers{0, 1, 2}), std::log(2.0));
  EXPECT_EQ(constant_call("beta_lpdf", Numbers{0, 1, 1}), 0);
  EXPECT_EQ(constant_call("weibull_lpdf", Numbers{0, 1, 2}), -std::log(2.0));
  EXPECT_EQ(constant_call("inv_gamma_lpdf", Numbers{0, 1, 2}), -kInf);
  EXPECT_EQ(constant_call("lognormal_lpdf", Numbers{0, 1, 2}), -kInf);
}

TEST(DensityEdges, OutsideOfTheSupport) {
  EXPECT_EQ(constant_call("uniform_lpdf", Numbers{2, 0, 1}), -kInf);
  EXPECT_EQ(constant_call("uniform_lcdf", Numbers{2, 0, 1}), 0);
  EXPECT_EQ(constant_call("pareto_lpdf", Numbers{0.4, 0.5, 1}), -kInf);
  EXPECT_EQ(constant_call("bernoulli_cdf", Numbers{-1, 0.5}), 0);
  EXPECT_EQ(constant_call("bernoulli_lccdf", Numbers{1, 0.5}), -kInf);
  EXPECT_EQ(constant_call("poisson_lccdf", Numbers{-1, 2}), 0);
  EXPECT_THROW(constant_call("binomial_lpmf", Numbers{6, 5, 0.5}), TraceError);
  EXPECT_THROW(constant_call("bernoulli_lpmf", Numbers{2, 0.5}), TraceError);
  EXPECT_THROW(constant_call("poisson_lpmf", Numbers{-1, 0.5}), TraceError);
}

TEST(DensityEdges, ParametersOutsideOfTheirDomainRejectTheLane) {
  graph::Graph graph;
  const Value sigma = Value::real(graph.parameter(0));
  graph.add_term(
      call_row(graph, "normal_lpdf", {Value::real(1.0), Value::real(0.0), sigma}).scalar(), {});
  ASSERT_EQ(graph.guards().size(), 1u);
  EXPECT_EQ(graph.guards()[0].what, "scale");
  const double negative[] = {-0.3};
  EXPECT_EQ(graph::reference_evaluate(graph, negative).log_density, -kInf);
  // a scale that is known to be positive needs no check
  graph::Graph free;
  const Value exp_sigma = Value::real(free.exp(free.parameter(0)));
  call_row(free, "normal_lpdf", {Value::real(1.0), Value::real(0.0), exp_sigma});
  EXPECT_TRUE(free.guards().empty());
}

TEST(DensityEdges, UniformOfAParameterWithTheSameBoundsIsConstant) {
  graph::Graph graph;
  const Scalar p = graph.inv_logit(graph.parameter(0));
  const Value y = Value::real(graph.add(-0.3, graph.mul(1.7, p)));
  const auto density = [&](double upper) {
    return call_row(graph, "uniform_lpdf", {y, Value::real(-0.3), Value::real(upper)}).scalar();
  };
  EXPECT_TRUE(density(1.4).is_constant());
  EXPECT_TRUE(density(2).is_constant());
  const Scalar narrow = density(1);
  ASSERT_FALSE(narrow.is_constant());
  graph.add_term(narrow, {});
  for (double x : {-1.0, 5.0}) {
    const double inside = -0.3 + 1.7 / (1 + std::exp(-x)) <= 1 ? -std::log(1.3) : -kInf;
    EXPECT_EQ(graph::reference_evaluate(graph, {&x, 1}).log_density, inside);
  }
}

/// Reference: sums of logarithms, which lose nothing where lgamma would cancel.
TEST(DensityEdges, LargePrecisionsDoNotCancel) {
  for (double phi : {1e3, 9.9e3, 1.1e4, 1e6, 1e9, 1e13}) {
    const double n = 17;
    const double mu = 12.5;
    double expected = n * std::log(mu) - (n + phi) * std::log1p(mu / phi) - std::lgamma(n + 1);
    for (int k = 0; k < 17; ++k) expected += std::log1p(k / phi);
    graph::Graph graph;
    graph.add_term(call_row(graph, "neg_binomial_2_lpmf",
                            {Value::integer(n), Value::real(mu), Value::real(graph.parameter(0))})
                       .scalar(),
                   {});
    const double point[] = {phi};
    expect_close(graph::reference_evaluate(graph, point).log_density, expected, 1e-9,
                 "neg_binomial_2");
    graph::Graph logs;
    logs.add_term(
        call_row(logs, "neg_binomial_2_log_lpmf",
                 {Value::integer(n), Value::real(std::log(mu)), Value::real(logs.parameter(0))})
            .scalar(),
        {});
    expect_close(graph::reference_evaluate(logs, point).log_density, expected, 1e-9,
                 "neg_binomial_2_log");
  }
  for (double nu :
       {1e3, 1e5, 1e8,
        1e12}) {  // Student's t tends to the normal: difference (z^4 - 2 z^2 - 1)/(4 nu)
    graph::Graph graph;
    graph.add_term(call_row(graph, "student_t_lpdf",
                            {Value::real(0.7), Value::real(graph.parameter(0)), Value::real(0.0),
                             Value::real(1.0)})
                       .scalar(),
                   {});
    const double point[] = {nu};
    const double z2 = 0.49;
    expect_close(
        graph::reference_evaluate(graph, point).log_density,
        -0.5 * z2 - 0.5 * std::log(2 * std::numbers::pi) + (z2 * z2 - 2 * z2 - 1) / (4 * nu),
        0.1 / (nu * nu) + 2e-11, "student_t");
  }
}

TEST(DensityEdges, FarTailsHaveFiniteLogarithms) {
  expect_close(constant_call("normal_lcdf", Numbers{-40, 0, 1}),
               -800 - std::log(40 * std::sqrt(2 * std::numbers::pi)) +
                   std::log1p(-1 / 1600.0 + 3 / 2560000.0),
               1e-9, "normal");
  expect_close(constant_call("logistic_lcdf", Numbers{-1000, 0, 1}), -1000, 1e-14, "logistic");
  expect_close(constant_call("cauchy_lcdf", Numbers{-1e12, 0, 1}),
               -std::log(1e12 * std::numbers::pi), 1e-12, "cauchy");
  expect_close(constant_call("student_t_lcdf", Numbers{-1e8, 2, 0, 1}), std::log(0.5e-16), 1e-7,
               "student_t");
  expect_close(constant_call("student_t_lccdf", Numbers{0, 3, 0, 2.5}), -std::numbers::ln2, 1e-12,
               "student_t");
  expect_close(constant_call("beta_lcdf", Numbers{1e-200, 3, 2}),
               std::log(4.0) - 600 * std::log(10.0), 1e-12, "beta");
}

/// Forms that differ on the two sides of a centre have one derivative there.
TEST(DensityEdges, DistributionFunctionsAreSmoothAtTheirCentre) {
  const std::vector<std::pair<std::string, Numbers>> rows = {
      {"student_t", {3.5, 0, 0.8}},
      {"double_exponential", {0, 0.8}},
      {"skew_double_exponential", {0, 0.8, 0.7}},
      {"cauchy", {0, 0.8}},
      {"skew_normal", {0, 0.8, -1.4}}};
  for (const auto& [name, parameters] : rows) {
    for (const char* suffix : {"_lcdf", "_lccdf"}) {
      graph::Graph graph;
      std::vector<Value> args = {Value::real(graph.parameter(0))};
      for (double p : parameters) args.push_back(Value::real(p));
      graph.add_term(call_row(graph, name + suffix, args).scalar(), {});
      const double centre[] = {0.0};
      const double tail = constant_call(name + suffix, with_outcome(0, parameters));
      const double density = constant_call(name + "_lpdf", with_outcome(0, parameters));
      const double slope = std::exp(density - tail) * (suffix == std::string("_lcdf") ? 1 : -1);
      expect_close(graph::reference_evaluate(graph, centre).gradient[0], slope, 1e-11,
                   name + suffix);
    }
  }
}

TEST(DensityEdges, SizesThatDiffer) {
  try {
    constant_call("normal_lpdf",
                  std::vector<Value>{Value::vector({1.0, 2.0, 3.0}),
                                     Value::vector({1.0, 2.0, 3.0, 4.0}), Value::real(1.0)});
    FAIL();
  } catch (const TraceError& error) {
    EXPECT_EQ(error.kind, source::DiagnosticKind::kSize);
    EXPECT_EQ(error.message,
              "arguments 1 and 2 of `normal_lpdf` have 3 and 4 elements; containers must have the "
              "same size");
  }
}

TEST(DensityEdges, AddendsThatElementsShareMerge) {
  graph::Graph graph;
  const Value sigma = Value::real(graph.exp(graph.parameter(0)));
  const Value rate = Value::real(graph.exp(graph.parameter(1)));
  // of an exponential with constant outcomes two addends are left: log rate and rate
  const Scalar total =
      call_row(graph, "exponential_lpdf", {Value::vector({1.0, 2.0, 3.0}), rate}).scalar();
  EXPECT_EQ(graph.node(total.index()).num_operands, 5u);
  // of a normal: the kernels and log sigma, once
  const Scalar normal =
      call_row(graph, "normal_lpdf",
               {Value::vector({1.0, 2.0, 3.0}), Value::real(graph.parameter(2)), sigma})
          .scalar();
  EXPECT_EQ(graph.node(normal.index()).num_operands, 1u + 2 * 4);
}

/// The names of the Stan functions reference, with what each distribution has.
TEST(DensityTable, HasTheDistributionsOfTheReference) {
  const auto expect_rows = [](const std::vector<std::string>& names,
                              const std::vector<std::string>& suffixes) {
    for (const std::string& name : names) {
      for (const std::string& suffix : suffixes) {
        EXPECT_NE(density_table().find(name + suffix), nullptr) << name << suffix;
      }
    }
  };
  const std::vector<std::string> continuous = {"normal",
                                               "std_normal",
                                               "exp_mod_normal",
                                               "skew_normal",
                                               "student_t",
                                               "cauchy",
                                               "double_exponential",
                                               "logistic",
                                               "gumbel",
                                               "skew_double_exponential",
                                               "lognormal",
                                               "chi_square",
                                               "inv_chi_square",
                                               "scaled_inv_chi_square",
                                               "exponential",
                                               "gamma",
                                               "inv_gamma",
                                               "weibull",
                                               "frechet",
                                               "rayleigh",
                                               "loglogistic",
                                               "pareto",
                                               "pareto_type_2",
                                               "beta",
                                               "beta_proportion",
                                               "uniform",
                                               "von_mises"};
  expect_rows(continuous, {"_lpdf", "_lupdf", "_cdf", "_lcdf", "_lccdf", "_rng", "_log", "_cdf_log",
                           "_ccdf_log"});
  const std::vector<std::string> discrete = {"bernoulli",    "binomial",       "beta_binomial",
                                             "neg_binomial", "neg_binomial_2", "beta_neg_binomial",
                                             "poisson",      "yule_simon",     "discrete_range"};
  expect_rows(discrete, {"_lpmf", "_lupmf", "_cdf", "_lcdf", "_lccdf", "_rng", "_log"});
  expect_rows({"bernoulli_logit", "binomial_logit", "hypergeometric", "categorical",
               "categorical_logit", "ordered_logistic", "ordered_probit", "neg_binomial_2_log",
               "poisson_log", "multinomial", "multinomial_logit", "dirichlet_multinomial"},
              {"_lpmf", "_lupmf", "_rng"});
  expect_rows({"bernoulli_logit_glm", "poisson_log_glm", "neg_binomial_2_log_glm",
               "binomial_logit_glm", "categorical_logit_glm", "ordered_logistic_glm"},
              {"_lpmf", "_lupmf"});
  expect_rows({"multi_normal", "multi_normal_prec", "multi_normal_cholesky", "multi_student_t",
               "multi_student_t_cholesky", "lkj_corr", "lkj_corr_cholesky", "wishart",
               "wishart_cholesky", "inv_wishart", "inv_wishart_cholesky", "dirichlet"},
              {"_lpdf", "_lupdf", "_rng"});
  expect_rows({"multi_gp", "multi_gp_cholesky", "gaussian_dlm_obs", "normal_id_glm", "wiener"},
              {"_lpdf", "_lupdf"});
  expect_rows(
      {"hmm_marginal", "hmm_hidden_state_prob", "hmm_latent_rng", "bernoulli_logit_glm_rng"}, {""});
}

// ---- first passage times

TEST(Wiener, BothBoundariesTogetherHaveProbabilityOne) {
  for (double drift : {-1.3, 0.0, 0.6}) {
    const double alpha = 1.4;
    const double start = 0.35;
    const auto density = [&](double t, bool upper) {
      return std::exp(constant_call(
          "wiener_lpdf",
          Numbers{t + 0.2, alpha, 0.2, upper ? start : 1 - start, upper ? drift : -drift}));
    };
    double part[2];
    for (bool upper : {false, true}) {
      const auto f = [&](double t) { return density(t, upper); };
      part[upper ? 1 : 0] =
          bm::quadrature::gauss_kronrod<double, 61>::integrate(f, 1e-9, 3, 12, 1e-11) +
          bm::quadrature::gauss_kronrod<double, 61>::integrate(f, 3, 60, 12, 1e-11);
    }
    expect_close(part[0] + part[1], 1, 1e-8, "wiener");
    // probability of the upper boundary: scale function of Brownian motion with drift
    const double z = alpha * start;
    const double up =
        drift == 0 ? start : (1 - std::exp(-2 * drift * z)) / (1 - std::exp(-2 * drift * alpha));
    expect_close(part[1], up, 1e-8, "wiener upper");
  }
}

TEST(Wiener, HasRightDerivatives) {
  for (double y : {0.25, 0.6, 1.1, 4.0}) {
    const Numbers point = {y, 1.4, 0.2, 0.35, 0.6};
    const Numbers spread = {y, 1.4, 0.2, 0.35, 0.6, 0.3, 0.1, 0.04};
    for (const Numbers& args : {point, spread}) {
      expect_gradient("wiener_lpdf", args, constant_call("wiener_lpdf", args),
                      [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                        std::vector<Value> values;
                        for (Scalar s : p) values.push_back(Value::real(s));
                        return call_row(graph, "wiener_lpdf", values).scalar();
                      });
    }
  }
}

TEST(Wiener, SpreadsAverageTheDensity) {
  const auto density = [](double tau, double beta, double delta) {
    return std::exp(constant_call("wiener_lpdf", Numbers{0.9, 1.4, tau, beta, delta}));
  };
  double over_drift = 0;
  const int steps = 4000;
  for (int i = 0; i < steps; ++i) {
    const double z = -8 + 16 * (i + 0.5) / steps;
    over_drift += density(0.2, 0.35, 0.6 + 0.3 * z) * std::exp(-0.5 * z * z) /
                  std::sqrt(2 * std::numbers::pi) * 16 / steps;
  }
  expect_close(std::exp(constant_call("wiener_lpdf", Numbers{0.9, 1.4, 0.2, 0.35, 0.6, 0.3})),
               over_drift, 1e-8, "drift");
  double over_start = 0;
  double over_time = 0;
  for (int i = 0; i < steps; ++i) {
    const double u = (i + 0.5) / steps;
    over_start += density(0.2, 0.35 + 0.1 * (u - 0.5), 0.6) / steps;
    over_time += density(0.2 + 0.04 * u, 0.35, 0.6) / steps;
  }
  expect_close(std::exp(constant_call("wiener_lpdf", Numbers{0.9, 1.4, 0.2, 0.35, 0.6, 0, 0.1, 0})),
               over_start, 1e-7, "start");
  expect_close(
      std::exp(constant_call("wiener_lpdf", Numbers{0.9, 1.4, 0.2, 0.35, 0.6, 0, 0, 0.04})),
      over_time, 1e-7, "time");
}

}  // namespace

}  // namespace vinci::lower
