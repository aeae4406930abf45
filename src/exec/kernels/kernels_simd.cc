// Vector kernels of all operations, compiled once per instruction set. Contraction to fused
// multiply-add is on: every formula here is at least as accurate with it.
#include "exec/kernels/kernel.h"
#include "graph/vec_ops.h"
#include "numeric/simd/vec.h"
#include "numeric/special/vec_math.h"

namespace vinci::exec::VINCI_TARGET {

namespace {

using namespace vinci::numeric::VINCI_TARGET;  // NOLINT: the vector type and its functions
namespace vm = vinci::numeric::VINCI_TARGET;
using graph::Op;

constexpr double kInf = __builtin_inf();

// ---- access
// ---------------------------------------------------------------------------------------------------
//
// Kernels copy what they need of the call into locals first: the compiler must assume that a store
// to a row changes the call itself.

VINCI_INLINE const double* row_of(const RowArg& a, int64_t i, int64_t row_stride) {
  return a.base + (a.rows != nullptr ? static_cast<int64_t>(a.rows[i]) * row_stride : i * a.step);
}
VINCI_INLINE double* row_of(const AdjointArg& a, int64_t i, int64_t row_stride) {
  return a.base + (a.rows != nullptr ? static_cast<int64_t>(a.rows[i]) * row_stride : i * a.step);
}
VINCI_INLINE void put(double* p, bool accumulate, Vec x) { store(p, accumulate ? load(p) + x : x); }

/// An operand in locals. Lane l of the current element is at p + (l & mask): a constant is one Vec
/// with mask 0, so that reading it takes no branch.
struct Reader {
  const double* base;
  const uint32_t* rows;
  int64_t step;
  int64_t row_stride;
  int64_t mask;
  const double* p;
  Vec fixed;

  VINCI_INLINE_MEMBER void open(const RowArg& a, int64_t stride) {
    base = a.base;
    rows = a.rows;
    step = a.step;
    row_stride = stride;
    mask = a.constant ? 0 : -1;
    fixed = Vec(0.0);
    p = base;
  }
  VINCI_INLINE_MEMBER void seek(int64_t i) {
    p = base + (rows != nullptr ? static_cast<int64_t>(rows[i]) * row_stride : i * step);
    if (mask == 0) {
      fixed = splat(*p);
      p = reinterpret_cast<const double*>(&fixed);
    }
  }
  VINCI_INLINE_MEMBER Vec at(int64_t l) const { return load(p + (l & mask)); }
};

/// Where an adjoint goes, in locals; adjoints that nobody wants go to a Vec of its own.
struct Writer {
  double* base;
  const uint32_t* rows;
  int64_t step;
  int64_t row_stride;
  int64_t mask;
  bool accumulate;
  double* p;
  Vec unwanted;

  VINCI_INLINE_MEMBER void open(const AdjointArg* a, int64_t stride) {
    unwanted = Vec(0.0);
    const bool wanted = a != nullptr && a->wanted;
    base = wanted ? a->base : reinterpret_cast<double*>(&unwanted);
    rows = wanted ? a->rows : nullptr;
    step = wanted ? a->step : 0;
    row_stride = stride;
    mask = wanted ? -1 : 0;
    accumulate = wanted && a->accumulate;
    p = base;
  }
  VINCI_INLINE_MEMBER void seek(int64_t i) {
    p = base + (rows != nullptr ? static_cast<int64_t>(rows[i]) * row_stride : i * step);
  }
  VINCI_INLINE_MEMBER void put(int64_t l, Vec x) const {
    double* q = p + (l & mask);
    store(q, accumulate ? load(q) + x : x);
  }
};

template <class F>
void forward(const KernelCall& call) {
  constexpr int A = F::kArity;
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  double* out = call.out;
  Reader in[A];
  for (int a = 0; a < A; ++a) in[a].open(call.in[a], call.row_stride);
  for (int64_t i = 0; i < count; ++i, out += lanes) {
    for (int a = 0; a < A; ++a) in[a].seek(i);
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec x[A];
      for (int a = 0; a < A; ++a) x[a] = in[a].at(l);
      store(out + l, F::value(x));
    }
  }
}

template <class F>
void reverse(const KernelCall& call) {
  constexpr int A = F::kArity;
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  const double* out = call.out;
  Reader in[A];
  Writer adjoint[A];
  Reader g;
  for (int a = 0; a < A; ++a) {
    in[a].open(call.in[a], call.row_stride);
    adjoint[a].open(&call.adjoint[a], call.row_stride);
  }
  g.open(call.out_adjoint, call.row_stride);
  for (int64_t i = 0; i < count; ++i, out += lanes) {
    for (int a = 0; a < A; ++a) {
      in[a].seek(i);
      adjoint[a].seek(i);
    }
    g.seek(i);
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec x[A];
      Vec d[A];
      for (int a = 0; a < A; ++a) x[a] = in[a].at(l);
      F::partials(x, load(out + l), d);
      const Vec weight = g.at(l);
      for (int a = 0; a < A; ++a) adjoint[a].put(l, weight * d[a]);
    }
  }
}

