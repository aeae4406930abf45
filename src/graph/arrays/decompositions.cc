// Dense decompositions, lane by lane through Eigen.
#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <unsupported/Eigen/MatrixFunctions>

#include "graph/arrays/arrays.h"
#include "graph/arrays/per_lane.h"
#include "graph/tangent.h"

namespace vinci::graph {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::VectorXd;
using ConstMap = Eigen::Map<const Matrix>;
using Map = Eigen::Map<Matrix>;

std::string sized(const char* name, int m) { return fmt::format("{}_{}", name, m); }
std::string sized(const char* name, int m, int n) { return fmt::format("{}_{}x{}", name, m, n); }

class SymmetricEigen final : public PerLaneFunction {
 public:
  explicit SymmetricEigen(int n)
      : PerLaneFunction(sized("symmetric_eigen", n), n * (n + 1) / 2, n + n * n), n_(n) {}

 protected:
  bool forward_lane(const double* in, double* out) const override {
    Matrix a(n_, n_);
    for (int i = 0, k = 0; i < n_; ++i)
      for (int j = 0; j <= i; ++j, ++k) a(i, j) = a(j, i) = in[k];
    if (!a.allFinite()) return false;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
    if (solver.info() != Eigen::Success) return false;
    Eigen::Map<VectorXd>(out, n_) = solver.eigenvalues();
    Map(out + n_, n_, n_) = solver.eigenvectors();
    return true;
  }
  void reverse_lane(const double* /*in*/, const double* out, const double* bar,
                    double* in_bar) const override {
    const Eigen::Map<const VectorXd> values(out, n_);
    const ConstMap v(out + n_, n_, n_);
    const Eigen::Map<const VectorXd> values_bar(bar, n_);
    const ConstMap v_bar(bar + n_, n_, n_);
    // A' = V (diag(l') + F o (V' V'bar)) V', F_ij = 1 / (l_j - l_i).  [Giles 2008, "An extended
    // collection of matrix derivative results", section 3.1]
    Matrix inner = v.transpose() * v_bar;
    for (int i = 0; i < n_; ++i)
      for (int j = 0; j < n_; ++j)
        inner(i, j) = i == j             ? values_bar[i]
                      : inner(i, j) == 0 ? 0.0
                                         : inner(i, j) / (values[j] - values[i]);
    const Matrix a_bar = v * inner * v.transpose();
    for (int i = 0, k = 0; i < n_; ++i)
      for (int j = 0; j <= i; ++j, ++k)
        in_bar[k] = i == j ? a_bar(i, i) : a_bar(i, j) + a_bar(j, i);
  }

 private:
  int n_;
};

class Inverse final : public PerLaneFunction, public HasTangent {
 public:
  explicit Inverse(int n) : PerLaneFunction(sized("matrix_inverse", n), n * n, n * n), n_(n) {}
  /// -X A' X.
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar>, std::span<const Scalar> out,
                              std::span<const Scalar> in_dot) const override {
    std::vector<Scalar> inputs(out.begin(), out.end());
    inputs.insert(inputs.end(), in_dot.begin(), in_dot.end());
    inputs = g.call(matrix_product(n_, n_, n_), inputs);
    inputs.insert(inputs.end(), out.begin(), out.end());
    std::vector<Scalar> result = g.call(matrix_product(n_, n_, n_), inputs);
    for (Scalar& x : result) x = g.neg(x);
    return result;
  }

 protected:
  bool forward_lane(const double* in, double* out) const override {
    const Matrix a = ConstMap(in, n_, n_);
    Map inverse(out, n_, n_);
    inverse = a.partialPivLu().inverse();
    return inverse.allFinite();
  }
  void reverse_lane(const double* /*in*/, const double* out, const double* bar,
                    double* in_bar) const override {
    const ConstMap inverse(out, n_, n_);
    Map(in_bar, n_, n_) = -(inverse.transpose() * ConstMap(bar, n_, n_) * inverse.transpose());
  }

