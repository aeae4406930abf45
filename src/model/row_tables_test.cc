// Tables of rows read off the densities of programs, against the parameters that they are made of.
#include "model/row_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "data/json.h"
#include "syntax/parse.h"
#include "vinci/error.h"

namespace vinci::model {
namespace {

RowTables read(const std::string& text, const std::string& json, const std::string& parameters,
               std::vector<std::string> table = {"y"}, double unit = 1) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  auto parsed = syntax::parse(sources.add("m.stan", text), sources, sink);
  auto typed = check::check(std::move(parsed), sink);
  const data::DataTable data = data::read_json(sources.add("d.json", json), sources, sink);
  const data::DataTable values = data::read_json(sources.add("p.json", parameters), sources, sink);
  if (sink.has_errors()) throw Error(Error::Kind::kInput, "a test's program is wrong");
  RowTablesOptions options;
  options.table = std::move(table);
  options.unit = unit;
  return read_row_tables(std::make_shared<const check::TypedProgram>(std::move(*typed)), data,
                         values, options, {});
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

double log_poisson(double k, double rate) { return k * std::log(rate) - rate - std::lgamma(k + 1); }

double log_normal(double x, double mu, double sigma) {
  const double z = (x - mu) / sigma;
  return -0.5 * z * z - std::log(sigma) - 0.5 * std::log(2 * std::acos(-1.0));
}

constexpr const char* kClasses = R"(
data { int N; array[N, 2] int<lower=1, upper=3> y; }
parameters {
  simplex[2] w;
  array[2] simplex[3] a;
  array[2] simplex[3] b;
  array[N] int<lower=1, upper=2> z;
}
model {
  w ~ dirichlet([2, 3]');
  z ~ categorical(w);
  for (n in 1:N) {
    y[n, 1] ~ categorical(a[z[n]]);
    y[n, 2] ~ categorical(b[z[n]]);
  }
})";

TEST(RowTables, LatentClassesAreTheirParameters) {
  const RowTables t = read(kClasses, R"({"N": 4, "y": [[1, 3], [2, 2], [1, 1], [3, 2]]})",
                           R"({"w": [0.3, 0.7], "a": [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]],
                               "b": [[0.6, 0.3, 0.1], [0.05, 0.9, 0.05]]})");
  EXPECT_EQ(t.num_states, 2u);
  EXPECT_TRUE(t.transition.empty());
  EXPECT_NEAR(std::exp(t.initial[0]), 0.3, 1e-9);
  const double first = 0.3 * 0.5 * 0.1 + 0.7 * 0.1 * 0.05,
               second = 0.3 * 0.25 * 0.3 + 0.7 * 0.2 * 0.9;
  const double third = 0.3 * 0.5 * 0.6 + 0.7 * 0.1 * 0.05,
               last = 0.3 * 0.25 * 0.3 + 0.7 * 0.7 * 0.9;
  EXPECT_NEAR(t.log_likelihood, std::log(first * second * third * last), 1e-9);
  ASSERT_EQ(t.columns.size(), 2u);
  const double a[] = {0.5, 0.25, 0.25, 0.1, 0.2, 0.7};
  const double b[] = {0.6, 0.3, 0.1, 0.05, 0.9, 0.05};
  for (const auto& column : t.columns) {
    EXPECT_EQ(column.low, 1);
    ASSERT_EQ(column.size, 3u);
  }
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(std::exp(t.columns[0].log_p[i]), a[i], 1e-9);
    EXPECT_NEAR(std::exp(t.columns[1].log_p[i]), b[i], 1e-9);
  }
}

