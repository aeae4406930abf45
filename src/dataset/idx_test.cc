// idx files, plain and gzipped: what is read, and what is said of broken ones.
#include "dataset/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "dataset/testing/files.h"

namespace vinci::dataset {
namespace {

using testing::big_endian;
using ::testing::ElementsAre;
using testing::error_of;
using testing::Folder;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::idx_bytes;
using testing::ramp;
using testing::read_or_fail;
using testing::values_of;

const ReadOptions kTest{.split = Split::kTest};
const ReadOptions kAll{.split = Split::kAll};

TEST(Idx, ImagesComeBackPlainAndGzipped) {
  const Folder folder;
  const std::string bytes = idx_bytes({3, 2, 2}, ramp(12, 250));
  for (const std::string& path :
       {folder.write("a.idx", bytes), folder.write("b.idx", gzipped(bytes)),
        // Two members and zeros behind them, as tools that append leave it.
        folder.write("c.idx", gzipped(bytes.substr(0, 9)) + gzipped(bytes.substr(9)) +
                                  std::string(512, '\0'))}) {
    const ImageSet set = read_or_fail(path);
    EXPECT_EQ(set.size(), 3U);
    EXPECT_EQ(set.shape(), (ImageShape{1, 2, 2}));
    EXPECT_THAT(values_of(set, 1), ElementsAre(254, 255, 0, 1));
    EXPECT_FALSE(set.has_labels());
  }
}

TEST(Idx, PlainFilesAreMappedAndNotCopied) {
  const Folder folder;
  // 64 GiB of zeros that no memory holds: a sparse file.
  const std::string path = folder.write("huge.idx", idx_bytes({1U << 26, 32, 32}, ""));
  if (::truncate(path.c_str(), 16 + (off_t{1} << 36)) != 0) GTEST_SKIP() << "no sparse files here";
  const ImageSet set = read_or_fail(path);
  EXPECT_EQ(set.size(), size_t{1} << 26);
  EXPECT_EQ(set.image(set.size() - 1)[1023], 0);
}

TEST(Idx, ShapesFollowTheSizes) {
  const Folder folder;
  EXPECT_EQ(read_or_fail(folder.write("square.idx", idx_bytes({1, 9}, ramp(9)))).shape(),
            (ImageShape{1, 3, 3}));
  EXPECT_EQ(read_or_fail(folder.write("row.idx", idx_bytes({2, 5}, ramp(10)))).shape(),
            (ImageShape{1, 1, 5}));
  EXPECT_EQ(read_or_fail(folder.write("planes.idx", idx_bytes({1, 3, 4, 5}, ramp(60)))).shape(),
            (ImageShape{3, 4, 5}));
  const std::string flat = folder.write("flat.idx", idx_bytes({2, 12}, ramp(24)));
  EXPECT_EQ(read_or_fail(flat, {.shape = ImageShape{3, 2, 2}}).shape(), (ImageShape{3, 2, 2}));
  EXPECT_THAT(error_of(flat, {.shape = ImageShape{3, 2, 3}}),
              HasSubstr("has images of 12 values, and 2 by 3 in colour pixels take 18"));
}

TEST(Idx, FoldersAreReadByTheNamesOfTheirFiles) {
  const Folder folder;
  folder.write("train-images-idx3-ubyte", idx_bytes({4, 1, 2}, ramp(8)));
  folder.write("train-labels-idx1-ubyte", idx_bytes({4}, ramp(4, 5)));
  folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx_bytes({2, 1, 2}, ramp(4, 50))));
  folder.write("t10k-labels-idx1-ubyte.gz", gzipped(idx_bytes({2}, ramp(2))));
  folder.write("README.txt", "not an image");
  const ImageSet train = read_or_fail(folder.path());
  ASSERT_EQ(train.size(), 4U);
  EXPECT_EQ(train.label(3), 8);
  const ImageSet test = read_or_fail(folder.path(), kTest);
  EXPECT_THAT(values_of(test, 1), ElementsAre(52, 53));
  EXPECT_EQ(test.label(1), 1);
  EXPECT_EQ(read_or_fail(folder.path(), kAll).size(), 6U);
  // Validation images are the last ones of training.
  const ReadOptions rest{.validation = 1};
  const ReadOptions validation{.split = Split::kValidation, .validation = 1};
  EXPECT_EQ(read_or_fail(folder.path(), rest).size(), 3U);
  const ImageSet last = read_or_fail(folder.path(), validation);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last.label(0), 8);
  EXPECT_THAT(values_of(last, 0), ElementsAre(6, 7));
  // A file that is named alone brings its labels too.
  EXPECT_EQ(read_or_fail(folder.path("train-images-idx3-ubyte")).label(0), 5);
  EXPECT_EQ(read_or_fail(folder.path("t10k-images-idx3-ubyte.gz"), kTest).label(1), 1);
  EXPECT_FALSE(read_or_fail(folder.path(), {.without_labels = true}).has_labels());
}

