#include "infer/family/factorised.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/json.h"
#include "infer/dense.h"
#include "model/model.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::infer {
namespace {

FactorisedFamily family() {
  return {7,
          {{"r", gamma_factor(), 3, true},
           {"p", beta_factor(), 4, true},
           {"", normal_factor(), 0},
           {"w", dirichlet_factor(3), 1, true},
           {"tau", point_factor({0.5}), 5},
           {"phi", von_mises_factor(), 6, true}}};
}
// Blocks by coordinate: normal, dirichlet, gamma, beta, point, von Mises.
const std::vector<double> kLambda = {0.5, -0.3, 0.2, 0.9, 0.4, 1.0, 0.1, 0.3, 1.2, 0.7, 0.2, 1.1};

TEST(Factorised, DrawWritesTheDensityOfWhatItDraws) {
  const FamilyPtr q = family().at(kLambda);
  Matrix z(7, 40), part(7, 5);
  Vector drawn(40), again(40), part_density(5);
  q->draw({3, 4}, 5, 0, mutable_lanes(z), span_of(drawn));
  q->log_q(lanes_of(z), span_of(again));
  EXPECT_LT((drawn - again).cwiseAbs().maxCoeff(), 1e-11);
  q->draw({3, 4}, 5, 11, mutable_lanes(part), span_of(part_density));
  EXPECT_EQ((z.middleCols(11, 5) - part).cwiseAbs().maxCoeff(), 0);
  for (Index l = 0; l < 40; ++l) EXPECT_EQ(z(5, l), 0.7);  // the point
}

TEST(Factorised, DensityIsTheSumOverFactors) {
  const FactorisedFamily f = family();
  Matrix z(7, 8);
  Vector density(8);
  f.at(kLambda)->draw({3, 4}, 5, 0, mutable_lanes(z), span_of(density));
  double entropy = 0;
  Vector sum = Vector::Zero(8);
  for (size_t b = 0; b < f.blocks().size(); ++b) {
    const ContinuousFactor& q = *f.blocks()[b].factor;
    const auto l = std::span(kLambda).subspan(static_cast<size_t>(f.first_param(b)),
                                              static_cast<size_t>(q.num_params()));
    entropy += q.entropy_unconstrained(l);
    for (Index i = 0; i < 8; ++i) {
      std::vector<double> part;
      for (Index k = 0; k < q.num_unconstrained(); ++k)
        part.push_back(z(f.blocks()[b].first + k, i));
      sum[i] += q.log_q(l, part);
    }
  }
  EXPECT_LT((sum - density).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_NEAR(f.at(kLambda)->entropy(), entropy, 1e-12);
}

TEST(Factorised, GradientsMatchDifferences) {
  const FactorisedFamily f = family();
  constexpr Index kLanes = 6;
  Matrix noise(f.noise_dim(), kLanes), z(7, kLanes), adjoint(7, kLanes), moved(7, kLanes);
  Matrix pathwise(f.num_params(), kLanes), score(f.num_params(), kLanes), gradient(7, kLanes);
  Vector log_q(kLanes), up(kLanes), down(kLanes);
  f.fill_noise({1, 2}, 3, 0, mutable_lanes(noise));
  f.transform(kLambda, lanes_of(noise), mutable_lanes(z), span_of(log_q));
  for (Index d = 0; d < 7; ++d) adjoint.row(d).setConstant(1 + 0.3 * static_cast<double>(d));
  f.pathwise(kLambda, lanes_of(noise), lanes_of(z), nullptr, lanes_of(adjoint),
             mutable_lanes(pathwise));
  f.score(kLambda, lanes_of(z), mutable_lanes(score));
  f.log_q_gradient(kLambda, lanes_of(z), mutable_lanes(gradient));
  constexpr double kStep = 1e-5;
  for (Index p = 0; p < f.num_params(); ++p) {
    std::vector<double> high = kLambda, low = kLambda;
    high[static_cast<size_t>(p)] += kStep;
    low[static_cast<size_t>(p)] -= kStep;
    f.log_q(high, lanes_of(z), span_of(up));
    f.log_q(low, lanes_of(z), span_of(down));
    const Vector want_score = (up - down) / (2 * kStep);
    f.transform(high, lanes_of(noise), mutable_lanes(moved), span_of(up));
    const Vector at_high = moved.cwiseProduct(adjoint).colwise().sum();
    f.transform(low, lanes_of(noise), mutable_lanes(moved), span_of(down));
    const Vector at_low = moved.cwiseProduct(adjoint).colwise().sum();
    for (Index l = 0; l < kLanes; ++l) {
      EXPECT_NEAR(score(p, l), want_score[l], 1e-7 * (1 + std::abs(want_score[l])));
      const double want = (at_high[l] - at_low[l]) / (2 * kStep);
      EXPECT_NEAR(pathwise(p, l), want, 1e-6 * (1 + std::abs(want)));
    }
  }
  for (Index d = 0; d < 7; ++d) {
    Matrix high = z, low = z;
    high.row(d).array() += kStep;
    low.row(d).array() -= kStep;
    f.log_q(kLambda, lanes_of(high), span_of(up));
    f.log_q(kLambda, lanes_of(low), span_of(down));
    for (Index l = 0; l < kLanes; ++l) {
      EXPECT_NEAR(gradient(d, l), (up[l] - down[l]) / (2 * kStep), 1e-6);
    }
  }
}

TEST(Factorised, LecturesA5DivergenceIsTheSumOverCoordinates) {
  const FactorisedFamily f(
      3, {{"a", normal_factor(), 0}, {"b", gamma_factor(), 1}, {"c", beta_factor(), 2}});
  const std::vector<double> q = {0.5, -0.3, 1.0, 0.2, 0.4, 0.9}, p = {0.1, 0.2, 0.8, 0.5, 0.7, 0.6};
  double sum = 0;
  for (size_t b = 0; b < 3; ++b) {
    const ContinuousFactor& factor = *f.blocks()[b].factor;
    sum += factor.kl(std::span(q).subspan(2 * b, 2), factor, std::span(p).subspan(2 * b, 2));
  }
  EXPECT_NEAR(f.kl(q, p), sum, 1e-14);
  // And it is E_q[log q - log p].
  constexpr Index kDraws = 20000;
  Matrix z(3, kDraws);
  Vector log_q(kDraws), log_p(kDraws);
  f.at(q)->draw({7, 7}, 0, 0, mutable_lanes(z), span_of(log_q));
  f.at(p)->log_q(lanes_of(z), span_of(log_p));
  const Vector ratio = log_q - log_p;
  const double error = std::sqrt((ratio.array() - ratio.mean()).square().mean() / kDraws);
  EXPECT_NEAR(ratio.mean(), sum, 5 * error);
}

TEST(Factorised, DescribesItself) {
  EXPECT_EQ(family().describe(), "4 factors: dirichlet, gamma, beta, von-mises; 1 normal; 1 point");
  const FactorisedFamily two(2, {{"r", gamma_factor(), 0, true}, {"p", beta_factor(), 1, true}});
  EXPECT_EQ(two.describe(), "r ~ gamma, p ~ beta");
  EXPECT_EQ(two.param_name(1), "r.rate");
  EXPECT_EQ(two.param_name(2), "p.a");
  const std::vector<FittedFactor> fitted = two.fitted(std::vector<double>{0, 1, 2, 3});
  ASSERT_EQ(fitted.size(), 2u);
  EXPECT_EQ(fitted[1].name, "p");
  EXPECT_EQ(fitted[1].word, "beta");
  EXPECT_NEAR(fitted[1].params[1].value, std::exp(3.0), 1e-12);
}

std::unique_ptr<model::Model> build(const std::string& text, std::vector<std::string> points = {}) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const source::FileId file = sources.add("test.stan", text);
  auto typed = check::check(syntax::parse(file, sources, sink), sink);
  EXPECT_FALSE(sink.has_errors()) << source::render_text(sink, sources);
  model::BuildOptions options;
  options.points = std::move(points);
  return model::Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)),
                             data::DataTable(), options, sink);
}

