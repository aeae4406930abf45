// Unsized types of the Stan language: what function signatures and expressions carry.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vinci::syntax {

enum class BaseType : uint8_t {
  kVoid,  // only as a function's return type
  kInt,
  kReal,
  kComplex,
  kVector,
  kRowVector,
  kMatrix,
  kComplexVector,
  kComplexRowVector,
  kComplexMatrix,
  kTuple,
  kFunction,  // the name of a function passed to a higher-order function
  kError,     // an expression that already has a diagnostic; silently compatible with everything
};

/// `array[, ,] base`: `array_depth` array dimensions around a base type.
struct Type {
  BaseType base = BaseType::kError;
  int array_depth = 0;
  std::vector<Type> elements;  // of a tuple, in order

  friend bool operator==(const Type&, const Type&) = default;

  static Type scalar(BaseType base) { return Type{base, 0, {}}; }
  static Type array(BaseType base, int depth) { return Type{base, depth, {}}; }
  bool is_array() const { return array_depth > 0; }
  bool is_error() const { return base == BaseType::kError; }
  bool is_scalar() const {
    return array_depth == 0 &&
           (base == BaseType::kInt || base == BaseType::kReal || base == BaseType::kComplex);
  }
};

/// As a person writes it: `array[,] real`, `vector`, `tuple(int, array[] vector)`.
std::string to_string(const Type& type);

}  // namespace vinci::syntax
