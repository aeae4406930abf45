// Programs with discrete parameters as models: the density with the states summed out against all
// states of the joint one, closed forms, and what is recovered of the states.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "data/json.h"
#include "model/model.h"
#include "numeric/special/special.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Built {
  std::unique_ptr<Model> model;
  std::string diagnostics;
};

Built build(const std::string& program, const std::string& json = "{}", bool marginalise = true) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Built out;
  auto parsed = syntax::parse(sources.add("m.stan", program), sources, sink);
  std::optional<check::TypedProgram> typed;
  if (!sink.has_errors()) typed = check::check(std::move(parsed), sink);
  if (typed) {
    const data::DataTable table = data::read_json(sources.add("d.json", json), sources, sink);
    BuildOptions options;
    options.marginalise = marginalise;
    if (!sink.has_errors()) {
      out.model = Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)),
                               table, options, sink);
    }
  }
  sink.drop_notes();
  out.diagnostics = source::render_text(sink, sources);
  return out;
}

double log_density(const LogDensity& density, const std::vector<double>& point,
                   std::vector<double>* gradient = nullptr) {
  double value = 0;
  std::vector<double> slope(std::max<size_t>(point.size(), 1));
  density.evaluate({point.data(), density.dim(), 1, 1}, {&value, 1},
                   {slope.data(), density.dim(), 1, 1});
  if (gradient != nullptr) *gradient = slope;
  return value;
}

/// log p(theta, z) at every joint state, the last variable fastest, and the states.
struct AllStates {
  std::vector<std::vector<double>> states;
  std::vector<double> value;
  std::vector<std::vector<double>> gradient;
};
AllStates all_states(const Model& model, const std::vector<double>& theta) {
  AllStates all;
  const auto& variables = model.discrete_variables();
  std::vector<double> z;
  for (const auto& v : variables) z.push_back(static_cast<double>(v.low));
  for (bool more = true; more;) {
    std::vector<double> point = theta;
    point.insert(point.end(), z.begin(), z.end());
    all.states.push_back(z);
    all.gradient.emplace_back();
    all.value.push_back(log_density(model.joint(), point, &all.gradient.back()));
    more = false;
    for (size_t m = z.size(); m-- > 0;) {
      if (++z[m] <= static_cast<double>(variables[m].high)) {
        more = true;
        break;
      }
      z[m] = static_cast<double>(variables[m].low);
    }
  }
  return all;
}

std::vector<double> marginals(const Model& model, const std::vector<double>& theta) {
  const StatePosterior& posterior = model.state_posterior();
  std::vector<double> sum(static_cast<size_t>(posterior.num_states()), 0.0);
  const double one = 1;
  posterior.add_marginals({theta.data(), model.dim(), 1, 1}, {&one, 1}, sum);
  return sum;
}

/// Density, gradient and marginals against all joint states, at a few points.
void expect_sum_over_states(const std::string& program, const std::string& json = "{}") {
  SCOPED_TRACE(program);
  const Built built = build(program, json);
  ASSERT_TRUE(built.model) << built.diagnostics;
  const Model& model = *built.model;
  for (int point = 0; point < 3; ++point) {
    std::vector<double> theta;
    for (Index d = 0; d < model.dim(); ++d) {
      theta.push_back(0.8 * std::sin(1.7 * static_cast<double>(d) + point));
    }
    const AllStates all = all_states(model, theta);
    const double expected = numeric::log_sum_exp(all.value);
    std::vector<double> gradient;
    const double got = log_density(model, theta, &gradient);
    EXPECT_NEAR(got, expected, 1e-11 * std::max(1.0, std::abs(expected)));
    std::vector<double> slope(theta.size(), 0.0);
    std::vector<double> p(static_cast<size_t>(model.state_posterior().num_states()), 0.0);
    for (size_t s = 0; s < all.value.size(); ++s) {
      const double weight = std::exp(all.value[s] - expected);
      for (size_t d = 0; d < theta.size(); ++d) slope[d] += weight * all.gradient[s][d];
      for (size_t m = 0; m < all.states[s].size(); ++m) {
        const double low = static_cast<double>(model.discrete_variables()[m].low);
        p[static_cast<size_t>(model.state_posterior().first_state(m)) +
          static_cast<size_t>(all.states[s][m] - low)] += weight;
      }
    }
    for (size_t d = 0; d < theta.size(); ++d) EXPECT_NEAR(gradient[d], slope[d], 1e-9);
    const std::vector<double> found = marginals(model, theta);
    for (size_t k = 0; k < p.size(); ++k) EXPECT_NEAR(found[k], p[k], 1e-11) << k;
  }
}

