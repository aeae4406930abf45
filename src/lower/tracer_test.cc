// The tracer on small programs: what a program computes is read off its generated quantities or its
// density.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "check/check.h"
#include "data/json.h"
#include "graph/graph.h"
#include "lower/lower.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::lower {
namespace {

class Program {
 public:
  explicit Program(const std::string& text) {
    const auto file = sources_.add("m.stan", text);
    syntax::Program parsed = syntax::parse(file, sources_, sink_);
    if (!sink_.has_errors()) typed_ = check::check(std::move(parsed), sink_);
    EXPECT_TRUE(typed_.has_value()) << diagnostics();
  }

  std::optional<Lowered> lower_with(const std::string& json = "{}", LowerOptions options = {}) {
    const auto file = sources_.add("data.json", json);
    const data::DataTable table = data::read_json(file, sources_, sink_);
    if (!typed_.has_value() || sink_.has_errors()) return {};
    return lower(*typed_, table, options, sink_);
  }

  /// Generated quantities, with all parameters at unconstrained `theta`.
  std::map<std::string, double> generate(const std::string& json = "{}",
                                         std::vector<double> theta = {}) {
    const auto lowered = lower_with(json);
    EXPECT_TRUE(lowered.has_value()) << diagnostics();
    if (!lowered) return {};
    theta.resize(static_cast<size_t>(lowered->num_unconstrained), 0);
    const auto at = graph::reference_evaluate(lowered->graph, theta, lowered->constrained);
    GeneratedQuantities generated(*typed_, *lowered);
    std::vector<double> out(generated.names().size());
    numeric::RandomStream random(1);
    if (const auto failure = generated.evaluate(at.outputs, random, out)) {
      ADD_FAILURE() << failure->message;
    }
    std::map<std::string, double> values;
    for (size_t k = 0; k < out.size(); ++k) values[generated.names()[k]] = out[k];
    return values;
  }

  std::string diagnostics() { return source::render_text(sink_, sources_); }
  const source::DiagnosticSink& sink() const { return sink_; }
  const check::TypedProgram& typed() const { return *typed_; }

