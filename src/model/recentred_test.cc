// Sites of small programs, and the laws of their densities in other coordinates.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "data/json.h"
#include "model/model.h"
#include "model/recentred_plan.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

using Strings = std::vector<std::string>;

std::unique_ptr<Model> build(const std::string& program, const std::string& json = "{}") {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  syntax::Program parsed = syntax::parse(sources.add("m.stan", program), sources, sink);
  std::unique_ptr<Model> model;
  if (!sink.has_errors()) {
    auto typed = check::check(std::move(parsed), sink);
    const data::DataTable table = data::read_json(sources.add("d.json", json), sources, sink);
    if (typed && !sink.has_errors()) {
      model = Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)), table,
                           {}, sink);
    }
  }
  EXPECT_NE(model, nullptr) << source::render_text(sink, sources);
  return model;
}

struct Program {
  const char* name;
  const char* text;
  Strings sites;
};

const Program kPrograms[] = {
    {"Centred",
     "parameters { real mu; real<lower=0> tau; vector[3] theta; }"
     "model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); theta ~ normal(mu, tau);"
     "        [28, 8, -3]' ~ normal(theta, [15, 10, 16]'); }",
     {"theta[1..3]: location mu, scale tau"}},
    {"NonCentred",
     "parameters { real mu; real<lower=0> tau; vector[3] z; }"
     "transformed parameters { vector[3] theta = mu + tau * z; }"
     "model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); z ~ std_normal();"
     "        [28, 8, -3]' ~ normal(theta, [15, 10, 16]'); }",
     {"z[1..3]: location mu, scale tau (non-centred)"}},
    {"NonCentredWithoutLocation",
     "parameters { real b; real<lower=0> s; array[2] real z; }"
     "model { b ~ normal(0, 5); s ~ exponential(1); z ~ normal(0, 1);"
     "        for (i in 1:4) { (i % 2) ~ bernoulli_logit(b * i + s * z[1 + i / 3]); } }",
     {"z[1..2]: location 0, scale s (non-centred)"}},
    {"OffsetAndMultiplier",
     "parameters { real mu; real<lower=0> tau; vector<offset=mu, multiplier=tau>[3] theta; }"
     "model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); theta ~ normal(mu, tau);"
     "        [28, 8, -3]' ~ normal(theta, [15, 10, 16]'); }",
     {"theta[1..3]: location mu, scale tau (non-centred)"}},
    {"Multiplier",
     "parameters { real<lower=0> tau; vector<multiplier=tau>[2] theta; }"
     "model { tau ~ exponential(1); theta ~ student_t(4, 0, tau); [1, 2]' ~ normal(theta, 1); }",
     {"theta[1..2]: location 0, scale tau (non-centred)"}},
    {"HeavyTails",
     "parameters { real mu; real<lower=0> s; vector[2] a; vector[2] b; vector[2] c; vector[2] d; }"
     "model { mu ~ normal(0, 1); s ~ gamma(2, 1); a ~ student_t(3, mu, s); b ~ cauchy(mu, 2 * s);"
     "        c ~ double_exponential(mu, s); d ~ logistic(mu, s);"
     "        [1, 2, 3, 4]' ~ normal(append_row(a + b, c .* d), 1); }",
     {"a[1..2]: location mu, scale s", "b[1..2]: location mu, scale ...",
      "c[1..2]: location mu, scale s"}},
    {"LogNormal",
     "parameters { real<lower=0> s; vector<lower=0>[2] a; }"
     "model { s ~ cauchy(0, 2); a ~ lognormal(0, s); [1, 2]' ~ normal(a, 1); }",
     {"a[1..2]: location 0, scale s"}},
    {"TwoLevels",
     "parameters { real m; real<lower=0> s; real<lower=0> t; vector[2] mu; array[2] vector[2] x; }"
     "model { m ~ normal(0, 1); s ~ gamma(2, 1); t ~ gamma(2, 1); mu ~ normal(m, s);"
     "        for (i in 1:2) { x[i] ~ normal(mu, t); [i, -i]' ~ normal(x[i], 0.5); } }",
     {"mu[1..2]: location m, scale s", "x[1,1..2,2]: location mu[...], scale t"}},
    {"RandomWalk",
     "parameters { real<lower=0> s; vector[4] x; }"
     "model { s ~ gamma(2, 1); x[1] ~ normal(0, 1); x[2:4] ~ normal(x[1:3], s);"
     "        [1, 3, 2, 5]' ~ normal(x, 1); }",
     {"x[2..4]: location x[...], scale s"}},
    {"StochasticScales",
     "parameters { vector[3] h; vector[3] y; real<lower=0> s; }"
     "model { s ~ gamma(2, 2); h ~ normal(0, s); y ~ normal(0, exp(h / 2));"
     "        [1, -1, 0.5]' ~ normal(y, 0.3); }",
     {"h[1..3]: location 0, scale s", "y[1..3]: location 0, scale ..."}},
    {"Reversed",
     "parameters { array[2] vector[2] x; vector[2] mu; real m; real<lower=0> s; real<lower=0> t; }"
     "model { m ~ normal(0, 1); s ~ gamma(2, 1); t ~ gamma(2, 1); mu ~ normal(m, s);"
     "        for (i in 1:2) { x[i] ~ normal(mu, t); [i, -i]' ~ normal(x[i], 0.5); } }",
     {"x[1,1..2,2]: location mu[...], scale t", "mu[1..2]: location m, scale s"}},
    // Of two that lead to each other one is given up.
    {"Cycle",
     "parameters { real x; real y; }"
     "model { x ~ normal(0, exp(0.3 * y)); y ~ normal(0, exp(0.3 * x)); 1 ~ normal(x + y, 1);"
     "        2 ~ normal(x, 1); }",
     {"x: location 0, scale ..."}},
    {"ScaleOfItself", "parameters { real x; } model { x ~ normal(0, exp(0.1 * x)); }", {}},
    {"ConstantScale",
     "parameters { real mu; vector[2] x; } model { mu ~ normal(0, 1); x ~ normal(mu, 2); }",
     {}},
    // N(x | a, s) N(x | b, s) is the same as a and b about x.
    {"TwoPriors",
     "parameters { real a; real b; real<lower=0> s; real x; }"
     "model { a ~ normal(0, 1); b ~ normal(0, 1); s ~ gamma(2, 1); x ~ normal(a, s);"
     "        x ~ normal(b, s); }",
     {"a: location x, scale s", "b: location x, scale s"}},
    {"Likelihood",
     "parameters { real<lower=0> s; vector[2] x; }"
     "model { s ~ gamma(2, 1); x ~ normal(0, 1); [1, 2]' ~ normal(x, s); }",
     {}},
    {"LikelihoodWithAZero",
     "parameters { real<lower=0> s; real x; }"
     "model { s ~ gamma(2, 1); x ~ normal(0, 1); [1, 0, 2]' ~ normal(x, s); }",
     {}},
    {"ScaleOfAnySign",
     "parameters { real s; real z; } model { s ~ normal(0, 1); z ~ normal(0, 1);"
     "  1 ~ normal(s * z, 1); }",
     {}},
    {"UsedTwice",
     "parameters { real<lower=0> s; real<lower=0> t; real z; }"
     "model { s ~ gamma(2, 1); t ~ gamma(2, 1); z ~ normal(0, 1); 1 ~ normal(s * z, 1);"
     "        2 ~ normal(t * z, 1); }",
     {}},
};

