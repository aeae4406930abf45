// Products, solves, Cholesky factors, quadratic forms and sparse matrices.
#include "lower/library/linear_algebra.h"

#include <fmt/format.h>

#include <cmath>

namespace vinci::lower {

using graph::Graph;
using graph::Op;
using Args = std::span<const Value>;

ScalarMatrix to_matrix(const Value& v) {
  ScalarMatrix m;
  if (v.type.base == BaseType::kMatrix) {
    m.rows = v.dims[0];
    m.cols = v.dims[1];
  } else {
    const auto n = static_cast<int64_t>(v.elements.size());
    const bool is_row = v.type.base == BaseType::kRowVector;
    m.rows = is_row ? 1 : n;
    m.cols = is_row ? n : 1;
  }
  m.x = v.elements;
  return m;
}

Value from_matrix(const ScalarMatrix& m, BaseType base) {
  if (base == BaseType::kVector) return Value::vector(m.x);
  if (base == BaseType::kRowVector) return Value::row_vector(m.x);
  return Value::matrix(m.rows, m.cols, m.x);
}

ScalarMatrix zeros(int64_t rows, int64_t cols) {
  return {rows, cols, std::vector<Scalar>(static_cast<size_t>(rows * cols), Scalar(0.0))};
}

ScalarMatrix transposed(const ScalarMatrix& m) {
  ScalarMatrix t = zeros(m.cols, m.rows);
  for (int64_t i = 0; i < m.rows; ++i)
    for (int64_t j = 0; j < m.cols; ++j) t.at(j, i) = m.at(i, j);
  return t;
}

void require_square(const Call& call, const ScalarMatrix& m) {
  if (m.rows != m.cols)
    call.fail(
        fmt::format("the matrix given to `{}` has {} rows and {} columns; it has to be square",
                    call.name, m.rows, m.cols));
}

namespace {

void require_sizes(const Call& call, int64_t a, int64_t b) {
  if (a != b)
    call.fail(
        fmt::format("the sizes of the arguments of `{}` do not match: {} and {}", call.name, a, b));
}

/// Below this size factorisations and solves expand to scalar nodes, which the passes see through.
constexpr int64_t kSmall = 3;

std::vector<Scalar> lower_triangle(const ScalarMatrix& m) {
  std::vector<Scalar> packed;
  for (int64_t i = 0; i < m.rows; ++i)
    for (int64_t j = 0; j <= i; ++j) packed.push_back(m.at(i, j));
  return packed;
}

}  // namespace

ScalarMatrix multiply(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b) {
  return to_matrix(apply_binary(call, syntax::Operator::kMultiply, from_matrix(a), from_matrix(b)));
}

ScalarMatrix cholesky(const Call& call, const ScalarMatrix& a) {
  require_square(call, a);
  Graph& g = call.graph;
  const int64_t n = a.rows;
  ScalarMatrix l = zeros(n, n);
  if (n <= kSmall && !a.is_constant()) {
    for (int64_t j = 0; j < n; ++j) {
      Scalar pivot = a.at(j, j);
      for (int64_t k = 0; k < j; ++k) pivot = g.sub(pivot, g.square(l.at(j, k)));
      call.require(graph::Guard::Kind::kPositive, pivot, fmt::format("pivot of `{}`", call.name));
      l.at(j, j) = g.sqrt(pivot);
      for (int64_t i = j + 1; i < n; ++i) {
        Scalar s = a.at(i, j);
        for (int64_t k = 0; k < j; ++k) s = g.sub(s, g.mul(l.at(i, k), l.at(j, k)));
        l.at(i, j) = g.div(s, l.at(j, j));
      }
    }
    return l;
  }
  const std::vector<Scalar> packed =
      g.call(graph::cholesky_decompose(static_cast<int>(n)), lower_triangle(a));
  size_t next = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) l.at(i, j) = packed[next++];
  for (int64_t i = 0; i < n; ++i) {
    if (l.at(i, i).is_constant() && !(l.at(i, i).constant() > 0))
      call.fail(fmt::format("the matrix given to `{}` is not positive definite", call.name));
    g.assume(l.at(i, i), graph::kRangePositive | graph::kRangeNonNegative);
  }
  if (n > 0)
    call.require(graph::Guard::Kind::kNotNan, l.at(n - 1, n - 1),
                 fmt::format("factor of `{}`", call.name));
  return l;
}

