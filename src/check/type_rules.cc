#include "check/type_rules.h"

#include <algorithm>
#include <utility>

namespace vinci::check {
namespace {

std::optional<int> base_cost(BaseType from, BaseType to) {
  if (from == to) return 0;
  switch (to) {
    case BaseType::kReal:
      return from == BaseType::kInt ? std::optional<int>(1) : std::nullopt;
    case BaseType::kComplex:
      if (from == BaseType::kInt) return 2;
      return from == BaseType::kReal ? std::optional<int>(1) : std::nullopt;
    case BaseType::kComplexVector:
      return from == BaseType::kVector ? std::optional<int>(1) : std::nullopt;
    case BaseType::kComplexRowVector:
      return from == BaseType::kRowVector ? std::optional<int>(1) : std::nullopt;
    case BaseType::kComplexMatrix:
      return from == BaseType::kMatrix ? std::optional<int>(1) : std::nullopt;
    default:
      return std::nullopt;
  }
}

int container_rank(BaseType base) {
  switch (base) {
    case BaseType::kVector:
    case BaseType::kRowVector:
    case BaseType::kComplexVector:
    case BaseType::kComplexRowVector:
      return 1;
    case BaseType::kMatrix:
    case BaseType::kComplexMatrix:
      return 2;
    default:
      return 0;
  }
}

bool is_complex_base(BaseType base) {
  return base == BaseType::kComplex || base == BaseType::kComplexVector ||
         base == BaseType::kComplexRowVector || base == BaseType::kComplexMatrix;
}

}  // namespace

std::optional<int> promotion_cost(const Type& from, const Type& to) {
  if (from.is_error() || to.is_error()) return 0;
  if (from.array_depth != to.array_depth) return std::nullopt;
  if (from.base != BaseType::kTuple || to.base != BaseType::kTuple) {
    return base_cost(from.base, to.base);
  }
  if (from.elements.size() != to.elements.size()) return std::nullopt;
  int total = 0;
  for (size_t i = 0; i < from.elements.size(); ++i) {
    const std::optional<int> cost = promotion_cost(from.elements[i], to.elements[i]);
    if (!cost) return std::nullopt;
    total += *cost;
  }
  return total;
}

std::optional<Type> common_type(const Type& a, const Type& b) {
  if (a.is_error()) return b;
  if (b.is_error()) return a;
  if (a.base == BaseType::kTuple && b.base == BaseType::kTuple) {
    if (a.array_depth != b.array_depth || a.elements.size() != b.elements.size())
      return std::nullopt;
    Type result{BaseType::kTuple, a.array_depth, {}};
    for (size_t i = 0; i < a.elements.size(); ++i) {
      std::optional<Type> element = common_type(a.elements[i], b.elements[i]);
      if (!element) return std::nullopt;
      result.elements.push_back(std::move(*element));
    }
    return result;
  }
  if (converts(a, b)) return b;
  if (converts(b, a)) return a;
  return std::nullopt;
}

bool is_int_based(const Type& type) {
  if (type.base == BaseType::kInt) return true;
  if (type.base != BaseType::kTuple) return false;
  return std::all_of(type.elements.begin(), type.elements.end(), is_int_based);
}

bool holds_int(const Type& type) {
  return type.base == BaseType::kInt ||
         std::any_of(type.elements.begin(), type.elements.end(), holds_int);
}

bool is_int(const Type& type) { return type.base == BaseType::kInt && type.array_depth == 0; }

bool is_int_or_real(const Type& type) {
  return type.array_depth == 0 && (type.base == BaseType::kInt || type.base == BaseType::kReal);
}

bool has_error(const Type& type) {
  return type.is_error() || std::any_of(type.elements.begin(), type.elements.end(), has_error);
}

std::optional<Type> loop_element(const Type& type) {
  if (type.array_depth > 0) {
    Type element = type;
    --element.array_depth;
    return element;
  }
  if (container_rank(type.base) == 0) return std::nullopt;
  return Type::scalar(is_complex_base(type.base) ? BaseType::kComplex : BaseType::kReal);
}

int IndexedType::num_dimensions(const Type& type) {
  return type.array_depth + container_rank(type.base);
}

bool IndexedType::apply(bool multi) {
  if (arrays_left_ > 0) {
    --arrays_left_;
    if (multi) ++arrays_kept_;
    return true;
  }
  if (position_ >= container_rank(base_.base)) return false;
  kept_[position_++] = multi;
  return true;
}

Type IndexedType::result() const {
  Type type = base_;
  type.array_depth = arrays_kept_ + arrays_left_;
  const bool complex = is_complex_base(type.base);
  const BaseType scalar = complex ? BaseType::kComplex : BaseType::kReal;
  const int rank = container_rank(type.base);
  if (rank == 1 && !kept_[0]) type.base = scalar;
  if (rank == 2) {
    if (!kept_[0] && !kept_[1]) {
      type.base = scalar;
    } else if (!kept_[0]) {
      type.base = complex ? BaseType::kComplexRowVector : BaseType::kRowVector;
    } else if (!kept_[1]) {
      type.base = complex ? BaseType::kComplexVector : BaseType::kVector;
    }
  }
  return type;
}

}  // namespace vinci::check
