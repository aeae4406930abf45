// Families of tractable distributions q over R^D.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "numeric/random/philox.h"
#include "vinci/log_density.h"

namespace vinci::infer {

/// A distribution that can be drawn from and whose density is known.
/// Laws: (1) `draw` writes the log density of what it draws, equal to `log_q` at those points up to
/// rounding; (2) a draw depends on (key, step, absolute lane) only, not on the batch it is part of.
class Family {
 public:
  virtual ~Family() = default;

  virtual Index dim() const = 0;
  /// One line for a person, such as "full-rank normal".
  virtual std::string describe() const = 0;

  /// points: [D][lanes] draws, lanes numbered from `first_lane`; log_q: [lanes], nats.
  virtual void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                    MutableLaneMatrix points, std::span<double> log_q) const = 0;
  /// log q at points [D][lanes], normalised, nats.
  virtual void log_q(LaneMatrix points, std::span<double> log_q) const = 0;
  /// E_q[-log q] in nats; NaN where it has no closed form.
  virtual double entropy() const = 0;
};

using FamilyPtr = std::shared_ptr<const Family>;

/// An affine image of standard normal noise of the same dimension.
/// Law: (3) draw() places fill_normal(key, step, first_lane) noise by reparameterise().
class NormalFamily : public Family {
 public:
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const final;
  double entropy() const final;

  /// The point of each lane of noise; both [D][lanes], not the same memory.
  virtual void reparameterise(LaneMatrix noise, MutableLaneMatrix points) const = 0;

 protected:
  /// log q = log_normaliser - |noise|^2 / 2.
  virtual double log_normaliser() const = 0;
};

using NormalPtr = std::shared_ptr<const NormalFamily>;

}  // namespace vinci::infer
