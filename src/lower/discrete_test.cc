// Discrete parameters: a program with z as a parameter has, at every state of z, the density of the
// same program with z as data.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>

#include "check/check.h"
#include "data/json.h"
#include "graph/graph.h"
#include "graph/substitution.h"
#include "lower/lower.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::lower {
namespace {

struct Traced {
  std::optional<Lowered> lowered;
  std::string diagnostics;
};

Traced trace(const std::string& program, const std::string& json) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Traced result;
  syntax::Program parsed = syntax::parse(sources.add("m.stan", program), sources, sink);
  std::optional<check::TypedProgram> typed;
  if (!sink.has_errors()) typed = check::check(std::move(parsed), sink);
  if (typed) {
    const data::DataTable table = data::read_json(sources.add("d.json", json), sources, sink);
    if (!sink.has_errors()) result.lowered = lower(*typed, table, {}, sink);
  }
  result.diagnostics = source::render_text(sink, sources);
  return result;
}

struct Case {
  std::string data;        // declarations
  std::string json;        // their values, `"a": 1, `
  std::string discrete;    // declarations of z...
  std::string parameters;  // continuous declarations
  std::string model;
};

/// The JSON values of the discrete variables at a state, by name; arrays of one dimension.
std::string states_json(const Lowered& lowered, const std::vector<double>& states) {
  std::string json;
  size_t next = 0;
  for (const LoweredVariable& v : lowered.variables) {
    if (!v.is_parameter || v.type.base != BaseType::kInt) continue;
    json += ", \"" + v.name + "\": ";
    if (v.value.is_scalar()) {
      json += std::to_string(static_cast<int>(states[next++]));
      continue;
    }
    json += "[";
    for (size_t k = 0; k < v.value.elements.size(); ++k) {
      json += (k > 0 ? ", " : "") + std::to_string(static_cast<int>(states[next++]));
    }
    json += "]";
  }
  return json;
}

void expect_density_at_every_state(const Case& c) {
  const std::string json = "{" + c.json + "\"unused\": 0";
  const std::string head = "data { int unused; " + c.data;
  const Traced joint =
      trace(head + "} parameters { " + c.discrete + c.parameters + "} model { " + c.model + "}",
            json + "}");
  ASSERT_TRUE(joint.lowered) << c.model << joint.diagnostics;
  const graph::Graph& graph = joint.lowered->graph;
  const auto& variables = graph.discrete_variables();
  const auto dim = static_cast<int>(joint.lowered->num_unconstrained);
  std::vector<double> theta;
  for (int d = 0; d < dim; ++d) theta.push_back(0.3 * std::sin(1.0 + 2.3 * d));
  std::vector<graph::Scalar> outputs = joint.lowered->constrained;
  const graph::Graph expanded = graph::expand_choices(graph, dim, outputs);

  std::vector<double> states;
  for (const auto& v : variables) states.push_back(static_cast<double>(v.low));
  int count = 0;
  for (bool more = true; more; ++count) {
    const auto at = graph::reference_evaluate(graph, theta, joint.lowered->constrained, states);
    const std::string data = json + states_json(*joint.lowered, states) + "}";
    const Traced known = trace(
        head + c.discrete + "} parameters { " + c.parameters + "} model { " + c.model + "}", data);
    double expected = -std::numeric_limits<double>::infinity();
    std::vector<double> gradient(theta.size(), 0.0);
    if (known.lowered) {  // a state outside of a support is a diagnostic there
      const auto result = graph::reference_evaluate(known.lowered->graph, theta);
      expected = result.log_density;
      gradient = result.gradient;
    }
    SCOPED_TRACE(c.model + data + known.diagnostics);
    std::vector<double> point = theta;
    point.insert(point.end(), states.begin(), states.end());
    const auto plain = graph::reference_evaluate(expanded, point, outputs);
    if (std::isinf(expected)) {
      EXPECT_EQ(at.log_density, expected);
      EXPECT_EQ(plain.log_density, expected);
    } else {
      EXPECT_NEAR(at.log_density, expected, 1e-12 * std::max(1.0, std::abs(expected)));
      EXPECT_NEAR(plain.log_density, expected, 1e-12 * std::max(1.0, std::abs(expected)));
      for (size_t d = 0; d < theta.size(); ++d) {
        EXPECT_NEAR(at.gradient[d], gradient[d], 1e-11) << d;
        EXPECT_NEAR(plain.gradient[d], gradient[d], 1e-11) << d;
      }
    }
    // The states are among the constrained values.
    double sum = 0, sum_of_states = 0;
    for (size_t k = 0; k < outputs.size(); ++k) {
      const graph::Scalar s = joint.lowered->constrained[k];
      if (graph.node(s.index()).op == graph::Op::kDiscrete) sum += plain.outputs[k];
    }
    for (double s : states) sum_of_states += s;
    EXPECT_EQ(sum, sum_of_states);
    more = false;
    for (size_t m = states.size(); m-- > 0;) {
      if (++states[m] <= static_cast<double>(variables[m].high)) {
        more = true;
        break;
      }
      states[m] = static_cast<double>(variables[m].low);
    }
  }
  EXPECT_GT(count, 1);
}