TEST(DiscreteModel, DensityAndMarginalsAreSumsOverStates) {
  // independent variables of different supports
  expect_sum_over_states(
      "parameters { array[3] int<lower=1, upper=2> z; int<lower=-1, upper=1> k; simplex[2] p; "
      "vector[2] mu; } model { z ~ categorical(p); {0.3, -1.0, 2.0} ~ normal(mu[z], 1.5); "
      "mu ~ normal(0, 2); target += k * mu[1] - square(k); }");
  // a chain, and one of second order
  expect_sum_over_states(
      "parameters { array[5] int<lower=1, upper=3> z; array[3] simplex[3] a; vector[3] mu; } model "
      "{ for (t in 2:5) { z[t] ~ categorical(a[z[t - 1]]); 0.1 * t ~ normal(mu[z[t]], 1); } }");
  expect_sum_over_states(
      "parameters { array[5] int<lower=0, upper=1> z; array[2, 2] real<lower=0, upper=1> a; } "
      "model "
      "{ for (t in 3:5) z[t] ~ bernoulli(a[1 + z[t - 1], 1 + z[t - 2]]); }");
  // a tree with a hub, a loop, a clique
  expect_sum_over_states(
      "parameters { int<lower=1, upper=3> hub; array[4] int<lower=0, upper=1> z; vector[3] x; } "
      "model { z ~ bernoulli_logit(x[hub]); hub ~ categorical(softmax(x)); }");
  expect_sum_over_states(
      "parameters { array[4] int<lower=-1, upper=1> z; real w; } model { target += w * (z[1] * "
      "z[2] "
      "+ z[2] * z[3] + z[3] * z[4] + z[4] * z[1]); z[1] * z[3] ~ normal(w, 1); }");
  // a scale, and a bound of an outcome, that only some states allow
  expect_sum_over_states(
      "parameters { array[2] int<lower=0, upper=2> z; real x; } model { 0.2 ~ normal(x, z[1]); x ~ "
      "normal(z[1] - z[2], 1); if (z[2] > 0) target += log(z[2]); }");
  // bounds and transformed parameters that depend on states
  expect_sum_over_states(
      "parameters { int<lower=1, upper=2> z; real<lower=z> x; } transformed parameters { real y = "
      "x * z; } model { y ~ exponential(1); }");
  // counts: the population size of a binomial
  expect_sum_over_states(
      "parameters { array[2] int<lower=0, upper=9> n; real<lower=0> rate; real<lower=0, upper=1> "
      "p; "
      "} model { n ~ poisson(rate); {2, 5} ~ binomial(n, p); rate ~ gamma(2, 1); }");
}