template <class F, bool kWithAdjoint>
void term_rows(const KernelCall& call) {
  constexpr int A = F::kArity;
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  Vec sum[8];
  for (int64_t l = 0; l < lanes; l += 8) sum[l / 8] = Vec(0.0);
  Reader in[A];
  Writer adjoint[A];
  for (int a = 0; a < A; ++a) {
    in[a].open(call.in[a], call.row_stride);
    adjoint[a].open(kWithAdjoint ? &call.adjoint[a] : nullptr, call.row_stride);
  }
  const RowArg weights = call.out_adjoint;
  for (int64_t i = 0; i < count; ++i) {
    for (int a = 0; a < A; ++a) {
      in[a].seek(i);
      if (kWithAdjoint) adjoint[a].seek(i);
    }
    const Vec weight = splat(weights.base[i * weights.step]);
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec x[A];
      for (int a = 0; a < A; ++a) x[a] = in[a].at(l);
      const Vec y = F::value(x);
      sum[l / 8] = fma(weight, y, sum[l / 8]);
      if (kWithAdjoint) {
        Vec d[A];
        F::partials(x, y, d);
        for (int a = 0; a < A; ++a) adjoint[a].put(l, weight * d[a]);
      }
    }
  }
  for (int64_t l = 0; l < lanes; l += 8) store(call.sum + l, load(call.sum + l) + sum[l / 8]);
}

template <class F>
void term(const KernelCall& call) {
  if (call.adjoint != nullptr) {
    term_rows<F, true>(call);
  } else {
    term_rows<F, false>(call);
  }
}

// ---- log(1 + e^x): forward leaves the derivative in the stash
// ----------------------------------------------------

/// 1 / x for x in [1, 4], to 2 ulp: an estimate and two Newton steps take half the time of a
/// division.
VINCI_INLINE Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  Vec r;
  r.part[0] = (Part)_mm512_maskz_rcp14_pd(0xff, (__m512d)x.part[0]);
  r = fma(r, fma(-x, r, Vec(1.0)), r);
  return fma(r, fma(-x, r, Vec(1.0)), r);
#else
  return Vec(1.0) / x;
#endif
}

/// t = e^{-|x|} gives both log(1 + e^x) = max(x, 0) + log1p(t) and its derivative.
VINCI_INLINE Vec logistic_from(Vec x, Vec t) {
  const Vec r = reciprocal(t + 1.0);
  return select(x >= 0.0, r, t * r);
}
VINCI_INLINE Vec positive_part(Vec x) { return max(Vec(0.0), x); }  // keeps NaN

void log1p_exp_forward(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  for (int64_t i = 0; i < call.count; ++i) {
    const double* p = row_of(call.in[0], i, call.row_stride);
    for (int64_t l = 0; l < lanes; l += 8) {
      const Vec x = load(p + l);
      const Vec t = vm::exp_nonpositive(-abs(x));
      store(call.out + i * lanes + l, positive_part(x) + vm::log1p_unit(t));
      if (call.stash != nullptr) store(call.stash + i * lanes + l, logistic_from(x, t));
    }
  }
}

