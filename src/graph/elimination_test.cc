// Elimination against brute force: the density and its gradient are those of the sum over all
// joint states, on thousands of random graphs.
#include "graph/elimination.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace vinci::graph {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Calls f(states) at every joint state.
template <class F>
void for_each_state(const Graph& graph, F f) {
  const auto& variables = graph.discrete_variables();
  std::vector<double> states;
  for (const DiscreteVariable& v : variables) states.push_back(static_cast<double>(v.low));
  for (bool more = true; more;) {
    f(states);
    more = false;
    for (size_t m = states.size(); m-- > 0;) {
      if (++states[m] <= static_cast<double>(variables[m].high)) {
        more = true;
        break;
      }
      states[m] = static_cast<double>(variables[m].low);
    }
  }
}

struct Sum {
  double log_density = -kInf;
  std::vector<double> gradient;
};

Sum brute_force(const Graph& graph, const std::vector<double>& theta) {
  std::vector<double> values;
  std::vector<std::vector<double>> gradients;
  for_each_state(graph, [&](const std::vector<double>& states) {
    const ReferenceResult at = reference_evaluate(graph, theta, {}, states);
    values.push_back(at.log_density);
    gradients.push_back(at.gradient);
  });
  Sum sum;
  sum.gradient.assign(theta.size(), 0.0);
  sum.log_density = reference_value(Op::kLogSumExp, values);
  if (sum.log_density == -kInf) return sum;
  for (size_t s = 0; s < values.size(); ++s) {
    const double weight = std::exp(values[s] - sum.log_density);
    for (size_t d = 0; d < theta.size(); ++d) sum.gradient[d] += weight * gradients[s][d];
  }
  return sum;
}

/// Random densities of two parameters and a few discrete variables.
class RandomModel {
 public:
  explicit RandomModel(uint64_t seed) : random_(seed) {
    for (int d = 0; d < 2; ++d) theta_.push_back(graph.parameter(d));
    const int n = below(6) + 1;
    for (int m = 0; m < n; ++m) {
      const int64_t low = below(5) - 2;
      // now and then a variable of one state
      z_.push_back(graph.discrete(low, low + below(m % 3 == 2 ? 4 : 3), "z." + std::to_string(m)));
    }
    connect(n, below(5));
    for (int d = 0; d < 2; ++d) graph.add_term(graph.mul(-0.5, graph.square(theta_[d])), {});
  }

  Graph graph;

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  double number() { return static_cast<double>(random_() % 2001) / 500.0 - 2; }

  void connect(int n, int form) {
    const auto edge = [&](int a, int b) { factor({z_[size_t(a)], z_[size_t(b)]}); };
    switch (form) {
      case 0:  // chain
        for (int m = 0; m + 1 < n; ++m) edge(m, m + 1);
        break;
      case 1:  // tree
        for (int m = 1; m < n; ++m) edge(below(m), m);
        break;
      case 2:  // loop
        for (int m = 0; m < n; ++m) edge(m, (m + 1) % n);
        break;
      case 3:  // cliques
        for (int k = 0; k < 3; ++k)
          factor({z_[size_t(below(n))], z_[size_t(below(n))], z_[size_t(below(n))]});
        break;
      default:  // independent
        break;
    }
    for (int m = 0; m < n; ++m) {
      if (below(4) > 0) factor({z_[static_cast<size_t>(m)]});
    }
    if (below(3) == 0) guard(z_[static_cast<size_t>(below(n))]);
    if (below(6) == 0) {
      const Scalar a = z_[static_cast<size_t>(below(n))], b = z_[static_cast<size_t>(below(n))];
      graph.require(Guard::Kind::kNonNegative, graph.add(graph.sub(a, b), number()), {}, "order");
    }
  }

  Scalar value(const std::vector<Scalar>& scope) {
    const Scalar a = scope[0], b = scope.back();
    switch (below(8)) {
      case 0:  // a table over the joint states
        return table(scope);
      case 1:
        return graph.mul(graph.add(a, number()), graph.mul(theta_[0], b));
      case 2:
        return graph.select(graph.less(a, b), theta_[1], graph.square(theta_[0]));
      case 3:
        return graph.log(graph.exp(table(scope)));
      case 4:
        return graph.apply(Op::kNormalKernel, table({a}), table({b}), graph.exp(theta_[1]));
      case 5:
        return graph.log_sum_exp(table({a}), graph.mul(theta_[0], table({b})));
      case 6: {
        const std::vector<Scalar> x = {a, theta_[0], graph.exp(b)};
        const std::vector<double> c = {number(), number(), 0.1};
        return graph.lincomb(number(), c, x);
      }
      default:
        return graph.inv_logit(graph.mul(table(scope), theta_[1]));
    }
  }

