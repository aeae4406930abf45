// The laws of factors, each over all of them.
#include "infer/family/factor/factor.h"

#include <gtest/gtest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "infer/dense.h"
#include "numeric/random/philox.h"
#include "numeric/random/random_stream.h"
#include "numeric/special/special.h"

namespace vinci::infer {
namespace {

struct Case {
  std::string name;
  FactorPtr factor;
  std::vector<double> lambda;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> all_cases() {
  const auto log = [](double x) { return std::log(x); };
  return {{"Exponential", exponential_factor(), {log(1.7)}},
          {"Gamma", gamma_factor(), {log(3.2), log(0.7)}},
          {"SmallGamma", gamma_factor(), {log(0.3), log(2.0)}},
          {"InverseGamma", inverse_gamma_factor(), {log(6.5), log(2.0)}},
          {"LogNormal", log_normal_factor(), {0.4, log(0.6)}},
          {"Beta", beta_factor(), {log(2.5), log(0.8)}},
          {"LargeBeta", beta_factor(), {log(172.0), log(149.8)}},
          {"LogitNormal", logit_normal_factor(), {-0.7, log(1.3)}},
          {"Normal", normal_factor(), {1.5, log(0.4)}},
          {"VonMises", von_mises_factor(), {0.4, log(2.2)}},
          {"VonMisesOnATurn", von_mises_factor_on(0), {3.3, log(2.2)}},
          {"Dirichlet", dirichlet_factor(4), {log(1.5), log(0.6), log(3.0), log(2.0)}},
          {"Bernoulli", bernoulli_factor(), {0.8}},
          {"Categorical", categorical_factor(3), {0.5, -0.7}},
          {"Poisson", poisson_factor(), {log(3.4)}}};
}
std::vector<Case> continuous_cases() {
  std::vector<Case> out;
  for (const Case& c : all_cases()) {
    if (dynamic_cast<const ContinuousFactor*>(c.factor.get()) != nullptr) out.push_back(c);
  }
  return out;
}
std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

class AnyFactor : public ::testing::TestWithParam<Case> {
 protected:
  const Factor& q() const { return *GetParam().factor; }
  const std::vector<double>& lambda() const { return GetParam().lambda; }
  size_t num_params() const { return lambda().size(); }

