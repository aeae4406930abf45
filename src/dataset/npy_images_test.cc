// Arrays as images: .npy, gzipped, and in .npz archives; what becomes bytes and what is refused.
#include "dataset/npy_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dataset/testing/files.h"

namespace vinci::dataset {
namespace {

using testing::elements_of;
using ::testing::ElementsAre;
using testing::error_of;
using testing::Folder;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::Member;
using testing::npy_bytes;
using testing::ramp;
using testing::read_or_fail;
using testing::values_of;
using testing::zip_bytes;

const ReadOptions kTest{.split = Split::kTest};

TEST(NpyImages, ShapesFollowTheSizes) {
  const Folder folder;
  struct Case {
    const char* shape;
    size_t count;
    ImageShape image;
    PixelOrder order;
  };
  const Case cases[] = {
      {"(2, 4)", 2, {1, 2, 2}, PixelOrder::kPlanes},
      {"(2, 5)", 2, {1, 1, 5}, PixelOrder::kPlanes},
      {"(3, 4, 5)", 3, {1, 4, 5}, PixelOrder::kPlanes},
      {"(2, 4, 5, 3)", 2, {3, 4, 5}, PixelOrder::kInterleaved},
      {"(2, 4, 5, 1)", 2, {1, 4, 5}, PixelOrder::kPlanes},
      {"(2, 3, 5, 6)", 2, {3, 5, 6}, PixelOrder::kPlanes},
      {"(2, 4, 5, 6)", 8, {1, 5, 6}, PixelOrder::kPlanes},
  };
  for (const Case& c : cases) {
    const std::string bytes = npy_bytes("|u1", c.shape, ramp(c.count * c.image.size()));
    for (const std::string& path :
         {folder.write("a.npy", bytes), folder.write("b.npy.gz", gzipped(bytes))}) {
      const ImageSet set = read_or_fail(path);
      ASSERT_EQ(set.size(), c.count) << c.shape;
      EXPECT_EQ(set.shape(), c.image) << c.shape;
      EXPECT_EQ(set.order(0), c.order) << c.shape;
      EXPECT_EQ(set.image(1)[0], c.image.size() % 256) << c.shape;
    }
  }
}

TEST(NpyImages, WholeNumbersOfEveryTypeBecomeBytes) {
  const Folder folder;
  const auto expect = [&](const std::string& descr, const std::string& elements) {
    const ImageSet set =
        read_or_fail(folder.write("a.npy", npy_bytes(descr, "(1, 2, 2)", elements)));
    EXPECT_THAT(values_of(set, 0), ElementsAre(0, 7, 127, 3)) << descr;
  };
  expect("|u1", elements_of<uint8_t>({0, 7, 127, 3}));
  expect("|i1", elements_of<int8_t>({0, 7, 127, 3}));
  expect("<u2", elements_of<uint16_t>({0, 7, 127, 3}));
  expect("<i4", elements_of<int32_t>({0, 7, 127, 3}));
  expect("<i8", elements_of<int64_t>({0, 7, 127, 3}));
  expect("<f4", elements_of<float>({0, 7, 127, 3}));
  expect("<f8", elements_of<double>({0, 7, 127, 3}));
  expect(">i2", std::string("\0\0\0\x07\0\x7f\0\x03", 8));
  // Bools are bits, whatever byte stands for true.
  const ImageSet bits = read_or_fail(
      folder.write("a.npy", npy_bytes("|b1", "(1, 2, 2)", std::string("\0\x01\xff\0", 4))));
  EXPECT_THAT(values_of(bits, 0), ElementsAre(0, 1, 1, 0));
  EXPECT_TRUE(bits.is_binary());
}

TEST(NpyImages, EveryMultipleOfA255thComesBackExactly) {
  const Folder folder;
  std::vector<float> divided;
  std::vector<float> multiplied;
  std::vector<double> doubles;
  for (int k = 0; k < 256; ++k) {
    divided.push_back(static_cast<float>(k) / 255);
    multiplied.push_back(static_cast<float>(k) * (1.0F / 255));
    doubles.push_back(k / 255.0);
  }
  for (const std::string& bytes : {npy_bytes("<f4", "(1, 16, 16)", elements_of(divided)),
                                   npy_bytes("<f4", "(1, 16, 16)", elements_of(multiplied)),
                                   npy_bytes("<f8", "(1, 16, 16)", elements_of(doubles))}) {
    const ImageSet set = read_or_fail(folder.write("a.npy", bytes));
    for (size_t k = 0; k < 256; ++k) ASSERT_EQ(set.image(0)[k], k);
  }
  // 0 and 1 alone are bits, not 0 and 255.
  const auto bits =
      folder.write("a.npy", npy_bytes("<f4", "(1, 1, 2)", elements_of<float>({0, 1})));
  EXPECT_THAT(values_of(read_or_fail(bits), 0), ElementsAre(0, 1));
}

TEST(NpyImages, WhatIsNoByteIsRefusedWithItsPlace) {
  const Folder folder;
  const auto said = [&](const std::string& descr, const std::string& elements) {
    return error_of(folder.write("a.npy", npy_bytes(descr, "(2, 1, 2)", elements)));
  };
  EXPECT_THAT(said("<f8", elements_of<double>({0, 0.5, 1, 0})),
              HasSubstr("has the value 0.5 in image 0 (counted from 0); values are whole numbers"));
  EXPECT_THAT(said("<f8", elements_of<double>({0, 2, 2.5, 0})),
              HasSubstr("has the value 2.5 in image 1"));
  EXPECT_THAT(said("<f8", elements_of<double>({0, 2, 256, 0})), HasSubstr("(byte 144)"));
  EXPECT_THAT(said("<f4", elements_of<float>({0, -1, 0, 0})), HasSubstr("has the value -1"));
  EXPECT_THAT(said("<f4", elements_of<float>({0, 1, std::nanf(""), 0})), HasSubstr("value nan"));
  EXPECT_THAT(said("<f4", elements_of<float>({0, 0.2F, std::nanf(""), 0})), HasSubstr("value nan"));
  EXPECT_THAT(said("<f4", elements_of<float>({0, 0.2F, -0.2F, 0})), HasSubstr("value -0.2"));
  EXPECT_THAT(said("<i8", elements_of<int64_t>({0, 1, 300, 0})), HasSubstr("[image-set-value]"));
  EXPECT_THAT(said("<u8", elements_of<uint64_t>({0, 1, ~uint64_t{0}, 0})),
              HasSubstr("has the value 18446744073709551615"));
}

TEST(NpyImages, BrokenFilesAreNamedWithThePlace) {
  const Folder folder;
  const std::string whole = npy_bytes("|u1", "(2, 2, 2)", ramp(8));
  const auto said = [&](const std::string& bytes) {
    return error_of(folder.write("a.npy", bytes));
  };
  EXPECT_THAT(said(whole.substr(0, 134)), HasSubstr("has 6 bytes of elements, which is not what an "
                                                    "array [2, 2, 2] of `|u1` takes (byte 128)"));
  EXPECT_THAT(said(whole + "x"), HasSubstr("has 9 bytes of elements"));
  EXPECT_THAT(said(gzipped(whole.substr(0, 134))), HasSubstr("has 6 bytes of elements"));
  EXPECT_THAT(said(gzipped(whole + "x")), HasSubstr("has 9 bytes of elements"));
  EXPECT_THAT(said(whole.substr(0, 50)), HasSubstr("its header says that it is 118 bytes long"));
  EXPECT_THAT(said(whole.substr(0, 9)), HasSubstr("does not begin as a .npy file does"));
  EXPECT_THAT(said(npy_bytes("|u1", "(2, 2, 2)", ramp(8), "True")),
              HasSubstr("is in Fortran order; expected C order"));
  EXPECT_THAT(said(npy_bytes("<c8", "(1,)", ramp(8))), HasSubstr("[npy-type]"));
  EXPECT_THAT(said(npy_bytes("|u1", "(8,)", ramp(8))), HasSubstr("is an array [8]; images are"));
  EXPECT_THAT(said(npy_bytes("|u1", "(0, 28, 28)", "")), HasSubstr("holds no images"));
  EXPECT_THAT(said(npy_bytes("|u1", "(2, 0, 28)", "")), HasSubstr("its images have no pixels"));
  EXPECT_THAT(said(npy_bytes("|u1", "(99999999999, 28, 28)", "x")), HasSubstr("has 1 bytes"));
  EXPECT_THAT(said(gzipped(npy_bytes("|u1", "(99999999, 28, 28)", "x"))),
              HasSubstr("bytes of compressed data cannot hold so much"));
  EXPECT_THAT(said(npy_bytes("|u1", "(1, 1, 2, 2, 2)", ramp(8))), HasSubstr("images are [N, D]"));
}

TEST(Npz, ArraysAreFoundByTheirNamesStoredOrDeflated) {
  const Folder folder;
  const std::vector<Member> keras = {
      {"x_train.npy", npy_bytes("|u1", "(3, 2, 2)", ramp(12))},
      {"y_train.npy", npy_bytes("<i8", "(3,)", elements_of<int64_t>({4, 5, 6}))},
      {"x_test.npy", npy_bytes("|u1", "(1, 2, 2)", ramp(4, 100))},
      {"y_test.npy", npy_bytes("|u1", "(1,)", "\x09")}};
  for (const bool deflated : {false, true}) {
    const std::string path = folder.write("mnist.npz", zip_bytes(keras, deflated));
    const ImageSet train = read_or_fail(path);
    ASSERT_EQ(train.size(), 3U);
    EXPECT_EQ(train.label(2), 6);
    EXPECT_THAT(values_of(train, 2), ElementsAre(8, 9, 10, 11));
    const ImageSet test = read_or_fail(path, kTest);
    EXPECT_THAT(values_of(test, 0), ElementsAre(100, 101, 102, 103));
    EXPECT_EQ(test.label(0), 9);
    EXPECT_EQ(read_or_fail(path, {.split = Split::kAll}).size(), 4U);
    // As the one archive of a folder too.
    EXPECT_EQ(read_or_fail(folder.path(), kTest).size(), 1U);
  }
}

TEST(Npz, AFolderHasOneForEachSplit) {
  const Folder folder;
  // As Omniglot's: characters by drawers by pixels, labels by characters and drawers.
  const auto archive = [](const std::string& shape, size_t count) {
    std::vector<int64_t> labels(count);
    for (size_t i = 0; i < count; ++i) labels[i] = static_cast<int64_t>(i / 2);
    return zip_bytes({{"images.npy", npy_bytes("|b1", "(" + shape + ", 2, 5, 5)",
                                               std::string(count * 25, '\xff'))},
                      {"labels.npy", npy_bytes("<i8", "(" + shape + ", 2)", elements_of(labels))}},
                     true);
  };
  folder.write("images_background.npz", archive("3", 6));
  folder.write("images_evaluation.npz", archive("2", 4));
  const ImageSet train = read_or_fail(folder.path());
  ASSERT_EQ(train.size(), 6U);
  EXPECT_EQ(train.shape(), (ImageShape{1, 5, 5}));
  EXPECT_EQ(train.label(5), 2);
  EXPECT_TRUE(train.is_binary());
  EXPECT_EQ(read_or_fail(folder.path(), kTest).size(), 4U);
}

TEST(Npz, BrokenArchivesAreNamedWithThePlace) {
  const Folder folder;
  const std::vector<Member> members = {{"x.npy", npy_bytes("|u1", "(2, 2, 2)", ramp(8))}};
  const auto said = [&](const std::string& bytes) {
    return error_of(folder.write("a.npz", bytes));
  };
  for (const bool deflated : {false, true}) {
    const std::string whole = zip_bytes(members, deflated);
    EXPECT_THAT(said(whole.substr(0, whole.size() - 5)), HasSubstr("has no directory at its end"));
    // A bit of the data: found by the checksum, or by the decompressor.
    std::string flipped = whole;
    flipped[30 + 5 + 20 + 40] = static_cast<char>(flipped[30 + 5 + 20 + 40] ^ 4);
    EXPECT_THAT(said(flipped), HasSubstr("has a damaged member `x.npy` (byte 55)"));
    // Each byte that is cut off, and each that is turned round: a set, or something said.
    for (size_t size = 0; size < whole.size(); ++size) {
      source::DiagnosticSink sink;
      const auto set = read_image_set(folder.write("c.npz", whole.substr(0, size)), {}, sink);
      EXPECT_FALSE(set.has_value()) << size;
      EXPECT_TRUE(sink.has_errors()) << size;
      std::string turned = whole;
      turned[size] = static_cast<char>(~turned[size]);
      source::DiagnosticSink other;
      const auto got = read_image_set(folder.write("c.npz", turned), {}, other);
      EXPECT_EQ(got.has_value(), !other.has_errors()) << size;
    }
  }
  EXPECT_THAT(said(zip_bytes({}, false) + "PK\x03\x04"), HasSubstr("is no set of images"));
  EXPECT_THAT(said(zip_bytes({{"labels.npy", npy_bytes("|u1", "(2,)", "12")}}, false)),
              HasSubstr("holds no array of images"));
  EXPECT_THAT(said(zip_bytes({{"a.npy", members[0].bytes}, {"b.npy", members[0].bytes}}, false)),
              HasSubstr("holds several sets of images: `a.npy`, `b.npy`"));
  EXPECT_THAT(said(zip_bytes(
                  {{"x.npy", members[0].bytes}, {"y.npy", npy_bytes("|u1", "(3,)", "123")}}, true)),
              HasSubstr("a.npz:y.npy` has 3 labels, and `"));
  EXPECT_THAT(said(zip_bytes({{"x.npy", members[0].bytes},
                              {"y.npy", npy_bytes("<f4", "(2,)", elements_of<float>({1, 0.5}))}},
                             true)),
              HasSubstr("has the label 0.5; labels are whole numbers"));
  // A member that says it is a million times what it is.
  std::string bomb = zip_bytes({{"x.npy", members[0].bytes}}, true);
  const size_t entry = bomb.rfind("PK\x01\x02");
  bomb.replace(entry + 24, 4, std::string("\xff\xff\xff\x3f", 4));
  EXPECT_THAT(said(bomb), HasSubstr("compressed data cannot hold so much"));
}

TEST(Npz, Omniglot) {
  const std::string path = std::string(VINCI_SHARED_DIR) + "/data/omniglot";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no Omniglot here";
  const ImageSet test = read_or_fail(path, kTest);
  EXPECT_EQ(test.size(), 13180U);
  EXPECT_EQ(test.shape(), (ImageShape{1, 105, 105}));
  EXPECT_EQ(test.label(20), 1);
  EXPECT_TRUE(test.is_binary());
  const ImageSet small = read_or_fail(path + "/omniglot28");
  EXPECT_EQ(small.size(), 19280U);
  EXPECT_EQ(small.shape(), (ImageShape{1, 28, 28}));
}

}  // namespace
}  // namespace vinci::dataset
