#include "dataset/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "dataset/format_fault.h"
#include "vinci/error.h"

namespace vinci::dataset {

namespace {

constexpr size_t kBlock = size_t{1} << 17;
constexpr size_t kMaxLine = size_t{1} << 26;
constexpr const char* kGzipMark = "\x1f\x8b";

[[noreturn]] void io_error(const std::string& path) {
  throw Error(Error::Kind::kIo,
              fmt::format("The file `{}` cannot be read: {}.", path, std::strerror(errno)));
}

}  // namespace

struct ByteSource::Inflater {
  z_stream stream{};
  std::string packed;       // read from the file
  bool is_inside = true;    // a member of the file has begun and not ended
  bool is_padding = false;  // what is left of the file is no gzip data

  Inflater() {
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

ByteSource::ByteSource(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) io_error(path_);
  try {
    buffer_.resize(kBlock);
    buffer_.resize(read_file(buffer_.data(), kBlock));
    if (!buffer_.starts_with(kGzipMark)) return;
    inflater_ = std::make_unique<Inflater>();
    inflater_->packed.swap(buffer_);
    inflater_->stream.next_in = reinterpret_cast<Bytef*>(inflater_->packed.data());
    inflater_->stream.avail_in = static_cast<uInt>(inflater_->packed.size());
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

ByteSource::~ByteSource() { ::close(descriptor_); }

size_t ByteSource::read_file(char* to, size_t count) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::read(descriptor_, to + done, std::min<size_t>(count - done, 1U << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) io_error(path_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

size_t ByteSource::inflate_some(char* to, size_t count) {
  Inflater& state = *inflater_;
  z_stream& stream = state.stream;
  stream.next_out = reinterpret_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(std::min<size_t>(count, 1U << 30));
  const uInt room = stream.avail_out;
  const auto damaged = [&](const char* what) {
    throw FormatFault(path_, fmt::format("is damaged: {}", what),
                      offset_ + (room - stream.avail_out), "copy or pack the file again");
  };
  while (stream.avail_out > 0 && !state.is_padding) {
    if (stream.avail_in == 0) {
      state.packed.resize(kBlock);
      state.packed.resize(read_file(state.packed.data(), kBlock));
      stream.next_in = reinterpret_cast<Bytef*>(state.packed.data());
      stream.avail_in = static_cast<uInt>(state.packed.size());
      if (stream.avail_in == 0) {
        if (state.is_inside)
          throw FormatFault(path_, "ends in the middle of its gzip data",
                            offset_ + (room - stream.avail_out), "copy the file again");
        break;
      }
    }
    if (!state.is_inside) {
      // A file may have several members, and zeros behind them (as gzip and tar leave them).
      if (stream.next_in[0] != 0x1f) {
        state.is_padding = true;
        if (stream.next_in[0] != 0) damaged("bytes follow its gzip data that do not belong to it");
        break;
      }
      inflateReset(&stream);
      state.is_inside = true;
    }
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      state.is_inside = false;
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      damaged(stream.msg != nullptr ? stream.msg : "it is no gzip data");
    }
  }
  return room - stream.avail_out;
}

bool ByteSource::fill() {
  if (at_ < buffer_.size()) return true;
  at_ = 0;
  buffer_.resize(kBlock);
  buffer_.resize(is_gzipped() ? inflate_some(buffer_.data(), kBlock)
                              : read_file(buffer_.data(), kBlock));
  return !buffer_.empty();
}

size_t ByteSource::read(char* to, size_t count) {
  size_t done = std::min(count, buffer_.size() - at_);
  std::memcpy(to, buffer_.data() + at_, done);
  at_ += done;
  offset_ += done;
  while (done < count) {
    // Past the buffer: what is large goes where it is wanted at once.
    const size_t got =
        is_gzipped() ? inflate_some(to + done, count - done) : read_file(to + done, count - done);
    if (got == 0) break;
    done += got;
    offset_ += got;
  }
  return done;
}

std::string ByteSource::peek(size_t count) {
  if (!fill()) return {};
  return buffer_.substr(at_, count);
}

bool ByteSource::line(std::string& out, bool& ended) {
  out.clear();
  ended = false;
  while (fill()) {
    const size_t feed = buffer_.find('\n', at_);
    const size_t end = feed == std::string::npos ? buffer_.size() : feed;
    out.append(buffer_, at_, end - at_);
    if (out.size() > kMaxLine) throw FormatFault(path_, "has a line of more than 64 MiB", offset_);
    const size_t taken = end - at_ + (feed == std::string::npos ? 0 : 1);
    at_ += taken;
    offset_ += taken;
    if (feed != std::string::npos) {
      ended = true;
      return true;
    }
  }
  return !out.empty();
}

}  // namespace vinci::dataset
