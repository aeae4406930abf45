// Natural-gradient ascent of the ELBO in a full-rank normal with sinh-arcsinh warps.
#pragma once

#include <cstdint>
#include <limits>

#include "infer/family/sinh_arcsinh_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct SinhArcsinhOptions {
  Index batch = 0;  // draws in antithetic pairs; 0: D / 4, within 32 and 128
  double step = 0.5;
  double step_decay = 0.02;  // eta_t = step / (1 + step_decay t)
  Index max_iterations = 800;
  Index window = 40;  // iterations between looks at the gap, at first; then a third of all
  /// Stops where the estimated gap (plus two standard errors of the estimate) is below; nats.
  double gap_tolerance = 0.01;
};

struct SinhArcsinhResult {
  SinhArcsinhNormal q;
  /// Means over the last window of log p - log q at the iterates, and its standard error.
  double elbo = -std::numeric_limits<double>::infinity();
  double elbo_error = std::numeric_limits<double>::infinity();
  /// Estimated nats to the optimum of the family, and the standard error of that estimate.
  double gap = std::numeric_limits<double>::infinity();
  double gap_error = std::numeric_limits<double>::infinity();
  Index iterations = 0;
  bool converged = false;
  int64_t nonfinite = 0;  // draws without finite density
};

/// Maximises the ELBO over m, C, skew and tail, from skew 0 and tail 1: exactly `start`.
/// Works on the standardised warp v = (h(u) - E h) / sd h, so that m is the mean of q and C C' its
/// covariance throughout. Gradients are path derivatives (sticking the landing): w = C' grad log
/// p(z) - d log f(v) / dv, and E[w_i phi(v)] is the derivative along the field phi in row i: 1
/// (mean), v_j, j < i (below the diagonal), v_i (diagonal), d v_i / d skew, d v_i / d log tail.
/// Fields of different rows have uncorrelated scores since C is triangular; those of v_j are
/// uncorrelated with the others of their row since v is standardised. What remains of the Fisher
/// information is one 4 x 4 matrix per coordinate, known by quadrature: the steps are natural
/// gradients, eta F^-1 g, at O(D^2 B) an iteration. Their length in nats is limited, and half of
/// g1' F^-1 g2 over independent halves of the batch estimates the gap, as in sqrt_natural_gradient;
/// returned is the average of the iterates of the last windows. A draw without finite density
/// counts as w = -v, which pulls q back. [the warp: Jones and Pewsey 2009; path derivatives:
/// Roeder, Wu, Duvenaud 2017, NeurIPS; natural gradients on the group of triangular matrices: Lin,
/// Nielsen, Khan, Schmidt 2021, ICML]
SinhArcsinhResult fit_sinh_arcsinh(Objective& objective, const FullRankNormal& start,
                                   const SinhArcsinhOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
