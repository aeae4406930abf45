#include "coding/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "coding/bytes.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

// As PNG's: the line ends show whether a transfer changed the bytes.
constexpr std::string_view kMagic = "VBB1\r\n\x1a\n";
constexpr std::string_view kChunkMark = "CHNK";
constexpr std::string_view kIndexMark = "INDX";
constexpr std::string_view kEndMark = "VBBE";
constexpr size_t kChunkHead = 4 + 4 * 4;
constexpr uint8_t kVersion = 1;

std::string header_bytes(const VbbHeader& header) {
  std::string out;
  out += static_cast<char>(kVersion);
  out += static_cast<char>(header.layout.format);
  out += static_cast<char>(header.layout.element.bytes);
  out += static_cast<char>((header.layout.element.is_signed ? 1 : 0) |
                           (header.layout.element.is_big_endian ? 2 : 0) |
                           (header.layout.has_crlf ? 4 : 0));
  put_varint(out, header.layout.row_shape.size());
  for (const uint64_t d : header.layout.row_shape) put_varint(out, d);
  put_text(out, header.layout.preamble);
  out += static_cast<char>(header.binarise);
  put_u64(out, header.seed);
  out += static_cast<char>(header.coding.scheme);
  put_varint(out, static_cast<uint64_t>(header.coding.particles));
  put_text(out, header.model_name);
  put_u64(out, header.model_fingerprint);
  put_text(out, header.model);
  return out;
}

bool parse_header(std::string_view bytes, VbbHeader& header, std::string& reason) {
  ByteReader in(bytes);
  const uint8_t version = in.u8();
  if (version != kVersion) {
    reason = fmt::format("is of version {} of the format; this program reads version {}", version,
                         kVersion);
    return false;
  }
  const uint8_t format = in.u8();
  header.layout.element.bytes = in.u8();
  const uint8_t flags = in.u8();
  const uint8_t width = header.layout.element.bytes;
  in.require(format <= 3 && flags < 8 && (width == 1 || width == 2 || width == 4 || width == 8));
  header.layout.format = static_cast<dataset::TableFormat>(format);
  header.layout.element.is_signed = (flags & 1) != 0;
  header.layout.element.is_big_endian = (flags & 2) != 0;
  header.layout.has_crlf = (flags & 4) != 0;
  const uint64_t rank = in.varint();
  in.require(rank <= 32);
  header.layout.columns = 1;
  for (uint64_t d = 0; in.ok() && d < rank; ++d) {
    const uint64_t size = in.varint();
    in.require(size >= 1 && size <= kMaxChunkValues &&
               header.layout.columns * size <= kMaxChunkValues);
    header.layout.row_shape.push_back(size);
    header.layout.columns *= size;
  }
  header.layout.preamble = in.text();
  const uint8_t binarise = in.u8();
  header.seed = in.u64();
  const uint8_t scheme = in.u8();
  const uint64_t particles = in.varint();
  in.require(binarise <= 2 && scheme <= 2 && particles >= 1 && particles <= 4096);
  header.binarise = static_cast<Binarise>(binarise);
  header.coding.scheme = static_cast<Scheme>(scheme);
  header.coding.particles = static_cast<int>(particles);
  header.model_name = in.text();
  header.model_fingerprint = in.u64();
  header.model = in.text();
  in.require(in.left() == 0);
  reason = "has a damaged header";
  return in.ok();
}

/// Of a chunk's numbers, in the file with this header.
uint32_t head_checksum(uint32_t header_checksum, std::string_view numbers) {
  std::string text;
  put_u32(text, header_checksum);
  return checksum(text.append(numbers));
}

