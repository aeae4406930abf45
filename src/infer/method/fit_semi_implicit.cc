#include "infer/method/fit_semi_implicit.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/check.h"
#include "infer/dense.h"
#include "infer/method/kernel_semi_implicit.h"
#include "infer/method/semi_implicit.h"

namespace vinci::infer {
namespace {

/// The judge's density of one draw is a sum over all reference draws of psi.
Index reference_count(Index dim) { return std::clamp<Index>(300'000 / dim, 1000, 10'000); }

MixingOptions network(Index dim) {
  MixingOptions o;
  o.hidden = {64, 64};
  o.noise_dim = std::max<Index>(10, dim);
  o.sd = 0.5;
  return o;
}

}  // namespace

AffineMap frame_of(const PathfinderResult& starts, Index max_dense) {
  VINCI_CHECK(starts.best >= 0);
  const double best = starts.paths[static_cast<size_t>(starts.best)].elbo;
  const Index dim = starts.paths[static_cast<size_t>(starts.best)].approximation->dim();
  const bool dense = dim <= max_dense;
  double total = 0;
  Vector mean = Vector::Zero(dim);
  Matrix second = dense ? Matrix::Zero(dim, dim) : Matrix::Zero(dim, 1);  // E[x x'] or its diagonal
  // About the best path's mean, so that nothing cancels.
  const Vector origin =
      map_vector(starts.paths[static_cast<size_t>(starts.best)].approximation->mean());
  for (const PathfinderPath& path : starts.paths) {
    if (!path.approximation) continue;
    const double weight = std::exp(path.elbo - best);
    if (!(weight > 1e-6)) continue;
    total += weight;
    const Vector m = map_vector(path.approximation->mean()) - origin;
    mean += weight * m;
    if (dense) {
      const FullRankNormal normal = path.approximation->to_full_rank();
      const Matrix factor = map_square(normal.factor(), dim);
      second += weight * (factor * factor.transpose() + m * m.transpose());
    } else {
      const std::vector<double> sd = path.approximation->marginal_sds();
      second.col(0).array() += weight * (map_vector(sd).array().square() + m.array().square());
    }
  }
  mean /= total;
  second /= total;
  const Vector centre = origin + mean;
  if (dense) {
    const Matrix covariance = second - mean * mean.transpose();
    const Eigen::LLT<Matrix> cholesky(covariance);
    if (cholesky.info() == Eigen::Success) {
      const Matrix factor = cholesky.matrixL();
      return AffineMap::triangular(to_std(centre), to_std(factor));
    }
  }
  // Also where rounding has made the covariance indefinite.
  const Vector variance = dense ? Vector(second.diagonal() - mean.cwiseAbs2())
                                : Vector(second.col(0) - mean.cwiseAbs2());
  return AffineMap::diagonal(to_std(centre), to_std(Vector(variance.cwiseMax(1e-300).cwiseSqrt())));
}

SemiImplicitFit fit_semi_implicit(Objective& objective, const PathfinderResult& starts, bool kernel,
                                  numeric::RandomKey key) {
  const AffineMap frame = frame_of(starts);
  const Index dim = frame.dim();
  SemiImplicitResult r;
  if (kernel) {
    KernelSemiImplicitOptions o;
    o.mixing = network(dim);
    o.discrepancy.batch = 100;
    o.iterations = 4000;
    o.rate = 0.005;
    o.decay = 0.7;
    o.decay_every = 400;
    o.reference = reference_count(dim);
    r = kernel_semi_implicit(objective, frame, o, key);
  } else {
    SemiImplicitOptions o;
    o.mixing = network(dim);
    o.bound.draws = 64;
    o.bound.inner = 500;
    o.iterations = 3000;
    o.rate = 0.01;
    o.decay = 0.85;
    o.reference = reference_count(dim);
    r = semi_implicit(objective, frame, o, key);
  }
  return {r.approximation, r.bound, r.iterations, r.skipped, r.converged};
}

}  // namespace vinci::infer
