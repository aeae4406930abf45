// Densities of vectors and matrices, generalised linear models and hidden Markov models, against
// formulas written down separately in plain numbers; sizes on both sides of the switch to array
// functions.
#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions.hpp>
#include <functional>

#include "lower/library/density_testing.h"

namespace vinci::lower {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Numbers = std::vector<double>;

const double kLogTau = std::log(2 * std::numbers::pi);

/// A deterministic covariance matrix.
MatrixXd covariance(int n) {
  MatrixXd a(n, n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j)
      a(i, j) = std::sin(1.3 * i + 0.7 * j * j + 0.2) / (1 + std::abs(i - j));
  }
  return a * a.transpose() + 0.8 * MatrixXd::Identity(n, n);
}

VectorXd numbers(int n, double phase) {
  VectorXd v(n);
  for (int i = 0; i < n; ++i) v(i) = std::sin(phase + 2.1 * i);
  return v;
}

Value vector_value(const VectorXd& v) { return Value::vector({v.data(), v.data() + v.size()}); }
Value row_value(const VectorXd& v) { return Value::row_vector({v.data(), v.data() + v.size()}); }
Value matrix_value(const MatrixXd& m) {
  std::vector<Scalar> elements;
  for (int i = 0; i < m.rows(); ++i) {
    for (int j = 0; j < m.cols(); ++j) elements.push_back(m(i, j));
  }
  return Value::matrix(m.rows(), m.cols(), std::move(elements));
}
Value vectors_value(const std::vector<VectorXd>& v, BaseType base = BaseType::kVector) {
  Value value;
  value.type = syntax::Type::array(base, 1);
  value.dims = {static_cast<int64_t>(v.size()), v.empty() ? 0 : v[0].size()};
  for (const VectorXd& x : v)
    value.elements.insert(value.elements.end(), x.data(), x.data() + x.size());
  return value;
}
Value ints_value(const Numbers& n) { return Value::array(BaseType::kInt, scalars(n)); }

double log_normal(const VectorXd& y, const VectorXd& mu, const MatrixXd& sigma) {
  const VectorXd r = y - mu;
  return -0.5 * r.dot(sigma.inverse() * r) - 0.5 * std::log(sigma.determinant()) -
         0.5 * static_cast<double>(y.size()) * kLogTau;
}
double log_student(const VectorXd& y, double nu, const VectorXd& mu, const MatrixXd& sigma) {
  const auto n = static_cast<double>(y.size());
  const VectorXd r = y - mu;
  return std::lgamma(0.5 * (nu + n)) - std::lgamma(0.5 * nu) -
         0.5 * n * std::log(nu * std::numbers::pi) - 0.5 * std::log(sigma.determinant()) -
         0.5 * (nu + n) * std::log(1 + r.dot(sigma.inverse() * r) / nu);
}

class EllipticalDensity : public testing::TestWithParam<int> {};  // of the dimension

TEST_P(EllipticalDensity, MatchesFormula) {
  const int n = GetParam();
  const MatrixXd sigma = covariance(n);
  const MatrixXd l = sigma.llt().matrixL();
  const MatrixXd omega = sigma.inverse();
  const MatrixXd symmetric_omega = 0.5 * (omega + omega.transpose());
  const VectorXd y = numbers(n, 0.3);
  const VectorXd mu = numbers(n, 1.7);
  const double expected = log_normal(y, mu, sigma);
  const auto check = [&](const std::string& name, const std::vector<Value>& args, double value) {
    expect_close(constant_call(name, args), value, 1e-10, name);
  };
  for (const Value& outcome : {vector_value(y), row_value(y)}) {
    for (const Value& location : {vector_value(mu), row_value(mu)}) {
      check("multi_normal_lpdf", {outcome, location, matrix_value(sigma)}, expected);
      check("multi_normal_cholesky_lpdf", {outcome, location, matrix_value(l)}, expected);
      check("multi_normal_prec_lpdf", {outcome, location, matrix_value(symmetric_omega)}, expected);
      const double t = log_student(y, 3.7, mu, sigma);
      check("multi_student_t_lpdf", {outcome, Value::real(3.7), location, matrix_value(sigma)}, t);
      check("multi_student_t_cholesky_lpdf", {outcome, Value::real(3.7), location, matrix_value(l)},
            t);
    }
  }
  const std::vector<VectorXd> ys = {y, numbers(n, 0.9), numbers(n, 2.2)};
  const std::vector<VectorXd> mus = {mu, numbers(n, 0.1), numbers(n, 4)};
  double shared = 0;
  double own = 0;
  for (size_t i = 0; i < 3; ++i) {
    shared += log_normal(ys[i], mu, sigma);
    own += log_normal(ys[i], mus[i], sigma);
  }
  check("multi_normal_lpdf", {vectors_value(ys), vector_value(mu), matrix_value(sigma)}, shared);
  check("multi_normal_cholesky_lpdf",
        {vectors_value(ys, BaseType::kRowVector), vectors_value(mus), matrix_value(l)}, own);
  check("multi_normal_lpdf", {vectors_value({}), vector_value(mu), matrix_value(sigma)}, 0);
}

