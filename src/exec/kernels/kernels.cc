// Chooses the kernels of the running machine; operations without a vector kernel get a scalar one,
// lane by lane through the reference evaluator.
#include <array>
#include <vector>

#include "exec/kernels/kernel.h"
#include "graph/graph.h"
#include "numeric/simd/target.h"

namespace vinci::exec {

VINCI_SIMD_DECLARE(void fill_kernel_table(KernelTable& table);)

namespace {

using graph::Op;

const double* row_of(const RowArg& a, int64_t i, int64_t row_stride) {
  return a.base + (a.rows != nullptr ? static_cast<int64_t>(a.rows[i]) * row_stride : i * a.step);
}

template <Op op>
void scalar_forward(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  std::array<double, 3> x{};
  const auto arity = static_cast<size_t>(call.arity);
  for (int64_t i = 0; i < call.count; ++i) {
    for (int64_t l = 0; l < lanes; ++l) {
      for (size_t a = 0; a < arity; ++a) {
        const double* p = row_of(call.in[a], i, call.row_stride);
        x[a] = call.in[a].constant ? *p : p[l];
      }
      call.out[i * lanes + l] = graph::reference_value(op, {x.data(), arity});
    }
  }
}

template <Op op>
void scalar_reverse(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  std::array<double, 3> x{};
  std::array<double, 3> d{};
  const auto arity = static_cast<size_t>(call.arity);
  for (int64_t i = 0; i < call.count; ++i) {
    const double* g_row = row_of(call.out_adjoint, i, call.row_stride);
    for (int64_t l = 0; l < lanes; ++l) {
      const double g = call.out_adjoint.constant ? *g_row : g_row[l];
      if (g == 0) {
        d = {};
      } else {
        for (size_t a = 0; a < arity; ++a) {
          const double* p = row_of(call.in[a], i, call.row_stride);
          x[a] = call.in[a].constant ? *p : p[l];
        }
        graph::reference_partials(op, {x.data(), arity}, call.out[i * lanes + l],
                                  {d.data(), arity});
      }
      for (size_t a = 0; a < arity; ++a) {
        const AdjointArg& target = call.adjoint[a];
        if (!target.wanted) continue;
        const int64_t at = target.rows != nullptr
                               ? static_cast<int64_t>(target.rows[i]) * call.row_stride
                               : i * target.step;
        double& q = target.base[at + l];
        q = (target.accumulate ? q : 0.0) + (g == 0 ? 0.0 : g * d[a]);
      }
    }
  }
}

template <int k>
void add_fallbacks(KernelTable& table) {
  if constexpr (k < graph::kNumOps) {
    constexpr Op op = static_cast<Op>(k);
    if (table.forward[k] == nullptr) {
      table.forward[k] = scalar_forward<op>;
      table.reverse[k] = scalar_reverse<op>;
    }
    add_fallbacks<k + 1>(table);
  }
}

KernelTable make_table(void (*fill)(KernelTable&)) {
  KernelTable table{};
  fill(table);
  add_fallbacks<0>(table);
  return table;
}

}  // namespace

const KernelTable& kernels() {
  // Each table is filled only where it is used: filling runs code of that instruction set.
#if defined(__x86_64__)
  switch (numeric::simd_target()) {
    case numeric::SimdTarget::kAvx512: {
      static const KernelTable table = make_table(avx512::fill_kernel_table);
      return table;
    }
    case numeric::SimdTarget::kAvx2: {
      static const KernelTable table = make_table(avx2::fill_kernel_table);
      return table;
    }
    case numeric::SimdTarget::kBaseline:
      break;
  }
#endif
  static const KernelTable table = make_table(baseline::fill_kernel_table);
  return table;
}

}  // namespace vinci::exec
