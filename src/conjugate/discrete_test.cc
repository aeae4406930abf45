// Plates of discrete parameters against brute force and independent derivations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <atomic>
#include <cmath>

#include "conjugate/rows.h"
#include "conjugate/testing/fitted.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {
namespace {

using numeric::digamma;
using numeric::lgamma;

constexpr double kPi = 3.14159265358979323846;

std::string json_array(const std::vector<double>& x) {
  std::string text;
  for (double v : x) text += fmt::format("{}{:.17g}", text.empty() ? "[" : ",", v);
  return text + "]";
}

double lgamma_of_dim(int dim, double x) {
  double sum = dim * (dim - 1) / 4.0 * std::log(kPi);
  for (int i = 0; i < dim; ++i) sum += lgamma(x - i / 2.0);
  return sum;
}

// A row whose states look alike by chance says nothing of the others: the answer may not depend on
// where it stands.
TEST(Rows, StatesAreComparedRowByRow) {
  const auto bound = [](const char* program, const char* json) {
    Fitted f(program, json, {.seed = 2});
    EXPECT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
    return f.ok() ? f.elbo() : 0.0;
  };
  // d chosen is -1 or 1: the same distance from y = 0.
  const char* data_means = R"(data { int N; array[N] real y; array[2] real d; }
    parameters { real<lower=0> tau; array[N] int<lower=1, upper=2> z; }
    model { tau ~ gamma(2, 1); z ~ categorical([0.3, 0.7]');
      for (n in 1:N) y[n] ~ normal(d[z[n]], inv_sqrt(tau)); })";
  EXPECT_NEAR(bound(data_means, R"({"N": 4, "y": [0, 1.3, -0.6, 2.1], "d": [-1, 1]})"),
              bound(data_means, R"({"N": 4, "y": [1.3, -0.6, 2.1, 0], "d": [-1, 1]})"), 1e-8);
  // The states exchange a and b: with x = 1 both have the same coefficients.
  const char* exchanged = R"(data { int N; array[N] real y; array[N] real x; }
    parameters { real a; real b; array[N] int<lower=1, upper=2> z; }
    transformed parameters { array[2] real u = {a, b}; array[2] real v = {b, a}; }
    model { a ~ normal(1, 1); b ~ normal(-1, 1); z ~ categorical([0.3, 0.7]');
      for (n in 1:N) y[n] ~ normal(u[z[n]] + v[z[n]] * x[n], 0.5); })";
  EXPECT_NEAR(bound(exchanged, R"({"N": 3, "y": [0.3, 1.2, -2], "x": [1, 3, -2]})"),
              bound(exchanged, R"({"N": 3, "y": [1.2, -2, 0.3], "x": [3, -2, 1]})"), 1e-8);
}

// Mixture of Gaussians with Dirichlet and Normal-Wishart priors, iterated as in Bishop 2006, sec.
// 10.2, eqs. (10.46)-(10.63), from the responsibilities that the fit ended with: a fixed point, and
// the bound (10.70) in the form  log Z of the posteriors over the priors' plus the entropy of r.
TEST(FixedPoint, MixtureOfGaussians) {
  constexpr int n = 40, dim = 2, k = 3;
  numeric::RandomStream random(3);
  Eigen::MatrixXd y(n, dim);
  std::string json = "[";
  for (int i = 0; i < n; ++i) {
    const int c = i % 3;
    y(i, 0) = random.normal() * 0.6 + 3 * c;
    y(i, 1) = random.normal() * 0.4 + (c == 1 ? 2 : 0) + 0.5 * y(i, 0);
    json += fmt::format("{}[{:.17g},{:.17g}]", i == 0 ? "" : ",", y(i, 0), y(i, 1));
  }
  const double alpha0 = 0.7, kappa0 = 0.3, nu0 = 4;
  Fitted f(R"(data { int N; array[N] vector[2] y; }
    parameters { simplex[3] theta; array[3] vector[2] mu; array[3] cov_matrix[2] L;
      array[N] int<lower=1, upper=3> z; }
    model { theta ~ dirichlet([0.7, 0.7, 0.7]');
      for (k in 1:3) { L[k] ~ wishart(4, [[0.5, 0], [0, 1]]); mu[k] ~ multi_normal_prec([1, 0.5]', 0.3 * L[k]); }
      for (n in 1:N) { z[n] ~ categorical(theta); y[n] ~ multi_normal_prec(mu[z[n]], L[z[n]]); } })",
           fmt::format(R"({{"N": {}, "y": {}]}})", n, json), {.seed = 2, .max_sweeps = 3000});
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  expect_monotone(f);
  const Rows& rows =
      dynamic_cast<const Rows&>(f.model().network.variable(f.model().plates[0].variable));
  std::vector<double> r(n * k);
  rows.responsibilities(0, n, r);
  Eigen::MatrixXd s0 = Eigen::Vector2d(2, 1).asDiagonal();
  const Eigen::Vector2d m0(1, 0.5);
  double bound = -n * dim / 2.0 * std::log(2 * kPi) + lgamma(k * alpha0) - k * lgamma(alpha0) -
                 lgamma(k * alpha0 + n);
  std::vector<Eigen::VectorXd> m(k);
  std::vector<Eigen::MatrixXd> s(k);
  std::vector<double> count(k, 0.0);
  for (size_t c = 0; c < k; ++c) {
    Eigen::Vector2d sum = Eigen::Vector2d::Zero();
    for (int i = 0; i < n; ++i) {
      count[c] += r[static_cast<size_t>(i) * k + c];
      sum += r[static_cast<size_t>(i) * k + c] * y.row(i).transpose();
    }
    const double kappa = kappa0 + count[c], nu = nu0 + count[c];
    m[c] = (kappa0 * m0 + sum) / kappa;
    s[c] = s0 + kappa0 * m0 * m0.transpose() - kappa * m[c] * m[c].transpose();
    for (int i = 0; i < n; ++i)
      s[c] += r[static_cast<size_t>(i) * k + c] * y.row(i).transpose() * y.row(i);
    bound += lgamma(alpha0 + count[c]) + dim / 2.0 * std::log(kappa0 / kappa) +
             lgamma_of_dim(dim, nu / 2) - lgamma_of_dim(dim, nu0 / 2) +
             (nu - nu0) * dim / 2 * std::log(2.0) + nu0 / 2 * std::log(s0.determinant()) -
             nu / 2 * std::log(s[c].determinant());
    const std::string mu = fmt::format("mu[{},1]", c + 1), l = fmt::format("L[{}]", c + 1);
    EXPECT_NEAR(f.at(mu, "location"), m[c](0), 1e-8);
    EXPECT_NEAR(f.at(l, "inverse_scale[2,1]"), s[c](1, 0), 1e-7);
    EXPECT_NEAR(f.at("theta", fmt::format("alpha[{}]", c + 1)), alpha0 + count[c], 1e-8);
  }
  // The E step from these reproduces r.
  for (int i = 0; i < n; ++i) {
    std::vector<double> score(k);
    double top = -1e300, total = 0;
    for (size_t c = 0; c < k; ++c) {
      const double nu = nu0 + count[c], kappa = kappa0 + count[c];
      const Eigen::VectorXd d = y.row(i).transpose() - m[c];
      score[c] = digamma(alpha0 + count[c]) +
                 0.5 * (digamma(nu / 2) + digamma((nu - 1) / 2) + dim * std::log(2.0) -
                        std::log(s[c].determinant())) -
                 0.5 * (dim / kappa + nu * d.dot(s[c].inverse() * d));
      top = std::max(top, score[c]);
    }
    for (double v : score) total += std::exp(v - top);
    for (size_t c = 0; c < k; ++c) {
      const double own = r[static_cast<size_t>(i) * k + c];
      EXPECT_NEAR(own, std::exp(score[c] - top) / total, 1e-8);
      if (own > 0) bound -= own * std::log(own);
    }
  }
  EXPECT_NEAR(f.elbo(), bound, 1e-8 * std::abs(bound));
}

// With all but z known the bound is the evidence: forward-backward against the sum over all paths.
TEST(Chains, HiddenMarkovAgainstBruteForce) {
  const std::vector<double> y{0.3, -1.0, 2.2, 1.9, -0.5, 0.8};
  const double a[2][2] = {{0.7, 0.3}, {0.2, 0.8}}, mu[2] = {-0.5, 1.5}, sd[2] = {0.8, 0.6},
               start[2] = {0.6, 0.4};
  Fitted f(
      R"(data { int N; vector[N] y; array[2] simplex[2] A; vector[2] mu; vector[2] sd; }
    parameters { array[N] int<lower=1, upper=2> z; }
    model { z[1] ~ categorical([0.6, 0.4]'); for (n in 2:N) z[n] ~ categorical(A[z[n - 1]]);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], sd[z[n]]); })",
      fmt::format(
          R"({{"N": 6, "y": {}, "A": [[0.7, 0.3], [0.2, 0.8]], "mu": [-0.5, 1.5], "sd": [0.8, 0.6]}})",
          json_array(y)));
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  double evidence = 0;
  std::vector<double> marginal(12, 0.0);
  for (int path = 0; path < 64; ++path) {
    double p = 1;
    for (size_t t = 0; t < 6; ++t) {
      const int z = path >> t & 1;
      p *= t == 0 ? start[z] : a[path >> (t - 1) & 1][z];
      const double u = (y[t] - mu[z]) / sd[z];
      p *= std::exp(-u * u / 2) / (sd[z] * std::sqrt(2 * kPi));
    }
    evidence += p;
    for (size_t t = 0; t < 6; ++t) marginal[2 * t + static_cast<size_t>(path >> t & 1)] += p;
  }
  expect_close(f.elbo(), std::log(evidence));
  ASSERT_EQ(f.model().plates.size(), 1u);
  EXPECT_TRUE(f.model().plates[0].is_chain);
  const Rows& rows =
      dynamic_cast<const Rows&>(f.model().network.variable(f.model().plates[0].variable));
  std::vector<double> r(12);
  rows.responsibilities(0, 6, r);
  for (size_t i = 0; i < 12; ++i) expect_close(r[i], marginal[i] / evidence);
}

TEST(Chains, HiddenMarkovWithUnknownsIsMonotone) {
  numeric::RandomStream random(5);
  std::vector<double> y;
  int z = 0;
  for (int t = 0; t < 200; ++t) {
    if (random.uniform() < 0.1) z = 1 - z;
    y.push_back(random.normal() + 4 * z);
  }
  Fitted f(R"(data { int N; vector[N] y; }
    parameters { array[2] simplex[2] A; simplex[2] p; vector[2] mu; vector<lower=0>[2] tau; array[N] int<lower=1, upper=2> z; }
    model { for (k in 1:2) A[k] ~ dirichlet([1, 1]'); p ~ dirichlet([1, 1]'); mu ~ normal(0, 10); tau ~ gamma(1, 1);
      z[1] ~ categorical(p); for (n in 2:N) z[n] ~ categorical(A[z[n - 1]]);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], inv_sqrt(tau[z[n]])); })",
           fmt::format(R"({{"N": 200, "y": {}}})", json_array(y)));
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  expect_monotone(f);
  const double low = std::min(f.at("mu[1]", "mean"), f.at("mu[2]", "mean"));
  const double high = std::max(f.at("mu[1]", "mean"), f.at("mu[2]", "mean"));
  EXPECT_NEAR(low, 0, 0.5);
  EXPECT_NEAR(high, 4, 0.5);
}

// Rows in a plate, and the same rows as variables of their own, are one model.
TEST(Plates, RowsAndSingleVariablesAgree) {
  numeric::RandomStream random(8);
  std::vector<double> y;
  for (int i = 0; i < 30; ++i)
    y.push_back(static_cast<double>(random.poisson(i % 2 == 0 ? 2 : 20)));
  const std::string data = fmt::format(R"({{"N": 30, "y": {}}})", json_array(y));
  const std::string head =
      R"(data { int N; array[N] int y; } transformed data { vector[2] zero = [0, 0]'; }
    parameters { simplex[2] theta; vector<lower=0>[2] rate; array[N] int<lower=1, upper=2> z; )";
  const std::string model = R"( } model { theta ~ dirichlet([2, 2]'); rate ~ gamma(1, 0.1);
    for (n in 1:N) { z[n] ~ categorical(theta); y[n] ~ poisson(rate[z[n]]); )";
  Fitted plate(head + model + "} }", data);
  ASSERT_TRUE(plate.ok()) << plate.misfit() << plate.diagnostics();
  expect_monotone(plate);
  EXPECT_EQ(plate.model().plates.size(), 1u);
  // A latent outcome under the gate makes each z a variable of its own; it integrates out.
  Fitted again(head + "vector[N] u;" + model + "u[n] ~ normal(zero[z[n]], 1); } }", data);
  ASSERT_TRUE(again.ok()) << again.misfit() << again.diagnostics();
  expect_monotone(again);
  EXPECT_EQ(again.model().plates.size(), 0u);
  EXPECT_NEAR(again.elbo(), plate.elbo(), 1e-7);
  const double a = plate.at("rate[1]", "rate"), b = again.at("rate[1]", "rate"),
               c = again.at("rate[2]", "rate");
  EXPECT_LT(std::min(std::abs(a - b), std::abs(a - c)), 1e-6);
}

// Topics: an admixture against the same coordinate ascent on variables of their own.
TEST(Plates, AdmixtureReachesAFixedPoint) {
  numeric::RandomStream random(4);
  std::vector<double> doc, word;
  for (int d = 0; d < 12; ++d) {
    for (int i = 0; i < 15; ++i) {
      doc.push_back(d + 1);
      word.push_back(1 + static_cast<double>(random.integer(3)) + (d % 2 == 0 ? 0 : 3));
    }
  }
  Fitted f(R"(data { int N; array[N] int doc; array[N] int w; }
    parameters { array[12] simplex[2] theta; array[2] simplex[6] phi; array[N] int<lower=1, upper=2> z; }
    model { for (d in 1:12) theta[d] ~ dirichlet([0.5, 0.5]'); for (k in 1:2) phi[k] ~ dirichlet(rep_vector(0.1, 6));
      for (n in 1:N) { z[n] ~ categorical(theta[doc[n]]); w[n] ~ categorical(phi[z[n]]); } })",
           fmt::format(R"({{"N": 180, "doc": {}, "w": {}}})", json_array(doc), json_array(word)));
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  expect_monotone(f);
  ASSERT_EQ(f.model().plates.size(), 1u);
  ASSERT_TRUE(f.model().plates[0].is_admixture);
  const Admixture& q =
      dynamic_cast<const Admixture&>(f.model().network.variable(f.model().plates[0].variable));
  // Each token's r from E[log theta], E[log phi] gives back theta's and phi's concentrations, and
  // the bound is that of the textbook.  [Blei, Ng, Jordan 2003, eq. (15), with phi random]
  std::vector<std::vector<double>> phi(2, std::vector<double>(6));
  double bound = 0;
  const auto dirichlet_terms = [&](const std::vector<double>& g, double prior) {
    double total = 0;
    for (double v : g) total += v;
    double log_b = -lgamma(total), prior_b = -lgamma(prior * static_cast<double>(g.size())),
           cross = 0;
    for (double v : g) {
      log_b += lgamma(v);
      prior_b += lgamma(prior);
      cross += (prior - v) * (digamma(v) - digamma(total));
    }
    bound += log_b - prior_b + cross;
  };
  for (size_t k = 0; k < 2; ++k) {
    for (size_t w = 0; w < 6; ++w)
      phi[k][w] = f.at(fmt::format("phi[{}]", k + 1), fmt::format("alpha[{}]", w + 1));
    dirichlet_terms(phi[k], 0.1);
  }
  const auto e_log = [](const std::vector<double>& g, size_t i) {
    double total = 0;
    for (double v : g) total += v;
    return digamma(g[i]) - digamma(total);
  };
  std::vector<std::vector<double>> counts(2, std::vector<double>(6, 0.1));
  for (size_t d = 0; d < 12; ++d) {
    const std::vector<double> g(
        q.concentrations().begin() + static_cast<std::ptrdiff_t>(2 * d),
        q.concentrations().begin() + static_cast<std::ptrdiff_t>(2 * d + 2));
    dirichlet_terms(g, 0.5);
    std::vector<double> share(2, 0.5);
    for (size_t i = 15 * d; i < 15 * (d + 1); ++i) {
      const auto w = static_cast<size_t>(word[i]) - 1;
      const double s0 = e_log(g, 0) + e_log(phi[0], w), s1 = e_log(g, 1) + e_log(phi[1], w);
      const double r0 = 1 / (1 + std::exp(s1 - s0));
      bound += numeric::log_sum_exp(s0, s1);
      share[0] += r0;
      share[1] += 1 - r0;
      counts[0][w] += r0;
      counts[1][w] += 1 - r0;
    }
    EXPECT_NEAR(share[0], g[0], 1e-6);
  }
  for (size_t w = 0; w < 6; ++w) EXPECT_NEAR(counts[0][w], phi[0][w], 1e-6);
  EXPECT_NEAR(f.elbo(), bound, 1e-8 * std::abs(bound));
}

std::string mixture_data(int n, uint64_t seed, double apart = 6) {
  numeric::RandomStream random(seed);
  std::vector<double> y;
  for (int i = 0; i < n; ++i) y.push_back(random.normal() + (i % 3 == 0 ? apart : 0));
  return fmt::format(R"({{"N": {}, "y": {}}})", n, json_array(y));
}

const char* const kMixture = R"(data { int N; vector[N] y; }
    parameters { simplex[2] theta; vector[2] mu; vector<lower=0>[2] tau; array[N] int<lower=1, upper=2> z; }
    model { theta ~ dirichlet([2, 2]'); mu ~ normal(0, 10); tau ~ gamma(2, 1);
      for (n in 1:N) { z[n] ~ categorical(theta); y[n] ~ normal(mu[z[n]], inv_sqrt(tau[z[n]])); } })";

// Lecture D.1: log q_n = E_{-n}[log p] + const needs the Markov blanket only, no update lowers the
// bound, and a fixed point is stationary: moving any natural parameter lowers the bound.
TEST(Lectures, D1UpdatesAreMonotoneAndFixedPointsStationary) {
  Fitted f(kMixture, mixture_data(60, 1), {.max_sweeps = 1});
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  Network& network = f.model().network;
  double last = network.elbo();
  for (int sweep = 0; sweep < 40; ++sweep) {
    for (int32_t v = 0; v < network.num_variables(); ++v) {
      ASSERT_TRUE(network.update(v));
      const double now = network.elbo();
      ASSERT_GE(now, last - 1e-10 * std::abs(last)) << network.variable(v).name();
      last = now;
    }
  }
  for (int sweep = 0; sweep < 400; ++sweep) {
    for (int32_t v = 0; v < network.num_variables(); ++v) network.update(v);
  }
  const double best = network.elbo();
  for (int32_t v = 0; v < network.num_variables(); ++v) {
    std::vector<double> eta(static_cast<size_t>(network.place(v).count)), moved(eta), mean(eta);
    network.gradient(v, eta);
    double move = 0;
    for (const double step : {1e-3, -1e-3}) {
      for (size_t k = 0; k < eta.size(); ++k) moved[k] = eta[k] * (1 + step);
      ASSERT_TRUE(network.variable(v).update(moved, mean));
      // The bound as a function of this q alone: eta . E[u] + H[q] + what does not depend on it.
      double gain = network.variable(v).log_partition();
      for (size_t k = 0; k < eta.size(); ++k) gain += (eta[k] - moved[k]) * mean[k];
      move = gain;
      ASSERT_TRUE(network.variable(v).update(eta, mean));
      EXPECT_LT(move, network.variable(v).log_partition()) << network.variable(v).name();
    }
  }
  EXPECT_NEAR(network.elbo(), best, 1e-9 * std::abs(best));
}

// Lecture D.2: mixtures with global (pi, mu_k, Sigma_k) and local z_i are
// FixedPoint.MixtureOfGaussians, hidden Markov models Chains.HiddenMarkovAgainstBruteForce; here,
// what the local ones are given the global.
TEST(Lectures, D2LocalVariablesAreSoftAssignments) {
  Fitted f(kMixture, mixture_data(60, 2, 12));
  ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  expect_monotone(f);
  const Rows& rows =
      dynamic_cast<const Rows&>(f.model().network.variable(f.model().plates[0].variable));
  std::vector<double> r(120);
  rows.responsibilities(0, 60, r);
  // The rows drawn about 12 are together, the others too.
  for (size_t i = 0; i < 60; ++i) {
    const bool same = (r[2 * i] > 0.5) == (r[0] > 0.5);
    EXPECT_EQ(same, i % 3 == 0) << i;
    EXPECT_NEAR(r[2 * i] + r[2 * i + 1], 1, 1e-12);
  }
}

TEST(Schedules, MinibatchesComeNearTheFullSweeps) {
  const std::string data = mixture_data(2560, 3);
  Fitted full(kMixture, data, {.seed = 1});
  Fitted batches(kMixture, data, {.seed = 1, .max_sweeps = 60, .minibatch = 0.1});
  ASSERT_TRUE(full.ok() && batches.ok());
  EXPECT_LT(batches.elbo(), full.elbo() + 1e-6);
  EXPECT_NEAR(batches.elbo(), full.elbo(), 1);
}

// Without time one step is made, and all rows are updated once, so that the bound is one.
TEST(Schedules, MinibatchesEndWithTheirTime) {
  const std::string data = mixture_data(2560, 3);
  const AscentOptions options{.seed = 1, .max_sweeps = 60, .minibatch = 0.1};
  AscentOptions hurried = options;
  hurried.max_seconds = -1;
  Fitted all(kMixture, data, options), one(kMixture, data, hurried);
  ASSERT_TRUE(all.ok() && one.ok());
  EXPECT_TRUE(all.result().converged);
  EXPECT_EQ(all.result().sweeps, 60);
  EXPECT_FALSE(one.result().converged);
  EXPECT_FALSE(one.result().cancelled);
  EXPECT_EQ(one.result().sweeps, 0);
  EXPECT_LT(one.elbo(), all.elbo());
}

// However early it is cancelled, each variable has a q, and the bound is that of them.
TEST(Schedules, CancelledAscentLeavesADistribution) {
  Fitted f(kMixture, mixture_data(90, 4));
  ASSERT_TRUE(f.ok());
  Network& network = f.model().network;
  std::atomic<bool> cancel{true};
  Context context;
  context.cancel = &cancel;
  numeric::RandomStream random(1);
  network.start(random);
  const AscentResult r = network.ascend({}, context);
  EXPECT_TRUE(r.cancelled);
  EXPECT_EQ(r.sweeps, 1);
  EXPECT_LT(r.elbo, f.elbo());
  EXPECT_GT(r.elbo, 10 * f.elbo());
}

TEST(Schedules, DampingReachesTheSameFixedPoint) {
  const std::string data = mixture_data(90, 4);
  Fitted full(kMixture, data), damped(kMixture, data, {.damping = 0.5});
  ASSERT_TRUE(full.ok() && damped.ok());
  EXPECT_NEAR(full.elbo(), damped.elbo(), 1e-8 * std::abs(full.elbo()));
}

TEST(Schedules, SameBitsWhateverTheThreads) {
  const std::string data = mixture_data(3000, 5);
  Fitted one(kMixture, data, {.max_sweeps = 20}),
      three(kMixture, data, {.max_sweeps = 20, .threads = 3});
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(one.result().elbos, three.result().elbos);
}

// Each of many small programs of random form: no sweep lowers the bound.
TEST(Monotone, OnRandomPrograms) {
  numeric::RandomStream random(11);
  for (int trial = 0; trial < 60; ++trial) {
    std::string parameters = "vector[3] b; real<lower=0> tau; ", model;
    const auto coin = [&] { return random.uniform() < 0.5; };
    model += coin() ? "tau ~ gamma(1.5, 0.7); " : "tau ~ exponential(2); ";
    model += coin() ? "b ~ normal(0, 2); " : "b ~ normal(0.5, inv_sqrt(tau)); ";
    const bool student = coin();
    std::string mean = "X * b";
    if (coin()) {
      parameters += "vector[2] u; vector[2] w; ";
      model += "u ~ normal(0, 1); w ~ normal(0, 1); ";
      mean += " + dot_product(u, w)";
    }
    if (coin()) {
      parameters += "vector[4] g; real<lower=0> s; ";
      model += coin() ? "s ~ cauchy(0, 1); g ~ normal(0, s); "
                      : "s ~ student_t(3, 0, 2); g ~ normal(b[1], s); ";
      mean += " + append_row(g, g)";
    }
    model += student ? "y ~ student_t(4, " + mean + ", inv_sqrt(tau)); "
                     : "y ~ normal(" + mean + ", inv_sqrt(tau)); ";
    if (coin()) {
      parameters += "array[8] int<lower=1, upper=3> z; simplex[3] p; vector<lower=0>[3] r; ";
      model +=
          "p ~ dirichlet([1, 2, 1]'); r ~ gamma(2, 1); for (i in 1:8) { z[i] ~ categorical(p); "
          "n[i] ~ poisson(r[z[i]] * 2); } ";
    }
    if (coin()) model += "for (i in 1:8) o[i] ~ bernoulli_logit(X[i] * b); ";
    std::string json = R"({"X": [)";
    std::vector<double> y, n, o;
    for (int i = 0; i < 8; ++i) {
      json +=
          fmt::format("{}[1, {:.6f}, {:.6f}]", i == 0 ? "" : ",", random.normal(), random.normal());
      y.push_back(random.normal() * 2);
      n.push_back(static_cast<double>(random.poisson(3)));
      o.push_back(random.uniform() < 0.4 ? 1 : 0);
    }
    json += fmt::format(R"(], "y": {}, "n": {}, "o": {}}})", json_array(y), json_array(n),
                        json_array(o));
    Fitted f("data { matrix[8, 3] X; vector[8] y; array[8] int n; array[8] int o; } parameters { " +
                 parameters + "} model { " + model + "}",
             json, {.seed = static_cast<uint64_t>(trial + 1), .max_sweeps = 60});
    ASSERT_TRUE(f.ok()) << model << f.misfit() << f.diagnostics();
    EXPECT_EQ(f.result().largest_decrease, 0) << model;
    EXPECT_EQ(f.result().improper, -1) << model;
  }
}

// A mixture of regressions: choices inside of an expression.
TEST(Plates, ChoicesInsideOfExpressions) {
  // Two lines that cross; some starts end with both components on both.
  double best = -1e300, low = 0, high = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Fitted f(R"(data { int N; vector[N] x; vector[N] y; }
    parameters { vector[2] a; vector[2] b; array[N] int<lower=1, upper=2> z; }
    model { a ~ normal(0, 5); b ~ normal(0, 5); for (n in 1:N) { z[n] ~ categorical([0.5, 0.5]');
      y[n] ~ normal(a[z[n]] + x[n] * b[z[n]], 0.3); } })",
             R"({"N": 8, "x": [1, 2, 3, 4, 1, 2, 3, 4], "y": [1, 2, 3, 4, 5, 3, 1, -1]})",
             {.seed = seed});
    ASSERT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
    expect_monotone(f);
    EXPECT_EQ(f.model().plates.size(), 1u);
    if (f.elbo() <= best) continue;
    best = f.elbo();
    low = std::min(f.at("b[1]", "mean"), f.at("b[2]", "mean"));
    high = std::max(f.at("b[1]", "mean"), f.at("b[2]", "mean"));
  }
  EXPECT_NEAR(low, -2, 0.1);
  EXPECT_NEAR(high, 1, 0.1);
}

}  // namespace
}  // namespace vinci::conjugate
