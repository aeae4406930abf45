// Numbers as bytes, little-endian, and back with every read checked; checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vinci::coding {

void put_u32(std::string& out, uint32_t x);
void put_u64(std::string& out, uint64_t x);
/// Seven bits a byte, the lowest first.
void put_varint(std::string& out, uint64_t x);
/// Small magnitudes of either sign in few bytes.
void put_signed(std::string& out, int64_t x);
/// Length, then the bytes.
void put_text(std::string& out, std::string_view text);

/// Reads from the front of bytes that may be anything. After a failed read ok() is false and all
/// further results are 0 or empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  size_t left() const { return rest_.size(); }
  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  uint64_t varint();
  int64_t signed_number();
  std::string_view bytes(uint64_t count);
  std::string_view text() { return bytes(varint()); }
  /// Marks the input as wrong unless the condition holds.
  void require(bool condition) { ok_ = ok_ && condition; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// CRC-32 of Castagnoli.
uint32_t checksum(std::string_view bytes);
/// FNV-1a of 64 bits.
uint64_t hash_bytes(std::string_view bytes);

}  // namespace vinci::coding
