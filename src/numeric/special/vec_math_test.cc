// Runs the table vec_math.def on every instruction set of this machine against 64-bit (x87)
// references.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "numeric/random/random_stream.h"
#include "numeric/special/row_functions.h"
#include "numeric/special/special.h"

namespace vinci::numeric {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Wide = long double;

/// log Gamma, digamma and trigamma in 64 bits: shift to 40, then Stirling's series.
Wide stirling(int derivative, Wide x) {
  // of the Bernoulli numbers
  const Wide numerator[] = {1, -1, 1, -1, 5, -691, 7, -3617, 43867, -174611};
  const Wide denominator[] = {6, 30, 42, 30, 66, 2730, 6, 510, 798, 330};
  Wide shift = 0;
  while (x < 40) {
    shift += derivative == 0 ? std::log(x) : derivative == 1 ? 1 / x : 1 / (x * x);
    x += 1;
  }
  Wide sum = 0;
  Wide power = derivative == 0 ? 1 / x : derivative == 1 ? 1 / (x * x) : 1 / (x * x * x);
  for (int k = 1; k <= 10; ++k) {
    const Wide b = numerator[k - 1] / denominator[k - 1];
    sum += power * (derivative == 0   ? b / (2 * k * (2 * k - 1))
                    : derivative == 1 ? -b / (2 * k)
                                      : b);
    power /= x * x;
  }
  if (derivative == 0)
    return (x - Wide(0.5)) * std::log(x) - x + std::log(2 * M_PIl) / 2 + sum - shift;
  if (derivative == 1) return std::log(x) - 1 / (2 * x) + sum - shift;
  return 1 / x + 1 / (2 * x * x) + sum + shift;
}

Wide phi_wide(Wide x) { return std::erfc(-x / M_SQRT2l) / 2; }
/// x Phi(-x) / phi(x) - 1 for x >= 12.
Wide mills_tail(Wide x) {
  const Wide inverse = 1 / (x * x);
  Wide term = 1, sum = 0;
  for (int k = 1; k < 30; ++k) {
    term *= -(2 * k - 1) * inverse;
    sum += term;
  }
  return sum;
}
Wide log_phi_wide(Wide x) {
  if (x > 0) return std::log1p(-std::erfc(x / M_SQRT2l) / 2);
  if (x > -12) return std::log(std::erfc(-x / M_SQRT2l) / 2);
  return -x * x / 2 - std::log(2 * M_PIl) / 2 - std::log(-x) + std::log1p(mills_tail(-x));
}
Wide log_phi_derivative_wide(Wide x) {
  if (x > -12) return std::exp(-x * x / 2) / std::sqrt(2 * M_PIl) / phi_wide(x);
  return -x / (1 + mills_tail(-x));
}
Wide quantile_wide(Wide p) {
  // Newton on log Phi (of the smaller tail) from the double value.
  const bool upper = p > Wide(0.5);
  const Wide tail = upper ? 1 - p : p;
  if (tail == 0) return upper ? kInf : -kInf;
  Wide x = std_normal_quantile(static_cast<double>(tail));
  for (int k = 0; k < 3; ++k) {
    x -= (log_phi_wide(x) - std::log(tail)) / log_phi_derivative_wide(x);
  }
  return upper ? -x : x;
}

Wide reference(RowFunction f, Wide x) {
  switch (f) {
    case RowFunction::exp:
      return std::exp(x);
    case RowFunction::expm1:
      return std::expm1(x);
    case RowFunction::log:
      return std::log(x);
    case RowFunction::log1p:
      return std::log1p(x);
    case RowFunction::log1p_exp:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case RowFunction::log1m_exp:
      return x > -1 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
    case RowFunction::inv_logit:
      return 1 / (1 + std::exp(-x));
    case RowFunction::sqrt:
      return std::sqrt(x);
    case RowFunction::cbrt:
      return std::cbrt(x);
    case RowFunction::sin:
      return std::sin(x);
    case RowFunction::cos:
      return std::cos(x);
    case RowFunction::tan:
      return std::tan(x);
    case RowFunction::asin:
      return std::asin(x);
    case RowFunction::acos:
      return std::acos(x);
    case RowFunction::atan:
      return std::atan(x);
    case RowFunction::sinh:
      return std::sinh(x);
    case RowFunction::cosh:
      return std::cosh(x);
    case RowFunction::tanh:
      return std::tanh(x);
    case RowFunction::asinh:
      return std::asinh(x);
    case RowFunction::acosh:
      return std::acosh(x);
    case RowFunction::atanh:
      return std::atanh(x);
    case RowFunction::erf:
      return std::erf(x);
    case RowFunction::erfc:
      return std::erfc(x);
    case RowFunction::std_normal_cdf:
      return phi_wide(x);
    case RowFunction::std_normal_lcdf:
      return log_phi_wide(x);
    case RowFunction::std_normal_lcdf_derivative:
      return log_phi_derivative_wide(x);
    case RowFunction::std_normal_quantile:
      return quantile_wide(x);
    case RowFunction::lgamma:
      return std::lgamma(x);
    case RowFunction::digamma:
      return stirling(1, x);
    case RowFunction::trigamma:
      return stirling(2, x);
    default:
      return 0;
  }
}

struct TableRow {
  RowFunction function;
  const char* name;
  double max_ulp, low, high;
};
const TableRow kTable[] = {
#define VINCI_VEC_UNARY(name, max_ulp, low, high) {RowFunction::name, #name, max_ulp, low, high},
#include "numeric/special/vec_math.def"
};

/// Arguments in [low, high]: uniform, log-uniform in size, around 0 and 1, and the ends.
std::vector<double> arguments(const TableRow& row, int n) {
  RandomStream random(7, static_cast<uint32_t>(row.function));
  std::vector<double> x = {row.low, row.high, 1e-310, -1e-310, 5e-324, 1.0,
                           -1.0,    0.5,      2.0,    3.0,     10.0};
  while (static_cast<int>(x.size()) < n) {
    const double kind = random.uniform();
    double v;
    if (kind < 0.3) {
      v = random.uniform(std::max(row.low, -50.0), std::min(row.high, 50.0));
    } else if (kind < 0.5) {
      v = random.uniform(std::max(row.low, -1e3), std::min(row.high, 1e3));
    } else if (kind < 0.6) {
      v = 1 + std::exp(random.uniform(-40, 0)) * (random.uniform() < 0.5 ? -1 : 1);
    } else if (kind < 0.8) {
      v = std::exp(random.uniform(-40, 3)) * (random.uniform() < 0.5 ? -1 : 1);
    } else {
      v = std::exp(random.uniform(-744, 709)) * (random.uniform() < 0.5 ? -1 : 1);
    }
    x.push_back(v);
  }
  std::vector<double> inside;
  for (double v : x)
    if (v >= row.low && v <= row.high) inside.push_back(v);
  return inside;
}

/// Distance in units of the last place of the reference's double; absolute below 1 for the gamma
/// family, whose zeros the table excepts.
double ulps(const TableRow& row, double got, Wide want) {
  const auto rounded = static_cast<double>(want);
  if (std::isnan(rounded) && std::isnan(got)) return 0;
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : kInf;
  double size = std::abs(rounded);
  if (row.function == RowFunction::digamma) size = std::max(size, 1.0);
  const double ulp = std::max(std::nextafter(size, kInf) - size, 5e-324);
  return static_cast<double>(std::fabs(Wide(got) - want) / Wide(ulp));
}

class VecMath : public testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    if (!has_simd_target(GetParam())) GTEST_SKIP() << "this machine lacks the instruction set";
    before_ = simd_target();
    set_simd_target(GetParam());
  }
  void TearDown() override {
    if (has_simd_target(GetParam())) set_simd_target(before_);
  }
  static std::vector<double> run(RowFunction f, const std::vector<double>& a,
                                 const std::vector<double>& b = {}) {
    std::vector<double> y(a.size());
    VINCI_SIMD_SELECT(row_function)(f, a.data(), b.data(), y.data(),
                                    static_cast<int64_t>(a.size()));
    return y;
  }

 private:
  SimdTarget before_ = SimdTarget::kBaseline;
};