  Scalar table(const std::vector<Scalar>& scope) {
    double offset = 1, stride = 1;
    std::vector<double> strides;
    for (const Scalar& z : scope) {
      const auto bounds = graph.integer_bounds(z);
      offset -= stride * static_cast<double>(bounds->low);
      strides.push_back(stride);
      stride *= static_cast<double>(bounds->high - bounds->low + 1);
    }
    std::vector<Scalar> elements;
    for (double k = 0; k < stride; ++k) {
      const int form = below(4);
      elements.push_back(form == 0   ? theta_[0]
                         : form == 1 ? graph.mul(number(), theta_[1])
                                     : Scalar(number()));
    }
    return graph.pick(graph.lincomb(offset, strides, scope), elements);
  }

  void factor(const std::vector<Scalar>& scope) {
    Scalar v = value(scope);
    if (below(12) == 0) {  // impossible states
      v = graph.select(graph.apply(Op::kEqual, scope[0], scope.back()), v, -kInf);
    }
    graph.add_term(v, {}, false, below(3) == 0 ? 2.0 : 1.0);
  }

  void guard(Scalar z) {
    const Guard::Kind kinds[] = {Guard::Kind::kPositive, Guard::Kind::kNonNegative,
                                 Guard::Kind::kInUnitInterval, Guard::Kind::kNonZero,
                                 Guard::Kind::kNotNan};
    graph.require(kinds[below(5)], value({z}), {}, "value");
  }

  std::mt19937_64 random_;
  std::vector<Scalar> theta_, z_;
};

TEST(Elimination, EqualsTheSumOverAllStatesOfRandomGraphs) {
  constexpr int kModels = 6000;
  int impossible = 0, connected = 0;
  for (int i = 0; i < kModels; ++i) {
    RandomModel model(static_cast<uint64_t>(i));
    const Sum expected = [&] { return brute_force(model.graph, {0.3 + 0.001 * i, -0.4}); }();
    const EliminationPlan plan = plan_elimination(model.graph);
    ASSERT_TRUE(plan.is_affordable);
    const Elimination result = eliminate(model.graph, plan);
    EXPECT_FALSE(result.graph.has_choices());
    const ReferenceResult at = reference_evaluate(result.graph, std::vector{0.3 + 0.001 * i, -0.4});
    if (expected.log_density == -kInf) {
      ++impossible;
      ASSERT_EQ(at.log_density, -kInf) << i;
      continue;
    }
    connected += plan.num_components < static_cast<int>(plan.steps.size()) ? 1 : 0;
    ASSERT_NEAR(at.log_density, expected.log_density,
                1e-11 * std::max(1.0, std::abs(expected.log_density)))
        << i << "\n"
        << model.graph.dump();
    for (size_t d = 0; d < 2; ++d) {
      ASSERT_NEAR(at.gradient[d], expected.gradient[d],
                  1e-9 * std::max(1.0, std::abs(expected.gradient[d])))
          << i << "\n"
          << model.graph.dump();
    }
  }
  EXPECT_GT(connected, kModels / 3);  // the test means something
  EXPECT_LT(impossible, kModels / 4);
}

TEST(Elimination, ChainsGoForward) {
  Graph g;
  std::vector<Scalar> z;
  for (int t = 0; t < 50; ++t) z.push_back(g.discrete(1, 4, "z"));
  const Scalar x = g.parameter(0);
  for (size_t t = 0; t + 1 < z.size(); ++t) g.add_term(g.mul(x, g.mul(z[t], z[t + 1])), {});
  const EliminationPlan plan = plan_elimination(g);
  ASSERT_TRUE(plan.is_affordable);
  EXPECT_EQ(plan.num_components, 1);
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    EXPECT_EQ(plan.steps[s].variable, static_cast<int>(s));
    EXPECT_EQ(plan.steps[s].num_states, s + 1 < plan.steps.size() ? 16 : 4);
  }
}

TEST(Elimination, ALargeCliqueIsTooExpensive) {
  Graph g;
  const Scalar x = g.parameter(0);
  std::vector<Scalar> z;
  for (int m = 0; m < 30; ++m) z.push_back(g.discrete(0, 1, "z"));
  for (size_t a = 0; a < z.size(); ++a) {
    for (size_t b = 0; b < a; ++b) g.add_term(g.mul(x, g.mul(z[a], z[b])), {});
  }
  const EliminationPlan pairs = plan_elimination(g);
  EXPECT_FALSE(pairs.is_affordable);
  EXPECT_EQ(pairs.largest_states, std::pow(2.0, 30));
  EXPECT_EQ(pairs.largest_clique.size(), 30U);
  Graph h;
  std::vector<Scalar> w;
  for (int m = 0; m < 100; ++m) w.push_back(h.discrete(0, 1, "w"));
  h.add_term(h.exp(h.mul(h.parameter(0), h.sum(w))), {});
  EXPECT_FALSE(plan_elimination(h).is_affordable);
}

}  // namespace
}  // namespace vinci::graph
