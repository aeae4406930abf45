// Semi-implicit variational inference by the kernel Stein discrepancy: no bound, no inner draws.
// Heavy header (Eigen): for .cc files of infer/ only.
#pragma once

#include "infer/method/semi_implicit.h"

namespace vinci::infer {

/// k(x, y) with width h, r = |x - y|: exp(-r^2 / 2 h^2); (1 + r^2 / h)^{-1/2}; (|x| + |y| - r) / h.
enum class SteinKernel { kGaussian, kImq, kRiesz };

/// KSD^2 = E[k(x, x') f(x)'f(x')], f = score of p at x - score of q(x | psi) at x, over independent
/// pairs (psi, x): zero exactly where q = p, since E[score of q(x | psi) | x] is the score of q.
/// [Cheng, Yu, Xie, Zhang, Zhang 2024, ICML, eqs. (10)-(13)]
class SteinDiscrepancyEstimator {
 public:
  struct Options {
    SteinKernel kernel = SteinKernel::kGaussian;
    Index batch = 100;
    /// Pairs within one batch; otherwise pairs between two independent batches. Both unbiased.
    bool u_statistic = false;
    double width = 0;  // h; 0: from the median squared distance of each batch, as published
    double power = 1;  // of p in its score: below 1 in annealing
  };
  SteinDiscrepancyEstimator(Objective& objective, const AffineMap& frame, const Mixing& mixing)
      : objective_(objective), frame_(frame), mixing_(mixing) {}

  struct Discrepancy {
    double value = 0;  // KSD^2 in the coordinates of the frame; may be negative by chance
    double width = 0;
    Index num_finite = 0;  // draws with a density; the others are left out
  };
  /// gradient[num_params] (may be empty) = d value / d params at fixed width. Costs a density with
  /// gradient and a Hessian-vector product a draw, forward and backward passes of the network, and
  /// batch^2 (6 D + exp) operations.
  Discrepancy evaluate(std::span<const double> params, const Options& options,
                       numeric::RandomKey key, uint32_t step, std::span<double> gradient);

 private:
  struct Batch;
  void draw(std::span<const double> params, const Options& options, numeric::RandomKey key,
            uint32_t step, Index first, Batch& batch);
  /// d/dx of power * v' score(x) in frame coordinates, v: [D][lanes].
  Matrix hessian_product(const Batch& batch, const Matrix& v, double power);
  void backward(std::span<const double> params, const Batch& batch, const Matrix& adjoint_f,
                const Matrix& adjoint_x, double power, std::span<double> gradient);

  Objective& objective_;
  const AffineMap& frame_;
  const Mixing& mixing_;
};

struct KernelSemiImplicitOptions {
  MixingOptions mixing;
  SteinDiscrepancyEstimator::Options discrepancy;
  Index iterations = 20000;
  double rate = 0.001;  // of Adam
  double decay = 0.9;   // of the rate ...
  Index decay_every = 3000;
  /// The power of p rises from 0.1 to 1 over the first half of the steps.
  bool anneal = false;
  Index reference = 10000;
};

/// Adam on KSD^2; `trace` holds it. [Cheng et al. 2024, algorithm 1]
SemiImplicitResult kernel_semi_implicit(Objective& objective, const AffineMap& frame,
                                        const KernelSemiImplicitOptions& options,
                                        numeric::RandomKey key);

}  // namespace vinci::infer
