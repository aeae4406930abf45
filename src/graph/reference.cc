// The scalar reference evaluator: one plain C++ expression for each operation and its partial
// derivatives. Slow and simple on purpose; every vector kernel is tested against it.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "graph/graph.h"
#include "numeric/special/special.h"

namespace vinci::graph {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double inv_logit(double x) {
  const double t = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + t) : t / (1 + t);
}

double std_normal_pdf(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

}  // namespace

double reference_value(Op op, std::span<const double> x) {
  namespace nm = vinci::numeric;
  switch (op) {
    case Op::kExp:
      return std::exp(x[0]);
    case Op::kLog:
      return std::log(x[0]);
    case Op::kLog1p:
      return std::log1p(x[0]);
    case Op::kExpm1:
      return std::expm1(x[0]);
    case Op::kSqrt:
      return std::sqrt(x[0]);
    case Op::kSquare:
      return x[0] * x[0];
    case Op::kInv:
      return 1 / x[0];
    case Op::kAbs:
      return std::abs(x[0]);
    case Op::kSin:
      return std::sin(x[0]);
    case Op::kCos:
      return std::cos(x[0]);
    case Op::kTan:
      return std::tan(x[0]);
    case Op::kAsin:
      return std::asin(x[0]);
    case Op::kAcos:
      return std::acos(x[0]);
    case Op::kAtan:
      return std::atan(x[0]);
    case Op::kSinh:
      return std::sinh(x[0]);
    case Op::kCosh:
      return std::cosh(x[0]);
    case Op::kTanh:
      return std::tanh(x[0]);
    case Op::kAsinh:
      return std::asinh(x[0]);
    case Op::kAcosh:
      return std::acosh(x[0]);
    case Op::kAtanh:
      return std::atanh(x[0]);
    case Op::kCbrt:
      return std::cbrt(x[0]);
    case Op::kFloor:
      return std::floor(x[0]);
    case Op::kCeil:
      return std::ceil(x[0]);
    case Op::kRound:
      return std::round(x[0]);
    case Op::kTrunc:
      return std::trunc(x[0]);
    case Op::kInvLogit:
      return inv_logit(x[0]);
    case Op::kLog1pExp:
      return std::max(x[0], 0.0) + std::log1p(std::exp(-std::abs(x[0])));
    case Op::kLog1mExp:  // the branch point -log 2 loses least  [Maechler 2012, Rmpfr note]
      if (x[0] > 0) return kNaN;
      return x[0] > -std::numbers::ln2 ? std::log(-std::expm1(x[0])) : std::log1p(-std::exp(x[0]));
    case Op::kLgamma:
      return nm::lgamma(x[0]);
    case Op::kDigamma:
      return nm::digamma(x[0]);
    case Op::kTrigamma:
      return nm::trigamma(x[0]);
    case Op::kErf:
      return std::erf(x[0]);
    case Op::kErfc:
      return std::erfc(x[0]);
    case Op::kStdNormalCdf:
      return 0.5 * std::erfc(-x[0] / std::numbers::sqrt2);
    case Op::kStdNormalLcdf:
      return nm::std_normal_lcdf(x[0]);
    case Op::kStdNormalQuantile:
      return nm::std_normal_quantile(x[0]);
    case Op::kMul:
      return x[0] * x[1];
    case Op::kDiv:
      return x[0] / x[1];
    case Op::kPow:
      return std::pow(x[0], x[1]);
    case Op::kAtan2:
      return std::atan2(x[0], x[1]);
    case Op::kHypot:
      return std::hypot(x[0], x[1]);
    case Op::kFmin:
      return std::fmin(x[0], x[1]);
    case Op::kFmax:
      return std::fmax(x[0], x[1]);
    case Op::kFmod:
      return std::fmod(x[0], x[1]);
    case Op::kLogDiffExp:
      if (x[1] == -kInf) return x[0];
      return x[0] + reference_value(Op::kLog1mExp, std::array{x[1] - x[0]});
    case Op::kBesselI:
      return nm::bessel_i(x[0], x[1]);
    case Op::kBesselK:
      return nm::bessel_k(x[0], x[1]);
    case Op::kBesselJ:
      return nm::bessel_j(x[0], x[1]);
    case Op::kBesselY:
      return nm::bessel_y(x[0], x[1]);
    case Op::kLogBesselI:
      return nm::log_bessel_i(x[0], x[1]);
    case Op::kOwensT:
      return nm::owens_t(x[0], x[1]);
    case Op::kGammaP:
      return nm::gamma_p(x[0], x[1]);
    case Op::kGammaQ:
      return nm::gamma_q(x[0], x[1]);
    case Op::kLess:
      return x[0] < x[1] ? 1 : 0;
    case Op::kLessEqual:
      return x[0] <= x[1] ? 1 : 0;
    case Op::kEqual:
      return x[0] == x[1] ? 1 : 0;
    case Op::kNormalKernel: {
      const double z = (x[0] - x[1]) * x[2];
      return -0.5 * z * z;
    }
    case Op::kSelect:
      return x[0] != 0 ? x[1] : x[2];
    case Op::kIncBeta:
      return nm::inc_beta(x[0], x[1], x[2]);
    case Op::kLogIncBeta:
      return nm::log_inc_beta(x[0], x[1], x[2]);
    case Op::kLinComb: {
      double sum = x[0];
      for (size_t k = 1; k + 1 < x.size(); k += 2) sum += x[k] * x[k + 1];
      return sum;
    }
    case Op::kDot: {
      double sum = 0;
      for (size_t k = 0; k + 1 < x.size(); k += 2) sum += x[k] * x[k + 1];
      return sum;
    }
    case Op::kLogSumExp:
      return numeric::log_sum_exp(x);
    case Op::kTable:  // what it holds is read through picks
      return 0;
    case Op::kPick:
    case Op::kParameter:
    case Op::kDiscrete:
    case Op::kElement:
      break;
  }
  VINCI_CHECK(false);
}

