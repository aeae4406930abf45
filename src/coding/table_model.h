// What the codec needs of a model of a table of integers: symbols for its values, and rows coded by
// bits-back.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "coding/bits_back.h"

namespace vinci::coding {

/// What the distribution of a column is in a component model: found from the number of its symbols,
/// a normal that is rounded to the integers, or a probability for each symbol, on a fine grid.
enum class ColumnShape : uint8_t { kBySize, kNormal, kTable };

/// How the values of a column become symbols: symbol = (value - low) >> shift, 0 <= symbol < size;
/// the `shift` bits below are coded as they are. Other values are not in the model's support.
struct Column {
  int64_t low = 0;
  uint32_t size = 1;
  uint32_t shift = 0;
  ColumnShape shape = ColumnShape::kBySize;
  bool operator==(const Column&) const = default;

  /// Of a value that is not below `low`; one of `size` and above is not held.
  uint64_t symbol(int64_t value) const {
    return (static_cast<uint64_t>(value) - static_cast<uint64_t>(low)) >> shift;
  }
  bool holds(int64_t value) const { return value >= low && symbol(value) < size; }
};

class TableModel {
 public:
  virtual ~TableModel() = default;
  /// `mixture:8`, `hmm:4`, `vae:50`.
  virtual std::string name() const = 0;
  /// 64 bits of all that its codes depend on.
  virtual uint64_t fingerprint() const = 0;
  /// The model as bytes, for the head of a file; empty where it has a file of its own.
  virtual std::string bytes() const = 0;
  virtual std::span<const Column> columns() const = 0;
  size_t num_columns() const { return columns().size(); }
  /// Rows that a chunk may have at most, for the memory that coding them takes.
  virtual uint64_t max_chunk_rows() const { return std::numeric_limits<uint64_t>::max(); }

  /// `rows` are of one chunk, row after row; decode gives them in order.
  virtual void encode(AnsStack& stack, std::span<const uint32_t> rows,
                      const BitsBackOptions& options) const = 0;
  virtual void decode(AnsStack& stack, std::span<uint32_t> rows,
                      const BitsBackOptions& options) const = 0;
  /// The negative bound of the rows in bits, not computed by the coder: the ELBO, and L_N of
  /// Scheme::kMonteCarlo with N particles. Where it is an expectation it is estimated with draws
  /// of `seed`.
  virtual double bound_bits(std::span<const uint32_t> rows, const BitsBackOptions& options,
                            uint64_t seed) const = 0;
};
using TableModelPtr = std::shared_ptr<const TableModel>;

}  // namespace vinci::coding
