// Files and folders that tests write, and what the readers say of them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "dataset/read.h"
#include "source/render.h"

namespace vinci::dataset::testing {

/// A folder that is removed at the end of its test.
class Folder {
 public:
  Folder() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    static int count = 0;
    path_ = std::filesystem::path(::testing::TempDir()) /
            ("vinci_" + std::string(info->test_suite_name()) + "_" + info->name() + "_" +
             std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  /// Writes the file, and the folders that it lies in; its path.
  std::string write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path to = path_ / name;
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << bytes;
    return to.string();
  }

 private:
  std::filesystem::path path_;
};

inline std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string big_endian(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

/// An idx file of unsigned bytes.
inline std::string idx_bytes(const std::vector<uint32_t>& dims, const std::string& values) {
  std::string out("\0\0\x08", 3);
  out += static_cast<char>(dims.size());
  for (const uint32_t d : dims) out += big_endian(d);
  return out + values;
}

/// `count` values 0, 1, 2, ... modulo `range`, from `first`.
inline std::string ramp(size_t count, unsigned first = 0, unsigned range = 256) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>((first + i) % range);
  return out;
}

inline ImageSet read_or_fail(const std::string& path, const ReadOptions& options = {}) {
  source::DiagnosticSink sink;
  const auto set = read_image_set(path, options, sink);
  EXPECT_TRUE(set.has_value()) << source::render_text(sink, {});
  EXPECT_FALSE(sink.has_errors());
  return set.value_or(ImageSet());
}

/// The one error of reading, as users see it.
inline std::string error_of(const std::string& path, const ReadOptions& options = {}) {
  source::DiagnosticSink sink;
  EXPECT_FALSE(read_image_set(path, options, sink).has_value());
  EXPECT_EQ(sink.num_errors(), 1);
  return source::render_text(sink, {});
}

inline std::vector<int> values_of(const ImageSet& set, size_t i) {
  const auto image = set.image(i);
  return {image.begin(), image.end()};
}

}  // namespace vinci::dataset::testing
