// Increasing maps of single numbers whose parameters come from a network: what coupling flows apply
// to half of the coordinates. Heavy header (Eigen): for .cc files of infer/ only.
#pragma once

#include <memory>
#include <vector>

#include "infer/dense.h"

namespace vinci::infer {

/// y = f(x; raw) for n coordinates and all lanes, raw: `num_raw` numbers each, of any value; raw =
/// 0 is the identity. Matrices are [n][lanes]; raw is [num_raw n][lanes], row k n + j number k of
/// coordinate j.
/// Laws: (1) f is increasing in x and onto; (2) inverse(forward(x)) = x; (3) `pull_back` is the
/// transposed derivative of `forward`; (4) lanes are independent.
class ElementwiseMap {
 public:
  virtual ~ElementwiseMap() = default;

  /// What `forward` leaves for the functions that go backward.
  struct Tape {
    Matrix x;
    std::vector<Matrix> saved;
    std::vector<int32_t> bins;
  };

  virtual Index num_raw() const = 0;
  /// Uses tape.x as x. y: [n][lanes]; log_slope: [lanes] += sum over coordinates of log dy/dx.
  virtual void forward(const Matrix& raw, Tape& tape, Matrix& y, Vector& log_slope) const = 0;
  virtual void inverse(const Matrix& raw, const Matrix& y, Matrix& x) const = 0;
  /// The gradient of log q_y(y) = log q_x(x) - log dy/dx from that of log q_x:
  /// out = (gradient_x - d log_slope / dx) / (dy/dx).
  virtual void push_gradient(const Tape& tape, const Matrix& gradient_x, Matrix& out) const = 0;
  /// With L = sum adjoint_y y + adjoint_log_slope sum log dy/dx: adjoint_x = dL/dx (may be null),
  /// adjoint_raw = dL/draw.
  virtual void pull_back(const Tape& tape, const Matrix& adjoint_y, double adjoint_log_slope,
                         Matrix* adjoint_x, Matrix& adjoint_raw) const = 0;
};

/// y = x exp(s) + t, s = 2 tanh(raw_0 / 2), t = raw_1: the limit on s keeps deep flows invertible
/// in floating point. [Dinh, Sohl-Dickstein, Bengio 2017, arXiv 1605.08803, eq. (7)-(8); tanh as in
/// Agrawal, Sheldon, Domke 2020]
class ElementwiseAffine final : public ElementwiseMap {
 public:
  Index num_raw() const override { return 2; }
  void forward(const Matrix& raw, Tape& tape, Matrix& y, Vector& log_slope) const override;
  void inverse(const Matrix& raw, const Matrix& y, Matrix& x) const override;
  void push_gradient(const Tape& tape, const Matrix& gradient_x, Matrix& out) const override;
  void pull_back(const Tape& tape, const Matrix& adjoint_y, double adjoint_log_slope,
                 Matrix* adjoint_x, Matrix& adjoint_raw) const override;
};

/// Monotone rational-quadratic spline of `bins` pieces on [-reach, reach], identity beyond. Raw:
/// bins logits of widths, bins logits of heights, bins - 1 slopes at the inner knots before
/// softplus. [Durkan, Bekasov, Murray, Papamakarios 2019, arXiv 1906.04032, eq. (4)-(8); Gregory
/// and Delbourgo 1982, doi 10.1093/imanum/2.2.123]
class ElementwiseSpline final : public ElementwiseMap {
 public:
  ElementwiseSpline(Index bins, double reach) : bins_(bins), reach_(reach) {}
  Index num_raw() const override { return 3 * bins_ - 1; }
  void forward(const Matrix& raw, Tape& tape, Matrix& y, Vector& log_slope) const override;
  void inverse(const Matrix& raw, const Matrix& y, Matrix& x) const override;
  void push_gradient(const Tape& tape, const Matrix& gradient_x, Matrix& out) const override;
  void pull_back(const Tape& tape, const Matrix& adjoint_y, double adjoint_log_slope,
                 Matrix* adjoint_x, Matrix& adjoint_raw) const override;

 private:
  struct Piece;
  /// Softmax shares of widths and heights (2 bins n rows) and slopes (then (bins - 1) n rows).
  void shape(const Matrix& raw, Matrix& shares) const;
  /// The piece around `value` of the widths' axis, or of the heights' for an inverse; false beyond
  /// the reach.
  bool locate(const Matrix& shares, Index j, Index l, double value, bool by_height,
              Piece& piece) const;

  Index bins_;
  double reach_;
};

}  // namespace vinci::infer
