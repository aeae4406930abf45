// Estimators that differentiate along draws which are made differentiable.
#pragma once

#include "deep/estimators/estimator.h"

namespace vinci::deep {

class Pathwise : public Estimator {
 public:
  explicit Pathwise(const EstimatorRequest& request)
      : samples_(request.config.integer("samples")),
        iwae_(request.config.text("bound") == "iwae") {}
  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override;

 private:
  /// n chains whose values carry gradients.
  virtual Chain relaxed_chain(const StochasticNetwork& network, const Tensor& x, int64_t n,
                              Noise& noise) = 0;
  int64_t samples_;
  bool iwae_;
};

}  // namespace vinci::deep
