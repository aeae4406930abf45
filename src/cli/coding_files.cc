#include "cli/coding_files.h"

#include <fmt/format.h>

#include "coding/network_model.h"
#include "dataset/tensor_file.h"
#include "report/format.h"
#include "vinci/error.h"

namespace vinci::cli {

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
  if (dataset::is_tensor_file(file->bytes()))
    return coding::make_network_model(dataset::parse_tensor_file(file->bytes(), path), path);
  return coding::make_component_model(coding::read_model_file(file->bytes(), path));
}

std::string bound_name(const coding::BitsBackOptions& options) {
  return options.scheme == coding::Scheme::kMonteCarlo && options.particles > 1
             ? fmt::format("-L_{}", options.particles)
             : "-ELBO";
}

const char* value_name(const dataset::TableLayout& layout) {
  return layout.is_image() ? "pixel" : "value";
}

std::string extent(const dataset::TableLayout& layout, uint64_t rows) {
  const std::string value = value_name(layout);
  const std::string row = value == "pixel" ? "image" : "row";
  return report::plural(static_cast<int64_t>(rows), row) + ", " +
         report::plural(static_cast<int64_t>(rows * layout.columns), value);
}

}  // namespace vinci::cli
