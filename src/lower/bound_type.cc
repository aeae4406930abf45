#include "lower/bound_type.h"

#include <fmt/format.h>

#include <limits>

namespace vinci::lower {

std::string dims_to_string(const std::vector<int64_t>& dims) {
  std::string text = "(";
  for (size_t k = 0; k < dims.size(); ++k) {
    if (k > 0) text += ", ";
    text += std::to_string(dims[k]);
  }
  return text + ")";
}

std::string to_string(const BoundType& type) {
  std::string text;
  const auto append_sizes = [&text](const std::vector<int64_t>& sizes) {
    text += '[';
    for (size_t k = 0; k < sizes.size(); ++k) {
      if (k > 0) text += ", ";
      text += std::to_string(sizes[k]);
    }
    text += ']';
  };
  if (!type.array_dims.empty()) {
    text += "array";
    append_sizes(type.array_dims);
    text += ' ';
  }
  if (type.base == BaseType::kTuple) {
    text += "tuple(";
    for (size_t k = 0; k < type.elements.size(); ++k) {
      if (k > 0) text += ", ";
      text += to_string(type.elements[k]);
    }
    return text + ")";
  }
  text += syntax::to_string(Type::scalar(type.base));
  if (!type.dims.empty()) append_sizes(type.dims);
  return text;
}

Value make_undefined(const BoundType& type) {
  Value value;
  value.type = type.unsized();
  if (type.base == BaseType::kTuple) {
    Value one;
    one.type = value.type;
    one.type.array_depth = 0;
    for (const BoundType& element : type.elements) one.members.push_back(make_undefined(element));
    if (type.array_dims.empty()) return one;
    value.dims = type.array_dims;
    value.members.assign(static_cast<size_t>(type.num_containers()), one);
    return value;
  }
  value.dims = type.all_dims();
  const double fill = type.base == BaseType::kInt
                          ? static_cast<double>(std::numeric_limits<int32_t>::min())
                          : std::numeric_limits<double>::quiet_NaN();
  value.elements.assign(static_cast<size_t>(type.num_containers() * type.container_size()),
                        Scalar(fill));
  return value;
}

std::vector<int64_t> column_major_positions(const std::vector<int64_t>& dims) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  std::vector<int64_t> positions;
  positions.reserve(static_cast<size_t>(n));
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t k = dims.size(); k-- > 1;) strides[k - 1] = strides[k] * dims[k];
  std::vector<int64_t> index(dims.size(), 0);
  int64_t position = 0;
  for (int64_t count = 0; count < n; ++count) {
    positions.push_back(position);
    for (size_t k = 0; k < dims.size(); ++k) {
      position += strides[k];
      if (++index[k] < dims[k]) break;
      position -= strides[k] * dims[k];
      index[k] = 0;
    }
  }
  return positions;
}

void append_element_names(const std::string& name, const std::vector<int64_t>& dims,
                          bool is_complex, std::vector<std::string>& names) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  std::vector<int64_t> index(dims.size(), 1);
  for (int64_t count = 0; count < n; ++count) {
    std::string full = name;
    for (int64_t i : index) full += fmt::format(".{}", i);
    if (is_complex) {
      names.push_back(full + ".real");
      names.push_back(full + ".imag");
    } else {
      names.push_back(std::move(full));
    }
    for (size_t k = 0; k < dims.size(); ++k) {
      if (++index[k] <= dims[k]) break;
      index[k] = 1;
    }
  }
}

void collect_leaves(const std::string& name, const BoundType& type, Value& value,
                    std::vector<Leaf>& leaves) {
  if (type.base != BaseType::kTuple) {
    leaves.push_back({name, &type, &value});
    return;
  }
  const auto collect_tuple = [&](const std::string& prefix, Value& tuple) {
    for (size_t k = 0; k < type.elements.size(); ++k) {
      collect_leaves(prefix + ":" + std::to_string(k + 1), type.elements[k], tuple.members[k],
                     leaves);
    }
  };
  if (type.array_dims.empty()) {
    collect_tuple(name, value);
    return;
  }
  std::vector<std::string> prefixes;
  append_element_names(name, type.array_dims, false, prefixes);
  const std::vector<int64_t> positions = column_major_positions(type.array_dims);
  for (size_t k = 0; k < positions.size(); ++k) {
    collect_tuple(prefixes[k], value.members[static_cast<size_t>(positions[k])]);
  }
}

}  // namespace vinci::lower
