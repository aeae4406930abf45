// Distribution functions of real outcomes. Where both tails have closed logarithms the rows are
// made of those, so that truncation far out stays accurate.
#include "lower/library/continuous_densities.h"
#include "lower/library/dual_function.h"

namespace vinci::lower {

namespace {

using graph::Op;

Expr standardise(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  return (y - mu) / sigma;
}

// ---- all reals

Expr normal_cdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_cdf(standardise(d, y, mu, sigma));
}
Expr normal_lcdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_lcdf(standardise(d, y, mu, sigma));
}
Expr normal_lccdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_lcdf(-standardise(d, y, mu, sigma));
}

Expr std_normal_cdf_of(Density&, Expr y) { return std_normal_cdf(y); }
Expr std_normal_lcdf_of(Density&, Expr y) { return std_normal_lcdf(y); }
Expr std_normal_lccdf_of(Density&, Expr y) { return std_normal_lcdf(-y); }

/// log of Phi(u) - e^{v^2/2 - u v} Phi(u - v), u = (y - mu)/sigma, v = lambda sigma.
Expr exp_mod_normal_lcdf(Density& d, Expr y, Expr mu, Expr sigma, Expr lambda) {
  const Expr u = standardise(d, y, mu, sigma);
  d.require_positive(lambda, "inverse scale");
  const Expr v = lambda * sigma;
  return log_diff_exp(std_normal_lcdf(u), 0.5 * square(v) - u * v + std_normal_lcdf(u - v));
}
/// log of Phi(-u) + e^{v^2/2 - u v} Phi(u - v).
Expr exp_mod_normal_lccdf(Density& d, Expr y, Expr mu, Expr sigma, Expr lambda) {
  const Expr u = standardise(d, y, mu, sigma);
  d.require_positive(lambda, "inverse scale");
  const Expr v = lambda * sigma;
  const Expr tail = 0.5 * square(v) - u * v + std_normal_lcdf(u - v);
  return u.of(u.graph().log_sum_exp(std_normal_lcdf(-u).scalar(), tail.scalar()));
}

/// Phi(z) - 2 T(z, alpha), T Owen's function.  [Azzalini 1985]
Expr skew_normal_cdf(Density& d, Expr y, Expr xi, Expr omega, Expr alpha) {
  const Expr z = standardise(d, y, xi, omega);
  return std_normal_cdf(z) - 2.0 * apply(Op::kOwensT, z, alpha);
}
/// T is odd in alpha, and the complement is the distribution function of -z with -alpha.
Expr skew_normal_ccdf(Density& d, Expr y, Expr xi, Expr omega, Expr alpha) {
  const Expr z = standardise(d, y, xi, omega);
  return std_normal_cdf(-z) + 2.0 * apply(Op::kOwensT, z, alpha);
}

/// P(T < t) = I_w(nu/2, nu/2) with w = (1 + t / sqrt(nu + t^2)) / 2, which is smooth in t; for t <
/// 0 the form of w that does not cancel is nu / (2 r (r + |t|)), r = sqrt(nu + t^2).
Expr student_t_tail(Expr t, Expr nu, Op op) {
  const Expr r = sqrt(nu + square(t));
  const Expr w = select(less(t, t.of(0.0)), nu / (2.0 * (r * (r + abs(t)))), 0.5 + 0.5 * (t / r));
  const Expr half_nu = 0.5 * nu;
  return apply(op, half_nu, half_nu, w);
}
Expr student_t_cdf(Density& d, Expr y, Expr nu, Expr mu, Expr sigma) {
  d.require_positive(nu, "degrees of freedom");
  return student_t_tail(standardise(d, y, mu, sigma), nu, Op::kIncBeta);
}
Expr student_t_lcdf(Density& d, Expr y, Expr nu, Expr mu, Expr sigma) {
  d.require_positive(nu, "degrees of freedom");
  return student_t_tail(standardise(d, y, mu, sigma), nu, Op::kLogIncBeta);
}
Expr student_t_lccdf(Density& d, Expr y, Expr nu, Expr mu, Expr sigma) {
  d.require_positive(nu, "degrees of freedom");
  return student_t_tail(-standardise(d, y, mu, sigma), nu, Op::kLogIncBeta);
}

