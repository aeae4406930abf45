// Semi-implicit variational inference: a mixing distribution that is a network of noise, fitted by
// a bound that needs its draws only. Heavy header (Eigen): for .cc files of infer/ only.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "infer/family/affine_map.h"
#include "infer/family/mixing.h"
#include "infer/family/semi_implicit_mixture.h"
#include "infer/objective.h"

namespace vinci::infer {

/// One evaluation of the surrogate bound.
struct SurrogateBound {
  double value = -std::numeric_limits<double>::infinity();  // nats, mean over draws with a density
  Index num_finite = 0;                                     // of them
};

/// L_K = E[log p(x, z) - log h_K(z)], h_K = (q(z | psi) + sum_{k <= K} q(z | psi_k)) / (K + 1),
/// with z ~ q(z | psi), psi and the psi_k drawn from the mixing distribution. L_0 <= L_K <= L_{K+1}
/// -> ELBO. [Yin and Zhou 2018, ICML, eq. (8) and proposition 3] Of I draws that share the psi_k,
/// the importance-weighted bound takes log mean exp(log p - log h_K) (I = 1: the above). [sec. 3.3]
///
/// Two gradients, both unbiased for L_K:
///   as published, the derivative of everything the noise goes into;
///   without the score (`drop_score`, I = 1 only): (d log p / dz - d log h_K / dz) dz/dphi. Given
///   the K + 1 psi as a set, each is as likely as any other to be the one that z came from, hence z
///   ~ h_K exactly and what depends on h_K's own parameters is a score, of mean zero. Its variance
///   vanishes where h_K = p, and no derivative goes through the K psi_k. [after Roeder, Wu,
///   Duvenaud 2017 and the gradient of Titsias and Ruiz 2019]
class SurrogateBoundEstimator {
 public:
  struct Options {
    Index draws = 50;      // J, a multiple of `importance`
    Index inner = 100;     // K; 0: only the psi that z came from
    Index importance = 1;  // I
    bool drop_score = true;
  };

  /// All references must outlive the object.
  SurrogateBoundEstimator(Objective& objective, const AffineMap& frame, const Mixing& mixing)
      : objective_(objective), frame_(frame), mixing_(mixing) {}

  /// Noise is that of (key, step). gradient[num_params] (may be empty) = d value / d params. Draws
  /// without a density are left out of the value; in the gradient they are drawn back to the
  /// centre of the frame. Costs J densities with gradients, J + K forward passes of the network, J
  /// (as published: J + K) backward, and J K (2 D + exp) operations.
  SurrogateBound evaluate(std::span<const double> params, const Options& options,
                          numeric::RandomKey key, uint32_t step, std::span<double> gradient);

 private:
  Objective& objective_;
  const AffineMap& frame_;
  const Mixing& mixing_;
  Mlp::Tape own_tape_, set_tape_;
  std::vector<double> scratch_;
};

/// What a run of the method found; for the kernel variant too.
struct SemiImplicitResult {
  /// A mixture over `reference` draws of psi; null where no step had a finite objective.
  std::shared_ptr<const SemiImplicitMixture> approximation;
  std::vector<double> params;  // of the mixing distribution
  /// The surrogate bound (its largest K) over the last tenth of the steps, nats; the kernel variant
  /// has none.
  double bound = std::numeric_limits<double>::quiet_NaN();
  double bound_error = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> trace;  // mean objective of each hundredth of the steps
  Index iterations = 0;
  Index skipped = 0;       // steps whose gradient was not finite: nothing was changed
  bool converged = false;  // all steps were made and the last of them gained nothing to speak of
};

struct SemiImplicitOptions {
  MixingOptions mixing;
  SurrogateBoundEstimator::Options bound;  // `inner`: the last K
  Index first_inner = 20;  // K grows from this to `bound.inner` over the first half of the steps
  Index iterations = 2000;
  double rate = 0.01;       // of Adam
  double decay = 0.75;      // of the rate, every 100 iterations
  double least_rate = 0;    // below which it does not decay
  Index reference = 10000;  // draws of psi in the mixture that is handed out
};

/// Adam on L_K. [Yin and Zhou 2018, algorithm 1]
SemiImplicitResult semi_implicit(Objective& objective, const AffineMap& frame,
                                 const SemiImplicitOptions& options, numeric::RandomKey key);

/// The mixture over `count` fresh draws of psi.
std::shared_ptr<const SemiImplicitMixture> sample_mixture(const AffineMap& frame,
                                                          const Mixing& mixing,
                                                          std::span<const double> params,
                                                          Index count, numeric::RandomKey key);

}  // namespace vinci::infer
