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

/// A .npy file of version 1.
inline std::string npy_bytes(const std::string& descr, const std::string& shape,
                             const std::string& elements, const std::string& order = "False") {
  std::string text =
      "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  text.resize((text.size() + 10 + 64) / 64 * 64 - 11, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\0", 8);
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text + elements;
}

template <class T>
std::string elements_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

struct Member {
  std::string name;
  std::string bytes;
};

/// A zip archive, as numpy.savez and savez_compressed write it.
inline std::string zip_bytes(const std::vector<Member>& members, bool deflate_them) {
  std::string out;
  std::string directory;
  const auto put = [](std::string& to, uint64_t value, int bytes) {
    for (int k = 0; k < bytes; ++k) to += static_cast<char>(value >> (8 * k) & 0xff);
  };
  for (const Member& member : members) {
    std::string packed = member.bytes;
    if (deflate_them) {
      z_stream stream{};
      deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
      packed.assign(deflateBound(&stream, member.bytes.size()) + 64, '\0');
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(member.bytes.data()));
      stream.avail_in = static_cast<uInt>(member.bytes.size());
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      deflate(&stream, Z_FINISH);
      packed.resize(stream.total_out);
      deflateEnd(&stream);
    }
    const uint64_t crc = crc32(0, reinterpret_cast<const Bytef*>(member.bytes.data()),
                               static_cast<uInt>(member.bytes.size()));
    std::string common;  // version, flags, method, time, date, CRC, sizes, length of the name
    put(common, 20, 2);
    put(common, 0, 2);
    put(common, deflate_them ? 8 : 0, 2);
    put(common, 0, 4);
    put(common, crc, 4);
    put(common, packed.size(), 4);
    put(common, member.bytes.size(), 4);
    put(common, member.name.size(), 2);
    const size_t offset = out.size();
    // NumPy leaves an extra field of 20 bytes in the local header.
    out += "PK\x03\x04" + common;
    put(out, 20, 2);
    out += member.name + std::string(20, '\0') + packed;
    directory += "PK\x01\x02";
    put(directory, 20, 2);
    directory += common;
    put(directory, 0, 2 + 2 + 2 + 2);
    put(directory, 0, 4);
    put(directory, offset, 4);
    directory += member.name;
  }
  const size_t begin = out.size();
  out += directory + std::string("PK\x05\x06\0\0\0\0", 8);
  put(out, members.size(), 2);
  put(out, members.size(), 2);
  put(out, directory.size(), 4);
  put(out, begin, 4);
  put(out, 0, 2);
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
