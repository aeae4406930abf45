// Choice of instruction set at run time. Files named `*_simd.cc` are compiled once per target, each
// in a namespace named after it; this header is for the code that picks among them.
#pragma once

#include <cstdint>

namespace vinci::numeric {

enum class SimdTarget : uint8_t { kBaseline, kAvx2, kAvx512 };

/// The widest target of this machine, or what the environment variable VINCI_SIMD (baseline, avx2,
/// avx512) or `set_simd_target` asks for where the machine has it. The machine and the environment
/// are looked at once.
SimdTarget simd_target();

/// Overrides the choice from now on, for tests and benchmarks; false (and no change) where the
/// machine lacks it.
bool set_simd_target(SimdTarget target);

/// Whether this machine can run code of the target.
bool has_simd_target(SimdTarget target);

/// "baseline", "avx2", "avx512".
const char* simd_target_name(SimdTarget target);

}  // namespace vinci::numeric

/// Dispatch. A header declares each per-target function with VINCI_SIMD_DECLARE, in namespace
/// vinci::numeric:
///     VINCI_SIMD_DECLARE(void row_exp(const double* x, double* y, int n);)
/// `row_exp_simd.cc` defines it in namespace vinci::numeric::VINCI_TARGET, and a caller picks one
/// with
///     VINCI_SIMD_SELECT(row_exp)(x, y, n);
/// or keeps the pointer that VINCI_SIMD_SELECT gives.
#if defined(__x86_64__)
#define VINCI_SIMD_DECLARE(...) \
  namespace baseline {          \
  __VA_ARGS__                   \
  }                             \
  namespace avx2 {              \
  __VA_ARGS__                   \
  }                             \
  namespace avx512 {            \
  __VA_ARGS__                   \
  }
#define VINCI_SIMD_SELECT(name)                                                             \
  (::vinci::numeric::simd_target() == ::vinci::numeric::SimdTarget::kAvx512 ? &avx512::name \
   : ::vinci::numeric::simd_target() == ::vinci::numeric::SimdTarget::kAvx2 ? &avx2::name   \
                                                                            : &baseline::name)
#else
#define VINCI_SIMD_DECLARE(...) \
  namespace baseline {          \
  __VA_ARGS__                   \
  }
#define VINCI_SIMD_SELECT(name) (&baseline::name)
#endif
