#include "dataset/image_set.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace vinci::dataset {

/// The parts of a set in their order, and what is known of each image.
struct ImageSet::Shared {
  ImageShape shape;
  std::vector<ImageStorage> parts;
  std::vector<size_t> part_begin;  // of each part, its first image
  std::vector<int32_t> labels;
  std::vector<std::string> label_names;
};

namespace {

void interleaved_to_planes(const uint8_t* from, const ImageShape& shape, uint8_t* to) {
  const size_t pixels = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
  const auto channels = static_cast<size_t>(shape.channels);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < pixels; ++p) to[c * pixels + p] = from[p * channels + c];
  }
}

void planes_to_interleaved(const uint8_t* from, const ImageShape& shape, uint8_t* to) {
  const size_t pixels = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
  const auto channels = static_cast<size_t>(shape.channels);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < pixels; ++p) to[p * channels + c] = from[c * pixels + p];
  }
}

}  // namespace

ImageSet::ImageSet() : shared_(std::make_shared<const Shared>()) {}

ImageSet::ImageSet(ImageShape shape, ImageStorage images, std::vector<int32_t> labels,
                   std::vector<std::string> label_names) {
  VINCI_CHECK(labels.empty() || labels.size() == images.count);
  VINCI_CHECK(images.count == 0 || (shape.size() > 0 && images.stride >= shape.size()));
  if (shape.channels == 1) images.order = PixelOrder::kPlanes;
  count_ = images.count;
  auto shared = std::make_shared<Shared>();
  shared->shape = shape;
  shared->part_begin = {0};
  shared->parts.push_back(std::move(images));
  shared->labels = std::move(labels);
  shared->label_names = std::move(label_names);
  shared_ = std::move(shared);
}

const ImageShape& ImageSet::shape() const { return shared_->shape; }

ImageSet::Place ImageSet::place(size_t i) const {
  VINCI_CHECK(i < count_);
  const size_t at = first_ + i;
  const auto& begins = shared_->part_begin;
  const auto after = std::upper_bound(begins.begin(), begins.end(), at);
  const auto part = static_cast<size_t>(after - begins.begin()) - 1;
  const ImageStorage& storage = shared_->parts[part];
  return {&storage, storage.first + (at - begins[part]) * storage.stride};
}

std::span<const uint8_t> ImageSet::image(size_t i) const {
  return {place(i).values, shared_->shape.size()};
}

PixelOrder ImageSet::order(size_t i) const { return place(i).storage->order; }

void ImageSet::gather(std::span<const uint32_t> rows, std::span<uint8_t> out) const {
  const ImageShape& shape = shared_->shape;
  const size_t size = shape.size();
  VINCI_CHECK(out.size() == rows.size() * size);
  uint8_t* to = out.data();
  for (const uint32_t row : rows) {
    const Place from = place(row);
    if (from.storage->order == PixelOrder::kPlanes) {
      std::memcpy(to, from.values, size);
    } else {
      interleaved_to_planes(from.values, shape, to);
    }
    to += size;
  }
}

bool ImageSet::has_labels() const { return !shared_->labels.empty(); }

int32_t ImageSet::label(size_t i) const {
  VINCI_CHECK(has_labels() && i < count_);
  return shared_->labels[first_ + i];
}

size_t ImageSet::num_labels() const {
  if (!shared_->label_names.empty()) return shared_->label_names.size();
  int32_t largest = -1;
  for (const int32_t label : shared_->labels) largest = std::max(largest, label);
  return static_cast<size_t>(largest + int64_t{1});
}

const std::vector<std::string>& ImageSet::label_names() const { return shared_->label_names; }

bool ImageSet::is_binary() const {
  for (size_t i = 0; i < count_; ++i) {
    const std::span<const uint8_t> values = image(i);
    if (std::any_of(values.begin(), values.end(), [](uint8_t v) { return v > 1; })) return false;
  }
  return count_ > 0;
}

image::Image ImageSet::picture(size_t i, int range) const {
  VINCI_CHECK(range == 1 || range == 255);
  const Place from = place(i);
  const ImageShape& shape = shared_->shape;
  image::Image out{shape.width, shape.height, shape.channels, std::vector<uint8_t>(shape.size())};
  if (from.storage->order == PixelOrder::kInterleaved || shape.channels == 1) {
    std::copy_n(from.values, out.pixels.size(), out.pixels.begin());
  } else {
    planes_to_interleaved(from.values, shape, out.pixels.data());
  }
  if (range == 1) {
    for (uint8_t& value : out.pixels) value = value != 0 ? 255 : 0;
  }
  return out;
}

ImageSet ImageSet::with_labels(std::vector<int32_t> labels,
                               std::vector<std::string> label_names) const {
  VINCI_CHECK(labels.size() == count_ && first_ == 0);
  auto shared = std::make_shared<Shared>(*shared_);
  shared->labels = std::move(labels);
  shared->label_names = std::move(label_names);
  ImageSet out = *this;
  out.shared_ = std::move(shared);
  return out;
}

ImageSet ImageSet::without_labels() const {
  if (!has_labels()) return *this;
  auto shared = std::make_shared<Shared>(*shared_);
  shared->labels.clear();
  shared->label_names.clear();
  ImageSet out = *this;
  out.shared_ = std::move(shared);
  return out;
}

ImageSet ImageSet::slice(size_t first, size_t count) const {
  VINCI_CHECK(first <= count_ && count <= count_ - first);
  ImageSet out = *this;
  out.first_ += first;
  out.count_ = count;
  return out;
}

ImageSet ImageSet::concatenate(std::span<const ImageSet> sets) {
  if (sets.empty()) return {};
  if (sets.size() == 1) return sets[0];
  auto shared = std::make_shared<Shared>();
  shared->shape = sets[0].shape();
  const bool labelled =
      std::all_of(sets.begin(), sets.end(), [](const ImageSet& s) { return s.has_labels(); });
  size_t total = 0;
  for (const ImageSet& set : sets) {
    VINCI_CHECK(set.shape() == shared->shape);
    const Shared& from = *set.shared_;
    for (size_t p = 0; p < from.parts.size(); ++p) {
      // The images of the part that lie in the slice.
      const size_t begin = std::max(from.part_begin[p], set.first_);
      const size_t end =
          std::min(from.part_begin[p] + from.parts[p].count, set.first_ + set.count_);
      if (begin >= end) continue;
      ImageStorage part = from.parts[p];
      part.first += (begin - from.part_begin[p]) * part.stride;
      part.count = end - begin;
      shared->part_begin.push_back(total);
      total += part.count;
      shared->parts.push_back(std::move(part));
    }
    if (labelled) {
      const auto first = from.labels.begin() + static_cast<std::ptrdiff_t>(set.first_);
      shared->labels.insert(shared->labels.end(), first,
                            first + static_cast<std::ptrdiff_t>(set.count_));
      if (from.label_names.size() > shared->label_names.size())
        shared->label_names = from.label_names;
    }
  }
  ImageSet out;
  out.shared_ = std::move(shared);
  out.count_ = total;
  return out;
}

}  // namespace vinci::dataset