// The network of a lawn: cloudy, sprinkler, rain, wet grass; all conditional probabilities by hand.
TEST(DiscreteModel, SprinklerNetworkWithoutContinuousParameters) {
  const Built built = build(
      "parameters { int<lower=0, upper=1> cloudy; int<lower=0, upper=1> sprinkler; int<lower=0, "
      "upper=1> rain; } model { cloudy ~ bernoulli(0.5); sprinkler ~ bernoulli(cloudy ? 0.1 : 0.5);"
      "rain ~ bernoulli(cloudy ? 0.8 : 0.2); array[2, 2] real wet = {{0.0, 0.9}, {0.9, 0.99}};"
      "1 ~ bernoulli(wet[1 + sprinkler, 1 + rain]); }");
  ASSERT_TRUE(built.model) << built.diagnostics;
  double wet = 0, wet_rain = 0, wet_sprinkler = 0;
  for (int c = 0; c < 2; ++c) {
    for (int s = 0; s < 2; ++s) {
      for (int r = 0; r < 2; ++r) {
        const double ps = c == 1 ? 0.1 : 0.5, pr = c == 1 ? 0.8 : 0.2;
        const double pw = s + r == 0 ? 0 : s + r == 1 ? 0.9 : 0.99;
        const double p = 0.5 * (s == 1 ? ps : 1 - ps) * (r == 1 ? pr : 1 - pr) * pw;
        wet += p;
        wet_rain += r * p;
        wet_sprinkler += s * p;
      }
    }
  }
  EXPECT_EQ(built.model->dim(), 0);
  EXPECT_NEAR(log_density(*built.model, {}), std::log(wet), 1e-14);
  EXPECT_NEAR(wet, 0.6471, 1e-12);
  const std::vector<double> p = marginals(*built.model, {});
  EXPECT_NEAR(p[3], wet_sprinkler / wet, 1e-14);
  EXPECT_NEAR(p[5], wet_rain / wet, 1e-14);
  EXPECT_NEAR(p[5], 0.4581 / 0.6471, 1e-12);
}

// Lauritzen and Spiegelhalter's chest clinic ("Asia") [1988, table 1]: a loop of eight variables.
TEST(DiscreteModel, ChestClinicNetwork) {
  const std::string body =
      "asia ~ bernoulli(0.01); smoke ~ bernoulli(0.5); tub ~ bernoulli(asia ? 0.05 : 0.01);"
      "lung ~ bernoulli(smoke ? 0.1 : 0.01); bronc ~ bernoulli(smoke ? 0.6 : 0.3);"
      "int either = tub || lung; 1 ~ bernoulli(either ? 0.98 : 0.05);"
      "array[2, 2] real d = {{0.1, 0.8}, {0.7, 0.9}}; 1 ~ bernoulli(d[1 + either, 1 + bronc]);";
  std::string declarations;
  for (const char* name : {"asia", "smoke", "tub", "lung", "bronc"}) {
    declarations += std::string("int<lower=0, upper=1> ") + name + "; ";
  }
  expect_sum_over_states("parameters { " + declarations + "} model { " + body + "}");
}

// P(finding | diseases) = 1 - leak prod (1 - q_i)^{d_i}.
TEST(DiscreteModel, NoisyOr) {
  const Built built = build(
      "parameters { array[3] int<lower=0, upper=1> d; } model { d ~ bernoulli({0.1, 0.2, 0.3}); "
      "vector[3] q = [0.8, 0.5, 0.9]'; 1 ~ bernoulli(1 - 0.99 * exp(dot_product(to_vector(d), "
      "log1m(q)))); }");
  ASSERT_TRUE(built.model) << built.diagnostics;
  const double prior[] = {0.1, 0.2, 0.3}, q[] = {0.8, 0.5, 0.9};
  double evidence = 0, first = 0;
  for (int s = 0; s < 8; ++s) {
    double p = 1, off = 0.99;
    for (int i = 0; i < 3; ++i) {
      const bool on = ((s >> i) & 1) != 0;
      p *= on ? prior[i] : 1 - prior[i];
      if (on) off *= 1 - q[i];
    }
    evidence += p * (1 - off);
    if ((s & 1) != 0) first += p * (1 - off);
  }
  EXPECT_NEAR(log_density(*built.model, {}), std::log(evidence), 1e-13);
  EXPECT_NEAR(marginals(*built.model, {})[1], first / evidence, 1e-13);
}

