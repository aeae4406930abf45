#include "infer/family/elementwise_map.h"

#include <algorithm>
#include <cmath>

#include "numeric/special/row_functions.h"

namespace vinci::infer {
namespace {

using numeric::RowFunction;

void apply(RowFunction f, double* x, Index n) {
  using namespace numeric;
  VINCI_SIMD_SELECT(row_function)(f, x, nullptr, x, n);
}

constexpr double kScaleLimit = 2;

// Pieces keep a thousandth of the reach, slopes a thousandth: bounded condition.
constexpr double kLeastShare = 1e-3;
constexpr double kLeastSlope = 1e-3;
/// softplus(x + kSlopeOffset) = 1 - kLeastSlope at x = 0.
const double kSlopeOffset = std::log(std::expm1(1 - kLeastSlope));
// Logits beyond overflow; shares stopped changing long before.
constexpr double kMaxLogit = 300;

}  // namespace

// ---- affine: saved = {tanh(raw_0 / 2), exp(s)}

void ElementwiseAffine::forward(const Matrix& raw, Tape& tape, Matrix& y, Vector& log_slope) const {
  const Index n = tape.x.rows();
  tape.saved.resize(2);
  Matrix& limited = tape.saved[0];
  Matrix& slope = tape.saved[1];
  limited = raw.topRows(n) * (1 / kScaleLimit);
  apply(RowFunction::tanh, limited.data(), limited.size());
  slope = limited * kScaleLimit;
  log_slope += slope.colwise().sum().transpose();
  apply(RowFunction::exp, slope.data(), slope.size());
  y = tape.x.cwiseProduct(slope) + raw.bottomRows(n);
}

void ElementwiseAffine::inverse(const Matrix& raw, const Matrix& y, Matrix& x) const {
  const Index n = y.rows();
  Matrix slope = raw.topRows(n) * (1 / kScaleLimit);
  apply(RowFunction::tanh, slope.data(), slope.size());
  slope *= kScaleLimit;
  apply(RowFunction::exp, slope.data(), slope.size());
  x = (y - raw.bottomRows(n)).cwiseQuotient(slope);
}

void ElementwiseAffine::push_gradient(const Tape& tape, const Matrix& gradient_x,
                                      Matrix& out) const {
  out = gradient_x.cwiseQuotient(tape.saved[1]);
}

void ElementwiseAffine::pull_back(const Tape& tape, const Matrix& adjoint_y,
                                  double adjoint_log_slope, Matrix* adjoint_x,
                                  Matrix& adjoint_raw) const {
  const Index n = tape.x.rows();
  const auto& limited = tape.saved[0].array();
  const auto& slope = tape.saved[1].array();
  adjoint_raw.resize(2 * n, tape.x.cols());
  // d s / d raw_0 = 1 - tanh^2.
  adjoint_raw.topRows(n) =
      (adjoint_y.array() * tape.x.array() * slope + adjoint_log_slope) * (1 - limited.square());
  adjoint_raw.bottomRows(n) = adjoint_y;
  if (adjoint_x != nullptr) *adjoint_x = adjoint_y.array() * slope;
}

// ---- spline: saved[0] = shares; saved[1 ..] as kSaved

struct ElementwiseSpline::Piece {
  int32_t bin = -1;
  double left, width, bottom, height, slope_left, slope_right;
  double width_before, height_before;  // shares of the pieces before, for the softmax's derivative
};

void ElementwiseSpline::shape(const Matrix& raw, Matrix& shares) const {
  const Index n = raw.rows() / num_raw(), lanes = raw.cols();
  shares = raw;
  const Index logits = 2 * bins_ * n;
  shares.topRows(logits) = shares.topRows(logits).cwiseMax(-kMaxLogit).cwiseMin(kMaxLogit);
  shares.bottomRows(raw.rows() - logits).array() += kSlopeOffset;
  apply(RowFunction::exp, shares.data(), logits * lanes);
  apply(RowFunction::log1p_exp, shares.data() + logits * lanes, (raw.rows() - logits) * lanes);
  shares.bottomRows(raw.rows() - logits).array() += kLeastSlope;
  Matrix total(n, lanes);
  for (const Index first : {Index{0}, bins_ * n}) {
    total = shares.middleRows(first, n);
    for (Index k = 1; k < bins_; ++k) total += shares.middleRows(first + k * n, n);
    total = total.cwiseInverse();
    for (Index k = 0; k < bins_; ++k) {
      shares.middleRows(first + k * n, n).array() *= total.array();
    }
  }
}

bool ElementwiseSpline::locate(const Matrix& shares, Index j, Index l, double value, bool by_height,
                               Piece& piece) const {
  if (!(std::abs(value) < reach_)) return false;
  const Index n = shares.rows() / num_raw(), lanes = shares.cols(), step = n * lanes;
  const double* width = shares.data() + j * lanes + l;
  const double* height = width + bins_ * step;
  const double* slope = height + bins_ * step;
  const double stretch = 2 * reach_ * (1 - kLeastShare * static_cast<double>(bins_));
  const double least = 2 * reach_ * kLeastShare;
  const double* key = by_height ? height : width;
  double edge = -reach_, before = 0;
  Index k = 0;
  for (; k + 1 < bins_; ++k) {
    const double next = edge + least + stretch * key[k * step];
    if (value < next) break;
    edge = next;
    before += key[k * step];
  }
  const double* other = by_height ? width : height;
  double other_edge = -reach_, other_before = 0;
  for (Index i = 0; i < k; ++i) {
    other_edge += least + stretch * other[i * step];
    other_before += other[i * step];
  }
  piece.bin = static_cast<int32_t>(k);
  piece.left = by_height ? other_edge : edge;
  piece.bottom = by_height ? edge : other_edge;
  piece.width_before = by_height ? other_before : before;
  piece.height_before = by_height ? before : other_before;
  piece.width = least + stretch * width[k * step];
  piece.height = least + stretch * height[k * step];
  piece.slope_left = k == 0 ? 1 : slope[(k - 1) * step];
  piece.slope_right = k + 1 == bins_ ? 1 : slope[k * step];
  return true;
}

namespace {

/// At the fraction xi of a piece: y and dy/dx, and derivatives by reverse accumulation.
struct Rational {
  double xi, theta, ratio, numerator, denominator, quadratic;

