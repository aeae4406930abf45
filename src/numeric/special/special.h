// Scalar special functions: the reference that vector kernels are compared with, and the cold
// paths. Implemented in special.cc through Boost.Math and the C++ library, independently of the
// vector code.
#pragma once

namespace vinci::numeric {

/// log |Gamma(x)|; +inf at 0, -1, -2, …; thread-safe.
double lgamma(double x);
double digamma(double x);
double trigamma(double x);
/// psi''(x), the derivative of trigamma.
double polygamma2(double x);

/// log Phi(x), accurate to relative 1e-15 down to x = -1e154.
double log_Phi(double x);
/// Phi^{-1}(p), p in [0, 1]; -inf at 0, inf at 1, NaN outside.
double inv_Phi(double p);

// Bessel functions of integer or real order, and their derivatives in x.
double bessel_i(double order, double x);
double bessel_i_derivative(double order, double x);
double bessel_k(double order, double x);
double bessel_k_derivative(double order, double x);
double bessel_j(double order, double x);
double bessel_j_derivative(double order, double x);
double bessel_y(double order, double x);
double bessel_y_derivative(double order, double x);
/// log I_order(x), without overflow for large x.
double log_bessel_i(double order, double x);
double log_bessel_i_derivative(double order, double x);

/// Owen's T(h, a).
double owens_t(double h, double a);
void owens_t_partials(double h, double a, double* d_h, double* d_a);

/// Regularised incomplete gamma functions P(a, x) and Q = 1 - P.
double gamma_p(double a, double x);
double gamma_q(double a, double x);
/// Partial derivatives of P(a, x); those of Q are their negatives.
void gamma_p_partials(double a, double x, double* d_a, double* d_x);

/// Regularised incomplete beta I_x(a, b) and its logarithm.
double inc_beta(double a, double b, double x);
void inc_beta_partials(double a, double b, double x, double* d_a, double* d_b, double* d_x);
double log_inc_beta(double a, double b, double x);
void log_inc_beta_partials(double a, double b, double x, double* d_a, double* d_b, double* d_x);

}  // namespace vinci::numeric
