#include "syntax/type.h"

namespace vinci::syntax {

namespace {

const char* base_name(BaseType base) {
  switch (base) {
    case BaseType::kVoid:
      return "void";
    case BaseType::kInt:
      return "int";
    case BaseType::kReal:
      return "real";
    case BaseType::kComplex:
      return "complex";
    case BaseType::kVector:
      return "vector";
    case BaseType::kRowVector:
      return "row_vector";
    case BaseType::kMatrix:
      return "matrix";
    case BaseType::kComplexVector:
      return "complex_vector";
    case BaseType::kComplexRowVector:
      return "complex_row_vector";
    case BaseType::kComplexMatrix:
      return "complex_matrix";
    case BaseType::kTuple:
      return "tuple";
    case BaseType::kFunction:
      return "function";
    case BaseType::kError:
      return "unknown";
  }
  return "unknown";
}

}  // namespace

std::string to_string(const Type& type) {
  std::string out;
  if (type.array_depth > 0) {
    out = "array[" + std::string(static_cast<size_t>(type.array_depth) - 1, ',') + "] ";
  }
  out += base_name(type.base);
  if (type.base != BaseType::kTuple) return out;
  out += '(';
  for (size_t i = 0; i < type.elements.size(); ++i) {
    if (i > 0) out += ", ";
    out += to_string(type.elements[i]);
  }
  if (type.elements.size() == 1) out += ',';
  return out + ')';
}

}  // namespace vinci::syntax