class RecentredPrograms : public ::testing::TestWithParam<Program> {};

TEST_P(RecentredPrograms, SitesAreFound) {
  const auto model = build(GetParam().text);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->describe_sites(), GetParam().sites);
  EXPECT_EQ(model->sites().empty(), GetParam().sites.empty());
}

double value_at(const LogDensity& density, std::vector<double> x, std::vector<double>* g) {
  double value = 0;
  const auto dim = static_cast<Index>(x.size());
  std::vector<double> gradient(x.size());
  density.evaluate({x.data(), dim, 1, 1}, {&value, 1}, {gradient.data(), dim, 1, 1});
  if (g != nullptr) *g = gradient;
  return value;
}

std::vector<double> original_of(const Recentred& density, std::vector<double> z, double& log_det) {
  std::vector<double> x(z.size());
  const auto dim = static_cast<Index>(z.size());
  density.to_original({z.data(), dim, 1, 1}, {x.data(), dim, 1, 1}, {&log_det, 1});
  return x;
}

/// log |det| by elimination with pivoting.
double log_abs_determinant(std::vector<std::vector<double>> a) {
  double result = 0;
  const size_t n = a.size();
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    std::swap(a[k], a[pivot]);
    result += std::log(std::abs(a[k][k]));
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  return result;
}

