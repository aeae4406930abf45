#include "api/conjugate_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "api/session.h"
#include "data/json.h"
#include "source/render.h"
#include "vinci/fit.h"
#include "vinci/model.h"

namespace vinci::api {
namespace {

struct Built {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  TypedProgramPtr typed;
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  infer::FitOptions options;
  std::vector<conjugate::Misfit> misfits;

  Built(const std::string& text, const std::string& json,
        infer::Method method = infer::Method::kCavi) {
    typed = compile(sources.add("test.stan", text), {}, sources, sink);
    EXPECT_TRUE(typed) << source::render_text(sink, sources);
    table = data::read_json(sources.add("test.json", json), sources, sink);
    model = model::Model::build(typed, table, {}, sink);
    EXPECT_FALSE(sink.has_errors()) << source::render_text(sink, sources);
    options.method = method;
    options.threads = 1;
  }
  std::shared_ptr<ConjugateFit> ascend() {
    return fit_conjugate(*typed, table, options, {}, misfits, sink, {});
  }
  Outcome fit() { return api::fit(*model, model.get(), options, &sources, {}, ascend()); }
};

const char* const kNormalGamma = R"(
  data { int N; vector[N] y; } parameters { real mu; real<lower=0> tau; }
  model { tau ~ gamma(2, 1); mu ~ normal(0, inv_sqrt(0.1 * tau)); y ~ normal(mu, inv_sqrt(tau)); })";
const char* const kSixNumbers = R"({"N": 6, "y": [1.2, 0.4, 2.2, 1.9, 0.7, 1.0]})";

TEST(ConjugateFit, ExactPosteriorHasConstantRatios) {
  Built b(kNormalGamma, kSixNumbers);
  const Outcome o = b.fit();
  EXPECT_EQ(o.result.verdict.grade, diagnose::Grade::kGood);
  const auto fit = b.ascend();
  ASSERT_TRUE(fit);
  // log p - log q is the evidence at every draw: the density of q, its Jacobian and its draws
  // agree.
  for (size_t i = 0; i < o.result.log_q.size(); ++i) {
    ASSERT_NEAR(o.result.log_density[i] - o.result.log_q[i], fit->ascent.elbo, 1e-8);
  }
  ASSERT_EQ(o.record.factors.size(), 2u);
  EXPECT_EQ(o.record.factors[0].family, "student-t");
  EXPECT_EQ(o.record.factors[1].family, "gamma");
  EXPECT_EQ(o.record.factors[1].params[0].second, 5);
  EXPECT_EQ(o.record.method, "cavi");
}

TEST(ConjugateFit, AutomaticMethodTakesItWhereTheProgramFits) {
  Built b(kNormalGamma, kSixNumbers, infer::Method::kAuto);
  const Outcome o = b.fit();
  EXPECT_EQ(o.record.method, "cavi");
  Built other("data { int N; vector[N] y; } parameters { real mu; } model { y ~ logistic(mu, 1); }",
              kSixNumbers, infer::Method::kAuto);
  EXPECT_EQ(other.fit().record.method, "auto");
}

// Draws and densities of every family, through every constraint: the mean of log p - log q over
// draws is the exact bound.
TEST(ConjugateFit, BoundAgreesWithMonteCarlo) {
  Built b(R"(data { int N; vector[N] y; matrix[6, 2] X; array[6] int n; array[3] vector[2] v; }
    parameters { vector[2] w; real<lower=0> alpha; real<lower=0> sigma; real<lower=0, upper=1> p;
      simplex[3] theta; array[2] real<lower=0> rate; cov_matrix[2] S; vector[2] m; real a; real c; }
    model { alpha ~ gamma(2, 1); w ~ normal(0, inv_sqrt(alpha)); y ~ normal(X * w, sigma);
      p ~ beta(2, 3); n ~ binomial(9, p); theta ~ dirichlet([1, 2, 3]'); {3, 1, 2} ~ multinomial(theta);
      rate ~ gamma(2, 1); n ~ poisson(rate[1] * rate[2]);
      S ~ inv_wishart(5, [[1, 0.2], [0.2, 2]]); m ~ normal(0, 3); v ~ multi_normal(m, S);
      a ~ normal(1, 1); c ~ normal(1, 1); 2.5 ~ normal(a * c, 0.5); })",
          R"({"N": 6, "y": [1.2, 0.4, 2.2, 1.9, 0.7, 1.0], "n": [3, 4, 2, 5, 1, 0],
              "X": [[1, 0.5], [1, -1.2], [1, 2.2], [1, 0.1], [1, 1.7], [1, -0.3]],
              "v": [[0.1, 1.2], [-0.4, 0.3], [1.0, 2.0]]})");
  const auto fit = b.ascend();
  ASSERT_TRUE(fit) << (b.misfits.empty() ? "" : b.misfits[0].message);
  const infer::FamilyPtr q = conjugate_family(fit, *b.model);
  constexpr Index kDraws = 4000;
  std::vector<double> points(static_cast<size_t>(b.model->dim() * kDraws)), log_q(kDraws),
      again(kDraws), log_p(kDraws);
  const MutableLaneMatrix block{points.data(), b.model->dim(), kDraws, kDraws};
  q->draw({7, 1}, 0, 0, block, log_q);
  const LaneMatrix at{points.data(), b.model->dim(), kDraws, kDraws};
  q->log_q(at, again);
  b.model->evaluate(at, log_p, {nullptr, 0, 0, 0});
  double mean = 0, square = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    ASSERT_NEAR(log_q[i], again[i], 1e-7 * (1 + std::abs(log_q[i])));
    const double r = log_p[i] - log_q[i];
    mean += r / kDraws;
    square += r * r / kDraws;
  }
  const double error = std::sqrt((square - mean * mean) / kDraws);
  EXPECT_NEAR(mean, fit->ascent.elbo, 4 * error);
  EXPECT_LT(error, 0.1);
}

