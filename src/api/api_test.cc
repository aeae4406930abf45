// The public C++ interface: what users call, what they get back, what is thrown.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "vinci/fit.h"

namespace vinci {
namespace {

constexpr const char* kRegression = R"(data {
  int<lower=0> N;
  matrix[N, 2] X;
  array[N] int<lower=0, upper=1> k;
  vector[N] y;
}
parameters {
  vector[2] b;
  real<lower=0> s;
}
transformed parameters {
  real total = sum(b);
}
model {
  b ~ normal(0, 2);
  s ~ exponential(1);
  y ~ normal(X * b, s);
  k ~ bernoulli_logit(b[1]);
}
generated quantities {
  array[2] real twice = {2 * b[1], 2 * b[2]};
}
)";
constexpr const char* kRegressionJson =
    R"({"N": 3, "X": [[1, 2], [3, 4], [5, 6]], "k": [1, 0, 1], "y": [1.5, 2, 3]})";

Data regression_data() {
  const std::array<double, 6> x = {1, 2, 3, 4, 5, 6};
  const std::vector<int> k = {1, 0, 1};
  const std::vector<double> y = {1.5, 2, 3};
  return Data().set("N", size_t{3}).set("X", x, {3, 2}).set("k", k).set("y", y);
}

/// Values and gradients [1 + dim] at one point.
std::vector<double> evaluate(const LogDensity& density, std::vector<double> point) {
  const Index dim = density.dim();
  std::vector<double> value(1);
  std::vector<double> gradient(point.size());
  density.evaluate({point.data(), dim, 1, 1}, value, {gradient.data(), dim, 1, 1});
  value.insert(value.end(), gradient.begin(), gradient.end());
  return value;
}

TEST(Data, SpansAndJsonGiveTheSameModel) {
  const Program program = Program::from_text(kRegression);
  const Model from_spans(program, regression_data());
  const Model from_json(program, Data().add_json(kRegressionJson));
  EXPECT_EQ(from_spans.dim(), 3);
  const std::vector<double> point = {0.3, -0.2, 0.5};
  EXPECT_EQ(evaluate(from_spans, point), evaluate(from_json, point));

  const auto path = std::filesystem::temp_directory_path() / "vinci_api_test_data.json";
  std::ofstream(path) << kRegressionJson;
  const Model from_file(program, Data().add_file(path.string()));
  std::filesystem::remove(path);
  EXPECT_EQ(evaluate(from_file, point), evaluate(from_json, point));
}

TEST(Data, LaterValuesReplaceEarlierOnesAndCopiesAreApart) {
  const Program program =
      Program::from_text("data { real a; } parameters { real x; } model { x ~ normal(a, 1); }");
  Data one;
  one.set("a", 1);
  Data two = one;
  two.add_json(R"({"a": 2})");
  EXPECT_EQ(evaluate(Model(program, one), {1.0})[1], 0);
  EXPECT_EQ(evaluate(Model(program, two), {1.0})[1], 1);
  two.set("a", 3.0F);
  EXPECT_EQ(evaluate(Model(program, two), {1.0})[1], 2);
}

TEST(Data, RefusesShapesThatDoNotHold) {
  const std::vector<double> y = {1, 2, 3, 4};
  EXPECT_THROW(Data().set("y", y, {3}), Error);
  EXPECT_THROW(Data().set("y", y, {2, 3}), Error);
  EXPECT_THROW(Data().set("y", y, {-2, -2}), Error);
  EXPECT_THROW(Data().set("y", y, {2, 0}), Error);
  EXPECT_THROW(Data().set("y", y, {int64_t{1} << 62, int64_t{1} << 62}), Error);
  EXPECT_THROW(Data().set("n", int64_t{1} << 40), Error);
  EXPECT_THROW(Data().set("n", ~uint64_t{0}), Error);
  EXPECT_NO_THROW(Data().set("y", y, {2, 2}));
  EXPECT_NO_THROW(Data().set("y", std::span<const double>(), {0, 3}));
  EXPECT_NO_THROW(Data().set("flag", true));
}

