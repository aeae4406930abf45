// Tables of integers: each format comes back as it was, and what is wrong is named.
#include "dataset/table_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "dataset/picture_table.h"
#include "dataset/testing/files.h"
#include "image/image.h"
#include "vinci/error.h"

namespace vinci::dataset {
namespace {

using testing::big_endian;
using testing::elements_of;
using ::testing::ElementsAre;
using testing::Folder;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::idx_bytes;
using testing::npy_bytes;
using testing::ramp;
using testing::zip_bytes;

/// All rows, two at a time, through a writer.
std::string restored(const std::string& path) {
  const auto reader = open_table(path);
  std::vector<std::vector<int64_t>> blocks;
  size_t rows = 0;
  for (std::vector<int64_t> block;; block.clear()) {
    const size_t got = reader->read(block, 2);
    if (got == 0) break;
    EXPECT_EQ(block.size(), got * reader->layout().columns);
    rows += got;
    blocks.push_back(block);
  }
  std::string out;
  TableWriter writer(reader->layout(), [&](std::string_view part) { out += part; });
  writer.begin(rows);
  for (size_t i = 0; i < blocks.size(); ++i) writer.write(2 * i, blocks[i]);
  writer.finish(reader->end());
  return out;
}

std::string message_of(const std::string& path) {
  try {
    const auto reader = open_table(path);
    std::vector<int64_t> values;
    while (reader->read(values, 100) > 0) values.clear();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TableFile, FilesComeBackByteForByte) {
  const Folder folder;
  const std::string files[] = {
      "a,\"b, c\"\n1,2\n-3,4\n5,6\n",
      "1,2\r\n3,4",
      "a\n",
      idx_bytes({3, 2, 2}, ramp(12, 250)),
      std::string("\0\0\x0C\x02", 4) + big_endian(1) + big_endian(2) + big_endian(0xfffffffe) +
          big_endian(7),
      npy_bytes("<i8", "(3, 2)", elements_of<int64_t>({1, -2, 1LL << 62, 4, 5, 6})),
      npy_bytes(">u2", "(2,)", "abcd"),
      npy_bytes("|b1", "(2, 2)", std::string("\0\x01\x01\0", 4)),
  };
  for (const std::string& bytes : files) {
    EXPECT_EQ(restored(folder.write("t", bytes)), bytes);
    EXPECT_EQ(restored(folder.write("t.gz", gzipped(bytes))), bytes);
  }
}

TEST(TableFile, TheArrayOfAnArchiveComesBackAsAFile) {
  const Folder folder;
  const std::string images = npy_bytes("|u1", "(3, 2, 2)", ramp(12));
  const std::string labels = npy_bytes("|u1", "(3,)", "123");
  for (const bool deflated : {false, true}) {
    const auto one = folder.write("one.npz", zip_bytes({{"arr_0.npy", images}}, deflated));
    EXPECT_EQ(restored(one), images);
    EXPECT_EQ(open_table(one)->left_out(), "");
    const auto two = folder.write(
        "two.npz", zip_bytes({{"labels.npy", labels}, {"images.npy", images}}, deflated));
    EXPECT_EQ(restored(two), images);
    EXPECT_EQ(open_table(two)->left_out(), "`labels.npy`");
  }
  EXPECT_THAT(message_of(folder.write(
                  "x.npz", zip_bytes({{"x_train.npy", images}, {"x_test.npy", images}}, true))),
              HasSubstr("holds no single array of images"));
  EXPECT_THAT(message_of(folder.write(
                  "f.npz", zip_bytes({{"x.npy", npy_bytes("<f4", "(1, 2)", ramp(8))}}, true))),
              HasSubstr("x.npy` has elements of type `<f4`; only integers can be compressed"));
}

TEST(TableFile, PicturesComeBackByNameAndPixels) {
  const Folder folder;
  std::map<std::string, std::string> files;
  for (const char* name : {"a.png", "deep/er/b.png", "deep/c 10.PNG", "deep/c 9.PNG"}) {
    image::Image picture{3, 2, 3, {}};
    for (const char c : ramp(18, static_cast<unsigned>(files.size() * 18)))
      picture.pixels.push_back(static_cast<uint8_t>(c));
    files[name] = image::encode_png(picture);
    folder.write(name, files[name]);
  }
  folder.write("notes.txt", "");
  const auto reader = open_table(folder.path());
  EXPECT_THAT(reader->layout().row_shape, ElementsAre(2, 3, 3));
  EXPECT_TRUE(reader->layout().is_image());
  EXPECT_EQ(reader->expected_rows(), 4U);
  EXPECT_EQ(reader->left_out(), "1 file that is no picture");
  std::vector<int64_t> values;
  ASSERT_EQ(reader->read(values, 100), 4U);
  std::map<std::string, std::string> again;
  PictureWriter writer(reader->layout(), [&](const std::string& name, std::string_view bytes) {
    EXPECT_TRUE(again.emplace(name, bytes).second);
  });
  // From the middle on, then the beginning: rows know their names.
  writer.begin(4);
  writer.write(2, {values.begin() + 36, values.end()});
  writer.write(0, {values.begin(), values.begin() + 36});
  writer.finish(reader->end());
  EXPECT_EQ(again, files);
  EXPECT_THROW(TableWriter(reader->layout(), [](std::string_view) {}), Error);
}

TEST(TableFile, PicturesThatWouldNotComeBackAreRefused) {
  const Folder folder;
  EXPECT_THAT(message_of(folder.path()), HasSubstr("is a folder without PNG files"));
  folder.write("a.bmp", "BM");
  EXPECT_THAT(message_of(folder.path()), HasSubstr("a.bmp` is no PNG file; only these can be"));
}

TEST(TableFile, NamesNeverLeadOutOfTheFolder) {
  // A layout as it might stand in a file that was made to do harm.
  const Folder folder;
  folder.write("aaaa.png", image::encode_png({1, 1, 1, {7}}));
  TableLayout layout = open_table(folder.path())->layout();
  const auto packed = [](const std::string& names) {
    uLongf size = compressBound(names.size());
    std::string out = elements_of<uint64_t>({names.size()}) + std::string(size, '\0');
    compress(reinterpret_cast<Bytef*>(out.data() + 8), &size,
             reinterpret_cast<const Bytef*>(names.data()), names.size());
    out.resize(8 + size);
    return out;
  };
  const auto refused = [&](const std::string& preamble) -> std::string {
    layout.preamble = preamble;
    try {
      PictureWriter(layout, [](const std::string&, std::string_view) {});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refused(packed(std::string("a/b..c/.d\0", 10))), "");
  for (const char* name : {"../a", "/a", "a/../b", "a//b", "a/", ".", "..", "a/..", ""})
    EXPECT_THAT(refused(packed(name + std::string(1, '\0'))), HasSubstr("lead out of")) << name;
  EXPECT_THAT(refused(packed("no end")), HasSubstr("are damaged"));
  EXPECT_THAT(refused("1234"), HasSubstr("are cut off"));
  EXPECT_THAT(refused(std::string("\xff\xff\xff\xff\xff\xff\xff\xff_", 9)), HasSubstr("damaged"));
  EXPECT_THAT(refused(elements_of<uint64_t>({100'000'000}) + "123456789"), HasSubstr("damaged"));
  // More rows than names, and a value that no pixel has.
  layout.preamble = packed(std::string("a\0", 2));
  PictureWriter writer(layout, [](const std::string&, std::string_view) {});
  EXPECT_THROW(writer.write(1, {0}), Error);
  EXPECT_THROW(writer.write(0, {256}), Error);
}

TEST(TableFile, SaysWhatIsWrongAndWhere) {
  const Folder folder;
  const auto opened = [&](const std::string& bytes) {
    return message_of(folder.write("t", bytes));
  };
  EXPECT_THAT(opened("a,b\n1,2\n3,4.5\n"), HasSubstr(", line 3: field 2 is `4.5`; expected"));
  EXPECT_THAT(opened("a,b\n1,2\n3\n"), HasSubstr(", line 3: 1 fields; the rows before have 2"));
  EXPECT_THAT(opened("a\n9223372036854775808\n"), HasSubstr("at most 64 bits"));
  EXPECT_THAT(opened(""), HasSubstr("is empty"));
  EXPECT_THAT(opened(std::string("\x01\x02\x03\x04\x05", 5)), HasSubstr("is none of CSV"));
  EXPECT_THAT(opened(idx_bytes({3, 2, 2}, ramp(10))), HasSubstr("ends after 2 of its 3"));
  EXPECT_THAT(opened(idx_bytes({3, 2, 2}, ramp(13))), HasSubstr("goes on after"));
  EXPECT_THAT(opened(idx_bytes({3, 0, 2}, "")), HasSubstr("rows of no numbers"));
  EXPECT_THAT(opened(std::string("\0\0\x0D\x01\0\0\0\x01....", 12)), HasSubstr("real numbers"));
  EXPECT_THAT(opened(npy_bytes("<f8", "(1,)", "12345678")), HasSubstr("elements of type `<f8`"));
  EXPECT_THAT(opened(npy_bytes("<i2", "()", "12")), HasSubstr("holds a single number"));
  EXPECT_THAT(opened(npy_bytes("<i2", "(2, 2)", ramp(8), "True")), HasSubstr("Fortran order"));
  EXPECT_THAT(opened(npy_bytes("<i2", "(2, 2)", ramp(6))), HasSubstr("ends after 1 of its 2 rows"));
  EXPECT_THAT(opened(npy_bytes("<u8", "(1,)", std::string(8, '\xff'))),
              HasSubstr("above 2^63 - 1"));
  EXPECT_THAT(opened(std::string("\x93NUMPY\x01\0\x05\0{'a':", 15)), HasSubstr("is no array"));
  std::string zipped = gzipped(ramp(10000, 0, 251) + "\n");
  EXPECT_THAT(opened(zipped.substr(0, zipped.size() - 12)), HasSubstr("gzip data"));
}

}  // namespace
}  // namespace vinci::dataset