 private:
  int n_;
};

class LuSolve final : public PerLaneFunction, public HasTangent {
 public:
  LuSolve(int n, int m)
      : PerLaneFunction(sized("lu_solve", n, m), n * n + n * m, n * m), n_(n), m_(m) {}
  /// A^-1 (B' - A' X).
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar> in, std::span<const Scalar> out,
                              std::span<const Scalar> in_dot) const override {
    const auto size = static_cast<size_t>(n_ * n_);
    std::vector<Scalar> product(in_dot.begin(), in_dot.begin() + n_ * n_);
    product.insert(product.end(), out.begin(), out.end());
    product = g.call(matrix_product(n_, n_, m_), product);
    std::vector<Scalar> inputs(in.begin(), in.begin() + n_ * n_);
    for (size_t k = 0; k < product.size(); ++k)
      inputs.push_back(g.sub(in_dot[size + k], product[k]));
    return g.call(lu_solve(n_, m_), inputs);
  }

 protected:
  bool forward_lane(const double* in, double* out) const override {
    const Matrix a = ConstMap(in, n_, n_);
    Map x(out, n_, m_);
    x = a.partialPivLu().solve(ConstMap(in + n_ * n_, n_, m_));
    return x.allFinite();
  }
  void reverse_lane(const double* in, const double* out, const double* bar,
                    double* in_bar) const override {
    const Matrix a_transposed = ConstMap(in, n_, n_).transpose();
    Map b_bar(in_bar + n_ * n_, n_, m_);
    b_bar = a_transposed.partialPivLu().solve(ConstMap(bar, n_, m_));
    Map(in_bar, n_, n_) = -(b_bar * ConstMap(out, n_, m_).transpose());
  }

 private:
  int n_, m_;
};

class Determinant final : public PerLaneFunction, public HasTangent {
 public:
  Determinant(int n, bool logarithm)
      : PerLaneFunction(sized(logarithm ? "log_abs_determinant" : "determinant", n), n * n, 1),
        n_(n),
        logarithm_(logarithm) {}
  /// tr(A^-1 A'), times the determinant.
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar> in, std::span<const Scalar> out,
                              std::span<const Scalar> in_dot) const override {
    const std::vector<Scalar> inverse = g.call(matrix_inverse(n_), in);
    std::vector<Scalar> transposed;
    for (int i = 0; i < n_; ++i)
      for (int j = 0; j < n_; ++j) transposed.push_back(inverse[static_cast<size_t>(j * n_ + i)]);
    const Scalar trace = g.dot(transposed, in_dot);
    return {logarithm_ ? trace : g.mul(trace, out[0])};
  }

 protected:
  bool forward_lane(const double* in, double* out) const override {
    if (n_ == 0) {
      *out = logarithm_ ? 0 : 1;
      return true;
    }
    const Matrix a = ConstMap(in, n_, n_);
    if (!a.allFinite()) return false;
    const Eigen::PartialPivLU<Matrix> lu(a);
    *out = logarithm_ ? lu.matrixLU().diagonal().array().abs().log().sum() : lu.determinant();
    return true;
  }
  void reverse_lane(const double* in, const double* out, const double* bar,
                    double* in_bar) const override {
    if (n_ == 0) return;
    const Matrix a = ConstMap(in, n_, n_);
    const double factor = logarithm_ ? *bar : *bar * *out;
    Map(in_bar, n_, n_) = factor * a.partialPivLu().inverse().transpose();
  }

 private:
  int n_;
  bool logarithm_;
};

class MatrixExponential final : public PerLaneFunction {
 public:
  explicit MatrixExponential(int n)
      : PerLaneFunction(sized("matrix_exponential", n), n * n, n * n), n_(n) {}