 private:
  source::SourceMap sources_;
  source::DiagnosticSink sink_;
  std::optional<check::TypedProgram> typed_;
};

std::map<std::string, double> generate(const std::string& body, const std::string& functions = "") {
  return Program("functions {" + functions + "}\ngenerated quantities {" + body + "}").generate();
}

/// The kind of the first error of lowering.
std::string failure_kind(const std::string& program, const std::string& json = "{}") {
  Program p(program);
  LowerOptions options;
  options.trace.max_loop_steps = 1'000'000;
  EXPECT_FALSE(p.lower_with(json, options).has_value());
  for (const auto& d : p.sink().diagnostics()) {
    if (d.severity == source::Severity::kError) return std::string(source::kind_id(d.kind));
  }
  return "";
}

double density(const std::string& program, std::vector<double> theta,
               const std::string& json = "{}") {
  Program p(program);
  const auto lowered = p.lower_with(json);
  EXPECT_TRUE(lowered.has_value()) << p.diagnostics();
  if (!lowered) return 0;
  return graph::reference_evaluate(lowered->graph, theta).log_density;
}

TEST(TracerTest, IntegerArithmetic) {
  auto v = generate(
      "int a = 7 / 2; int b = -7 / 2; int c = 7 % 3; int d = -7 % 3; int e = 7 %/% 2; real f = 7 / "
      "2.0; real g = 2 ^ 3;");
  EXPECT_EQ(v["a"], 3);
  EXPECT_EQ(v["b"], -3);
  EXPECT_EQ(v["c"], 1);
  EXPECT_EQ(v["d"], -1);
  EXPECT_EQ(v["e"], 3);
  EXPECT_EQ(v["f"], 3.5);
  EXPECT_EQ(v["g"], 8);
}

TEST(TracerTest, Logic) {
  auto v = generate(
      "int a = 1 && 0; int b = 1 || 0; int c = !3; int d = 2 < 3; int e = (1 == 1) && (2 != 2);"
      "int f = 0 && (1 / 0 == 1); real g = 1 > 2 ? 5 : 6.5;");
  EXPECT_EQ(v["a"], 0);
  EXPECT_EQ(v["b"], 1);
  EXPECT_EQ(v["c"], 0);
  EXPECT_EQ(v["d"], 1);
  EXPECT_EQ(v["e"], 0);
  EXPECT_EQ(v["f"], 0);
  EXPECT_EQ(v["g"], 6.5);
}

TEST(TracerTest, Indexing) {
  auto v = generate(R"(
    matrix[2, 3] m = [[1, 2, 3], [4, 5, 6]];
    real a = m[2, 1];
    row_vector[3] r = m[1];
    vector[2] c = m[, 3];
    row_vector[2] s = m[2, 2:3];
    matrix[1, 2] b = m[2:2, :2];
    array[3] int i = {3, 1, 1};
    row_vector[3] g = r[i];
    real chained = m[2][2:3][1];
    array[2] vector[2] av = {[1, 2]', [3, 4]'};
    real w = av[2][1];
    vector[0] none = c[2:1];
  )");
  EXPECT_EQ(v["a"], 4);
  EXPECT_EQ(v["r.2"], 2);
  EXPECT_EQ(v["c.2"], 6);
  EXPECT_EQ(v["s.1"], 5);
  EXPECT_EQ(v["b.1.2"], 5);
  EXPECT_EQ(v["g.1"], 3);
  EXPECT_EQ(v["g.2"], 1);
  EXPECT_EQ(v["chained"], 5);
  EXPECT_EQ(v["w"], 3);
  EXPECT_EQ(v["av.1.2"], 2);
}

TEST(TracerTest, AssignmentForms) {
  auto v = generate(R"(
    matrix[2, 3] m = rep_matrix(0, 2, 3);
    m[1, 2] = 7;
    m[2] = [1, 2, 3];
    m[:, 3] = [8, 9]';
    m[1, 1:2] += [10, 20];
    array[3] int k = {1, 2, 3};
    k[{3, 1}] = {30, 10};
    k[2] *= 5;
    array[2, 2] int q = {{1, 2}, {3, 4}};
    q[2] = {5, 6};
    vector[4] x = [1, 2, 3, 4]';
    x[3] = 33;
    x .*= x;
  )");
  EXPECT_EQ(v["m.1.1"], 10);
  EXPECT_EQ(v["m.1.2"], 27);
  EXPECT_EQ(v["m.1.3"], 8);
  EXPECT_EQ(v["m.2.3"], 9);
  EXPECT_EQ(v["m.2.2"], 2);
  EXPECT_EQ(v["k.1"], 10);
  EXPECT_EQ(v["k.2"], 10);
  EXPECT_EQ(v["k.3"], 30);
  EXPECT_EQ(v["q.2.1"], 5);
  EXPECT_EQ(v["q.1.2"], 2);
  EXPECT_EQ(v["x.3"], 33 * 33);
}

TEST(TracerTest, Loops) {
  auto v = generate(R"(
    int total = 0; int odd = 0; real product = 1; int n = 0; real each = 0;
    for (i in 1:10) { if (i == 3) continue; if (i > 6) break; total += i; }
    for (i in 5:1) { total = -100; }
    while (n < 5) { n += 1; if (n % 2 == 0) continue; odd += 1; }
    for (x in {1.5, 2}) product *= x;
    for (row in [[1, 2], [3, 4]]) each = each * 10 + row;
  )");
  EXPECT_EQ(v["total"], 1 + 2 + 4 + 5 + 6);
  EXPECT_EQ(v["odd"], 3);
  EXPECT_EQ(v["product"], 3);
  EXPECT_EQ(v["each"], 1324);  // column-major
}

TEST(TracerTest, Functions) {
  auto v = generate(
      "int f5 = factorial(5); real a = twice(3); vector[2] w = scale([1, 2]', 2); real s = "
      "apply_sum(w);",
      R"(
    int factorial(int n) { if (n <= 1) return 1; return n * factorial(n - 1); }
    real twice(real x) { return 2 * x; }
    vector scale(vector x, real by) { vector[size(x)] y = x; for (i in 1:size(y)) y[i] *= by; return y; }
    real apply_sum(vector x) { real s = 0; for (i in 1:size(x)) s += x[i]; return s; }
  )");
  EXPECT_EQ(v["f5"], 120);
  EXPECT_EQ(v["a"], 6);
  EXPECT_EQ(v["w.2"], 4);
  EXPECT_EQ(v["s"], 6);
}

TEST(TracerTest, RecursionKeepsTheCallersArguments) {
  auto v = generate("real s = walk([1, 2, 3, 4]', 1);", R"(
    real walk(vector x, int at) {
      vector[size(x)] local = x * at;
      if (at == size(x)) return local[at];
      real rest = walk(x, at + 1);
      return rest + local[at] + x[1];
    }
  )");
  EXPECT_EQ(v["s"], 16 + (9 + 1) + (4 + 1) + (1 + 1));
}

TEST(TracerTest, Tuples) {
  auto v = generate(R"(
    tuple(int, vector[2]) t = (3, [1, 2]');
    t.1 = 4;
    t.2[1] = 9;
    real a = t.2[1] + t.1;
    int b; real c;
    (b, c) = (7, 8);
    array[2] tuple(real, int) p = {(1.5, 2), (2.5, 3)};
    p[2].2 = 30;
  )");
  EXPECT_EQ(v["a"], 13);
  EXPECT_EQ(v["t:1"], 4);
  EXPECT_EQ(v["t:2.2"], 2);
  EXPECT_EQ(v["b"], 7);
  EXPECT_EQ(v["c"], 8);
  EXPECT_EQ(v["p.2:2"], 30);
  EXPECT_EQ(v["p.1:1"], 1.5);
}

TEST(TracerTest, ComplexNumbers) {
  auto v = generate("complex z = 3 + 4i; complex w = z * z; complex q = z / 2; complex r = 5;");
  EXPECT_EQ(v["w.real"], -7);
  EXPECT_EQ(v["w.imag"], 24);
  EXPECT_EQ(v["q.imag"], 2);
  EXPECT_EQ(v["r.real"], 5);
}

TEST(TracerTest, MatrixProducts) {
  auto v = generate(R"(
    matrix[2, 2] a = [[1, 2], [3, 4]];
    vector[2] x = [5, 6]';
    vector[2] ax = a * x;
    row_vector[2] xa = x' * a;
    matrix[2, 2] aa = a * a;
    matrix[2, 2] outer = x * x';
    real inner = x' * x;
  )");
  EXPECT_EQ(v["ax.1"], 17);
  EXPECT_EQ(v["xa.2"], 34);
  EXPECT_EQ(v["aa.2.1"], 15);
  EXPECT_EQ(v["outer.1.2"], 30);
  EXPECT_EQ(v["inner"], 61);
}

TEST(TracerTest, Containers) {
  auto v = generate(R"(
    vector[4] x = [3, 1, 4, 1]';
    real s = sum(x); real m = mean(x); real p = prod(x); real mx = max(x); real mn = min(x);
    vector[4] sorted = sort_asc(x);
    array[4] int order = sort_indices_desc(x);
    vector[4] cs = cumulative_sum(x);
    vector[2] h = head(x, 2); vector[2] t = tail(x, 2); vector[2] g = segment(x, 2, 2);
    vector[5] joined = append_row(1, x);
    matrix[2, 2] tm = to_matrix(x, 2, 2);
    vector[4] back = to_vector(tm);
    vector[3] sp = linspaced_vector(3, 0, 1);
    real lse = log_sum_exp(x);
    vector[2] sm = softmax([0, log(3)]');
    int r = rank(x, 1);
    real q = quantile(x, 0.5);
    array[2, 3] real ra = rep_array(2.5, 2, 3);
    real v4 = variance(x);
  )");
  EXPECT_EQ(v["s"], 9);
  EXPECT_EQ(v["m"], 2.25);
  EXPECT_EQ(v["p"], 12);
  EXPECT_EQ(v["mx"], 4);
  EXPECT_EQ(v["mn"], 1);
  EXPECT_EQ(v["sorted.1"], 1);
  EXPECT_EQ(v["order.1"], 3);
  EXPECT_EQ(v["cs.3"], 8);
  EXPECT_EQ(v["h.1"], 3);
  EXPECT_EQ(v["t.1"], 4);
  EXPECT_EQ(v["g.2"], 4);
  EXPECT_EQ(v["joined.2"], 3);
  EXPECT_EQ(v["tm.2.1"], 1);
  EXPECT_EQ(v["tm.1.2"], 4);
  EXPECT_EQ(v["back.3"], 4);
  EXPECT_EQ(v["sp.2"], 0.5);
  EXPECT_NEAR(v["lse"], std::log(std::exp(3) + 2 * std::exp(1) + std::exp(4)), 1e-14);
  EXPECT_NEAR(v["sm.2"], 0.75, 1e-15);
  EXPECT_EQ(v["r"], 2);
  EXPECT_EQ(v["q"], 2);
  EXPECT_EQ(v["ra.2.3"], 2.5);
  EXPECT_NEAR(v["v4"], 2.25, 1e-15);
}

TEST(TracerTest, BranchesOnParametersAreSelected) {
  const std::string program = R"(
    parameters { real x; }
    model {
      real y = 1;
      if (x > 0) { y = 2 * x; target += 10; } else { target += x * x; }
      target += y;
      target += x < -1 ? -x : 100 * x;
    })";
  EXPECT_NEAR(density(program, {3}), 10 + 6 + 300, 1e-12);
  EXPECT_NEAR(density(program, {-0.5}), 0.25 + 1 - 50, 1e-12);
  EXPECT_NEAR(density(program, {-2}), 4 + 1 + 2, 1e-12);
}

TEST(TracerTest, ReturnsUnderConditionsOnParameters) {
  const std::string program = R"(
    functions {
      real f_lp(real x) {
        if (x > 2) { return 5; }
        target += 1000;
        if (x > 1) return 6;
        return x;
      }
    }
    parameters { real x; }
    model { target += f_lp(x); })";
  EXPECT_NEAR(density(program, {3}), 5, 1e-12);
  EXPECT_NEAR(density(program, {1.5}), 1006, 1e-12);
  EXPECT_NEAR(density(program, {0.5}), 1000.5, 1e-12);
}

TEST(TracerTest, RejectUnderAConditionIsDensityZero) {
  const std::string program = R"(
    parameters { real x; }
    model { if (x > 1) reject("x is ", x); target += x; })";
  EXPECT_EQ(density(program, {2}), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(density(program, {0.5}), 0.5);
}

TEST(TracerTest, LowerBoundedTransformedParameterGuards) {
  const std::string program = R"(
    parameters { real x; }
    transformed parameters { real<lower=0> y = x - 1; }
    model { target += y; })";
  EXPECT_EQ(density(program, {0}), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(density(program, {3}), 2);
}

TEST(TracerTest, TildeKeepsConstantsAndTruncationRenormalises) {
  const double log_normal = -0.5 * std::log(2 * std::acos(-1.0)) - 0.5;
  EXPECT_NEAR(density("parameters { real x; } model { x ~ normal(0, 1); }", {1}), log_normal,
              1e-14);
  EXPECT_NEAR(density("parameters { real x; } model { x ~ normal(0, 1) T[0, ]; }", {1}),
              log_normal + std::log(2), 1e-13);
  EXPECT_EQ(density("parameters { real x; } model { x ~ normal(0, 1) T[ , 0]; }", {1}),
            -std::numeric_limits<double>::infinity());
}

TEST(TracerTest, TargetReadsTheSum) {
  EXPECT_EQ(density("parameters { real x; } model { target += 3; target += target() * x; }", {2}),
            9);
}

TEST(TracerTest, JacobianTermsAreSeparate) {
  Program p("parameters { real<lower=0> s; } model { target += -s; }");
  const auto lowered = p.lower_with();
  ASSERT_TRUE(lowered.has_value());
  const std::vector<double> theta = {0.7};
  const auto r = graph::reference_evaluate(lowered->graph, theta);
  EXPECT_NEAR(r.log_density_no_jacobian, -std::exp(0.7), 1e-15);
  EXPECT_NEAR(r.log_density, 0.7 - std::exp(0.7), 1e-15);
  EXPECT_EQ(lowered->constrained_names, std::vector<std::string>{"s"});
}

TEST(TracerTest, NamesAreColumnMajor) {
  Program p("parameters { matrix[2, 3] M; array[2] vector[2] v; simplex[2] s; }");
  const auto lowered = p.lower_with();
  ASSERT_TRUE(lowered.has_value());
  EXPECT_EQ(lowered->constrained_names,
            (std::vector<std::string>{"M.1.1", "M.2.1", "M.1.2", "M.2.2", "M.1.3", "M.2.3", "v.1.1",
                                      "v.2.1", "v.1.2", "v.2.2", "s.1", "s.2"}));
  EXPECT_EQ(lowered->num_unconstrained, 6 + 4 + 1);
}

TEST(TracerTest, TransformedDataRunsOnce) {
  Program p(
      "data { int N; array[N] real y; } transformed data { real m = mean(y); } "
      "generated quantities { real twice_m = 2 * m; }");
  auto v = p.generate(R"({"N": 3, "y": [1, 2, 6]})");
  EXPECT_EQ(v["twice_m"], 6);
}

TEST(TracerTest, DataFailures) {
  const std::string program = "data { int<lower=0> N; vector<upper=5>[N] y; }";
  EXPECT_EQ(failure_kind(program, "{}"), "data-missing");
  EXPECT_EQ(failure_kind(program, R"({"N": 2.5, "y": [1]})"), "data-type");
  EXPECT_EQ(failure_kind(program, R"({"N": 2, "y": [1]})"), "data-shape");
  EXPECT_EQ(failure_kind(program, R"({"N": -2, "y": [1]})"), "data-constraint");
  EXPECT_EQ(failure_kind(program, R"({"N": 2, "y": [1, 6]})"), "data-constraint");
  EXPECT_EQ(failure_kind(program, R"({"N": 1, "y": 3})"), "data-shape");
  Program p(program);
  EXPECT_TRUE(p.lower_with(R"({"N": 0})").has_value()) << p.diagnostics();
}

TEST(TracerTest, ConstraintMessageNamesTheElement) {
  Program p("data { array[2] vector<lower=0>[2] y; }");
  EXPECT_FALSE(p.lower_with(R"({"y": [[1, 2], [3, -4]]})").has_value());
  EXPECT_NE(p.diagnostics().find("`y[2, 2]` is -4; its lower bound is 0"), std::string::npos)
      << p.diagnostics();
}

TEST(TracerTest, RunTimeFailures) {
  EXPECT_EQ(failure_kind("transformed data { array[3] int a = {1, 2, 3}; int b = a[4]; }"),
            "index-range");
  EXPECT_EQ(
      failure_kind("transformed data { vector[2] a; vector[3] b = rep_vector(1, 3); a = b; }"),
      "size");
  EXPECT_EQ(failure_kind("transformed data { reject(\"no\"); }"), "rejected");
  EXPECT_EQ(failure_kind("transformed data { int a = 2000000000; int b = a + a; }"),
            "argument-value");
  EXPECT_EQ(failure_kind("transformed data { int z = 0; int a = 1 / z; }"), "argument-value");
  EXPECT_EQ(failure_kind("transformed data { int n = 1; while (n > 0) n = 1; }"), "limit");
  EXPECT_EQ(
      failure_kind(
          "functions { int f(int n) { return f(n + 1); } } transformed data { int a = f(1); }"),
      "limit");
  EXPECT_EQ(failure_kind("parameters { real x; } model { real y = x; while (y < 1) y += 1; }"),
            "not-covered");
  EXPECT_EQ(failure_kind("transformed data { real<lower=0> x = -1; }"), "argument-value");
  EXPECT_EQ(failure_kind("transformed data { int n = -1; vector[n] x; }"), "size");
}

TEST(TracerTest, CancelStopsAnEndlessLoop) {
  Program p("transformed data { int n = 1; while (n > 0) n = 1; }");
  std::atomic<bool> cancel{true};
  Context context;
  context.cancel = &cancel;
  LowerOptions options;
  options.trace.context = &context;
  EXPECT_FALSE(p.lower_with("{}", options).has_value());
}

TEST(TracerTest, PrintWritesValues) {
  Program p("transformed data { print(\"x \", 1, \" \", [1.5, 2]', {3, 4}); }");
  std::ostringstream out;
  LowerOptions options;
  options.trace.messages = &out;
  EXPECT_TRUE(p.lower_with("{}", options).has_value());
  EXPECT_EQ(out.str(), "x 1 [1.5,2][3,4]\n");
}

TEST(TracerTest, RejectInGeneratedQuantitiesGivesNan) {
  Program p("generated quantities { real x = 1; reject(\"never\"); }");
  const auto lowered = p.lower_with();
  ASSERT_TRUE(lowered.has_value());
  GeneratedQuantities generated(p.typed(), *lowered);
  std::vector<double> out(1);
  numeric::RandomStream random(1);
  const auto failure = generated.evaluate({}, random, out);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->message, "never");
  EXPECT_TRUE(std::isnan(out[0]));
}

TEST(TracerTest, InitialValues) {
  Program p("parameters { real<lower=1> a; vector<lower=a>[2] b; simplex[3] s; }");
  const auto lowered = p.lower_with();
  ASSERT_TRUE(lowered.has_value()) << p.diagnostics();
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto file = sources.add("init.json", R"({"a": 3, "b": [4, 5], "s": [0.2, 0.3, 0.5]})");
  const data::DataTable table = data::read_json(file, sources, sink);
  std::vector<double> theta(static_cast<size_t>(lowered->num_unconstrained), 0);
  std::vector<bool> given(theta.size(), false);
  ASSERT_TRUE(unconstrain_parameters(*lowered, table, theta, given, sink));
  const auto at = graph::reference_evaluate(lowered->graph, theta, lowered->constrained);
  const std::vector<double> expected = {3, 4, 5, 0.2, 0.3, 0.5};
  for (size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(at.outputs[k], expected[k], 1e-14);
}

}  // namespace
}  // namespace vinci::lower
