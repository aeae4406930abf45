#include "coding/strict_rows.h"

namespace vinci::coding::VINCI_TARGET {
namespace {

#if defined(__AVX512F__)
constexpr size_t kWidth = 16;
#elif defined(__AVX2__)
constexpr size_t kWidth = 8;
#else
constexpr size_t kWidth = 4;
#endif
typedef float Floats __attribute__((vector_size(kWidth * sizeof(float)), aligned(4), may_alias));
constexpr size_t kParts = kPanelWidth / kWidth;

}  // namespace

void dense_panels(const float* weights, const float* bias, const uint32_t* rows, const float* x,
                  size_t count, size_t inputs, size_t panels, float* y) {
  for (size_t p = 0; p < panels; ++p) {
    const float* panel = weights + p * inputs * kPanelWidth;
    Floats sums[kParts];
    for (size_t v = 0; v < kParts; ++v)
      sums[v] = *(const Floats*)(bias + p * kPanelWidth + v * kWidth);
    for (size_t i = 0; i < count; ++i) {
      const float* row = panel + rows[i] * kPanelWidth;
      for (size_t v = 0; v < kParts; ++v) sums[v] += *(const Floats*)(row + v * kWidth) * x[i];
    }
    for (size_t v = 0; v < kParts; ++v) *(Floats*)(y + p * kPanelWidth + v * kWidth) = sums[v];
  }
}

}  // namespace vinci::coding::VINCI_TARGET
