// A family as the map from variational parameters lambda to a distribution q_lambda: what gradient
// estimators and optimisers work on. `Family` is one q of it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "infer/family/family.h"

namespace vinci::infer {

/// q_lambda over R^D, lambda in R^P without constraints. Stateless: lambda is an argument.
/// Laws: (1) at(lambda) agrees with everything below; (2) E_q[score] = 0; (3) for fixed noise,
/// `pathwise` is the derivative of `transform`; (4) lanes are independent.
class ParametricFamily {
 public:
  /// What `transform` leaves for `pathwise`, for families whose transform is worth remembering.
  struct Tape {
    virtual ~Tape() = default;
  };
  using TapePtr = std::unique_ptr<Tape>;

  virtual ~ParametricFamily() = default;

  virtual Index dim() const = 0;
  virtual Index num_params() const = 0;
  virtual std::string describe() const = 0;
  /// What lambda_p is, such as `mean[3]`, for tables and records.
  virtual std::string param_name(Index p) const = 0;
  /// The distribution at lambda: [P].
  virtual FamilyPtr at(std::span<const double> lambda) const = 0;

  /// log q at points [D][lanes] as a function of lambda: score[P][lanes] = d log q / d lambda.
  virtual void score(std::span<const double> lambda, LaneMatrix points,
                     MutableLaneMatrix score) const = 0;
  /// gradient[D][lanes] = d log q / d z at points.
  virtual void log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                              MutableLaneMatrix gradient) const = 0;
  /// gradient[P] = d entropy / d lambda where it has a closed form; false where it has none.
  virtual bool entropy_gradient(std::span<const double> /*lambda*/,
                                std::span<double> /*gradient*/) const {
    return false;
  }

  // ---- reparameterisation z = t(noise, lambda); where there is none, noise_dim() is 0 and the
  // rest must not be called

  /// Rows of noise that a draw takes.
  virtual Index noise_dim() const = 0;
  bool reparameterised() const { return noise_dim() > 0; }
  /// Whether noise is standard normal: what antithetic and quasi-random draws need. A family that
  /// overrides `fill_noise` says no here.
  virtual bool has_normal_noise() const { return true; }
  /// noise: [noise_dim][lanes], lanes numbered from `first_lane`. Standard normal unless a family
  /// says otherwise.
  virtual void fill_noise(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                          MutableLaneMatrix noise) const {
    numeric::fill_normal(key, step, first_lane, noise.rows, noise.lanes, noise.data, noise.stride);
  }
  /// points[D][lanes] = t(noise, lambda), log_q[lanes] their log density. Returns a tape (may be
  /// null) for `pathwise` at the same lambda and noise.
  virtual TapePtr transform(std::span<const double> lambda, LaneMatrix noise,
                            MutableLaneMatrix points, std::span<double> log_q) const = 0;
  /// gradient[P][lanes] = sum_d adjoint[d][lane] d t_d / d lambda.
  virtual void pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                        const Tape* tape, LaneMatrix adjoint, MutableLaneMatrix gradient) const = 0;
  /// The same summed over lanes, gradient: [P]. What training uses; families with many parameters
  /// override it.
  virtual void pathwise_sum(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                            const Tape* tape, LaneMatrix adjoint, std::span<double> gradient) const;
};

using ParametricFamilyPtr = std::shared_ptr<const ParametricFamily>;

}  // namespace vinci::infer