void log1p_exp_reverse(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  for (int64_t i = 0; i < call.count; ++i) {
    const double* g_row = row_of(call.out_adjoint, i, call.row_stride);
    double* q = row_of(call.adjoint[0], i, call.row_stride);
    const double* d = call.stash + i * lanes;
    for (int64_t l = 0; l < lanes; l += 8) {
      const Vec g = call.out_adjoint.constant ? splat(*g_row) : load(g_row + l);
      put(q + l, call.adjoint[0].accumulate, g * load(d + l));
    }
  }
}

/// sum_i log(1 + e^{x_i}) with one logarithm for many elements: 1 + t lies in [1, 2], so the
/// product of 512 of them neither overflows nor loses more than an ulp each.
template <bool kWithAdjoint>
void log1p_exp_equal_weights(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  const Vec w = splat(*call.out_adjoint.base);
  constexpr int64_t kBlock = 512;
  Reader in;
  Writer adjoint;
  in.open(call.in[0], call.row_stride);
  adjoint.open(kWithAdjoint ? call.adjoint : nullptr, call.row_stride);
  // Lanes outside, elements inside: the running product and sum stay in registers.
  for (int64_t l = 0; l < lanes; l += 8) {
    Vec total(0.0);
    for (int64_t first = 0; first < count; first += kBlock) {
      const int64_t last = first + kBlock < count ? first + kBlock : count;
      Vec product(1.0);
      Vec linear(0.0);
      for (int64_t i = first; i < last; ++i) {
        in.seek(i);
        const Vec x = in.at(l);
        const Vec t = vm::exp_nonpositive(-abs(x));
        linear += positive_part(x);
        product *= t + 1.0;
        if (kWithAdjoint) {
          adjoint.seek(i);
          adjoint.put(l, w * logistic_from(x, t));
        }
      }
      total += linear + vm::log(product);
    }
    store(call.sum + l, fma(w, total, load(call.sum + l)));
  }
}

template <bool kWithAdjoint>
void log1p_exp_any_weights(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  const RowArg weights = call.out_adjoint;
  Reader in;
  Writer adjoint;
  in.open(call.in[0], call.row_stride);
  adjoint.open(kWithAdjoint ? call.adjoint : nullptr, call.row_stride);
  for (int64_t i = 0; i < count; ++i) {
    in.seek(i);
    if (kWithAdjoint) adjoint.seek(i);
    const Vec w = splat(weights.base[i * weights.step]);
    for (int64_t l = 0; l < lanes; l += 8) {
      const Vec x = in.at(l);
      const Vec t = vm::exp_nonpositive(-abs(x));
      store(call.sum + l, fma(w, positive_part(x) + vm::log1p_unit(t), load(call.sum + l)));
      if (kWithAdjoint) adjoint.put(l, w * logistic_from(x, t));
    }
  }
}

void log1p_exp_term(const KernelCall& call) {
  const bool equal = call.out_adjoint.step == 0;
  if (call.adjoint != nullptr) {
    equal ? log1p_exp_equal_weights<true>(call) : log1p_exp_any_weights<true>(call);
  } else {
    equal ? log1p_exp_equal_weights<false>(call) : log1p_exp_any_weights<false>(call);
  }
}

// ---- linear combinations and dot products
// ---------------------------------------------------------------------------

/// Operands that a linear combination keeps in locals; longer ones read them from the call each
/// time.
constexpr int kMaxCursors = 34;

struct Cursor {
  const double* base;
  const uint32_t* rows;
  int64_t step;
};
VINCI_INLINE const double* at(const Cursor& c, int64_t i, int64_t row_stride) {
  return c.base + (c.rows != nullptr ? static_cast<int64_t>(c.rows[i]) * row_stride : i * c.step);
}

/// Whether every row of the linear combination is one row for all elements.
VINCI_INLINE bool has_shared_rows(const KernelCall& call) {
  for (int k = 2; k < call.arity; k += 2) {
    if (call.in[k].rows != nullptr || call.in[k].step != 0) return false;
  }
  return true;
}