TEST_P(VecMath, TableOfErrorsHolds) {
  for (const TableRow& row : kTable) {
    const std::vector<double> x = arguments(row, 4000);
    const std::vector<double> y = run(row.function, x);
    double worst = 0;
    double worst_at = 0;
    for (size_t k = 0; k < x.size(); ++k) {
      const double error = ulps(row, y[k], reference(row.function, Wide(x[k])));
      if (!(error <= worst)) {
        worst = error;
        worst_at = x[k];
      }
    }
    // The error is rounded up to half an ulp more than the table's, as the correctly rounded result
    // already has half.
    EXPECT_LE(worst, row.max_ulp + 1e-9) << row.name << " at " << std::hexfloat << worst_at;
    RecordProperty(row.name, std::to_string(worst));
  }
}

TEST_P(VecMath, EdgeValues) {
  const std::vector<double> x = {0.0, -0.0, kInf, -kInf, kNan, 1.0, -1.0, 1e308, -1e308};
  const double max = kInf;
  const struct {
    RowFunction f;
    const char* name;
    std::vector<double> want;
  } rows[] = {
      {RowFunction::exp, "exp", {1, 1, kInf, 0, kNan, std::exp(1.0), std::exp(-1.0), max, 0}},
      {RowFunction::expm1,
       "expm1",
       {0, 0, kInf, -1, kNan, std::expm1(1.0), std::expm1(-1.0), max, -1}},
      {RowFunction::log, "log", {-kInf, -kInf, kInf, kNan, kNan, 0, kNan, std::log(1e308), kNan}},
      {RowFunction::log1p,
       "log1p",
       {0, 0, kInf, kNan, kNan, std::log1p(1.0), -kInf, std::log(1e308), kNan}},
      {RowFunction::sqrt, "sqrt", {0, 0, kInf, kNan, kNan, 1, kNan, std::sqrt(1e308), kNan}},
      {RowFunction::tanh, "tanh", {0, 0, 1, -1, kNan, std::tanh(1.0), std::tanh(-1.0), 1, -1}},
      {RowFunction::cbrt,
       "cbrt",
       {0, 0, kInf, -kInf, kNan, 1, -1, std::cbrt(1e308), std::cbrt(-1e308)}},
      {RowFunction::log1p_exp,
       "log1p_exp",
       {std::log(2.0), std::log(2.0), kInf, 0, kNan, log1p_exp(1), log1p_exp(-1), 1e308, 0}},
  };
  for (const auto& row : rows) {
    const std::vector<double> got = run(row.f, x);
    for (size_t k = 0; k < x.size(); ++k) {
      if (std::isnan(row.want[k])) {
        EXPECT_TRUE(std::isnan(got[k])) << row.name << "(" << x[k] << ") = " << got[k];
      } else if (std::isinf(row.want[k]) || row.want[k] == 0) {
        EXPECT_EQ(row.want[k], got[k]) << row.name << "(" << x[k] << ")";
      } else {
        EXPECT_NEAR(got[k], row.want[k], 4e-16 * std::abs(row.want[k]))
            << row.name << "(" << x[k] << ")";
      }
    }
  }
  const auto one = [&](RowFunction f, double v) { return run(f, std::vector<double>(8, v))[3]; };
  EXPECT_EQ(one(RowFunction::exp, -800), 0);
  EXPECT_EQ(one(RowFunction::exp, 710), kInf);
  EXPECT_EQ(one(RowFunction::exp, -745), 5e-324);
  EXPECT_EQ(one(RowFunction::inv_logit, kInf), 1);
  EXPECT_EQ(one(RowFunction::inv_logit, -kInf), 0);
  EXPECT_EQ(one(RowFunction::log1m_exp, 0), -kInf);
  EXPECT_EQ(one(RowFunction::log1m_exp, -0.0), -kInf);
  EXPECT_EQ(one(RowFunction::log1m_exp, -kInf), 0);
  EXPECT_TRUE(std::isnan(one(RowFunction::log1m_exp, 0.1)));
  EXPECT_TRUE(std::isnan(one(RowFunction::log1m_exp, 1000)));
  EXPECT_EQ(one(RowFunction::atan, kInf), M_PI_2);
  EXPECT_EQ(one(RowFunction::atan, -kInf), -M_PI_2);
  EXPECT_EQ(one(RowFunction::sinh, 1000), kInf);
  EXPECT_EQ(one(RowFunction::sinh, -kInf), -kInf);
  EXPECT_EQ(one(RowFunction::cosh, -kInf), kInf);
  EXPECT_EQ(one(RowFunction::asinh, -kInf), -kInf);
  EXPECT_EQ(one(RowFunction::acosh, kInf), kInf);
  EXPECT_TRUE(std::isnan(one(RowFunction::acosh, 0.5)));
  EXPECT_EQ(one(RowFunction::atanh, 1), kInf);
  EXPECT_TRUE(std::isnan(one(RowFunction::atanh, 1.5)));
  EXPECT_TRUE(std::isnan(one(RowFunction::asin, 1.5)));
  EXPECT_TRUE(std::isnan(one(RowFunction::acos, -1.5)));
  EXPECT_TRUE(std::isnan(one(RowFunction::sin, kInf)));
  EXPECT_TRUE(std::isnan(one(RowFunction::cos, kNan)));
  EXPECT_NEAR(one(RowFunction::sin, 1e22), std::sin(1e22), 1e-15);
  EXPECT_NEAR(one(RowFunction::tan, -1e10), std::tan(-1e10), 1e-12);
  EXPECT_EQ(one(RowFunction::erf, kInf), 1);
  EXPECT_EQ(one(RowFunction::erfc, kInf), 0);
  EXPECT_EQ(one(RowFunction::erfc, -kInf), 2);
  EXPECT_TRUE(std::isnan(one(RowFunction::erf, kNan)));
  EXPECT_EQ(one(RowFunction::std_normal_cdf, -kInf), 0);
  EXPECT_EQ(one(RowFunction::std_normal_cdf, kInf), 1);
  EXPECT_EQ(one(RowFunction::std_normal_lcdf, -kInf), -kInf);
  EXPECT_EQ(one(RowFunction::std_normal_lcdf, kInf), 0);
  EXPECT_TRUE(std::isnan(one(RowFunction::std_normal_lcdf, kNan)));
  EXPECT_EQ(one(RowFunction::std_normal_quantile, 0), -kInf);
  EXPECT_EQ(one(RowFunction::std_normal_quantile, 1), kInf);
  EXPECT_TRUE(std::isnan(one(RowFunction::std_normal_quantile, 1.1)));
  EXPECT_TRUE(std::isnan(one(RowFunction::std_normal_quantile, -0.1)));
  for (double pole : {0.0, -0.0, -1.0, -2.0, -100.0})
    EXPECT_EQ(one(RowFunction::lgamma, pole), kInf) << pole;
  EXPECT_EQ(one(RowFunction::lgamma, kInf), kInf);
  EXPECT_EQ(one(RowFunction::lgamma, -kInf), kInf);
  EXPECT_TRUE(std::isnan(one(RowFunction::lgamma, kNan)));
  EXPECT_EQ(one(RowFunction::lgamma, 1), 0);
  EXPECT_EQ(one(RowFunction::lgamma, 2), 0);
  EXPECT_TRUE(std::isnan(one(RowFunction::digamma, -3)));
  EXPECT_EQ(one(RowFunction::digamma, kInf), kInf);
  EXPECT_EQ(one(RowFunction::trigamma, kInf), 0);
  EXPECT_EQ(one(RowFunction::trigamma, -3), kInf);
}

