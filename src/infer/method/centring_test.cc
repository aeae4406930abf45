// Learned centring: the rule on normal hierarchies where it is known, the family's laws, and whole
// fits of programs that no normal fits as they are written.
#include "infer/method/centring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "data/json.h"
#include "infer/family/recentred_family.h"
#include "infer/family/sparse_precision_normal.h"
#include "infer/fit.h"
#include "infer/method/sparse_newton.h"
#include "model/model.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::infer {
namespace {

std::unique_ptr<model::Model> build(const std::string& program, const std::string& json = "{}") {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  syntax::Program parsed = syntax::parse(sources.add("m.stan", program), sources, sink);
  std::unique_ptr<model::Model> model;
  if (!sink.has_errors()) {
    auto typed = check::check(std::move(parsed), sink);
    const data::DataTable table = data::read_json(sources.add("d.json", json), sources, sink);
    if (typed && !sink.has_errors()) {
      model = model::Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)),
                                  table, {}, sink);
    }
  }
  EXPECT_NE(model, nullptr) << source::render_text(sink, sources);
  return model;
}

/// theta_j ~ N(mu, tau) seen with errors 0.01, 1 and 100; centred and not.
const char* const kCentred =
    "parameters { real mu; real<lower=0> tau; vector[3] theta; }"
    "model { mu ~ normal(0, 1); tau ~ gamma(2, 2); theta ~ normal(mu, tau);"
    "        [0.5, -0.5, 3]' ~ normal(theta, [0.01, 1, 100]'); }";
const char* const kNonCentred =
    "parameters { real mu; real<lower=0> tau; vector[3] z; }"
    "model { mu ~ normal(0, 1); tau ~ gamma(2, 2); z ~ normal(0, 1);"
    "        [0.5, -0.5, 3]' ~ normal(mu + tau * z, [0.01, 1, 100]'); }";

TEST(BalanceCentring, IsTheShareOfTheDataInTheInformation) {
  for (const char* program : {kCentred, kNonCentred}) {
    const auto model = build(program);
    ASSERT_EQ(model->sites().size(), 3u);
    const std::vector<double> zero(3, 0.0);
    const auto non_centred = model->recentred(zero);
    // Draws with tau = 1 but for a hair: there the share is tau^2 / (tau^2 + error^2).
    std::vector<double> factor(25, 0.0);
    for (size_t i = 0; i < 5; ++i) factor[6 * i] = 1e-3;
    const FullRankNormal q(std::vector<double>(5, 0.0), factor);
    const Context context;
    Objective objective(*non_centred, context);
    const auto c = balance_centring(objective, *model, *non_centred, q, 4, {1, 1});
    EXPECT_EQ(c, (std::vector<double>{1, 0.5, 0}));
    EXPECT_EQ(objective.evaluations(), 2 * 3 * 4);
  }
}

TEST(RecentredFamily, DrawsHaveTheDensityThatTheySay) {
  const auto model = build(kCentred);
  const std::vector<double> c = {0, 0.5, 1};
  const std::shared_ptr<const model::Recentred> density = model->recentred(c);
  const RecentredFamily q(density, std::make_shared<FullRankNormal>(5, 0.7));
  constexpr Index kDraws = 20;
  std::vector<double> points(5 * kDraws), log_q(kDraws), again(kDraws), part(5 * 4), part_q(4);
  q.draw({3, 3}, 0, 0, {points.data(), 5, kDraws, kDraws}, log_q);
  q.log_q({points.data(), 5, kDraws, kDraws}, again);
  for (size_t s = 0; s < kDraws; ++s) EXPECT_NEAR(log_q[s], again[s], 1e-9);
  q.draw({3, 3}, 0, 8, {part.data(), 5, 4, 4}, part_q);
  for (size_t d = 0; d < 5; ++d) {
    for (size_t s = 0; s < 4; ++s) EXPECT_EQ(part[d * 4 + s], points[d * kDraws + 8 + s]);
  }
}

