// q = m + C h(u): a full-rank normal whose whitened coordinates are skewed and given other tails.
#pragma once

#include <vector>

#include "infer/family/full_rank_normal.h"

namespace vinci::infer {

/// h_i(u) = sinh((asinh(u) + eps_i) / delta_i) of standard normal u, z = m + C h(u). eps > 0 skews
/// to the right; delta < 1 gives heavier tails than a normal's (|v| grows like |u|^(1 / delta)),
/// delta > 1 lighter ones; eps = 0, delta = 1 is the normal N(m, C C'). O(D^2) a draw.
/// [Jones and Pewsey 2009, Biometrika 96(4), doi 10.1093/biomet/asp053, eq. (1)-(2)]
class SinhArcsinhNormal final : public Family {
 public:
  /// skew (eps), tail (delta, > 0): [D].
  SinhArcsinhNormal(FullRankNormal base, std::vector<double> skew, std::vector<double> tail);

  Index dim() const override { return base_.dim(); }
  std::string describe() const override { return "sinh-arcsinh full-rank normal"; }
  /// Noise is that of NormalFamily: u = fill_normal(key, step, first_lane).
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  /// By quadrature over each coordinate, to about 1e-9 nats.
  double entropy() const override { return entropy_; }

  const FullRankNormal& base() const { return base_; }
  const std::vector<double>& skew() const { return skew_; }
  const std::vector<double>& tail() const { return tail_; }

 private:
  FullRankNormal base_;
  std::vector<double> skew_;
  std::vector<double> tail_;
  double log_normaliser_;  // log q = log_normaliser - |u|^2 / 2 - sum log (h'(u) delta)
  double entropy_;
};

/// v = sinh((asinh(u) + eps) / delta), n of them; v may be u.
void sinh_arcsinh(double eps, double delta, const double* u, double* v, Index n);
/// The inverse, u = sinh(delta asinh(v) - eps).
void inverse_sinh_arcsinh(double eps, double delta, const double* v, double* u, Index n);

/// Nodes of a trapezoidal rule for E[f(u)], u standard normal; the weights sum to one up to
/// rounding. For f analytic in |Im u| < 1 and growing like a polynomial, as everything made of h
/// is, the error is about exp(-2 pi / kSpacing) = 1e-11.
struct NormalQuadrature {
  static constexpr double kSpacing = 0.25;
  std::vector<double> nodes;
  std::vector<double> weights;
  static const NormalQuadrature& get();
};

}  // namespace vinci::infer