ScalarMatrix solve_lower(const Call& call, const ScalarMatrix& l, const ScalarMatrix& b,
                         bool is_transposed) {
  require_square(call, l);
  require_sizes(call, l.rows, b.rows);
  Graph& g = call.graph;
  const int64_t n = l.rows;
  if (n <= kSmall) {
    ScalarMatrix x = b;
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = is_transposed ? n - 1 - step : step;
      for (int64_t c = 0; c < b.cols; ++c) {
        Scalar s = x.at(i, c);
        for (int64_t done = 0; done < step; ++done) {
          const int64_t k = is_transposed ? n - 1 - done : done;
          s = g.sub(s, g.mul(is_transposed ? l.at(k, i) : l.at(i, k), x.at(k, c)));
        }
        x.at(i, c) = g.div(s, l.at(i, i));
      }
    }
    return x;
  }
  std::vector<Scalar> inputs = lower_triangle(l);
  inputs.insert(inputs.end(), b.x.begin(), b.x.end());
  const auto f =
      graph::triangular_solve(static_cast<int>(n), static_cast<int>(b.cols), is_transposed);
  return {n, b.cols, g.call(f, inputs)};
}

namespace {

BaseType base_of(const Value& v) { return v.type.base; }

// ---- inverses, determinants, solves

ScalarMatrix identity(int64_t n) {
  ScalarMatrix m = zeros(n, n);
  for (int64_t i = 0; i < n; ++i) m.at(i, i) = 1.0;
  return m;
}

ScalarMatrix inverse_of(const Call& call, const ScalarMatrix& a) {
  require_square(call, a);
  Graph& g = call.graph;
  if (a.rows == 0) return a;
  if (a.rows == 1) return {1, 1, {g.inv(a.x[0])}};
  const auto f = graph::matrix_inverse(static_cast<int>(a.rows));
  ScalarMatrix r{a.rows, a.rows, g.call(f, a.x)};
  if (r.is_constant() && std::isnan(r.x[0].constant()))
    call.fail(fmt::format("the matrix given to `{}` is singular", call.name));
  return r;
}

/// A^{-1} B of a symmetric positive definite A.
ScalarMatrix solve_spd(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b) {
  const ScalarMatrix l = cholesky(call, a);
  return solve_lower(call, l, solve_lower(call, l, b, false), true);
}

ScalarMatrix solve_general(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b) {
  require_square(call, a);
  require_sizes(call, a.rows, b.rows);
  std::vector<Scalar> inputs = a.x;
  inputs.insert(inputs.end(), b.x.begin(), b.x.end());
  const auto f = graph::lu_solve(static_cast<int>(a.rows), static_cast<int>(b.cols));
  return {b.rows, b.cols, call.graph.call(f, inputs)};
}

enum class SolveKind : uint8_t { kGeneral, kSpd, kLower };
template <SolveKind kind>
ScalarMatrix solve(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b,
                   bool is_transposed) {
  if (kind == SolveKind::kLower) return solve_lower(call, a, b, is_transposed);
  if (kind == SolveKind::kSpd) return solve_spd(call, a, b);
  return solve_general(call, is_transposed ? transposed(a) : a, b);
}
/// A^{-1} b.
template <SolveKind kind>
Value mdivide_left(const Call& call, Args args) {
  return from_matrix(solve<kind>(call, to_matrix(args[0]), to_matrix(args[1]), false),
                     base_of(args[1]));
}
/// b A^{-1} = (A'^{-1} b')'.
template <SolveKind kind>
Value mdivide_right(const Call& call, Args args) {
  const ScalarMatrix b = transposed(to_matrix(args[0]));
  return from_matrix(transposed(solve<kind>(call, to_matrix(args[1]), b, true)), base_of(args[0]));
}

Value inverse(const Call& call, Args args) {
  return from_matrix(inverse_of(call, to_matrix(args[0])));
}
Value inverse_spd(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  require_square(call, a);
  return from_matrix(solve_spd(call, a, identity(a.rows)));
}
Value chol2inv(const Call& call, Args args) {
  const ScalarMatrix l = to_matrix(args[0]);
  require_square(call, l);
  return from_matrix(solve_lower(call, l, solve_lower(call, l, identity(l.rows), false), true));
}
Value determinant(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  require_square(call, a);
  Graph& g = call.graph;
  if (a.rows == 1) return Value::real(a.x[0]);
  if (a.rows == 2) return Value::real(g.sub(g.mul(a.x[0], a.x[3]), g.mul(a.x[1], a.x[2])));
  return Value::real(g.call(graph::determinant(static_cast<int>(a.rows)), a.x)[0]);
}
Value log_determinant(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  require_square(call, a);
  return Value::real(call.graph.call(graph::log_abs_determinant(static_cast<int>(a.rows)), a.x)[0]);
}
Value log_determinant_spd(const Call& call, Args args) {
  const ScalarMatrix l = cholesky(call, to_matrix(args[0]));
  std::vector<Scalar> logs;
  for (int64_t i = 0; i < l.rows; ++i) logs.push_back(call.graph.log(l.at(i, i)));
  return Value::real(call.graph.mul(2.0, call.graph.sum(logs)));
}
Value cholesky_decompose(const Call& call, Args args) {
  return from_matrix(cholesky(call, to_matrix(args[0])));
}

// ---- products with themselves, quadratic forms, traces

Value tcrossprod(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  return from_matrix(multiply(call, a, transposed(a)));
}
Value crossprod(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  return from_matrix(multiply(call, transposed(a), a));
}
Value multiply_lower_tri_self_transpose(const Call& call, Args args) {
  ScalarMatrix l = to_matrix(args[0]);
  for (int64_t i = 0; i < l.rows; ++i)
    for (int64_t j = i + 1; j < l.cols; ++j) l.at(i, j) = 0.0;
  return from_matrix(multiply(call, l, transposed(l)));
}
/// B' A B, a real where B is a vector.
Value quad_form(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  require_square(call, a);
  const ScalarMatrix b = to_matrix(args[1]);
  const ScalarMatrix r = multiply(call, transposed(b), multiply(call, a, b));
  if (base_of(args[1]) == BaseType::kVector) return Value::real(r.x[0]);
  return from_matrix(r);
}
Value quad_form_diag(const Call& call, Args args) {
  ScalarMatrix a = to_matrix(args[0]);
  require_square(call, a);
  require_sizes(call, a.rows, static_cast<int64_t>(args[1].elements.size()));
  const std::vector<Scalar>& d = args[1].elements;
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j)
      a.at(i, j) = call.graph.mul(
          a.at(i, j), call.graph.mul(d[static_cast<size_t>(i)], d[static_cast<size_t>(j)]));
  return from_matrix(a);
}
Scalar trace_of_product(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b) {
  require_sizes(call, a.cols, b.rows);
  require_sizes(call, a.rows, b.cols);
  const ScalarMatrix t = transposed(b);
  return call.graph.dot(a.x, t.x);
}
Value trace_dot(const Call& call, Args args) {
  return Value::real(trace_of_product(call, to_matrix(args[0]), to_matrix(args[1])));
}
Value trace_quad_form(const Call& call, Args args) {
  const ScalarMatrix b = to_matrix(args[1]);
  return Value::real(trace_of_product(call, transposed(b), multiply(call, to_matrix(args[0]), b)));
}
Value trace_gen_quad_form(const Call& call, Args args) {
  const ScalarMatrix b = to_matrix(args[2]);
  const ScalarMatrix ab = multiply(call, to_matrix(args[1]), b);
  return Value::real(trace_of_product(call, to_matrix(args[0]), multiply(call, transposed(b), ab)));
}
Value trace(const Call& call, Args args) {
  const Value& m = args[0];
  const auto cols = static_cast<size_t>(m.dims[1]);
  const size_t n = std::min(static_cast<size_t>(m.dims[0]), cols);
  const size_t width = m.is_complex() ? 2 : 1;
  Value out = Value::real(0.0);
  if (m.is_complex()) out.type.base = BaseType::kComplex;
  out.elements.clear();
  for (size_t part = 0; part < width; ++part) {
    std::vector<Scalar> d;
    for (size_t i = 0; i < n; ++i) d.push_back(m.elements[(i * cols + i) * width + part]);
    out.elements.push_back(call.graph.sum(d));
  }
  return out;
}