// Disasters in British coal mines, in miniature: the rate changes in an unknown year.
TEST(DiscreteModel, ChangePoint) {
  const std::vector<int> y = {4, 5, 4, 1, 0, 4, 3, 4, 0, 1, 1, 0, 2, 1, 0, 1};
  std::string json = "{\"T\": 16, \"y\": [";
  for (size_t t = 0; t < y.size(); ++t) json += (t > 0 ? "," : "") + std::to_string(y[t]);
  const Built built = build(
      "data { int T; array[T] int y; } parameters { int<lower=1, upper=T> s; real<lower=0> early; "
      "real<lower=0> late; } model { early ~ exponential(1); late ~ exponential(1); for (t in 1:T) "
      "y[t] ~ poisson(t < s ? early : late); target += -log(T); }",
      json + "]}");
  ASSERT_TRUE(built.model) << built.diagnostics;
  const double u[] = {1.1, -0.4};
  const double rate[] = {std::exp(u[0]), std::exp(u[1])};
  std::vector<double> log_p;
  for (int s = 1; s <= 16; ++s) {
    double lp = -rate[0] - rate[1] + u[0] + u[1] - std::log(16.0);
    for (int t = 1; t <= 16; ++t) {
      const double r = t < s ? rate[0] : rate[1];
      lp += y[size_t(t - 1)] * std::log(r) - r - std::lgamma(y[size_t(t - 1)] + 1.0);
    }
    log_p.push_back(lp);
  }
  const double expected = numeric::log_sum_exp(log_p);
  EXPECT_NEAR(log_density(*built.model, {u[0], u[1]}), expected, 1e-12);
  const std::vector<double> p = marginals(*built.model, {u[0], u[1]});
  for (size_t s = 0; s < 16; ++s) EXPECT_NEAR(p[s], std::exp(log_p[s] - expected), 1e-12);
  EXPECT_EQ(built.model->describe_elimination(),
            std::vector<std::string>{"s: 16 states, enumeration"});
}

TEST(DiscreteModel, IsingGridAgainstBruteForce) {
  const std::string program =
      "data { real J; } parameters { array[3, 3] int<lower=0, upper=1> up; } model { for (i in "
      "1:3) "
      "for (j in 1:3) { int s = 2 * up[i, j] - 1; if (i < 3) target += J * s * (2 * up[i + 1, j] - "
      "1); if (j < 3) target += J * s * (2 * up[i, j + 1] - 1); target += 0.1 * (i - j) * s; } }";
  const Built built = build(program, "{\"J\": 0.44}");
  ASSERT_TRUE(built.model) << built.diagnostics;
  std::vector<double> log_p;
  std::vector<double> up(9, 0.0);
  for (int state = 0; state < 512; ++state) {
    const auto s = [&](int i, int j) { return ((state >> (3 * i + j)) & 1) != 0 ? 1.0 : -1.0; };
    double lp = 0;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        if (i < 2) lp += 0.44 * s(i, j) * s(i + 1, j);
        if (j < 2) lp += 0.44 * s(i, j) * s(i, j + 1);
        lp += 0.1 * (i - j) * s(i, j);
      }
    }
    log_p.push_back(lp);
  }
  const double expected = numeric::log_sum_exp(log_p);
  for (int state = 0; state < 512; ++state) {
    for (int k = 0; k < 9; ++k) {
      if (((state >> k) & 1) != 0) up[size_t(k)] += std::exp(log_p[size_t(state)] - expected);
    }
  }
  EXPECT_NEAR(log_density(*built.model, {}), expected, 1e-12);
  const std::vector<double> p = marginals(*built.model, {});
  for (size_t k = 0; k < 9; ++k) EXPECT_NEAR(p[2 * k + 1], up[k], 1e-12) << k;
}

