#include "source/source_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "source/diagnostic.h"

namespace vinci::source {

SourceFile::SourceFile(std::string name, std::string text, Location first)
    : name_(std::move(name)), text_(std::move(text)), first_(first) {
  VINCI_CHECK(text_.size() <= kMaxDataBytes);
}

const std::vector<uint32_t>& SourceFile::line_starts() const {
  std::call_once(lines_once_, [this] {
    line_starts_.push_back(0);
    const char* begin = text_.data();
    const char* end = begin + text_.size();
    for (const char* p = begin; p < end;) {
      p = static_cast<const char*>(std::memchr(p, '\n', static_cast<size_t>(end - p)));
      if (p == nullptr) break;
      line_starts_.push_back(static_cast<uint32_t>(++p - begin));
    }
  });
  return line_starts_;
}

size_t SourceFile::line_index(uint32_t offset) const {
  const auto& starts = line_starts();
  return static_cast<size_t>(std::upper_bound(starts.begin(), starts.end(), offset) -
                             starts.begin()) -
         1;
}

Location SourceFile::location(uint32_t offset) const {
  offset = std::min(offset, size());
  const size_t index = line_index(offset);
  const char* p = text_.data() + line_starts()[index];
  const char* end = text_.data() + offset;
  const auto code_points = std::count_if(p, end, [](char c) { return (c & 0xC0) != 0x80; });
  return {first_.line + static_cast<uint32_t>(index),
          static_cast<uint32_t>(code_points) + (index == 0 ? first_.column : 1)};
}

uint32_t SourceFile::line_begin(uint32_t offset) const {
  return line_starts()[line_index(std::min(offset, size()))];
}

uint32_t SourceFile::num_lines() const { return static_cast<uint32_t>(line_starts().size()); }

std::string_view SourceFile::line_text(uint32_t line) const {
  const auto& starts = line_starts();
  if (line < first_.line || line - first_.line >= starts.size()) return {};
  const size_t index = line - first_.line;
  const size_t begin = starts[index];
  size_t end = index + 1 < starts.size() ? starts[index + 1] - 1 : text_.size();
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view(text_).substr(begin, end - begin);
}

namespace {

ReadStatus status_of_errno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ReadStatus::kNotFound;
    case EACCES:
    case EPERM:
      return ReadStatus::kNoPermission;
    case EISDIR:
      return ReadStatus::kNotAFile;
    default:
      return ReadStatus::kFailed;
  }
}

ReadStatus read_descriptor(int fd, size_t max_bytes, std::string& text, std::string& reason) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    reason = std::strerror(errno);
    return ReadStatus::kFailed;
  }
  if (S_ISDIR(info.st_mode)) {
    reason = "it is a directory";
    return ReadStatus::kNotAFile;
  }
  const auto too_large = [&] {
    reason = fmt::format("it is larger than {} MB", max_bytes / 1'000'000);
    return ReadStatus::kTooLarge;
  };
  const bool regular = S_ISREG(info.st_mode);
  if (regular && static_cast<size_t>(info.st_size) > max_bytes) return too_large();
  // Pipes and /proc files have no size: grow as they come. One byte over the limit shows that there
  // is more.
  text.resize(regular && info.st_size > 0 ? static_cast<size_t>(info.st_size) + 1
                                          : size_t{1} << 16);
  size_t used = 0;
  for (;;) {
    if (used == text.size()) {
      if (used > max_bytes) return too_large();
      text.resize(std::min(2 * used, max_bytes + 1));
    }
    const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      reason = std::strerror(errno);
      return status_of_errno(errno);
    }
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  if (used > max_bytes) return too_large();
  text.resize(used);
  return ReadStatus::kOk;
}

}  // namespace

ReadStatus read_text_file(const std::string& path, size_t max_bytes, std::string& text,
                          std::string& reason) {
  text.clear();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    reason = error == ENOENT ? "no such file" : std::strerror(error);
    return status_of_errno(error);
  }
  const ReadStatus status = read_descriptor(fd, max_bytes, text, reason);
  ::close(fd);
  if (status != ReadStatus::kOk) std::string().swap(text);
  return status;
}

FileId SourceMap::add(std::string name, std::string text) {
  return add_excerpt(std::move(name), std::move(text), {1, 1});
}

FileId SourceMap::add_excerpt(std::string name, std::string text, Location first) {
  files_.emplace_back(std::move(name), std::move(text), first);
  return FileId{size() - 1};
}

FileId SourceMap::add_from_path(const std::string& path, size_t max_bytes, DiagnosticSink& sink,
                                Span from) {
  std::string text;
  std::string reason;
  const ReadStatus status = read_text_file(path, max_bytes, text, reason);
  if (status == ReadStatus::kOk) return add(path, std::move(text));
  const DiagnosticKind kind = status == ReadStatus::kNotFound   ? DiagnosticKind::kFileNotFound
                              : status == ReadStatus::kTooLarge ? DiagnosticKind::kFileTooLarge
                                                                : DiagnosticKind::kFileUnreadable;
  sink.error(kind, from, fmt::format("cannot read `{}`: {}", path, reason));
  return {};
}

const SourceFile& SourceMap::operator[](FileId id) const {
  VINCI_CHECK(id.valid() && id.index < size());
  return files_[static_cast<size_t>(id.index)];
}

std::string_view SourceMap::text(Span span) const {
  if (!span.valid()) return {};
  const std::string_view all = (*this)[span.file].text();
  const size_t begin = std::min<size_t>(span.begin, all.size());
  return all.substr(begin, span.end > begin ? span.end - begin : 0);
}

std::string SourceMap::describe(Span span) const {
  if (!span.valid()) return {};
  const SourceFile& file = (*this)[span.file];
  const Location at = file.location(span.begin);
  return fmt::format("{}:{}:{}", file.name(), at.line, at.column);
}

}  // namespace vinci::source
