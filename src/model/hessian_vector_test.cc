// Exact Hessian-vector products of models: against differences of gradients, and symmetric to
// rounding.
#include <gtest/gtest.h>

#include <cmath>

#include "model/model.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

std::unique_ptr<Model> build(const std::string& text) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  auto typed = check::check(syntax::parse(sources.add("m.stan", text), sources, sink), sink);
  if (typed) {
    auto model =
        Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)), {}, {}, sink);
    if (model) return model;
  }
  ADD_FAILURE() << source::render_text(sink, sources);
  return nullptr;
}

void expect_exact(const std::string& text) {
  const auto model = build(text);
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->has_exact_hessian_vector()) << text;
  constexpr Index kLanes = 11;
  const Index dim = model->dim();
  std::vector<double> x(static_cast<size_t>(dim * kLanes)), u(x.size()), v(x.size());
  for (size_t k = 0; k < x.size(); ++k) {
    x[k] = 0.8 * std::sin(1.3 * static_cast<double>(k) + 0.4);
    u[k] = std::cos(0.7 * static_cast<double>(k));
    v[k] = std::sin(2.1 * static_cast<double>(k) + 1);
  }
  std::vector<double> hu(x.size()), hv(x.size()), difference(x.size());
  const auto matrix = [&](auto& data) {
    return LaneMatrixOf<std::remove_pointer_t<decltype(data.data())>>{data.data(), dim, kLanes,
                                                                      kLanes};
  };
  const LaneMatrix points{x.data(), dim, kLanes, kLanes};
  model->hessian_vector(points, {u.data(), dim, kLanes, kLanes}, matrix(hu));
  model->hessian_vector(points, {v.data(), dim, kLanes, kLanes}, matrix(hv));
  model->LogDensity::hessian_vector(points, {v.data(), dim, kLanes, kLanes}, matrix(difference));
  for (Index l = 0; l < kLanes; ++l) {
    double uhv = 0, vhu = 0, size = 0, products = 0;
    for (Index r = 0; r < dim; ++r) {
      const auto k = static_cast<size_t>(r * kLanes + l);
      uhv += u[k] * hv[k];
      vhu += v[k] * hu[k];
      products += std::abs(u[k] * hv[k]) + std::abs(v[k] * hu[k]);
      size = std::max(size, std::abs(difference[k]));
    }
    EXPECT_NEAR(uhv, vhu, 1e-12 * products) << text;
    EXPECT_GT(size, 0);
    for (Index r = 0; r < dim; ++r) {
      const auto k = static_cast<size_t>(r * kLanes + l);
      EXPECT_NEAR(hv[k], difference[k], 2e-7 * (1 + size)) << text << " coordinate " << r;
    }
  }
}

TEST(ModelHessianVector, DensitiesAndTransforms) {
  expect_exact(R"(
parameters { real mu; real<lower=0> s; simplex[3] p; ordered[2] c; real<lower=-1, upper=2> b; }
model {
  mu ~ normal(1, 2); s ~ gamma(2, 3); p ~ dirichlet([1, 2, 3]'); c ~ student_t(4, 0, s);
  b ~ cauchy(mu, s); target += log_mix(p[1], normal_lpdf(b | c[1], 1), normal_lpdf(b | c[2], s));
  target += log_sum_exp(c) - lgamma(s) + log1m(p[2]) + inv_logit(mu) + pow(s, b + 2) + Phi(mu);
})");
}

TEST(ModelHessianVector, PlatesOfDataKeepTheirForm) {
  expect_exact(R"(
transformed data {
  int N = 40; vector[N] x; array[N] int y; array[N] int g;
  for (n in 1:N) { x[n] = sin(n); y[n] = n % 3 == 0; g[n] = 1 + n % 4; }
}
parameters { real a; real b; vector[4] r; real<lower=0> tau; }
model {
  r ~ normal(0, tau); tau ~ exponential(1); a ~ normal(0, 3); b ~ normal(0, 3);
  y ~ bernoulli_logit(a + b * x + r[g]);
  x ~ normal(a * r[g], tau);
  y ~ poisson_log(a + r[g]);
})");
}

TEST(ModelHessianVector, LinearAlgebra) {
  expect_exact(R"(
transformed data {
  int N = 5; array[N] real t; vector[N] y;
  for (n in 1:N) { t[n] = 0.4 * n; y[n] = cos(n); }
}
parameters { real<lower=0> rho; real<lower=0> alpha; vector[N] z; cholesky_factor_corr[3] L; }
model {
  matrix[N, N] K = add_diag(gp_exp_quad_cov(t, alpha, rho), 0.1);
  y ~ multi_normal(cholesky_decompose(K) * z, K);
  z ~ normal(0, 1); rho ~ inv_gamma(5, 5); alpha ~ normal(0, 1); L ~ lkj_corr_cholesky(2);
  target += log_determinant(K) + sum(inverse(K) * z) + sum(mdivide_left_tri_low(L, z[1:3]));
})");
}

TEST(ModelHessianVector, DifferencesWhereThereIsNoExpression) {
  const auto model = build(R"(
functions { vector f(real t, vector y, real k) { return -k * y; } }
parameters { real<lower=0> k; }
model {
  array[1] vector[1] y = ode_rk45_tol(f, [1]', 0, {1.0}, 1e-11, 1e-11, 10000, k);
  target += y[1][1];
})");
  ASSERT_TRUE(model);
  EXPECT_FALSE(model->has_exact_hessian_vector());
  // log density e^-k + log k at k = e^x: second derivative in x is e^-k (k^2 - k).
  const double x = 0.3, v = 2, k = std::exp(x);
  double product = 0;
  model->hessian_vector({&x, 1, 1, 1}, {&v, 1, 1, 1}, {&product, 1, 1, 1});
  EXPECT_NEAR(product, 2 * std::exp(-k) * (k * k - k), 1e-5);
}

TEST(ModelHessianVector, LanesOutsideOfTheSupportGiveZero) {
  const auto model = build(R"(
parameters { real a; }
model { target += log(a) - a * a; }
)");
  ASSERT_TRUE(model);
  const std::vector<double> x{-1, 2}, v{1, 1};
  std::vector<double> product(2, 7.0);
  model->hessian_vector({x.data(), 1, 2, 2}, {v.data(), 1, 2, 2}, {product.data(), 1, 2, 2});
  EXPECT_EQ(product[0], 0);
  EXPECT_NEAR(product[1], -0.25 - 2, 1e-14);
}

}  // namespace
}  // namespace vinci::model