/// The angle of (-z, 1) over pi: 1/2 + atan(z)/pi without its cancellation in the lower tail.
Expr cauchy_cdf(Density& d, Expr y, Expr mu, Expr sigma) {
  const Expr z = standardise(d, y, mu, sigma);
  return apply(Op::kAtan2, z.of(1.0), -z) / std::numbers::pi;
}
Expr cauchy_ccdf(Density& d, Expr y, Expr mu, Expr sigma) {
  const Expr z = standardise(d, y, mu, sigma);
  return apply(Op::kAtan2, z.of(1.0), z) / std::numbers::pi;
}

/// Of z < 0: z - log 2; else log(1 - e^{-z}/2). Each branch sees only its own side of 0, with its
/// derivative there.
Expr laplace_lcdf(Expr z) {
  const Expr zero = z.of(0.0);
  return select(less(z, zero), apply(Op::kFmin, z, zero) - std::numbers::ln2,
                log1m_exp(-apply(Op::kFmax, z, zero) - std::numbers::ln2));
}
Expr double_exponential_lcdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return laplace_lcdf(standardise(d, y, mu, sigma));
}
Expr double_exponential_lccdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return laplace_lcdf(-standardise(d, y, mu, sigma));
}

Expr logistic_cdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return inv_logit(standardise(d, y, mu, sigma));
}
Expr logistic_lcdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return -log1p_exp(-standardise(d, y, mu, sigma));
}
Expr logistic_lccdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return -log1p_exp(standardise(d, y, mu, sigma));
}

Expr gumbel_lcdf(Density& d, Expr y, Expr mu, Expr beta) {
  return -exp(-standardise(d, y, mu, beta));
}
Expr gumbel_lccdf(Density& d, Expr y, Expr mu, Expr beta) {
  return log1m_exp(-exp(-standardise(d, y, mu, beta)));
}

/// log of tau e^{2 (1 - tau) z} for z < 0, else of 1 - (1 - tau) e^{-2 tau z}.
Expr skew_laplace_lcdf(Expr z, Expr tau) {
  const Expr zero = z.of(0.0);
  return select(less(z, zero), log(tau) + 2.0 * (1.0 - tau) * apply(Op::kFmin, z, zero),
                log1m_exp(log1m(tau) - 2.0 * tau * apply(Op::kFmax, z, zero)));
}
Expr skew_double_exponential_lcdf(Density& d, Expr y, Expr mu, Expr sigma, Expr tau) {
  d.require_probability(tau, "skewness");
  return skew_laplace_lcdf(standardise(d, y, mu, sigma), tau);
}
/// Mirrored: -y has skewness 1 - tau.
Expr skew_double_exponential_lccdf(Density& d, Expr y, Expr mu, Expr sigma, Expr tau) {
  d.require_probability(tau, "skewness");
  return skew_laplace_lcdf(-standardise(d, y, mu, sigma), 1.0 - tau);
}

// ---- positive reals

Expr log_standardised(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_non_negative(y, "outcome");
  return standardise(d, log(y), mu, sigma);
}
Expr lognormal_cdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_cdf(log_standardised(d, y, mu, sigma));
}
Expr lognormal_lcdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_lcdf(log_standardised(d, y, mu, sigma));
}
Expr lognormal_lccdf(Density& d, Expr y, Expr mu, Expr sigma) {
  return std_normal_lcdf(-log_standardised(d, y, mu, sigma));
}

/// op(a, b y) of a gamma variable, op P or Q; y = 0 is a constant that needs no limit of special
/// functions.
Expr gamma_tail(Density& d, Expr y, Expr a, Expr b, Op op) {
  d.require_positive(a, "shape");
  d.require_positive(b, "inverse scale");
  d.require_non_negative(y, "outcome");
  if (y.is_constant(0)) return y.of(op == Op::kGammaP ? 0.0 : 1.0);
  return apply(op, a, b * y);
}
Expr gamma_cdf(Density& d, Expr y, Expr a, Expr b) { return gamma_tail(d, y, a, b, Op::kGammaP); }
Expr gamma_ccdf(Density& d, Expr y, Expr a, Expr b) { return gamma_tail(d, y, a, b, Op::kGammaQ); }
Expr chi_square_cdf(Density& d, Expr y, Expr nu) {
  return gamma_tail(d, y, 0.5 * nu, y.of(0.5), Op::kGammaP);
}
Expr chi_square_ccdf(Density& d, Expr y, Expr nu) {
  return gamma_tail(d, y, 0.5 * nu, y.of(0.5), Op::kGammaQ);
}