// The same distributions written as a program: constraint transforms, Jacobians and densities
// agree to rounding.
TEST(Factorised, AgreesWithAProgramOfItsDensity) {
  const auto model = build(R"(
    parameters {
      real<lower=0> e; real<lower=0> g; real<lower=0> i; real<lower=0> l;
      real<lower=0, upper=1> b; array[2] simplex[3] w; vector[2] n;
      real<lower=-pi(), upper=pi()> phi; real angle;
    }
    model {
      e ~ exponential(1.5); g ~ gamma(2.5, 0.7); i ~ inv_gamma(3, 2); l ~ lognormal(0.3, 0.6);
      b ~ beta(2, 0.8); w[1] ~ dirichlet([1.5, 0.6, 3]'); w[2] ~ dirichlet([2, 3, 1]');
      n ~ normal(0.4, 1.2); phi ~ von_mises(0.5, 2); angle ~ von_mises(-1, 0.7);
    })");
  const auto log = [](double x) { return std::log(x); };
  const FactorisedFamily f(13, {{"e", exponential_factor(), 0},
                                {"g", gamma_factor(), 1},
                                {"i", inverse_gamma_factor(), 2},
                                {"l", log_normal_factor(), 3},
                                {"b", beta_factor(), 4},
                                {"w[1]", dirichlet_factor(3), 5},
                                {"w[2]", dirichlet_factor(3), 7},
                                {"n[1]", normal_factor(), 9},
                                {"n[2]", normal_factor(), 10},
                                {"phi", von_mises_factor_on(-std::numbers::pi), 11},
                                {"angle", von_mises_factor(), 12}});
  const std::vector<double> lambda = {log(1.5), log(2.5), log(0.7), log(3),   log(2),   0.3,
                                      log(0.6), log(2),   log(0.8), log(1.5), log(0.6), log(3),
                                      log(2),   log(3),   0,        0.4,      log(1.2), 0.4,
                                      log(1.2), 0.5,      log(2),   -1,       log(0.7)};
  ASSERT_EQ(model->dim(), 13);
  Matrix z(13, 20), p_gradient(13, 20), q_gradient(13, 20);
  Vector log_q(20), log_p(20);
  f.at(lambda)->draw({2, 2}, 0, 0, mutable_lanes(z), span_of(log_q));
  model->evaluate(lanes_of(z), span_of(log_p), mutable_lanes(p_gradient));
  f.log_q_gradient(lambda, lanes_of(z), mutable_lanes(q_gradient));
  EXPECT_LT((log_q - log_p).cwiseAbs().maxCoeff(), 1e-10);
  EXPECT_LT((p_gradient - q_gradient).cwiseAbs().maxCoeff(), 1e-9);

  // What the model says of its parameters.
  using Support = model::ParameterElement::Support;
  const auto& parameters = model->parameters();
  ASSERT_EQ(parameters.size(), 9u);
  EXPECT_EQ(parameters[1].elements[0].support, Support::kPositive);
  EXPECT_EQ(parameters[4].elements[0].support, Support::kUnitInterval);
  ASSERT_EQ(parameters[5].elements.size(), 2u);
  EXPECT_EQ(parameters[5].elements[1].name, "w[2]");
  EXPECT_EQ(parameters[5].elements[1].support, Support::kSimplex);
  EXPECT_EQ(parameters[5].elements[1].first_coordinate, 7);
  EXPECT_EQ(parameters[6].elements[1].name, "n[2]");
  EXPECT_EQ(parameters[6].elements[1].support, Support::kReal);
  EXPECT_EQ(parameters[7].elements[0].support, Support::kInterval);
  EXPECT_NEAR(parameters[7].elements[0].high, std::numbers::pi, 1e-15);
}

