#include "numeric/linalg/panels.h"

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

}  // namespace vinci::numeric