// Draws of the states given the parameters have the exact probabilities of joint states.
TEST(DiscreteModel, StatesAreDrawnFromTheirPosterior) {
  const Built built = build(
      "parameters { array[3] int<lower=1, upper=2> z; real x; } transformed parameters { real y = "
      "x "
      "+ z[2]; } model { z[1] ~ categorical([0.3, 0.7]'); for (t in 2:3) z[t] ~ "
      "categorical(z[t - 1] == 1 ? [0.8, 0.2]' : [0.4, 0.6]'); {0.0, 2.5, 1.0} ~ "
      "normal(to_vector(z) * x, 1); }");
  ASSERT_TRUE(built.model) << built.diagnostics;
  const Model& model = *built.model;
  const std::vector<double> theta = {0.7};
  const AllStates all = all_states(model, theta);
  const double total = numeric::log_sum_exp(all.value);
  constexpr Index kDraws = 40'000;
  const std::vector<double> points(kDraws, theta[0]);
  std::vector<double> out(5 * kDraws);
  model.constrain({points.data(), 1, kDraws, kDraws}, {out.data(), 5, kDraws, kDraws}, 3);
  EXPECT_EQ(model.constrained_names(), (std::vector<std::string>{"z.1", "z.2", "z.3", "x", "y"}));
  std::vector<double> count(8, 0.0);
  for (Index i = 0; i < kDraws; ++i) {
    const auto at = [&](Index k) { return out[static_cast<size_t>(k * kDraws + i)]; };
    count[static_cast<size_t>(4 * (at(0) - 1) + 2 * (at(1) - 1) + at(2) - 1)] += 1;
    ASSERT_EQ(at(4), theta[0] + at(1));
  }
  for (size_t s = 0; s < 8; ++s) {
    const double p = std::exp(all.value[s] - total);
    // 5 standard errors: one false alarm in 2 million
    EXPECT_NEAR(count[s] / kDraws, p, 5 * std::sqrt(p * (1 - p) / kDraws)) << s;
  }
  // A draw is a function of seed and number, wherever its lane lies.
  std::vector<double> one(5);
  model.constrain({theta.data(), 1, 1, 1}, {one.data(), 5, 1, 1}, 3, 1234);
  for (size_t k = 0; k < 5; ++k) EXPECT_EQ(one[k], out[k * kDraws + 1234]);
}

TEST(DiscreteModel, SaysHowStatesWereSummedOut) {
  const auto lines = [](const std::string& program) {
    const Built built = build(program);
    EXPECT_TRUE(built.model) << built.diagnostics;
    return built.model->describe_elimination();
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines("parameters { array[150] int<lower=1, upper=3> z; simplex[3] p; } model { z ~ "
                  "categorical(p); }"),
            Lines{"z: 150 variables of 3 states, enumeration in a plate"});
  EXPECT_EQ(lines("parameters { array[200] int<lower=1, upper=4> z; matrix[4, 4] a; } model { for "
                  "(t in 2:200) target += a[z[t - 1], z[t]]; }"),
            Lines{"z: forward-backward over 200 steps of 4 states"});
  EXPECT_EQ(lines("parameters { array[2, 9] int<lower=1, upper=4> z; matrix[4, 4] a; } model { for "
                  "(i in 1:2) for (t in 2:9) target += a[z[i, t - 1], z[i, t]]; }"),
            Lines{"z: 2 chains of 9 steps of 4 states, forward-backward"});
  EXPECT_EQ(
      lines("parameters { int<lower=0, upper=4> h; array[3] int<lower=0, upper=1> z; real x; } "
            "model { for (i in 1:3) target += x * h * z[i]; }"),
      Lines{"h, z: tree of 4 variables of 2 to 5 states, sum-product"});
  EXPECT_EQ(lines("parameters { array[4] int<lower=0, upper=1> z; real x; } model { for (i in 1:4) "
                  "target += x * z[i] * z[i % 4 + 1]; }"),
            Lines{"z: 4 variables of 2 states, variable elimination with cliques of at most 3 "
                  "variables (8 joint states)"});
  EXPECT_TRUE(lines("parameters { real x; } model { x ~ normal(0, 1); }").empty());
}

