// z = m + C y: a frame in which a posterior is roughly standard, for families that know no scales.
#pragma once

#include <span>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer {

/// C lower triangular with positive diagonal, or diagonal. All points are [D][lanes]; results may
/// not share memory with arguments. O(D^2) a lane, O(D) where C is diagonal.
class AffineMap {
 public:
  static AffineMap identity(Index dim);
  /// scale: [D], > 0.
  static AffineMap diagonal(std::vector<double> mean, std::vector<double> scale);
  /// factor: [D, D] row-major, lower triangular.
  static AffineMap triangular(std::vector<double> mean, std::vector<double> factor);

  Index dim() const { return static_cast<Index>(mean_.size()); }
  void forward(LaneMatrix y, MutableLaneMatrix z) const;
  /// y = C^-1 (z - m).
  void inverse(LaneMatrix z, MutableLaneMatrix y) const;
  /// C times a direction: what becomes of it under `forward`.
  void push(LaneMatrix direction_y, MutableLaneMatrix direction_z) const;
  /// C' times a gradient with respect to z: that with respect to y.
  void pull_back(LaneMatrix gradient_z, MutableLaneMatrix gradient_y) const;
  /// log |det C|.
  double log_abs_det() const { return log_abs_det_; }

 private:
  AffineMap(std::vector<double> mean, std::vector<double> scale, std::vector<double> factor);

  std::vector<double> mean_;
  std::vector<double> scale_;   // the diagonal of C
  std::vector<double> factor_;  // empty where C is diagonal
  double log_abs_det_ = 0;
};

}  // namespace vinci::infer
