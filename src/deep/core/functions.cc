#include "deep/core/functions.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "deep/core/kernels.h"

namespace vinci::deep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Value and gradient in one pass over the logits; the gradient is kept for the way back.
struct FusedBernoulli : torch::autograd::Function<FusedBernoulli> {
  static Tensor forward(AutogradContext* context, const Tensor& logits, const Tensor& x) {
    const Tensor l = logits.contiguous();
    const Tensor y = x.contiguous();
    const int64_t dim = l.size(-1);
    const int64_t rows = dim == 0 ? 0 : l.numel() / dim;
    const int64_t x_rows = dim == 0 ? 1 : y.numel() / dim;
    Tensor value = at::zeros(l.sizes().slice(0, static_cast<size_t>(l.dim() - 1)), l.options());
    Tensor residual = at::empty_like(l);
    const auto kernel = VINCI_SIMD_SELECT(bernoulli_rows);
    const float* logit = l.data_ptr<float>();
    const float* data = y.data_ptr<float>();
    float* out = value.data_ptr<float>();
    float* gradient = residual.data_ptr<float>();
    // Whole repetitions of x in a task, or rows of one repetition.
    const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 15) / std::max<int64_t>(1, dim));
    at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end;) {
        const int64_t first = r % x_rows;
        const int64_t count = std::min(end - r, x_rows - first);
        kernel(logit + r * dim, data + first * dim, out + r, gradient + r * dim, count, count, dim);
        r += count;
      }
    });
    context->save_for_backward({logits, x, residual});
    return value;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor outer = gradients[0].unsqueeze(-1);
    if (!at::GradMode::is_enabled()) return {saved[2] * outer, Tensor()};
    // Differentiated again: the residual as a function of the logits.
    return {(saved[1] - saved[0].sigmoid()) * outer, Tensor()};
  }
};

}  // namespace

Tensor bernoulli_log_density(const Tensor& logits, const Tensor& x) {
  const bool fused = logits.device().is_cpu() && logits.scalar_type() == at::kFloat &&
                     x.scalar_type() == at::kFloat && !x.requires_grad() &&
                     x.dim() <= logits.dim() &&
                     x.sizes() == logits.sizes().slice(static_cast<size_t>(logits.dim() - x.dim()));
  if (fused) return FusedBernoulli::apply(logits, x);
  return (x * logits - at::softplus(logits)).sum(-1);
}

Tensor normal_log_density(const Tensor& z, const Tensor& mean, const Tensor& log_scale) {
  const Tensor standard = (z - mean) * (-log_scale).exp();
  return (standard.square() * -0.5 - log_scale - 0.5 * kLogTwoPi).sum(-1);
}

Tensor standard_normal_log_density(const Tensor& z) {
  return z.square().sum(-1) * -0.5 - 0.5 * kLogTwoPi * static_cast<double>(z.size(-1));
}

Tensor standard_normal_kl(const Tensor& mean, const Tensor& log_scale) {
  return (mean.square() + (2 * log_scale).exp() - 2 * log_scale - 1).sum(-1) * 0.5;
}

Tensor normal_kl(const Tensor& mean, const Tensor& log_scale, const Tensor& mean2,
                 const Tensor& log_scale2) {
  const Tensor ratio = 2 * (log_scale - log_scale2);
  const Tensor distance = ((mean - mean2) * (-log_scale2).exp()).square();
  return (distance + ratio.exp() - ratio - 1).sum(-1) * 0.5;
}

Tensor log_mean_exp(const Tensor& t) {
  return t.logsumexp(0) - std::log(static_cast<double>(t.size(0)));
}

std::shared_ptr<Tensor> scale_gradient(const Tensor& x) {
  auto factor = std::make_shared<Tensor>();
  if (x.requires_grad())
    x.register_hook([factor](const Tensor& gradient) { return gradient * *factor; });
  return factor;
}

}  // namespace vinci::deep
