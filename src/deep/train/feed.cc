#include "deep/train/feed.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace vinci::deep {

Binarise binarise_named(const std::string& name) {
  if (name == "none") return Binarise::kNone;
  if (name == "dynamic") return Binarise::kDynamic;
  if (name == "static") return Binarise::kStatic;
  VINCI_CHECK(name == "threshold");
  return Binarise::kThreshold;
}

Feed::Feed(dataset::ImageSet images, Binarise binarise, at::Device device)
    : images_(std::move(images)),
      binarise_(binarise),
      range_(images_.value_range()),
      device_(device) {
  VINCI_CHECK(!images_.empty());
}

Batch Feed::batch(std::span<const uint32_t> rows, Noise& noise) const {
  const auto count = static_cast<int64_t>(rows.size());
  const auto values = static_cast<int64_t>(images_.shape().size());
  Tensor bytes = at::empty({count, values}, at::kByte);
  images_.gather(rows, {bytes.data_ptr<uint8_t>(), static_cast<size_t>(bytes.numel())});
  Batch batch;
  if (range_ == 1 || binarise_ == Binarise::kNone) {
    batch.x = bytes.to(device_).to(at::kFloat).div_(range_);
  } else if (binarise_ == Binarise::kDynamic) {
    batch.x = noise.binarise(bytes);
  } else if (binarise_ == Binarise::kThreshold) {
    batch.x = bytes.to(device_).ge(128).to(at::kFloat);
  } else {
    Tensor all = at::empty({count, values}, at::kFloat);
    for (int64_t i = 0; i < count; ++i) {
      Noise own(0, NoiseStream::kData, rows[static_cast<size_t>(i)]);
      all[i].copy_(own.binarise(bytes[i]));
    }
    batch.x = all.to(device_);
  }
  if (images_.has_labels()) {
    Tensor labels = at::empty({count}, at::kLong);
    for (int64_t i = 0; i < count; ++i)
      labels.data_ptr<int64_t>()[i] = images_.label(rows[static_cast<size_t>(i)]);
    batch.labels = labels.to(device_);
  }
  return batch;
}

Batch Feed::range(int64_t first, int64_t count, Noise& noise) const {
  std::vector<uint32_t> rows(static_cast<size_t>(std::min(count, size() - first)));
  std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(first));
  return batch(rows, noise);
}

DataShape Feed::shape() const {
  DataShape shape;
  shape.channels = images_.channels();
  shape.height = images_.height();
  shape.width = images_.width();
  shape.labels = static_cast<int64_t>(images_.num_labels());
  const size_t values = images_.shape().size();
  std::vector<uint64_t> sum(values);
  std::vector<uint8_t> image(values);
  for (uint32_t i = 0; i < images_.size(); ++i) {
    images_.gather({&i, 1}, image);
    for (size_t d = 0; d < values; ++d)
      sum[d] += binarise_ == Binarise::kThreshold && range_ == 255
                    ? static_cast<uint64_t>(image[d] >= 128 ? 255 : 0)
                    : image[d];
  }
  shape.mean = at::empty({static_cast<int64_t>(values)}, at::kFloat);
  for (size_t d = 0; d < values; ++d)
    shape.mean.data_ptr<float>()[d] = static_cast<float>(
        static_cast<double>(sum[d]) / (static_cast<double>(images_.size()) * range_));
  return shape;
}

}  // namespace vinci::deep
