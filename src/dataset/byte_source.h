// A file's bytes from the first to the last, inflated where it is gzipped; in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace vinci::dataset {

/// Opens regular files and pipes. Throws Error(kIo), a sentence, where the system fails, and
/// FormatFault where gzip data is damaged or ends early.
class ByteSource {
 public:
  explicit ByteSource(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& path() const { return path_; }
  bool is_gzipped() const { return inflater_ != nullptr; }
  /// Bytes given out so far.
  uint64_t offset() const { return offset_; }

  /// Up to `count` bytes; fewer only at the end of the file.
  size_t read(char* to, size_t count);
  /// Looks at the first bytes without taking them, before anything was read; fewer than
  /// `count` <= 4096 only where the file is shorter.
  std::string peek(size_t count);
  /// A line without its end; false at the end of the file. `ended` tells whether a line feed
  /// followed. Lines of more than 64 MiB are a FormatFault.
  bool line(std::string& out, bool& ended);

 private:
  struct Inflater;

  /// Makes buffer_ hold unread bytes; false at the end of the file.
  bool fill();
  size_t read_file(char* to, size_t count);
  size_t inflate_some(char* to, size_t count);

  std::string path_;
  int descriptor_ = -1;
  std::unique_ptr<Inflater> inflater_;
  std::string buffer_;  // unpacked; unread from at_
  size_t at_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace vinci::dataset
