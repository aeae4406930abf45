// Networks with one output that baselines and surrogates are made of.
#pragma once

#include "deep/core/layers.h"
#include "deep/estimators/estimator.h"

namespace vinci::deep {

/// Hidden layers as `surrogate-hidden` says, then a linear one; its parameters are of the group
/// kSurrogate.
struct ScalarNetwork {
  ScalarNetwork(const EstimatorRequest& request, const std::string& name, int64_t inputs,
                Activation activation)
      : hidden(request.parameters, name, inputs, request.config.integers("surrogate-hidden"),
               activation, ParameterGroup::kSurrogate, request.initial),
        output(request.parameters, name + ".output", hidden.outputs(), 1,
               ParameterGroup::kSurrogate, request.initial) {}
  /// [..., inputs] to [...].
  Tensor operator()(const Tensor& x) const { return output(hidden(x)).squeeze(-1); }

  Mlp hidden;
  Linear output;
};

/// What a network of layer l sees: the context of x, then `own` (or nothing), then 2b - 1 of the
/// layers below it.
inline Tensor surrogate_input(const Tensor& context, const Tensor& own,
                              const std::vector<Tensor>& values, size_t layer) {
  std::vector<Tensor> parts;
  int64_t n = 1;
  if (own.defined()) n = own.size(0);
  if (!own.defined() && layer > 0) n = values[0].size(0);
  parts.push_back(context.unsqueeze(0).expand({n, -1, -1}));
  if (own.defined()) parts.push_back(own);
  for (size_t j = 0; j < layer; ++j) parts.push_back(values[j] * 2 - 1);
  return parts.size() == 1 ? parts[0] : at::cat(parts, -1);
}

/// The parameters that were added since there were `before` of them.
inline std::vector<Tensor> added_since(const Parameters& parameters, size_t before) {
  const auto& all = parameters.trained();
  return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
}

}  // namespace vinci::deep