// Numbers far from zero: expanded about where the posterior is, nothing cancels.
TEST(ConjugateFit, LargeOffsetsDoNotCancel) {
  Built near(R"(data { int N; vector[N] y; } parameters { real mu; real<lower=0> s2; }
    model { s2 ~ inv_gamma(2, 1); y ~ normal(mu, sqrt(s2)); })",
             kSixNumbers);
  Built far(R"(data { int N; vector[N] y; } parameters { real mu; real<lower=0> s2; }
    model { s2 ~ inv_gamma(2, 1); y + 1048576.0 ~ normal(mu, sqrt(s2)); })",
            kSixNumbers);
  const auto a = near.ascend(), c = far.ascend();
  ASSERT_TRUE(a && c);
  EXPECT_NEAR(a->ascent.elbo, c->ascent.elbo, 1e-6);
}

TEST(ConjugateFit, WhatDoesNotFitIsAnErrorAtItsPlace) {
  Built b(
      "data { int N; vector[N] y; } parameters { real mu; }\nmodel { y ~ logistic(mu, 1);\n  mu ~ "
      "gumbel(0, 1); }",
      kSixNumbers);
  EXPECT_FALSE(b.ascend());
  report_misfits(b.misfits, b.sink);
  const std::string text = source::render_text(b.sink, b.sources);
  EXPECT_NE(
      text.find(
          "test.stan:2:9: error: `logistic`: `logistic` is not among the conjugate densities"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("test.stan:3:3: error: `gumbel`"), std::string::npos) << text;
  Built improper(
      "data { int N; vector[N] y; } parameters { real a; real b; } model { y ~ normal(a + b, 1); }",
      kSixNumbers);
  EXPECT_FALSE(improper.ascend());
  ASSERT_EQ(improper.misfits.size(), 1u);
  EXPECT_NE(improper.misfits[0].message.find("the posterior of `a, b` is improper"),
            std::string::npos);
}

// Transformed data may draw: ascent has to see the numbers that the model was built with, whatever
// the seed of the fit is.
TEST(ConjugateFit, SeesTheTransformedDataOfTheModel) {
  const vinci::Program program = vinci::Program::from_text(R"(
    transformed data { real y = normal_rng(0, 100); }
    parameters { real mu; } model { mu ~ normal(0, 1000); y ~ normal(mu, 1); })");
  const vinci::Model model(program, vinci::Data(), {.seed = 5});
  const double by_ascent = vinci::fit(model, {.seed = 9, .method = "cavi"}).summaries()[0].mean;
  const double by_ladder = vinci::fit(model, {.seed = 9, .method = "bam"}).summaries()[0].mean;
  EXPECT_NEAR(by_ascent, by_ladder, 0.2);
}

TEST(ConjugateFit, SameBitsWhateverTheThreads) {
  Built b(kNormalGamma, kSixNumbers);
  const Outcome one = b.fit();
  b.options.threads = 2;
  const Outcome two = b.fit();
  EXPECT_EQ(one.result.draws, two.result.draws);
}

}  // namespace
}  // namespace vinci::api