/// C chunks together, so that each coefficient is broadcast once.
template <int C>
void lincomb_forward_chunks(const KernelCall& call, const Cursor* local, int64_t l) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t row_stride = call.row_stride;
  const int64_t count = call.count;
  const int arity = call.arity;
  double* out = call.out + l;
  for (int64_t i = 0; i < count; ++i, out += lanes) {
    const auto operand = [&](int k) {
      return local != nullptr ? at(local[k], i, row_stride) : row_of(call.in[k], i, row_stride);
    };
    Vec sum[C];
    const Vec c0 = splat(*operand(0));
    for (int c = 0; c < C; ++c) sum[c] = c0;
    for (int k = 1; k < arity; k += 2) {
      const Vec coefficient = splat(*operand(k));
      const double* x = operand(k + 1) + l;
      for (int c = 0; c < C; ++c) sum[c] = fma(coefficient, load(x + 8 * c), sum[c]);
    }
    for (int c = 0; c < C; ++c) store(out + 8 * c, sum[c]);
  }
}

/// E elements by C chunks of a product of a data matrix with shared rows: each row is loaded once
/// for E elements, each coefficient once for C chunks.
template <int E, int C>
VINCI_INLINE void shared_rows_block(const KernelCall& call, int64_t i, int64_t l) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int arity = call.arity;
  const RowArg* in = call.in;
  Vec sum[E][C];
#pragma GCC unroll 8
  for (int e = 0; e < E; ++e) {
    const Vec c0 = splat(in[0].base[(i + e) * in[0].step]);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[e][c] = c0;
  }
  for (int k = 1; k < arity; k += 2) {
    const double* coefficient = in[k].base + i * in[k].step;
    const int64_t step = in[k].step;
    const double* x = in[k + 1].base + l;
    Vec row[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) row[c] = load(x + 8 * c);
#pragma GCC unroll 8
    for (int e = 0; e < E; ++e) {
      const Vec b = splat(coefficient[e * step]);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[e][c] = fma(b, row[c], sum[e][c]);
    }
  }
#pragma GCC unroll 8
  for (int e = 0; e < E; ++e) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) store(call.out + (i + e) * lanes + l + 8 * c, sum[e][c]);
  }
}

void lincomb_forward(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  if (has_shared_rows(call)) {
    int64_t i = 0;
    for (; i + 2 <= call.count; i += 2) {
      int64_t l = 0;
      for (; l + 16 <= lanes; l += 16) shared_rows_block<2, 2>(call, i, l);
      for (; l < lanes; l += 8) shared_rows_block<2, 1>(call, i, l);
    }
    for (; i < call.count; ++i) {
      int64_t l = 0;
      for (; l + 16 <= lanes; l += 16) shared_rows_block<1, 2>(call, i, l);
      for (; l < lanes; l += 8) shared_rows_block<1, 1>(call, i, l);
    }
    return;
  }
  Cursor cursors[kMaxCursors];
  const Cursor* local = call.arity <= kMaxCursors ? cursors : nullptr;
  for (int k = 0; local != nullptr && k < call.arity; ++k)
    cursors[k] = {call.in[k].base, call.in[k].rows, call.in[k].step};
  int64_t l = 0;
  for (; l + 64 <= lanes; l += 64) lincomb_forward_chunks<8>(call, local, l);
  for (; l + 16 <= lanes; l += 16) lincomb_forward_chunks<2>(call, local, l);
  for (; l < lanes; l += 8) lincomb_forward_chunks<1>(call, local, l);
}

/// Adjoints of K operands that are one row for all elements: C chunks of each stay in registers.
template <int K, int C>
VINCI_INLINE void lincomb_reverse_shared(const KernelCall& call, const int* operand, int64_t l) {
  const int64_t count = call.count;
  Vec sum[K][C];
  const double* coefficient[K];
  int64_t step[K];
#pragma GCC unroll 8
  for (int j = 0; j < K; ++j) {
    coefficient[j] = call.in[operand[j] - 1].base;
    step[j] = call.in[operand[j] - 1].step;
    const AdjointArg& target = call.adjoint[operand[j]];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      sum[j][c] = target.accumulate ? load(target.base + l + 8 * c) : Vec(0.0);
  }
  Reader g;
  g.open(call.out_adjoint, call.row_stride);
  for (int64_t i = 0; i < count; ++i) {
    g.seek(i);
    Vec weight[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) weight[c] = g.at(l + 8 * c);
#pragma GCC unroll 8
    for (int j = 0; j < K; ++j) {
      const Vec b = splat(coefficient[j][i * step[j]]);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[j][c] = fma(b, weight[c], sum[j][c]);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < K; ++j) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) store(call.adjoint[operand[j]].base + l + 8 * c, sum[j][c]);
  }
}