TEST(Discrete, IndicesAndArithmetic) {
  const std::string mixture = "int N; vector[N] y; ";
  const std::string values = "\"N\": 2, \"y\": [0.5, -1.2], ";
  const std::string z = "array[2] int<lower=1, upper=3> z; ";
  std::vector<Case> cases = {
      {mixture, values, z, "simplex[3] p; vector[3] mu; array[3] real<lower=0> s; ",
       "z ~ categorical(p); for (n in 1:N) y[n] ~ normal(mu[z[n]], s[z[n]]);"},
      // vectorised, multi-indices
      {mixture, values, z, "vector[3] mu; vector<lower=0>[3] s; ", "y ~ normal(mu[z], s[z]);"},
      // rows of matrices and arrays of containers, ranges
      {"", "", z, "array[3] simplex[3] a; matrix[3, 2] b; array[3, 2] real c; ",
       "z[2] ~ categorical(a[z[1]]); target += sum(b[z[1]]) + dot_product(b[z[2], 1:2], [1, 2]);"
       "target += a[z[1], z[2]] + b[z[2], 2] + b[2, z[1] == 3 ? 1 : 2] + c[z[2], 1] + c[2][1];"
       "target += sum(c[z[1]]) + sum(to_vector(b[z])) + sum(to_matrix(c[z, 1:2]));"},
      // arithmetic, comparisons, conditions
      {"", "", z, "vector[9] x; ",
       "target += x[z[1] + 2 * z[2]] * z[1] + x[z[1] * z[2]] / z[2] + x[1 + z[1] %/% 2];"
       "if (z[1] > 1 && z[2] != 2) target += x[1]; else target += square(x[2]);"
       "target += x[abs(z[1] - z[2]) + 1] + x[max({z[1], z[2]})] + x[z[1] % 2 + 1];"
       "target += z[1] == z[2] ? x[1] : x[2] * x[z[2]];"
       "int k = z[1] - 1; if (k > 0) target += x[k];"},
      // an index that leaves the array has density zero, but not under a condition that is false
      {"", "", z, "vector[2] x; ", "target += x[z[1]]; if (z[2] < 3) target += x[z[2]];"},
      // assignments to elements that are chosen
      {"", "", z, "vector[3] x; ",
       "array[3] int count = rep_array(0, 3); for (n in 1:2) count[z[n]] += 1;"
       "matrix[3, 3] m = rep_matrix(0, 3, 3); m[z[1], z[2]] = x[1];"
       "target += dot_product(x, to_vector(count)) + sum(m * x);"},
      // data tables, function arguments, nested arrays
      {"array[3] int t; ", "\"t\": [2, 3, 1], ", z, "vector[3] x; ",
       "target += x[t[z[1]]] + x[t[t[z[2]]]] + t[z[1]] * x[1];"},
      {"", "", "int<lower=0, upper=2> k; int<lower=5, upper=5> one; ", "real<lower=0> x; ",
       "target += k * log(x) + pow(x, k) - lgamma(k + 1) + x * one;"},
  };
  // densities of containers that are picked
  cases.push_back({"", "", z, "array[3] simplex[4] phi; ",
                   "2 ~ categorical(phi[z[1]]); target += categorical_lpmf({1, 4} | phi[z[2]]);"});
  cases.push_back({"", "", z, "array[3] vector[2] mu; array[3] cov_matrix[2] S; ",
                   "[0.5, 1]' ~ multi_normal(mu[z[1]], S[z[1]]);"
                   "mu[z[2]] ~ multi_normal(mu[z[1]], S[z[2]]);"});
  // rows that are a simplex in some states only
  cases.push_back({"", "", z, "real<lower=0, upper=1> p; ",
                   "array[3] vector[2] phi = {[p, 1 - p]', [0.5, 0.5]', [0.5, 0.6]'};"
                   "2 ~ categorical(phi[z[1]]); target += bernoulli_lpmf({1, 0} | phi[z[2]]);"});
  for (const Case& c : cases) expect_density_at_every_state(c);
}

