#include "coding/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "coding/bytes.h"
#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"
#include "vinci/error.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;
using ::testing::HasSubstr;

/// A file that is removed at the end of its test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    static int count = 0;
    path_ = ::testing::TempDir() + "vinci_" + info->test_suite_name() + "_" + info->name() +
            std::to_string(count++);
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string gzipped(const std::string& bytes) {
  const TemporaryFile file("");
  gzFile out = gzopen(file.path().c_str(), "wb");
  gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(out);
  std::ifstream in(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string packed(const std::string& path, const LearnOptions& learn, CompressOptions options,
                   CodingReport* report = nullptr, ComponentModelPtr* used = nullptr) {
  const auto model =
      make_component_model(learn_from(*dataset::open_table(path), options, learn, 0, Context()));
  if (used != nullptr) *used = model;
  std::string out;
  const auto reader = dataset::open_table(path);
  const CodingReport r =
      compress(*reader, *model, options, [&](std::string_view part) { out += part; }, Context());
  EXPECT_EQ(r.file_bytes, out.size());
  if (report != nullptr) *report = r;
  return out;
}

std::string unpacked(const std::string& bytes, DecompressOptions options = {},
                     DecompressReport* report = nullptr) {
  const VbbFile file = read_vbb(bytes, "t.vbb");
  std::string out;
  const DecompressReport r = decompress(
      file, "t.vbb", *model_of(file, "t.vbb", nullptr), options,
      [&](std::string_view part) { out += part; }, Context());
  if (report != nullptr) *report = r;
  return out;
}

std::string csv(RandomStream& random, size_t rows) {
  std::string out = "a,\"b, c\",d\n";
  for (size_t r = 0; r < rows; ++r) {
    const bool first = random.uniform() < 0.3;
    out += std::to_string(random.integer(4)) + ',' +
           std::to_string(std::lround(random.normal(first ? -400 : 900, 40))) + ',' +
           std::to_string(static_cast<int64_t>(std::exp(random.uniform(0, first ? 3 : 40)))) + '\n';
  }
  return out;
}

std::string idx(const std::vector<uint8_t>& values, uint32_t images, uint32_t height,
                uint32_t width) {
  std::string out("\0\0\x08\x03", 4);
  for (const uint32_t d : {images, height, width})
    for (int k = 3; k >= 0; --k) out += static_cast<char>(d >> (8 * k));
  return out.append(values.begin(), values.end());
}

std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size());
  out += static_cast<char>(header.size() >> 8);
  return out + header + data;
}

TEST(Codec, RestoresFilesByteForByte) {
  RandomStream random(1);
  std::vector<uint8_t> pixels(60 * 80);
  for (uint8_t& p : pixels) p = static_cast<uint8_t>(random.integer(2) * random.integer(256));
  const std::string words(4 * 30, '\x81');
  std::string varied;
  for (int k = 0; k < 240; ++k) varied += static_cast<char>(random.integer(256));
  const std::vector<std::string> files = {
      csv(random, 400),
      "x\n1\n2\n3",
      "1,2\r\n-3,4\r\n",
      "only,names\n",
      "only,names",
      "n\n-9223372036854775808\n9223372036854775807\n0\n",
      idx(pixels, 60, 8, 10),
      idx({}, 0, 28, 28),
      idx(std::vector<uint8_t>(784, 7), 1, 28, 28),
      npy("<i4", "(30,)", words),
      npy(">i2", "(10, 4, 3)", varied),
      npy("|b1", "(240, 1)", std::string(240, '\1')),
      npy("<i8", "(30, 1)", varied),
      npy("<i8", "(0, 5)", ""),
  };
  for (const std::string& text : files) {
    for (const bool zip : {false, true}) {
      const TemporaryFile file(zip ? gzipped(text) : text);
      for (const ModelKind kind : {ModelKind::kMixture, ModelKind::kHmm}) {
        LearnOptions learn{kind, 2, 5};
        CompressOptions options;
        options.chunk_rows = 37;
        CodingReport report;
        const std::string bytes = packed(file.path(), learn, options, &report);
        EXPECT_TRUE(report.end.canonical);
        EXPECT_TRUE(read_vbb(bytes, "t").is_whole());
        ASSERT_EQ(unpacked(bytes), text) << text.substr(0, 40);
      }
    }
  }
}