TEST_P(RecentredPrograms, LawsHoldAtRandomPoints) {
  const auto model = build(GetParam().text);
  ASSERT_NE(model, nullptr);
  const auto dim = static_cast<size_t>(model->dim());
  std::mt19937_64 rng(7);
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> eighths(0, 8);
  for (int trial = 0; trial < 12; ++trial) {
    std::vector<double> centring(model->sites().size());
    for (double& c : centring) {
      c = trial == 0 ? 0 : trial == 1 ? 1 : trial == 2 ? 0.5 : eighths(rng) / 8.0;
    }
    const auto recentred = model->recentred(centring);
    ASSERT_EQ(recentred->dim(), model->dim());
    std::vector<double> z(dim);
    for (double& x : z) x = normal(rng);
    double log_det = 0;
    const std::vector<double> x = original_of(*recentred, z, log_det);

    // (1) the value
    std::vector<double> gradient;
    const double value = value_at(*recentred, z, &gradient);
    const double expected = value_at(*model, x, nullptr) + log_det;
    ASSERT_TRUE(std::isfinite(expected));
    EXPECT_NEAR(value, expected, 1e-10 * (1 + std::abs(expected))) << trial;

    // (2) the inverse
    std::vector<double> back(dim);
    double log_det_back = 0;
    const auto d = static_cast<Index>(dim);
    recentred->from_original({x.data(), d, 1, 1}, {back.data(), d, 1, 1}, {&log_det_back, 1});
    for (size_t i = 0; i < dim; ++i) EXPECT_NEAR(back[i], z[i], 1e-9 * (1 + std::abs(z[i])));
    EXPECT_NEAR(log_det, log_det_back, 1e-10 * (1 + std::abs(log_det)));

    // the gradient and the Jacobian against central differences
    std::vector<std::vector<double>> jacobian(dim, std::vector<double>(dim));
    for (size_t i = 0; i < dim; ++i) {
      const double h = 1e-5;
      std::vector<double> low = z, high = z;
      low[i] -= h;
      high[i] += h;
      const double slope =
          (value_at(*recentred, high, nullptr) - value_at(*recentred, low, nullptr)) / (2 * h);
      EXPECT_NEAR(gradient[i], slope, 1e-5 * (1 + std::abs(slope))) << trial << " " << i;
      double ignored = 0;
      const auto x_low = original_of(*recentred, low, ignored);
      const auto x_high = original_of(*recentred, high, ignored);
      for (size_t r = 0; r < dim; ++r) jacobian[r][i] = (x_high[r] - x_low[r]) / (2 * h);
    }
    EXPECT_NEAR(log_abs_determinant(jacobian), log_det, 1e-6 * (1 + std::abs(log_det))) << trial;
  }
}