TEST(Discrete, EveryMassFunction) {
  const std::string k = "int<lower=-1, upper=4> k; ";
  const std::string p = "real<lower=0, upper=1> p; ";
  const std::string r = "real<lower=0> a; real<lower=0> b; real<lower=0> c; ";
  const std::string v = "simplex[3] q; vector[3] x; ordered[2] c; ";
  std::vector<Case> cases;
  for (const std::string model :
       {"k ~ bernoulli(p);", "k ~ bernoulli_logit(p);", "k ~ binomial(3, p);",
        "2 ~ binomial(k, p);", "k ~ binomial_logit(3, p);", "2 ~ binomial_logit(k, p);",
        "k ~ discrete_range(0, 2);", "k ~ hypergeometric(2, 3, 4);"}) {
    cases.push_back({"", "", k, p, model});
  }
  for (const std::string model :
       {"k ~ poisson(a);", "k ~ poisson_log(a);", "k ~ neg_binomial(a, b);",
        "k ~ neg_binomial_2(a, b);", "k ~ neg_binomial_2_log(a, b);", "k ~ beta_binomial(3, a, b);",
        "1 ~ beta_binomial(k, a, b);", "k ~ beta_neg_binomial(a, b, c);", "k ~ yule_simon(a);",
        "target += poisson_lcdf(k | a);", "target += binomial_lccdf(k | 5, 1 / (1 + a));",
        "k ~ poisson(a) T[0, 3];"}) {
    cases.push_back({"", "", k, r, model});
  }
  for (const std::string model :
       {"k ~ categorical(q);", "k ~ categorical_logit(x);", "k ~ ordered_logistic(x[1], c);",
        "k ~ ordered_probit(x[1], c);"}) {
    cases.push_back({"", "", k, v, model});
  }
  const std::string z = "array[2] int<lower=0, upper=2> z; ";
  for (const std::string model :
       {"z ~ bernoulli(p);", "z ~ binomial({2, 1}, p);", "{1, 0} ~ binomial(z, p);",
        "z[1] ~ binomial(z[2], p);", "z ~ multinomial([p, 1 - p]');",
        "z ~ dirichlet_multinomial([p, 2]');", "z ~ multinomial_logit([p, 2]');",
        "z ~ bernoulli_logit_glm([[1, 2], [3, 4]], p, [p, 1]');",
        "z ~ poisson_log_glm([[1, 2], [3, 4]], p, [p, 1]');",
        "z ~ neg_binomial_2_log_glm([[1, 2], [3, 4]], p, [p, 1]', 1 + p);",
        "z ~ binomial_logit_glm({2, 3}, [[1, 2], [3, 4]], p, [p, 1]');",
        "z ~ categorical_logit_glm([[1, 2], [3, 4]], [p, 1]', [[p, 1], [1, 2]]);",
        "z ~ ordered_logistic_glm([[1, 2], [3, 4]], [p, 1]', [0.0, p]');"}) {
    cases.push_back({"", "", z, p, model});
  }
  // conditions that some states violate: a scale, a rate, a size
  for (const std::string model :
       {"0.2 ~ normal(p, k);", "2 ~ poisson(k * p);", "p ~ beta(1, k);", "k ~ normal(p, 1);",
        "1 ~ neg_binomial_2(p, k);", "k ~ neg_binomial_2(p, k);"}) {
    cases.push_back({"", "", k, p, model});
  }
  for (const Case& c : cases) expect_density_at_every_state(c);
}

