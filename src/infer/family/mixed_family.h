// q(theta) q(z): a reparameterised family of the continuous coordinates times categorical factors
// of the discrete ones.
#pragma once

#include <string>
#include <vector>

#include "infer/family/parametric_family.h"

namespace vinci::infer {

/// The states of a discrete coordinate: the integers low, ..., low + count - 1.
struct DiscreteStates {
  Index low = 0;
  Index count = 2;   // at least 2
  std::string name;  // such as `z[3]`; may be empty
};

/// Points are [D + M][lanes]: the continuous coordinates, then the states as numbers. lambda =
/// (that of the continuous family, logits); a coordinate of K states has K - 1 logits, of states 2,
/// ..., K against the first: P(state k) = exp(a_k) / sum_j exp(a_j), a_1 = 0. Not reparameterised
/// as a whole: noise_dim() is 0, `continuous()` has its own.
class MixedFamily final : public ParametricFamily {
 public:
  /// `continuous` is reparameterised or has no coordinates.
  MixedFamily(ParametricFamilyPtr continuous, std::vector<DiscreteStates> discrete);

  Index dim() const override { return num_continuous() + num_discrete(); }
  Index num_params() const override { return continuous_->num_params() + num_logits_; }
  std::string describe() const override;
  std::string param_name(Index p) const override;
  FamilyPtr at(std::span<const double> lambda) const override;
  void score(std::span<const double> lambda, LaneMatrix points,
             MutableLaneMatrix score) const override;
  /// Rows of discrete coordinates are 0.
  void log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                      MutableLaneMatrix gradient) const override;
  /// That of the logits always, whatever it returns.
  bool entropy_gradient(std::span<const double> lambda, std::span<double> gradient) const override;

  Index noise_dim() const override { return 0; }
  TapePtr transform(std::span<const double> lambda, LaneMatrix noise, MutableLaneMatrix points,
                    std::span<double> log_q) const override;
  void pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                const Tape* tape, LaneMatrix adjoint, MutableLaneMatrix gradient) const override;

  const ParametricFamily& continuous() const { return *continuous_; }
  const std::vector<DiscreteStates>& discrete() const { return discrete_; }
  Index num_continuous() const { return continuous_->dim(); }
  Index num_discrete() const { return static_cast<Index>(discrete_.size()); }
  Index num_logits() const { return num_logits_; }
  /// Where they begin among the parameters.
  Index first_logit_param() const { return continuous_->num_params(); }
  /// Where the logits of discrete coordinate m lie, counted from the first logit; and its states,
  /// counted over all coordinates.
  Index first_logit(Index m) const { return first_logits_[static_cast<size_t>(m)]; }
  Index first_state(Index m) const { return first_logit(m) + m; }
  /// Of all coordinates together.
  Index num_states() const { return num_logits_ + num_discrete(); }
  std::span<const double> continuous_params(std::span<const double> lambda) const {
    return lambda.first(static_cast<size_t>(continuous_->num_params()));
  }
  std::span<const double> logits(std::span<const double> lambda) const {
    return lambda.subspan(static_cast<size_t>(continuous_->num_params()));
  }

  /// The logits' part of `score`: [num_logits()][lanes].
  void logit_score(std::span<const double> lambda, LaneMatrix points,
                   MutableLaneMatrix score) const;

  /// log P(state) of every state of every coordinate, [num_states()].
  std::vector<double> log_probabilities(std::span<const double> lambda) const;
  /// states[M][lanes] by inversion of uniform noise [M][lanes]: with two states the second where
  /// noise > 1 - P(second). `log_probabilities` as above.
  void draw_states(std::span<const double> log_probabilities, LaneMatrix uniform,
                   MutableLaneMatrix states) const;
  /// log P of the states that are drawn, each [M][lanes].
  void log_q_of_states(std::span<const double> log_probabilities, LaneMatrix states,
                       MutableLaneMatrix log_q) const;
  /// The index, from 0, of a state of coordinate m; -1 where the number is none of its states.
  Index state_index(Index m, double value) const {
    const DiscreteStates& s = discrete_[static_cast<size_t>(m)];
    const double k = value - static_cast<double>(s.low);
    return k >= 0 && k < static_cast<double>(s.count) ? static_cast<Index>(k) : Index{-1};
  }

 private:
  ParametricFamilyPtr continuous_;
  std::vector<DiscreteStates> discrete_;
  std::vector<Index> first_logits_;
  Index num_logits_ = 0;
};

/// A member of a mixed family.
class Mixed final : public Family {
 public:
  Mixed(MixedFamily family, std::vector<double> lambda);

  Index dim() const override { return family_.dim(); }
  std::string describe() const override { return family_.describe(); }
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override;

  const MixedFamily& family() const { return family_; }
  const std::vector<double>& lambda() const { return lambda_; }
  /// log P(state) of every state of every coordinate.
  const std::vector<double>& log_probabilities() const { return log_probabilities_; }

 private:
  MixedFamily family_;
  std::vector<double> lambda_;
  std::vector<double> log_probabilities_;
  FamilyPtr continuous_;
};

/// The stream of the uniforms that draw states, apart from that of the continuous noise.
inline numeric::RandomKey states_key(numeric::RandomKey key) {
  return {key.seed ^ 0x9e3779b97f4a7c15u, key.stream};
}

}  // namespace vinci::infer
