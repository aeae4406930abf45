// The order of minibatches: a permutation, the same for the same seed and epoch whatever came
// before, and uniform.
#include "dataset/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace vinci::dataset {
namespace {

using ::testing::ElementsAre;

std::vector<uint32_t> epoch_of(Batches& batches, uint64_t epoch) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < batches.per_epoch(); ++i) {
    const auto batch = batches.batch(epoch, i);
    out.insert(out.end(), batch.begin(), batch.end());
  }
  return out;
}

TEST(Batches, AnEpochHasEachRowOnceAndALastBatchThatIsSmaller) {
  Batches batches(103, 10, {.seed = 3});
  EXPECT_EQ(batches.per_epoch(), 11U);
  EXPECT_EQ(batches.batch(0, 9).size(), 10U);
  EXPECT_EQ(batches.batch(0, 10).size(), 3U);
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = epoch_of(batches, epoch);
    EXPECT_EQ(order.size(), 103U);
    EXPECT_EQ(std::set<uint32_t>(order.begin(), order.end()).size(), 103U);
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  }
  EXPECT_NE(epoch_of(batches, 0), epoch_of(batches, 1));
}

TEST(Batches, WhatDoesNotFillABatchCanBeDropped) {
  Batches batches(103, 10, {.seed = 3, .drop_last = true});
  EXPECT_EQ(batches.per_epoch(), 10U);
  EXPECT_EQ(epoch_of(batches, 7).size(), 100U);
  EXPECT_EQ(Batches(100, 10, {.drop_last = true}).per_epoch(), 10U);
  // A batch larger than the set is the set, so that there is always one.
  EXPECT_EQ(Batches(3, 10, {.drop_last = true}).per_epoch(), 1U);
  EXPECT_EQ(Batches(1, 1).per_epoch(), 1U);
}

TEST(Batches, AResumedRunGoesOnInTheSameOrder) {
  Batches first(1000, 7, {.seed = 11});
  std::vector<std::vector<uint32_t>> seen;
  for (uint64_t epoch = 0; epoch < 4; ++epoch) seen.push_back(epoch_of(first, epoch));
  // Another object, begun in the middle of epoch 2 and going back and forth.
  Batches again(1000, 7, {.seed = 11});
  const auto batch = again.batch(2, 50);
  EXPECT_TRUE(std::equal(batch.begin(), batch.end(), seen[2].begin() + 350));
  EXPECT_EQ(epoch_of(again, 3), seen[3]);
  EXPECT_EQ(epoch_of(again, 0), seen[0]);
  Batches other(1000, 7, {.seed = 12});
  EXPECT_NE(epoch_of(other, 0), seen[0]);
}

TEST(Batches, TheOrderIsFixedForever) {
  // A checkpoint of today resumes with tomorrow's program: these numbers may never change.
  Batches batches(8, 8, {.seed = 1});
  const auto order = batches.batch(0, 0);
  EXPECT_THAT(std::vector<uint32_t>(order.begin(), order.end()),
              ElementsAre(4, 5, 3, 7, 2, 0, 6, 1));
}

TEST(Batches, WithoutShufflingRowsComeInOrder) {
  Batches batches(5, 2, {.shuffle = false});
  EXPECT_THAT(epoch_of(batches, 9), ElementsAre(0, 1, 2, 3, 4));
}

TEST(Batches, PermutationsAreUniform) {
  // 24,000 epochs of 4 rows: each of the 24 orders about 1,000 times. A chi-square of 23 degrees of
  // freedom lies outside of (4, 65) with probability 1e-5.
  Batches batches(4, 4, {.seed = 5});
  std::map<std::vector<uint32_t>, int> counts;
  for (uint64_t epoch = 0; epoch < 24000; ++epoch) ++counts[epoch_of(batches, epoch)];
  EXPECT_EQ(counts.size(), 24U);
  double statistic = 0;
  for (const auto& [order, n] : counts) statistic += (n - 1000.0) * (n - 1000.0) / 1000.0;
  EXPECT_LT(statistic, 65.0);
  EXPECT_GT(statistic, 4.0);
}

}  // namespace
}  // namespace vinci::dataset
