// Output files appear whole or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace vinci::draws {

/// Buffered output to a file descriptor that remembers the first failure.
class FileWriter {
 public:
  explicit FileWriter(int descriptor) : descriptor_(descriptor) { buffer_.reserve(kBufferBytes); }

  void write(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > kBufferBytes) flush();
    buffer_ += bytes;
  }
  /// The shortest decimal number that reads back as `value`; nan, inf, -inf. With
  /// `significant_digits` > 0, that many.
  void write_number(double value, int significant_digits = 0);
  /// Hands the buffer to the system. False, as ever after, once a write has failed.
  bool flush();
  int error() const { return error_; }

 private:
  static constexpr size_t kBufferBytes = size_t{1} << 16;

  int descriptor_;
  int error_ = 0;  // errno of the first failure
  std::string buffer_;
};

/// Throws Error(kIo): `path` cannot be written, for the reason that this errno is.
[[noreturn]] void fail_writing(const std::string& path, int error);

/// Runs `fill` on a new file beside `path`, makes sure that its bytes are on the disk and renames
/// it to `path`: a reader sees the old file or the whole new one, and a failure or exception leaves
/// no trace. A symbolic link is followed, the permissions of a replaced file are kept; devices and
/// pipes are written in place.
///
/// Throws Error(kIo), a sentence that names the path and the reason (no such directory, no space
/// left, ...); what `fill` throws passes through.
void write_file_atomically(const std::string& path, const std::function<void(FileWriter&)>& fill);

}  // namespace vinci::draws
