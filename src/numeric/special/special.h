// Special functions of single numbers: what the scalar reference evaluator and the cold operations
// use. Independent of the vector code in vec_math.h. None throws; outside of its domain a function
// gives NaN, at a pole or on overflow +-inf, and none keeps state, so all may be called from any
// thread.
#pragma once

#include <span>

namespace vinci::numeric {

/// log |Gamma(x)|; inf at 0, -1, -2, ... A few ulp.
double lgamma(double x);
/// Gamma(x); NaN at the negative integers.
double tgamma(double x);
/// d log Gamma / dx; NaN at 0 and the negative integers.
double digamma(double x);
double trigamma(double x);
/// psi''(x), the derivative of trigamma.
double tetragamma(double x);

/// 1 / (1 + e^-x), log(1 + e^x), log(1 - e^x) (x <= 0), log(e^a - e^b) (a >= b), all to a few ulp.
double inv_logit(double x);
double log1p_exp(double x);
double log1m_exp(double x);
double log_diff_exp(double a, double b);
double log_sum_exp(double a, double b);
/// log sum e^{x_i}; -inf of nothing, NaN where one is.
double log_sum_exp(std::span<const double> x);

/// Standard normal distribution function, its logarithm (accurate in the lower tail) and derivative
/// of that (phi / Phi), its inverse, and its inverse at e^{log_p}.
double std_normal_cdf(double x);
double std_normal_lcdf(double x);
double std_normal_lcdf_derivative(double x);
double std_normal_quantile(double p);
double std_normal_log_quantile(double log_p);

/// Regularised incomplete gamma functions P(a, x) and Q = 1 - P; a > 0, x >= 0.
double gamma_p(double a, double x);
double gamma_q(double a, double x);
/// Both partial derivatives of P; those of Q are their negatives. Relative error about 1e-12;
/// O(sqrt(a + x)).
void gamma_p_partials(double a, double x, double* d_a, double* d_x);

/// Regularised incomplete beta function I_x(a, b), and its logarithm (finite where I underflows);
/// a, b > 0, 0 <= x <= 1.
double inc_beta(double a, double b, double x);
double log_inc_beta(double a, double b, double x);
/// partial[0..2]: with respect to a, b, x. Relative error about 1e-11; O(sqrt(max(a, b))).
/// [the continued fraction: DiDonato and Morris 1992, doi 10.1145/131766.131776; its derivatives as
/// Boik and Robison-Cox 1998, doi 10.18637/jss.v003.i01]
void inc_beta_partials(double a, double b, double x, double* partial);
void log_inc_beta_partials(double a, double b, double x, double* partial);
/// x with I_x(a, b) = p.
double inc_beta_inverse(double a, double b, double p);

/// Bessel functions of real order and their derivatives in x.
double bessel_i(double order, double x);
double bessel_k(double order, double x);
double bessel_j(double order, double x);
double bessel_y(double order, double x);
double bessel_i_derivative(double order, double x);
double bessel_k_derivative(double order, double x);
double bessel_j_derivative(double order, double x);
double bessel_y_derivative(double order, double x);
/// log I_order(x), order >= 0, x >= 0, also where I over- or underflows; O(sqrt(x)).
double log_bessel_i(double order, double x);
double log_bessel_i_derivative(double order, double x);

/// Owen's T(h, a) and its partial derivatives.
double owens_t(double h, double a);
void owens_t_partials(double h, double a, double* d_h, double* d_a);

/// w e^w = x: the branch w >= -1 (x >= -1/e) and the branch w <= -1 (-1/e <= x < 0); dw/dx.
double lambert_w0(double x);
double lambert_wm1(double x);
/// dw/dx at a value w of either branch.
double lambert_w_derivative(double x, double w);

/// log binomial coefficient of real n >= k - 1, k >= 0.
double lchoose(double n, double k);

}  // namespace vinci::numeric
