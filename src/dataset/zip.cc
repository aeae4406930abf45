// Layout of the records: .ZIP File Format Specification (PKWARE APPNOTE 6.3), 4.3 and 4.5.3.
#include "dataset/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "dataset/format_fault.h"
#include "dataset/whole_images.h"

namespace vinci::dataset {

namespace {

constexpr std::string_view kEndMark("PK\x05\x06", 4);
constexpr std::string_view kEnd64Mark("PK\x06\x06", 4);
constexpr std::string_view kLocatorMark("PK\x06\x07", 4);
constexpr std::string_view kEntryMark("PK\x01\x02", 4);
constexpr std::string_view kLocalMark("PK\x03\x04", 4);
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocatorBytes = 20;
constexpr size_t kEntryBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr uint32_t kIn64 = 0xffffffff;  // the number stands in the zip64 field
constexpr uint64_t kCheckedStored = uint64_t{1} << 28;

uint64_t little_endian(std::string_view bytes, size_t at, size_t count) {
  uint64_t out = 0;
  for (size_t k = count; k-- > 0;) out = out << 8 | static_cast<uint8_t>(bytes[at + k]);
  return out;
}

class DirectoryReader {
 public:
  DirectoryReader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  std::vector<ZipMember> read() {
    uint64_t count = 0;
    uint64_t at = 0;
    find_directory(count, at);
    std::vector<ZipMember> out;
    // Each entry takes bytes of the file, so that a false count ends at the end of the file.
    for (uint64_t k = 0; k < count; ++k) out.push_back(read_entry(at));
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& clause, uint64_t at) const {
    throw FormatFault(path_, clause, at, "the file was cut off or damaged; copy it again");
  }
  void require(uint64_t at, uint64_t count, const char* what) const {
    if (at > bytes_.size() || bytes_.size() - at < count)
      fail(fmt::format("ends inside {} of the archive", what), bytes_.size());
  }

  void find_directory(uint64_t& count, uint64_t& at) const {
    // A comment of up to 65,535 bytes may follow the end record.
    const size_t room = bytes_.size();
    const size_t from = room < kEndBytes + 0xffff ? 0 : room - kEndBytes - 0xffff;
    const size_t end = bytes_.rfind(kEndMark);
    if (room < kEndBytes || end == std::string_view::npos || end < from || room - end < kEndBytes)
      fail("has no directory at its end, as a .npz file (a zip archive) has", room);
    count = little_endian(bytes_, end + 10, 2);
    at = little_endian(bytes_, end + 16, 4);
    if (count != 0xffff && at != kIn64) return;
    if (end < kLocatorBytes || bytes_.substr(end - kLocatorBytes, 4) != kLocatorMark) {
      if (at == kIn64) fail("has no zip64 directory where it should be", end);
      return;  // 65,535 members exactly
    }
    const uint64_t end64 = little_endian(bytes_, end - kLocatorBytes + 8, 8);
    require(end64, kEnd64Bytes, "the zip64 directory");
    if (bytes_.substr(end64, 4) != kEnd64Mark) fail("has no zip64 directory where it says", end64);
    count = little_endian(bytes_, end64 + 32, 8);
    at = little_endian(bytes_, end64 + 48, 8);
  }

