// Eigenvalues, singular values, QR decompositions and functions of matrices.
#include <fmt/format.h>

#include <Eigen/Dense>
#include <Eigen/Eigenvalues>

#include "lower/library/linear_algebra.h"

namespace vinci::lower {
namespace {

using graph::Graph;
using Args = std::span<const Value>;

Value tuple(std::vector<Value> members) {
  Value out;
  out.type = Type::scalar(BaseType::kTuple);
  for (const Value& m : members) out.type.elements.push_back(m.type);
  out.members = std::move(members);
  return out;
}
std::vector<Scalar> slice(const std::vector<Scalar>& x, int64_t first, int64_t count) {
  return {x.begin() + first, x.begin() + first + count};
}
ScalarMatrix real_matrix(const Call& call, const Value& v) {
  if (v.is_complex())
    call.fail(fmt::format("`{}` of complex matrices is not covered", call.name),
              source::DiagnosticKind::kNotCovered);
  return to_matrix(v);
}
void require_not_empty(const Call& call, const ScalarMatrix& m) {
  if (m.x.empty()) call.fail(fmt::format("the matrix given to `{}` is empty", call.name));
}

// ---- symmetric eigenvalues, singular values, QR

struct Eigen2 {
  Value values, vectors;
};
Eigen2 symmetric_eigen(const Call& call, const Value& v) {
  const ScalarMatrix a = real_matrix(call, v);
  require_square(call, a);
  require_not_empty(call, a);
  const int64_t n = a.rows;
  std::vector<Scalar> packed;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) packed.push_back(a.at(i, j));
  const std::vector<Scalar> r =
      call.graph.call(graph::symmetric_eigen(static_cast<int>(n)), packed);
  return {Value::vector(slice(r, 0, n)), Value::matrix(n, n, slice(r, n, n * n))};
}

struct Svd {
  Value s, u, v;
};
Svd svd_of(const Call& call, const Value& value) {
  const ScalarMatrix a = real_matrix(call, value);
  require_not_empty(call, a);
  const int64_t k = std::min(a.rows, a.cols);
  const std::vector<Scalar> r =
      call.graph.call(graph::svd(static_cast<int>(a.rows), static_cast<int>(a.cols)), a.x);
  return {Value::vector(slice(r, 0, k)), Value::matrix(a.rows, k, slice(r, k, a.rows * k)),
          Value::matrix(a.cols, k, slice(r, k + a.rows * k, a.cols * k))};
}

struct Qr {
  ScalarMatrix q, r;
};
/// Thin: Q [m, k], R [k, n], k = min(m, n). Wide matrices go by their first m columns: A = Q [R_1,
/// Q' A_2].
Qr qr_thin_of(const Call& call, const ScalarMatrix& a) {
  require_not_empty(call, a);
  const int64_t k = std::min(a.rows, a.cols);
  ScalarMatrix left = zeros(a.rows, k);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < k; ++j) left.at(i, j) = a.at(i, j);
  const std::vector<Scalar> out =
      call.graph.call(graph::qr_thin(static_cast<int>(a.rows), static_cast<int>(k)), left.x);
  Qr qr{{a.rows, k, slice(out, 0, a.rows * k)}, zeros(k, a.cols)};
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = i; j < k; ++j)
      qr.r.at(i, j) = out[static_cast<size_t>(a.rows * k + i * k + j)];
  if (a.cols > k) {
    ScalarMatrix right = zeros(a.rows, a.cols - k);
    for (int64_t i = 0; i < a.rows; ++i)
      for (int64_t j = k; j < a.cols; ++j) right.at(i, j - k) = a.at(i, j);
    const ScalarMatrix rest = multiply(call, transposed(qr.q), right);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = k; j < a.cols; ++j) qr.r.at(i, j) = rest.at(i, j - k);
  }
  return qr;
}
/// Full: Q [m, m], R [m, n]. The columns of Q beyond the thin ones are not differentiable functions
/// of A.
Qr qr_full_of(const Call& call, const ScalarMatrix& a) {
  if (a.rows <= a.cols) return qr_thin_of(call, a);
  if (!a.is_constant())
    call.fail(fmt::format("`{}` of parameters with more rows than columns is not covered; use the "
                          "thin decomposition",
                          call.name),
              source::DiagnosticKind::kNotCovered);
  require_not_empty(call, a);
  Eigen::MatrixXd m(a.rows, a.cols);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j) m(i, j) = a.at(i, j).constant();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(m);
  Eigen::MatrixXd q = qr.householderQ();
  Eigen::MatrixXd r = qr.matrixQR().triangularView<Eigen::Upper>();
  Qr out{zeros(a.rows, a.rows), zeros(a.rows, a.cols)};
  for (int64_t i = 0; i < a.rows; ++i) {
    const double sign = i < a.cols && r(i, i) < 0 ? -1 : 1;
    for (int64_t j = 0; j < a.rows; ++j) out.q.at(j, i) = sign * q(j, i);
    for (int64_t j = 0; j < a.cols; ++j) out.r.at(i, j) = sign * r(i, j);
  }
  return out;
}

