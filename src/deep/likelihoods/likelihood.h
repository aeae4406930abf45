// p(x | outputs): what the last layer of a decoder says about the values of an image, in [0, 1].
#pragma once

#include <memory>
#include <string_view>

#include "deep/core/config.h"
#include "deep/core/noise.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

/// The images of a data set, seen from a model.
struct DataShape {
  int64_t channels = 1;
  int64_t height = 28;
  int64_t width = 28;
  int64_t labels = 0;  ///< number of classes; 0: no labels
  /// Mean of each value in [0, 1] over the training data, [values()]; may be undefined.
  Tensor mean;

  int64_t values() const { return channels * height * width; }
};

/// The kinds for grey levels take x as v / 255 with v in 0..255; all but the Gaussian, which has a
/// density, give the mass of v. Outputs are [..., B, P D]: P numbers for each of D values, all
/// first ones before all second ones. Laws: log_density sums or integrates to 1 over the support;
/// `sample` has that distribution and `mean` is its mean.
class Likelihood {
 public:
  virtual ~Likelihood() = default;
  virtual std::string_view name() const = 0;
  /// P.
  virtual int64_t outputs_per_value() const = 0;
  /// log p(x | outputs) over the values of an image, in nats. outputs: [..., B, P D]; x: [B, D] in
  /// [0, 1]; result: [..., B].
  virtual Tensor log_density(const Tensor& outputs, const Tensor& x) const = 0;
  /// [..., B, D] in [0, 1].
  virtual Tensor mean(const Tensor& outputs) const = 0;
  virtual Tensor sample(const Tensor& outputs, Noise& noise) const = 0;
  /// The bias of the last layer at which `mean` is about the mean of the data; [P D].
  virtual Tensor initial_bias(const DataShape& shape) const = 0;
};

/// The settings `likelihood` and those that single ones take.
std::span<const Setting> likelihood_settings();
/// The same with another likelihood as the default.
std::vector<Setting> likelihood_settings(const std::string& likelihood);
std::unique_ptr<Likelihood> make_likelihood(const Config& config, Parameters& parameters);

std::unique_ptr<Likelihood> make_bernoulli();
std::unique_ptr<Likelihood> make_gaussian(Parameters& parameters);
std::unique_ptr<Likelihood> make_logistic_mixture(int64_t components);
std::unique_ptr<Likelihood> make_beta_binomial();

/// Outputs [..., P D] as [..., P, D].
inline Tensor by_parameter(const Tensor& outputs, int64_t per_value) {
  std::vector<int64_t> sizes = outputs.sizes().vec();
  sizes.back() /= per_value;
  sizes.insert(sizes.end() - 1, per_value);
  return outputs.reshape(sizes);
}

}  // namespace vinci::deep
