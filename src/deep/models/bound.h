// The bounds on log p(x) that models with reparameterised latent variables are trained by, and the
// estimators of their gradients.
#pragma once

#include "deep/core/functions.h"
#include "deep/models/model.h"

namespace vinci::deep {

enum class Bound : uint8_t {
  kElbo,      ///< mean of k ELBOs
  kElboStl,   ///< the same, log q held fixed in its parameters  [Roeder, Wu, Duvenaud 2017]
  kIwae,      ///< L_k = log (1/k) sum_i w_i  [Burda, Grosse, Salakhutdinov 2015, eq. (8)]
  kIwaeStl,   ///< L_k, log q held fixed in its parameters: biased, published for comparison
  kIwaeDreg,  ///< L_k, doubly reparameterised  [Tucker, Lawson, Gu, Maddison 2019, eq. (8)]
};

/// The settings `bound` and `samples` (k).
std::vector<Setting> bound_settings(const std::string& bound, int64_t samples);
Bound bound_named(const std::string& name);

/// Whether log q is to be computed from detached parameters of q.
inline bool detaches_q(Bound bound) { return bound != Bound::kElbo && bound != Bound::kIwae; }

/// Minus the bound, to be differentiated, and in `value` the bound of each example [B], detached.
/// log_weights: [k, B]. `z_scales`: for kIwaeDreg what scale_gradient gave for every
/// reparameterised variable of shape [k, B, ...]; filled in here.
Tensor bound_loss(Bound bound, const Tensor& log_weights,
                  const std::vector<std::shared_ptr<Tensor>>& z_scales, Tensor& value);

/// The same of log weights fit - kl_weight kl, with kl = log q(z | x) - log p(z) at the draws, both
/// [k, B]; the mean bound, with all of kl,
/// goes into `result`.
Tensor bound_loss(Bound bound, const Tensor& fit, const Tensor& kl,
                  const std::vector<std::shared_ptr<Tensor>>& z_scales, const StepContext& context,
                  StepResult& result);

}  // namespace vinci::deep