template <Qr (*f)(const Call&, const ScalarMatrix&), int part>
Value qr_part(const Call& call, Args args) {
  const Qr qr = f(call, to_matrix(args[0]));
  if (part == 0) return from_matrix(qr.q);
  if (part == 1) return from_matrix(qr.r);
  return tuple({from_matrix(qr.q), from_matrix(qr.r)});
}

// ---- eigenvalues of general matrices, of constants only

Eigen::MatrixXcd constant_matrix(const Call& call, const Value& v) {
  if (!v.is_constant())
    call.fail(fmt::format("`{}` of parameters is not covered", call.name),
              source::DiagnosticKind::kNotCovered);
  if (v.dims[0] != v.dims[1] || v.dims[0] == 0)
    call.fail(fmt::format("the matrix given to `{}` has to be square and not empty", call.name));
  Eigen::MatrixXcd m(v.dims[0], v.dims[1]);
  size_t next = 0;
  for (int64_t i = 0; i < v.dims[0]; ++i)
    for (int64_t j = 0; j < v.dims[1]; ++j) {
      const double re = v.elements[next++].constant();
      const double im = v.is_complex() ? v.elements[next++].constant() : 0.0;
      m(i, j) = {re, im};
    }
  if (!m.allFinite())
    call.fail(fmt::format("the matrix given to `{}` has elements that are not finite", call.name));
  return m;
}
Value complex_value(const Eigen::MatrixXcd& m, BaseType base) {
  Value out;
  out.type = Type::scalar(base);
  out.dims = base == BaseType::kComplexMatrix ? std::vector<int64_t>{m.rows(), m.cols()}
                                              : std::vector<int64_t>{m.size()};
  for (Eigen::Index i = 0; i < m.rows(); ++i)
    for (Eigen::Index j = 0; j < m.cols(); ++j) {
      out.elements.push_back(m(i, j).real());
      out.elements.push_back(m(i, j).imag());
    }
  return out;
}
Eigen2 general_eigen(const Call& call, const Value& v) {
  const Eigen::MatrixXcd m = constant_matrix(call, v);
  if (v.is_complex()) {
    const Eigen::ComplexEigenSolver<Eigen::MatrixXcd> solver(m);
    return {complex_value(solver.eigenvalues(), BaseType::kComplexVector),
            complex_value(solver.eigenvectors(), BaseType::kComplexMatrix)};
  }
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(m.real());
  return {complex_value(solver.eigenvalues(), BaseType::kComplexVector),
          complex_value(solver.eigenvectors(), BaseType::kComplexMatrix)};
}
template <int part>
Value schur(const Call& call, Args args) {
  const Eigen::ComplexSchur<Eigen::MatrixXcd> s(constant_matrix(call, args[0]));
  const Value t = complex_value(s.matrixT(), BaseType::kComplexMatrix);
  const Value u = complex_value(s.matrixU(), BaseType::kComplexMatrix);
  return part == 0 ? t : part == 1 ? u : tuple({u, t});
}

// ---- functions of matrices