/// op(a, b / y) of an inverse gamma variable.
Expr inv_gamma_tail(Density& d, Expr y, Expr a, Expr b, Op op) {
  d.require_positive(a, "shape");
  d.require_positive(b, "scale");
  d.require_non_negative(y, "outcome");
  if (y.is_constant(0)) return y.of(op == Op::kGammaQ ? 0.0 : 1.0);
  return apply(op, a, b / y);
}
Expr inv_gamma_cdf(Density& d, Expr y, Expr a, Expr b) {
  return inv_gamma_tail(d, y, a, b, Op::kGammaQ);
}
Expr inv_gamma_ccdf(Density& d, Expr y, Expr a, Expr b) {
  return inv_gamma_tail(d, y, a, b, Op::kGammaP);
}
Expr inv_chi_square_cdf(Density& d, Expr y, Expr nu) {
  return inv_gamma_tail(d, y, 0.5 * nu, y.of(0.5), Op::kGammaQ);
}
Expr inv_chi_square_ccdf(Density& d, Expr y, Expr nu) {
  return inv_gamma_tail(d, y, 0.5 * nu, y.of(0.5), Op::kGammaP);
}
Expr scaled_inv_chi_square_cdf(Density& d, Expr y, Expr nu, Expr s) {
  const Expr half_nu = 0.5 * nu;
  return inv_gamma_tail(d, y, half_nu, half_nu * square(s), Op::kGammaQ);
}
Expr scaled_inv_chi_square_ccdf(Density& d, Expr y, Expr nu, Expr s) {
  const Expr half_nu = 0.5 * nu;
  return inv_gamma_tail(d, y, half_nu, half_nu * square(s), Op::kGammaP);
}

Expr exponential_lccdf(Density& d, Expr y, Expr beta) {
  d.require_positive(beta, "inverse scale");
  d.require_non_negative(y, "outcome");
  return -(beta * y);
}
Expr exponential_lcdf(Density& d, Expr y, Expr beta) {
  return log1m_exp(exponential_lccdf(d, y, beta));
}

Expr weibull_lccdf(Density& d, Expr y, Expr alpha, Expr sigma) {
  d.require_positive(alpha, "shape");
  d.require_positive(sigma, "scale");
  d.require_non_negative(y, "outcome");
  if (y.is_constant(0)) return y;
  return -exp(alpha * (log(y) - log(sigma)));
}
Expr weibull_lcdf(Density& d, Expr y, Expr alpha, Expr sigma) {
  return log1m_exp(weibull_lccdf(d, y, alpha, sigma));
}

Expr frechet_lcdf(Density& d, Expr y, Expr alpha, Expr sigma) {
  d.require_positive(alpha, "shape");
  d.require_positive(sigma, "scale");
  d.require_positive(y, "outcome");
  return -exp(alpha * (log(sigma) - log(y)));
}
Expr frechet_lccdf(Density& d, Expr y, Expr alpha, Expr sigma) {
  return log1m_exp(frechet_lcdf(d, y, alpha, sigma));
}

Expr rayleigh_lccdf(Density& d, Expr y, Expr sigma) {
  d.require_positive(sigma, "scale");
  d.require_non_negative(y, "outcome");
  return -0.5 * square(y / sigma);
}
Expr rayleigh_lcdf(Density& d, Expr y, Expr sigma) {
  return log1m_exp(rayleigh_lccdf(d, y, sigma));
}

Expr loglogistic_lcdf(Density& d, Expr y, Expr alpha, Expr beta) {
  d.require_positive(alpha, "scale");
  d.require_positive(beta, "shape");
  d.require_non_negative(y, "outcome");
  if (y.is_constant(0)) return y.of(kNegativeInfinity);
  return -log1p_exp(beta * (log(alpha) - log(y)));
}
Expr loglogistic_lccdf(Density& d, Expr y, Expr alpha, Expr beta) {
  d.require_positive(alpha, "scale");
  d.require_positive(beta, "shape");
  d.require_non_negative(y, "outcome");
  if (y.is_constant(0)) return y;
  return -log1p_exp(beta * (log(y) - log(alpha)));
}