template <int K>
void lincomb_reverse_shared_lanes(const KernelCall& call, const int* operand) {
  const int64_t lanes = int64_t{8} * call.chunks;
  int64_t l = 0;
  for (; l + 16 <= lanes; l += 16) lincomb_reverse_shared<K, 2>(call, operand, l);
  for (; l < lanes; l += 8) lincomb_reverse_shared<K, 1>(call, operand, l);
}

/// Adjoints of one operand whose row moves with the element.
void lincomb_reverse_rows(const KernelCall& call, int operand) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  Reader g;
  Reader coefficient;
  Writer adjoint;
  g.open(call.out_adjoint, call.row_stride);
  coefficient.open(call.in[operand - 1], call.row_stride);
  adjoint.open(&call.adjoint[operand], call.row_stride);
  for (int64_t i = 0; i < count; ++i) {
    g.seek(i);
    adjoint.seek(i);
    const Vec b = splat(coefficient.base[i * coefficient.step]);
    if (adjoint.accumulate) {
      for (int64_t l = 0; l < lanes; l += 8)
        store(adjoint.p + l, fma(b, g.at(l), load(adjoint.p + l)));
    } else {
      for (int64_t l = 0; l < lanes; l += 8) store(adjoint.p + l, b * g.at(l));
    }
  }
}

void lincomb_reverse(const KernelCall& call) {
  int pair[2];
  int waiting = 0;
  for (int k = 2; k < call.arity; k += 2) {
    const AdjointArg& target = call.adjoint[k];
    if (target.rows != nullptr || target.step != 0) {
      lincomb_reverse_rows(call, k);
      continue;
    }
    pair[waiting++] = k;
    if (waiting == 2) {
      lincomb_reverse_shared_lanes<2>(call, pair);
      waiting = 0;
    }
  }
  if (waiting == 1) lincomb_reverse_shared_lanes<1>(call, pair);
}

void dot_forward(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t row_stride = call.row_stride;
  for (int64_t i = 0; i < call.count; ++i) {
    double* out = call.out + i * lanes;
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec sum(0.0);
      for (int k = 0; k < call.arity; k += 2) {
        const Vec a = load(row_of(call.in[k], i, row_stride) + l);
        const Vec b = load(row_of(call.in[k + 1], i, row_stride) + l);
        sum = k == 0 ? a * b : fma(a, b, sum);
      }
      store(out + l, sum);
    }
  }
}

void dot_reverse(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t row_stride = call.row_stride;
  for (int64_t i = 0; i < call.count; ++i) {
    const double* g_row = row_of(call.out_adjoint, i, row_stride);
    for (int k = 0; k < call.arity; k += 2) {
      const double* a = row_of(call.in[k], i, row_stride);
      const double* b = row_of(call.in[k + 1], i, row_stride);
      double* qa = row_of(call.adjoint[k], i, row_stride);
      double* qb = row_of(call.adjoint[k + 1], i, row_stride);
      for (int64_t l = 0; l < lanes; l += 8) {
        const Vec g = call.out_adjoint.constant ? splat(*g_row) : load(g_row + l);
        const Vec da = g * load(b + l);
        const Vec db = g * load(a + l);
        put(qa + l, call.adjoint[k].accumulate, da);
        put(qb + l, call.adjoint[k + 1].accumulate, db);
      }
    }
  }
}

// ---- log sum exp
// ----------------------------------------------------------------------------------------------

