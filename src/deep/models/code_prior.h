// Distributions over pictures of codes, one code after the other from the upper left, row by row:
// p(c) = prod_t p(c_t | c_1 .. c_{t-1}).
#pragma once

#include "deep/core/config.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

/// Laws: `logits` at a place do not depend on the code there nor on later ones; an untrained prior
/// is uniform.
class CodePrior {
 public:
  CodePrior(int64_t height, int64_t width, int64_t codes)
      : height_(height), width_(width), codes_(codes) {}
  virtual ~CodePrior() = default;

  /// indices: int64 [B, H W]; result [B, H W, K].
  virtual Tensor logits(const Tensor& indices) const = 0;
  /// log p of each picture, [B], nats.
  Tensor log_density(const Tensor& indices) const;
  /// Pictures [count, H W], by H W passes of `logits`.
  Tensor draw(int64_t count, Noise& noise) const;

  int64_t places() const { return height_ * width_; }
  int64_t num_codes() const { return codes_; }

 protected:
  int64_t height_;
  int64_t width_;
  int64_t codes_;
};

/// The settings `prior`, `prior-width`, `prior-layers`, `prior-heads`.
std::span<const Setting> code_prior_settings();
std::unique_ptr<CodePrior> make_code_prior(const Config& config, int64_t height, int64_t width,
                                           int64_t codes, Parameters& parameters, Noise& initial);

}  // namespace vinci::deep