TEST(OriginalJudgement, SaysTheSameOfTheRatios) {
  const auto model = build(kCentred);
  const std::vector<double> c = {0, 0.5, 1};
  const auto density = model->recentred(c);
  const Context context;
  Objective objective(*model, context), inner(*density, context);
  const Judgement j = judge_family(inner, FullRankNormal(5), 64, 64, {1, 1});
  const Judgement k = original_judgement(j, *density);
  std::vector<double> x(5), value(1);
  for (size_t s = 0; s < 64; ++s) {
    EXPECT_NEAR(k.log_density[s] - k.log_q[s], j.log_density[s] - j.log_q[s], 1e-9);
    for (size_t d = 0; d < 5; ++d) x[d] = k.points[s * 5 + d];
    objective.evaluate({x.data(), 5, 1, 1}, value);
    EXPECT_NEAR(value[0], k.log_density[s], 1e-8 * (1 + std::abs(value[0])));
  }
}

FitOptions serial() {
  FitOptions o;
  o.threads = 1;
  return o;
}

std::pair<double, double> moments(const FitResult& r, Index coordinate, bool log_scale) {
  double sum = 0, squares = 0;
  for (Index s = 0; s < r.num_draws; ++s) {
    const double z = r.draws[static_cast<size_t>(s * r.dim + coordinate)];
    const double x = log_scale ? std::exp(z) : z;
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(r.num_draws);
  return {sum / n, std::sqrt(squares / n - sum * sum / n / n)};
}

const char* const kFunnel =
    "parameters { real v; vector[9] x; } model { v ~ normal(0, 3); x ~ normal(0, exp(v / 2)); }";

// Neal's funnel is a product of normals in the right coordinates; its evidence is 1.
TEST(Fit, FunnelAsAProgramIsGood) {
  const auto model = build(kFunnel);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    FitOptions o = serial();
    o.seed = seed;
    const FitResult r = fit(*model, o);
    EXPECT_EQ(r.verdict.grade, diagnose::Grade::kGood) << seed;
    EXPECT_LT(r.khat, 0.3) << seed;
    EXPECT_NEAR(r.elbo.value, 0, 0.01) << seed;
    EXPECT_NEAR(r.log_evidence.value, 0, 0.01) << seed;
    const auto [mean, sd] = moments(r, 0, false);
    EXPECT_NEAR(mean, 0, 5 * 3 / std::sqrt(4000.0)) << seed;
    EXPECT_NEAR(std::log(sd / 3), 0, 5 / std::sqrt(8000.0)) << seed;
  }
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Fit, CentredEightSchoolsMeetTheReference) {
  const std::filesystem::path shared = VINCI_SHARED_DIR;
  const auto folder = shared / "posteriors/eight_schools-eight_schools_noncentered";
  if (!std::filesystem::exists(folder / "reference.json")) {
    GTEST_SKIP() << "no reference posteriors in " << shared;
  }
  const auto reference = nlohmann::json::parse(read(folder / "reference.json"))["parameters"];
  const auto program = std::filesystem::path(VINCI_SOURCE_DIR) /
                       "tests/posteriors/programs/eight_schools_centered.stan";
  const auto model = build(read(program), read(folder / "data.json"));
  ASSERT_NE(model, nullptr);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    FitOptions o = serial();
    o.seed = seed;
    const FitResult r = fit(*model, o);
    EXPECT_LT(r.khat, 0.6) << seed;
    EXPECT_NE(r.verdict.grade, diagnose::Grade::kBad) << seed;
    for (Index d = 0; d < r.dim; ++d) {
      std::string name = model->unconstrained_names()[static_cast<size_t>(d)];
      if (const size_t dot = name.find('.'); dot != std::string::npos) {
        name = name.substr(0, dot) + "[" + name.substr(dot + 1) + "]";
      }
      const double mean = reference[name]["mean"], sd = reference[name]["sd"];
      const auto [m, s] = moments(r, d, name == "tau");
      EXPECT_NEAR(m, mean, 0.1 * sd) << name << " " << seed;
      EXPECT_NEAR(std::log(s / sd), 0, 0.1) << name << " " << seed;
    }
  }
}

