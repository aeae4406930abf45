#include "data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "data/npy_header.h"
#include "source/mapped_file.h"

namespace vinci::data {

namespace {

using source::DiagnosticKind;
using source::Span;

template <class T>
void convert(const char* from, size_t count, bool swapped, std::vector<double>& out) {
  for (size_t i = 0; i < count; ++i) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, from + i * sizeof(T), sizeof(T));
    if (swapped) std::reverse(bytes, bytes + sizeof(T));
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

void convert(const NpyElement& type, const char* from, size_t count, std::vector<double>& out) {
  const bool swapped = type.is_swapped();
  if (type.kind == 'f')
    return type.size == 4 ? convert<float>(from, count, swapped, out)
                          : convert<double>(from, count, swapped, out);
  if (type.kind == 'b') {
    for (size_t i = 0; i < count; ++i) out[i] = from[i] != 0 ? 1.0 : 0.0;
    return;
  }
  const bool is_signed = type.kind == 'i';
  switch (type.size) {
    case 1:
      return is_signed ? convert<int8_t>(from, count, swapped, out)
                       : convert<uint8_t>(from, count, swapped, out);
    case 2:
      return is_signed ? convert<int16_t>(from, count, swapped, out)
                       : convert<uint16_t>(from, count, swapped, out);
    case 4:
      return is_signed ? convert<int32_t>(from, count, swapped, out)
                       : convert<uint32_t>(from, count, swapped, out);
    default:
      return is_signed ? convert<int64_t>(from, count, swapped, out)
                       : convert<uint64_t>(from, count, swapped, out);
  }
}

/// First index fastest -> last index fastest. O(n dims).
std::vector<double> to_row_major(const std::vector<double>& column_major,
                                 const std::vector<int64_t>& shape) {
  std::vector<double> out(column_major.size());
  std::vector<int64_t> index(shape.size(), 0);
  std::vector<size_t> stride(shape.size(), 1);
  for (size_t k = 1; k < shape.size(); ++k)
    stride[k] = stride[k - 1] * static_cast<size_t>(shape[k - 1]);
  size_t from = 0;
  for (double& value : out) {
    value = column_major[from];
    for (size_t k = shape.size(); k-- > 0;) {
      from += stride[k];
      if (++index[k] < shape[k]) break;
      from -= stride[k] * static_cast<size_t>(shape[k]);
      index[k] = 0;
    }
  }
  return out;
}

}  // namespace

std::optional<DataValue> read_npy(const std::string& path, source::SourceMap& sources,
                                  source::DiagnosticSink& sink) {
  const auto file = source::map_file(path, sink);
  if (file == nullptr) return std::nullopt;
  const std::string_view bytes = file->bytes();
  const auto fail = [&](DiagnosticKind kind, Span span, const std::string& clause) {
    sink.error(kind, span, fmt::format("cannot use `{}`: {}", path, clause));
    return std::nullopt;
  };

  NpyHeaderFault fault;
  const std::optional<NpyHeader> header = parse_npy_header(bytes, fault);
  if (!header && !fault.is_in_text) return fail(DiagnosticKind::kNpyFormat, {}, fault.clause);

  // From here on there is a text to point at.
  const size_t data_begin = npy_data_begin(bytes, fault);
  const size_t text_begin = bytes[6] == 1 ? 10 : 12;
  const source::FileId text =
      sources.add(path, std::string(bytes.substr(text_begin, data_begin - text_begin)));
  const auto span = [&](size_t begin, size_t end) {
    return Span{text, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  };
  if (!header) {
    return fail(fault.is_type_error ? DiagnosticKind::kNpyType : DiagnosticKind::kNpyFormat,
                span(fault.at, fault.at + 1), fault.clause);
  }
  const Span shape_span = span(header->shape_begin, header->shape_end);
  const std::optional<NpyElement> type = npy_element(header->descr);
  if (!type) {
    const size_t begin = header->descr_begin;
    sink.error(DiagnosticKind::kNpyType, span(begin, begin + header->descr.size()),
               fmt::format("the elements of `{}` have type `{}`; expected bool, int8 to int64, "
                           "uint8 to uint64, "
                           "float32 or float64",
                           path, header->descr.substr(0, 40)))
        .with_hint("convert the array with .astype(\"float64\") before saving it");
    return std::nullopt;
  }

  const size_t room = bytes.size() - data_begin;
  const std::optional<size_t> counted = header->count_in(room, type->size);
  if (!counted) {
    return fail(
        DiagnosticKind::kNpyFormat, shape_span,
        fmt::format("its array has {} bytes, which is not what this shape and type take", room));
  }

  const size_t count = *counted;
  DataValue out;
  const char* data = bytes.data() + data_begin;
  const bool in_order = !header->fortran_order || header->shape.size() < 2 || count == 0;
  const bool usable = type->kind == 'f' && type->size == 8 && !type->is_swapped() && in_order &&
                      reinterpret_cast<uintptr_t>(data) % alignof(double) == 0;
  if (usable) {
    out.dims = header->shape;
    out.values = {reinterpret_cast<const double*>(data), count};
    out.storage = file;
  } else {
    std::vector<double> values(count);
    convert(*type, data, count, values);
    if (!in_order) values = to_row_major(values, header->shape);
    const bool is_int =
        type->kind != 'f' && std::all_of(values.begin(), values.end(),
                                         [](double v) { return std::fabs(v) <= 2147483647; });
    out = make_value(header->shape, std::move(values), is_int);
  }
  out.span = out.name_span = shape_span;
  return out;
}

}  // namespace vinci::data
