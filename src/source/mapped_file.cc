#include "source/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "source/diagnostic.h"

namespace vinci::source {

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path, ReadStatus& status,
                                                   std::string& reason) {
  const auto fail = [&](ReadStatus why, std::string_view clause) {
    status = why;
    reason = clause;
    return nullptr;
  };
  // O_NONBLOCK: a pipe without a writer is refused below instead of waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return fail(ReadStatus::kNotFound, "no such file");
    return fail(errno == EACCES ? ReadStatus::kNoPermission : ReadStatus::kFailed,
                std::strerror(errno));
  }
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ReadStatus::kNotAFile, "it is not a regular file");
  }
  const auto size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      const int error = errno;
      ::close(fd);
      return fail(ReadStatus::kFailed, std::strerror(error));
    }
  }
  ::close(fd);
  status = ReadStatus::kOk;
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const char*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<char*>(data_), size_);
}

std::shared_ptr<const MappedFile> map_file(const std::string& path, DiagnosticSink& sink,
                                           Span from) {
  ReadStatus status{};
  std::string reason;
  auto file = MappedFile::open(path, status, reason);
  if (file == nullptr) {
    sink.error(status == ReadStatus::kNotFound ? DiagnosticKind::kFileNotFound
                                               : DiagnosticKind::kFileUnreadable,
               from, fmt::format("cannot read `{}`: {}", path, reason));
  }
  return file;
}

}  // namespace vinci::source
