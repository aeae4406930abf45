#include "coding/bytes.h"

#include <array>

namespace vinci::coding {

void put_u32(std::string& out, uint32_t x) {
  for (int k = 0; k < 4; ++k) out += static_cast<char>(x >> (8 * k));
}

void put_u64(std::string& out, uint64_t x) {
  for (int k = 0; k < 8; ++k) out += static_cast<char>(x >> (8 * k));
}

void put_varint(std::string& out, uint64_t x) {
  for (; x >= 128; x >>= 7) out += static_cast<char>(x | 128);
  out += static_cast<char>(x);
}

void put_signed(std::string& out, int64_t x) {
  const auto bits = static_cast<uint64_t>(x);
  put_varint(out, bits << 1 ^ (x < 0 ? ~uint64_t{0} : 0));
}

void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

std::string_view ByteReader::bytes(uint64_t count) {
  require(count <= rest_.size());
  if (!ok_) return {};
  const std::string_view out = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return out;
}

uint8_t ByteReader::u8() {
  const std::string_view b = bytes(1);
  return ok_ ? static_cast<uint8_t>(b[0]) : 0;
}

uint32_t ByteReader::u32() {
  uint32_t x = 0;
  const std::string_view b = bytes(4);
  for (size_t k = 0; k < b.size(); ++k) x |= uint32_t{static_cast<uint8_t>(b[k])} << (8 * k);
  return x;
}

uint64_t ByteReader::u64() {
  uint64_t x = 0;
  const std::string_view b = bytes(8);
  for (size_t k = 0; k < b.size(); ++k) x |= uint64_t{static_cast<uint8_t>(b[k])} << (8 * k);
  return x;
}

uint64_t ByteReader::varint() {
  uint64_t x = 0;
  for (int shift = 0; ok_; shift += 7) {
    const uint8_t b = u8();
    require(shift < 63 || (shift == 63 && b <= 1));
    if (!ok_) return 0;
    x |= uint64_t{b & 127u} << shift;
    if (b < 128) return x;
  }
  return 0;
}

int64_t ByteReader::signed_number() {
  const uint64_t x = varint();
  return static_cast<int64_t>(x >> 1 ^ ((x & 1) != 0 ? ~uint64_t{0} : 0));
}

uint32_t checksum(std::string_view bytes) {
  // Four tables: four bytes a step.
  static const auto tables = [] {
    std::array<std::array<uint32_t, 256>, 4> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t x = i;
      for (int k = 0; k < 8; ++k) x = x >> 1 ^ ((x & 1) != 0 ? 0x82f63b78u : 0);
      t[0][i] = x;
    }
    for (uint32_t i = 0; i < 256; ++i)
      for (size_t k = 1; k < 4; ++k) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
    return t;
  }();
  uint32_t crc = ~0u;
  size_t i = 0;
  const auto byte = [&](size_t k) { return uint32_t{static_cast<uint8_t>(bytes[k])}; };
  for (; i + 4 <= bytes.size(); i += 4) {
    crc ^= byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^ tables[1][crc >> 16 & 255] ^
          tables[0][crc >> 24];
  }
  for (; i < bytes.size(); ++i) crc = crc >> 8 ^ tables[0][(crc ^ byte(i)) & 255];
  return ~crc;
}

uint64_t hash_bytes(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : bytes) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return h;
}

}  // namespace vinci::coding
