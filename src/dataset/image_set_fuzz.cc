// libFuzzer: any bytes as a file of images, alone and with labels beside it, give a set whose
// pixels can all be read, or errors that can be rendered; and as a table, rows or an Error. The
// first byte chooses the name of the file, the rest is its content.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/batches.h"
#include "dataset/read.h"
#include "dataset/table_file.h"
#include "source/render.h"
#include "vinci/error.h"

namespace {

using namespace vinci;  // NOLINT: a single file

const std::string& folder() {
  // Never destroyed: what runs at exit needs it.
  static const auto& path = *new std::string([] {
    const auto to = std::filesystem::temp_directory_path() /
                    ("vinci_image_set_fuzz_" + std::to_string(::getpid()));
    std::filesystem::create_directories(to);
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return to.string();
  }());
  return path;
}

void write(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    std::abort();
  ::close(fd);
}

void read_set(const std::string& path, const dataset::ReadOptions& options) {
  source::DiagnosticSink sink;
  const auto set = dataset::read_image_set(path, options, sink);
  if (set.has_value() == sink.has_errors()) std::abort();
  if (!set) {
    if (source::render_text(sink, {}).empty()) std::abort();
    return;
  }
  if (set->empty() || set->shape().size() == 0) std::abort();
  unsigned sum = 0;
  for (size_t i = 0; i < set->size(); ++i) {
    for (const uint8_t v : set->image(i)) sum += v;  // mapped ones may lie outside of the file
    if (set->has_labels() && set->label(i) < 0) std::abort();
  }
  volatile unsigned used = sum;
  (void)used;
  if (set->size() > 1 << 16 || set->shape().size() > 1 << 16) return;
  dataset::Batches batches(set->size(), 16);
  const auto rows = batches.batch(1, 0);
  std::vector<uint8_t> values(rows.size() * set->shape().size());
  set->gather(rows, values);
  set->picture(set->size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static constexpr const char* kNames[] = {
      "train-images-idx3-ubyte", "train.npz", "x_train.npy", "train.csv",
      "data_batch_1.bin",        "1.png"};
  const std::string path = folder() + "/" + kNames[data[0] % std::size(kNames)];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  write(path, bytes);
  dataset::ReadOptions options;
  options.validation = data[0] / std::size(kNames) % 4;
  read_set(path, options);
  const std::string labels = folder() + "/train-labels-idx1-ubyte";
  write(labels, bytes.substr(bytes.size() / 2));
  read_set(folder(), options);
  ::unlink(labels.c_str());
  try {
    const auto table = dataset::open_table(path);
    std::vector<int64_t> values;
    while (table->read(values, 64) > 0) values.clear();
  } catch (const Error&) {
  }
  ::unlink(path.c_str());
  return 0;
}
