// Generated quantities as a plan over draws against the interpreter.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/model.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

struct Outcome {
  std::vector<double> values;
  Model::GenerateResult result;
  int64_t width = 0;
};

class Generated {
 public:
  explicit Generated(const std::string& text) {
    const source::FileId file = sources_.add("m.stan", text);
    typed_ = std::make_shared<const check::TypedProgram>(
        std::move(*check::check(syntax::parse(file, sources_, sink_), sink_)));
    model_ = Model::build(typed_, {}, {}, sink_);
  }

  /// `x` by draw. One draw at a time is interpreted: too few to trace for.
  Outcome run(const std::vector<double>& x, bool all_together, int threads = 1) const {
    Outcome r;
    r.width = model_->num_generated();
    const int64_t inputs = model_->num_constrained();
    const int64_t draws = static_cast<int64_t>(x.size()) / inputs;
    r.values.resize(static_cast<size_t>(draws * r.width));
    if (all_together) {
      r.result = model_->generate(x, r.values, draws, 7, threads);
      return r;
    }
    lower::LowerOptions options;
    source::DiagnosticSink sink;
    const auto lowered = lower::lower(*typed_, {}, options, sink);
    lower::GeneratedQuantities interpreter(*typed_, *lowered);
    for (int64_t i = 0; i < draws; ++i) {
      numeric::RandomStream random(7, 0, static_cast<uint32_t>(i));
      const std::span<double> out(r.values.data() + i * r.width, static_cast<size_t>(r.width));
      const std::span<const double> in(x.data() + i * inputs, static_cast<size_t>(inputs));
      if (auto failure = interpreter.evaluate(in, random, out)) {
        if (r.result.num_failed++ == 0) r.result.first_failure = failure;
      }
    }
    return r;
  }

 private:
  source::SourceMap sources_;
  source::DiagnosticSink sink_;
  std::shared_ptr<const check::TypedProgram> typed_;
  std::unique_ptr<Model> model_;
};

void expect_equal(const Outcome& a, const Outcome& b) {
  ASSERT_EQ(a.values.size(), b.values.size());
  EXPECT_EQ(a.result.num_failed, b.result.num_failed);
  ASSERT_EQ(a.result.first_failure.has_value(), b.result.first_failure.has_value());
  if (a.result.first_failure) {
    EXPECT_EQ(a.result.first_failure->message, b.result.first_failure->message);
  }
  for (size_t k = 0; k < a.values.size(); ++k) {
    if (std::isnan(b.values[k])) {
      EXPECT_TRUE(std::isnan(a.values[k])) << k;
    } else if (std::isinf(b.values[k])) {
      EXPECT_EQ(a.values[k], b.values[k]);
    } else {
      EXPECT_NEAR(a.values[k], b.values[k], 1e-13 * (1 + std::abs(b.values[k]))) << k;
    }
  }
}

std::vector<double> grid(int draws, int width) {
  std::vector<double> x;
  for (int k = 0; k < draws * width; ++k) x.push_back(1.5 * std::sin(1.7 * k) + 0.1);
  return x;
}

TEST(Generated, PlanAndInterpreterAgree) {
  // Branches on parameters, indices that they decide, whole numbers, loops, densities.
  const Generated g(R"(
parameters { vector[3] x; }
transformed parameters { real s = exp(x[1]); }
generated quantities {
  array[3] int<lower=1, upper=3> order;
  matrix[2, 3] m;
  real low = positive_infinity();
  int best = 1;
  real undefined;
  for (k in 1:3) {
    order[k] = x[k] > x[1] ? 2 : x[k] < x[2] ? 3 : 1;
    if (x[k] < low) { low = x[k]; best = k; }
    m[1, k] = normal_lpdf(x[k] | 0, s);
    m[2, k] = log(s) + x[order[k]] + m[1, best];
  }
  real at_best = x[best] * order[order[1]];
}
)");
  const std::vector<double> x3 = grid(150, 4);
  std::vector<double> x = x3;
  for (size_t i = 0; i < x.size(); i += 4) x[i + 3] = std::exp(x[i]);
  const Outcome together = g.run(x, true);
  expect_equal(together, g.run(x, false));
  const Outcome threads = g.run(x, true, 3);
  for (size_t k = 0; k < together.values.size(); ++k) {
    if (std::isnan(together.values[k])) continue;
    EXPECT_EQ(threads.values[k], together.values[k]);
  }
}

TEST(Generated, DrawsThatFailFailAlone) {
  const Generated g(R"(
parameters { real a; real b; }
generated quantities {
  real<lower=0> root = sqrt(a + 2);
  real density = normal_lpdf(a | 0, b + 1);
  vector[3] v = [1, 2, 3]';
  real chosen = v[a > 0 ? 1 : b > 1 ? 3 : 2];
  if (a > 1.4) reject("a is ", a);
}
)");
  std::vector<double> x = grid(100, 2);
  x[2 * 40] = std::numeric_limits<double>::quiet_NaN();
  const Outcome together = g.run(x, true);
  EXPECT_GT(together.result.num_failed, 5);
  EXPECT_LT(together.result.num_failed, 60);
  expect_equal(together, g.run(x, false));
}

TEST(Generated, IndicesOutOfRangeAreErrors) {
  const Generated g(R"(
parameters { real a; }
generated quantities {
  vector[2] v = [1, 2]';
  int k = 1;
  if (a > 0.5) k = 2;
  if (a > 1) k = 3;
  real chosen = v[k];
}
)");
  const std::vector<double> x = grid(64, 1);
  const Outcome together = g.run(x, true);
  EXPECT_GT(together.result.num_failed, 0);
  expect_equal(together, g.run(x, false));
}

TEST(Generated, BlocksWithRandomNumbersAreInterpreted) {
  const Generated g(R"(
parameters { real a; }
generated quantities { real y = normal_rng(a, 1); }
)");
  const std::vector<double> x = grid(100, 1);
  const Outcome one = g.run(x, true, 1), three = g.run(x, true, 3);
  EXPECT_EQ(one.values, three.values);
  double mean = 0;
  for (size_t k = 0; k < x.size(); ++k) mean += (one.values[k] - x[k]) / 100;
  EXPECT_NEAR(mean, 0, 0.4);
}

}  // namespace
}  // namespace vinci::model