// Beyond 500 dimensions no dense normal is fitted. 520 groups that differ little: their scale is
// known best where they are not centred.
TEST(FitRecentred, LargeHierarchiesGetASparsePrecision) {
  std::string y = "[";
  double squares = 0, sum = 0;
  for (int j = 0; j < 520; ++j) {
    const double v = std::round(1600 * std::sin(3.7 * j)) / 1000;
    y += fmt::format("{}{:.3f}", j == 0 ? "" : ",", v);
    sum += v;
    squares += v * v;
  }
  const auto model = build(
      "data { int N; vector[N] y; }"
      "parameters { real mu; real<lower=0> tau; vector[N] theta; }"
      "model { mu ~ normal(0, 5); tau ~ normal(0, 1); theta ~ normal(mu, tau);"
      "        y ~ normal(theta, 1); }",
      "{\"N\": 520, \"y\": " + y + "]}");
  ASSERT_NE(model, nullptr);
  const Context context;
  CurrentCoordinates coordinates(*model);
  Objective objective(coordinates, context);
  const auto plan = plan_where_it_pays(objective);
  ASSERT_TRUE(plan);
  const std::vector<double> zero(522, 0.0), half(522, 0.5);
  const SparseNewtonResult centred = sparse_newton(objective, *plan, zero, half, {}, {1, 1});
  ASSERT_NE(centred.normal, nullptr);
  const CentringResult r = fit_recentred(objective, coordinates, *model, centred.normal, {},
                                         [](const std::string&, double) {});
  ASSERT_NE(r.density, nullptr);
  EXPECT_NE(dynamic_cast<const SparsePrecisionNormal*>(r.normal.get()), nullptr);
  EXPECT_TRUE(r.density->has_exact_hessian_vector());
  EXPECT_TRUE(r.converged);
  EXPECT_GT(r.elbo, centred.elbo + 0.1);
  // With theta summed out y ~ N(mu, 1 + tau^2), and mu too: a posterior of one dimension.
  double mass = 0, mean = 0, square = 0;
  for (double tau = 0.0005; tau < 3; tau += 0.001) {
    const double v = 1 + tau * tau, precision = 520 / v + 1.0 / 25;
    const double log_density = -0.5 * squares / v - 260 * std::log(v) - 0.5 * std::log(precision) +
                               0.5 * (sum / v) * (sum / v) / precision - 0.5 * tau * tau;
    const double weight = std::exp(log_density + 0.3 * squares);
    mass += weight;
    mean += weight * tau;
    square += weight * tau * tau;
  }
  mean /= mass;
  const double sd = std::sqrt(square / mass - mean * mean);
  const RecentredFamily q(r.density, r.normal);
  constexpr Index kDraws = 4000;
  std::vector<double> points(522 * kDraws), log_q(kDraws);
  q.draw({2, 2}, 0, 0, {points.data(), 522, kDraws, kDraws}, log_q);
  double found = 0;
  for (size_t s = 0; s < kDraws; ++s) found += std::exp(points[kDraws + s]) / kDraws;
  EXPECT_NEAR(found, mean, 0.2 * sd);  // the best normal of log tau is off by about 0.1
}

TEST(Fit, RecentredFitsAreReproducible) {
  const auto model = build(kFunnel);
  FitOptions o = serial();
  const FitResult one = fit(*model, o);
  EXPECT_NE(dynamic_cast<const RecentredFamily*>(one.approximation.get()), nullptr);
  o.threads = 3;
  const FitResult three = fit(*model, o);
  EXPECT_EQ(one.draws, three.draws);
  EXPECT_EQ(one.evaluations, three.evaluations);
  int64_t evaluations = 0;
  for (const Stage& s : one.stages) evaluations += s.evaluations;
  EXPECT_EQ(evaluations, one.evaluations);
}

}  // namespace
}  // namespace vinci::infer