Expr pareto_lccdf(Density& d, Expr y, Expr y_min, Expr alpha) {
  d.require_positive(y_min, "minimum");
  d.require_positive(alpha, "shape");
  if (is_below(y, y_min)) return y.of(0.0);
  d.require_non_negative(y - y_min, "outcome minus minimum");
  return alpha * (log(y_min) - log(y));
}
Expr pareto_lcdf(Density& d, Expr y, Expr y_min, Expr alpha) {
  return log1m_exp(pareto_lccdf(d, y, y_min, alpha));
}

Expr pareto_type_2_lccdf(Density& d, Expr y, Expr mu, Expr lambda, Expr alpha) {
  d.require_positive(lambda, "scale");
  d.require_positive(alpha, "shape");
  d.require_non_negative(y - mu, "outcome minus location");
  return -(alpha * log1p((y - mu) / lambda));
}
Expr pareto_type_2_lcdf(Density& d, Expr y, Expr mu, Expr lambda, Expr alpha) {
  return log1m_exp(pareto_type_2_lccdf(d, y, mu, lambda, alpha));
}

// ---- intervals

/// log I_y(a, b); the ends of the interval need no limits of special functions.
Expr beta_tail(Density& d, Expr y, Expr a, Expr b) {
  d.require_positive(a, "first shape");
  d.require_positive(b, "second shape");
  d.require_probability(y, "outcome");
  if (y.is_constant(0)) return y.of(kNegativeInfinity);
  if (y.is_constant(1)) return y.of(0.0);
  return apply(Op::kLogIncBeta, a, b, y);
}
Expr beta_lcdf(Density& d, Expr y, Expr a, Expr b) { return beta_tail(d, y, a, b); }
Expr beta_lccdf(Density& d, Expr y, Expr a, Expr b) { return beta_tail(d, 1.0 - y, b, a); }
Expr beta_proportion_lcdf(Density& d, Expr y, Expr mu, Expr kappa) {
  d.require_probability(mu, "location");
  const Expr a = mu * kappa;
  return beta_tail(d, y, a, kappa - a);
}
Expr beta_proportion_lccdf(Density& d, Expr y, Expr mu, Expr kappa) {
  d.require_probability(mu, "location");
  const Expr a = mu * kappa;
  return beta_tail(d, 1.0 - y, kappa - a, a);
}

/// (y - alpha) / (beta - alpha), 0 below and 1 above.
Expr uniform_cdf(Density& d, Expr y, Expr alpha, Expr beta) {
  d.require_less(alpha, beta, "upper minus lower bound");
  const Expr u = (y - alpha) / (beta - alpha);
  return apply(Op::kFmin, apply(Op::kFmax, u, y.of(0.0)), y.of(1.0));
}

/// Of inputs (y, mu, kappa): integral of the von Mises density from -pi to y.
struct VonMisesCdf {
  static constexpr int kInputs = 3;
  static const char* name() { return "von_mises_cdf"; }

  /// Distribution function about mean 0, x in [-pi, pi]: 1/2 + x/(2 pi) + sum_j I_j/I_0 sin(j x)/(j
  /// pi), where the ratios I_j/I_{j-1} come from their backward recurrence.  [Hill 1977,
  /// doi 10.1145/355744.355753]
  template <class T>
  static T centred(T x, T kappa) {
    const double k = value_of(kappa);
    if (!(k > 0)) return T(0.5) + x / T(2 * std::numbers::pi);
    // I_j/I_0 < e^{-j^2 / (2 kappa + j)} nearly: j = 30 + 9 sqrt(kappa) leaves less than 1e-16
    const int terms = 30 + static_cast<int>(9 * std::sqrt(std::fmin(k, 1e8)));
    T ratio(0.0);
    T sum(0.0);
    for (int j = terms; j > 0; --j) {
      ratio = T(1.0) / (T(2.0 * j) / kappa + ratio);
      sum = ratio * (sin(T(j) * x) / T(j) + sum);
    }
    return T(0.5) + (x * T(0.5) + sum) / T(std::numbers::pi);
  }
  template <class T>
  static T from_start(T x, T kappa) {  // periodic: one more for each turn
    const double turns = std::floor((value_of(x) + std::numbers::pi) / (2 * std::numbers::pi));
    return T(turns) + centred<T>(x - T(turns * 2 * std::numbers::pi), kappa);
  }
  template <class T>
  static T value(const std::array<T, 3>& in) {
    using std::sin;
    return from_start<T>(in[0] - in[1], in[2]) - from_start<T>(T(-std::numbers::pi) - in[1], in[2]);
  }
};

