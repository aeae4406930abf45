#include "api/conjugate_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
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
  const auto coordinates = std::make_shared<ConjugateCoordinates>(fit->model, *b.model);
  const auto q = std::make_shared<ConjugateFamily>(coordinates);
  constexpr Index kDraws = 4000;
  std::vector<double> points(static_cast<size_t>(b.model->dim() * kDraws)), log_q(kDraws),
      again(kDraws), log_p(kDraws);
  const MutableLaneMatrix block{points.data(), b.model->dim(), kDraws, kDraws};
  q->draw({7, 1}, 0, 0, block, log_q);
  const LaneMatrix at{points.data(), b.model->dim(), kDraws, kDraws};
  q->log_q(at, again);
  b.model->evaluate(at, log_p, {nullptr, 0, 0, 0});
  // The network's own density is the model's.
  std::vector<double> own(kDraws);
  ConjugateDensity(coordinates).evaluate(at, own, {nullptr, 0, 0, 0});
  double mean = 0, square = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    ASSERT_NEAR(own[i], log_p[i], 1e-8 * (1 + std::abs(log_p[i])));
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

/// Names of the rows that are of one of several equal modes.
std::vector<std::string> of_one_mode(const Outcome& o) {
  std::vector<std::string> names;
  for (const draws::ParameterSummary& p : o.record.parameters) {
    if (p.is_of_one_mode) names.push_back(p.name);
  }
  return names;
}

const char* const kTwoGroups = R"({"N": 12, "y": [-3.1, -2.8, -3.3, -2.6, -3.0, -2.9,
    3.2, 2.7, 3.1, 2.9, 3.4, 2.5]})";