 protected:
  bool forward_lane(const double* in, double* out) const override {
    const Eigen::MatrixXd a = ConstMap(in, n_, n_);
    if (!a.allFinite()) return false;
    Map(out, n_, n_) = a.exp();
    return true;
  }
  void reverse_lane(const double* in, const double* /*out*/, const double* bar,
                    double* in_bar) const override {
    // The derivative in direction E is the upper right block of exp([A E; 0 A]); its adjoint is
    // that of A'.
    Eigen::MatrixXd block = Eigen::MatrixXd::Zero(2 * n_, 2 * n_);
    const ConstMap a(in, n_, n_);
    const ConstMap direction(bar, n_, n_);
    if (!a.allFinite() || !direction.allFinite()) {
      Map(in_bar, n_, n_).setConstant(std::numeric_limits<double>::quiet_NaN());
      return;
    }
    block.topLeftCorner(n_, n_) = a.transpose();
    block.bottomRightCorner(n_, n_) = a.transpose();
    block.topRightCorner(n_, n_) = direction;
    const Eigen::MatrixXd result = block.exp();
    Map(in_bar, n_, n_) = result.topRightCorner(n_, n_);
  }

 private:
  int n_;
};

class Svd final : public PerLaneFunction {
 public:
  Svd(int m, int n)
      : PerLaneFunction(sized("svd", m, n), m * n, std::min(m, n) * (1 + m + n)),
        m_(m),
        n_(n),
        k_(std::min(m, n)) {}

 protected:
  bool forward_lane(const double* in, double* out) const override {
    const Eigen::MatrixXd a = ConstMap(in, m_, n_);
    if (!a.allFinite()) return false;
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
    Eigen::Map<VectorXd>(out, k_) = svd.singularValues();
    Map(out + k_, m_, k_) = svd.matrixU();
    Map(out + k_ + m_ * k_, n_, k_) = svd.matrixV();
    return true;
  }
  void reverse_lane(const double* /*in*/, const double* out, const double* bar,
                    double* in_bar) const override {
    const Eigen::Map<const VectorXd> s(out, k_);
    const Eigen::MatrixXd u = ConstMap(out + k_, m_, k_);
    const Eigen::MatrixXd v = ConstMap(out + k_ + m_ * k_, n_, k_);
    const Eigen::Map<const VectorXd> s_bar(bar, k_);
    const Eigen::MatrixXd u_bar = ConstMap(bar + k_, m_, k_);
    const Eigen::MatrixXd v_bar = ConstMap(bar + k_ + m_ * k_, n_, k_);
    const Eigen::MatrixXd uu = antisymmetric_over_gaps(s, u.transpose() * u_bar);
    const Eigen::MatrixXd vv = antisymmetric_over_gaps(s, v.transpose() * v_bar);
    Eigen::MatrixXd core = s_bar.asDiagonal();
    core += uu * s.asDiagonal();
    core += s.asDiagonal() * vv;
    Eigen::MatrixXd a_bar = u * core * v.transpose();
    if (m_ > k_ && !u_bar.isZero(0))
      a_bar +=
          (u_bar - u * (u.transpose() * u_bar)) * s.cwiseInverse().asDiagonal() * v.transpose();
    if (n_ > k_ && !v_bar.isZero(0))
      a_bar +=
          u * s.cwiseInverse().asDiagonal() * (v_bar - v * (v.transpose() * v_bar)).transpose();
    Map(in_bar, m_, n_) = a_bar;
  }

 private:
  /// (M - M')_ij / (s_j^2 - s_i^2), zeros where M - M' is.
  static Eigen::MatrixXd antisymmetric_over_gaps(const Eigen::Map<const VectorXd>& s,
                                                 const Eigen::MatrixXd& m) {
    Eigen::MatrixXd r = m - m.transpose();
    for (Eigen::Index i = 0; i < r.rows(); ++i)
      for (Eigen::Index j = 0; j < r.cols(); ++j)
        if (r(i, j) != 0) r(i, j) /= (s[j] - s[i]) * (s[j] + s[i]);
    return r;
  }
  int m_, n_, k_;
};

