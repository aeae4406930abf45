// The `.vbb` file: a header, chunks of rows that decode on their own, an index.
//
//   magic (8 bytes)
//   header:  length u32, bytes, CRC-32C u32
//   chunks:  "CHNK", number u32, rows u32, length u32, CRC of these (seeded by the header's) u32,
//            bytes, CRC of the bytes u32
//   index:   "INDX", length u32, bytes, CRC u32; offset of the index u64, "VBBE"
//
// Numbers are little-endian. A damaged chunk leaves the others readable; without the index they are
// found by their marks. Any bytes may be given as a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coding/bits_back.h"
#include "dataset/table_file.h"

namespace vinci::coding {

enum class Binarise : uint8_t { kNone, kThreshold, kSample };

struct VbbHeader {
  dataset::TableLayout layout;
  Binarise binarise = Binarise::kNone;  ///< what was done to the values before coding
  uint64_t seed = 1;                    ///< of clean bits
  BitsBackOptions coding;
  std::string model_name;
  uint64_t model_fingerprint = 0;
  std::string model;  ///< its bytes; empty where the decoder brings it
};

struct VbbChunk {
  uint64_t offset = 0;
  uint32_t number = 0;
  uint64_t first_row = 0;
  uint32_t rows = 0;
  std::string_view bytes;  ///< what the coder wrote
  std::string problem;     ///< empty, or a clause that says what is wrong with it
};

/// Sums over all chunks, known at the end.
struct VbbTotals {
  uint64_t rows = 0;
  uint64_t escapes = 0;  ///< values that the model does not hold
  uint64_t clean_bits = 0;
  double bound_bits = 0;  ///< negative bound of the data under the model
  dataset::TableEnd end;
};

struct VbbFile {
  VbbHeader header;
  std::vector<VbbChunk> chunks;
  bool has_index = false;
  VbbTotals totals;  ///< where has_index
  /// What is wrong with the file as a whole, such as a missing index; sentences.
  std::vector<std::string> problems;
  bool is_whole() const;
};

inline constexpr uint64_t kMaxChunkValues = uint64_t{1} << 24;

/// Writes the parts of a file one after the other.
class VbbWriter {
 public:
  VbbWriter(const VbbHeader& header, dataset::TableWriter::Sink sink);
  void add_chunk(uint32_t rows, std::string_view bytes);
  void finish(const VbbTotals& totals);
  uint64_t num_bytes() const { return offset_; }

 private:
  void put(std::string_view bytes);

  dataset::TableWriter::Sink sink_;
  uint64_t offset_ = 0;
  uint32_t header_checksum_ = 0;
  std::vector<uint64_t> offsets_;
  std::vector<uint32_t> rows_;
};

/// Reads the structure; the result refers to `bytes`. Throws Error(kInput), a sentence about
/// `name`, where there is no header to go by. The bytes of every chunk are checked.
VbbFile read_vbb(std::string_view bytes, const std::string& name);

}  // namespace vinci::coding