// ---- diagonals; these move numbers, so complex matrices go the same way with two scalars an
// element

size_t width_of(const Value& v) { return v.is_complex() ? 2 : 1; }

Value diagonal(const Call&, Args args) {
  const Value& m = args[0];
  const size_t width = width_of(m);
  const auto cols = static_cast<size_t>(m.dims[1]);
  const size_t n = std::min(static_cast<size_t>(m.dims[0]), cols);
  Value out;
  out.type = Type::scalar(m.is_complex() ? BaseType::kComplexVector : BaseType::kVector);
  out.dims = {static_cast<int64_t>(n)};
  for (size_t i = 0; i < n; ++i)
    for (size_t w = 0; w < width; ++w)
      out.elements.push_back(m.elements[(i * cols + i) * width + w]);
  return out;
}
Value diag_matrix(const Call&, Args args) {
  const Value& v = args[0];
  const size_t width = width_of(v);
  const size_t n = v.elements.size() / width;
  Value out;
  out.type = Type::scalar(v.is_complex() ? BaseType::kComplexMatrix : BaseType::kMatrix);
  out.dims = {static_cast<int64_t>(n), static_cast<int64_t>(n)};
  out.elements.assign(n * n * width, Scalar(0.0));
  for (size_t i = 0; i < n; ++i)
    for (size_t w = 0; w < width; ++w)
      out.elements[(i * n + i) * width + w] = v.elements[i * width + w];
  return out;
}
Value add_diag(const Call& call, Args args) {
  Value out = args[0];
  const Value& d = args[1];
  const size_t width = width_of(out);
  const auto cols = static_cast<size_t>(out.dims[1]);
  const size_t n = std::min(static_cast<size_t>(out.dims[0]), cols);
  const size_t step = d.is_scalar() ? 0 : 1;
  if (step == 1) require_sizes(call, static_cast<int64_t>(n), d.size());
  for (size_t i = 0; i < n; ++i)
    for (size_t w = 0; w < width_of(d); ++w) {
      Scalar& s = out.elements[(i * cols + i) * width + w];
      s = call.graph.add(s, d.elements[i * step * width_of(d) + w]);
    }
  return out;
}
Value scaled(const Call& call, const Value& m, const Value& d, bool rows) {
  if (m.is_complex() || d.is_complex())
    call.fail(fmt::format("`{}` of complex matrices is not covered", call.name),
              source::DiagnosticKind::kNotCovered);
  ScalarMatrix r = to_matrix(m);
  require_sizes(call, rows ? r.rows : r.cols, static_cast<int64_t>(d.elements.size()));
  for (int64_t i = 0; i < r.rows; ++i)
    for (int64_t j = 0; j < r.cols; ++j)
      r.at(i, j) = call.graph.mul(d.elements[static_cast<size_t>(rows ? i : j)], r.at(i, j));
  return from_matrix(r);
}
Value diag_pre_multiply(const Call& call, Args args) {
  return scaled(call, args[1], args[0], true);
}
Value diag_post_multiply(const Call& call, Args args) {
  return scaled(call, args[0], args[1], false);
}
Value symmetrize_from_lower_tri(const Call& call, Args args) {
  Value out = args[0];
  if (out.dims[0] != out.dims[1])
    call.fail("the matrix given to `symmetrize_from_lower_tri` has to be square");
  const size_t width = width_of(out);
  const auto n = static_cast<size_t>(out.dims[0]);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i + 1; j < n; ++j)
      for (size_t w = 0; w < width; ++w)
        out.elements[(i * n + j) * width + w] = out.elements[(j * n + i) * width + w];
  return out;
}

