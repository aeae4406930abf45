// Shared by the elementwise functions of real and of complex numbers.
#pragma once

#include "lower/library.h"

namespace vinci::lower {

/// The function `call.name` (exp, log, sin, ..., pow) of complex numbers, elementwise; of pow, a
/// real argument counts as complex.
Value complex_elementwise(const Call& call, std::span<const Value> args);

/// f of pairs of elements; a scalar is repeated. The result has the shape of the container (of two:
/// of the one that is not of ints) and is real.
template <class F>
Value broadcast_real(const Call& call, const Value& a, const Value& b, F f) {
  if (a.is_scalar() && b.is_scalar()) return Value::real(f(a.scalar(), b.scalar()));
  if (!a.is_scalar() && !b.is_scalar() && a.dims != b.dims)
    call.fail("the sizes of the arguments of `" + std::string(call.name) + "` do not match");
  const bool shape_of_b = a.is_scalar() || (!b.is_scalar() && a.type.base == BaseType::kInt);
  Value out;
  out.type = shape_of_b ? b.type : a.type;
  if (out.type.base == BaseType::kInt) out.type.base = BaseType::kReal;
  out.dims = shape_of_b ? b.dims : a.dims;
  const size_t n = shape_of_b ? b.elements.size() : a.elements.size();
  out.elements.reserve(n);
  for (size_t k = 0; k < n; ++k)
    out.elements.push_back(f(a.elements[a.is_scalar() ? 0 : k], b.elements[b.is_scalar() ? 0 : k]));
  return out;
}

}  // namespace vinci::lower
