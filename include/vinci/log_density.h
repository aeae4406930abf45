// The one interface between models and inference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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
};

}  // namespace vinci
