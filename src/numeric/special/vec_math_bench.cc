// Nanoseconds per double of the functions of vec_math.h on each instruction set.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "numeric/special/row_functions.h"

namespace vinci::numeric {
namespace {

void measure(benchmark::State& state, SimdTarget target, RowFunction f, double low, double high) {
  const SimdTarget before = simd_target();
  if (!set_simd_target(target)) return state.SkipWithError("no such instruction set here");
  constexpr int n = 1024;
  std::vector<double> x(n), y(n);
  for (int k = 0; k < n; ++k) x[static_cast<size_t>(k)] = low + (high - low) * (k + 0.5) / n;
  const auto run = VINCI_SIMD_SELECT(row_function);
  for (auto _ : state) {
    run(f, x.data(), x.data(), y.data(), n);
    benchmark::ClobberMemory();
  }
  state.counters["ns/double"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * n * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  set_simd_target(before);
}

const int kRegistered = [] {
  for (SimdTarget target : {SimdTarget::kBaseline, SimdTarget::kAvx2, SimdTarget::kAvx512}) {
    const auto add = [&](const char* name, RowFunction f, double low, double high) {
      benchmark::RegisterBenchmark(
          (std::string(simd_target_name(target)) + "/" + name).c_str(),
          [=](benchmark::State& state) { measure(state, target, f, low, high); });
    };
#define VINCI_VEC_UNARY(name, max_ulp, low, high) \
  add(#name, RowFunction::name, (low) < -8.0 ? -8.0 : (low), (high) > 20.0 ? 20.0 : (high));
#include "numeric/special/vec_math.def"
    add("pow", RowFunction::pow, 0.1, 20);
  }
  return 0;
}();

}  // namespace
}  // namespace vinci::numeric
