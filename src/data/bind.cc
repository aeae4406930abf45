#include "data/bind.h"

#include <fmt/format.h>

#include <algorithm>

#include "source/suggest.h"

namespace vinci::data {
namespace {

using source::DiagnosticKind;

std::string dims_text(const std::vector<int64_t>& dims) {
  return dims.empty() ? "a single number" : fmt::format("size ({})", fmt::join(dims, ", "));
}

int64_t product(const std::vector<int64_t>& dims) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  return n;
}

source::Span place_of(const DataValue& value) {
  return value.name_span.valid() ? value.name_span : value.span;
}

bool check_tuple(const DeclaredShape& declared, const DataValue& value,
                 source::DiagnosticSink& sink) {
  const auto fails = [&](const std::string& message) {
    sink.error(DiagnosticKind::kDataShape, place_of(value), message)
        .note(declared.span,
              fmt::format("`{}` is declared as `{}` here", declared.name, declared.spelled));
    return false;
  };
  if (declared_size(declared) == 0 && value.values.empty() && !value.is_tuple()) return true;
  if (!value.is_tuple()) {
    return fails(fmt::format(
        "`{}` is not a tuple; tuples are objects with the keys \"1\", \"2\", ...", declared.name));
  }
  if (value.members.size() != declared.elements.size()) {
    return fails(fmt::format("`{}` is a tuple of {} values; it is declared with {}", declared.name,
                             value.members.size(), declared.elements.size()));
  }
  if (value.dims != declared.dims) {
    return fails(fmt::format("`{}` is {}; it is declared with {}", declared.name,
                             dims_text(value.dims), dims_text(declared.dims)));
  }
  bool ok = true;
  for (size_t k = 0; k < value.members.size(); ++k) {
    DeclaredShape member = declared.elements[k];
    member.dims.insert(member.dims.begin(), declared.dims.begin(), declared.dims.end());
    member.span = declared.span;
    member.name = fmt::format("{}.{}", declared.name, k + 1);
    ok = check_shape(member, value.members[k], sink) && ok;
  }
  return ok;
}

}  // namespace

int64_t declared_size(const DeclaredShape& declared) { return product(declared.dims); }

bool check_shape(const DeclaredShape& declared, const DataValue& value,
                 source::DiagnosticSink& sink) {
  if (declared.base == syntax::BaseType::kTuple) return check_tuple(declared, value, sink);
  const std::string declared_here =
      fmt::format("`{}` is declared as `{}` here", declared.name, declared.spelled);
  if (value.is_tuple()) {
    sink.error(
            DiagnosticKind::kDataType, place_of(value),
            fmt::format("`{}` is a tuple; it is declared as `{}`", declared.name, declared.spelled))
        .note(declared.span, declared_here);
    return false;
  }
  const bool is_empty = declared_size(declared) == 0;
  if (is_empty && value.values.empty()) return true;
  if (value.dims != declared.dims) {
    auto& error =
        sink.error(DiagnosticKind::kDataShape, place_of(value),
                   fmt::format("`{}` is {}; it is declared as `{}`, which is {}", declared.name,
                               dims_text(value.dims), declared.spelled, dims_text(declared.dims)));
    error.note(declared.span, declared_here);
    if (declared.dims.empty() && product(value.dims) == 1) {
      error.with_hint("a number and a list of one number are different; leave the brackets out");
    } else if (value.dims.empty() && product(declared.dims) == 1) {
      error.with_hint(
          "a number and a list of one number are different; put the number in brackets");
    } else if (value.dims.size() == 2 && declared.dims.size() == 2 &&
               value.dims[0] == declared.dims[1] && value.dims[1] == declared.dims[0]) {
      error.with_hint("the value looks transposed; a matrix is written as a list of its rows");
    }
    return false;
  }
  if (declared.base == syntax::BaseType::kInt && !value.is_int) {
    std::string found = "is real";
    for (size_t k = 0; k < value.values.size(); ++k) {
      const double x = value.values[k];
      if (x != static_cast<double>(static_cast<int64_t>(std::clamp(x, -1e18, 1e18)))) {
        found = fmt::format("holds {:g}", x);
        break;
      }
    }
    sink.error(
            DiagnosticKind::kDataType, place_of(value),
            fmt::format("`{}` {}; it is declared as `{}`", declared.name, found, declared.spelled))
        .note(declared.span, declared_here)
        .with_hint("write whole numbers without a decimal point or exponent, at most 2147483647");
    return false;
  }
  return true;
}

void report_missing(const DeclaredShape& declared, const DataTable& table,
                    source::DiagnosticSink& sink) {
  auto& error = sink.error(DiagnosticKind::kDataMissing, declared.span,
                           fmt::format("`{}` has no value in the data; it is declared as `{}`",
                                       declared.name, declared.spelled));
  source::NearestName nearest(declared.name);
  for (const auto& [name, value] : table) nearest.consider(name);
  if (!nearest.best().empty()) {
    error.with_hint(fmt::format("the data has `{}`; did you mean that?", nearest.best()));
  }
}

}  // namespace vinci::data
