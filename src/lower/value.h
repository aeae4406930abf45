// Values of the tracer: Stan values whose numbers are constants or nodes of the graph.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "syntax/ast.h"

namespace vinci::lower {

using graph::Scalar;
using syntax::BaseType;
using syntax::Type;

/// A Stan value. `dims` are the array dimensions, then those of the base (vector, row_vector: 1;
/// matrix: 2). `elements` is row-major over all of `dims` (the last index varies fastest, of
/// matrices the column); a complex number takes two consecutive elements, real then imaginary. A
/// tuple (no array dims) has its parts in `members`; an array of tuples has one member of tuple
/// type for each of its elements, row-major.
struct Value {
  Type type;
  std::vector<int64_t> dims;
  std::vector<Scalar> elements;
  std::vector<Value> members;
  syntax::FunctionId function;  // of type kFunction, a user function
  std::string text;  // of a string literal (print, reject), or the name of a library function

  static Value real(Scalar s) { return {Type::scalar(BaseType::kReal), {}, {s}, {}, {}, {}}; }
  static Value integer(Scalar s) { return {Type::scalar(BaseType::kInt), {}, {s}, {}, {}, {}}; }
  static Value vector(std::vector<Scalar> x) {
    const auto n = static_cast<int64_t>(x.size());
    return {Type::scalar(BaseType::kVector), {n}, std::move(x), {}, {}, {}};
  }
  static Value row_vector(std::vector<Scalar> x) {
    const auto n = static_cast<int64_t>(x.size());
    return {Type::scalar(BaseType::kRowVector), {n}, std::move(x), {}, {}, {}};
  }
  static Value matrix(int64_t rows, int64_t cols, std::vector<Scalar> x) {
    return {Type::scalar(BaseType::kMatrix), {rows, cols}, std::move(x), {}, {}, {}};
  }
  /// One-dimensional array of int or real.
  static Value array(BaseType base, std::vector<Scalar> x) {
    const auto n = static_cast<int64_t>(x.size());
    return {Type::array(base, 1), {n}, std::move(x), {}, {}, {}};
  }

  bool is_scalar() const { return type.is_scalar(); }
  bool is_complex() const {
    return type.base == BaseType::kComplex || type.base == BaseType::kComplexVector ||
           type.base == BaseType::kComplexRowVector || type.base == BaseType::kComplexMatrix;
  }
  /// Number of scalars of the base type (complex counts once).
  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
  int64_t dim(size_t k) const { return dims[k]; }
  Scalar scalar() const { return elements[0]; }
  bool is_constant() const {
    for (const Scalar& s : elements)
      if (!s.is_constant()) return false;
    for (const Value& m : members)
      if (!m.is_constant()) return false;
    return true;
  }
};

}  // namespace vinci::lower
