#include "draws/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "vinci/error.h"

namespace vinci::draws {

void FileWriter::write_number(double value, int significant_digits) {
  if (std::isnan(value)) return write("nan");
  if (std::isinf(value)) return write(value > 0 ? "inf" : "-inf");
  char text[64];
  const auto result = significant_digits > 0 ? std::to_chars(text, text + sizeof(text), value,
                                                             std::chars_format::general,
                                                             std::min(significant_digits, 18))
                                             : std::to_chars(text, text + sizeof(text), value);
  write({text, static_cast<size_t>(result.ptr - text)});
}

bool FileWriter::flush() {
  const char* p = buffer_.data();
  size_t left = buffer_.size();
  while (left > 0 && error_ == 0) {
    const ssize_t wrote = ::write(descriptor_, p, left);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      error_ = wrote < 0 ? errno : EIO;
      break;
    }
    p += wrote;
    left -= static_cast<size_t>(wrote);
  }
  buffer_.clear();
  return error_ == 0;
}

namespace {

/// Closes, and removes the file unless it was renamed.
class TemporaryFile {
 public:
  TemporaryFile(int descriptor, std::string path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  /// 0, or the errno of the failure: network file systems report a full disk only here.
  int close() { return ::close(std::exchange(descriptor_, -1)) == 0 ? 0 : errno; }
  int rename_to(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return errno;
    path_.clear();
    return 0;
  }

 private:
  int descriptor_;
  std::string path_;  // empty: nothing to remove
};

std::string follow_links(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string out = real;
  std::free(real);
  return out;
}

void sync_directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  // A file system that cannot do this has the file all the same.
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

void fail_writing(const std::string& path, int error) {
  std::string reason = std::strerror(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    reason = "there is no space left for it";
  if (error == ENOENT) reason = "its directory does not exist";
  if (error == EACCES || error == EPERM || error == EROFS) reason = "permission is denied";
  throw Error(Error::Kind::kIo, fmt::format("The file `{}` cannot be written: {}.", path, reason));
}

void write_file_atomically(const std::string& path, const std::function<void(FileWriter&)>& fill) {
  const std::string target = follow_links(path);
  struct stat info{};
  const bool exists = ::stat(target.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) fail_writing(path, EISDIR);
  const bool in_place = exists && !S_ISREG(info.st_mode);

  std::string beside;
  int descriptor = -1;
  if (in_place) {
    descriptor = ::open(target.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    if (exists && ::access(target.c_str(), W_OK) != 0) fail_writing(path, errno);
    for (int attempt = 0; descriptor < 0 && attempt < 100; ++attempt) {
      beside = fmt::format("{}.{}.{}.part", target, ::getpid(), attempt);
      descriptor = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor < 0 && errno != EEXIST) break;
    }
  }
  if (descriptor < 0) fail_writing(path, errno);
  TemporaryFile file(descriptor, beside);
  // Failing to keep the permissions is no reason to lose the content.
  if (exists && !in_place && ::fchmod(descriptor, info.st_mode & 07777) != 0) errno = 0;

  FileWriter writer(descriptor);
  fill(writer);
  if (!writer.flush()) fail_writing(path, writer.error());
  // EINVAL, ENOTSUP: a device or pipe that has nothing to synchronise.
  if (::fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
    fail_writing(path, errno);
  if (const int error = file.close(); error != 0) fail_writing(path, error);
  if (in_place) return;
  if (const int error = file.rename_to(target); error != 0) fail_writing(path, error);
  sync_directory(target);
}

}  // namespace vinci::draws