TEST_P(RecentredPrograms, HessianVectorProductsAreExactAndOnThePattern) {
  const auto model = build(GetParam().text);
  ASSERT_NE(model, nullptr);
  const auto dim = static_cast<size_t>(model->dim());
  const auto d = static_cast<Index>(dim);
  std::mt19937_64 rng(3);
  std::normal_distribution<double> normal;
  for (const double c : {0.0, 0.375, 1.0}) {
    const auto recentred = model->recentred(std::vector<double>(model->sites().size(), c));
    EXPECT_TRUE(recentred->has_exact_hessian_vector());
    const auto pattern = recentred->hessian_pattern(1000);
    ASSERT_TRUE(pattern);
    std::vector<double> z(dim), exact(dim), difference(dim);
    for (double& x : z) x = normal(rng);
    for (size_t j = 0; j < dim; ++j) {
      std::vector<double> v(dim, 0.0);
      v[j] = 1;
      const LaneMatrix at{z.data(), d, 1, 1}, along{v.data(), d, 1, 1};
      recentred->hessian_vector(at, along, {exact.data(), d, 1, 1});
      recentred->LogDensity::hessian_vector(at, along, {difference.data(), d, 1, 1});
      double size = 1;
      for (const double x : exact) size = std::max(size, std::abs(x));
      for (size_t i = 0; i < dim; ++i) {
        EXPECT_NEAR(exact[i], difference[i], 1e-6 * size) << c << " " << i << " " << j;
        const std::pair<int32_t, int32_t> pair(static_cast<int32_t>(std::max(i, j)),
                                               static_cast<int32_t>(std::min(i, j)));
        const bool on_pattern =
            i == j || std::find(pattern->begin(), pattern->end(), pair) != pattern->end();
        if (!on_pattern) {
          EXPECT_EQ(exact[i], 0) << c << " " << i << " " << j;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, RecentredPrograms, ::testing::ValuesIn(kPrograms),
                         [](const auto& program) { return std::string(program.param.name); });

TEST(Recentred, NothingCancelsWhereTheScaleIsSmall) {
  const auto model = build(kPrograms[0].text);
  const auto sites = model->sites();
  for (const double c : {0.0, 0.5}) {
    const auto recentred = model->recentred(std::vector<double>(sites.size(), c));
    // mu = 1, log tau = -30: x - mu is below the rounding of x.
    const double d = std::exp(-30 * c);
    std::vector<double> z = {1, -30, c + 0.3 * d, c - 0.2 * d, c + 0.1 * d};
    std::vector<double> g;
    const double value = value_at(*recentred, z, &g);
    double log_det = 0;
    original_of(*recentred, z, log_det);
    EXPECT_NEAR(log_det, 3 * (1 - c) * -30, 1e-12);
    // Of the three residuals in units of their scale, 0.3, -0.2 and 0.1, and of the data.
    const double log_2pi = std::log(2 * M_PI);
    double expected = -0.5 * (0.09 + 0.04 + 0.01) - 1.5 * log_2pi + 3 * c * 30;
    expected += -0.5 / 25 - std::log(5) - 0.5 * log_2pi;                      // mu
    expected += -30 - std::log(5 * M_PI) - std::log1p(std::exp(-60.0) / 25);  // tau
    const double y[] = {28, 8, -3}, sigma[] = {15, 10, 16};
    for (int j = 0; j < 3; ++j) {
      const double r = (y[j] - 1) / sigma[j];
      expected += -0.5 * r * r - std::log(sigma[j]) - 0.5 * log_2pi;
    }
    EXPECT_NEAR(value, expected, 1e-4 * c + 1e-10 * std::abs(expected)) << c;
    EXPECT_NEAR(g[2] * d, -0.3, 1e-4) << c;
  }
}

TEST(Recentred, OwnCentringIsTheDensityItself) {
  for (const Program& program : kPrograms) {
    const auto model = build(program.text);
    std::vector<double> own;
    for (const auto& site : model->sites()) own.push_back(site.centred ? 1 : 0);
    const auto recentred = model->recentred(own);
    std::vector<double> z(static_cast<size_t>(model->dim()));
    for (size_t i = 0; i < z.size(); ++i) z[i] = std::sin(1.0 + static_cast<double>(i));
    double log_det = 1;
    EXPECT_EQ(original_of(*recentred, z, log_det), z) << program.name;
    EXPECT_EQ(log_det, 0);
    const double value = value_at(*model, z, nullptr);
    EXPECT_NEAR(value_at(*recentred, z, nullptr), value, 1e-12 * (1 + std::abs(value)));
  }
}

// The shared centring of a plate keeps the plate: what is evaluated does not grow with it.
TEST(Recentred, CostsNoMoreThanTheModel) {
  std::string y = "[0";
  for (int j = 1; j < 200; ++j) y += ", " + std::to_string(j % 7);
  const auto model = build(
      "data { vector[200] y; }"
      "parameters { real mu; real<lower=0> tau; vector[200] theta; }"
      "model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); theta ~ normal(mu, tau);"
      "        y ~ normal(theta, 1); }",
      "{\"y\": " + y + "]}");
  for (const double c : {0.0, 0.5, 1.0}) {
    const auto recentred = model->recentred(std::vector<double>(200, c));
    const auto& plan = static_cast<const RecentredPlan&>(*recentred).plan();
    EXPECT_LE(plan.num_instructions(), model->plan().num_instructions() + 12) << c;
  }
}

}  // namespace
}  // namespace vinci::model
