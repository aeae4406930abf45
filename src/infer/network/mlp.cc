#include "infer/network/mlp.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "numeric/linalg/dense_layer.h"
#include "numeric/special/row_functions.h"

namespace vinci::infer {
namespace {

using numeric::RowFunction;

constexpr double kLeak = 0.01;

/// The slope left of zero that the product applies in passing; 1 where the activation is another.
double leak(Activation a) {
  return a == Activation::kRelu ? 0 : a == Activation::kLeakyRelu ? kLeak : 1;
}

/// What the product has not done yet.
void activate(Activation a, Matrix& x) {
  using namespace numeric;
  if (a == Activation::kTanh) {
    VINCI_SIMD_SELECT(row_function)(RowFunction::tanh, x.data(), nullptr, x.data(), x.size());
  } else if (a == Activation::kSoftplus) {
    VINCI_SIMD_SELECT(row_function)(RowFunction::log1p_exp, x.data(), nullptr, x.data(), x.size());
  }
}

/// adjoint *= a'(input), written in terms of the output a(input).
void scale_by_derivative(Activation a, const Matrix& output, Matrix& adjoint) {
  using namespace numeric;
  switch (a) {
    case Activation::kRelu:
    case Activation::kLeakyRelu:
      VINCI_SIMD_SELECT(leaky_derivative)(leak(a), output.data(), adjoint.data(), output.size());
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
  using namespace numeric;
  const auto product = VINCI_SIMD_SELECT(dense_product);
  tape[0] = x;
  const double* p = params.data();
  for (size_t l = 1; l < widths_.size(); ++l) {
    const Index rows = widths_[l], inner = widths_[l - 1], lanes = x.cols();
    const bool last = l + 1 == widths_.size();
    tape[l].resize(rows, lanes);
    product(rows, inner, p, inner, 1, p + rows * inner, last ? 1 : leak(hidden_),
            tape[l - 1].data(), lanes, tape[l].data(), lanes, lanes);
    if (!last) activate(hidden_, tape[l]);
    p += rows * (inner + 1);
  }
  return tape.back();
}

void Mlp::backward(std::span<const double> params, const Tape& tape, const Matrix& adjoint,
                   Matrix* adjoint_x, std::span<double> gradient) const {
  VINCI_CHECK(gradient.empty() || static_cast<Index>(gradient.size()) == num_params_);
  VINCI_CHECK(tape.size() == widths_.size());
  using namespace numeric;
  const auto product = VINCI_SIMD_SELECT(dense_product);
  const auto outer = VINCI_SIMD_SELECT(dense_outer);
  const Index lanes = adjoint.cols();
  Matrix buffers[2];
  const Matrix* delta = &adjoint;
  Index offset = num_params_;
  for (size_t l = widths_.size() - 1; l >= 1; --l) {
    const Index rows = widths_[l], inner = widths_[l - 1];
    offset -= rows * (inner + 1);
    if (!gradient.empty()) {
      double* g = gradient.data() + offset;
      outer(rows, inner, delta->data(), lanes, tape[l - 1].data(), lanes, g, inner, lanes);
      Eigen::Map<Vector>(g + rows * inner, rows) += delta->rowwise().sum();
    }
    if (l == 1 && adjoint_x == nullptr) break;
    Matrix& below = l == 1 ? *adjoint_x : buffers[l % 2];
    below.resize(inner, lanes);
    product(inner, rows, params.data() + offset, 1, inner, nullptr, 1, delta->data(), lanes,
            below.data(), lanes, lanes);
    if (l > 1) scale_by_derivative(hidden_, tape[l - 1], below);
    delta = &below;
  }
}

}  // namespace vinci::infer