// ---- sparse matrices in compressed row storage (w: values, v: 1-based columns, u: 1-based starts
// of rows)

struct Sparse {
  std::vector<Scalar> w, v, u;
};
Sparse extract(const Value& m) {
  Sparse s;
  for (int64_t i = 0; i < m.dims[0]; ++i) {
    s.u.push_back(static_cast<double>(s.w.size() + 1));
    for (int64_t j = 0; j < m.dims[1]; ++j) {
      const Scalar x = m.elements[static_cast<size_t>(i * m.dims[1] + j)];
      if (x.is_constant() && x.constant() == 0) continue;
      s.w.push_back(x);
      s.v.push_back(static_cast<double>(j + 1));
    }
  }
  s.u.push_back(static_cast<double>(s.w.size() + 1));
  return s;
}
/// Calls f(row, column, k) for the stored elements of w, v, u in args[2..4], after checking them.
template <class F>
void for_each_stored(const Call& call, Args args, F f) {
  const auto int_at = [&](const Value& a, size_t k) {
    if (!a.elements[k].is_constant())
      call.fail(fmt::format("the indices of `{}` may not depend on parameters", call.name));
    return static_cast<int64_t>(a.elements[k].constant());
  };
  const int64_t rows = int_at(args[0], 0);
  const int64_t cols = int_at(args[1], 0);
  const auto stored = static_cast<int64_t>(args[2].elements.size());
  require_sizes(call, stored, static_cast<int64_t>(args[3].elements.size()));
  require_sizes(call, rows + 1, static_cast<int64_t>(args[4].elements.size()));
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t begin = int_at(args[4], static_cast<size_t>(i));
    const int64_t end = int_at(args[4], static_cast<size_t>(i + 1));
    if (begin < 1 || end < begin || end > stored + 1)
      call.fail(
          fmt::format("row {} of the sparse matrix given to `{}` goes from {} to {} of {} values",
                      i + 1, call.name, begin, end, stored));
    for (int64_t k = begin - 1; k < end - 1; ++k) {
      const int64_t j = int_at(args[3], static_cast<size_t>(k));
      if (j < 1 || j > cols)
        call.fail(fmt::format(
            "column {} of the sparse matrix given to `{}` is out of range; it has {} columns", j,
            call.name, cols));
      f(i, j - 1, static_cast<size_t>(k));
    }
  }
}
int64_t checked_size(const Call& call, const Value& v) {
  const double n = v.scalar().constant();
  if (!(n >= 0))
    call.fail(fmt::format("a size given to `{}` is negative or depends on parameters", call.name));
  return static_cast<int64_t>(n);
}
Value csr_matrix_times_vector(const Call& call, Args args) {
  const int64_t rows = checked_size(call, args[0]);
  require_sizes(call, checked_size(call, args[1]), static_cast<int64_t>(args[5].elements.size()));
  std::vector<std::vector<Scalar>> left(static_cast<size_t>(rows)),
      right(static_cast<size_t>(rows));
  for_each_stored(call, args, [&](int64_t i, int64_t j, size_t k) {
    left[static_cast<size_t>(i)].push_back(args[2].elements[k]);
    right[static_cast<size_t>(i)].push_back(args[5].elements[static_cast<size_t>(j)]);
  });
  std::vector<Scalar> y;
  for (size_t i = 0; i < left.size(); ++i) y.push_back(call.graph.dot(left[i], right[i]));
  return Value::vector(std::move(y));
}
Value csr_to_dense_matrix(const Call& call, Args args) {
  ScalarMatrix m = zeros(checked_size(call, args[0]), checked_size(call, args[1]));
  for_each_stored(call, args,
                  [&](int64_t i, int64_t j, size_t k) { m.at(i, j) = args[2].elements[k]; });
  return from_matrix(m);
}
Value csr_extract(const Call&, Args args) {
  Sparse s = extract(args[0]);
  Value out;
  out.members = {Value::vector(s.w), Value::array(BaseType::kInt, s.v),
                 Value::array(BaseType::kInt, s.u)};
  out.type = Type::scalar(BaseType::kTuple);
  for (const Value& m : out.members) out.type.elements.push_back(m.type);
  return out;
}

}  // namespace

