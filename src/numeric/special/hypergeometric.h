// Generalised hypergeometric functions and quantiles of the t distribution, for single numbers.
#pragma once

namespace vinci::numeric {

constexpr int kMaxHypergeometric = 8;

/// pFq(a_1..a_p; b_1..b_q; z) = sum_n prod (a_i)_n / prod (b_j)_n z^n / n!, by its series; p, q <=
/// kMaxHypergeometric. 2F1 at z < 0 goes through Pfaff's transformation [DLMF 15.8.1]. NaN where
/// the series does not converge in 10^6 terms. `partial`, where not null: the derivatives in z, the
/// a's, the b's. About 1e-12 of the largest term.
double hypergeometric(int p, const double* a, int q, const double* b, double z, double* partial);

/// The quantile t of Student's distribution with nu degrees of freedom, and partial[0..1] = dt/dp,
/// dt/dnu.
double student_t_quantile(double p, double nu);
void student_t_quantile_partials(double p, double nu, double t, double* partial);

}  // namespace vinci::numeric