/// Reads the chunk at the offset; false where none begins there.
bool read_chunk(std::string_view file, uint64_t offset, uint32_t header_checksum,
                const VbbHeader& header, VbbChunk& chunk, uint64_t& end) {
  if (offset > file.size() || file.size() - offset < kChunkHead) return false;
  const std::string_view head = file.substr(offset, kChunkHead);
  if (!head.starts_with(kChunkMark)) return false;
  ByteReader in(head.substr(4));
  chunk.offset = offset;
  chunk.number = in.u32();
  chunk.rows = in.u32();
  const uint32_t length = in.u32();
  if (in.u32() != head_checksum(header_checksum, head.substr(4, 12))) return false;
  const uint64_t left = file.size() - offset - kChunkHead;
  if (chunk.rows == 0 || chunk.rows > kMaxChunkValues / header.layout.columns) return false;
  if (left < uint64_t{length} + 4) {
    chunk.problem = "is cut off";
    end = file.size();
    return true;
  }
  chunk.bytes = file.substr(offset + kChunkHead, length);
  end = offset + kChunkHead + length + 4;
  if (ByteReader(file.substr(end - 4, 4)).u32() != checksum(chunk.bytes))
    chunk.problem = "is damaged: its checksum is wrong";
  return true;
}

bool read_index(std::string_view file, std::vector<uint64_t>& offsets, std::vector<uint32_t>& rows,
                VbbTotals& totals) {
  constexpr size_t kTail = 12;
  if (file.size() < kTail || !file.ends_with(kEndMark)) return false;
  const uint64_t at = ByteReader(file.substr(file.size() - kTail)).u64();
  if (at > file.size() || file.size() - at < kTail + 12) return false;
  std::string_view index = file.substr(at, file.size() - at - kTail);
  if (!index.starts_with(kIndexMark)) return false;
  const uint32_t length = ByteReader(index.substr(4)).u32();
  if (index.size() != uint64_t{length} + 12) return false;
  const std::string_view bytes = index.substr(8, length);
  if (ByteReader(index.substr(8 + length)).u32() != checksum(bytes)) return false;
  ByteReader in(bytes);
  const uint64_t count = in.varint();
  uint64_t offset = 0;
  for (uint64_t k = 0; in.ok() && k < count; ++k) {
    offset += in.varint();
    offsets.push_back(offset);
    rows.push_back(static_cast<uint32_t>(in.varint()));
  }
  totals.rows = in.varint();
  totals.escapes = in.varint();
  totals.clean_bits = in.varint();
  totals.bound_bits = std::bit_cast<double>(in.u64());
  const uint8_t flags = in.u8();
  totals.end.has_final_newline = (flags & 1) != 0;
  totals.end.canonical = (flags & 2) != 0;
  return in.ok() && in.left() == 0;
}

}  // namespace

bool VbbFile::is_whole() const {
  return problems.empty() && std::all_of(chunks.begin(), chunks.end(), [](const VbbChunk& chunk) {
           return chunk.problem.empty();
         });
}

VbbWriter::VbbWriter(const VbbHeader& header, dataset::TableWriter::Sink sink)
    : sink_(std::move(sink)) {
  const std::string bytes = header_bytes(header);
  header_checksum_ = checksum(bytes);
  std::string out(kMagic);
  put_u32(out, static_cast<uint32_t>(bytes.size()));
  out += bytes;
  put_u32(out, header_checksum_);
  put(out);
}

void VbbWriter::put(std::string_view bytes) {
  sink_(bytes);
  offset_ += bytes.size();
}

void VbbWriter::add_chunk(uint32_t rows, std::string_view bytes) {
  std::string numbers;
  put_u32(numbers, static_cast<uint32_t>(offsets_.size()));
  put_u32(numbers, rows);
  put_u32(numbers, static_cast<uint32_t>(bytes.size()));
  offsets_.push_back(offset_);
  rows_.push_back(rows);
  std::string head(kChunkMark);
  head += numbers;
  put_u32(head, head_checksum(header_checksum_, numbers));
  put(head);
  put(bytes);
  std::string tail;
  put_u32(tail, checksum(bytes));
  put(tail);
}

