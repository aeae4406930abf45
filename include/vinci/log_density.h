// The one interface between models and inference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vinci {

using Index = std::ptrdiff_t;

/// A matrix of [rows][lanes] doubles, lanes contiguous: element (r, l) is data[r * stride + l].
template <class T>
struct LaneMatrixOf {
  T* data = nullptr;
  Index rows = 0;
  Index lanes = 0;
  Index stride = 0;  // >= lanes

  T& operator()(Index r, Index l) const { return data[r * stride + l]; }
  T* row(Index r) const { return data + r * stride; }
};
using LaneMatrix = LaneMatrixOf<const double>;
using MutableLaneMatrix = LaneMatrixOf<double>;

/// A log density on R^D, evaluated for a batch of points at once (a lane is one point).
/// Laws: (1) the value at a lane does not depend on the other lanes, nor on the number of threads;
/// (2) a lane whose density is not finite, or which the density rejects, gets value -inf and
/// gradient 0; (3) `evaluate` may be called from several threads at once.
class LogDensity {
 public:
  virtual ~LogDensity() = default;

  /// D, the number of unconstrained coordinates.
  virtual Index dim() const = 0;

  /// points: [D][lanes]; value: [lanes], nats, normalising constants and Jacobian included;
  /// gradient: [D][lanes], or data == nullptr where only values are wanted.
  virtual void evaluate(LaneMatrix points, std::span<double> value,
                        MutableLaneMatrix gradient) const = 0;

  /// H(x) v, H the Hessian of the log density; each lane has its own x and v. points, directions,
  /// products: [D][lanes]. Laws as of `evaluate`; a lane that the density rejects at x gets 0.
  ///
  /// This default is the difference (g(x + h v) - g(x - h v)) / 2h of gradients with
  /// h |v|_max = (eps max(1, |x|_max))^(1/3), the x of coordinates that v leaves alone not counted;
  /// cost: two gradients. Relative error about (h |v|_max / s)^2, s the length over which H
  /// changes: 1e-9 where the coordinates are of order 1, 1e-6 for a posterior with standard
  /// deviations of 0.005. Where only one side has density, that side's first-order difference; 0
  /// where neither has. Models of programs are exact where they can be, see
  /// has_exact_hessian_vector.
  virtual void hessian_vector(LaneMatrix points, LaneMatrix directions,
                              MutableLaneMatrix products) const;
  /// Whether hessian_vector is exact up to rounding.
  virtual bool has_exact_hessian_vector() const { return false; }

  /// Pairs (i, j), i > j, sorted, of coordinates whose mixed second derivative may be other than
  /// zero; all others vanish everywhere. nullopt: not known, or more than `max_pairs`. Methods use
  /// it to keep precision matrices sparse.
  virtual std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> hessian_pattern(
      std::size_t /*max_pairs*/) const {
    return std::nullopt;
  }
};

}  // namespace vinci
