// From the vectors that an encoder gives to the codes of a finite set, and back.
#pragma once

#include "deep/core/config.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

/// Laws: quantise is idempotent: code vectors are quantised to their own index; `values` passes
/// gradients on to the vectors as if it were they (straight-through).
class Quantiser {
 public:
  struct Result {
    Tensor indices;  ///< int64 [N]
    Tensor values;   ///< [N, D]: the code vectors, with straight-through gradients
    Tensor loss;     ///< [N], the distances that are to be made small
  };

  virtual ~Quantiser() = default;
  /// D.
  virtual int64_t dimension() const = 0;
  virtual int64_t num_codes() const = 0;
  /// vectors: [N, D].
  virtual Result quantise(const Tensor& vectors) const = 0;
  /// The code vectors of indices, [..., D].
  virtual Tensor values(const Tensor& indices) const = 0;
  /// Before `quantise` in a training step: starts the codes where the first vectors are.
  virtual void prepare(const Tensor& vectors, Noise& noise);
  /// After a training step: moves the codes after the vectors that chose them, and codes that are
  /// not chosen to where vectors are.
  virtual void update(const Tensor& vectors, const Tensor& indices, Noise& noise);
};

/// The settings `quantiser` and those that each kind takes.
std::span<const Setting> quantiser_settings();
std::unique_ptr<Quantiser> make_quantiser(const Config& config, Parameters& parameters,
                                          Noise& initial);

}  // namespace vinci::deep
