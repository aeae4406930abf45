// SplitGrid: floats on a grid of pixels, laid out so that an update of every second pixel is
// contiguous. What all fields of lattice/ are stored in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lattice/kernels.h"

namespace vinci::lattice {

/// `planes` floats for each pixel of a width x height grid. A row of a plane is kept in two halves:
/// its even columns, then its odd ones, so that all pixels of one colour of a checkerboard are
/// contiguous in a row and so are their neighbours:
///
///     pixel (row, 2j):     left is odd[j - 1], right is odd[j]
///     pixel (row, 2j + 1): left is even[j],    right is even[j + 1]
///
/// Each half begins after kPad zeros and is padded with zeros to whole blocks of sixteen; there is
/// a row of zeros above the first and below the last: a neighbour outside of the grid reads as
/// zero. Whoever writes keeps the padding zero.
class SplitGrid {
 public:
  static constexpr int kPad = 16;

  SplitGrid() = default;
  SplitGrid(int width, int height, int planes = 1);

  int width() const { return width_; }
  int height() const { return height_; }
  int planes() const { return planes_; }
  /// Pixels of a half row: parity 0 the even columns, 1 the odd ones.
  int half_size(int parity) const { return (width_ + 1 - parity) / 2; }
  /// Floats from one plane of a row to the next.
  int64_t plane_stride() const { return 2 * half_stride_; }

  /// First pixel of a half row; row in [-1, height].
  float* half(int row, int parity, int plane = 0) { return data() + offset(row, parity, plane); }
  const float* half(int row, int parity, int plane = 0) const {
    return data() + offset(row, parity, plane);
  }
  float& at(int row, int column, int plane = 0) { return half(row, column % 2, plane)[column / 2]; }
  float at(int row, int column, int plane = 0) const {
    return half(row, column % 2, plane)[column / 2];
  }

  /// The neighbours of a half row, in plane 0.
  Neighbours neighbours(int row, int parity) const {
    // The left neighbour of an even column is one to the left in the odd half.
    const int shift = 1 - parity;
    return {half(row - 1, parity), half(row + 1, parity), half(row, 1 - parity) - shift,
            half(row - 1, 1 - parity) - shift, half(row + 1, 1 - parity) - shift};
  }

  /// Bytes that a grid of this size takes.
  static double bytes(int width, int height, int planes);

 private:
  int64_t offset(int row, int parity, int plane) const {
    return (static_cast<int64_t>(row + 1) * planes_ + plane) * plane_stride() +
           parity * half_stride_ + kPad;
  }
  float* data() { return values_.data(); }
  const float* data() const { return values_.data(); }

  int width_ = 0, height_ = 0, planes_ = 1;
  int64_t half_stride_ = 0;
  std::vector<float> values_;
};

}  // namespace vinci::lattice