ScalarMatrix exponential(const Call& call, const ScalarMatrix& a) {
  require_square(call, a);
  if (a.rows == 0) return a;
  if (a.rows == 1) return {1, 1, {call.graph.exp(a.x[0])}};
  return {a.rows, a.rows,
          call.graph.call(graph::matrix_exponential(static_cast<int>(a.rows)), a.x)};
}
Value matrix_exp(const Call& call, Args args) {
  return from_matrix(exponential(call, to_matrix(args[0])));
}
Value matrix_exp_multiply(const Call& call, Args args) {
  return from_matrix(multiply(call, exponential(call, to_matrix(args[0])), to_matrix(args[1])));
}
Value scale_matrix_exp_multiply(const Call& call, Args args) {
  ScalarMatrix a = to_matrix(args[1]);
  for (Scalar& s : a.x) s = call.graph.mul(args[0].scalar(), s);
  return from_matrix(multiply(call, exponential(call, a), to_matrix(args[2])));
}
Value matrix_power(const Call& call, Args args) {
  ScalarMatrix base = to_matrix(args[0]);
  require_square(call, base);
  if (!args[1].scalar().is_constant() || args[1].scalar().constant() < 0)
    call.fail("the power of `matrix_power` is negative or depends on parameters");
  ScalarMatrix r = zeros(base.rows, base.rows);
  for (int64_t i = 0; i < base.rows; ++i) r.at(i, i) = 1.0;
  for (auto n = static_cast<int64_t>(args[1].scalar().constant()); n > 0; n /= 2) {
    if (n % 2 == 1) r = multiply(call, r, base);
    if (n > 1) base = multiply(call, base, base);
  }
  return from_matrix(r);
}
Value generalized_inverse(const Call& call, Args args) {
  const ScalarMatrix a = to_matrix(args[0]);
  if (a.x.empty()) return from_matrix(transposed(a));
  // Of full rank: (A'A)^{-1} A' or A' (A A')^{-1}; constants by their singular values, whatever the
  // rank.
  if (a.is_constant()) {
    Eigen::MatrixXd m(a.rows, a.cols);
    for (int64_t i = 0; i < a.rows; ++i)
      for (int64_t j = 0; j < a.cols; ++j) m(i, j) = a.at(i, j).constant();
    const Eigen::MatrixXd inverse = m.completeOrthogonalDecomposition().pseudoInverse();
    ScalarMatrix r = zeros(a.cols, a.rows);
    for (int64_t i = 0; i < a.cols; ++i)
      for (int64_t j = 0; j < a.rows; ++j) r.at(i, j) = inverse(i, j);
    return from_matrix(r);
  }
  const ScalarMatrix t = transposed(a);
  const bool tall = a.rows >= a.cols;
  const ScalarMatrix l = cholesky(call, tall ? multiply(call, t, a) : multiply(call, a, t));
  const ScalarMatrix x = solve_lower(call, l, solve_lower(call, l, tall ? t : a, false), true);
  return from_matrix(tall ? x : transposed(x));
}

}  // namespace

void add_decomposition_functions(LibraryTable& table) {
  table.add("eigenvalues_sym",
            [](const Call& call, Args args) { return symmetric_eigen(call, args[0]).values; });
  table.add("eigenvectors_sym",
            [](const Call& call, Args args) { return symmetric_eigen(call, args[0]).vectors; });
  table.add("eigendecompose_sym", [](const Call& call, Args args) {
    const Eigen2 e = symmetric_eigen(call, args[0]);
    return tuple({e.vectors, e.values});
  });
  table.add("eigenvalues",
            [](const Call& call, Args args) { return general_eigen(call, args[0]).values; });
  table.add("eigenvectors",
            [](const Call& call, Args args) { return general_eigen(call, args[0]).vectors; });
  table.add("eigendecompose", [](const Call& call, Args args) {
    const Eigen2 e = general_eigen(call, args[0]);
    return tuple({e.vectors, e.values});
  });
  table.add("complex_schur_decompose_t", schur<0>);
  table.add("complex_schur_decompose_u", schur<1>);
  table.add("complex_schur_decompose", schur<2>);
  table.add("singular_values", [](const Call& call, Args args) { return svd_of(call, args[0]).s; });
  table.add("svd_U", [](const Call& call, Args args) { return svd_of(call, args[0]).u; });
  table.add("svd_V", [](const Call& call, Args args) { return svd_of(call, args[0]).v; });
  table.add("svd", [](const Call& call, Args args) {
    const Svd s = svd_of(call, args[0]);
    return tuple({s.u, s.s, s.v});
  });
  table.add("qr_thin_Q", qr_part<qr_thin_of, 0>);
  table.add("qr_thin_R", qr_part<qr_thin_of, 1>);
  table.add("qr_thin", qr_part<qr_thin_of, 2>);
  table.add("qr_Q", qr_part<qr_full_of, 0>);
  table.add("qr_R", qr_part<qr_full_of, 1>);
  table.add("qr", qr_part<qr_full_of, 2>);
  table.add("matrix_exp", matrix_exp);
  table.add("matrix_exp_multiply", matrix_exp_multiply);
  table.add("scale_matrix_exp_multiply", scale_matrix_exp_multiply);
  table.add("matrix_power", matrix_power);
  table.add("generalized_inverse", generalized_inverse);
}

}  // namespace vinci::lower
