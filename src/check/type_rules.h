// Which types convert to which, what indexing yields: rules that know neither names nor the tree.
#pragma once

#include <optional>

#include "syntax/type.h"

namespace vinci::check {

using syntax::BaseType;
using syntax::Type;

/// How many conversion steps take a value of type `from` to type `to`: 0 if they are the same (or
/// one is kError), 1 or more for int to real to complex, vectors and matrices to their complex kin,
/// arrays and tuples of these; nullopt if there is no implicit conversion.
std::optional<int> promotion_cost(const Type& from, const Type& to);
inline bool converts(const Type& from, const Type& to) {
  return promotion_cost(from, to).has_value();
}

/// The least type that both convert to; nullopt if there is none. kError yields the other.
std::optional<Type> common_type(const Type& a, const Type& b);

/// Whether `type` holds ints only: int, arrays of int, tuples of these.
bool is_int_based(const Type& type);
/// Whether ints are in it: int, arrays of int, tuples with these among their elements.
bool holds_int(const Type& type);
/// int or real.
bool is_int_or_real(const Type& type);
bool is_int(const Type& type);
/// Whether some part is an error.
bool has_error(const Type& type);

/// The type of one element of a container, as a foreach loop sees it: what an array holds, the
/// scalars of vectors and matrices; nullopt for scalars and tuples.
std::optional<Type> loop_element(const Type& type);

/// Types after one index. `multi`: the index selects several (a range, all, or an int array), so
/// the dimension stays. Apply in order, starting from the indexed value's type; nullopt once there
/// are more indices than dimensions.
class IndexedType {
 public:
  explicit IndexedType(Type type) : base_(std::move(type)), arrays_left_(base_.array_depth) {}
  bool apply(bool multi);
  Type result() const;
  /// How many indices a type takes at most.
  static int num_dimensions(const Type& type);

 private:
  Type base_;
  int arrays_left_;
  int arrays_kept_ = 0;
  int position_ = 0;  // within vector or matrix
  bool kept_[2] = {true, true};
};

}  // namespace vinci::check
