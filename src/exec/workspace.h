// The memory of one evaluation: rows of lanes for values, adjoints and stashes. One thread uses it
// at a time.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "exec/plan.h"

namespace vinci::exec {

/// Uninitialised doubles, aligned to a cache line.
class AlignedDoubles {
 public:
  explicit AlignedDoubles(size_t size = 0) { resize(size); }
  /// Contents are lost where the size grows.
  void resize(size_t size) {
    if (size <= size_) return;
    data_.reset(static_cast<double*>(::operator new(size * sizeof(double), std::align_val_t{64})));
    size_ = size;
  }
  double* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(double* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<double, Free> data_;
  size_t size_ = 0;
};

struct ExecutionPlan::Workspace {
  int lanes = 0;  // of a row
  AlignedDoubles value;
  AlignedDoubles adjoint;
  AlignedDoubles stash;
  AlignedDoubles scratch;        // of array functions
  AlignedDoubles constant_rows;  // of array functions
  AlignedDoubles tile;
  AlignedDoubles sums;  // [2][lanes]
  // Arguments by slot, bound to this memory; local slots of plates are filled in when their tile is
  // known.
  std::vector<RowArg> row_args;
  std::vector<AdjointArg> adjoint_args;
  // Pointers of all array functions, one after the other.
  std::vector<const double*> array_in;
  std::vector<double*> array_out;
  std::vector<double*> array_adjoint_in;
  std::vector<const double*> array_adjoint_out;
  std::vector<size_t> array_in_start;
  std::vector<size_t> array_out_start;
  // Arguments of the current tile.
  std::vector<RowArg> tile_args;
  std::vector<AdjointArg> tile_adjoints;
  std::vector<uint32_t> moving_slots;  // whose arguments differ between tiles
  std::vector<char> inside;            // lanes in the support
};

}  // namespace vinci::exec
