// BoundType: a declared type whose sizes and bounds have been evaluated. Made by the tracer, used
// by data binding, constraint transforms and checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lower/value.h"

namespace vinci::lower {

using syntax::ConstraintKind;

struct BoundType {
  BaseType base = BaseType::kReal;
  ConstraintKind constraint = ConstraintKind::kNone;
  std::vector<int64_t> array_dims;
  std::vector<int64_t>
      dims;  // of the base: vectors 1, matrices 2 (also of square constrained ones), else none
  Value low, high;                  // bounds, offset and multiplier; used as `constraint` says
  std::vector<BoundType> elements;  // of a tuple

  std::vector<int64_t> all_dims() const {
    std::vector<int64_t> all = array_dims;
    all.insert(all.end(), dims.begin(), dims.end());
    return all;
  }
  Type unsized() const {
    Type type{base, static_cast<int>(array_dims.size()), {}};
    for (const BoundType& element : elements) type.elements.push_back(element.unsized());
    return type;
  }
  bool is_complex() const {
    return base == BaseType::kComplex || base == BaseType::kComplexVector ||
           base == BaseType::kComplexRowVector || base == BaseType::kComplexMatrix;
  }
  /// Product of the array dimensions.
  int64_t num_containers() const {
    int64_t n = 1;
    for (int64_t d : array_dims) n *= d;
    return n;
  }
  /// Numbers in one container of the base type; 2 for each complex number.
  int64_t container_size() const {
    int64_t n = is_complex() ? 2 : 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
};

/// `array[3] vector[5]`, as a person writes it.
std::string to_string(const BoundType& type);
/// `(3, 5)`; `()` for a scalar.
std::string dims_to_string(const std::vector<int64_t>& dims);

/// A value of this type whose numbers are `fill` (ints: the smallest int, as Stan does).
Value make_undefined(const BoundType& type);

/// Where element k of the column-major order over `dims` (the first index varies fastest, array
/// dimensions included) lies in row-major order.
std::vector<int64_t> column_major_positions(const std::vector<int64_t>& dims);

/// Names of the elements of a value in CmdStan's order: `name.1.2` with the first index varying
/// fastest, `.real`, `.imag` of complex numbers.
void append_element_names(const std::string& name, const std::vector<int64_t>& dims,
                          bool is_complex, std::vector<std::string>& names);

/// One real, int or complex leaf of a value that may hold tuples: `t:1`, `t.2:1`.
struct Leaf {
  std::string name;
  const BoundType* type = nullptr;  // not a tuple
  Value* value = nullptr;
};
/// The leaves of a value in CmdStan's order; `value` has the type `type`.
void collect_leaves(const std::string& name, const BoundType& type, Value& value,
                    std::vector<Leaf>& leaves);

}  // namespace vinci::lower