void VbbWriter::finish(const VbbTotals& totals) {
  std::string bytes;
  put_varint(bytes, offsets_.size());
  uint64_t before = 0;
  for (size_t k = 0; k < offsets_.size(); ++k) {
    put_varint(bytes, offsets_[k] - before);
    put_varint(bytes, rows_[k]);
    before = offsets_[k];
  }
  put_varint(bytes, totals.rows);
  put_varint(bytes, totals.escapes);
  put_varint(bytes, totals.clean_bits);
  put_u64(bytes, std::bit_cast<uint64_t>(totals.bound_bits));
  bytes +=
      static_cast<char>((totals.end.has_final_newline ? 1 : 0) | (totals.end.canonical ? 2 : 0));
  std::string out(kIndexMark);
  put_u32(out, static_cast<uint32_t>(bytes.size()));
  out += bytes;
  put_u32(out, checksum(bytes));
  put_u64(out, offset_);
  out += kEndMark;
  put(out);
}

VbbFile read_vbb(std::string_view bytes, const std::string& name) {
  const auto fail = [&](const std::string& reason) {
    throw Error(Error::Kind::kInput, fmt::format("The file `{}` {}.", name, reason));
  };
  if (!bytes.starts_with(kMagic))
    fail(bytes.starts_with(kMagic.substr(0, 4))
             ? "has been changed in transfer: its line ends differ from those of a .vbb file"
             : "is not a .vbb file");
  ByteReader in(bytes.substr(kMagic.size()));
  const uint32_t length = in.u32();
  const std::string_view head = in.bytes(length);
  const uint32_t stored = in.u32();
  if (!in.ok()) fail("is cut off in its header");
  const uint32_t header_checksum = checksum(head);
  if (header_checksum != stored) fail("has a damaged header: its checksum is wrong");
  VbbFile file;
  std::string reason;
  if (!parse_header(head, file.header, reason)) fail(reason);
  const uint64_t begin = kMagic.size() + 8 + length;

  std::vector<uint64_t> offsets;
  std::vector<uint32_t> rows;
  file.has_index = read_index(bytes, offsets, rows, file.totals);
  uint64_t first_row = 0;
  if (file.has_index) {
    for (size_t k = 0; k < offsets.size(); ++k) {
      VbbChunk chunk;
      uint64_t end = 0;
      const bool is_there = read_chunk(bytes, offsets[k], header_checksum, file.header, chunk, end);
      if (!is_there) chunk = {};
      if (!is_there) chunk.problem = "is damaged: its head is not readable";
      if (is_there && (chunk.number != k || chunk.rows != rows[k]))
        chunk.problem = fmt::format("is not the one that belongs here, but chunk {}", chunk.number);
      chunk.offset = offsets[k];
      chunk.number = static_cast<uint32_t>(k);
      chunk.rows = rows[k];
      chunk.first_row = first_row;
      first_row += rows[k];
      file.chunks.push_back(std::move(chunk));
    }
    if (first_row != file.totals.rows)
      file.problems.push_back("The index and its number of rows do not agree.");
    return file;
  }
  file.totals = {};
  file.problems.push_back(
      "The index at the end is missing or damaged: the file is cut off, or something was appended "
      "to it.");
  for (uint64_t at = begin; at < bytes.size();) {
    VbbChunk chunk;
    uint64_t end = 0;
    if (read_chunk(bytes, at, header_checksum, file.header, chunk, end)) {
      const uint32_t expected = static_cast<uint32_t>(file.chunks.size());
      if (chunk.number != expected && chunk.problem.empty() && file.problems.size() < 20)
        file.problems.push_back(
            fmt::format("Chunk {} stands where chunk {} is expected.", chunk.number, expected));
      chunk.first_row = first_row;
      first_row += chunk.rows;
      file.chunks.push_back(std::move(chunk));
      at = end;
    } else {
      const size_t next = bytes.find(kChunkMark, at + 1);
      at = next == std::string_view::npos ? bytes.size() : next;
    }
  }
  file.totals.rows = first_row;
  return file;
}

}  // namespace vinci::coding