TEST_P(VecMath, GammaFamilyBelowZero) {
  const std::vector<double> x = {-0.5, -1.5, -2.25, -10.75, -33.3, -1e-5, -99.999, -7.00001};
  const auto l = run(RowFunction::lgamma, x);
  const auto d = run(RowFunction::digamma, x);
  const auto t = run(RowFunction::trigamma, x);
  for (size_t k = 0; k < x.size(); ++k) {
    EXPECT_NEAR(l[k], lgamma(x[k]), 1e-12 * std::max(1.0, std::abs(l[k]))) << x[k];
    EXPECT_NEAR(d[k], digamma(x[k]), 1e-12 * std::max(1.0, std::abs(d[k]))) << x[k];
    EXPECT_NEAR(t[k], trigamma(x[k]), 1e-12 * std::max(1.0, std::abs(t[k]))) << x[k];
  }
}

TEST_P(VecMath, PowerMatchesAllSpecialCases) {
  const double values[] = {
      0.0,    -0.0,  1,      -1,   2,     -2,   3,   -3,    0.5,  -0.5,
      1e-310, 1e300, -1e300, kInf, -kInf, kNan, 2.5, -1e17, 1e17, 9007199254740991.0};
  std::vector<double> a, b;
  for (double x : values)
    for (double y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  RandomStream random(3);
  for (int k = 0; k < 4000; ++k) {
    a.push_back(std::exp(random.uniform(-700, 700)));
    b.push_back(random.uniform(-1, 1) * 740 / std::log(a.back()));
    a.push_back(random.uniform(0, 3));
    b.push_back(random.uniform(-300, 300));
  }
  const auto y = run(RowFunction::pow, a, b);
  for (size_t k = 0; k < a.size(); ++k) {
    const double c = std::pow(a[k], b[k]);
    if (std::isnan(c)) {
      EXPECT_TRUE(std::isnan(y[k])) << a[k] << " ^ " << b[k] << " = " << y[k];
    } else if (std::isinf(c) || c == 0) {
      EXPECT_EQ(c, y[k]) << a[k] << " ^ " << b[k];
    } else {
      const double ulp = std::max(std::nextafter(std::abs(c), kInf) - std::abs(c), 5e-324);
      EXPECT_LE(std::abs(y[k] - c), 2 * ulp) << a[k] << " ^ " << b[k];
    }
  }
}

TEST_P(VecMath, BinaryFunctions) {
  const double values[] = {0.0, -0.0, 1, -1, 0.25, -3, 1e-200, 1e200, kInf, -kInf, kNan};
  std::vector<double> a, b;
  for (double x : values)
    for (double y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  const auto angle = run(RowFunction::atan2, a, b);
  const auto length = run(RowFunction::hypot, a, b);
  const auto sum = run(RowFunction::log_sum_exp, a, b);
  const auto difference = run(RowFunction::log_diff_exp, a, b);
  const auto expect_close = [&](const char* name, size_t k, double want, double got) {
    if (std::isnan(want))
      EXPECT_TRUE(std::isnan(got)) << name << " " << a[k] << " " << b[k] << " " << got;
    else if (std::isinf(want))
      EXPECT_EQ(want, got) << name << " " << a[k] << " " << b[k];
    else
      EXPECT_NEAR(want, got, 8e-16 * std::abs(want)) << name << " " << a[k] << " " << b[k];
  };
  for (size_t k = 0; k < a.size(); ++k) {
    expect_close("atan2", k, std::atan2(a[k], b[k]), angle[k]);
    expect_close("hypot", k, std::hypot(a[k], b[k]), length[k]);
    expect_close("log_sum_exp", k, log_sum_exp(a[k], b[k]), sum[k]);
    expect_close("log_diff_exp", k, log_diff_exp(a[k], b[k]), difference[k]);
  }
}

TEST_P(VecMath, LanesAreIndependent) {
  // A value does not depend on its neighbours, so rows of any length agree.
  RandomStream random(11);
  for (const TableRow& row : kTable) {
    std::vector<double> x = arguments(row, 200);
    const auto all = run(row.function, x);
    for (size_t k = 0; k < x.size(); ++k) {
      const double alone = run(row.function, {x[k]})[0];
      EXPECT_TRUE(alone == all[k] || (std::isnan(alone) && std::isnan(all[k])))
          << row.name << "(" << x[k] << ")";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, VecMath,
                         testing::Values(SimdTarget::kBaseline, SimdTarget::kAvx2,
                                         SimdTarget::kAvx512),
                         [](const auto& target) {
                           return std::string(simd_target_name(target.param));
                         });

}  // namespace
}  // namespace vinci::numeric