std::string mixture(const char* prior) {
  return std::string(R"(data { int N; vector[N] y; }
    parameters { vector[2] mu; real<lower=0> tau; array[N] int<lower=1, upper=2> z; }
    transformed parameters { real middle = mean(mu); real first = mu[1]; }
    model { tau ~ gamma(2, 1); z ~ categorical([0.5, 0.5]'); )") +
         prior + R"(
      for (n in 1:N) y[n] ~ normal(mu[z[n]], inv_sqrt(tau)); }
    generated quantities { real apart = abs(mu[2] - mu[1]); real y_new = normal_rng(mu[categorical_rng([0.5, 0.5]')], 1); })";
}

// Equal priors: labels are arbitrary. What depends on them is marked, and the verdict is not good;
// priors that tell the components apart leave nothing to mark.
TEST(ConjugateFit, ExchangeableLabelsAreNotGood) {
  for (const auto method : {infer::Method::kCavi, infer::Method::kAuto}) {
    Built b(mixture("mu ~ normal(0, 10);"), kTwoGroups, method);
    const Outcome o = b.fit();
    EXPECT_EQ(o.record.method, "cavi");
    EXPECT_EQ(o.result.verdict.grade, diagnose::Grade::kUsable);
    EXPECT_NE(o.record.verdict_sentence.find("rows marked `mode`"), std::string::npos);
    EXPECT_NE(o.record.reasons[1].find("labels of states 1, 2 of `z` are arbitrary"),
              std::string::npos)
        << o.record.reasons[1];
    std::vector<std::string> names{"mu[1]", "mu[2]"};
    for (int n = 1; n <= 12; ++n) names.push_back("z[" + std::to_string(n) + "]");
    names.push_back("first");
    EXPECT_EQ(of_one_mode(o), names);
    Built told(mixture("mu[1] ~ normal(-3, 1); mu[2] ~ normal(3, 1);"), kTwoGroups, method);
    const Outcome good = told.fit();
    EXPECT_EQ(good.result.verdict.grade, diagnose::Grade::kGood) << good.record.reasons[0];
    EXPECT_TRUE(of_one_mode(good).empty());
  }
}

// Equal labels stand in order of their weights, wherever the ascent went: in draws, states, factors
// and remarks alike.
TEST(ConjugateFit, EqualStatesAreInOrderOfTheirWeights) {
  bool was_ordered = false;
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    Built b(R"(data { int N; vector[N] y; }
      parameters { simplex[3] theta; vector[3] mu; array[N] int<lower=1, upper=3> z; }
      model { theta ~ dirichlet([2, 2, 2]'); mu ~ normal(0, 10); z ~ categorical(theta);
        for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); })",
            R"({"N": 12, "y": [-8.2, -0.2, 0.1, 0.3, 0.2, -0.4, 6.1, 5.8, 6.2, -0.1, -8.1, 0]})");
    b.options.seed = seed;
    b.options.resample = false;
    const auto fit = b.ascend();
    ASSERT_TRUE(fit);
    const Outcome o = api::fit(*b.model, b.model.get(), b.options, &b.sources, {}, fit);
    const auto row = [&](const std::string& name) {
      for (const draws::ParameterSummary& p : o.record.parameters) {
        if (p.name == name) return p;
      }
      ADD_FAILURE() << name;
      return draws::ParameterSummary();
    };
    const auto factor = [&](const std::string& name, size_t param) {
      for (const draws::Factor& f : o.record.factors) {
        if (f.parameter == name) return f.params[param].second;
      }
      ADD_FAILURE() << name;
      return 0.0;
    };
    const double centres[] = {0, 6, -8}, counts[] = {7, 3, 2};
    for (size_t k = 0; k < 3; ++k) {
      const std::string mu = "mu[" + std::to_string(k + 1) + "]";
      EXPECT_NEAR(row(mu).mean, centres[k], 0.5);
      EXPECT_NEAR(factor(mu, 0), centres[k], 0.5);
      EXPECT_NEAR(factor("theta", k), 2 + counts[k], 0.01);
    }
    EXPECT_GT(row("z[2]").probabilities[0], 0.99);
    EXPECT_GT(row("z[7]").probabilities[1], 0.99);
    EXPECT_GT(row("z[1]").probabilities[2], 0.99);
    // The order is that of the image, whose density and mass are q's.
    double mean = 0;
    for (size_t i = 0; i < o.result.log_q.size(); ++i)
      mean += (o.result.log_density[i] - o.result.log_q[i]) /
              static_cast<double>(o.result.log_q.size());
    EXPECT_NEAR(mean, fit->ascent.elbo, 0.1);
    EXPECT_NE(std::find(o.record.reasons.begin(), o.record.reasons.end(),
                        "The labels of states 1, 2, 3 of `z` are in order of their weights, the "
                        "largest first."),
              o.record.reasons.end());
    const auto symmetries = conjugate::find_symmetries(
        *fit->model, [&](std::span<const double> x) { return fit->model->network.log_density(x); },
        seed);
    was_ordered = was_ordered || !symmetries.equal.at(0).order.empty();
  }
  EXPECT_TRUE(was_ordered);  // some of them needed it
}

// Draws on the boundary (shares that underflow) have no image; the others tell what is marked.
TEST(ConjugateFit, MarksWhatDrawsInsideTellOfOtherModes) {
  Built b(R"(data { int N; vector[N] y; }
    parameters { vector[2] mu; simplex[3] w; array[N] int<lower=1, upper=2> z; }
    transformed parameters { real middle = mean(mu); real first = mu[1]; }
    model { w ~ dirichlet(rep_vector(0.005, 3)); z ~ categorical([0.5, 0.5]');
      mu ~ normal(0, 10); for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); })",
          kTwoGroups);
  b.options.resample = false;
  const Outcome o = b.fit();
  const auto fit = b.ascend();
  ASSERT_TRUE(fit);
  const ConjugateCoordinates coordinates(fit->model, *b.model);
  std::vector<std::vector<double>> leaves;
  std::vector<double> unused(1), point(static_cast<size_t>(o.result.dim));
  Index inside = 0;
  for (Index i = 0; i < 256; ++i) {
    std::copy_n(o.result.draws.begin() + i * o.result.dim, o.result.dim, point.begin());
    coordinates.to_leaves({point.data(), o.result.dim, 1, 1}, leaves, unused);
    inside += coordinates.to_coordinates(leaves[0], unused) ? 1 : 0;
    unused.resize(1);
  }
  ASSERT_LT(inside, 256);
  ASSERT_GT(inside, 128);
  const std::vector<std::string> names = of_one_mode(o);
  EXPECT_EQ(std::count(names.begin(), names.end(), "first"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "middle"), 0);
}

// Hardly different priors leave a rival mode of known mass: that is worse than arbitrary labels.
TEST(ConjugateFit, NearlyEqualPriorsLeaveARival) {
  Built b(mixture("mu[1] ~ normal(-0.1, 5); mu[2] ~ normal(0.1, 5);"), kTwoGroups);
  EXPECT_EQ(b.fit().result.verdict.grade, diagnose::Grade::kBad);
  // Nor does the ladder, which is tried after that, make it good.
  Built either(mixture("mu[1] ~ normal(-0.1, 5); mu[2] ~ normal(0.1, 5);"), kTwoGroups,
               infer::Method::kAuto);
  const Outcome o = either.fit();
  EXPECT_NE(o.result.verdict.grade, diagnose::Grade::kGood);
}

TEST(ConjugateFit, SignsOfFactorsAreNotGood) {
  Built b(R"(parameters { real a; real c; } model { a ~ normal(0, 1); c ~ normal(0, 1);
    3 ~ normal(a * c, 0.5); })",
          "{}");
  const Outcome o = b.fit();
  EXPECT_NE(o.result.verdict.grade, diagnose::Grade::kGood);
  EXPECT_EQ(of_one_mode(o), (std::vector<std::string>{"a", "c"}));
}

// Without an elimination the network sums the states out: the same density, the same posterior of
// the states, as those of the eliminated model; plates, chains, documents and augmented outcomes.
TEST(ConjugateFit, NetworkSumsStatesOutAsEliminationDoes) {
  const std::pair<const char*, const char*> programs[] = {
      {R"(data { int N; vector[N] y; }
    parameters { vector[2] mu; simplex[2] theta; real<lower=0> tau; array[N] int<lower=1, upper=2> z; }
    model { tau ~ gamma(2, 1); z ~ categorical(theta); mu ~ normal(0, 5); theta ~ dirichlet([1, 2]');
      for (n in 1:N) y[n] ~ normal(mu[z[n]], inv_sqrt(tau)); })",
       R"({"N": 5, "y": [-1.1, 0.8, 2.3, 0.4, 2]})"},
      {R"(data { int N; vector[N] y; }
    parameters { array[2] simplex[2] A; vector[2] mu; array[N] int<lower=1, upper=2> z; }
    model { mu ~ normal(0, 5); z[1] ~ categorical([0.5, 0.5]'); A[1] ~ dirichlet([2, 1]');
      A[2] ~ dirichlet([1, 1]'); for (n in 2:N) z[n] ~ categorical(A[z[n - 1]]);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); })",
       R"({"N": 5, "y": [-1.1, 0.8, 2.3, 0.4, 2]})"},
      {R"(data { int N; array[N] int doc; array[N] int w; }
    parameters { array[2] simplex[2] theta; array[2] simplex[3] phi; array[N] int<lower=1, upper=2> z; }
    model { for (d in 1:2) theta[d] ~ dirichlet([0.5, 0.9]'); for (k in 1:2) phi[k] ~ dirichlet([1, 2, 1]');
      for (n in 1:N) { z[n] ~ categorical(theta[doc[n]]); w[n] ~ categorical(phi[z[n]]); } })",
       R"({"N": 8, "doc": [1, 1, 1, 1, 2, 2, 2, 2], "w": [1, 1, 2, 3, 3, 2, 3, 3]})"},
      {R"(data { int N; vector[N] x; array[N] int o; }
    parameters { real b; real e; real<lower=0> s; int<lower=1, upper=3> k; vector<lower=0>[3] r; }
    model { s ~ cauchy(0, 1); b ~ normal(0, s); e ~ double_exponential(b, 2 * s);
      2 ~ poisson_log(e + 0.5 * b); 3 ~ neg_binomial_2_log(b, 2); o ~ bernoulli_logit(b * x); r ~ gamma(2, 1);
      k ~ categorical([0.2, 0.3, 0.5]'); 4 ~ poisson(r[k]); 5 ~ poisson(r[1] + 2 * r[2] + 0.5); })",
       R"({"N": 4, "x": [1, -1, 0.5, 2], "o": [1, 0, 1, 0]})"}};
  for (const auto& [text, json] : programs) {
    Built b(text, json);
    const auto fit = b.ascend();
    ASSERT_TRUE(fit) << (b.misfits.empty() ? "" : b.misfits[0].message);
    ASSERT_TRUE(fit->model->network.has_density());
    const auto coordinates = std::make_shared<ConjugateCoordinates>(fit->model, *b.model);
    constexpr Index kLanes = 20;
    std::vector<double> points(static_cast<size_t>(b.model->dim() * kLanes)), unused(kLanes),
        own(kLanes), log_p(kLanes);
    ConjugateFamily(coordinates)
        .draw({7, 1}, 0, 0, {points.data(), b.model->dim(), kLanes, kLanes}, unused);
    const LaneMatrix at{points.data(), b.model->dim(), kLanes, kLanes};
    ConjugateDensity(coordinates).evaluate(at, own, {nullptr, 0, 0, 0});
    b.model->evaluate(at, log_p, {nullptr, 0, 0, 0});
    for (size_t l = 0; l < kLanes; ++l)
      EXPECT_NEAR(own[l], log_p[l], 1e-9 * (1 + std::abs(log_p[l]))) << text;
    const auto num_states = static_cast<size_t>(b.model->state_posterior().num_states());
    std::vector<double> network(num_states, 0.0), model(num_states, 0.0), drawn(num_states, 0.0);
    const std::vector<double> weights(kLanes, 1.0 / kLanes);
    add_state_probabilities(*coordinates, at, weights, network);
    b.model->state_posterior().add_marginals(at, weights, model);
    // Draws have these probabilities, within five deviations of 20 x 200 of them.
    const auto& variables = b.model->discrete_variables();
    const auto rows = std::ssize(variables);
    std::vector<double> states(static_cast<size_t>(rows * kLanes));
    constexpr int kRepeats = 200;
    for (int r = 0; r < kRepeats; ++r) {
      draw_states(*coordinates, at, 3, static_cast<uint64_t>(r) * kLanes,
                  {states.data(), rows, kLanes, kLanes});
      size_t first = 0;
      for (Index m = 0; m < rows; ++m) {
        const graph::DiscreteVariable& v = variables[static_cast<size_t>(m)];
        for (Index l = 0; l < kLanes; ++l) {
          const auto k = static_cast<size_t>(states[static_cast<size_t>(m * kLanes + l)]) -
                         static_cast<size_t>(v.low);
          drawn[first + k] += 1.0 / (kLanes * kRepeats);
        }
        first += static_cast<size_t>(v.num_states());
      }
    }
    for (size_t k = 0; k < num_states; ++k) {
      EXPECT_NEAR(network[k], model[k], 1e-10) << text;
      EXPECT_NEAR(drawn[k], model[k], 5 * 0.5 / std::sqrt(kLanes * kRepeats)) << text;
    }
  }
}

}  // namespace
}  // namespace vinci::api