TEST(Program, ErrorsHavePlaceAndHint) {
  try {
    Program::from_text("parameters {\n  real theta;\n}\nmodel {\n  thetta ~ normal(0, 1);\n}\n",
                       "a.stan");
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kInput);
    ASSERT_EQ(error.diagnostics().size(), 1);
    const Diagnostic& d = error.diagnostics()[0];
    EXPECT_EQ(d.kind, "unknown-identifier");
    EXPECT_EQ(d.file, "a.stan");
    EXPECT_EQ(d.line, 5);
    EXPECT_EQ(d.column, 3);
    EXPECT_NE(d.hint.find("theta"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("a.stan:5:3: error: "), std::string::npos);
  }
  EXPECT_THROW(Program::from_file("/no/such/file.stan"), InputError);
}

TEST(Program, KeepsWarnings) {
  const Program program =
      Program::from_text("parameters { real x; } model { x ~ normal(0, 1); } # old\n");
  ASSERT_FALSE(program.warnings().empty());
  EXPECT_EQ(program.warnings()[0].severity, Diagnostic::Severity::kWarning);
}

TEST(Model, DataErrorsNameBothPlaces) {
  const Program program = Program::from_text(kRegression, "r.stan");
  try {
    Model(program,
          Data().add_json(R"({"N": 2, "X": [[1, 2]], "k": [1, 2], "y": [1, 2]})", "r.json"));
    FAIL() << "no error";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("r.json:1:"), std::string::npos) << text;
    EXPECT_NE(text.find("r.stan:3:"), std::string::npos) << text;
    EXPECT_GE(error.diagnostics().size(), 2) << text;
  }
  EXPECT_THROW(Model(program, Data().add_file("/no/such/file.json")), InputError);
  EXPECT_THROW(Model(program, Data()), InputError);
}

TEST(Model, NamesConstrainUnconstrain) {
  const Model model(Program::from_text(kRegression), regression_data());
  EXPECT_EQ(model.constrained_names(), (std::vector<std::string>{"b[1]", "b[2]", "s", "total"}));
  ASSERT_EQ(model.variables().size(), 4);
  EXPECT_EQ(model.variables()[3].name, "twice");
  EXPECT_EQ(model.variables()[3].shape, std::vector<int64_t>{2});
  EXPECT_EQ(model.variables()[3].block, Variable::Block::kGeneratedQuantities);
  const std::vector<double> point =
      model.unconstrain(Data().set("s", 2.0).add_json(R"({"b": [0.5, -1]})"));
  EXPECT_EQ(point, (std::vector<double>{0.5, -1, std::log(2.0)}));
  std::vector<double> constrained(4);
  model.constrain({point.data(), 3, 1, 1}, {constrained.data(), 4, 1, 1});
  EXPECT_DOUBLE_EQ(constrained[2], 2);
  EXPECT_DOUBLE_EQ(constrained[3], -0.5);
  EXPECT_THROW(model.unconstrain(Data().set("s", -2.0)), InputError);
}

TEST(Fit, DrawsByName) {
  const Model model(Program::from_text(kRegression), regression_data());
  const Fit result = fit(model, {.seed = 4, .draws = 300});
  const Draws& draws = result.draws();
  EXPECT_EQ(draws.num_draws(), 300);
  EXPECT_EQ(draws.names().size(), 6);
  EXPECT_EQ(draws.values().size(), 300 * 6);
  EXPECT_EQ(draws.shape("b"), std::vector<int64_t>{2});
  EXPECT_TRUE(draws.shape("s").empty());
  const auto b = draws.variable("b");
  const auto first = draws["b[1]"];
  const auto twice = draws["twice[1]"];
  const auto log_p = draws.log_density();
  ASSERT_EQ(b.size(), 600);
  ASSERT_EQ(log_p.size(), 300);
  const auto s = draws["s"];
  double mean = 0;
  for (size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(first[i], b[2 * i]);
    EXPECT_EQ(twice[i], 2 * first[i]);
    EXPECT_GT(s[i], 0);
    mean += first[i] / 300;
    EXPECT_NEAR(evaluate(model, {b[2 * i], b[2 * i + 1], std::log(s[i])})[0], log_p[i], 1e-9);
  }
  // Parameters are summarised from more draws than are handed out, generated quantities from these.
  const auto b1 = result.summary("b[1]");
  EXPECT_NEAR(b1.mean, mean, 4 * b1.sd / std::sqrt(300.0));
  EXPECT_NEAR(result.summary("twice[1]").mean, 2 * mean, 1e-12);
  EXPECT_EQ(result.summaries().size(), 6);
  EXPECT_THROW(draws["b"], Error);
  EXPECT_THROW(draws.variable("b[1]"), Error);
  EXPECT_THROW(result.summary("c"), Error);
  EXPECT_NE(result.record_json().find("\"verdict\""), std::string::npos);
  EXPECT_NE(result.report().find("verdict: "), std::string::npos);
}

