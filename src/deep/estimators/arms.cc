// ARMS [Dimitriev and Zhou 2021]: n antithetic binary draws through a Dirichlet copula. Each pair
// has the same correlation rho, so that the leave-one-out estimator is off by the factor 1 - rho:
//     1/(n-1) sum_i (f(b_i) - mean f) (b_ij - p_j) / (1 - rho_j)                          [eq. (6)]
// With d ~ Dirichlet(1, ..., 1), u_i = 1 - (1 - d_i)^(n-1) is uniform, and for the rarer of the two
// values, of probability r <= 1/2, taken where u_i > 1 - r,
//     P(b_i and b_j rare) = max(0, 2 r^(1/(n-1)) - 1)^(n-1).
// With n = 2 it is DisARM.
#include "deep/estimators/antithetic.h"

namespace vinci::deep {
namespace {

class Arms : public Estimator {
 public:
  explicit Arms(const EstimatorRequest& request) : samples_(request.config.integer("samples")) {}

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const auto layers = network.layers();
    const auto power = static_cast<double>(samples_ - 1);
    std::vector<Tensor> inverse;  // 1 / (1 - rho)
    const Coupling copula = [&](size_t l, const Tensor& mean) {
      const Tensor exponential =
          noise.uniform({samples_, 1, x.size(0), layers[l].count}).log_().neg_();
      const Tensor d = exponential / exponential.sum(0, true);
      const Tensor rare = at::min(mean, 1 - mean).clamp_min(1e-30);
      const Tensor root = rare.pow(1 / power);
      const Tensor is_rare = d.gt(1 - root);
      // rho = (P(both) - r^2) / (r (1 - r))
      const Tensor both = (2 * root - 1).clamp_min(0).pow(power);
      inverse.push_back((1 - (both / rare - rare) / (1 - rare)).reciprocal());
      return is_rare.eq(mean.le(0.5)).to(at::kFloat);
    };
    const Branches branches = draw_branches(network, x, 1, samples_ - 1, copula, noise);
    const Tensor value = network.value(x, branches.all);
    const Tensor f = value.detach();
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < layers.size(); ++l) {
      const Tensor own =
          at::cat({primary_values(f, 1), branch_values(f, 1, samples_ - 1, l).flatten(0, 1)});
      const Tensor advantage = (own - own.mean(0, true)) / power;
      const Tensor draws = branches.coupled[l].squeeze(1);  // [n, B, width]
      d_logits.push_back((advantage.unsqueeze(-1) * draws).sum(0, true) * inverse[l]);
    }
    Estimate result;
    const int64_t chains = f.size(0);
    result.gradients = assemble(branches.primary.logits, d_logits, value,
                                at::full_like(f, 1.0 / static_cast<double>(chains)), parameters);
    result.bound = f.mean(0);
    result.evaluations = chains;
    return result;
  }

 private:
  int64_t samples_;
};

}  // namespace

std::unique_ptr<Estimator> make_arms(const EstimatorRequest& request) {
  return std::make_unique<Arms>(request);
}

}  // namespace vinci::deep
