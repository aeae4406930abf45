#include "deep/models/bound.h"

#include "base/check.h"

namespace vinci::deep {

std::vector<Setting> bound_settings(const std::string& bound, int64_t samples) {
  return {
      {.name = "bound",
       .value = bound,
       .help = "what is maximised, and by which gradient: the ELBO or the importance-weighted L_k, "
               "plain, "
               "sticking-the-landing or doubly reparameterised",
       .choices = {"elbo", "elbo-stl", "iwae", "iwae-stl", "iwae-dreg"}},
      {.name = "samples",
       .value = samples,
       .help = "draws of z for each example, k",
       .minimum = 1,
       .maximum = 100000},
  };
}

Bound bound_named(const std::string& name) {
  if (name == "elbo") return Bound::kElbo;
  if (name == "elbo-stl") return Bound::kElboStl;
  if (name == "iwae") return Bound::kIwae;
  if (name == "iwae-stl") return Bound::kIwaeStl;
  VINCI_CHECK(name == "iwae-dreg");
  return Bound::kIwaeDreg;
}

namespace {

/// The bound of each example, [B], from k log weights.
Tensor bound_value(Bound bound, const Tensor& log_weights) {
  const bool is_elbo = bound == Bound::kElbo || bound == Bound::kElboStl;
  return is_elbo ? log_weights.mean(0) : log_mean_exp(log_weights);
}

}  // namespace

Tensor bound_loss(Bound bound, const Tensor& log_weights,
                  const std::vector<std::shared_ptr<Tensor>>& z_scales, Tensor& value) {
  value = bound_value(bound, log_weights.detach());
  if (bound == Bound::kElbo || bound == Bound::kElboStl) return -log_weights.mean();
  if (bound == Bound::kIwae) return -log_mean_exp(log_weights).mean();
  // grad L_k = sum_i w~_i grad log w_i; doubly reparameterised, what passes through z has w~_i^2.
  const Tensor weights = log_weights.detach().softmax(0);
  if (bound == Bound::kIwaeDreg)
    for (const auto& scale : z_scales) *scale = weights.unsqueeze(-1);
  return -(weights * log_weights).sum(0).mean();
}

Tensor bound_loss(Bound bound, const Tensor& fit, const Tensor& kl,
                  const std::vector<std::shared_ptr<Tensor>>& z_scales, const StepContext& context,
                  StepResult& result) {
  const bool warms_up = context.kl_weight != 1;
  const Tensor log_weights = warms_up ? fit - kl * context.kl_weight : fit - kl;
  Tensor value;
  const Tensor loss = bound_loss(bound, log_weights, z_scales, value);
  if (warms_up) value = bound_value(bound, (fit - kl).detach());
  result.bound = value.mean().item<double>();
  return loss;
}

}  // namespace vinci::deep