TEST(Codec, BytesDependNeitherOnThreadsNorOnTheInstructionSet) {
  RandomStream random(2);
  std::vector<uint8_t> pixels(100 * 12 * 12);
  for (uint8_t& p : pixels) p = static_cast<uint8_t>(random.integer(2));
  const TemporaryFile images(idx(pixels, 100, 12, 12));
  const TemporaryFile table(csv(random, 300));
  const auto before = numeric::simd_target();
  for (const TemporaryFile* file : {&images, &table}) {
    const LearnOptions learn{ModelKind::kMixture, 3, 3};
    CompressOptions options;
    options.chunk_rows = 17;
    numeric::set_simd_target(numeric::SimdTarget::kBaseline);
    const auto model = make_component_model(
        learn_from(*dataset::open_table(file->path()), options, learn, 0, Context()));
    std::string reference;
    for (const auto target : {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                              numeric::SimdTarget::kAvx512}) {
      if (!numeric::set_simd_target(target)) continue;
      for (const int threads : {1, 2, 3}) {
        options.threads = threads;
        std::string bytes;
        compress(
            *dataset::open_table(file->path()), *model, options,
            [&](std::string_view part) { bytes += part; }, Context());
        if (reference.empty()) reference = bytes;
        ASSERT_EQ(bytes, reference);
      }
    }
    // Written by one, read by another.
    numeric::set_simd_target(numeric::SimdTarget::kBaseline);
    DecompressOptions two;
    two.threads = 2;
    const std::string one = unpacked(reference);
    numeric::set_simd_target(before);
    EXPECT_EQ(unpacked(reference, two), one);
  }
  numeric::set_simd_target(before);
}

TEST(Codec, NetRateIsTheBoundWithinATenthOfAPercent) {
  RandomStream random(3);
  const TemporaryFile file(csv(random, 20000));
  for (const ModelKind kind : {ModelKind::kMixture, ModelKind::kHmm}) {
    CodingReport report;
    packed(file.path(), {kind, 3, 10}, {}, &report);
    EXPECT_EQ(report.rows, 20000u);
    // The file has its frame on top of the rate: header, index and checksums, about 150 bytes.
    EXPECT_NEAR(report.net_bits() / report.bound_bits, 1, 1e-3 + 8 * 250 / report.bound_bits);
    EXPECT_GT(report.net_bits(), report.bound_bits);
  }
}

TEST(Codec, ValuesOutsideOfTheModelAreKept) {
  RandomStream random(4);
  const TemporaryFile learned("x,y\n1,5\n2,5\n1,5\n");
  CompressOptions options;
  options.embed_model = false;
  const auto model = make_component_model(
      learn_from(*dataset::open_table(learned.path()), options, {}, 0, Context()));
  const std::string text =
      "x,y\n1,5\n-9223372036854775808,6\n9223372036854775807,-5\n3,5\n0,5\n2,5\n";
  const TemporaryFile other(text);
  std::string bytes;
  const CodingReport report = compress(
      *dataset::open_table(other.path()), *model, options,
      [&](std::string_view part) { bytes += part; }, Context());
  EXPECT_EQ(report.escapes, 6u);
  const VbbFile file = read_vbb(bytes, "t");
  std::string out;
  decompress(
      file, "t", *model_of(file, "t", model), {}, [&](std::string_view part) { out += part; },
      Context());
  EXPECT_EQ(out, text);
}

std::string message(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Codec, RefusesAnotherModel) {
  RandomStream random(5);
  const TemporaryFile file(csv(random, 200));
  CompressOptions options;
  options.embed_model = false;
  ComponentModelPtr right;
  const std::string bytes =
      packed(file.path(), {ModelKind::kMixture, 2, 5}, options, nullptr, &right);
  ComponentModelPtr wrong;
  packed(file.path(), {ModelKind::kMixture, 3, 5}, options, nullptr, &wrong);
  const VbbFile vbb = read_vbb(bytes, "t.vbb");
  EXPECT_THAT(message([&] { model_of(vbb, "t.vbb", wrong); }),
              HasSubstr("`t.vbb` was written with another model: mixture:2 with fingerprint"));
  EXPECT_THAT(message([&] { model_of(vbb, "t.vbb", nullptr); }), HasSubstr("give it with --model"));
  EXPECT_EQ(model_of(vbb, "t.vbb", right), right);
  // Through a model file.
  const std::string stored = model_file_bytes(right->codes());
  EXPECT_NO_THROW(model_of(vbb, "t.vbb", make_component_model(read_model_file(stored, "m"))));
  std::string flipped = stored;
  flipped[20] ^= 4;
  EXPECT_THAT(message([&] { read_model_file(flipped, "m"); }), HasSubstr("checksum"));
}

