#include "deep/estimators/lax.h"

namespace vinci::deep {

LaxGradient lax_gradient(const Tensor& mean, const Tensor& log_scale, const Tensor& eps,
                         const std::function<Tensor(const Tensor&)>& f,
                         const std::function<Tensor(const Tensor&)>& surrogate) {
  const Tensor scale = log_scale.detach().exp();
  Tensor z = mean.detach() + scale * eps;
  const Tensor value = f(z).detach();
  z.set_requires_grad(true);
  const Tensor c = surrogate(z);
  const Tensor slope = weighted_gradients({c}, {at::ones_like(c)}, {z}, /*keep_graph=*/true)[0];
  const Tensor left = (value - c).unsqueeze(-1);
  const Tensor of_mean = left * eps / scale + slope;
  const Tensor of_log_scale = left * (eps.square() - 1) + slope * scale * eps;
  return {of_mean.detach(), of_log_scale.detach(),
          (of_mean.square() + of_log_scale.square()).sum(-1).mean()};
}

}  // namespace vinci::deep