TEST(Discrete, PicksShareTheirTable) {
  const Traced t = trace(
      "parameters { array[1000] int<lower=1, upper=50> z; simplex[50] p; vector[50] mu; } model {"
      " for (n in 1:1000) { z[n] ~ categorical(p); 0.5 ~ normal(mu[z[n]], 1); } }",
      "{}");
  ASSERT_TRUE(t.lowered) << t.diagnostics;
  EXPECT_EQ(t.lowered->graph.discrete_variables().size(), 1000U);
  EXPECT_EQ(t.lowered->graph.discrete_variables()[2].name, "z.3");
  int64_t tables = 0, operands = 0;
  for (const graph::Node& n : t.lowered->graph.nodes()) {
    if (n.op == graph::Op::kTable) ++tables;
    if (n.op == graph::Op::kPick) operands += n.num_operands;
  }
  EXPECT_LE(tables, 4);
  EXPECT_EQ(operands, 4000);
}

TEST(Discrete, TuplesAndArraysOfSeveralDimensions) {
  const Traced t = trace(
      "parameters { array[2] tuple(int<lower=0, upper=1>, real) t; array[2, 2] int<lower=1, "
      "upper=2> z; } model { t[2].1 ~ bernoulli(0.3); t[2].2 ~ normal(t[2].1, 1); "
      "t[1].2 ~ normal(z[1, 2], 1); }",
      "{}");
  ASSERT_TRUE(t.lowered) << t.diagnostics;
  std::vector<std::string> names;
  for (const auto& v : t.lowered->graph.discrete_variables()) names.push_back(v.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"t.1:1", "t.2:1", "z.1.1", "z.1.2", "z.2.1", "z.2.2"}));
  EXPECT_EQ(t.lowered->num_unconstrained, 2);
}

TEST(Discrete, WhatHasToBeKnownIsADiagnostic) {
  const std::string z = "parameters { int<lower=1, upper=3> z; vector[3] x; } model { ";
  for (const std::string body :
       {"for (n in 1:z) target += x[n];", "while (z > 1) target += 1;", "vector[z] w;",
        "target += sum(head(x, z));", "target += sum(x[1:z]);",
        "array[2] tuple(real, int) t = {(1.0, 2), (3.0, 4)}; target += t[z].1;"}) {
    const Traced t = trace(z + body + " }", "{}");
    EXPECT_FALSE(t.lowered) << body;
    EXPECT_NE(t.diagnostics.find("[not-covered]"), std::string::npos) << body << t.diagnostics;
  }
  const Traced many =
      trace("parameters { array[100000, 1000] int<lower=0, upper=1> z; } model {}", "{}");
  EXPECT_NE(many.diagnostics.find("[limit]"), std::string::npos) << many.diagnostics;
  const Traced empty = trace("parameters { int<lower=2, upper=1> z; }", "{}");
  EXPECT_NE(empty.diagnostics.find("`z` is between 2 and 1"), std::string::npos);
}

}  // namespace
}  // namespace vinci::lower