TEST(Codec, ADamagedChunkIsNamedAndTheOthersDecode) {
  std::string text = "v\n";
  for (int r = 0; r < 100; ++r) text += std::to_string(r * r % 17) + '\n';
  const TemporaryFile file(text);
  CompressOptions options;
  options.chunk_rows = 20;
  const std::string good = packed(file.path(), {ModelKind::kMixture, 2, 5}, options);
  const VbbFile structure = read_vbb(good, "t");
  ASSERT_EQ(structure.chunks.size(), 5u);
  std::string bad = good;
  bad[structure.chunks[2].offset + 24] ^= 1;  // in its bytes
  EXPECT_EQ(message([&] { unpacked(bad); }),
            "`t.vbb`: Chunk 2 (rows 40 to 59) is damaged: its checksum is wrong. (--salvage writes "
            "what can be read)");
  DecompressOptions salvage;
  salvage.salvage = true;
  DecompressReport report;
  const std::string rest = unpacked(bad, salvage, &report);
  std::string expected = "v\n";
  for (int r = 0; r < 100; ++r)
    if (r < 40 || r >= 60) expected += std::to_string(r * r % 17) + '\n';
  EXPECT_EQ(rest, expected);
  EXPECT_EQ(report.rows, 80u);
  ASSERT_EQ(report.lost.size(), 1u);
  // Rows elsewhere do not need it.
  DecompressOptions range;
  range.first_row = 65;
  range.last_row = 67;
  EXPECT_EQ(unpacked(bad, range), "v\n9\n4\n");

  // A head: the index still tells where the others are, and without index they are searched for.
  bad = good;
  bad[structure.chunks[1].offset + 5] ^= 1;
  EXPECT_THAT(message([&] { unpacked(bad); }), HasSubstr("Chunk 1 (rows 20 to 39) is damaged"));
  bad.resize(bad.size() - 3);
  EXPECT_THAT(message([&] { unpacked(bad); }), HasSubstr("cut off"));
  unpacked(bad, salvage, &report);
  EXPECT_EQ(report.rows, 80u);

  // Cut in the middle of a chunk.
  const std::string cut = good.substr(0, structure.chunks[3].offset + 30);
  unpacked(cut, salvage, &report);
  EXPECT_EQ(report.rows, 60u);
  // Two files one after the other; chunks exchanged.
  EXPECT_FALSE(read_vbb(good + good, "t").is_whole());
  std::string swapped = good;
  const size_t begin = structure.chunks[1].offset;
  const size_t middle = structure.chunks[2].offset;
  const size_t end = structure.chunks[3].offset;
  swapped.replace(begin, end - begin,
                  good.substr(middle, end - middle) + good.substr(begin, middle - begin));
  EXPECT_FALSE(read_vbb(swapped, "t").is_whole());
}

TEST(Codec, AChunkOfAnotherFileIsNotTaken) {
  // The same rows and model, another seed: heads are checked with the header of the file.
  std::string text = "v\n";
  for (int r = 0; r < 40; ++r) text += std::to_string(r % 7) + '\n';
  const TemporaryFile file(text);
  CompressOptions options;
  options.chunk_rows = 20;
  const std::string one = packed(file.path(), {ModelKind::kMixture, 2, 5}, options);
  options.seed = 2;
  const std::string two = packed(file.path(),
                                 {
                                     ModelKind::kMixture,
                                     2,
                                     5,
                                 },
                                 options);
  const VbbFile a = read_vbb(one, "t");
  const VbbFile b = read_vbb(two, "t");
  std::string mixed = one;
  mixed.replace(a.chunks[0].offset, a.chunks[1].offset - a.chunks[0].offset,
                two.substr(b.chunks[0].offset, b.chunks[1].offset - b.chunks[0].offset));
  EXPECT_FALSE(read_vbb(mixed, "t").is_whole());
}

