#include "infer/network/mlp.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vinci::infer {
namespace {

class MlpTest : public testing::TestWithParam<Activation> {};

TEST_P(MlpTest, BackwardEqualsDifferences) {
  const Mlp mlp({3, 5, 4, 2}, GetParam());
  ASSERT_EQ(mlp.num_params(), 5 * 4 + 4 * 6 + 2 * 5);
  std::vector<double> params(static_cast<size_t>(mlp.num_params()));
  mlp.initialise({7, 1}, 1.0, params);
  Matrix x(3, 6), weights(2, 6);
  numeric::fill_normal({7, 2}, 0, 0, 3, 6, x.data(), 6);
  numeric::fill_normal({7, 3}, 0, 0, 2, 6, weights.data(), 6);
  const auto objective = [&](const std::vector<double>& p, const Matrix& at) {
    Mlp::Tape tape;
    return mlp.forward(p, at, tape).cwiseProduct(weights).sum();
  };
  Mlp::Tape tape;
  mlp.forward(params, x, tape);
  std::vector<double> gradient(params.size(), 1.0);  // backward adds
  Matrix adjoint_x;
  mlp.backward(params, tape, weights, &adjoint_x, gradient);
  constexpr double kStep = 1e-6;
  for (size_t i = 0; i < params.size(); ++i) {
    std::vector<double> up = params, down = params;
    up[i] += kStep;
    down[i] -= kStep;
    const double numeric = (objective(up, x) - objective(down, x)) / (2 * kStep);
    EXPECT_NEAR(gradient[i] - 1, numeric, 1e-7 * (1 + std::abs(numeric))) << i;
  }
  for (Index r = 0; r < x.rows(); ++r) {
    Matrix up = x, down = x;
    up(r, 4) += kStep;
    down(r, 4) -= kStep;
    const double numeric = (objective(params, up) - objective(params, down)) / (2 * kStep);
    EXPECT_NEAR(adjoint_x(r, 4), numeric, 1e-7 * (1 + std::abs(numeric)));
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, MlpTest,
                         testing::Values(Activation::kRelu, Activation::kLeakyRelu,
                                         Activation::kTanh, Activation::kSoftplus),
                         [](const auto& test) {
                           switch (test.param) {
                             case Activation::kRelu:
                               return std::string("Relu");
                             case Activation::kLeakyRelu:
                               return std::string("LeakyRelu");
                             case Activation::kTanh:
                               return std::string("Tanh");
                             default:
                               return std::string("Softplus");
                           }
                         });

TEST(Mlp, SmallLastScaleStartsNearZero) {
  const Mlp mlp({4, 8, 3}, Activation::kTanh);
  std::vector<double> params(static_cast<size_t>(mlp.num_params()));
  mlp.initialise({1, 1}, 1e-3, params);
  Mlp::Tape tape;
  const Matrix x = Matrix::Constant(4, 1, 0.7);
  EXPECT_LT(mlp.forward(params, x, tape).cwiseAbs().maxCoeff(), 0.01);
  EXPECT_GT(mlp.forward(params, x, tape).cwiseAbs().maxCoeff(), 0.0);
}

}  // namespace
}  // namespace vinci::infer
