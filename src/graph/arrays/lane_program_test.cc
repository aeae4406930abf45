// LaneProgram: every operation on every instruction set against the scalar reference.
#include "graph/arrays/lane_program.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace vinci::graph {
namespace {

constexpr int kLanes = LaneProgram::kLanes;

constexpr Op kOps[] = {
#define VINCI_OP(Name, text, arity) Op::k##Name,
#include "graph/ops.def"
#undef VINCI_OP
};

void expect_as_reference(Op op, const std::vector<double>& base, int* checked) {
  Graph graph;
  std::vector<Scalar> x;
  for (size_t k = 0; k < base.size(); ++k) x.push_back(graph.parameter(static_cast<int>(k)));
  const std::vector<Scalar> y = {graph.rebuild(op, x)};
  const LaneProgram program(graph, y, 1);
  LaneProgram::Memory memory = program.memory();
  std::vector<double> in(base.size() * kLanes);
  for (size_t k = 0; k < base.size(); ++k)
    for (size_t l = 0; l < kLanes; ++l)
      in[k * kLanes + l] = base[k] * (1 + 0.01 * static_cast<double>(l));
  std::array<double, kLanes> out{}, weight{};
  program.evaluate(in.data(), out.data(), memory);
  weight.fill(0.5);
  std::vector<double> adjoint(in.size(), 0.0);
  program.pull_back(weight.data(), adjoint.data(), memory);
  for (size_t l = 0; l < kLanes; ++l) {
    std::vector<double> at, partial(base.size(), 0.0);
    for (size_t k = 0; k < base.size(); ++k) at.push_back(in[k * kLanes + l]);
    const double value = reference_value(op, at);
    if (!std::isfinite(value)) continue;
    reference_partials(op, at, value, partial);
    EXPECT_NEAR(out[l], value, 1e-12 * (1 + std::abs(value))) << op_name(op);
    for (size_t k = 0; k < base.size(); ++k) {
      EXPECT_NEAR(adjoint[k * kLanes + l], 0.5 * partial[k], 1e-11 * (1 + std::abs(partial[k])))
          << op_name(op) << " operand " << k;
    }
    ++*checked;
  }
}

TEST(LaneProgram, OperationsMeetTheReferenceOnAllTargets) {
  const auto before = numeric::simd_target();
  for (const auto target :
       {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2, numeric::SimdTarget::kAvx512}) {
    if (!numeric::set_simd_target(target)) continue;
    for (const Op op : kOps) {
      if (op == Op::kPick) continue;  // no plan has any
      int checked = 0;
      if (op_arity(op) == 1) {
        for (const double x : {0.3, -0.4, 1.7}) expect_as_reference(op, {x}, &checked);
      } else if (op_arity(op) == 2) {
        expect_as_reference(op, {1.3, 0.4}, &checked);
        expect_as_reference(op, {0.2, 2.1}, &checked);
      } else if (op_arity(op) == 3) {
        expect_as_reference(op, {1.2, 2.3, 0.4}, &checked);
      } else if (op == Op::kDot || op == Op::kLogSumExp) {
        expect_as_reference(op, {1.2, 2.3, 0.4, -0.7}, &checked);
      } else {
        continue;
      }
      EXPECT_GT(checked, 0) << op_name(op);
    }
  }
  numeric::set_simd_target(before);
}

TEST(LaneProgram, ArrayFunctionsAndFixedPartsKeepTheirAdjoints) {
  // a + e^b a^2, b fixed; outputs that are an input, a constant and a shared node.
  Graph g;
  const Scalar a = g.parameter(0), b = g.parameter(1);
  const Scalar y = g.add(a, g.mul(g.exp(b), g.square(a)));
  const LaneProgram program(g, {y, a, 2.5, y}, 1);
  EXPECT_EQ(program.code().num_fixed, 1);
  LaneProgram::Memory memory = program.memory();
  std::array<double, 2 * kLanes> in{}, adjoint{};
  std::array<double, 4 * kLanes> out{}, weight{};
  for (size_t l = 0; l < kLanes; ++l) {
    in[l] = 0.5 + 0.1 * static_cast<double>(l);
    in[kLanes + l] = -0.2;
    weight[l] = 1;
    weight[kLanes + l] = 3;
    weight[2 * kLanes + l] = 100;
    weight[3 * kLanes + l] = 2;
  }
  program.evaluate(in.data(), out.data(), memory);
  program.pull_back(weight.data(), adjoint.data(), memory);
  for (size_t l = 0; l < kLanes; ++l) {
    const double x = in[l], e = std::exp(-0.2);
    EXPECT_NEAR(out[l], x + e * x * x, 1e-14);
    EXPECT_EQ(out[2 * kLanes + l], 2.5);
    EXPECT_NEAR(adjoint[l], 3 * (1 + 2 * e * x) + 3, 1e-13);
    EXPECT_NEAR(adjoint[kLanes + l], 3 * e * x * x, 1e-13);
  }
}

}  // namespace
}  // namespace vinci::graph
