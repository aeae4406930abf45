// ImageSet: many images of one shape, 8 bits a value, with or without labels. What deep models are
// trained on; read.h makes one from files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/image.h"

namespace vinci::dataset {

struct ImageShape {
  int channels = 1;  ///< 1 grey, 3 red, green, blue
  int height = 0;
  int width = 0;

  /// Values of one image.
  size_t size() const {
    return static_cast<size_t>(channels) * static_cast<size_t>(height) * static_cast<size_t>(width);
  }
  bool operator==(const ImageShape&) const = default;
};

/// How the values of an image of several channels follow one another. One channel is kPlanes.
enum class PixelOrder : uint8_t {
  kPlanes,       ///< [channels, height, width]
  kInterleaved,  ///< [height, width, channels]
};

/// Images that lie in memory or in a mapped file, `stride` bytes from one to the next.
struct ImageStorage {
  std::shared_ptr<const void> owner;  ///< keeps `first` alive
  const uint8_t* first = nullptr;
  size_t stride = 0;
  size_t count = 0;
  PixelOrder order = PixelOrder::kPlanes;
};

/// Immutable; copies and slices share the storage and cost O(1). Safe to read from several threads.
/// Sets in mapped files are paged in as they are touched and may be larger than memory.
class ImageSet {
 public:
  /// No images.
  ImageSet();
  /// `labels` is empty or has one for each image; `label_names` is empty or has the name of each
  /// label. A broken rule is a CHECK: readers report before they build.
  ImageSet(ImageShape shape, ImageStorage images, std::vector<int32_t> labels = {},
           std::vector<std::string> label_names = {});

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const ImageShape& shape() const;
  int channels() const { return shape().channels; }
  int height() const { return shape().height; }
  int width() const { return shape().width; }

  /// The values of image i as they are stored: `order(i)` says how. Most callers want gather or
  /// picture, which take care of it.
  std::span<const uint8_t> image(size_t i) const;
  PixelOrder order(size_t i) const;
  /// out[k] = image rows[k] as [channels, height, width], whatever the order it is stored in; out
  /// has rows.size() * shape().size() elements.
  void gather(std::span<const uint32_t> rows, std::span<uint8_t> out) const;

  bool has_labels() const;
  /// has_labels().
  int32_t label(size_t i) const;
  /// 1 + the largest label, or the number of names; 0 without labels. O(size) where there are no
  /// names.
  size_t num_labels() const;
  /// Of each label, such as the folders' names; may be empty.
  const std::vector<std::string>& label_names() const;

  /// Whether each value is 0 or 1 (of a set with at least one image): then values are the bits
  /// themselves, and not shares of 255. Stops at the first that is neither.
  bool is_binary() const;
  /// What a value divides by to lie in [0, 1]: 1 where is_binary, otherwise 255.
  int value_range() const { return is_binary() ? 1 : 255; }

  /// Image i for looking at: interleaved, values in 0..255 (those of a binary set, `range` 1, are
  /// stretched).
  image::Image picture(size_t i, int range = 255) const;

  /// The same images with these labels, one for each.
  ImageSet with_labels(std::vector<int32_t> labels,
                       std::vector<std::string> label_names = {}) const;
  ImageSet without_labels() const;
  /// Images [first, first + count), within the set.
  ImageSet slice(size_t first, size_t count) const;
  /// One after the other; sets of one shape. Labels stay where all have them. Only labels are
  /// copied.
  static ImageSet concatenate(std::span<const ImageSet> sets);

 private:
  struct Shared;
  struct Place {
    const ImageStorage* storage;
    const uint8_t* values;
  };
  Place place(size_t i) const;

  std::shared_ptr<const Shared> shared_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace vinci::dataset
