// ImageSet: orders of pixels, slices, joins.
#include "dataset/image_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <utility>

#include "dataset/whole_images.h"

namespace vinci::dataset {
namespace {

using ::testing::ElementsAre;

/// Values 0, 1, 2, ... from `first`.
ImageSet ramp_set(ImageShape shape, size_t count, PixelOrder order = PixelOrder::kPlanes,
                  uint8_t first = 0, std::vector<int32_t> labels = {}) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(count * shape.size());
  std::iota(bytes->begin(), bytes->end(), first);
  return {shape, storage_of(std::move(bytes), shape.size(), order), std::move(labels)};
}

std::vector<int> gathered(const ImageSet& set, const std::vector<uint32_t>& rows) {
  std::vector<uint8_t> out(rows.size() * set.shape().size());
  set.gather(rows, out);
  return {out.begin(), out.end()};
}

TEST(ImageSet, GathersPlanesFromEitherOrder) {
  const ImageShape shape{3, 1, 2};
  // Two pixels: (0, 1, 2) and (3, 4, 5) interleaved; planes (0, 1), (2, 3), (4, 5).
  EXPECT_THAT(gathered(ramp_set(shape, 1, PixelOrder::kInterleaved), {0}),
              ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(gathered(ramp_set(shape, 1), {0}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(gathered(ramp_set({1, 1, 2}, 3), {2, 0, 2}), ElementsAre(4, 5, 0, 1, 4, 5));
}

TEST(ImageSet, PicturesAreInterleavedAndBinaryOnesAreStretched) {
  const ImageShape shape{3, 1, 2};
  EXPECT_THAT(ramp_set(shape, 1).picture(0).pixels, ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_THAT(ramp_set(shape, 1, PixelOrder::kInterleaved).picture(0).pixels,
              ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(ramp_set({1, 1, 2}, 1).picture(0, 1).pixels, ElementsAre(0, 255));
}

TEST(ImageSet, BinaryMeansNothingButZeroAndOne) {
  EXPECT_TRUE(ramp_set({1, 1, 2}, 1).is_binary());
  EXPECT_EQ(ramp_set({1, 1, 2}, 1).value_range(), 1);
  EXPECT_FALSE(ramp_set({1, 1, 3}, 1).is_binary());
  EXPECT_EQ(ramp_set({1, 1, 3}, 1).value_range(), 255);
  EXPECT_FALSE(ImageSet().is_binary());
}

TEST(ImageSet, SlicesAndJoinsShareStorage) {
  const ImageSet a = ramp_set({1, 1, 2}, 4, PixelOrder::kPlanes, 0, {7, 8, 9, 7});
  const ImageSet b = ramp_set({1, 1, 2}, 3, PixelOrder::kPlanes, 100, {1, 2, 3});
  const ImageSet parts[] = {a.slice(1, 2), b.slice(2, 1), a.slice(4, 0), a};
  const ImageSet joined = ImageSet::concatenate(parts);
  ASSERT_EQ(joined.size(), 7U);
  EXPECT_THAT(gathered(joined, {0, 1, 2, 3, 6}), ElementsAre(2, 3, 4, 5, 104, 105, 0, 1, 6, 7));
  EXPECT_EQ(joined.image(0).data(), a.image(1).data());
  EXPECT_EQ(joined.label(1), 9);
  EXPECT_EQ(joined.label(2), 3);
  EXPECT_EQ(joined.num_labels(), 10U);
  const ImageSet middle = joined.slice(2, 3);
  EXPECT_THAT(gathered(middle, {0, 1, 2}), ElementsAre(104, 105, 0, 1, 2, 3));
  EXPECT_EQ(middle.label(1), 7);
  // A join of a join, and a part without labels.
  const ImageSet again[] = {middle, joined.slice(0, 1), ramp_set({1, 1, 2}, 1)};
  const ImageSet twice = ImageSet::concatenate(again);
  EXPECT_THAT(gathered(twice, {0, 2, 3, 4}), ElementsAre(104, 105, 2, 3, 2, 3, 0, 1));
  EXPECT_FALSE(twice.has_labels());
}

TEST(ImageSet, NothingIsASet) {
  const ImageSet none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.has_labels());
  EXPECT_EQ(none.num_labels(), 0U);
  EXPECT_TRUE(ImageSet::concatenate({}).empty());
  EXPECT_TRUE(none.slice(0, 0).empty());
}

}  // namespace
}  // namespace vinci::dataset
