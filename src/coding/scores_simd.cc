#include "coding/scores.h"

namespace vinci::coding::VINCI_TARGET {

void add_rows(int64_t* sums, const int32_t* table, const size_t* rows, size_t count, size_t n) {
  for (size_t i = 0; i < count; ++i) {
    const int32_t* row = table + rows[i] * n;
    for (size_t k = 0; k < n; ++k) sums[k] += row[k];
  }
}

void spread_rows(float* table, const float* weights, const size_t* rows, size_t count, size_t n) {
  for (size_t i = 0; i < count; ++i) {
    float* row = table + rows[i] * n;
    for (size_t k = 0; k < n; ++k) row[k] += weights[k];
  }
}

}  // namespace vinci::coding::VINCI_TARGET
