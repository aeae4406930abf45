#include "infer/network/mlp.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "numeric/linalg/dense_product.h"
#include "numeric/special/row_functions.h"

namespace vinci::infer {
namespace {

constexpr double kLeak = 0.01;

/// C = A B or C += A B; A: [m, k] with these strides.
void product(Index m, Index k, const double* a, Index row_a, Index col_a, const Matrix& b,
             double* c, Index columns, bool accumulate) {
  using namespace numeric;
  VINCI_SIMD_SELECT(dense_product)
  (m, columns, k, a, row_a, col_a, b.data(), b.cols(), c, columns, accumulate);
}

void apply(numeric::RowFunction f, Matrix& x) {
  using namespace numeric;
  VINCI_SIMD_SELECT(row_function)(f, x.data(), nullptr, x.data(), x.size());
}

void activate(Activation a, Matrix& x) {
  switch (a) {
    case Activation::kRelu:
      x = x.cwiseMax(0.0);
      break;
    case Activation::kLeakyRelu:
      x = x.cwiseMax(kLeak * x);
      break;
    case Activation::kTanh:
      apply(numeric::RowFunction::tanh, x);
      break;
    case Activation::kSoftplus:
      apply(numeric::RowFunction::log1p_exp, x);
      break;
  }
}

/// adjoint *= a'(input), written in terms of the output a(input).
void scale_by_derivative(Activation a, const Matrix& output, Matrix& adjoint) {
  switch (a) {
    case Activation::kRelu:
      adjoint.array() *= (output.array() > 0).cast<double>();
      break;
    case Activation::kLeakyRelu:
      adjoint.array() *= (output.array() > 0)
                             .select(1.0, Matrix::Constant(output.rows(), output.cols(), kLeak))
                             .array();
      break;
    case Activation::kTanh:
      adjoint.array() *= 1 - output.array().square();
      break;
    case Activation::kSoftplus:
      // log(1 + e^v) = y, hence sigmoid(v) = 1 - e^-y.
      adjoint.array() *= -(-output.array()).unaryExpr([](double v) { return std::expm1(v); });
      break;
  }
}

}  // namespace

Mlp::Mlp(std::vector<Index> widths, Activation hidden)
    : widths_(std::move(widths)), hidden_(hidden) {
  VINCI_CHECK(widths_.size() >= 2);
  for (size_t l = 1; l < widths_.size(); ++l) num_params_ += widths_[l] * (widths_[l - 1] + 1);
}

void Mlp::initialise(numeric::RandomKey key, double last_scale, std::span<double> params) const {
  numeric::fill_uniform(key, 0, 0, static_cast<Index>(params.size()), 1, params.data(), 1);
  double* p = params.data();
  for (size_t l = 1; l < widths_.size(); ++l) {
    const Index weights = widths_[l] * widths_[l - 1];
    const double scale = (l + 1 == widths_.size() ? last_scale : 1.0) *
                         std::sqrt(3.0 / static_cast<double>(widths_[l - 1]));
    for (Index i = 0; i < weights; ++i) p[i] = scale * (2 * p[i] - 1);
    for (Index i = 0; i < widths_[l]; ++i) p[weights + i] = 0;
    p += weights + widths_[l];
  }
}

const Matrix& Mlp::forward(std::span<const double> params, const Matrix& x, Tape& tape) const {
  VINCI_CHECK(static_cast<Index>(params.size()) == num_params_ && x.rows() == num_inputs());
  tape.resize(widths_.size());
  tape[0] = x;
  const double* p = params.data();
  for (size_t l = 1; l < widths_.size(); ++l) {
    const Eigen::Map<const Matrix> weights(p, widths_[l], widths_[l - 1]);
    const Eigen::Map<const Vector> bias(p + weights.size(), widths_[l]);
    tape[l].resize(weights.rows(), x.cols());
    tape[l].colwise() = bias;
    product(weights.rows(), weights.cols(), weights.data(), weights.cols(), 1, tape[l - 1],
            tape[l].data(), x.cols(), true);
    if (l + 1 < widths_.size()) activate(hidden_, tape[l]);
    p += weights.size() + bias.size();
  }
  return tape.back();
}

void Mlp::backward(std::span<const double> params, const Tape& tape, const Matrix& adjoint,
                   Matrix* adjoint_x, std::span<double> gradient) const {
  VINCI_CHECK(static_cast<Index>(gradient.size()) == num_params_ && tape.size() == widths_.size());
  Matrix delta = adjoint, below, input;
  Index offset = num_params_;
  for (size_t l = widths_.size() - 1; l >= 1; --l) {
    offset -= widths_[l] * (widths_[l - 1] + 1);
    const Eigen::Map<const Matrix> weights(params.data() + offset, widths_[l], widths_[l - 1]);
    Eigen::Map<Matrix> weights_gradient(gradient.data() + offset, widths_[l], widths_[l - 1]);
    Eigen::Map<Vector> bias_gradient(gradient.data() + offset + weights.size(), widths_[l]);
    input = tape[l - 1].transpose();
    product(weights.rows(), delta.cols(), delta.data(), delta.cols(), 1, input,
            weights_gradient.data(), weights.cols(), true);
    bias_gradient += delta.rowwise().sum();
    if (l == 1 && adjoint_x == nullptr) break;
    below.resize(weights.cols(), delta.cols());
    product(weights.cols(), weights.rows(), weights.data(), 1, weights.cols(), delta, below.data(),
            delta.cols(), false);
    if (l > 1) scale_by_derivative(hidden_, tape[l - 1], below);
    std::swap(delta, below);
  }
  if (adjoint_x != nullptr) *adjoint_x = std::move(delta);
}

}  // namespace vinci::infer
