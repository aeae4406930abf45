// DisARM [Dong, Mnih, Tucker 2020], also U2G [Yin et al. 2020]: antithetic pairs of binary draws
// with the uniforms that made them integrated out. For a pair b = 1[u < p], b' = 1[1 - u < p]
//     1/2 (f(b) - f(b')) (b_j - b'_j) sigmoid(|logit_j|)                       [Dong et al., eq.
//     (9)]
// In several layers a pair branches at each layer [sec. 3.3]; for the importance-weighted bound f
// is the bound as a function of one of its k draws, the others held [sec. 4].
#include <cmath>

#include "deep/core/functions.h"
#include "deep/estimators/antithetic.h"

namespace vinci::deep {
namespace {

class Disarm : public Estimator {
 public:
  explicit Disarm(const EstimatorRequest& request)
      : iwae_(request.config.text("bound") == "iwae"),
        // Of the ELBO's draws half are partners; L_k has k draws, partners not counted.
        groups_(iwae_ ? request.config.integer("samples") : request.config.integer("samples") / 2) {
  }

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const auto layers = network.layers();
    int64_t count = 0;
    for (const Units& units : layers) count += units.count;
    const Tensor uniform = noise.uniform({groups_, x.size(0), count});
    int64_t used = 0;
    const Coupling pairs = [&](size_t l, const Tensor& mean) {
      const Tensor u = uniform.slice(-1, used, used + layers[l].count);
      used += layers[l].count;
      return at::stack({draw(layers[l], mean, u), draw(layers[l], mean, 1 - u)});
    };
    const Branches branches = draw_branches(network, x, groups_, 1, pairs, noise);
    return iwae_ ? importance_weighted(network, x, parameters, branches)
                 : elbo(network, x, parameters, branches);
  }

 private:
  /// difference: [groups, B].
  static Tensor pair_gradient(const Branches& branches, size_t l, const Tensor& difference) {
    const Tensor& pair = branches.coupled[l];
    const Tensor& mean = branches.primary.means[l];
    return difference.unsqueeze(-1) * (pair[0] - pair[1]) * at::max(mean, 1 - mean);
  }

  Estimate elbo(const StochasticNetwork& network, const Tensor& x,
                const std::vector<Tensor>& parameters, const Branches& branches) const {
    const Tensor value = network.value(x, branches.all);
    const Tensor f = value.detach();
    const Tensor first = primary_values(f, groups_);
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < branches.coupled.size(); ++l) {
      const Tensor second = branch_values(f, groups_, 1, l)[0];
      d_logits.push_back(
          pair_gradient(branches, l, (first - second) * (0.5 / static_cast<double>(groups_))));
    }
    // Every chain by itself is a draw of q.
    const int64_t chains = f.size(0);
    Estimate result;
    result.gradients = assemble(branches.primary.logits, d_logits, value,
                                at::full_like(f, 1.0 / static_cast<double>(chains)), parameters);
    result.bound = f.mean(0);
    result.evaluations = chains;
    return result;
  }

  Estimate importance_weighted(const StochasticNetwork& network, const Tensor& x,
                               const std::vector<Tensor>& parameters,
                               const Branches& branches) const {
    // Through -log q the weights depend on q's parameters directly.
    const Tensor value = network.value(x, branches.primary);
    const Tensor f = value.detach();
    Chain partners = branches.all;
    for (Tensor& t : partners.values) t = t.slice(0, groups_);
    for (Tensor& t : partners.logits)
      if (t.size(0) > 1) t = t.slice(0, groups_);
    Tensor all;
    {
      WithoutGradient scope;
      all = at::cat({f, network.value(x, partners)});
    }
    Estimate result;
    result.bound = log_mean_exp(f);
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < branches.coupled.size(); ++l) {
      const Tensor partner = branch_values(all, groups_, 1, l)[0];
      d_logits.push_back(
          pair_gradient(branches, l, (result.bound - log_mean_exp_with(f, partner)) * 0.5));
    }
    result.gradients = assemble(branches.primary.logits, d_logits, value, f.softmax(0), parameters);
    result.evaluations = all.size(0);
    return result;
  }

  bool iwae_;
  int64_t groups_;
};

}  // namespace

std::unique_ptr<Estimator> make_disarm(const EstimatorRequest& request) {
  return std::make_unique<Disarm>(request);
}

}  // namespace vinci::deep