TEST(Fit, WritesFiles) {
  const Model model(Program::from_text(kRegression), regression_data());
  const Fit result = fit(model, {.draws = 50});
  const auto folder = std::filesystem::temp_directory_path();
  const auto csv = folder / "vinci_api_test.csv";
  const auto record = folder / "vinci_api_test.json";
  result.write_csv(csv.string());
  result.write_record(record.string());
  std::stringstream text;
  text << std::ifstream(record).rdbuf();
  EXPECT_EQ(text.str(), result.record_json());
  EXPECT_GT(std::filesystem::file_size(csv), 50 * 6);
  std::filesystem::remove(csv);
  std::filesystem::remove(record);
  EXPECT_THROW(result.write_csv("/no/such/folder/x.csv"), Error);
}

/// log N(x | 1, 2^2) on each of two coordinates; the mass beyond `wall` is cut off.
class OwnDensity final : public LogDensity {
 public:
  explicit OwnDensity(double wall) : wall_(wall) {}
  Index dim() const override { return 2; }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    for (Index l = 0; l < points.lanes; ++l) {
      double sum = 0;
      for (Index d = 0; d < 2; ++d) {
        const double z = (points(d, l) - 1) / 2;
        sum += -0.5 * z * z - std::log(2.0) - 0.91893853320467274;
        if (gradient.data != nullptr) gradient(d, l) = -z / 2;
      }
      if (!(points(0, l) < wall_)) {
        sum = -std::numeric_limits<double>::infinity();
        for (Index d = 0; gradient.data != nullptr && d < 2; ++d) gradient(d, l) = 0;
      }
      value[static_cast<size_t>(l)] = sum;
    }
  }

 private:
  double wall_;
};

TEST(Fit, OwnDensity) {
  const Fit result = fit(OwnDensity(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(result.verdict(), Verdict::kGood);
  EXPECT_NEAR(result.summary("x[1]").mean, 1, 0.1);
  EXPECT_NEAR(result.summary("x[2]").sd, 2, 0.1);
  EXPECT_NEAR(result.log_evidence().value, 0, 0.01);
  EXPECT_NEAR(result.elbo().value, 0, 0.01);
  EXPECT_EQ(result.draws().shape("x"), std::vector<int64_t>{2});
}

TEST(Fit, DensityThatIsNowhereFinite) {
  const Fit result = fit(OwnDensity(-std::numeric_limits<double>::infinity()));
  EXPECT_EQ(result.verdict(), Verdict::kBad);
  EXPECT_EQ(to_string(result.verdict()), "bad");
  EXPECT_EQ(result.draws().num_draws(), 0);
  EXPECT_FALSE(result.reasons().empty());
  EXPECT_TRUE(result.draws().values().empty());
}

TEST(Fit, SameSeedSameBitsOnAnyThreads) {
  const Model model(Program::from_text(kRegression), regression_data());
  const auto values = [&](int threads, uint64_t seed) {
    const Fit result = fit(model, {.seed = seed, .threads = threads, .draws = 100});
    const auto span = result.draws().values();
    return std::vector<double>(span.begin(), span.end());
  };
  EXPECT_EQ(values(1, 9), values(2, 9));
  EXPECT_NE(values(1, 9), values(1, 10));
}

TEST(Fit, OptionsOutOfRange) {
  const OwnDensity density(0);
  EXPECT_THROW(fit(density, {.draws = 0}), Error);
  EXPECT_THROW(fit(density, {.threads = -1}), Error);
  EXPECT_THROW(fit(density, {.method = "nuts"}), Error);
  EXPECT_THROW(fit(density, {.init = {1, 2, 3}}), Error);
}

TEST(Fit, CancelledBeforeItStarts) {
  std::atomic<bool> cancel{true};
  Context context;
  context.cancel = &cancel;
  const Fit result = fit(OwnDensity(std::numeric_limits<double>::infinity()), {}, context);
  EXPECT_TRUE(result.interrupted());
}

}  // namespace
}  // namespace vinci
