// What a kernel is given: plain pointers to rows of lanes. Included by the per-target `*_simd.cc`
// files, so nothing here uses the standard library.
#pragma once

#include <cstdint>

#include "graph/op.h"

namespace vinci::exec {

/// An operand of `count` elements. Element i is at base + i * step, or, where `rows` is not null,
/// in row rows[i] at base + rows[i] * row_stride of the call; step 0 is one row for all elements. A
/// constant operand has one number per element, for every lane.
struct RowArg {
  const double* base = nullptr;
  const uint32_t* rows = nullptr;
  int32_t step = 0;  // doubles
  bool constant = false;
};

/// Where the adjoint of an operand goes, laid out like the operand. Accumulated into rows that
/// others share, overwritten in rows that belong to this use alone.
struct AdjointArg {
  double* base = nullptr;
  const uint32_t* rows = nullptr;
  int32_t step = 0;
  bool wanted = false;
  bool accumulate = true;
};

/// One instruction on `count` elements times lanes = 8 * `chunks` lanes.
struct KernelCall {
  int32_t count = 0;
  int32_t chunks = 0;
  int32_t row_stride = 0;  // doubles from one global row to the next
  int32_t arity = 0;
  const RowArg* in = nullptr;  // [arity]
  double* out = nullptr;       // [count][lanes]
  double* stash = nullptr;     // what forward leaves for reverse; null where no gradient is wanted
  RowArg out_adjoint;          // of a term: the weight, a constant operand
  const AdjointArg* adjoint = nullptr;  // [arity]
  double* sum = nullptr;                // of a term: sum[lane] += weight * value
};

using Kernel = void (*)(const KernelCall&);

/// The kernels of one instruction set. A null entry: no vector kernel, the scalar fallback serves.
struct KernelTable {
  Kernel forward[graph::kNumOps];  // out = f(in); fills the stash
  Kernel reverse[graph::kNumOps];  // adjoint += out_adjoint * df
  /// The root of a plate of terms: value and adjoints in one pass, `out` unused; null adjoint:
  /// value only.
  Kernel term[graph::kNumOps];
  /// sum[lane] += weight * in[0] and adjoint[0] += weight: a term that is a row itself.
  Kernel weighted_rows;
};

/// Rows of stash per element that `forward` fills.
constexpr int stash_rows(graph::Op op, int arity) {
  return op == graph::Op::kLogSumExp ? arity : op == graph::Op::kLog1pExp ? 1 : 0;
}

/// Of the running machine (numeric/simd/target.h).
const KernelTable& kernels();

}  // namespace vinci::exec
