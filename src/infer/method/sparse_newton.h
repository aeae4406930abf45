// Natural-gradient ascent of the ELBO over normals whose precision has the sparsity of the Hessian.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "infer/family/sparse_precision_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

using CoordinatePairs = std::vector<std::pair<int32_t, int32_t>>;

/// What the sparsity of a Hessian costs: decided before any density is evaluated.
struct SparsePlan {
  Index dim = 0;
  CoordinatePairs pairs;        // i > j
  std::vector<int32_t> colour;  // coordinates of one colour share no row of the Hessian
  Index num_colours = 0;
  Index factor_entries = 0;  // of the Cholesky factor, fill included
};
/// Colours by degree, largest first, greedily; O(sum of squared degrees). [Curtis, Powell, Reid
/// 1974, doi 10.1093/imamat/13.1.117; Coleman and More 1983, doi 10.1137/0720013]
SparsePlan plan_sparse(Index dim, CoordinatePairs pairs);

/// Pairs of a pattern beyond which no plan is made.
size_t max_pairs_of_plan(Index dim);
/// The plan for the density of `objective` where a sparse precision pays: from 150 dimensions, with
/// at most 40 pairs a coordinate, 60 colours and a factor of a quarter of D^2 entries. (A dense
/// step costs about D^2 a draw; a sparse one its colours' gradients and its factor.)
std::optional<SparsePlan> plan_where_it_pays(const Objective& objective);

struct SparseNewtonOptions {
  Index batch = 32;  // antithetic pairs
  Index max_iterations = 400;
  double gap_tolerance = 0.02;  // nats
};

struct SparseNewtonResult {
  std::shared_ptr<const SparsePrecisionNormal> normal;  // null where nothing was finite
  double elbo = -std::numeric_limits<double>::infinity();
  double gap = std::numeric_limits<double>::infinity();  // estimated nats to the family's optimum
  double gap_error = std::numeric_limits<double>::infinity();
  Index iterations = 0;
  bool converged = false;
};

/// Omega <- (1 - eta) Omega - eta E_q[H],  m <- m + eta Omega^-1 E_q[g]: natural gradient of the
/// ELBO in the natural parameters of a normal, whose fixed points Omega = -E_q[H], E_q[g] = 0 have
/// the sparsity of H, so that nothing is lost against a dense covariance. E_q[H] is taken on the
/// pattern from differences of gradients along one direction per colour; g is averaged over
/// antithetic pairs, so that a normal target takes one step. eta is 1 while the
/// bound rises from batch to batch, then falls as iterations average out noise; a step is halved
/// that leaves Omega indefinite or lowers the bound at the batch's own noise, and where no step is
/// left q contracts to half its width. The gap is estimated from two independent halves of the
/// batch: w1'w2 / 2 + <W1, W2> / 4 with w, W the whitened gradients, the latter through random
/// directions. O(B (2 colours + 1)) gradients an iteration, and a sparse factorisation. [Khan and
/// Lin 2017, arXiv 1703.04265; Khan and Rue 2023, JMLR 24(281), eq. (12)]
SparseNewtonResult sparse_newton(Objective& objective, const SparsePlan& plan,
                                 const std::vector<double>& mean, const std::vector<double>& sd,
                                 const SparseNewtonOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
