#include "lattice/split_grid.h"

#include "base/check.h"

namespace vinci::lattice {

namespace {

int64_t half_stride_of(int width) {
  const int64_t half = (static_cast<int64_t>(width) + 1) / 2;
  return SplitGrid::kPad + (half + 15) / 16 * 16;
}

}  // namespace

SplitGrid::SplitGrid(int width, int height, int planes)
    : width_(width), height_(height), planes_(planes), half_stride_(half_stride_of(width)) {
  VINCI_CHECK(width >= 1 && height >= 1 && planes >= 1);
  // The last half is followed by padding that belongs to no other one.
  const int64_t size = (static_cast<int64_t>(height) + 2) * planes * 2 * half_stride_ + 2 * kPad;
  values_.assign(static_cast<size_t>(size), 0.0F);
}

double SplitGrid::bytes(int width, int height, int planes) {
  return (height + 2.0) * planes * 2.0 * static_cast<double>(half_stride_of(width)) * sizeof(float);
}

}  // namespace vinci::lattice
