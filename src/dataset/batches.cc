#include "dataset/batches.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "numeric/random/random_stream.h"

namespace vinci::dataset {

namespace {

constexpr uint32_t kOrderStream = 0x6f726465;  // "orde": apart from what a model draws

}  // namespace

Batches::Batches(size_t rows, size_t batch_size, BatchOptions options)
    : batch_size_(std::min(batch_size, rows)), options_(options) {
  VINCI_CHECK(rows >= 1 && rows <= std::numeric_limits<uint32_t>::max() && batch_size >= 1);
  order_.resize(rows);
  std::iota(order_.begin(), order_.end(), 0U);
}

size_t Batches::per_epoch() const {
  const size_t full = order_.size() / batch_size_;
  return full + (!options_.drop_last && order_.size() % batch_size_ != 0 ? 1 : 0);
}

void Batches::draw_order(uint64_t epoch) {
  VINCI_CHECK(epoch <= std::numeric_limits<uint32_t>::max());
  // From the identity each time: what came before must not matter.
  std::iota(order_.begin(), order_.end(), 0U);
  numeric::RandomStream random(options_.seed, kOrderStream, static_cast<uint32_t>(epoch));
  for (size_t i = order_.size(); i > 1; --i) {
    const auto other = static_cast<size_t>(random.integer(static_cast<int64_t>(i)));
    std::swap(order_[i - 1], order_[other]);
  }
}

std::span<const uint32_t> Batches::batch(uint64_t epoch, size_t index) {
  VINCI_CHECK(index < per_epoch());
  if (options_.shuffle && epoch != epoch_) {
    draw_order(epoch);
    epoch_ = epoch;
  }
  const size_t begin = index * batch_size_;
  return std::span<const uint32_t>(order_).subspan(begin,
                                                   std::min(batch_size_, order_.size() - begin));
}

}  // namespace vinci::dataset
