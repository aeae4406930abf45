// Folders of pictures, CSV tables and CIFAR-10's batches as sets of images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "dataset/file_names.h"
#include "dataset/testing/files.h"
#include "image/image.h"

namespace vinci::dataset {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::Folder;
using testing::gzipped;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ramp;
using testing::read_or_fail;
using testing::values_of;

const ReadOptions kTest{.split = Split::kTest};

std::string png(int width, int height, int channels, unsigned first) {
  image::Image picture{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i)
    picture.pixels.push_back(static_cast<uint8_t>(first + static_cast<unsigned>(i)));
  return image::encode_png(picture);
}

TEST(PictureFolder, FoldersWithinAreTheLabels) {
  const Folder folder;
  folder.write("cat/10.png", png(2, 1, 1, 30));
  folder.write("cat/9.png", png(2, 1, 1, 10));
  folder.write("ant/1.PNG", png(2, 1, 1, 50));
  folder.write("ant/notes.txt", "passed over");
  folder.write(".hidden/1.png", "not looked at");
  const ImageSet set = read_or_fail(folder.path());
  ASSERT_EQ(set.size(), 3U);
  EXPECT_THAT(set.label_names(), ElementsAre("ant", "cat"));
  EXPECT_EQ(set.num_labels(), 2U);
  EXPECT_THAT(values_of(set, 0), ElementsAre(50, 51));
  EXPECT_THAT(values_of(set, 1), ElementsAre(10, 11));  // 9 before 10
  EXPECT_THAT(values_of(set, 2), ElementsAre(30, 31));
  EXPECT_EQ(set.label(0), 0);
  EXPECT_EQ(set.label(2), 1);
  EXPECT_FALSE(read_or_fail(folder.path(), {.without_labels = true}).has_labels());
}

TEST(PictureFolder, SplitsAndNumbersAsLabels) {
  const Folder folder;
  folder.write("train/7/0.png", png(1, 2, 1, 1));
  folder.write("train/3/0.png", png(1, 2, 1, 5));
  folder.write("test/7/0.png", png(1, 2, 1, 9));
  const ImageSet train = read_or_fail(folder.path());
  ASSERT_EQ(train.size(), 2U);
  EXPECT_EQ(train.label(0), 3);
  EXPECT_EQ(train.label(1), 7);
  EXPECT_THAT(train.label_names(), IsEmpty());
  EXPECT_EQ(read_or_fail(folder.path(), kTest).label(0), 7);
  EXPECT_EQ(read_or_fail(folder.path(), {.split = Split::kAll}).size(), 3U);
  EXPECT_THAT(error_of(folder.path(), {.split = Split::kValidation}),
              HasSubstr("has no validation images; it has training and test images"));
}

TEST(PictureFolder, OnePictureInColourMakesAllSo) {
  const Folder folder;
  folder.write("a.png", png(1, 1, 1, 7));
  folder.write("b.png", png(1, 1, 3, 10));
  folder.write("c.png", png(1, 1, 1, 9));
  const ImageSet set = read_or_fail(folder.path());
  EXPECT_EQ(set.channels(), 3);
  EXPECT_FALSE(set.has_labels());
  EXPECT_THAT(values_of(set, 0), ElementsAre(7, 7, 7));
  EXPECT_THAT(values_of(set, 1), ElementsAre(10, 11, 12));
  EXPECT_THAT(values_of(set, 2), ElementsAre(9, 9, 9));
  // A single picture is a set of one.
  EXPECT_EQ(read_or_fail(folder.path("b.png")).size(), 1U);
}

TEST(PictureFolder, WhatIsWrongIsNamed) {
  const Folder folder;
  folder.write("a.png", png(2, 3, 1, 0));
  folder.write("b.png", png(3, 2, 1, 0));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("b.png` is 2 by 3 pixels, and `"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("[image-size]"));
  folder.write("b.png", png(2, 3, 1, 0).substr(0, 40));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("[image-format]"));
  std::filesystem::remove(folder.path("b.png"));
  ASSERT_EQ(::mkfifo(folder.path("b.png").c_str(), 0600), 0);
  EXPECT_THAT(error_of(folder.path()), HasSubstr("is not a regular file"));
  const Folder twice;
  twice.write("test/a.png", png(2, 3, 1, 0));
  twice.write("t10k/a.png", png(2, 3, 1, 0));
  EXPECT_THAT(error_of(twice.path()), HasSubstr("is the second folder of test images"));
  const Folder hollow;
  hollow.write("train/readme", "");
  EXPECT_THAT(error_of(hollow.path()), HasSubstr("holds no images"));
}