TEST(Idx, OneOfSeveralSetsIsNamedByTheBeginningOfItsFiles) {
  const Folder folder;
  for (const char* name : {"a_train", "a_valid", "a_test", "b_train"})
    folder.write(std::string(name) + "-images-idx3-ubyte",
                 idx_bytes({1, 1, 1}, std::string(1, name[2])));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("holds several sets of images: `a_train-images"));
  EXPECT_THAT(values_of(read_or_fail(folder.path("a")), 0), ElementsAre('t'));
  EXPECT_THAT(values_of(read_or_fail(folder.path("a"), {.split = Split::kValidation}), 0),
              ElementsAre('v'));
  EXPECT_EQ(read_or_fail(folder.path("a"), kAll).size(), 3U);
  EXPECT_THAT(error_of(folder.path("b"), kTest),
              HasSubstr("has no test images; it has training images"));
  EXPECT_THAT(error_of(folder.path("c")), HasSubstr("does not exist"));
  // A set without a name of its own goes before those that have one.
  folder.write("train-images-idx3-ubyte", idx_bytes({1, 1, 1}, "P"));
  EXPECT_THAT(values_of(read_or_fail(folder.path()), 0), ElementsAre('P'));
}

TEST(Idx, BrokenFilesAreNamedWithThePlace) {
  const Folder folder;
  const std::string whole = idx_bytes({3, 2, 2}, ramp(12));
  struct Case {
    std::string bytes;
    const char* said;
  };
  const Case cases[] = {
      {whole.substr(0, 25), "ends after 2 of its 3 images (byte 25)"},
      {gzipped(whole.substr(0, 25)), "ends after 2 of its 3 images (byte 25)"},
      {gzipped(whole).substr(0, 20), "ends in the middle of its gzip data"},
      {gzipped(whole) + "x", "bytes follow its gzip data that do not belong to it"},
      {whole + "x", "goes on after its 3 images (byte 28)"},
      {gzipped(whole + "x"), "goes on after its 3 images (byte 28)"},
      {whole.substr(0, 10), "ends inside its idx header (byte 10)"},
      {"", "is empty"},
      {"BM", "is no set of images that vinci reads"},
      {std::string("\0\0\x0D\x03", 4) + whole.substr(4),
       "holds real numbers; expected integers (byte 2)"},
      {std::string("\0\0\x09\x03", 4) + whole.substr(4), "images are unsigned bytes"},
      {idx_bytes({0, 2, 2}, ""), "holds no images"},
      {idx_bytes({3, 0, 2}, ""), "its images have no pixels"},
      {idx_bytes({0xffffffff, 2, 2}, "1234"), "at most 4 294 967 294 are read"},
      {idx_bytes({1, 0xffffffff, 0xffffffff}, ""), "an image has at most 134 million pixels"},
      {idx_bytes({0x7fffffff, 1000, 1000}, "1234"), "ends after 0 of its 2147483647 images"},
      {gzipped(idx_bytes({0x7fffffff, 1000, 1000}, "1234")),
       "bytes of compressed data cannot hold so much"},
      {idx_bytes({1, 1, 1, 1, 1}, "1"),
       "images are [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W]"},
      {idx_bytes({1, 4, 4, 2}, ramp(32)), "images of 2 channels; expected 1 (grey) or 3"},
      {idx_bytes({3}, "123"), "labels, and no images"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(error_of(folder.write("x.idx", c.bytes)), HasSubstr(c.said)) << c.said;
  // A flipped bit in gzip data is found by its checksum.
  std::string flipped = gzipped(whole);
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);
  EXPECT_THAT(error_of(folder.write("x.idx", flipped)),
              HasSubstr("is damaged: incorrect data check"));
}

TEST(Idx, LabelsHaveToFitTheImages) {
  const Folder folder;
  folder.write("train-images-idx3-ubyte", idx_bytes({2, 1, 1}, "12"));
  folder.write("train-labels-idx1-ubyte", idx_bytes({3}, "123"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("has 3 labels, and `"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("[image-set-labels]"));
  folder.write("train-labels-idx1-ubyte", idx_bytes({3}, "12"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("ends before its 3 labels (byte 10)"));
  folder.write("train-labels-idx1-ubyte", idx_bytes({2, 1}, "12"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("is an array [2, 1]; labels are one number"));
  folder.write("train-labels-idx1-ubyte", std::string("\0\0\x09\x01\0\0\0\x02\x05\xff", 10));
  EXPECT_THAT(error_of(folder.path()),
              HasSubstr("has the label -1; labels are 0 and above (byte 9)"));
  // Labels of four bytes.
  folder.write("train-labels-idx1-ubyte",
               std::string("\0\0\x0C\x01", 4) + big_endian(2) + big_endian(70000) + big_endian(3));
  EXPECT_EQ(read_or_fail(folder.path()).label(0), 70000);
  std::filesystem::remove(folder.path("train-images-idx3-ubyte"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("has labels, and there are no training images"));
}

TEST(Idx, FoldersWithoutImagesAndThingsThatAreNoFiles) {
  const Folder folder;
  EXPECT_THAT(error_of(folder.path()), HasSubstr("holds no images [image-set-empty]"));
  EXPECT_THAT(error_of(folder.path("nothing/here")), HasSubstr("does not exist [file-not-found]"));
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of(folder.path("pipe")), HasSubstr("is not a regular file"));
  folder.write("train-images-idx3-ubyte", idx_bytes({2, 1, 1}, "12"));
  EXPECT_THAT(error_of(folder.path(), {.validation = 2}),
              HasSubstr("has 2 training images; 2 of them cannot be set apart for validation"));
  EXPECT_THAT(error_of(folder.path(), {.split = Split::kValidation}),
              HasSubstr("has no validation images; it has training images"));
}

TEST(Idx, Mnist) {
  const std::string mnist = std::string(VINCI_SHARED_DIR) + "/data/mnist";
  if (!std::filesystem::exists(mnist)) GTEST_SKIP() << "no MNIST here";
  const ImageSet train = read_or_fail(mnist);
  ASSERT_EQ(train.size(), 60000U);
  EXPECT_EQ(train.shape(), (ImageShape{1, 28, 28}));
  EXPECT_EQ(train.label(0), 5);
  EXPECT_EQ(train.num_labels(), 10U);
  EXPECT_FALSE(train.is_binary());
  uint64_t sum = 0;
  for (size_t i = 0; i < train.size(); ++i)
    for (const uint8_t v : train.image(i)) sum += v;
  EXPECT_EQ(sum, 1567298545U);  // the known mean of 0.13066 of 255
  const ImageSet test = read_or_fail(mnist, kTest);
  EXPECT_EQ(test.size(), 10000U);
  EXPECT_EQ(test.label(0), 7);
  const ImageSet binary = read_or_fail(mnist + "/binarized_mnist");
  EXPECT_EQ(binary.size(), 50000U);
  EXPECT_FALSE(binary.has_labels());
  EXPECT_TRUE(binary.is_binary());
  EXPECT_EQ(read_or_fail(mnist + "/binarized_mnist", {.split = Split::kValidation}).size(), 10000U);
}

}  // namespace
}  // namespace vinci::dataset