TEST(RowTables, AChainOfCountsHasItsTransitionsAndWholeSupport) {
  const RowTables t = read(R"(
    data { int T; array[T] int<lower=0> y; }
    parameters {
      array[2] simplex[2] move;
      positive_ordered[2] rate;
      array[T] int<lower=1, upper=2> s;
    }
    model {
      rate ~ gamma(2, 0.1);
      s[1] ~ categorical([0.2, 0.8]');
      for (t in 2:T) s[t] ~ categorical(move[s[t - 1]]);
      y ~ poisson(rate[s]);
    })",
                           R"({"T": 6, "y": [3, 0, 20, 14, 2, 1]})",
                           R"({"move": [[0.9, 0.1], [0.25, 0.75]], "rate": [1.5, 12]})");
  EXPECT_NEAR(std::exp(t.initial[1]), 0.8, 1e-9);
  const double move[] = {0.9, 0.1, 0.25, 0.75};
  ASSERT_EQ(t.transition.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(std::exp(t.transition[i]), move[i], 1e-9);
  double sum = 0;
  const double observed[] = {3, 0, 20, 14, 2, 1};
  for (int path = 0; path < 64; ++path) {
    double log_p = 0;
    for (int n = 0; n < 6; ++n) {
      const int z = path >> n & 1;
      log_p +=
          n == 0 ? std::log(z == 0 ? 0.2 : 0.8) : std::log(move[(path >> (n - 1) & 1) * 2 + z]);
      log_p += log_poisson(observed[n], z == 0 ? 1.5 : 12);
    }
    sum += std::exp(log_p);
  }
  EXPECT_NEAR(t.log_likelihood, std::log(sum), 1e-6);
  const auto& y = t.columns[0];
  EXPECT_EQ(y.low, 0);
  for (size_t s = 0; s < y.size; ++s) {
    EXPECT_NEAR(y.log_p[s], log_poisson(static_cast<double>(s), 1.5), 1e-7) << s;
    EXPECT_NEAR(y.log_p[y.size + s], log_poisson(static_cast<double>(s), 12), 1e-7) << s;
  }
}

TEST(RowTables, SeveralStatesOfARowAreOneJointState) {
  const RowTables t = read(R"(
    data { int N; array[N] int<lower=0, upper=1> y; }
    parameters {
      real<lower=0, upper=1> leak;
      array[N, 2] int<lower=0, upper=1> cause;
    }
    model {
      for (n in 1:N) {
        cause[n, 1] ~ bernoulli(0.25);
        cause[n, 2] ~ bernoulli(0.5);
        y[n] ~ bernoulli(1 - (1 - leak) * (1 - 0.5 * cause[n, 1]) * (1 - 0.75 * cause[n, 2]));
      }
    })",
                           R"({"N": 3, "y": [0, 1, 1]})", R"({"leak": 0.1})");
  ASSERT_EQ(t.num_states, 4u);
  const double off[] = {0.9, 0.9 * 0.25, 0.9 * 0.5, 0.9 * 0.125};
  const double weight[] = {0.75 * 0.5, 0.75 * 0.5, 0.25 * 0.5, 0.25 * 0.5};
  for (size_t k = 0; k < 4; ++k) {
    EXPECT_NEAR(std::exp(t.columns[0].log_p[2 * k]), off[k], 1e-9);
    EXPECT_NEAR(std::exp(t.initial[k]), weight[k], 1e-9);
  }
}

// What has been summed out by hand is the distribution of a single column.
TEST(RowTables, ProgramsWithoutStatesHaveOne) {
  const RowTables t = read(R"(
    data { int N; array[N] int<lower=0> y; }
    parameters { real<lower=0> rate; real<lower=0, upper=1> zero; }
    model {
      rate ~ gamma(2, 0.1);
      for (n in 1:N) {
        if (y[n] == 0) target += log_sum_exp(log(zero), log1m(zero) - rate);
        else target += log1m(zero) + poisson_lpmf(y[n] | rate);
      }
    })",
                           R"({"N": 5, "y": [0, 4, 7, 0, 3]})", R"({"rate": 4, "zero": 0.3})");
  EXPECT_EQ(t.num_states, 1u);
  EXPECT_NEAR(t.columns[0].log_p[0], std::log(0.3 + 0.7 * std::exp(-4)), 1e-8);
  EXPECT_NEAR(t.columns[0].log_p[6], std::log(0.7) + log_poisson(6, 4), 1e-8);
  EXPECT_GT(t.columns[0].size, 20u);
}

