#include "draws/atomic_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "draws/atomic_file.h"
#include "vinci/error.h"

namespace vinci::draws {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const char* reason) {
  throw Error(Error::Kind::kIo,
              fmt::format("The folder `{}` cannot be written: {}.", path, reason));
}

/// A folder that is removed unless it was renamed.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

void write_new_file(const std::string& path, std::string_view bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail_writing(path, errno);
  FileWriter writer(descriptor);
  writer.write(bytes);
  const bool flushed = writer.flush();
  const bool closed = ::close(descriptor) == 0;
  if (!flushed) fail_writing(path, writer.error());
  if (!closed) fail_writing(path, errno);
}

/// All files of the folder's file system at once: one by one is slow where there are thousands.
void sync(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int status = ::syncfs(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (status != 0 && error != EROFS && error != EINVAL) fail_writing(path, error);
}

}  // namespace

void write_folder_atomically(const std::string& path,
                             const std::function<void(const FolderSink&)>& fill) {
  std::string target = path;
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  std::error_code error;
  if (fs::exists(target, error)) {
    if (!fs::is_directory(target, error)) fail(path, "it is a file");
    const bool is_empty = fs::is_empty(target, error);
    if (error) fail_writing(path, error.value());
    if (!is_empty) fail(path, "it is there already, and not empty");
  }
  // A link to an empty folder stays a link.
  if (fs::is_symlink(target, error)) target = fs::canonical(target, error).string();
  std::string beside;
  bool made = false;
  for (int attempt = 0; !made && attempt < 100; ++attempt) {
    beside = fmt::format("{}.{}.{}.part", target, ::getpid(), attempt);
    made = fs::create_directory(beside, error);
    if (error) fail_writing(path, error.value());
  }
  if (!made) fail(path, "there are too many unfinished folders beside it");
  TemporaryFolder folder(beside);
  fill([&](const std::string& name, std::string_view bytes) {
    const std::string to = folder.path() + "/" + name;
    if (name.find('/') != std::string::npos) {
      std::error_code failed;
      fs::create_directories(fs::path(to).parent_path(), failed);
      if (failed) fail_writing(to, failed.value());
    }
    write_new_file(to, bytes);
  });
  sync(folder.path());
  if (std::rename(folder.path().c_str(), target.c_str()) != 0) fail_writing(path, errno);
  folder.keep();
}

}  // namespace vinci::draws
