// Log densities, divergences and the functions that deep models are made of. Where a fused loop
// saves passes over memory it is taken on the CPU; elsewhere the same formula in tensor operations.
#pragma once

#include <memory>

#include "deep/core/tensor.h"

namespace vinci::deep {

inline constexpr double kLogTwoPi = 1.8378770664093454836;

/// sum_d x_d l_d - log(1 + e^{l_d}), the log mass of x in {0, 1}^D (or its expectation for x in [0,
/// 1]) under independent Bernoullis with logits l. logits: [..., B, D]; x: [B, D]; result [..., B].
/// Differentiable twice. One pass for value and gradient where x needs none.
Tensor bernoulli_log_density(const Tensor& logits, const Tensor& x);

/// sum_d log N(z_d | mean_d, exp(log_scale_d)^2) over the last dimension; shapes broadcast.
Tensor normal_log_density(const Tensor& z, const Tensor& mean, const Tensor& log_scale);

/// sum_d log N(z_d | 0, 1).
Tensor standard_normal_log_density(const Tensor& z);

/// KL(N(mean, diag exp(log_scale)^2) || N(0, I)) over the last dimension, in closed form.
/// [Kingma and Welling 2013, appendix B]
Tensor standard_normal_kl(const Tensor& mean, const Tensor& log_scale);

/// KL(N(m, diag exp(s)^2) || N(m2, diag exp(s2)^2)) over the last dimension.
Tensor normal_kl(const Tensor& mean, const Tensor& log_scale, const Tensor& mean2,
                 const Tensor& log_scale2);

/// log (1/k) sum_i exp(t_i) over dimension 0.
Tensor log_mean_exp(const Tensor& t);

/// From now on the gradient that passes back through x is multiplied by what the result points to
/// when gradients are computed (broadcast over x). For estimators whose weights depend on what is
/// computed from x.
std::shared_ptr<Tensor> scale_gradient(const Tensor& x);

}  // namespace vinci::deep
