// Constant matrices in the order in which `panel_product` and `sparse_product` read them.
#pragma once

#include <cstdint>
#include <vector>

namespace vinci::numeric {

/// The panels of a row-major matrix [rows, cols], or of its transpose.
std::vector<double> make_panels(const double* matrix, int64_t rows, int64_t cols, bool transposed);

/// The nonzero elements of a matrix in blocks of kSparseColumns columns, each by rows.
struct SparseBlocks {
  int64_t blocks = 0;
  std::vector<uint32_t> starts;  // blocks * rows + 1
  std::vector<uint32_t> columns;
  std::vector<double> values;
};
/// Columns whose rows of 16 lanes fit in half of a first-level cache.
constexpr int64_t kSparseColumns = 128;
/// Of a row-major matrix [rows, cols], or of its transpose.
SparseBlocks make_sparse_blocks(const double* matrix, int64_t rows, int64_t cols, bool transposed);

}  // namespace vinci::numeric
