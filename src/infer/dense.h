// How infer's own code sees points and matrices through Eigen. For .cc files only: public headers
// of this folder speak std::vector and std::span.
#pragma once

#include <Eigen/Dense>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer {

using Vector = Eigen::VectorXd;
/// Row-major, as lane matrices are: D rows of lanes side by side.
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline LaneMatrix lanes_of(const Matrix& m) { return {m.data(), m.rows(), m.cols(), m.cols()}; }
inline MutableLaneMatrix mutable_lanes(Matrix& m) {
  return {m.data(), m.rows(), m.cols(), m.cols()};
}

inline std::span<double> span_of(Vector& v) { return {v.data(), static_cast<size_t>(v.size())}; }
inline std::span<const double> span_of(const Vector& v) {
  return {v.data(), static_cast<size_t>(v.size())};
}

inline Eigen::Map<const Vector> map_vector(const std::vector<double>& v) {
  return {v.data(), static_cast<Index>(v.size())};
}
inline Eigen::Map<const Matrix> map_square(const std::vector<double>& v, Index n) {
  return {v.data(), n, n};
}
using StridedMap = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;
using ConstStridedMap = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
inline StridedMap map_lanes(MutableLaneMatrix m) {
  return {m.data, m.rows, m.lanes, Eigen::OuterStride<>(m.stride)};
}
inline ConstStridedMap map_lanes(LaneMatrix m) {
  return {m.data, m.rows, m.lanes, Eigen::OuterStride<>(m.stride)};
}

inline std::vector<double> to_std(const Vector& v) { return {v.data(), v.data() + v.size()}; }
inline std::vector<double> to_std(const Matrix& m) { return {m.data(), m.data() + m.size()}; }

}  // namespace vinci::infer