void add_linear_algebra(LibraryTable& table) {
  table.add("cholesky_decompose", cholesky_decompose);
  table.add("inverse", inverse);
  table.add("inverse_spd", inverse_spd);
  table.add("chol2inv", chol2inv);
  table.add("determinant", determinant);
  table.add("log_determinant", log_determinant);
  table.add("log_determinant_spd", log_determinant_spd);
  table.add("mdivide_left", mdivide_left<SolveKind::kGeneral>);
  table.add("mdivide_left_spd", mdivide_left<SolveKind::kSpd>);
  table.add("mdivide_left_tri_low", mdivide_left<SolveKind::kLower>);
  table.add("mdivide_right", mdivide_right<SolveKind::kGeneral>);
  table.add("mdivide_right_spd", mdivide_right<SolveKind::kSpd>);
  table.add("mdivide_right_tri_low", mdivide_right<SolveKind::kLower>);
  table.add("tcrossprod", tcrossprod);
  table.add("crossprod", crossprod);
  table.add("multiply_lower_tri_self_transpose", multiply_lower_tri_self_transpose);
  table.add("quad_form", quad_form);
  table.add("quad_form_sym", quad_form);
  table.add("quad_form_diag", quad_form_diag);
  table.add("trace", trace);
  table.add("trace_dot", trace_dot);
  table.add("trace_quad_form", trace_quad_form);
  table.add("trace_gen_quad_form", trace_gen_quad_form);
  table.add("diagonal", diagonal);
  table.add("diag_matrix", diag_matrix);
  table.add("add_diag", add_diag);
  table.add("diag_pre_multiply", diag_pre_multiply);
  table.add("diag_post_multiply", diag_post_multiply);
  table.add("symmetrize_from_lower_tri", symmetrize_from_lower_tri);
  table.add("csr_matrix_times_vector", csr_matrix_times_vector);
  table.add("csr_to_dense_matrix", csr_to_dense_matrix);
  table.add("csr_extract", csr_extract);
  table.add("csr_extract_w",
            [](const Call&, Args args) { return Value::vector(extract(args[0]).w); });
  table.add("csr_extract_v", [](const Call&, Args args) {
    return Value::array(BaseType::kInt, extract(args[0]).v);
  });
  table.add("csr_extract_u", [](const Call&, Args args) {
    return Value::array(BaseType::kInt, extract(args[0]).u);
  });
  add_covariance_functions(table);
  add_decomposition_functions(table);
}

}  // namespace vinci::lower
