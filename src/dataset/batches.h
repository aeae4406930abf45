// The order in which a training run goes through its data: a pure function of the seed and the
// epoch, so that a resumed run continues exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vinci::dataset {

struct BatchOptions {
  uint64_t seed = 1;
  bool shuffle = true;
  /// Leave out the rows at the end of an epoch that do not fill a batch.
  bool drop_last = false;
};

/// Cuts 0..rows-1 into batches, in a new order in each epoch: a permutation drawn uniformly by
/// counter-based random numbers keyed (seed, epoch). O(rows) for the first batch of another epoch
/// than the last one, O(1) otherwise; 4 bytes a row.
class Batches {
 public:
  /// 1 <= rows < 2^32, batch_size >= 1 (one larger than the set is the set).
  Batches(size_t rows, size_t batch_size, BatchOptions options = {});

  size_t rows() const { return order_.size(); }
  size_t batch_size() const { return batch_size_; }
  /// Batches of an epoch, the smaller last one included where it is not dropped; at least 1.
  size_t per_epoch() const;
  /// Batch `index` < per_epoch() of `epoch` < 2^32. The span holds until a call with another epoch.
  std::span<const uint32_t> batch(uint64_t epoch, size_t index);

 private:
  void draw_order(uint64_t epoch);

  size_t batch_size_;
  BatchOptions options_;
  std::vector<uint32_t> order_;
  uint64_t epoch_ = ~uint64_t{0};  // whose order this is
};

}  // namespace vinci::dataset
