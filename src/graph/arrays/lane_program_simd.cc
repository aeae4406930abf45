// The interpreter of LaneProgram on the vector block.
#include "graph/arrays/lane_code.h"
#include "graph/vec_ops.h"

namespace vinci::graph::VINCI_TARGET {

namespace {

VINCI_INLINE double* row(double* rows, int32_t slot) { return rows + int64_t{slot} * kVecSize; }
VINCI_INLINE const double* row(const double* rows, int32_t slot) {
  return rows + int64_t{slot} * kVecSize;
}
VINCI_INLINE void add(double* p, Vec x) { store(p, load(p) + x); }

template <class F>
VINCI_INLINE void run(const int32_t* o, double* values, double* result) {
  Vec x[F::kArity];
  for (int a = 0; a < F::kArity; ++a) x[a] = load(row(values, o[a]));
  store(result, F::value(x));
}

/// An infinite derivative of what nobody reads stays out.
template <class F>
VINCI_INLINE void run_back(const int32_t* o, const double* values, double* adjoints, Vec y, Vec g) {
  Vec x[F::kArity];
  Vec d[F::kArity];
  for (int a = 0; a < F::kArity; ++a) x[a] = load(row(values, o[a]));
  F::partials(x, y, d);
  const Mask unread = g == 0.0;
  for (int a = 0; a < F::kArity; ++a) add(row(adjoints, o[a]), select(unread, Vec(0.0), g * d[a]));
}

}  // namespace

void lane_forward(const LaneCode& code, int32_t first, int32_t last, double* values,
                  double* scratch) {
  const int32_t* operands = code.operands;
  const LaneInstruction* end = code.instructions + last;
  for (const LaneInstruction* i = code.instructions + first; i != end; ++i) {
    const int32_t* o = operands + i->first;
    const int32_t count = i->count;
    double* result = row(values, i->result);
    switch (i->op) {
      case Op::kLinComb: {
        Vec sum = load(row(values, o[0]));
        for (int32_t k = 1; k < count; k += 2)
          sum = fma(load(row(values, o[k])), load(row(values, o[k + 1])), sum);
        store(result, sum);
        break;
      }
      case Op::kDot: {
        Vec sum = load(row(values, o[0])) * load(row(values, o[1]));
        for (int32_t k = 2; k < count; k += 2)
          sum = fma(load(row(values, o[k])), load(row(values, o[k + 1])), sum);
        store(result, sum);
        break;
      }
      case Op::kLog1pExp:
        store(result, vm::log1p_exp(load(row(values, o[0]))));
        break;
#define VINCI_CASE(Name)                  \
  case Op::k##Name:                       \
    run<vec_op::Name>(o, values, result); \
    break;
        VINCI_FOR_EACH_VEC_OP(VINCI_CASE)
#undef VINCI_CASE
      default:
        code.forward(code.owner, *i, values, scratch);
    }
  }
}

void lane_reverse(const LaneCode& code, int32_t first, int32_t last, double* values,
                  double* adjoints, double* scratch) {
  const int32_t* operands = code.operands;
  for (int32_t index = last; index-- > first;) {
    const LaneInstruction& i = code.instructions[index];
    const int32_t* o = operands + i.first;
    const int32_t count = i.count;
    if (i.op == Op::kElement) {
      code.reverse(code.owner, i, values, adjoints, scratch);
      continue;
    }
    const Vec g = load(row(adjoints, i.result));
    switch (i.op) {
      case Op::kLinComb:
        for (int32_t k = 1; k < count; k += 2) {
          double* p = row(adjoints, o[k + 1]);
          store(p, fma(g, load(row(values, o[k])), load(p)));
        }
        break;
      case Op::kMul:
      case Op::kDot:
        for (int32_t k = 0; k < count; k += 2) {
          const Vec a = load(row(values, o[k]));
          const Vec b = load(row(values, o[k + 1]));
          double* pa = row(adjoints, o[k]);
          double* pb = row(adjoints, o[k + 1]);
          store(pa, fma(g, b, load(pa)));
          store(pb, fma(g, a, load(pb)));
        }
        break;
      case Op::kDiv: {
        const Vec share = g / load(row(values, o[1]));
        double* pa = row(adjoints, o[0]);
        double* pb = row(adjoints, o[1]);
        const Mask unread = g == 0.0;
        store(pa, load(pa) + select(unread, Vec(0.0), share));
        store(pb, load(pb) - select(unread, Vec(0.0), share * load(row(values, i.result))));
        break;
      }
      case Op::kLog1pExp:
        add(row(adjoints, o[0]), g * vm::inv_logit(load(row(values, o[0]))));
        break;
#define VINCI_CASE(Name)                                                         \
  case Op::k##Name:                                                              \
    run_back<vec_op::Name>(o, values, adjoints, load(row(values, i.result)), g); \
    break;
        VINCI_FOR_EACH_VEC_OP_BUT_PRODUCTS(VINCI_CASE)
#undef VINCI_CASE
      default:
        code.reverse(code.owner, i, values, adjoints, scratch);
    }
  }
}

void lane_outputs(const LaneCode& code, const double* values, double* out) {
  for (int32_t k = 0; k < code.num_outputs; ++k)
    store(row(out, k), load(row(values, code.outputs[k])));
  if (code.num_checks == 0) return;
  Vec failed(0.0);
  for (int32_t c = 0; c < code.num_checks; ++c) {
    const Vec x = load(row(values, code.checks[c].slot));
    Mask holds;
    switch (code.checks[c].kind) {
      case 0:  // positive
        holds = x > 0.0;
        break;
      case 1:  // not negative
        holds = x >= 0.0;
        break;
      case 2:  // in the unit interval
        holds = (x >= 0.0) & (x <= 1.0);
        break;
      case 3:  // not zero
        holds = (x < 0.0) | (x > 0.0);
        break;
      case 4:  // not NaN
        holds = x == x;
        break;
      default:  // never
        holds = Vec(0.0) > 1.0;
    }
    failed = select(holds, failed, Vec(kNan));
  }
  for (int32_t k = 0; k < code.num_outputs; ++k) store(row(out, k), load(row(out, k)) + failed);
}

}  // namespace vinci::graph::VINCI_TARGET
