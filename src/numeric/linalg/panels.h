// Constant matrices in the order in which `panel_product` reads them.
#pragma once

#include <cstdint>
#include <vector>

namespace vinci::numeric {

/// The panels of a row-major matrix [rows, cols], or of its transpose.
std::vector<double> make_panels(const double* matrix, int64_t rows, int64_t cols, bool transposed);

}  // namespace vinci::numeric