void reference_partials(Op op, std::span<const double> x, double y, std::span<double> d) {
  namespace nm = vinci::numeric;
  switch (op) {
    case Op::kExp:
      d[0] = y;
      return;
    case Op::kLog:
      d[0] = 1 / x[0];
      return;
    case Op::kLog1p:
      d[0] = 1 / (1 + x[0]);
      return;
    case Op::kExpm1:
      d[0] = y + 1;
      return;
    case Op::kSqrt:
      d[0] = 0.5 / y;
      return;
    case Op::kSquare:
      d[0] = 2 * x[0];
      return;
    case Op::kInv:
      d[0] = -y * y;
      return;
    case Op::kAbs:
      d[0] = x[0] > 0 ? 1 : x[0] < 0 ? -1 : 0;
      return;
    case Op::kSin:
      d[0] = std::cos(x[0]);
      return;
    case Op::kCos:
      d[0] = -std::sin(x[0]);
      return;
    case Op::kTan:
      d[0] = 1 + y * y;
      return;
    case Op::kAsin:
      d[0] = 1 / std::sqrt(1 - x[0] * x[0]);
      return;
    case Op::kAcos:
      d[0] = -1 / std::sqrt(1 - x[0] * x[0]);
      return;
    case Op::kAtan:
      d[0] = 1 / (1 + x[0] * x[0]);
      return;
    case Op::kSinh:
      d[0] = std::cosh(x[0]);
      return;
    case Op::kCosh:
      d[0] = std::sinh(x[0]);
      return;
    case Op::kTanh:
      d[0] = 1 - y * y;
      return;
    case Op::kAsinh:
      d[0] = 1 / std::sqrt(1 + x[0] * x[0]);
      return;
    case Op::kAcosh:
      d[0] = 1 / std::sqrt(x[0] * x[0] - 1);
      return;
    case Op::kAtanh:
      d[0] = 1 / (1 - x[0] * x[0]);
      return;
    case Op::kCbrt:
      d[0] = 1 / (3 * y * y);
      return;
    case Op::kFloor:
    case Op::kCeil:
    case Op::kRound:
    case Op::kTrunc:
      d[0] = 0;
      return;
    case Op::kInvLogit:
      d[0] = y * inv_logit(-x[0]);
      return;
    case Op::kLog1pExp:
      d[0] = inv_logit(x[0]);
      return;
    case Op::kLog1mExp:  // -e^x / (1 - e^x)
      d[0] = -std::exp(x[0] - y);
      return;
    case Op::kLgamma:
      d[0] = nm::digamma(x[0]);
      return;
    case Op::kDigamma:
      d[0] = nm::trigamma(x[0]);
      return;
    case Op::kTrigamma:
      d[0] = nm::tetragamma(x[0]);
      return;
    case Op::kErf:
      d[0] = 2 / std::sqrt(std::numbers::pi) * std::exp(-x[0] * x[0]);
      return;
    case Op::kErfc:
      d[0] = -2 / std::sqrt(std::numbers::pi) * std::exp(-x[0] * x[0]);
      return;
    case Op::kStdNormalCdf:
      d[0] = std_normal_pdf(x[0]);
      return;
    case Op::kStdNormalLcdf:
      d[0] = nm::std_normal_lcdf_derivative(x[0]);
      return;
    case Op::kStdNormalQuantile:
      d[0] = 1 / std_normal_pdf(y);
      return;
    case Op::kMul:
      d[0] = x[1];
      d[1] = x[0];
      return;
    case Op::kDiv:
      d[0] = 1 / x[1];
      d[1] = -y / x[1];
      return;
    case Op::kPow:
      d[0] = x[1] == 0 ? 0 : x[1] * std::pow(x[0], x[1] - 1);
      d[1] = x[0] == 0 ? 0 : y * std::log(x[0]);
      return;
    case Op::kAtan2: {
      const double r2 = x[0] * x[0] + x[1] * x[1];
      d[0] = x[1] / r2;
      d[1] = -x[0] / r2;
      return;
    }
    case Op::kHypot:
      d[0] = x[0] / y;
      d[1] = x[1] / y;
      return;
    case Op::kFmin:
      d[0] = x[0] <= x[1] ? 1 : 0;
      d[1] = 1 - d[0];
      return;
    case Op::kFmax:
      d[0] = x[0] >= x[1] ? 1 : 0;
      d[1] = 1 - d[0];
      return;
    case Op::kFmod:
      d[0] = 1;
      d[1] = -std::trunc(x[0] / x[1]);
      return;
    case Op::kLogDiffExp:
      d[0] = std::exp(x[0] - y);
      d[1] = -std::exp(x[1] - y);
      return;
    case Op::kBesselI:
      d[0] = 0;
      d[1] = nm::bessel_i_derivative(x[0], x[1]);
      return;
    case Op::kBesselK:
      d[0] = 0;
      d[1] = nm::bessel_k_derivative(x[0], x[1]);
      return;
    case Op::kBesselJ:
      d[0] = 0;
      d[1] = nm::bessel_j_derivative(x[0], x[1]);
      return;
    case Op::kBesselY:
      d[0] = 0;
      d[1] = nm::bessel_y_derivative(x[0], x[1]);
      return;
    case Op::kLogBesselI:
      d[0] = 0;
      d[1] = nm::log_bessel_i_derivative(x[0], x[1]);
      return;
    case Op::kOwensT:
      nm::owens_t_partials(x[0], x[1], &d[0], &d[1]);
      return;
    case Op::kGammaP:
      nm::gamma_p_partials(x[0], x[1], &d[0], &d[1]);
      return;
    case Op::kGammaQ:
      nm::gamma_p_partials(x[0], x[1], &d[0], &d[1]);
      d[0] = -d[0];
      d[1] = -d[1];
      return;
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kEqual:
      d[0] = 0;
      d[1] = 0;
      return;
    case Op::kNormalKernel: {
      const double z = (x[0] - x[1]) * x[2];
      d[0] = -z * x[2];
      d[1] = z * x[2];
      d[2] = -z * (x[0] - x[1]);
      return;
    }
    case Op::kSelect:
      d[0] = 0;
      d[1] = x[0] != 0 ? 1 : 0;
      d[2] = 1 - d[1];
      return;
    case Op::kIncBeta:
      nm::inc_beta_partials(x[0], x[1], x[2], d.data());
      return;
    case Op::kLogIncBeta:
      nm::log_inc_beta_partials(x[0], x[1], x[2], d.data());
      return;
    case Op::kLinComb:
      d[0] = 1;
      for (size_t k = 1; k + 1 < x.size(); k += 2) {
        d[k] = x[k + 1];
        d[k + 1] = x[k];
      }
      return;
    case Op::kDot:
      for (size_t k = 0; k + 1 < x.size(); k += 2) {
        d[k] = x[k + 1];
        d[k + 1] = x[k];
      }
      return;
    case Op::kLogSumExp:
      for (size_t k = 0; k < x.size(); ++k) d[k] = y == -kInf ? 0 : std::exp(x[k] - y);
      return;
    case Op::kTable:
      std::fill(d.begin(), d.end(), 0.0);
      return;
    case Op::kPick:
    case Op::kParameter:
    case Op::kDiscrete:
    case Op::kElement:
      break;
  }
  VINCI_CHECK(false);
}