TEST(Codec, AnyBytesAreAFileOrAnError) {
  RandomStream random(6);
  const TemporaryFile file(csv(random, 120));
  CompressOptions options;
  options.chunk_rows = 50;
  const std::string good = packed(file.path(), {ModelKind::kHmm, 2, 3}, options);
  for (int n = 0; n < 300; ++n) {
    std::string bad = good;
    for (int k = 1 + static_cast<int>(random.integer(4)); k > 0; --k)
      bad[static_cast<size_t>(random.integer(static_cast<int64_t>(bad.size())))] =
          static_cast<char>(random.integer(256));
    if (n % 4 == 0)
      bad.resize(static_cast<size_t>(random.integer(static_cast<int64_t>(bad.size()))));
    DecompressOptions salvage;
    salvage.salvage = n % 2 == 0;
    message([&] { unpacked(bad, salvage); });
  }
  // Past the checksums: a wrong symbol leaves the stack elsewhere than where it began, a wrong bit
  // of those that are coded as they are does not.
  const VbbFile structure = read_vbb(good, "t");
  const auto model = model_of(structure, "t", nullptr);
  int found = 0;
  for (int n = 0; n < 300; ++n) {
    std::string bytes(structure.chunks[0].bytes);
    bytes[static_cast<size_t>(random.integer(static_cast<int64_t>(bytes.size())))] ^= 16;
    try {
      EXPECT_EQ(decode_chunk(*model, bytes, structure.chunks[0].rows, 0, 1, {}).size(),
                structure.chunks[0].rows * 3);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("is damaged"));
      ++found;
    }
  }
  EXPECT_GT(found, 30);
}

TEST(Codec, BinarisedImages) {
  std::vector<uint8_t> grey(2000 * 4);
  for (size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<uint8_t>(i % 4 * 80);
  const TemporaryFile file(idx(grey, 2000, 2, 2));
  CompressOptions options;
  options.binarise = Binarise::kThreshold;
  const std::string threshold = unpacked(packed(file.path(), {ModelKind::kMixture, 1}, options));
  for (size_t i = 0; i < grey.size(); ++i)
    ASSERT_EQ(threshold[16 + i], static_cast<char>(grey[i] >= 128));
  options.binarise = Binarise::kSample;
  options.chunk_rows = 100;
  const std::string sample = unpacked(packed(file.path(), {ModelKind::kMixture, 1}, options));
  double ones[4] = {};
  for (size_t i = 0; i < grey.size(); ++i) ones[i % 4] += sample[16 + i];
  // Four standard errors of 2000 draws.
  for (int k = 0; k < 4; ++k)
    EXPECT_NEAR(ones[k] / 2000, k * 80 / 255.0, 4 * std::sqrt(0.25 / 2000));
}

TEST(Bytes, ChecksumIsCastagnolis) {
  // The check value of CRC-32C.
  EXPECT_EQ(checksum("123456789"), 0xe3069283u);
  EXPECT_EQ(checksum(""), 0u);
}

TEST(Bytes, NumbersComeBack) {
  std::string out;
  const std::vector<int64_t> values = {0,
                                       -1,
                                       1,
                                       63,
                                       -64,
                                       64,
                                       std::numeric_limits<int64_t>::max(),
                                       std::numeric_limits<int64_t>::min()};
  for (const int64_t x : values) put_signed(out, x);
  put_u32(out, 0xdeadbeef);
  put_u64(out, 0x0123456789abcdef);
  put_text(out, "abc");
  ByteReader in(out);
  for (const int64_t x : values) EXPECT_EQ(in.signed_number(), x);
  EXPECT_EQ(in.u32(), 0xdeadbeefu);
  EXPECT_EQ(in.u64(), 0x0123456789abcdefu);
  EXPECT_EQ(in.text(), "abc");
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_FALSE(in.ok());
  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  endless.varint();
  EXPECT_FALSE(endless.ok());
}

}  // namespace
}  // namespace vinci::coding
