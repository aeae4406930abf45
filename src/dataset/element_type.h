// The integers of binary files.
#pragma once

#include <cstdint>
#include <string>

namespace vinci::dataset {

/// An element of a binary file: 1, 2, 4 or 8 bytes.
struct ElementType {
  uint8_t bytes = 1;
  bool is_signed = false;
  bool is_big_endian = false;
  bool operator==(const ElementType&) const = default;
};

/// The integer in `bytes`; an unsigned one of 2^63 and above comes out negative.
inline int64_t decode_element(const char* bytes, ElementType type) {
  uint64_t x = 0;
  for (size_t k = 0; k < type.bytes; ++k) {
    const size_t from = type.is_big_endian ? k : type.bytes - 1 - k;
    x = x << 8 | static_cast<uint8_t>(bytes[from]);
  }
  const int unused = 64 - 8 * type.bytes;
  return type.is_signed ? static_cast<int64_t>(x << unused) >> unused : static_cast<int64_t>(x);
}

/// Appends the lowest bytes of `value`.
inline void encode_element(std::string& out, int64_t value, ElementType type) {
  const auto x = static_cast<uint64_t>(value);
  for (size_t k = 0; k < type.bytes; ++k)
    out += static_cast<char>(x >> (8 * (type.is_big_endian ? type.bytes - 1 - k : k)));
}

}  // namespace vinci::dataset
