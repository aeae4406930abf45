// Files through models: tables to `.vbb` and back, chunk by chunk, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "coding/container.h"
#include "coding/learn.h"
#include "dataset/table_file.h"
#include "vinci/context.h"

namespace vinci::coding {

struct CompressOptions {
  BitsBackOptions coding;
  Binarise binarise = Binarise::kNone;
  uint64_t seed = 1;
  /// Rows of a chunk; 0: about four million values.
  uint64_t chunk_rows = 0;
  int threads = 1;
  /// Whether the model's bytes go into the file.
  bool embed_model = true;
};

struct CodingReport {
  uint64_t rows = 0;
  uint64_t values = 0;
  uint64_t chunks = 0;
  uint64_t file_bytes = 0;
  uint64_t model_bytes = 0;  ///< of them, the model's
  uint64_t clean_bits = 0;
  uint64_t escapes = 0;
  double bound_bits = 0;  ///< negative bound, -ELBO in bits
  dataset::TableEnd end;

  /// Without the model and the bits that come back.
  double net_bits() const {
    return 8.0 * static_cast<double>(file_bytes - model_bytes) - static_cast<double>(clean_bits);
  }
};

/// One chunk of rows as bytes: values outside of the model first, then the stack.
struct CodedChunk {
  std::string bytes;
  uint64_t clean_bits = 0;
  uint64_t escapes = 0;
  double bound_bits = 0;
};
CodedChunk encode_chunk(const TableModel& model, const std::vector<int64_t>& values,
                        uint32_t number, uint64_t seed, const BitsBackOptions& options);
/// Throws Error(kInput), a clause, where the bytes are not a chunk of so many rows.
std::vector<int64_t> decode_chunk(const TableModel& model, std::string_view bytes, uint32_t rows,
                                  uint32_t number, uint64_t seed, const BitsBackOptions& options);

/// Values 0 and 1: at least half of `full`, or 1 with probability value / full.
void binarise(std::vector<int64_t>& values, Binarise how, uint64_t first_index, uint64_t seed,
              int64_t full = 255);

/// Learns from up to max_rows rows of the table; 0: all. What the codec does to values (binarise)
/// is done to these.
ModelCodes learn_from(dataset::TableReader& reader, const CompressOptions& compress,
                      LearnOptions options, uint64_t max_rows, const Context& context);

/// Reads all rows and writes a `.vbb` file to the sink. The bytes do not depend on threads.
CodingReport compress(dataset::TableReader& reader, const TableModel& model,
                      const CompressOptions& options, const dataset::TableWriter::Sink& sink,
                      const Context& context);

struct DecompressOptions {
  int threads = 1;
  /// Rows [first_row, last_row) only; chunks outside are not decoded.
  uint64_t first_row = 0;
  uint64_t last_row = ~uint64_t{0};
  /// Leave out what is damaged instead of failing.
  bool salvage = false;
};

struct DecompressReport {
  uint64_t rows = 0;
  uint64_t values = 0;
  /// What was left out, as sentences.
  std::vector<std::string> lost;
};

/// The model of the file: its own or, where it has none or the given one fits, that given (may be
/// null). Throws Error(kInput) where there is none or its fingerprint is another.
TableModelPtr model_of(const VbbFile& file, const std::string& name, TableModelPtr given);

/// Writes the table. Throws Error(kInput) naming the chunk where something is damaged and not to be
/// salvaged.
DecompressReport decompress(const VbbFile& file, const std::string& name, const TableModel& model,
                            const DecompressOptions& options, dataset::RowWriter& writer,
                            const Context& context);
/// The same as the bytes of a file; not for pictures.
DecompressReport decompress(const VbbFile& file, const std::string& name, const TableModel& model,
                            const DecompressOptions& options,
                            const dataset::TableWriter::Sink& sink, const Context& context);

/// Model files: magic, codes, checksum. Throw Error(kIo) and Error(kInput), sentences.
std::string model_file_bytes(const ModelCodes& codes);
ModelCodes read_model_file(std::string_view bytes, const std::string& name);

}  // namespace vinci::coding