Expr von_mises_cdf(Density& d, Expr y, Expr mu, Expr kappa) {
  d.require_non_negative(kappa, "concentration");
  d.require_less(y.of(-std::numbers::pi - 1e-12), y, "outcome plus pi");
  d.require_less(y, y.of(std::numbers::pi + 1e-12), "pi minus outcome");
  const Scalar inputs[] = {y.scalar(), mu.scalar(), kappa.scalar()};
  return y.of(y.graph().call(dual_function<VonMisesCdf>(), inputs)[0]);
}

}  // namespace

void add_continuous_cdfs(LibraryTable& table) {
  add_cdf_names(table, "normal", product_of<normal_cdf, transform_identity>,
                sum_of<normal_lcdf, transform_identity>, sum_of<normal_lccdf, transform_identity>);
  add_cdf_names(table, "std_normal", product_of<std_normal_cdf_of, transform_identity>,
                sum_of<std_normal_lcdf_of, transform_identity>,
                sum_of<std_normal_lccdf_of, transform_identity>);
  add_log_cdf<exp_mod_normal_lcdf, exp_mod_normal_lccdf>(table, "exp_mod_normal");
  add_cdf_pair<skew_normal_cdf, skew_normal_ccdf>(table, "skew_normal");
  add_cdf_names(table, "student_t", product_of<student_t_cdf, transform_identity>,
                sum_of<student_t_lcdf, transform_identity>,
                sum_of<student_t_lccdf, transform_identity>);
  add_cdf_pair<cauchy_cdf, cauchy_ccdf>(table, "cauchy");
  add_log_cdf<double_exponential_lcdf, double_exponential_lccdf>(table, "double_exponential");
  add_cdf_names(table, "logistic", product_of<logistic_cdf, transform_identity>,
                sum_of<logistic_lcdf, transform_identity>,
                sum_of<logistic_lccdf, transform_identity>);
  add_log_cdf<gumbel_lcdf, gumbel_lccdf>(table, "gumbel");
  add_log_cdf<skew_double_exponential_lcdf, skew_double_exponential_lccdf>(
      table, "skew_double_exponential");
  add_cdf_names(table, "lognormal", product_of<lognormal_cdf, transform_identity>,
                sum_of<lognormal_lcdf, transform_identity>,
                sum_of<lognormal_lccdf, transform_identity>);
  add_cdf_pair<chi_square_cdf, chi_square_ccdf>(table, "chi_square");
  add_cdf_pair<inv_chi_square_cdf, inv_chi_square_ccdf>(table, "inv_chi_square");
  add_cdf_pair<scaled_inv_chi_square_cdf, scaled_inv_chi_square_ccdf>(table,
                                                                      "scaled_inv_chi_square");
  add_log_cdf<exponential_lcdf, exponential_lccdf>(table, "exponential");
  add_cdf_pair<gamma_cdf, gamma_ccdf>(table, "gamma");
  add_cdf_pair<inv_gamma_cdf, inv_gamma_ccdf>(table, "inv_gamma");
  add_log_cdf<weibull_lcdf, weibull_lccdf>(table, "weibull");
  add_log_cdf<frechet_lcdf, frechet_lccdf>(table, "frechet");
  add_log_cdf<rayleigh_lcdf, rayleigh_lccdf>(table, "rayleigh");
  add_log_cdf<loglogistic_lcdf, loglogistic_lccdf>(table, "loglogistic");
  add_log_cdf<pareto_lcdf, pareto_lccdf>(table, "pareto");
  add_log_cdf<pareto_type_2_lcdf, pareto_type_2_lccdf>(table, "pareto_type_2");
  add_log_cdf<beta_lcdf, beta_lccdf>(table, "beta");
  add_log_cdf<beta_proportion_lcdf, beta_proportion_lccdf>(table, "beta_proportion");
  add_cdf<uniform_cdf>(table, "uniform");
  add_cdf<von_mises_cdf>(table, "von_mises");
}

}  // namespace vinci::lower
