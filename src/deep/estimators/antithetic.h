// Chains that share their lower layers and branch at one layer into coupled draws: what DisARM and
// ARMS compare.
#pragma once

#include <functional>

#include "deep/estimators/estimator.h"

namespace vinci::deep {

/// `groups` primary chains, and for each layer l `alternates` further ones that share the primary's
/// layers below l, have draws coupled to the primary's at l, and go on independently above.
struct Branches {
  Chain primary;  ///< groups chains; logits carry gradients
  /// All chains, the primary ones first, then those that branch at layer 0, 1, ...: `alternates` x
  /// `groups` rows each. Logits are constant.
  Chain all;
  /// coupled[l]: [1 + alternates, groups, B, width], the primary's draws first.
  std::vector<Tensor> coupled;
};

/// Coupled draws of layer l with these means, [1 + alternates, groups, B, width], each with the
/// right marginal distribution, independent over groups, examples and units.
using Coupling = std::function<Tensor(size_t layer, const Tensor& mean)>;

Branches draw_branches(const StochasticNetwork& network, const Tensor& x, int64_t groups,
                       int64_t alternates, const Coupling& coupling, Noise& noise);

/// Values of `all` as those of the primary chains, [groups, B], and those that branch at `layer`,
/// [alternates, groups, B].
Tensor primary_values(const Tensor& values, int64_t groups);
Tensor branch_values(const Tensor& values, int64_t groups, int64_t alternates, size_t layer);

}  // namespace vinci::deep