  ZipMember read_entry(uint64_t& at) const {
    require(at, kEntryBytes, "the directory");
    if (bytes_.substr(at, 4) != kEntryMark) fail("has a damaged directory", at);
    const uint64_t flags = little_endian(bytes_, at + 8, 2);
    const uint64_t method = little_endian(bytes_, at + 10, 2);
    ZipMember out;
    out.checksum = static_cast<uint32_t>(little_endian(bytes_, at + 16, 4));
    uint64_t packed = little_endian(bytes_, at + 20, 4);
    out.size = little_endian(bytes_, at + 24, 4);
    const uint64_t name = little_endian(bytes_, at + 28, 2);
    const uint64_t extra = little_endian(bytes_, at + 30, 2);
    const uint64_t comment = little_endian(bytes_, at + 32, 2);
    uint64_t local = little_endian(bytes_, at + 42, 4);
    require(at + kEntryBytes, name + extra + comment, "the directory");
    out.name = bytes_.substr(at + kEntryBytes, name);
    read_zip64(bytes_.substr(at + kEntryBytes + name, extra), out.size, packed, local);
    if ((flags & 1) != 0) fail(fmt::format("has the encrypted member `{}`", out.name), at);
    if (method != 0 && method != 8)
      fail(fmt::format("has the member `{}`, packed by method {}; stored and deflated ones are "
                       "read",
                       out.name, method),
           at + 10);
    out.is_deflated = method == 8;
    require(local, kLocalBytes, "a member");
    if (bytes_.substr(local, 4) != kLocalMark)
      fail(fmt::format("has no member `{}` where its directory says", out.name), local);
    // The local name and extra field may be others than in the directory.
    const uint64_t begin = local + kLocalBytes + little_endian(bytes_, local + 26, 2) +
                           little_endian(bytes_, local + 28, 2);
    require(begin, packed, fmt::format("the member `{}`", out.name).c_str());
    out.packed = bytes_.substr(begin, packed);
    if (!out.is_deflated && packed != out.size)
      fail(fmt::format("has the stored member `{}` with two sizes", out.name), at + 20);
    at += kEntryBytes + name + extra + comment;
    return out;
  }

  static void read_zip64(std::string_view extra, uint64_t& size, uint64_t& packed,
                         uint64_t& local) {
    while (extra.size() >= 4) {
      const uint64_t id = little_endian(extra, 0, 2);
      const size_t length = std::min<size_t>(little_endian(extra, 2, 2), extra.size() - 4);
      if (id == 1) {
        size_t at = 4;
        for (uint64_t* field : {&size, &packed, &local}) {
          if (*field != kIn64 || at + 8 > 4 + length) continue;
          *field = little_endian(extra, at, 8);
          at += 8;
        }
      }
      extra.remove_prefix(4 + length);
    }
  }

  std::string_view bytes_;
  const std::string& path_;
};

uint32_t crc32_of(std::string_view bytes) {
  uLong crc = crc32(0, nullptr, 0);
  constexpr size_t kPart = size_t{1} << 30;
  for (size_t at = 0; at < bytes.size(); at += kPart) {
    const std::string_view part = bytes.substr(at, kPart);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
  }
  return static_cast<uint32_t>(crc);
}

/// Raw deflate data; false where it does not give exactly `size` bytes.
bool inflate_all(std::string_view packed, uint8_t* to, uint64_t size) {
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) throw std::bad_alloc();
  constexpr uint64_t kPart = uint64_t{1} << 30;
  size_t in = 0;
  uint64_t out = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0) {
      const size_t part = std::min<size_t>(kPart, packed.size() - in);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + in));
      stream.avail_in = static_cast<uInt>(part);
      in += part;
    }
    const auto room = static_cast<uInt>(std::min(kPart, size - out));
    stream.next_out = to + out;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    out += room - stream.avail_out;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && out == size;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const source::MappedFile& file, const std::string& path) {
  return DirectoryReader(file.bytes(), path).read();
}

OwnedBytes zip_member_bytes(const std::shared_ptr<const source::MappedFile>& file,
                            const std::string& path, const ZipMember& member) {
  const auto damaged = [&] {
    return FormatFault(path, fmt::format("has a damaged member `{}`", member.name),
                       static_cast<uint64_t>(member.packed.data() - file->bytes().data()),
                       "copy or write the file again");
  };
  if (!member.is_deflated) {
    if (member.size <= kCheckedStored && crc32_of(member.packed) != member.checksum)
      throw damaged();
    return {member.packed, file};
  }
  accept_bytes(path, fmt::format("the array `{}`", member.name), member.size, member.packed.size());
  std::shared_ptr<uint8_t[]> bytes(
      std::make_unique_for_overwrite<uint8_t[]>(std::max<uint64_t>(1, member.size)));
  if (!inflate_all(member.packed, bytes.get(), member.size)) throw damaged();
  const std::string_view view(reinterpret_cast<const char*>(bytes.get()), member.size);
  if (crc32_of(view) != member.checksum) throw damaged();
  return {view, std::move(bytes)};
}

}  // namespace vinci::dataset
