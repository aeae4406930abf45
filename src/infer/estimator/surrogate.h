// A learned surrogate of a learning signal: what LAX and RELAX subtract. For the .cc files of the
// estimators.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "infer/dense.h"
#include "infer/network/mlp.h"
#include "infer/optimizer/adam.h"

namespace vinci::infer {

/// c(z) = level + spread net((z - centre) / scale), two hidden layers of tanh; centre, scale, level
/// and spread are those of pilot points [D][n] and their values f [n].
class Surrogate {
 public:
  Surrogate(const Matrix& pilot, const Vector& f, Index width, double rate, numeric::RandomKey key)
      : net_({pilot.rows(), width, width, 1}, Activation::kTanh),
        params_(static_cast<size_t>(net_.num_params())),
        adam_(params_.size()),
        rate_(rate),
        centre_(pilot.rowwise().mean()),
        scale_(((pilot.colwise() - centre_).rowwise().squaredNorm() /
                static_cast<double>(pilot.cols()))
                   .cwiseSqrt()
                   .cwiseMax(1e-300)),
        level_(f.mean()),
        spread_(std::max(std::sqrt((f.array() - level_).square().mean()), 1e-300)) {
    net_.initialise(key, 0.01, params_);
  }

  struct Values {
    Vector value;     // [n]
    Matrix gradient;  // [D][n], d c / d z
  };
  Values evaluate(const Matrix& z) const {
    Mlp::Tape tape;
    Values v;
    v.value = spread_ * net_.forward(params_, whiten(z), tape).row(0).transpose().array() + level_;
    const Matrix ones = Matrix::Constant(1, z.cols(), spread_);
    std::vector<double> unused(params_.size());
    net_.backward(params_, tape, ones, &v.gradient, unused);
    v.gradient.array().colwise() /= scale_.array();
    return v;
  }

  /// gradient += d/dphi sum_l weight_l c(z_l).
  void add_gradient(const Matrix& z, const Vector& weights, std::span<double> gradient) const {
    Mlp::Tape tape;
    net_.forward(params_, whiten(z), tape);
    const Matrix adjoint = spread_ * weights.transpose();
    net_.backward(params_, tape, adjoint, nullptr, gradient);
  }

  void descend(std::span<const double> gradient) {
    std::vector<double> direction(params_.size());
    adam_.direction(gradient, direction);
    for (size_t i = 0; i < params_.size(); ++i) params_[i] -= rate_ * direction[i];
  }

  size_t num_params() const { return params_.size(); }
  const Vector& scale() const { return scale_; }

 private:
  Matrix whiten(const Matrix& z) const {
    return (z.colwise() - centre_).array().colwise() / scale_.array();
  }

  Mlp net_;
  std::vector<double> params_;
  Adam adam_;
  double rate_;
  Vector centre_, scale_;
  double level_, spread_;
};

}  // namespace vinci::infer