ReferenceResult reference_evaluate(const Graph& graph, std::span<const double> theta_unc,
                                   std::span<const Scalar> outputs,
                                   std::span<const double> states) {
  constexpr int kLanes = 8;  // array functions take rows of lanes: the point is copied into all
  const auto n = graph.nodes().size();
  std::vector<double> value(n);
  std::vector<double> adjoint(n, 0.0);
  std::vector<double> x;
  std::vector<double> d;

  struct CallState {
    bool done = false;
    std::vector<double> in, out, scratch;
  };
  std::vector<CallState> calls(graph.array_calls().size());
  const auto read = [&](Operand o) {
    return o.is_constant() ? graph.constant(o) : value[static_cast<size_t>(o.node_index())];
  };
  const auto rows = [](std::vector<double>& block, size_t count) {
    std::vector<double*> result(count);
    for (size_t k = 0; k < count; ++k) result[k] = block.data() + k * kLanes;
    return result;
  };

  const auto picked = [&](const Node& pick, double index) -> const Operand* {
    const auto elements = graph.pick_elements(pick);
    if (!(index >= 1 && index <= static_cast<double>(elements.size()))) return nullptr;
    return &elements[static_cast<size_t>(index) - 1];
  };

  for (size_t i = 0; i < n; ++i) {
    const Node& node = graph.nodes()[i];
    if (node.op == Op::kParameter) {
      value[i] = theta_unc[node.first_operand];
    } else if (node.op == Op::kDiscrete) {
      VINCI_CHECK(node.first_operand < states.size());
      value[i] = states[node.first_operand];
    } else if (node.op == Op::kPick) {
      const Operand* chosen = picked(node, read(graph.operands(node)[0]));
      value[i] = chosen != nullptr ? read(*chosen) : kNaN;
    } else if (node.op == Op::kElement) {
      const ArrayCall& call = graph.array_calls()[static_cast<size_t>(node.array)];
      CallState& state = calls[static_cast<size_t>(node.array)];
      if (!state.done) {
        state.done = true;
        for (Operand o : call.inputs) state.in.insert(state.in.end(), kLanes, read(o));
        state.out.resize(call.outputs.size() * kLanes);
        state.scratch.resize(static_cast<size_t>(call.function->scratch_size()) * kLanes);
        auto in = rows(state.in, call.inputs.size());
        auto out = rows(state.out, call.outputs.size());
        call.function->forward(in.data(), out.data(), state.scratch.data(), kLanes);
      }
      value[i] = state.out[node.first_operand * kLanes];
    } else {
      x.clear();
      for (Operand o : graph.operands(node)) x.push_back(read(o));
      value[i] = reference_value(node.op, x);
    }
  }

  ReferenceResult result;
  result.log_density_no_jacobian = graph.constant_term(false);
  double jacobian = graph.constant_term(true);
  for (const Term& t : graph.terms()) {
    const auto i = static_cast<size_t>(t.node);
    (t.is_jacobian ? jacobian : result.log_density_no_jacobian) += t.weight * value[i];
    adjoint[i] += t.weight;
  }
  result.log_density = result.log_density_no_jacobian + jacobian;
  result.gradient.assign(theta_unc.size(), 0.0);
  for (const Scalar& s : outputs) {
    result.outputs.push_back(s.is_constant() ? s.constant()
                                             : value[static_cast<size_t>(s.index())]);
  }
  bool inside = std::isfinite(result.log_density);
  for (const Guard& g : graph.guards()) inside &= holds(g.kind, value[static_cast<size_t>(g.node)]);
  if (!inside) {
    result.log_density = -kInf;
    result.log_density_no_jacobian = -kInf;
    return result;
  }

  std::vector<bool> reversed(calls.size(), false);
  for (size_t i = n; i-- > 0;) {
    const Node& node = graph.nodes()[i];
    if (node.op == Op::kParameter) {
      result.gradient[node.first_operand] = adjoint[i];
    } else if (node.op == Op::kElement) {
      // The outputs of a call are neighbours: at the last of them all adjoints are complete.
      const auto c = static_cast<size_t>(node.array);
      if (node.first_operand != 0 || reversed[c]) continue;
      reversed[c] = true;
      const ArrayCall& call = graph.array_calls()[c];
      CallState& state = calls[c];
      std::vector<double> adjoint_out(call.outputs.size() * kLanes);
      for (size_t k = 0; k < call.outputs.size(); ++k) {
        std::fill_n(&adjoint_out[k * kLanes], kLanes,
                    adjoint[static_cast<size_t>(call.outputs[k])]);
      }
      std::vector<double> adjoint_in(call.inputs.size() * kLanes, 0.0);
      auto in = rows(state.in, call.inputs.size());
      auto out = rows(state.out, call.outputs.size());
      auto d_out = rows(adjoint_out, call.outputs.size());
      auto d_in = rows(adjoint_in, call.inputs.size());
      for (size_t k = 0; k < call.inputs.size(); ++k) {
        if (call.inputs[k].is_constant()) d_in[k] = nullptr;
      }
      call.function->reverse(in.data(), out.data(), d_out.data(), d_in.data(), state.scratch.data(),
                             kLanes);
      for (size_t k = 0; k < call.inputs.size(); ++k) {
        if (call.inputs[k].is_constant()) continue;
        adjoint[static_cast<size_t>(call.inputs[k].node_index())] += adjoint_in[k * kLanes];
      }
    } else if (node.op == Op::kPick) {
      const Operand* chosen = picked(node, read(graph.operands(node)[0]));
      if (chosen != nullptr && !chosen->is_constant()) {
        adjoint[static_cast<size_t>(chosen->node_index())] += adjoint[i];
      }
    } else if (adjoint[i] != 0 && node.op != Op::kDiscrete) {
      const auto ops = graph.operands(node);
      x.clear();
      for (Operand o : ops) x.push_back(read(o));
      d.assign(ops.size(), 0.0);
      reference_partials(node.op, x, value[i], d);
      for (size_t k = 0; k < ops.size(); ++k) {
        if (!ops[k].is_constant()) {
          adjoint[static_cast<size_t>(ops[k].node_index())] += adjoint[i] * d[k];
        }
      }
    }
  }
  return result;
}

}  // namespace vinci::graph
