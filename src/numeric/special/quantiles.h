// Quantile functions on coordinates where nothing underflows, and how a quantile moves with the
// parameters of its distribution: what draws by inversion and their pathwise gradients need. Where
// F(z; a) is a distribution function with density f, the quantile at a fixed probability has
// dz/da = -(dF/da) / f.  [Figurnov, Mohamed, Mnih 2018, arXiv 1805.08498, eq. (5)]
// As special.h: none throws, none keeps state, NaN outside of the domain.
#pragma once

namespace vinci::numeric {

/// log x with P(shape, x) = u, u in (0, 1), shape > 0: finite also where x itself underflows.
/// Error below 1e-13 (1 + |log x|) for shapes up to 1e6.
double log_gamma_quantile(double shape, double u);
/// d log x / d shape at fixed u, as a function of log x. Relative error below 1e-11; O(sqrt(shape))
/// up to shape 1e5, from there an expansion.
double log_gamma_quantile_derivative(double shape, double log_x);

/// logit x with I_x(a, b) = u, u in (0, 1), a, b > 0: finite also where x or 1 - x underflows.
double logit_beta_quantile(double a, double b, double u);
/// d logit x / da and / db at fixed u, as a function of logit x. Relative error below 1e-10 for
/// a, b up to 1e4; O(sqrt(max(a, b))).
void logit_beta_quantile_derivatives(double a, double b, double logit_x, double* d_a, double* d_b);

/// I_1(kappa) / I_0(kappa), the mean resultant length of a von Mises distribution, kappa >= 0, and
/// its derivative 1 - A / kappa - A^2.
double von_mises_length(double kappa);
double von_mises_length_derivative(double kappa);
/// Distribution function on [-pi, pi] with direction 0; relative error of the smaller tail below
/// 1e-11 for kappa up to 1e6.
double von_mises_cdf(double kappa, double x);
/// x in [-pi, pi] with von_mises_cdf(kappa, x) = u.
double von_mises_quantile(double kappa, double u);
/// dx / d kappa at fixed u, as a function of x. Relative error below 1e-9 for kappa up to 1e4 (it
/// grows with kappa: 1 - A is rounded).
double von_mises_quantile_derivative(double kappa, double x);

}  // namespace vinci::numeric
