#include "numeric/simd/target.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace vinci::numeric {
namespace {

SimdTarget detect() {
  SimdTarget best = SimdTarget::kBaseline;
  if (has_simd_target(SimdTarget::kAvx2)) best = SimdTarget::kAvx2;
  if (has_simd_target(SimdTarget::kAvx512)) best = SimdTarget::kAvx512;
  if (const char* wanted = std::getenv("VINCI_SIMD")) {
    for (SimdTarget target : {SimdTarget::kBaseline, SimdTarget::kAvx2, SimdTarget::kAvx512})
      if (std::strcmp(wanted, simd_target_name(target)) == 0 && has_simd_target(target))
        return target;
  }
  return best;
}

std::atomic<SimdTarget>& chosen() {
  static std::atomic<SimdTarget> target{detect()};
  return target;
}

}  // namespace

SimdTarget simd_target() { return chosen().load(std::memory_order_relaxed); }

bool set_simd_target(SimdTarget target) {
  if (!has_simd_target(target)) return false;
  chosen().store(target, std::memory_order_relaxed);
  return true;
}

bool has_simd_target(SimdTarget target) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (target) {
    case SimdTarget::kBaseline:
      return true;
    case SimdTarget::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case SimdTarget::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("fma");
  }
  return false;
#else
  return target == SimdTarget::kBaseline;
#endif
}

const char* simd_target_name(SimdTarget target) {
  switch (target) {
    case SimdTarget::kAvx512:
      return "avx512";
    case SimdTarget::kAvx2:
      return "avx2";
    case SimdTarget::kBaseline:
      break;
  }
  return "baseline";
}

}  // namespace vinci::numeric
