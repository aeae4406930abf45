#include "syntax/type.h"

#include "syntax/spelling.h"

namespace vinci::syntax {

std::string to_string(const Type& type) {
  std::string out;
  if (type.array_depth > 0) {
    out = "array[" + std::string(static_cast<size_t>(type.array_depth) - 1, ',') + "] ";
  }
  out += base_keyword(type.base);
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
