// The operations of a DensityGraph; no standard library, so that kernels may include it.
#pragma once

#include <cstdint>

namespace vinci::graph {

enum class Op : uint8_t {
#define VINCI_OP(Name, text, arity) k##Name,
#include "graph/ops.def"
#undef VINCI_OP
};
inline constexpr int kNumOps = static_cast<int>(Op::kElement) + 1;
const char* op_name(Op op);
/// Number of operands, -1 where it varies.
int op_arity(Op op);

}  // namespace vinci::graph
