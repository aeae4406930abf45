// What REBAR and RELAX share: control variates of continuous variables z that b is a function of.
#pragma once

#include "deep/estimators/estimator.h"

namespace vinci::deep {

/// z given b = H(z), reparameterised: for two states z = logit + Logistic, b = [z > 0]; for more
/// z_i = logit_i + Gumbel, b the indicator of the largest.
struct ConditionalDraw {
  Tensor z;
  /// `gradient(units, d, mean)`: d <d, z> / d logits.
  Tensor gradient(const Units& units, const Tensor& d, const Tensor& mean) const;

  Tensor own;    // dz_i / d logit_i apart from the largest
  Tensor share;  // dz_i / d largest (more than two states)
};

/// uniform: [n, B, width], of which z is a function given b.
///
/// Two states, s = 2b - 1, p = sigmoid(logit): the uniform of z is v' = v p + (1 - p) for b = 1 and
/// v (1 - p) for b = 0, which makes z = s softplus(logit(v) + softplus(s logit)) up to the exchange
/// of v and 1 - v; dz / d logit = sigmoid(logit(v) + softplus(s logit)) sigmoid(s logit).
/// [Tucker et al. 2017, appendix C; Grathwohl et al. 2018, appendix B]
ConditionalDraw conditional_draw(const Units& units, const Tensor& logits, const Tensor& b,
                                 const Tensor& uniform);

/// For each layer
///     (f(b) - eta c(z~)) score + eta (d c(z) - d c(z~)),
/// z the variables behind b and z~ ones drawn given b; c(z) is f with b replaced by sigmoid(z /
/// temperature) (or its softmax), here and above, plus `surrogate`. eta and the temperatures are
/// parameters, one for each layer; all of them minimise the mean square of the estimate.
class ReparameterisedControl : public Estimator {
 public:
  explicit ReparameterisedControl(const EstimatorRequest& request);
  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override;

 protected:
  /// A further control variate r(z) of layer l, [n, B]; undefined: none.
  virtual Tensor surrogate(size_t layer, const Tensor& context, const Tensor& z,
                           const std::vector<Tensor>& values) const;
  std::vector<Tensor> own_;  ///< parameters

 private:
  int64_t samples_;
  Tensor log_temperatures_;  // [L]
  Tensor eta_;               // [L]
};

}  // namespace vinci::deep