/// out = m + log(sum_k e^{x_k - m}), m the largest; weights[k * stride + l] = e^{x_k - out} where
/// wanted.
VINCI_INLINE Vec log_sum_exp_at(const KernelCall& call, int64_t i, int64_t l, double* weights,
                                int64_t stride) {
  Vec top(-kInf);
  for (int k = 0; k < call.arity; ++k) {
    const double* p = row_of(call.in[k], i, call.row_stride);
    const Vec x = call.in[k].constant ? splat(*p) : load(p + l);
    top = select(x > top, x, top);
  }
  const Vec shift = select(abs(top) == kInf, Vec(0.0), top);  // all -inf, or +inf: no shift
  Vec sum(0.0);
  for (int k = 0; k < call.arity; ++k) {
    const double* p = row_of(call.in[k], i, call.row_stride);
    const Vec x = call.in[k].constant ? splat(*p) : load(p + l);
    const Vec e = vm::exp(x - shift);
    sum += e;
    if (weights != nullptr) store(weights + k * stride, e);
  }
  if (weights != nullptr) {
    const Vec scale = select(sum == 0.0, Vec(0.0), Vec(1.0) / sum);
    for (int k = 0; k < call.arity; ++k)
      store(weights + k * stride, load(weights + k * stride) * scale);
  }
  return shift + vm::log(sum);
}

/// log(e^a + e^b) = max + log1p(t), t = e^{-|a - b|}: one exponential; the weights are 1/(1 + t)
/// and t/(1 + t).
VINCI_INLINE Vec log_sum_exp_pair(Vec a, Vec b, Vec* weight_a, Vec* weight_b) {
  const Mask a_above = a >= b;
  const Vec high = select(a_above, a, select(is_nan(a), a, b));
  const Vec low = select(a_above, b, a);
  const Vec t = select(high == low, Vec(1.0),
                       vm::exp_nonpositive(low - high));  // equal infinities: no difference
  const Vec of_high = reciprocal(t + 1.0);
  const Vec of_low = t * of_high;
  *weight_a = select(a_above, of_high, of_low);
  *weight_b = select(a_above, of_low, of_high);
  return high + vm::log1p_unit(t);
}

void log_sum_exp_pairs_forward(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  double* out = call.out;
  double* stash = call.stash;
  Reader in[2];
  in[0].open(call.in[0], call.row_stride);
  in[1].open(call.in[1], call.row_stride);
  for (int64_t i = 0; i < count; ++i) {
    in[0].seek(i);
    in[1].seek(i);
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec wa;
      Vec wb;
      store(out + i * lanes + l, log_sum_exp_pair(in[0].at(l), in[1].at(l), &wa, &wb));
      if (stash == nullptr) continue;
      store(stash + 2 * i * lanes + l, wa);
      store(stash + (2 * i + 1) * lanes + l, wb);
    }
  }
}

void log_sum_exp_pairs_term(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  const int64_t count = call.count;
  const RowArg weights = call.out_adjoint;
  const bool with_adjoint = call.adjoint != nullptr;
  Vec sum[8];
  for (int64_t l = 0; l < lanes; l += 8) sum[l / 8] = Vec(0.0);
  Reader in[2];
  Writer adjoint[2];
  for (int a = 0; a < 2; ++a) {
    in[a].open(call.in[a], call.row_stride);
    adjoint[a].open(with_adjoint ? &call.adjoint[a] : nullptr, call.row_stride);
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int a = 0; a < 2; ++a) {
      in[a].seek(i);
      adjoint[a].seek(i);
    }
    const Vec weight = splat(weights.base[i * weights.step]);
    for (int64_t l = 0; l < lanes; l += 8) {
      Vec wa;
      Vec wb;
      const Vec y = log_sum_exp_pair(in[0].at(l), in[1].at(l), &wa, &wb);
      sum[l / 8] = fma(weight, y, sum[l / 8]);
      adjoint[0].put(l, weight * wa);
      adjoint[1].put(l, weight * wb);
    }
  }
  for (int64_t l = 0; l < lanes; l += 8) store(call.sum + l, load(call.sum + l) + sum[l / 8]);
}

void log_sum_exp_forward(const KernelCall& call) {
  if (call.arity == 2) {
    log_sum_exp_pairs_forward(call);
    return;
  }
  const int64_t lanes = int64_t{8} * call.chunks;
  for (int64_t i = 0; i < call.count; ++i) {
    double* weights = call.stash == nullptr ? nullptr : call.stash + i * call.arity * lanes;
    for (int64_t l = 0; l < lanes; l += 8) {
      store(call.out + i * lanes + l,
            log_sum_exp_at(call, i, l, weights == nullptr ? nullptr : weights + l, lanes));
    }
  }
}