TEST(CsvImages, AColumnNamedLabelIsTheLabels) {
  const Folder folder;
  const std::string text = "p0,p1,\"Label\",p2,p3\n1,2,7,3,4\n\n255,0,9,0,1\n";
  for (const std::string& path :
       {folder.write("a.csv", text), folder.write("b.csv.gz", gzipped(text))}) {
    const ImageSet set = read_or_fail(path);
    ASSERT_EQ(set.size(), 2U);
    EXPECT_EQ(set.shape(), (ImageShape{1, 2, 2}));
    EXPECT_THAT(values_of(set, 1), ElementsAre(255, 0, 0, 1));
    EXPECT_EQ(set.label(0), 7);
  }
  const ImageSet plain =
      read_or_fail(folder.write("c.csv", "1,2,3\n4,5,6"), {.shape = ImageShape{3, 1, 1}});
  EXPECT_EQ(plain.size(), 2U);
  EXPECT_EQ(plain.channels(), 3);
  EXPECT_FALSE(plain.has_labels());
}

TEST(CsvImages, WhatIsWrongIsNamed) {
  const Folder folder;
  const auto said = [&](const std::string& text) { return error_of(folder.write("a.csv", text)); };
  EXPECT_THAT(
      said("label,a\n1,2\n1,256\n"),
      HasSubstr("has the value 256 in row 2, column 2 (counted from 1); pixels are from 0"));
  EXPECT_THAT(said("label,a\n-1,2\n"), HasSubstr("labels are whole numbers from 0 to 2^31 - 1"));
  EXPECT_THAT(said("label,a\n1,x\n"), HasSubstr("line 2: field 2 is `x`"));
  EXPECT_THAT(said("label,a\n1,2\n1\n"), HasSubstr("line 3: 1 fields; the rows before have 2"));
  EXPECT_THAT(said("label\n1\n"), HasSubstr("has labels, and no pixels"));
  EXPECT_THAT(said("label,a\n"), HasSubstr("holds no images"));
  EXPECT_THAT(said(""), HasSubstr("is empty"));
}

TEST(Cifar, BatchesFollowOneAnotherAndKeepTheirPlanes) {
  const Folder folder;
  const auto record = [](char label, unsigned first) { return label + ramp(3072, first, 251); };
  folder.write("data_batch_1.bin", record(3, 0) + record(9, 1));
  folder.write("data_batch_2.bin", record(0, 2));
  folder.write("test_batch.bin", record(5, 100));
  folder.write("batches.meta.txt", "airplane\n");
  const ImageSet train = read_or_fail(folder.path());
  ASSERT_EQ(train.size(), 3U);
  EXPECT_EQ(train.shape(), (ImageShape{3, 32, 32}));
  EXPECT_EQ(train.label(1), 9);
  EXPECT_EQ(train.label(2), 0);
  EXPECT_EQ(train.image(2)[0], 2);
  EXPECT_EQ(train.image(1)[1024], (1 + 1024) % 251);
  EXPECT_EQ(read_or_fail(folder.path(), kTest).label(0), 5);
  EXPECT_EQ(read_or_fail(folder.path("test_batch.bin")).size(), 1U);
  folder.write("data_batch_2.bin", record(0, 2) + "x");
  EXPECT_THAT(error_of(folder.path()),
              HasSubstr("has 3074 bytes; a batch of CIFAR-10 has 3073 for each image (byte 3073)"));
  folder.write("data_batch_2.bin", record(10, 2));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("has the label 10; those of CIFAR-10 are 0 to 9"));
}

TEST(FileNames, SayWhatTheyHold) {
  FileName name;
  ASSERT_TRUE(parse_file_name("Train-Labels.idx1-ubyte.gz", name));
  EXPECT_EQ(name.split, NamedSplit::kTrain);
  EXPECT_TRUE(name.is_labels);
  EXPECT_EQ(name.set, "");
  ASSERT_TRUE(parse_file_name("omniglot28_evaluation-images-idx3-ubyte", name));
  EXPECT_EQ(name.split, NamedSplit::kTest);
  EXPECT_FALSE(name.is_labels);
  EXPECT_EQ(name.set, "omniglot28");
  ASSERT_TRUE(parse_file_name("x_val.npy", name));
  EXPECT_EQ(name.split, NamedSplit::kValidation);
  EXPECT_EQ(name.kind, FileKind::kNpy);
  EXPECT_FALSE(parse_file_name("weights.bin", name));
  EXPECT_FALSE(parse_file_name("readme.txt", name));
  EXPECT_FALSE(parse_file_name(".npy", name));
}

TEST(FileNames, NumbersSortAsNumbers) {
  EXPECT_TRUE(natural_less("2.png", "10.png"));
  EXPECT_FALSE(natural_less("10.png", "2.png"));
  EXPECT_TRUE(natural_less("a9b2", "a9b10"));
  EXPECT_TRUE(natural_less("a", "a1"));
  EXPECT_TRUE(natural_less("01", "1"));
  EXPECT_FALSE(natural_less("1", "01"));
  EXPECT_FALSE(natural_less("x7", "x7"));
  EXPECT_TRUE(natural_less("99999999999999999999998", "99999999999999999999999"));
}

}  // namespace
}  // namespace vinci::dataset
