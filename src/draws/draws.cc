#include "draws/draws.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace vinci::draws {

void Draws::add_variable(std::string name, std::vector<int64_t> dims) {
  std::vector<std::string> columns = element_names(name, dims);
  add_variable(std::move(name), std::move(dims), std::move(columns));
}

void Draws::add_variable(std::string name, std::vector<int64_t> dims,
                         std::vector<std::string> columns) {
  VINCI_CHECK(num_draws_ == 0);
  variables_.push_back({std::move(name), std::move(dims), columns_.size(), columns.size()});
  columns_.insert(columns_.end(), std::make_move_iterator(columns.begin()),
                  std::make_move_iterator(columns.end()));
}

void Draws::resize(size_t num_draws) {
  num_draws_ = num_draws;
  values_.resize(num_draws * num_columns(), 0.0);
}

const Variable* Draws::find(std::string_view name) const {
  const auto at = std::find_if(variables_.begin(), variables_.end(),
                               [&](const Variable& v) { return v.name == name; });
  return at == variables_.end() ? nullptr : &*at;
}

std::vector<double> Draws::column(size_t index) const {
  VINCI_CHECK(index < num_columns());
  std::vector<double> out(num_draws_);
  for (size_t i = 0; i < num_draws_; ++i) out[i] = values_[i * num_columns() + index];
  return out;
}

std::vector<std::string> element_names(const std::string& name, std::span<const int64_t> dims) {
  size_t count = 1;
  for (const int64_t size : dims) count *= static_cast<size_t>(size);
  std::vector<std::string> out;
  out.reserve(count);
  std::vector<int64_t> index(dims.size(), 1);
  for (size_t k = 0; k < count; ++k) {
    out.push_back(dims.empty() ? name : fmt::format("{}.{}", name, fmt::join(index, ".")));
    for (size_t d = 0; d < dims.size(); ++d) {
      if (++index[d] <= dims[d]) break;
      index[d] = 1;
    }
  }
  return out;
}

std::string bracket_name(std::string_view column) {
  std::string out;
  bool open = false;
  size_t begin = 0;
  while (begin <= column.size()) {
    const size_t end = std::min(column.find('.', begin), column.size());
    const std::string_view part = column.substr(begin, end - begin);
    const bool is_index = begin > 0 && !part.empty() &&
                          part.find_first_not_of("0123456789") == std::string_view::npos;
    if (is_index) {
      out += open ? "," : "[";
      open = true;
    } else {
      if (open) out += "]";
      open = false;
      if (begin > 0) out += ".";
    }
    out += part;
    begin = end + 1;
  }
  if (open) out += "]";
  return out;
}

}  // namespace vinci::draws
