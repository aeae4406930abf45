// p(pixels | outputs of a network), quantised: the likelihoods of `vinci deep` that have masses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coding/bits_back.h"
#include "coding/table_model.h"

namespace vinci::coding {

inline constexpr int kPixelPrecision = 26;

/// Pixels are independent given the outputs: P numbers for each of D pixels, all first ones before
/// all second ones. Any outputs are accepted; those that are not finite count as some finite ones.
class PixelLikelihood {
 public:
  virtual ~PixelLikelihood() = default;
  virtual size_t outputs_per_pixel() const = 0;
  /// The symbols of a pixel: 0, 1 or 0..255.
  virtual Column column() const = 0;
  virtual RowDistributionPtr row(std::span<const float> outputs) const = 0;
  /// -log2 p(symbols | outputs), not quantised.
  virtual double bits(std::span<const float> outputs, std::span<const uint32_t> symbols) const = 0;
};

/// `bernoulli` (P = 1, the logit), `beta-binomial` (P = 2: log a and log b as 12 tanh(o / 12), 255
/// trials [Townsend, Bird, Barber 2019, sec. 3.2]), `logistic-mixture` (P = 3 K: logits of weights,
/// means and log scales of rounded logistics over [-1, 1], |log scale| at most 7 [Salimans,
/// Karpathy, Chen, Kingma 2017, eq. (2)]); null for another name. `components`: K, at least 1.
std::unique_ptr<PixelLikelihood> make_pixel_likelihood(const std::string& name, size_t components);

}  // namespace vinci::coding
