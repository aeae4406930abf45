#include "numeric/linalg/panels.h"

#include <algorithm>
#include <cstddef>

#include "numeric/linalg/lane_algorithms.h"

namespace vinci::numeric {

std::vector<double> make_panels(const double* matrix, int64_t rows, int64_t cols, bool transposed) {
  const int64_t out_rows = transposed ? cols : rows;
  const int64_t out_cols = transposed ? rows : cols;
  std::vector<double> panels(static_cast<size_t>(panel_size(out_rows, out_cols)), 0.0);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      const int64_t r = transposed ? j : i;
      const int64_t c = transposed ? i : j;
      const int64_t panel = r / kPanelRows;
      panels[static_cast<size_t>(panel * kPanelRows * out_cols + c * kPanelRows + r % kPanelRows)] =
          matrix[i * cols + j];
    }
  return panels;
}

SparseBlocks make_sparse_blocks(const double* matrix, int64_t rows, int64_t cols, bool transposed) {
  const int64_t out_rows = transposed ? cols : rows;
  const int64_t out_cols = transposed ? rows : cols;
  SparseBlocks result;
  result.blocks = (out_cols + kSparseColumns - 1) / kSparseColumns;
  result.starts.push_back(0);
  for (int64_t first = 0; first < out_cols; first += kSparseColumns) {
    for (int64_t r = 0; r < out_rows; ++r) {
      for (int64_t c = first; c < std::min(first + kSparseColumns, out_cols); ++c) {
        const double x = transposed ? matrix[c * cols + r] : matrix[r * cols + c];
        if (x == 0) continue;
        result.columns.push_back(static_cast<uint32_t>(c));
        result.values.push_back(x);
      }
      result.starts.push_back(static_cast<uint32_t>(result.values.size()));
    }
  }
  return result;
}

}  // namespace vinci::numeric