TEST(DiscreteModel, TooExpensiveIsADiagnostic) {
  const Built built = build(
      "parameters { array[40] int<lower=0, upper=1> z; real x; } model { exp(x * sum(z)) ~ "
      "normal(0, "
      "1); }");
  EXPECT_FALSE(built.model);
  EXPECT_NE(built.diagnostics.find("[limit]"), std::string::npos) << built.diagnostics;
  EXPECT_NE(built.diagnostics.find("40 variables (z.1, z.2, z.3, z.4, z.5, z.6, ...)"),
            std::string::npos)
      << built.diagnostics;
  const Built wide =
      build("parameters { int<lower=0, upper=2000000000> n; } model { n ~ poisson(3); }");
  EXPECT_FALSE(wide.model);
  EXPECT_NE(wide.diagnostics.find("[limit]"), std::string::npos) << wide.diagnostics;
}

TEST(DiscreteModel, WithoutMarginalisationThereIsTheJointDensity) {
  const Built built = build(
      "parameters { int<lower=0, upper=1> z; real x; } model { z ~ bernoulli(0.3); x ~ normal(z, "
      "1); "
      "}",
      "{}", false);
  ASSERT_TRUE(built.model) << built.diagnostics;
  EXPECT_EQ(built.model->dim(), 1);
  EXPECT_EQ(built.model->joint().dim(), 2);
  std::vector<double> gradient;
  const double value = log_density(built.model->joint(), {0.4, 1}, &gradient);
  EXPECT_NEAR(value, std::log(0.3) - 0.18 - 0.5 * std::log(2 * M_PI), 1e-14);
  EXPECT_NEAR(gradient[0], 0.6, 1e-14);
  EXPECT_EQ(gradient[1], 0);
  EXPECT_EQ(built.model->traced_graph().discrete_variables().size(), 1U);
}

// ---- what lectures state

/// p(z, x) of a discrete model, as a list over z, and another distribution q of z.
struct Enumerated {
  std::vector<double> log_joint;
  std::vector<double> prior;
  std::vector<double> q;
};

Enumerated enumerated() {
  const Built built = build(
      "parameters { int<lower=1, upper=3> a; int<lower=0, upper=1> b; } model { a ~ "
      "categorical([0.2, 0.5, 0.3]'); b ~ bernoulli(0.2 * a); 1.3 ~ normal(a - b, 0.5 * a); }");
  EXPECT_TRUE(built.model) << built.diagnostics;
  Enumerated e;
  e.log_joint = all_states(*built.model, {}).value;
  const double p_a[] = {0.2, 0.5, 0.3};
  double total = 0;
  for (int s = 0; s < 6; ++s) {
    const int a = s / 2 + 1, b = s % 2;
    e.prior.push_back(p_a[a - 1] * (b == 1 ? 0.2 * a : 1 - 0.2 * a));
    e.q.push_back(1 + (s * 7) % 5);
    total += e.q.back();
  }
  for (double& q : e.q) q /= total;
  return e;
}

TEST(Lectures, A1_ThreeFormsOfTheBoundAgree) {
  const Enumerated e = enumerated();
  const double log_evidence = numeric::log_sum_exp(e.log_joint);
  double joint = 0, entropy = 0, likelihood = 0, kl_prior = 0, kl_posterior = 0;
  for (size_t s = 0; s < e.q.size(); ++s) {
    joint += e.q[s] * e.log_joint[s];
    entropy -= e.q[s] * std::log(e.q[s]);
    likelihood += e.q[s] * (e.log_joint[s] - std::log(e.prior[s]));
    kl_prior += e.q[s] * std::log(e.q[s] / e.prior[s]);
    kl_posterior += e.q[s] * (std::log(e.q[s]) - (e.log_joint[s] - log_evidence));
  }
  EXPECT_NEAR(joint + entropy, likelihood - kl_prior, 1e-12);
  EXPECT_NEAR(joint + entropy, log_evidence - kl_posterior, 1e-12);
  EXPECT_GT(kl_posterior, 0);
}