TEST_P(EllipticalDensity, HasRightDerivatives) {
  const int n = GetParam();
  const MatrixXd l = covariance(n).llt().matrixL();
  Numbers point;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) point.push_back(l(i, j));
  }
  const VectorXd mu = numbers(n, 1.7);
  point.insert(point.end(), mu.data(), mu.data() + n);
  point.push_back(4.2);
  const VectorXd y = numbers(n, 0.3);
  const VectorXd other = numbers(n, 0.8);
  const MatrixXd sigma = l * l.transpose();
  for (const char* name :
       {"multi_normal_cholesky_lpdf", "multi_student_t_lpdf", "multi_normal_prec_lpdf"}) {
    const bool is_t = name == std::string("multi_student_t_lpdf");
    const bool is_precision = name == std::string("multi_normal_prec_lpdf");
    const MatrixXd scale = is_precision ? MatrixXd(sigma.inverse()) : sigma;
    const double expected =
        is_t ? log_student(y, 4.2, mu, scale) + log_student(other, 4.2, mu, scale)
             : log_normal(y, mu, scale) + log_normal(other, mu, scale);
    expect_gradient(
        name, point, expected,
        [&](graph::Graph& graph, const std::vector<Scalar>& p) {
          const auto size = static_cast<size_t>(n);
          std::vector<Scalar> factor(size * size, Scalar(0.0));
          size_t k = 0;
          for (size_t i = 0; i < size; ++i) {
            for (size_t j = 0; j <= i; ++j) factor[i * size + j] = p[k++];
          }
          const Value location =
              Value::vector({p.begin() + static_cast<std::ptrdiff_t>(k), p.end() - 1});
          std::vector<Scalar> product(size * size);
          for (size_t i = 0; i < size; ++i) {
            for (size_t j = 0; j < size; ++j) {
              product[i * size + j] =
                  graph.dot({&factor[i * size], size}, {&factor[j * size], size});
            }
          }
          const bool is_factor = name == std::string("multi_normal_cholesky_lpdf");
          const Value matrix = Value::matrix(n, n, is_factor ? factor : product);
          std::vector<Value> args = {vectors_value({y, other})};
          if (is_t) args.push_back(Value::real(p.back()));
          args.push_back(location);
          args.push_back(matrix);
          return call_row(graph, name, args).scalar();
        },
        1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, EllipticalDensity, testing::Values(1, 2, 5, 8, 9, 13));

TEST(MultiGp, IsNormalRowsWithScaledCovariance) {
  const MatrixXd sigma = covariance(3);
  MatrixXd y(2, 3);
  y << 0.1, -0.4, 0.7, 1.2, 0.3, -0.8;
  const VectorXd w = Eigen::Vector2d(0.7, 2.5);
  double expected = 0;
  for (int i = 0; i < 2; ++i) expected += log_normal(y.row(i), VectorXd::Zero(3), sigma / w(i));
  expect_close(
      constant_call("multi_gp_lpdf",
                    std::vector<Value>{matrix_value(y), matrix_value(sigma), vector_value(w)}),
      expected, 1e-12, "multi_gp");
  const MatrixXd l = sigma.llt().matrixL();
  expect_close(constant_call("multi_gp_cholesky_lpdf",
                             std::vector<Value>{matrix_value(y), matrix_value(l), vector_value(w)}),
               expected, 1e-12, "multi_gp_cholesky");
}

TEST(MultiNormal, RejectsWhatIsNoCovariance) {
  const VectorXd zero = VectorXd::Zero(2);
  for (const Numbers& bad : {Numbers{1, 0.5, 0.4, 1}, Numbers{1, 2, 2, 1}, Numbers{-1, 0, 0, 1}}) {
    graph::Graph graph;
    const Scalar x = graph.parameter(0);
    const std::vector<Value> args = {vector_value(zero), Value::vector({x, Scalar(0.0)}),
                                     Value::matrix(2, 2, scalars(bad))};
    graph.add_term(call_row(graph, "multi_normal_lpdf", args).scalar(), {});
    const double point[] = {0.1};
    EXPECT_EQ(graph::reference_evaluate(graph, point).log_density,
              -std::numeric_limits<double>::infinity());
  }
  EXPECT_THROW(
      constant_call("multi_normal_lpdf", std::vector<Value>{vector_value(zero), vector_value(zero),
                                                            matrix_value(covariance(3))}),
      TraceError);
}

// ---- state space

/// All observations are jointly normal; their moments follow from the recursion of the states.
TEST(GaussianDlm, IsTheJointNormalOfTheObservations) {
  const int n = 2;
  const int r = 2;
  const int times = 4;
  MatrixXd f(n, r), g(n, n), y(r, times);
  f << 1, 0.4, 0.2, -0.7;
  g << 0.9, 0.2, -0.1, 0.8;
  for (int t = 0; t < times; ++t) y.col(t) = numbers(r, 0.4 + t);
  const MatrixXd w = covariance(n);
  const MatrixXd c0 = 0.5 * covariance(n);
  const VectorXd m0 = numbers(n, 2);
  const VectorXd v = Eigen::Vector2d(0.6, 1.1);
  for (bool diagonal : {true, false}) {
    MatrixXd noise = v.asDiagonal();
    if (!diagonal) noise(0, 1) = noise(1, 0) = 0.3;
    VectorXd mean(r * times), observed(r * times);
    MatrixXd joint(r * times, r * times);
    std::vector<MatrixXd> c = {c0};
    VectorXd m = m0;
    for (int t = 1; t <= times; ++t) {
      m = g * m;
      c.push_back(g * c.back() * g.transpose() + w);
      mean.segment((t - 1) * r, r) = f.transpose() * m;
      observed.segment((t - 1) * r, r) = y.col(t - 1);
      MatrixXd cross = c[static_cast<size_t>(t)];
      for (int s = t; s <= times; ++s) {  // Cov(theta_s, theta_t) = G^{s - t} C_t
        MatrixXd block = f.transpose() * cross * f;
        if (s == t) block += noise;
        joint.block((s - 1) * r, (t - 1) * r, r, r) = block;
        joint.block((t - 1) * r, (s - 1) * r, r, r) = block.transpose();
        cross = (g * cross).eval();
      }
    }
    const Value variance = diagonal ? vector_value(v) : matrix_value(noise);
    expect_close(constant_call(
                     "gaussian_dlm_obs_lpdf",
                     std::vector<Value>{matrix_value(y), matrix_value(f), matrix_value(g), variance,
                                        matrix_value(w), vector_value(m0), matrix_value(c0)}),
                 log_normal(observed, mean, joint), 1e-10, "gaussian_dlm_obs");
  }
}

// ---- simplexes and matrices

TEST(Dirichlet, OfTwoIsBetaAndArraysSum) {
  const auto beta = [](double x, double a, double b) {
    return std::log(boost::math::pdf(boost::math::beta_distribution<>(a, b), x));
  };
  const VectorXd theta = Eigen::Vector2d(0.3, 0.7);
  const VectorXd alpha = Eigen::Vector2d(1.4, 2.6);
  const VectorXd other = Eigen::Vector2d(0.6, 0.4);
  expect_close(
      constant_call("dirichlet_lpdf", std::vector<Value>{vector_value(theta), vector_value(alpha)}),
      beta(0.3, 1.4, 2.6), 1e-12, "dirichlet");
  expect_close(constant_call("dirichlet_lpdf", std::vector<Value>{vectors_value({theta, other}),
                                                                  vector_value(alpha)}),
               beta(0.3, 1.4, 2.6) + beta(0.6, 1.4, 2.6), 1e-12, "dirichlet");
  EXPECT_EQ(
      constant_call("dirichlet_lpdf", std::vector<Value>{vectors_value({}), vector_value(alpha)}),
      0);
  EXPECT_THROW(constant_call("dirichlet_lpdf",
                             std::vector<Value>{vector_value(theta), vector_value(numbers(3, 1))}),
               TraceError);
}

TEST(Lkj, HasUnitMassInTwoAndThreeDimensions) {
  for (double eta : {0.7, 1.0, 2.5}) {
    MatrixXd r2(2, 2);
    r2 << 1, 0.4, 0.4, 1;
    // the correlation is 2 beta(eta, eta) - 1
    const double expected =
        std::log(0.5 * boost::math::pdf(boost::math::beta_distribution<>(eta, eta), 0.7));
    expect_close(
        constant_call("lkj_corr_lpdf", std::vector<Value>{matrix_value(r2), Value::real(eta)}),
        expected, 1e-11, "lkj");
    const MatrixXd l2 = r2.llt().matrixL();
    expect_close(constant_call("lkj_corr_cholesky_lpdf",
                               std::vector<Value>{matrix_value(l2), Value::real(eta)}),
                 expected, 1e-11, "lkj_corr_cholesky");
  }
  // eta = 1 is uniform: the volume of correlation matrices of three rows is pi^2/2
  MatrixXd r3(3, 3);
  r3 << 1, 0.4, 0.1, 0.4, 1, -0.3, 0.1, -0.3, 1;
  const double volume = std::numbers::pi * std::numbers::pi / 2;
  expect_close(
      constant_call("lkj_corr_lpdf", std::vector<Value>{matrix_value(r3), Value::real(1.0)}),
      -std::log(volume), 1e-12, "lkj volume");
  // eta = 2: the integral of |R| over the same, by the midpoint rule
  double integral = 0;
  const int steps = 120;
  for (int a = 0; a < steps; ++a) {
    for (int b = 0; b < steps; ++b) {
      for (int c = 0; c < steps; ++c) {
        const double x = 2 * (a + 0.5) / steps - 1;
        const double y = 2 * (b + 0.5) / steps - 1;
        const double z = 2 * (c + 0.5) / steps - 1;
        integral += std::max(0.0, 1 + 2 * x * y * z - x * x - y * y - z * z) * 8.0 /
                    (steps * steps * steps);
      }
    }
  }
  expect_close(
      constant_call("lkj_corr_lpdf", std::vector<Value>{matrix_value(r3), Value::real(2.0)}),
      std::log(r3.determinant()) - std::log(integral), 1e-4, "lkj eta 2");
  const MatrixXd l3 = r3.llt().matrixL();
  expect_close(
      constant_call("lkj_corr_cholesky_lpdf",
                    std::vector<Value>{matrix_value(l3), Value::real(2.0)}),
      constant_call("lkj_corr_lpdf", std::vector<Value>{matrix_value(r3), Value::real(2.0)}) +
          std::log(l3(1, 1)),
      1e-11, "lkj Jacobian");
}

double log_multigamma(int k, double a) {
  double sum = 0.25 * k * (k - 1) * std::log(std::numbers::pi);
  for (int j = 1; j <= k; ++j) sum += std::lgamma(a + 0.5 * (1 - j));
  return sum;
}

TEST(Wishart, MatchesFormula) {
  for (int n : {1, 2, 3, 10}) {
    const MatrixXd w = covariance(n);
    const MatrixXd s = covariance(n) + MatrixXd::Identity(n, n);
    const double nu = n + 2.3;
    const double log_w = std::log(w.determinant());
    const double log_s = std::log(s.determinant());
    const double wishart = -0.5 * nu * n * std::log(2.0) - log_multigamma(n, 0.5 * nu) +
                           0.5 * (nu - n - 1) * log_w - 0.5 * nu * log_s -
                           0.5 * (s.inverse() * w).trace();
    const double inverse = -0.5 * nu * n * std::log(2.0) - log_multigamma(n, 0.5 * nu) -
                           0.5 * (nu + n + 1) * log_w + 0.5 * nu * log_s -
                           0.5 * (s * w.inverse()).trace();
    const MatrixXd lw = w.llt().matrixL();
    const MatrixXd ls = s.llt().matrixL();
    double jacobian = n * std::log(2.0);
    for (int j = 0; j < n; ++j) jacobian += (n - j) * std::log(lw(j, j));
    const auto check = [&](const std::string& name, const MatrixXd& a, const MatrixXd& b,
                           double expected) {
      expect_close(constant_call(
                       name, std::vector<Value>{matrix_value(a), Value::real(nu), matrix_value(b)}),
                   expected, 1e-9, name);
    };
    check("wishart_lpdf", w, s, wishart);
    check("inv_wishart_lpdf", w, s, inverse);
    check("wishart_cholesky_lpdf", lw, ls, wishart + jacobian);
    check("inv_wishart_cholesky_lpdf", lw, ls, inverse + jacobian);
    if (n == 1) {
      expect_close(wishart,
                   std::log(boost::math::pdf(boost::math::gamma_distribution<>(nu / 2, 2 * s(0, 0)),
                                             w(0, 0))),
                   1e-10, "gamma");
      expect_close(inverse,
                   std::log(boost::math::pdf(
                       boost::math::inverse_gamma_distribution<>(nu / 2, s(0, 0) / 2), w(0, 0))),
                   1e-10, "inverse gamma");
    }
  }
}

TEST(MatrixDensities, HaveRightDerivatives) {
  // factor of three rows and the parameters; correlation factors from unconstrained numbers
  const Numbers point = {1.2, 0.3, 0.9, -0.4, 0.2, 1.4, 6.3};
  const auto factor = [](graph::Graph&, const std::vector<Scalar>& p) {
    return std::vector<Scalar>{p[0],        Scalar(0.0), Scalar(0.0), p[1], p[2],
                               Scalar(0.0), p[3],        p[4],        p[5]};
  };
  for (const char* name : {"wishart_lpdf", "inv_wishart_lpdf", "wishart_cholesky_lpdf",
                           "inv_wishart_cholesky_lpdf", "lkj_corr_cholesky_lpdf"}) {
    const auto build = [&](graph::Graph& graph, const std::vector<Scalar>& p) {
      const std::vector<Scalar> l = factor(graph, p);
      std::vector<Scalar> w(9);
      for (size_t i = 0; i < 3; ++i) {
        for (size_t j = 0; j < 3; ++j) w[3 * i + j] = graph.dot({&l[3 * i], 3}, {&l[3 * j], 3});
      }
      const bool is_factor = std::string(name).find("cholesky") != std::string::npos;
      std::vector<Value> args = {Value::matrix(3, 3, is_factor ? l : w), Value::real(p[6])};
      const MatrixXd s = covariance(3);
      if (std::string(name).find("wishart") != std::string::npos) {
        args.push_back(matrix_value(is_factor ? MatrixXd(s.llt().matrixL()) : s));
      }
      return call_row(graph, name, args).scalar();
    };
    graph::Graph constant;
    const double expected = build(constant, scalars(point)).constant();
    expect_gradient(name, point, expected, build, 1e-5);
  }
}

// ---- categories and counts

TEST(Categories, MatchFormulas) {
  const VectorXd theta = Eigen::Vector3d(0.2, 0.5, 0.3);
  const VectorXd logits = Eigen::Vector3d(0.4, -1.2, 2.2);
  const VectorXd softmax = logits.array().exp() / logits.array().exp().sum();
  const Value y = ints_value({3, 1, 3});
  expect_close(constant_call("categorical_lpmf", std::vector<Value>{y, vector_value(theta)}),
               2 * std::log(0.3) + std::log(0.2), 1e-13, "categorical");
  expect_close(constant_call("categorical_logit_lpmf", std::vector<Value>{y, vector_value(logits)}),
               2 * std::log(softmax(2)) + std::log(softmax(0)), 1e-13, "categorical_logit");
  EXPECT_THROW(constant_call("categorical_lpmf",
                             std::vector<Value>{Value::integer(4.0), vector_value(theta)}),
               TraceError);
  EXPECT_THROW(constant_call("categorical_lpmf",
                             std::vector<Value>{Value::integer(0.0), vector_value(theta)}),
               TraceError);

  const Value counts = ints_value({2, 0, 3});
  const double coefficient = std::log(10.0);  // 5! / (2! 3!)
  expect_close(constant_call("multinomial_lpmf", std::vector<Value>{counts, vector_value(theta)}),
               coefficient + 2 * std::log(0.2) + 3 * std::log(0.3), 1e-13, "multinomial");
  expect_close(
      constant_call("multinomial_logit_lpmf", std::vector<Value>{counts, vector_value(logits)}),
      coefficient + 2 * std::log(softmax(0)) + 3 * std::log(softmax(2)), 1e-13,
      "multinomial_logit");
  const VectorXd alpha = Eigen::Vector3d(0.7, 1.2, 2.4);
  expect_close(
      constant_call("dirichlet_multinomial_lpmf", std::vector<Value>{counts, vector_value(alpha)}),
      coefficient + std::lgamma(4.3) - std::lgamma(9.3) + std::lgamma(2.7) - std::lgamma(0.7) +
          std::lgamma(5.4) - std::lgamma(2.4),
      1e-13, "dirichlet_multinomial");
}

TEST(OrderedCategories, MatchFormulas) {
  const Numbers cuts = {-1.1, 0.2, 1.7};
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const auto mass = [&](const std::function<double(double)>& cdf, int k, double eta) {
    const double above = k == 1 ? 1 : cdf(eta - cuts[static_cast<size_t>(k - 2)]);
    const double beyond = k == 4 ? 0 : cdf(eta - cuts[static_cast<size_t>(k - 1)]);
    return std::log(above - beyond);
  };
  for (int k = 1; k <= 4; ++k) {
    for (const auto& [name, cdf] :
         {std::pair<std::string, std::function<double(double)>>{"ordered_logistic", logistic},
          {"ordered_probit", normal}}) {
      const double expected = mass(cdf, k, 0.6);
      expect_gradient(name, {0.6, cuts[0], cuts[1], cuts[2]}, expected,
                      [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                        return call_row(graph, name + "_lpmf",
                                        {Value::integer(k), Value::real(p[0]),
                                         Value::vector({p[1], p[2], p[3]})})
                            .scalar();
                      });
      const VectorXd c = Eigen::Map<const VectorXd>(cuts.data(), 3);
      const VectorXd eta = Eigen::Vector2d(0.6, -0.4);
      expect_close(constant_call(name + "_lpmf",
                                 std::vector<Value>{ints_value({1.0 * k, 2}), vector_value(eta),
                                                    vectors_value({c, c})}),
                   expected + mass(cdf, 2, -0.4), 1e-12, name);
    }
  }
}

// ---- generalised linear models

struct GlmRow {
  std::string name;  // of the model
  std::string base;  // density of the linear predictor
  bool is_integer;
  bool has_trials;
  bool has_dispersion;
};

class Glm : public testing::TestWithParam<GlmRow> {};

TEST_P(Glm, IsTheDensityOfTheLinearPredictor) {
  const GlmRow& row = GetParam();
  const std::string suffix = row.is_integer ? "_lpmf" : "_lpdf";
  for (int rows : {6, 40'000}) {  // written out, and as a product with a data matrix
    const int cols = rows == 6 ? 3 : 6;
    MatrixXd x(rows, cols);
    for (int i = 0; i < rows; ++i) x.row(i) = numbers(cols, 0.37 * i);
    const VectorXd beta = 0.4 * numbers(cols, 1.3);
    const VectorXd intercepts = numbers(rows, 0.8);
    Numbers outcome;
    for (int i = 0; i < rows; ++i) outcome.push_back(row.is_integer ? i % 2 : std::sin(5.0 * i));
    const Value y = row.is_integer ? ints_value(outcome) : Value::vector(scalars(outcome));
    const Value trials = ints_value(Numbers(static_cast<size_t>(rows), 3));
    for (bool one_intercept : {true, false}) {
      const VectorXd alpha = one_intercept ? VectorXd::Constant(rows, 0.7) : intercepts;
      const VectorXd eta = x * beta + alpha;
      std::vector<Value> base = {y};
      std::vector<Value> args = {y};
      if (row.has_trials) {
        base.push_back(trials);
        args.push_back(trials);
      }
      base.push_back(vector_value(eta));
      args.push_back(matrix_value(x));
      args.push_back(one_intercept ? Value::real(0.7) : vector_value(alpha));
      args.push_back(vector_value(beta));
      if (row.has_dispersion) {
        base.push_back(Value::real(1.3));
        args.push_back(Value::real(1.3));
      }
      const double expected = constant_call(row.base + suffix, base);
      expect_close(constant_call(row.name + suffix, args), expected, 1e-11, row.name);
      if (rows > 6 && !one_intercept) continue;
      Numbers point(beta.data(), beta.data() + cols);
      expect_gradient(row.name, point, expected,
                      [&](graph::Graph& graph, const std::vector<Scalar>& p) {
                        args[row.has_trials ? 4 : 3] = Value::vector(p);
                        return call_row(graph, row.name + suffix, args).scalar();
                      });
    }
  }
  // a row vector of predictors holds for every outcome
  const Value y = row.is_integer ? ints_value({1, 0}) : Value::vector({1.0, 0.0});
  std::vector<Value> args = {y};
  std::vector<Value> base = {y};
  if (row.has_trials) {
    args.push_back(ints_value({3, 3}));
    base.push_back(ints_value({3, 3}));
  }
  args.insert(args.end(),
              {Value::row_vector({0.5, -2.0}), Value::real(0.1), Value::vector({0.3, 0.2})});
  base.push_back(Value::real(0.1 + 0.15 - 0.4));
  if (row.has_dispersion) {
    args.push_back(Value::real(1.3));
    base.push_back(Value::real(1.3));
  }
  expect_close(constant_call(row.name + suffix, args), constant_call(row.base + suffix, base),
               1e-12, row.name);
  args[0] = row.is_integer ? ints_value({1, 0, 1}) : Value::vector({1.0, 0.0, 1.0});
  args[row.has_trials ? 2 : 1] = Value::matrix(2, 2, {1.0, 2.0, 3.0, 4.0});
  EXPECT_THROW(constant_call(row.name + suffix, args), TraceError);
}

INSTANTIATE_TEST_SUITE_P(
    All, Glm,
    testing::Values(GlmRow{"normal_id_glm", "normal", false, false, true},
                    GlmRow{"bernoulli_logit_glm", "bernoulli_logit", true, false, false},
                    GlmRow{"poisson_log_glm", "poisson_log", true, false, false},
                    GlmRow{"neg_binomial_2_log_glm", "neg_binomial_2_log", true, false, true},
                    GlmRow{"binomial_logit_glm", "binomial_logit", true, true, false}),
    [](const auto& row) { return row.param.name; });

TEST(CategoryGlm, AreTheDensitiesOfTheLinearPredictor) {
  MatrixXd x(2, 2), beta(2, 3);
  x << 0.4, -1, 0.7, 0.2;
  beta << 0.3, 0.1, -0.5, 1, 0.2, 0.6;
  const VectorXd alpha = Eigen::Vector3d(0.1, 0.2, -0.4);
  double expected = 0;
  const Numbers y = {3, 1};
  for (int i = 0; i < 2; ++i) {
    const VectorXd logits = alpha + beta.transpose() * x.row(i).transpose();
    expected += constant_call(
        "categorical_logit_lpmf",
        std::vector<Value>{Value::integer(y[static_cast<size_t>(i)]), vector_value(logits)});
  }
  expect_close(constant_call("categorical_logit_glm_lpmf",
                             std::vector<Value>{ints_value(y), matrix_value(x), vector_value(alpha),
                                                matrix_value(beta)}),
               expected, 1e-12, "categorical_logit_glm");
  const VectorXd slope = Eigen::Vector2d(0.6, -0.3);
  const VectorXd cuts = Eigen::Vector2d(-0.5, 0.4);
  expect_close(
      constant_call("ordered_logistic_glm_lpmf",
                    std::vector<Value>{ints_value(y), matrix_value(x), vector_value(slope),
                                       vector_value(cuts)}),
      constant_call("ordered_logistic_lpmf",
                    std::vector<Value>{ints_value(y), vector_value(x * slope), vector_value(cuts)}),
      1e-12, "ordered_logistic_glm");
}

// ---- hidden Markov models

TEST(HiddenMarkov, SumsOverAllPaths) {
  const int states = 2;
  const int times = 4;
  MatrixXd omega(states, times), gamma(states, states);
  for (int t = 0; t < times; ++t) omega.col(t) = numbers(states, 0.3 * t);
  gamma << 0.8, 0.2, 0.35, 0.65;
  const VectorXd rho = Eigen::Vector2d(0.4, 0.6);
  double total = 0;
  MatrixXd occupied = MatrixXd::Zero(states, times);
  for (int path = 0; path < 1 << times; ++path) {
    double p = 1;
    for (int t = 0; t < times; ++t) {
      const int k = path >> t & 1;
      p *= (t == 0 ? rho(k) : gamma(path >> (t - 1) & 1, k)) * std::exp(omega(k, t));
    }
    total += p;
    for (int t = 0; t < times; ++t) occupied(path >> t & 1, t) += p;
  }
  const std::vector<Value> args = {matrix_value(omega), matrix_value(gamma), vector_value(rho)};
  expect_close(constant_call("hmm_marginal", args), std::log(total), 1e-13, "hmm_marginal");
  graph::Graph graph;
  const Value probabilities = call_row(graph, "hmm_hidden_state_prob", args);
  numeric::RandomStream random(77);
  MatrixXd drawn = MatrixXd::Zero(states, times);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const Value path = call_row(graph, "hmm_latent_rng", args, &random);
    for (int t = 0; t < times; ++t) {
      drawn(static_cast<int>(path.elements[static_cast<size_t>(t)].constant()) - 1, t) +=
          1.0 / kDraws;
    }
  }
  for (int k = 0; k < states; ++k) {
    for (int t = 0; t < times; ++t) {
      const double p = occupied(k, t) / total;
      expect_close(probabilities.elements[static_cast<size_t>(k * times + t)].constant(), p, 1e-13,
                   "state");
      EXPECT_NEAR(drawn(k, t), p, 4.8 * std::sqrt(p * (1 - p) / kDraws));
    }
  }
}

// ---- random vectors and matrices

/// Mean of `draws` draws of a row, element by element, and the standard errors of these means.
struct Moments {
  VectorXd mean;
  VectorXd error;
};

Moments moments(const std::string& name, const std::vector<Value>& args,
                const std::function<double(double, size_t)>& of, int draws = 20000) {
  numeric::RandomStream random(4711);
  graph::Graph graph;
  VectorXd sum, squares;
  for (int i = 0; i < draws; ++i) {
    const Value draw = call_row(graph, name, args, &random);
    const auto n = static_cast<Eigen::Index>(draw.elements.size());
    if (i == 0) {
      sum = VectorXd::Zero(n);
      squares = VectorXd::Zero(n);
    }
    for (Eigen::Index k = 0; k < n; ++k) {
      const double x = of(draw.elements[static_cast<size_t>(k)].constant(), static_cast<size_t>(k));
      sum(k) += x;
      squares(k) += x * x;
    }
  }
  const VectorXd mean = sum / draws;
  const VectorXd variance = squares / draws - mean.cwiseProduct(mean);
  return {mean, (variance.cwiseMax(0.0) / draws).cwiseSqrt()};
}

double plain(double x, size_t) { return x; }
double squared(double x, size_t) { return x * x; }

void expect_mean(const std::string& name, const std::vector<Value>& args, const VectorXd& expected,
                 const std::function<double(double, size_t)>& of = plain) {
  const Moments m = moments(name, args, of);
  ASSERT_EQ(m.mean.size(), expected.size()) << name;
  for (Eigen::Index k = 0; k < expected.size(); ++k) {  // 4.8 standard errors: 1e-6 each
    EXPECT_NEAR(m.mean(k), expected(k), 4.8 * m.error(k) + 1e-12) << name << " element " << k;
  }
}

VectorXd flat(const MatrixXd& m) {
  const MatrixXd t = m.transpose();
  return Eigen::Map<const VectorXd>(t.data(), t.size());
}

TEST(RandomVectors, HaveTheRightMoments) {
  const MatrixXd sigma = covariance(3);
  const MatrixXd l = sigma.llt().matrixL();
  const VectorXd mu = numbers(3, 0.4);
  const VectorXd second = sigma.diagonal() + mu.cwiseProduct(mu);
  const MatrixXd omega = sigma.inverse();
  for (const auto& [name, matrix] :
       {std::pair<std::string, MatrixXd>{"multi_normal_rng", sigma},
        {"multi_normal_cholesky_rng", l},
        {"multi_normal_prec_rng", MatrixXd(0.5 * (omega + omega.transpose()))}}) {
    expect_mean(name, {vector_value(mu), matrix_value(matrix)}, mu);
    expect_mean(name, {vector_value(mu), matrix_value(matrix)}, second, squared);
  }
  const double nu = 9;
  const VectorXd heavy = sigma.diagonal() * (nu / (nu - 2)) + mu.cwiseProduct(mu);
  expect_mean("multi_student_t_rng", {Value::real(nu), vector_value(mu), matrix_value(sigma)},
              heavy, squared);
  expect_mean("multi_student_t_cholesky_rng", {Value::real(nu), row_value(mu), matrix_value(l)},
              heavy, squared);
  graph::Graph graph;
  numeric::RandomStream random(3);
  const Value several =
      call_row(graph, "multi_normal_rng", {vectors_value({mu, mu}), matrix_value(sigma)}, &random);
  EXPECT_EQ(several.type, syntax::Type::array(BaseType::kVector, 1));
  EXPECT_EQ(several.dims, (std::vector<int64_t>{2, 3}));
  const VectorXd alpha = Eigen::Vector3d(0.7, 1.2, 2.4);
  expect_mean("dirichlet_rng", {vector_value(alpha)}, alpha / alpha.sum());
  const VectorXd theta = Eigen::Vector3d(0.2, 0.5, 0.3);
  expect_mean("multinomial_rng", {vector_value(theta), Value::integer(7)}, 7 * theta);
  expect_mean("multinomial_logit_rng", {vector_value(theta.array().log() + 2), Value::integer(7)},
              7 * theta);
  expect_mean("dirichlet_multinomial_rng", {vector_value(alpha), Value::integer(7)},
              7 * alpha / alpha.sum());
  const Eigen::Matrix<double, 1, 1> mean_category(0.2 + 2 * 0.5 + 3 * 0.3);
  expect_mean("categorical_rng", {vector_value(theta)}, mean_category);
  expect_mean("categorical_logit_rng", {vector_value(theta.array().log() - 1)}, mean_category);
}

TEST(RandomMatrices, HaveTheRightMoments) {
  const MatrixXd s = covariance(3);
  const MatrixXd l = s.llt().matrixL();
  expect_mean("wishart_rng", {Value::real(5.5), matrix_value(s)}, flat(5.5 * s));
  expect_mean("inv_wishart_rng", {Value::real(9.5), matrix_value(s)}, flat(s / 5.5));
  // squared lengths of the rows of a factor are the diagonal of its product; the first row has one
  // element
  const auto first = [](double x, size_t k) { return k == 0 ? x * x : 0.0; };
  VectorXd expected = VectorXd::Zero(9);
  expected(0) = 5.5 * s(0, 0);
  expect_mean("wishart_cholesky_rng", {Value::real(5.5), matrix_value(l)}, expected, first);
  expected(0) = s(0, 0) / 5.5;
  expect_mean("inv_wishart_cholesky_rng", {Value::real(9.5), matrix_value(l)}, expected, first);
  // correlations are 2 beta(b, b) - 1 with b = eta + (K - 2)/2: variance 1/(2 b + 1)
  MatrixXd correlations = MatrixXd::Constant(3, 3, 1 / (2 * (1.7 + 0.5) + 1));
  correlations.diagonal().setOnes();
  expect_mean("lkj_corr_rng", {Value::integer(3), Value::real(1.7)}, flat(correlations), squared);
  expect_mean("lkj_corr_rng", {Value::integer(3), Value::real(1.7)},
              flat(MatrixXd::Identity(3, 3)));
  graph::Graph graph;
  numeric::RandomStream random(3);
  const Value factor =
      call_row(graph, "lkj_corr_cholesky_rng", {Value::integer(4), Value::real(0.8)}, &random);
  for (size_t i = 0; i < 4; ++i) {
    double length = 0;
    for (size_t j = 0; j < 4; ++j) length += std::pow(factor.elements[4 * i + j].constant(), 2);
    EXPECT_NEAR(length, 1, 1e-14);
  }
}

TEST(RandomCategories, FollowTheOrderedModels) {
  const Numbers cuts = {-1.1, 0.2, 1.7};
  const VectorXd c = Eigen::Map<const VectorXd>(cuts.data(), 3);
  for (const char* name : {"ordered_logistic", "ordered_probit"}) {
    double mean = 0;
    for (int k = 1; k <= 4; ++k) {
      mean += k * std::exp(constant_call(
                      std::string(name) + "_lpmf",
                      std::vector<Value>{Value::integer(k), Value::real(0.6), vector_value(c)}));
    }
    expect_mean(std::string(name) + "_rng", {Value::real(0.6), vector_value(c)},
                VectorXd::Constant(1, mean));
  }
}

TEST(RandomGenerators, SayWhatIsOutsideOfTheirDomain) {
  graph::Graph graph;
  numeric::RandomStream random(1);
  const auto message = [&](const std::string& name, const std::vector<Value>& args) -> std::string {
    try {
      call_row(graph, name, args, &random);
    } catch (const TraceError& error) {
      return error.message;
    }
    return "";
  };
  EXPECT_EQ(message("normal_rng", {Value::real(0.0), Value::real(-1.0)}),
            "`normal_rng` has no distribution at (0, -1)");
  EXPECT_NE(message("binomial_rng", {Value::integer(-3.0), Value::real(0.5)}), "");
  EXPECT_NE(message("categorical_rng", {Value::vector({0.4, 0.4})}), "");
  EXPECT_NE(message("poisson_rng", {Value::real(1e300)}), "");
  EXPECT_NE(message("multi_normal_rng",
                    {vector_value(numbers(2, 0)), matrix_value(-MatrixXd::Identity(2, 2))}),
            "");
  EXPECT_NE(message("lkj_corr_rng", {Value::integer(-1.0), Value::real(1.0)}), "");
  EXPECT_NE(message("dirichlet_rng", {Value::vector({1.0, 0.0})}), "");
}

}  // namespace

}  // namespace vinci::lower
