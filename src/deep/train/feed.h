// From the bytes of a set of images to the tensors that a step sees.
#pragma once

#include "dataset/image_set.h"
#include "deep/models/model.h"

namespace vinci::deep {

enum class Binarise : uint8_t {
  kNone,       ///< values in [0, 1]
  kDynamic,    ///< 1 with probability value / 255, drawn again at each use
  kStatic,     ///< drawn once for each image, from the seed 0 of the data stream
  kThreshold,  ///< 1 from 128
};
Binarise binarise_named(const std::string& name);

/// Images of one shape, at least one.
class Feed {
 public:
  Feed(dataset::ImageSet images, Binarise binarise, at::Device device);

  int64_t size() const { return static_cast<int64_t>(images_.size()); }
  /// The images of these rows on the device; draws of kDynamic come from `noise`.
  Batch batch(std::span<const uint32_t> rows, Noise& noise) const;
  /// The `count` images from `first` on, or those that there are.
  Batch range(int64_t first, int64_t count, Noise& noise) const;
  /// Shape and mean; one pass over the set.
  DataShape shape() const;
  const dataset::ImageSet& images() const { return images_; }

 private:
  dataset::ImageSet images_;
  Binarise binarise_;
  int range_;
  at::Device device_;
};

}  // namespace vinci::deep