// Trees allow exact inference: forward-backward by hand, in the ratio form, against the model's.
TEST(Lectures, D2_HiddenMarkovModelsAllowExactInference) {
  constexpr int kSteps = 6, kStates = 3;
  const double y[kSteps] = {0.2, 1.9, 3.1, 0.7, 2.2, -0.4};
  const double start[kStates] = {0.5, 0.3, 0.2};
  const double move[kStates][kStates] = {{0.7, 0.2, 0.1}, {0.1, 0.6, 0.3}, {0.25, 0.25, 0.5}};
  const Built built = build(
      "data { array[6] real y; } parameters { array[6] int<lower=1, upper=3> z; } model { array[3] "
      "vector[3] a = {[0.7, 0.2, 0.1]', [0.1, 0.6, 0.3]', [0.25, 0.25, 0.5]'}; z[1] ~ "
      "categorical([0.5, 0.3, 0.2]'); for (t in 2:6) z[t] ~ categorical(a[z[t - 1]]); for (t in "
      "1:6) y[t] ~ normal(z[t] - 1, 0.8); }",
      "{\"y\": [0.2, 1.9, 3.1, 0.7, 2.2, -0.4]}");
  ASSERT_TRUE(built.model) << built.diagnostics;
  double forward[kSteps][kStates], backward[kSteps][kStates];
  const auto emit = [&](int t, int k) {
    const double r = (y[t] - k) / 0.8;
    return std::exp(-0.5 * r * r) / (0.8 * std::sqrt(2 * M_PI));
  };
  for (int k = 0; k < kStates; ++k) {
    forward[0][k] = start[k] * emit(0, k);
    backward[kSteps - 1][k] = 1;
  }
  for (int t = 1; t < kSteps; ++t) {
    for (int k = 0; k < kStates; ++k) {
      forward[t][k] = 0;
      for (int j = 0; j < kStates; ++j)
        forward[t][k] += forward[t - 1][j] * move[j][k] * emit(t, k);
    }
  }
  for (int t = kSteps - 1; t-- > 0;) {
    for (int k = 0; k < kStates; ++k) {
      backward[t][k] = 0;
      for (int j = 0; j < kStates; ++j) {
        backward[t][k] += move[k][j] * emit(t + 1, j) * backward[t + 1][j];
      }
    }
  }
  const double evidence = forward[5][0] + forward[5][1] + forward[5][2];
  EXPECT_NEAR(log_density(*built.model, {}), std::log(evidence), 1e-12);
  const std::vector<double> p = marginals(*built.model, {});
  for (int t = 0; t < kSteps; ++t) {
    for (int k = 0; k < kStates; ++k) {
      EXPECT_NEAR(p[size_t(kStates * t + k)], forward[t][k] * backward[t][k] / evidence, 1e-12);
    }
  }
}

// A mixture of normals: the responsibilities are the posterior of the labels.
TEST(Lectures, D2_MixtureOfGaussians) {
  const Built built = build(
      "parameters { array[2] int<lower=1, upper=2> z; vector[2] mu; simplex[2] p; } model { z ~ "
      "categorical(p); {0.5, 2.0} ~ normal(mu[z], 1); }");
  ASSERT_TRUE(built.model) << built.diagnostics;
  const std::vector<double> p = marginals(*built.model, {0.3, 1.8, 0.9});
  const double w = 1 / (1 + std::exp(-0.9));  // stick breaking of two
  const double y[] = {0.5, 2.0};
  for (size_t n = 0; n < 2; ++n) {
    const double a = w * std::exp(-0.5 * (y[n] - 0.3) * (y[n] - 0.3));
    const double b = (1 - w) * std::exp(-0.5 * (y[n] - 1.8) * (y[n] - 1.8));
    EXPECT_NEAR(p[2 * n], a / (a + b), 1e-13);
  }
}

}  // namespace
}  // namespace vinci::model