void log_sum_exp_reverse(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  for (int64_t i = 0; i < call.count; ++i) {
    const double* g_row = row_of(call.out_adjoint, i, call.row_stride);
    const double* weights = call.stash + i * call.arity * lanes;
    for (int k = 0; k < call.arity; ++k) {
      if (!call.adjoint[k].wanted) continue;
      double* q = row_of(call.adjoint[k], i, call.row_stride);
      for (int64_t l = 0; l < lanes; l += 8) {
        const Vec g = call.out_adjoint.constant ? splat(*g_row) : load(g_row + l);
        put(q + l, call.adjoint[k].accumulate, g * load(weights + k * lanes + l));
      }
    }
  }
}

void log_sum_exp_term(const KernelCall& call) {
  if (call.arity == 2) {
    log_sum_exp_pairs_term(call);
    return;
  }
  constexpr int kMaxLocal = 32;
  alignas(64) double local[kMaxLocal * 8];
  const int64_t lanes = int64_t{8} * call.chunks;
  const bool fused = call.arity <= kMaxLocal;
  for (int64_t i = 0; i < call.count; ++i) {
    const double weight = *row_of(call.out_adjoint, i, call.row_stride);
    for (int64_t l = 0; l < lanes; l += 8) {
      double* weights = call.adjoint == nullptr ? nullptr : local;
      const Vec y = log_sum_exp_at(call, i, l, fused ? weights : nullptr, 8);
      store(call.sum + l, fma(splat(weight), y, load(call.sum + l)));
      if (call.adjoint == nullptr) continue;
      for (int k = 0; k < call.arity; ++k) {
        if (!call.adjoint[k].wanted) continue;
        Vec share;
        if (fused) {
          share = load(local + k * 8);
        } else {
          share = vm::exp(load(row_of(call.in[k], i, call.row_stride) + l) - y);
        }
        put(row_of(call.adjoint[k], i, call.row_stride) + l, call.adjoint[k].accumulate,
            share * weight);
      }
    }
  }
}

// ---- rows as terms
// --------------------------------------------------------------------------------------------

void weighted_rows(const KernelCall& call) {
  const int64_t lanes = int64_t{8} * call.chunks;
  for (int64_t i = 0; i < call.count; ++i) {
    const Vec w = splat(*row_of(call.out_adjoint, i, call.row_stride));
    const double* x = row_of(call.in[0], i, call.row_stride);
    for (int64_t l = 0; l < lanes; l += 8) {
      store(call.sum + l, fma(w, load(x + l), load(call.sum + l)));
    }
    if (call.adjoint == nullptr) continue;
    double* q = row_of(call.adjoint[0], i, call.row_stride);
    for (int64_t l = 0; l < lanes; l += 8) store(q + l, load(q + l) + w);
  }
}

template <class F>
void add(KernelTable& table, Op op) {
  const int k = static_cast<int>(op);
  table.forward[k] = forward<F>;
  table.reverse[k] = reverse<F>;
  table.term[k] = term<F>;
}

}  // namespace

void fill_kernel_table(KernelTable& table) {
#define VINCI_ADD(Name) add<graph::VINCI_TARGET::vec_op::Name>(table, Op::k##Name);
  VINCI_FOR_EACH_VEC_OP(VINCI_ADD)
#undef VINCI_ADD
  const auto set = [&table](Op op, Kernel f, Kernel r, Kernel t) {
    table.forward[static_cast<int>(op)] = f;
    table.reverse[static_cast<int>(op)] = r;
    table.term[static_cast<int>(op)] = t;
  };
  set(Op::kLog1pExp, log1p_exp_forward, log1p_exp_reverse, log1p_exp_term);
  set(Op::kLinComb, lincomb_forward, lincomb_reverse, nullptr);
  set(Op::kDot, dot_forward, dot_reverse, nullptr);
  set(Op::kLogSumExp, log_sum_exp_forward, log_sum_exp_reverse, log_sum_exp_term);
  table.weighted_rows = weighted_rows;
}

}  // namespace vinci::exec::VINCI_TARGET