  static constexpr Index kDraws = 10000;
  /// Draws as rows.
  std::vector<std::vector<double>> draws(Index count = kDraws) const {
    const Index rows = q().noise_dim();
    Matrix noise(rows, count);
    numeric::fill_uniform({5, 1}, 0, 0, rows, count, noise.data(), count);
    std::vector<std::vector<double>> all(static_cast<size_t>(count));
    std::vector<double> u(static_cast<size_t>(rows));
    for (Index i = 0; i < count; ++i) {
      for (Index r = 0; r < rows; ++r) u[static_cast<size_t>(r)] = noise(r, i);
      all[static_cast<size_t>(i)].resize(static_cast<size_t>(q().num_values()));
      q().draw(lambda(), u, all[static_cast<size_t>(i)]);
    }
    return all;
  }
};

class AnyContinuousFactor : public AnyFactor {
 protected:
  const ContinuousFactor& q() const {
    return dynamic_cast<const ContinuousFactor&>(*GetParam().factor);
  }
  size_t size() const { return static_cast<size_t>(q().num_unconstrained()); }
  /// z of some noises in the middle and in the tails.
  std::vector<std::vector<double>> noises() const {
    std::vector<std::vector<double>> all;
    for (const double u : {0.02, 0.2, 0.45, 0.6, 0.9, 0.97}) {
      std::vector<double> noise(size());
      for (size_t k = 0; k < size(); ++k) {
        noise[k] = u + 0.13 * static_cast<double>(k);
        noise[k] -= std::floor(noise[k]);
      }
      all.push_back(noise);
    }
    return all;
  }
  std::vector<double> z_of(const std::vector<double>& noise) const {
    std::vector<double> z(size());
    q().transform(lambda(), noise, z);
    return z;
  }
};

/// Five standard errors of a mean.
void expect_mean(const Vector& values, double want, const char* what) {
  const double mean = values.mean();
  const double error =
      std::sqrt((values.array() - mean).square().mean() / static_cast<double>(values.size()));
  EXPECT_NEAR(mean, want, 5 * error + 1e-12) << what;
}

TEST_P(AnyFactor, EntropyIsTheMeanOfTheLogDensity) {
  const auto x = draws();
  Vector minus_log(kDraws);
  for (Index i = 0; i < kDraws; ++i) {
    minus_log[i] = -q().log_density(lambda(), x[static_cast<size_t>(i)]);
  }
  expect_mean(minus_log, q().entropy(lambda()), "entropy");
}

TEST_P(AnyFactor, ScoreHasMeanZeroAndTheFisherInformationAsCovariance) {
  const auto x = draws();
  Matrix s(static_cast<Index>(num_params()), kDraws);
  std::vector<double> one(num_params());
  for (Index i = 0; i < kDraws; ++i) {
    q().score(lambda(), x[static_cast<size_t>(i)], one);
    for (size_t p = 0; p < one.size(); ++p) s(static_cast<Index>(p), i) = one[p];
  }
  std::vector<double> fisher(num_params() * num_params());
  q().fisher(lambda(), fisher);
  for (Index a = 0; a < s.rows(); ++a) {
    expect_mean(s.row(a), 0, "score");
    for (Index b = 0; b < s.rows(); ++b) {
      const Vector product = s.row(a).cwiseProduct(s.row(b));
      expect_mean(product, fisher[static_cast<size_t>(a * s.rows() + b)], "fisher");
    }
  }
}

TEST_P(AnyFactor, ScoreIsTheDerivativeOfTheLogDensity) {
  const auto points = draws(30);
  std::vector<double> s(num_params());
  for (const std::vector<double>& x : points) {
    q().score(lambda(), x, s);
    for (size_t p = 0; p < num_params(); ++p) {
      const auto f = [&](double h) {
        std::vector<double> l = lambda();
        l[p] += h;
        return q().log_density(l, x);
      };
      constexpr double kStep = 1e-3;
      const double want =
          (8 * (f(kStep) - f(-kStep)) - (f(2 * kStep) - f(-2 * kStep))) / (12 * kStep);
      EXPECT_NEAR(s[p], want, 1e-7 * (1 + std::abs(want)));
    }
  }
}

TEST_P(AnyFactor, MeanAndVarianceAreThoseOfTheDraws) {
  if (q().support() == Support::kCircle) return;  // see VonMises.MeanVector
  const auto x = draws();
  const auto n = static_cast<size_t>(q().num_values());
  std::vector<double> mean(n), variance(n);
  q().mean(lambda(), mean);
  q().variance(lambda(), variance);
  for (size_t k = 0; k < n; ++k) {
    Vector value(kDraws), square(kDraws);
    for (Index i = 0; i < kDraws; ++i) {
      value[i] = x[static_cast<size_t>(i)][k];
      square[i] = (value[i] - mean[k]) * (value[i] - mean[k]);
    }
    expect_mean(value, mean[k], "mean");
    expect_mean(square, variance[k], "variance");
  }
}

TEST_P(AnyFactor, DivergenceFromAnotherIsTheMeanLogRatio) {
  const auto x = draws();
  for (const Case& other : all_cases()) {
    const bool same = other.factor->word() == q().word();
    std::vector<double> l = other.lambda;
    for (double& v : l) v += 0.3;  // another member of the same kind, too
    const double kl = q().kl(lambda(), *other.factor, l);
    if (same) {
      EXPECT_TRUE(std::isfinite(kl)) << other.name;
      EXPECT_NEAR(q().kl(lambda(), q(), lambda()), 0, 1e-10);
    }
    if (!std::isfinite(kl)) continue;
    EXPECT_GE(kl, 0) << other.name;
    Vector ratio(kDraws);
    for (Index i = 0; i < kDraws; ++i) {
      const auto& xi = x[static_cast<size_t>(i)];
      ratio[i] = q().log_density(lambda(), xi) - other.factor->log_density(l, xi);
    }
    const double error = std::sqrt((ratio.array() - ratio.mean()).square().mean() / kDraws);
    EXPECT_NEAR(ratio.mean(), kl, 6 * error + 1e-12) << other.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Laws, AnyFactor, ::testing::ValuesIn(all_cases()), name_of);

// Between two quantiles lies as much of the density as between their probabilities.
TEST_P(AnyContinuousFactor, QuantilesEncloseTheirProbability) {
  if (size() != 1) return;  // see DensityOfSimplexesIsNormalised
  const auto density = [&](double z) { return std::exp(q().log_q(lambda(), {&z, 1})); };
  const double levels[] = {0.05, 0.2, 0.5, 0.7, 0.95};
  for (size_t k = 0; k + 1 < std::size(levels); ++k) {
    const double low = z_of({levels[k]})[0], high = z_of({levels[k + 1]})[0];
    ASSERT_LT(low, high);
    const double mass =
        boost::math::quadrature::gauss_kronrod<double, 31>::integrate(density, low, high, 8, 1e-12);
    EXPECT_NEAR(mass, levels[k + 1] - levels[k], 1e-10);
  }
}

// E_q[r / q] = 1 for a density r that q dominates: here a normal in z.
TEST_P(AnyContinuousFactor, DensityIsNormalised) {
  const Index rows = q().noise_dim();
  Matrix noise(rows, kDraws);
  numeric::fill_uniform({9, 1}, 0, 0, rows, kDraws, noise.data(), kDraws);
  std::vector<double> u(size()), z(size()), centre(size());
  std::fill(u.begin(), u.end(), 0.5);
  q().transform(lambda(), u, centre);
  Vector ratio(kDraws), minus_log(kDraws);
  for (Index i = 0; i < kDraws; ++i) {
    for (size_t r = 0; r < size(); ++r) u[r] = noise(static_cast<Index>(r), i);
    q().transform(lambda(), u, z);
    const double log_q = q().log_q(lambda(), z);
    double log_r = 0;
    for (size_t r = 0; r < size(); ++r) {
      const double t = (z[r] - centre[r]) / 0.1;
      log_r += -0.5 * t * t - std::log(0.1 * std::sqrt(2 * std::numbers::pi));
    }
    ratio[i] = std::exp(log_r - log_q);
    minus_log[i] = -log_q;
  }
  expect_mean(ratio, 1, "normalisation");
  const double entropy = q().entropy_unconstrained(lambda());
  if (!std::isnan(entropy)) expect_mean(minus_log, entropy, "entropy over coordinates");
}

TEST_P(AnyContinuousFactor, CoordinatesAndSupportAgree) {
  const auto n = static_cast<size_t>(q().num_values());
  std::vector<double> x(n), back(size());
  for (const auto& noise : noises()) {
    const std::vector<double> z = z_of(noise);
    q().constrain(z, x);
    q().unconstrain(x, back);
    for (size_t k = 0; k < size(); ++k) EXPECT_NEAR(back[k], z[k], 1e-11);
    EXPECT_NEAR(q().log_density(lambda(), x) + q().log_abs_det_jacobian(z), q().log_q(lambda(), z),
                1e-11);
    // The Jacobian by differences of the first size() values.
    Matrix jacobian(static_cast<Index>(size()), static_cast<Index>(size()));
    for (size_t k = 0; k < size(); ++k) {
      std::vector<double> up = z, down = z, x_up(n), x_down(n);
      up[k] += 1e-5;
      down[k] -= 1e-5;
      q().constrain(up, x_up);
      q().constrain(down, x_down);
      for (size_t r = 0; r < size(); ++r) {
        jacobian(static_cast<Index>(r), static_cast<Index>(k)) = (x_up[r] - x_down[r]) / 2e-5;
      }
    }
    EXPECT_NEAR(std::log(std::abs(jacobian.determinant())), q().log_abs_det_jacobian(z), 1e-7);
  }
}

TEST_P(AnyContinuousFactor, GradientIsTheDerivativeOfLogQ) {
  std::vector<double> g(size());
  for (const auto& noise : noises()) {
    const std::vector<double> z = z_of(noise);
    q().log_q_gradient(lambda(), z, g);
    for (size_t k = 0; k < size(); ++k) {
      const auto f = [&](double h) {
        std::vector<double> moved = z;
        moved[k] += h;
        return q().log_q(lambda(), moved);
      };
      const double want = (8 * (f(1e-3) - f(-1e-3)) - (f(2e-3) - f(-2e-3))) / 12e-3;
      EXPECT_NEAR(g[k], want, 1e-7 * (1 + std::abs(want)));
    }
  }
}

TEST_P(AnyContinuousFactor, PathwiseIsTheDerivativeOfTheDraw) {
  std::vector<double> adjoint(size()), gradient(num_params());
  for (size_t k = 0; k < size(); ++k) adjoint[k] = 1 - 0.7 * static_cast<double>(k);
  for (const auto& noise : noises()) {
    const std::vector<double> z = z_of(noise);
    q().pathwise(lambda(), z, adjoint, gradient);
    for (size_t p = 0; p < num_params(); ++p) {
      const auto f = [&](double h) {
        std::vector<double> l = lambda(), moved(size());
        l[p] += h;
        q().transform(l, noise, moved);
        double sum = 0;
        for (size_t k = 0; k < size(); ++k) sum += adjoint[k] * moved[k];
        return sum;
      };
      const double want = (8 * (f(2e-3) - f(-2e-3)) - (f(4e-3) - f(-4e-3))) / 24e-3;
      EXPECT_NEAR(gradient[p], want, 1e-7 * (1 + std::abs(want)));
    }
  }
}

TEST_P(AnyContinuousFactor, StartLiesWhereItWasAsked) {
  // Mean and deviation of the coordinates within a third.
  std::vector<double> mean(size(), 0.3), sd(size(), 0.4), l(num_params());
  q().start(mean, sd, l);
  Vector z(kDraws);
  std::vector<double> u(size()), out(size());
  Matrix noise(q().noise_dim(), kDraws);
  numeric::fill_uniform({2, 1}, 0, 0, noise.rows(), kDraws, noise.data(), kDraws);
  for (Index i = 0; i < kDraws; ++i) {
    for (size_t r = 0; r < size(); ++r) u[r] = noise(static_cast<Index>(r), i);
    q().transform(l, u, out);
    z[i] = out[0];
  }
  const double m = z.mean(), s = std::sqrt((z.array() - m).square().mean());
  EXPECT_NEAR(m, 0.3, 0.2);
  EXPECT_NEAR(s, num_params() > 1 ? 0.4 : s, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Laws, AnyContinuousFactor, ::testing::ValuesIn(continuous_cases()),
                         name_of);

TEST(DiscreteFactors, DrawsHaveTheirProbabilities) {
  for (const Case& c : all_cases()) {
    const Support s = c.factor->support();
    if (s != Support::kBit && s != Support::kCategory && s != Support::kCount) continue;
    // Equally spaced noise: counts are exact to one draw.
    constexpr int kNoises = 20000;
    std::vector<int> counts(40, 0);
    for (int i = 0; i < kNoises; ++i) {
      const double u = (i + 0.5) / kNoises;
      double x = 0;
      c.factor->draw(c.lambda, {&u, 1}, {&x, 1});
      ++counts[static_cast<size_t>(x)];
    }
    double total = 0;
    for (size_t k = 0; k < counts.size(); ++k) {
      const auto x = static_cast<double>(k);
      const double p = std::exp(c.factor->log_density(c.lambda, {&x, 1}));
      EXPECT_NEAR(counts[k], kNoises * p, 1.5) << c.name << " " << k;
      total += p;
    }
    EXPECT_NEAR(total, 1, 1e-12) << c.name;
  }
}

TEST(VonMises, MeanVector) {
  const auto q = von_mises_factor();
  const std::vector<double> l = {2.9, std::log(1.4)};
  double direction = 0, spread = 0, sine = 0, cosine = 0;
  q->mean(l, {&direction, 1});
  q->variance(l, {&spread, 1});
  constexpr int kNoises = 5000;
  for (int i = 0; i < kNoises; ++i) {
    const double u = (i + 0.5) / kNoises;
    double z = 0;
    q->transform(l, {&u, 1}, {&z, 1});
    EXPECT_LE(std::abs(z), std::numbers::pi + 1e-12);  // wrapped
    sine += std::sin(z) / kNoises;
    cosine += std::cos(z) / kNoises;
  }
  EXPECT_NEAR(std::atan2(sine, cosine), direction, 1e-6);
  EXPECT_NEAR(std::hypot(sine, cosine), 1 - spread, 1e-6);
}

// KS distance of draws made in two ways, and of either from the distribution function.
TEST(Exponential, LecturesC2BothReparameterisationsDrawTheSame) {
  const double phi = 1.7;
  constexpr int kDraws = 4000;
  std::vector<double> by_noise(kDraws), by_quantile(kDraws);
  numeric::RandomStream random(11, 3);
  const auto q = exponential_factor();
  const std::vector<double> lambda = {std::log(phi)};
  for (int i = 0; i < kDraws; ++i) {
    by_noise[static_cast<size_t>(i)] = random.exponential() / phi;
    const double u = random.uniform();
    q->draw(lambda, {&u, 1}, {&by_quantile[static_cast<size_t>(i)], 1});
    EXPECT_NEAR(by_quantile[static_cast<size_t>(i)], -std::log1p(-u) / phi, 1e-13);
    // The same gradients: x = e / phi gives -x / phi; implicitly -(dF/dphi) / f = -x / phi too.
    const double x = by_quantile[static_cast<size_t>(i)], z = std::log(x), one = 1;
    double gradient = 0;
    q->pathwise(lambda, {&z, 1}, {&one, 1}, {&gradient, 1});
    const double implicit = -(x * std::exp(-phi * x)) / (phi * std::exp(-phi * x));
    EXPECT_NEAR(x * gradient / phi, -x / phi, 1e-12);  // dx = x dz, dphi = phi dlambda
    EXPECT_NEAR(implicit, -x / phi, 1e-12);
  }
  std::sort(by_noise.begin(), by_noise.end());
  std::sort(by_quantile.begin(), by_quantile.end());
  const auto distance = [&](const std::vector<double>& x) {
    double worst = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double f = -std::expm1(-phi * x[static_cast<size_t>(i)]);
      worst = std::max({worst, std::abs(f - static_cast<double>(i) / kDraws),
                        std::abs(f - static_cast<double>(i + 1) / kDraws)});
    }
    return worst;
  };
  // 1.95 / sqrt(n): exceeded with probability 1e-3.
  EXPECT_LT(distance(by_noise), 1.95 / std::sqrt(kDraws));
  EXPECT_LT(distance(by_quantile), 1.95 / std::sqrt(kDraws));
}

TEST(FactorWords, AnySpellingIsUnderstood) {
  EXPECT_EQ(canonical_factor_word("inv_gamma"), "inverse-gamma");
  EXPECT_EQ(canonical_factor_word("lognormal"), "log-normal");
  EXPECT_EQ(canonical_factor_word("von_mises"), "von-mises");
  EXPECT_EQ(canonical_factor_word("gama"), "");
  EXPECT_EQ(canonical_factor_word(""), "");
  EXPECT_EQ(make_factor("dirichlet", 3)->num_unconstrained(), 2);
  EXPECT_EQ(factor_words(Support::kUnitInterval).size(), 2u);
}

}  // namespace
}  // namespace vinci::infer