  Rational(double fraction, double ratio_, double slope_left, double slope_right)
      : xi(fraction), theta(xi * (1 - xi)), ratio(ratio_) {
    const double bend = slope_right + slope_left - 2 * ratio;
    numerator = ratio * xi * xi + slope_left * theta;
    denominator = ratio + bend * theta;
    quadratic = slope_right * xi * xi + 2 * ratio * theta + slope_left * (1 - xi) * (1 - xi);
  }
  double slope() const {
    const double r = ratio / denominator;
    return r * r * quadratic;
  }
};

enum Saved {
  kXi,
  kWidth,
  kHeight,
  kSlopeLeft,
  kSlopeRight,
  kWidthBefore,
  kHeightBefore,
  kNumSaved
};

/// d (adjoint_y y + adjoint_log log dy/dx) by x and by what the piece is made of.
struct PieceAdjoint {
  double x, left, width, bottom, height, slope_left, slope_right;
};
PieceAdjoint reverse(double xi, double width, double height, double slope_left, double slope_right,
                     double adjoint_y, double adjoint_log) {
  const double s = height / width;
  const Rational r(xi, s, slope_left, slope_right);
  PieceAdjoint a;
  const double inverse = 1 / r.denominator;
  a.bottom = adjoint_y;
  a.height = adjoint_y * r.numerator * inverse;
  const double d_numerator = adjoint_y * height * inverse;
  const double d_denominator = -(a.height * height + 2 * adjoint_log) * inverse;
  const double d_quadratic = adjoint_log / r.quadratic;
  double d_s = 2 * adjoint_log / s;
  // quadratic
  const double rest = 1 - xi;
  a.slope_right = d_quadratic * xi * xi;
  a.slope_left = d_quadratic * rest * rest;
  d_s += d_quadratic * 2 * r.theta;
  double d_theta = d_quadratic * 2 * s;
  double d_xi = d_quadratic * 2 * (slope_right * xi - slope_left * rest);
  // denominator
  d_s += d_denominator * (1 - 2 * r.theta);
  a.slope_right += d_denominator * r.theta;
  a.slope_left += d_denominator * r.theta;
  d_theta += d_denominator * (slope_right + slope_left - 2 * s);
  // numerator
  d_s += d_numerator * xi * xi;
  d_xi += d_numerator * 2 * s * xi;
  a.slope_left += d_numerator * r.theta;
  d_theta += d_numerator * slope_left;
  // theta = xi (1 - xi), s = height / width, xi = (x - left) / width
  d_xi += d_theta * (1 - 2 * xi);
  a.height += d_s / width;
  a.x = d_xi / width;
  a.left = -a.x;
  a.width = -d_s * s / width - d_xi * xi / width;
  return a;
}

}  // namespace

void ElementwiseSpline::forward(const Matrix& raw, Tape& tape, Matrix& y, Vector& log_slope) const {
  const Index n = tape.x.rows(), lanes = tape.x.cols();
  tape.saved.resize(1 + kNumSaved);
  shape(raw, tape.saved[0]);
  for (size_t k = 1; k <= kNumSaved; ++k) tape.saved[k].resize(n, lanes);
  tape.bins.assign(static_cast<size_t>(n * lanes), -1);
  y = tape.x;
  Matrix slope = Matrix::Ones(n, lanes);
  for (Index j = 0; j < n; ++j) {
    for (Index l = 0; l < lanes; ++l) {
      Piece p;
      const double x = tape.x(j, l);
      if (!locate(tape.saved[0], j, l, x, false, p)) continue;
      tape.bins[static_cast<size_t>(j * lanes + l)] = p.bin;
      const double xi = (x - p.left) / p.width;
      const Rational r(xi, p.height / p.width, p.slope_left, p.slope_right);
      y(j, l) = p.bottom + p.height * r.numerator / r.denominator;
      slope(j, l) = r.slope();
      const double kept[kNumSaved] = {
          xi, p.width, p.height, p.slope_left, p.slope_right, p.width_before, p.height_before};
      for (size_t k = 0; k < kNumSaved; ++k) tape.saved[1 + k](j, l) = kept[k];
    }
  }
  apply(RowFunction::log, slope.data(), slope.size());
  log_slope += slope.colwise().sum().transpose();
}

void ElementwiseSpline::inverse(const Matrix& raw, const Matrix& y, Matrix& x) const {
  Matrix shares;
  shape(raw, shares);
  x = y;
  for (Index j = 0; j < y.rows(); ++j) {
    for (Index l = 0; l < y.cols(); ++l) {
      Piece p;
      if (!locate(shares, j, l, y(j, l), true, p)) continue;
      // The root in [0, 1] of the quadratic in xi, in the form without cancellation [eq. (29)].
      const double s = p.height / p.width, rise = y(j, l) - p.bottom;
      const double bend = rise * (p.slope_right + p.slope_left - 2 * s);
      const double a = p.height * (s - p.slope_left) + bend;
      const double b = p.height * p.slope_left - bend;
      const double c = -s * rise;
      const double root = std::sqrt(std::max(0.0, b * b - 4 * a * c));
      x(j, l) = p.left + p.width * std::clamp(2 * c / (-b - root), 0.0, 1.0);
    }
  }
}

void ElementwiseSpline::push_gradient(const Tape& tape, const Matrix& gradient_x,
                                      Matrix& out) const {
  const Index lanes = tape.x.cols();
  out = gradient_x;
  for (Index j = 0; j < tape.x.rows(); ++j) {
    for (Index l = 0; l < lanes; ++l) {
      if (tape.bins[static_cast<size_t>(j * lanes + l)] < 0) continue;
      const auto kept = [&](Saved k) { return tape.saved[1 + static_cast<size_t>(k)](j, l); };
      const double width = kept(kWidth), height = kept(kHeight);
      const PieceAdjoint a =
          reverse(kept(kXi), width, height, kept(kSlopeLeft), kept(kSlopeRight), 0, 1);
      const Rational r(kept(kXi), height / width, kept(kSlopeLeft), kept(kSlopeRight));
      out(j, l) = (gradient_x(j, l) - a.x) / r.slope();
    }
  }
}

void ElementwiseSpline::pull_back(const Tape& tape, const Matrix& adjoint_y,
                                  double adjoint_log_slope, Matrix* adjoint_x,
                                  Matrix& adjoint_raw) const {
  const Index n = tape.x.rows(), lanes = tape.x.cols(), step = n * lanes;
  const Matrix& shares = tape.saved[0];
  const double stretch = 2 * reach_ * (1 - kLeastShare * static_cast<double>(bins_));
  adjoint_raw.setZero(num_raw() * n, lanes);
  if (adjoint_x != nullptr) *adjoint_x = adjoint_y;
  for (Index j = 0; j < n; ++j) {
    for (Index l = 0; l < lanes; ++l) {
      const Index bin = tape.bins[static_cast<size_t>(j * lanes + l)];
      if (bin < 0) continue;
      const auto kept = [&](Saved k) { return tape.saved[1 + static_cast<size_t>(k)](j, l); };
      const PieceAdjoint a = reverse(kept(kXi), kept(kWidth), kept(kHeight), kept(kSlopeLeft),
                                     kept(kSlopeRight), adjoint_y(j, l), adjoint_log_slope);
      if (adjoint_x != nullptr) (*adjoint_x)(j, l) = a.x;
      // Edges are sums of the shares before: d L / d share_i = before (i < bin), own (i = bin), 0.
      // Through the softmax: share_i (d_i - sum_k share_k d_k).
      const auto through_softmax = [&](Index first, double before, double own,
                                       double share_before) {
        const double* share = shares.data() + first * step + j * lanes + l;
        double* out = adjoint_raw.data() + first * step + j * lanes + l;
        const double mean = before * share_before + own * share[bin * step];
        for (Index k = 0; k < bin; ++k) out[k * step] = stretch * share[k * step] * (before - mean);
        out[bin * step] = stretch * share[bin * step] * (own - mean);
        for (Index k = bin + 1; k < bins_; ++k) out[k * step] = -stretch * share[k * step] * mean;
      };
      through_softmax(0, a.left, a.width, kept(kWidthBefore));
      through_softmax(bins_, a.bottom, a.height, kept(kHeightBefore));
      // softplus' = 1 - exp(-softplus).
      const auto slope_adjoint = [&](Index k, double adjoint) {
        const Index at = (2 * bins_ + k) * step + j * lanes + l;
        adjoint_raw.data()[at] = -adjoint * std::expm1(kLeastSlope - shares.data()[at]);
      };
      if (bin > 0) slope_adjoint(bin - 1, a.slope_left);
      if (bin + 1 < bins_) slope_adjoint(bin, a.slope_right);
    }
  }
}

}  // namespace vinci::infer
