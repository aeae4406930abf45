#include "deep/estimators/antithetic.h"

namespace vinci::deep {

Branches draw_branches(const StochasticNetwork& network, const Tensor& x, int64_t groups,
                       int64_t alternates, const Coupling& coupling, Noise& noise) {
  const auto layers = network.layers();
  const auto depth = static_cast<int64_t>(layers.size());
  Branches result;
  Tensor live;  // values below of all chains that have branched, the primary ones first
  for (size_t l = 0; l < layers.size(); ++l) {
    const auto own = static_cast<int64_t>(l);
    Tensor primary_logits, later_values, later_logits;
    if (l == 0) {
      primary_logits = network.logits(0, x, {});
    } else {
      primary_logits = network.logits(l, x, result.primary.values.back());
      WithoutGradient scope;
      later_logits = network.logits(l, x, live.slice(0, groups));
      later_values = draw(layers[l], mean_of(layers[l], later_logits),
                          noise.uniform({later_logits.size(0), x.size(0), layers[l].count}));
    }
    WithoutGradient scope;
    const Tensor constant = primary_logits.detach();
    const Tensor mean = mean_of(layers[l], constant);
    const Tensor coupled = coupling(l, mean);
    const Tensor primary = coupled[0];
    const Tensor branch = coupled.slice(0, 1).flatten(0, 1);
    result.primary.logits.push_back(primary_logits);
    result.primary.values.push_back(primary);
    result.primary.means.push_back(mean);
    result.coupled.push_back(coupled);

    std::vector<Tensor> values = {primary};
    if (l > 0) values.push_back(later_values);
    values.push_back(branch);
    live = at::cat(values);
    // Chains that branch above are the primary one so far.
    const int64_t repeats = (depth - 1 - own) * alternates;
    if (repeats > 0) values.push_back(primary.repeat({repeats, 1, 1}));
    result.all.values.push_back(repeats > 0 ? at::cat(values) : live);
    if (l == 0) {
      result.all.logits.push_back(constant);
    } else {
      result.all.logits.push_back(
          at::cat({constant, later_logits, constant.repeat({repeats + alternates, 1, 1})}));
    }
  }
  return result;
}

Tensor primary_values(const Tensor& values, int64_t groups) { return values.slice(0, 0, groups); }

Tensor branch_values(const Tensor& values, int64_t groups, int64_t alternates, size_t layer) {
  const int64_t block = groups * alternates;
  const int64_t start = groups + static_cast<int64_t>(layer) * block;
  return values.slice(0, start, start + block).unflatten(0, {alternates, groups});
}

}  // namespace vinci::deep