class QrThin final : public PerLaneFunction {
 public:
  QrThin(int m, int n)
      : PerLaneFunction(sized("qr_thin", m, n), m * n, m * n + n * n), m_(m), n_(n) {}

 protected:
  bool forward_lane(const double* in, double* out) const override {
    const Eigen::MatrixXd a = ConstMap(in, m_, n_);
    if (!a.allFinite()) return false;
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(a);
    Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(m_, n_);
    Eigen::MatrixXd r = qr.matrixQR().topRows(n_).triangularView<Eigen::Upper>();
    for (int k = 0; k < n_; ++k)
      if (r(k, k) < 0) {
        r.row(k) *= -1;
        q.col(k) *= -1;
      }
    Map(out, m_, n_) = q;
    Map(out + m_ * n_, n_, n_) = r;
    return true;
  }
  void reverse_lane(const double* /*in*/, const double* out, const double* bar,
                    double* in_bar) const override {
    const Eigen::MatrixXd q = ConstMap(out, m_, n_);
    const Eigen::MatrixXd r = ConstMap(out + m_ * n_, n_, n_);
    const Eigen::MatrixXd q_bar = ConstMap(bar, m_, n_);
    const Eigen::MatrixXd r_bar =
        Eigen::MatrixXd(ConstMap(bar + m_ * n_, n_, n_)).triangularView<Eigen::Upper>();
    const Eigen::MatrixXd m = r * r_bar.transpose() - q_bar.transpose() * q;
    Eigen::MatrixXd symmetric = m.triangularView<Eigen::Lower>();
    symmetric += Eigen::MatrixXd(m.triangularView<Eigen::StrictlyLower>()).transpose();
    const Eigen::MatrixXd right = (q_bar + q * symmetric).transpose();
    const Eigen::MatrixXd a_bar = r.triangularView<Eigen::Upper>().solve(right).transpose();
    Map(in_bar, m_, n_) = a_bar;
  }

 private:
  int m_, n_;
};

class ScalarFunction final : public PerLaneFunction {
 public:
  ScalarFunction(const std::string& name, int arity, ScalarValue value, ScalarPartials partials)
      : PerLaneFunction(name, arity, 1), value_(value), partials_(partials) {}

 protected:
  bool forward_lane(const double* in, double* out) const override {
    *out = value_(in);
    return true;
  }
  void reverse_lane(const double* in, const double* out, const double* bar,
                    double* in_bar) const override {
    partials_(in, *out, in_bar);
    for (int k = 0; k < num_inputs(); ++k) in_bar[k] *= *bar;
  }

 private:
  ScalarValue value_;
  ScalarPartials partials_;
};

}  // namespace

ArrayFunctionPtr symmetric_eigen(int n) { return std::make_shared<SymmetricEigen>(n); }
ArrayFunctionPtr matrix_inverse(int n) { return std::make_shared<Inverse>(n); }
ArrayFunctionPtr lu_solve(int n, int m) { return std::make_shared<LuSolve>(n, m); }
ArrayFunctionPtr log_abs_determinant(int n) { return std::make_shared<Determinant>(n, true); }
ArrayFunctionPtr determinant(int n) { return std::make_shared<Determinant>(n, false); }
ArrayFunctionPtr matrix_exponential(int n) { return std::make_shared<MatrixExponential>(n); }
ArrayFunctionPtr svd(int m, int n) { return std::make_shared<Svd>(m, n); }
ArrayFunctionPtr qr_thin(int m, int n) { return std::make_shared<QrThin>(m, n); }
ArrayFunctionPtr scalar_function(const std::string& name, int arity, ScalarValue value,
                                 ScalarPartials partials) {
  return std::make_shared<ScalarFunction>(name, arity, value, partials);
}

}  // namespace vinci::graph