TEST(RowTables, RealDataAreMultiplesOfAUnit) {
  const std::string program = R"(
    data { int N; vector[N] y; }
    parameters {
      ordered[2] mu;
      real<lower=0> sigma;
      array[N] int<lower=1, upper=2> z;
    }
    model {
      z ~ categorical([0.6, 0.4]');
      y ~ normal(mu[z], sigma);
    })";
  const RowTables t = read(program, R"({"N": 4, "y": [0.31, -1.04, 2.2, 1.87]})",
                           R"({"mu": [-0.5, 2], "sigma": 0.4})", {"y"}, 0.01);
  EXPECT_NEAR(std::exp(t.initial[0]), 0.6, 1e-8);
  const auto& y = t.columns[0];
  for (size_t s = 0; s < y.size; s += 7) {
    const double step = std::ldexp(1.0, static_cast<int>(y.shift));
    const double x =
        0.01 * (static_cast<double>(y.low) + step * static_cast<double>(s) + (step - 1) / 2);
    EXPECT_NEAR(y.log_p[s], log_normal(x, -0.5, 0.4) + std::log(0.01 * step), 1e-6);
  }
}

TEST(RowTables, OtherProgramsAreRefused) {
  const std::string counts = "data { int N; vector[N] x; array[N] int<lower=0> y; } ";
  const std::string data = R"({"N": 4, "x": [0, 1, 2, 3], "y": [2, 0, 3, 9]})";
  EXPECT_THAT(refusal([&] {
                read(counts + "parameters { real b; } model { y ~ poisson_log(b * x); }", data,
                     R"({"b": 0.5})");
              }),
              ::testing::HasSubstr("Rows are not alike"));
  EXPECT_THAT(refusal([&] {
                read(counts +
                         "parameters { real<lower=0> r; int<lower=0, upper=1> z; } "
                         "model { z ~ bernoulli(0.5); y ~ poisson(r + z); }",
                     data, R"({"r": 0.5})");
              }),
              ::testing::HasSubstr("does not belong to a row"));
  EXPECT_THAT(refusal([&] {
                read(counts + "parameters { real<lower=0> r; } model { y ~ poisson(r); }", data,
                     R"({"r": 0.5})", {"yy"});
              }),
              ::testing::HasSubstr("no variable `yy`"));
  EXPECT_THAT(refusal([&] {
                read(counts + "parameters { real<lower=0> r; } model { y ~ poisson(r); }", data,
                     R"({"s": 0.5})");
              }),
              ::testing::HasSubstr("no value of parameter `r`"));
  EXPECT_THAT(refusal([&] {
                read(counts + "parameters { real<lower=0> r; } model { y ~ poisson(r); }",
                     R"({"N": 4, "x": [0, 1, 2, 3], "y": [2, 0, 3, 9000]})", R"({"r": 0.5})");
              }),
              ::testing::HasSubstr("ranges from 0 to 9000"));
  // The second column depends on the first one, whatever the state.
  EXPECT_THAT(refusal([&] {
                read(
                    "data { int N; array[N, 2] int<lower=0, upper=1> y; } "
                    "parameters { real<lower=0, upper=1> p; } "
                    "model { for (n in 1:N) { y[n, 1] ~ bernoulli(p); "
                    "y[n, 2] ~ bernoulli(0.2 + 0.6 * y[n, 1]); } }",
                    R"({"N": 3, "y": [[0, 0], [1, 1], [0, 1]]})", R"({"p": 0.5})");
              }),
              ::testing::HasSubstr("columns not independent"));
}

}  // namespace
}  // namespace vinci::model