TEST(Factorised, BoundsByElementAndBoundsOfParameters) {
  const auto model = build(R"(
    transformed data { vector[2] low = [0, 1]'; }
    parameters {
      vector<lower=low>[2] v; real<lower=v[1]> above; ordered[2] o; matrix<lower=0, upper=1>[2, 2] m;
    }
    model { v ~ normal(0, 1); })");
  using Support = model::ParameterElement::Support;
  const auto& p = model->parameters();
  EXPECT_EQ(p[0].elements[0].support, Support::kPositive);
  EXPECT_EQ(p[0].elements[1].support, Support::kOther);
  EXPECT_EQ(p[0].elements[1].low, 1);
  EXPECT_EQ(p[1].elements[0].support, Support::kOther);
  ASSERT_EQ(p[2].elements.size(), 1u);
  EXPECT_EQ(p[2].elements[0].support, Support::kOther);
  EXPECT_EQ(p[3].elements[1].name, "m[2,1]");
  EXPECT_EQ(p[3].elements[1].support, Support::kUnitInterval);
}

TEST(Factorised, PointsLeaveNoJacobian) {
  const char* text =
      "parameters { real<lower=0> s; real z; } model { s ~ gamma(2, 3); z ~ normal(0, s); }";
  const auto with = build(text), without = build(text, {"s"});
  Matrix z(2, 3);
  z << -1, 0.2, 0.9, 0.1, 0.2, 0.3;
  Vector a(3), b(3);
  with->evaluate(lanes_of(z), span_of(a), {nullptr, 0, 0, 0});
  without->evaluate(lanes_of(z), span_of(b), {nullptr, 0, 0, 0});
  for (Index l = 0; l < 3; ++l) EXPECT_NEAR(a[l] - b[l], z(0, l), 1e-13);
}

}  // namespace
}  // namespace vinci::infer
