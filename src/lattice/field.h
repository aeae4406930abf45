// Ising and Potts fields on a grid, and the evidence lower bound of a factorised q.
#pragma once

#include "lattice/split_grid.h"
#include "numeric/parallel/thread_pool.h"

namespace vinci::lattice {

/// Ising: z_i in {-1, +1} and
///
///     log p(z, x) = sum over edges J_ij z_i z_j + sum_i l_i(z_i),
///
/// every edge counted once (texts that sum over i and all neighbours j of i count each twice: their
/// W is J / 2 in the density; the update tanh(sum_j J mu_j + ...) is then the one with W for J).
/// Not normalised: the prior's own constant is missing, see onsager.h.
///
/// `field` has one plane, h_i = (l_i(+1) - l_i(-1)) / 2, and `constant` is the sum of
/// (l_i(+1) + l_i(-1)) / 2; q has one plane of means mu_i.
///
/// Potts: z_i in {0, ..., K - 1} and J_ij (2 [z_i = z_j] - 1) on the edges, so that K = 2 is the
/// Ising field; usual texts have beta = 2 J. `field` has K planes l_i(k); q has K planes of
/// probabilities.
///
/// Edges join horizontal and vertical neighbours with `coupling.straight` and, where
/// `coupling.diagonal` is not 0, diagonal ones with that. Both are finite and >= 0.
struct Field {
  Couplings coupling{0, 0};
  SplitGrid field;
  double constant = 0;

  bool is_ising() const { return field.planes() == 1; }
  int width() const { return field.width(); }
  int height() const { return field.height(); }
  /// Horizontal, vertical and, where they are coupled, diagonal pairs of neighbours.
  double num_edges() const;
};

/// E_q[log p(z, x)] + H(q) in nats, computed in double from the floats of q; 0 log 0 = 0. The sum
/// has a fixed shape: it does not depend on threads.
double elbo(const Field& field, const SplitGrid& q, numeric::ThreadPool& pool);

/// Mean of E_q[z_i z_j] over all edges (straight and diagonal), in [-1, 1].
double edge_correlation(const Field& field, const SplitGrid& q);

}  // namespace vinci::lattice
