#include "cli/coding_files.h"

#include <fmt/format.h>

#include <csignal>

#include "vinci/error.h"

namespace vinci::cli {

namespace {

std::atomic<bool> coding_interrupted{false};

void on_coding_interrupt(int) {
  coding_interrupted.store(true);
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

std::shared_ptr<const source::MappedFile> map_or_throw(const std::string& path) {
  source::ReadStatus status{};
  std::string reason;
  auto file = source::MappedFile::open(path, status, reason);
  if (file == nullptr)
    throw Error(Error::Kind::kIo, fmt::format("The file `{}` cannot be read: {}.", path, reason));
  return file;
}

coding::TableModelPtr load_model(const std::string& path) {
  const auto file = map_or_throw(path);
  return coding::make_table_model(coding::read_model_file(file->bytes(), path));
}

std::string spaced(uint64_t n) {
  std::string digits = std::to_string(n);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, " ");
  return digits;
}

const char* value_name(const coding::TableLayout& layout) {
  return layout.format != coding::TableFormat::kCsv && layout.row_shape.size() >= 2 ? "pixel"
                                                                                    : "value";
}

std::string extent(const coding::TableLayout& layout, uint64_t rows) {
  const std::string value = value_name(layout);
  const std::string row = value == "pixel" ? "image" : "row";
  const uint64_t values = rows * layout.columns;
  return fmt::format("{} {}{}, {} {}{}", spaced(rows), row, rows == 1 ? "" : "s", spaced(values),
                     value, values == 1 ? "" : "s");
}

std::atomic<bool>* cancel_on_interrupt() {
  std::signal(SIGINT, on_coding_interrupt);
  return &coding_interrupted;
}

}  // namespace vinci::cli
