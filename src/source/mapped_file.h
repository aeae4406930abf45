// A file's bytes as memory, without reading them: large tables and arrays are paged in as they are
// used.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "source/source_file.h"

namespace vinci::source {

/// Read-only private mapping, released with the last owner. The file must not shrink while it is
/// mapped.
class MappedFile {
 public:
  /// Maps the regular file `path`. On failure returns nullptr, and `reason` is a clause such as "no
  /// such file".
  static std::shared_ptr<const MappedFile> open(const std::string& path, ReadStatus& status,
                                                std::string& reason);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, size_t size) : data_(data), size_(size) {}

  const char* data_;
  size_t size_;
};

/// As MappedFile::open, with the failure reported to `sink` at `from`.
std::shared_ptr<const MappedFile> map_file(const std::string& path, DiagnosticSink& sink,
                                           Span from = {});

}  // namespace vinci::source
