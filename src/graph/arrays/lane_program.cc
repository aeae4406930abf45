#include "graph/arrays/lane_program.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace vinci::graph {
namespace {

constexpr int kLanes = LaneProgram::kLanes;

template <class F>
void each(F f) {
  for (int lane = 0; lane < kLanes; ++lane) f(lane);
}

}  // namespace

LaneProgram::LaneProgram(const Graph& graph, std::vector<Scalar> outputs)
    : num_inputs_(graph.num_parameters()) {
  const std::span<const Node> nodes = graph.nodes();
  std::vector<char> needed(nodes.size(), 0);
  const auto mark = [&](Operand o) {
    if (!o.is_constant()) needed[static_cast<size_t>(o.node_index())] = 1;
  };
  for (const Scalar& s : outputs)
    if (!s.is_constant()) needed[static_cast<size_t>(s.index())] = 1;
  for (const Guard& guard : graph.guards()) needed[static_cast<size_t>(guard.node)] = 1;
  for (size_t k = nodes.size(); k-- > 0;) {
    if (!needed[k]) continue;
    if (nodes[k].op == Op::kElement) {
      const ArrayCall& call = graph.array_calls()[static_cast<size_t>(nodes[k].array)];
      for (Operand o : call.inputs) mark(o);
    } else if (nodes[k].op != Op::kParameter) {
      for (Operand o : graph.operands(nodes[k])) mark(o);
    }
  }

  // Constants get the first slots, as they are met; nodes follow.
  std::vector<int32_t> slot_of(nodes.size(), -1);
  const auto constant_slot = [&](double x) {
    for (size_t k = 0; k < constants_.size(); ++k)
      if (std::memcmp(&constants_[k], &x, sizeof x) == 0) return static_cast<int32_t>(k);
    constants_.push_back(x);
    return static_cast<int32_t>(constants_.size() - 1);
  };
  for (size_t k = 0; k < nodes.size(); ++k) {
    if (!needed[k] || nodes[k].op == Op::kParameter) continue;
    const auto operands = nodes[k].op == Op::kElement
                              ? std::span<const Operand>(
                                    graph.array_calls()[static_cast<size_t>(nodes[k].array)].inputs)
                              : graph.operands(nodes[k]);
    for (Operand o : operands)
      if (o.is_constant()) constant_slot(graph.constant(o));
  }
  for (const Scalar& s : outputs)
    if (s.is_constant()) constant_slot(s.constant());
  num_slots_ = static_cast<int32_t>(constants_.size());
  const auto slot = [&](Operand o) {
    return o.is_constant() ? constant_slot(graph.constant(o))
                           : slot_of[static_cast<size_t>(o.node_index())];
  };
  std::vector<char> array_done(graph.array_calls().size(), 0);
  for (size_t k = 0; k < nodes.size(); ++k) {
    const Node& node = nodes[k];
    if (node.op == Op::kElement) {
      const auto which = static_cast<size_t>(node.array);
      const ArrayCall& call = graph.array_calls()[which];
      const bool any = std::any_of(call.outputs.begin(), call.outputs.end(), [&](NodeIndex n) {
        return needed[static_cast<size_t>(n)] != 0;
      });
      if (array_done[which] || !any) continue;
      array_done[which] = 1;
      Array array{call.function, {}, {}, scratch_size_};
      for (Operand o : call.inputs) array.inputs.push_back(slot(o));
      for (NodeIndex n : call.outputs) {
        slot_of[static_cast<size_t>(n)] = num_slots_;
        array.outputs.push_back(num_slots_++);
      }
      scratch_size_ += call.function->scratch_size();
      instructions_.push_back({Op::kElement, static_cast<int32_t>(arrays_.size()), 0, 0});
      arrays_.push_back(std::move(array));
      continue;
    }
    if (!needed[k]) continue;
    slot_of[k] = num_slots_++;
    if (node.op == Op::kParameter) {
      inputs_.emplace_back(static_cast<int32_t>(node.first_operand), slot_of[k]);
      continue;
    }
    Instruction instruction{node.op, slot_of[k], static_cast<int32_t>(operands_.size()), 0};
    for (Operand o : graph.operands(node)) operands_.push_back(slot(o));
    instruction.count = static_cast<int32_t>(operands_.size()) - instruction.first;
    instructions_.push_back(instruction);
  }
  for (const Scalar& s : outputs)
    outputs_.push_back(s.is_constant() ? constant_slot(s.constant())
                                       : slot_of[static_cast<size_t>(s.index())]);
  for (const Guard& guard : graph.guards())
    checks_.push_back({guard.kind, slot_of[static_cast<size_t>(guard.node)]});
}

bool LaneProgram::equals(const LaneProgram& other) const {
  if (num_inputs_ != other.num_inputs_ || constants_.size() != other.constants_.size() ||
      inputs_ != other.inputs_ || instructions_ != other.instructions_ ||
      operands_ != other.operands_ || outputs_ != other.outputs_ ||
      arrays_.size() != other.arrays_.size() || checks_.size() != other.checks_.size())
    return false;
  if (!constants_.empty() && std::memcmp(constants_.data(), other.constants_.data(),
                                         constants_.size() * sizeof(double)) != 0)
    return false;
  for (size_t k = 0; k < arrays_.size(); ++k)
    if (arrays_[k].inputs != other.arrays_[k].inputs ||
        arrays_[k].outputs != other.arrays_[k].outputs ||
        !arrays_[k].function->equals(*other.arrays_[k].function))
      return false;
  for (size_t k = 0; k < checks_.size(); ++k)
    if (checks_[k].kind != other.checks_[k].kind || checks_[k].slot != other.checks_[k].slot)
      return false;
  return true;
}

LaneProgram::Memory LaneProgram::memory() const {
  Memory m;
  m.values.resize(static_cast<size_t>(num_slots_) * kLanes);
  m.adjoints.resize(m.values.size());
  m.scratch.resize(static_cast<size_t>(scratch_size_) * kLanes);
  for (size_t k = 0; k < constants_.size(); ++k)
    std::fill_n(&m.values[k * kLanes], kLanes, constants_[k]);
  return m;
}

void LaneProgram::evaluate(const double* in, double* out, Memory& memory) const {
  double* values = memory.values.data();
  const auto row = [&](int32_t slot) { return values + static_cast<ptrdiff_t>(slot) * kLanes; };
  for (const auto& [coordinate, slot] : inputs_)
    std::copy_n(in + coordinate * kLanes, kLanes, row(slot));
  std::vector<const double*> array_in;
  std::vector<double*> array_out;
  std::vector<double> x;
  for (const Instruction& i : instructions_) {
    const int32_t* o = operands_.data() + i.first;
    if (i.op == Op::kElement) {
      const Array& array = arrays_[static_cast<size_t>(i.result)];
      array_in.clear();
      array_out.clear();
      for (int32_t s : array.inputs) array_in.push_back(row(s));
      for (int32_t s : array.outputs) array_out.push_back(row(s));
      array.function->forward(array_in.data(), array_out.data(),
                              memory.scratch.data() + array.scratch * kLanes, kLanes);
      continue;
    }
    double* r = row(i.result);
    switch (i.op) {
      case Op::kLinComb: {
        const double* c0 = row(o[0]);
        each([&](int l) { r[l] = c0[l]; });
        for (int32_t k = 1; k < i.count; k += 2) {
          const double* c = row(o[k]);
          const double* v = row(o[k + 1]);
          each([&](int l) { r[l] += c[l] * v[l]; });
        }
        break;
      }
      case Op::kDot: {
        each([&](int l) { r[l] = 0; });
        for (int32_t k = 0; k < i.count; k += 2) {
          const double* a = row(o[k]);
          const double* b = row(o[k + 1]);
          each([&](int l) { r[l] += a[l] * b[l]; });
        }
        break;
      }
      case Op::kMul: {
        const double* a = row(o[0]);
        const double* b = row(o[1]);
        each([&](int l) { r[l] = a[l] * b[l]; });
        break;
      }
      case Op::kDiv: {
        const double* a = row(o[0]);
        const double* b = row(o[1]);
        each([&](int l) { r[l] = a[l] / b[l]; });
        break;
      }
      case Op::kSquare: {
        const double* a = row(o[0]);
        each([&](int l) { r[l] = a[l] * a[l]; });
        break;
      }
      case Op::kInv: {
        const double* a = row(o[0]);
        each([&](int l) { r[l] = 1 / a[l]; });
        break;
      }
      case Op::kExp: {
        const double* a = row(o[0]);
        each([&](int l) { r[l] = std::exp(a[l]); });
        break;
      }
      default:
        x.resize(static_cast<size_t>(i.count));
        each([&](int l) {
          for (int32_t k = 0; k < i.count; ++k) x[static_cast<size_t>(k)] = row(o[k])[l];
          r[l] = reference_value(i.op, x);
        });
    }
  }
  for (size_t k = 0; k < outputs_.size(); ++k)
    std::copy_n(row(outputs_[k]), kLanes, out + k * kLanes);
  for (const Check& check : checks_)
    each([&](int l) {
      if (holds(check.kind, row(check.slot)[l])) return;
      for (size_t k = 0; k < outputs_.size(); ++k)
        out[k * kLanes + static_cast<size_t>(l)] = std::numeric_limits<double>::quiet_NaN();
    });
}

void LaneProgram::reverse(const Instruction& i, double* values, double* adjoints) const {
  const int32_t* o = operands_.data() + i.first;
  const auto row = [&](int32_t slot) { return values + static_cast<ptrdiff_t>(slot) * kLanes; };
  const auto bar = [&](int32_t slot) { return adjoints + static_cast<ptrdiff_t>(slot) * kLanes; };
  const double* g = bar(i.result);
  const double* r = row(i.result);
  switch (i.op) {
    case Op::kLinComb:
      for (int32_t k = 1; k < i.count; k += 2) {
        const double* c = row(o[k]);
        double* b = bar(o[k + 1]);
        each([&](int l) { b[l] += g[l] * c[l]; });
      }
      return;
    case Op::kDot:
    case Op::kMul:
      for (int32_t k = 0; k < i.count; k += 2) {
        const double* a = row(o[k]);
        const double* b = row(o[k + 1]);
        double* a_bar = bar(o[k]);
        double* b_bar = bar(o[k + 1]);
        each([&](int l) { a_bar[l] += g[l] * b[l]; });
        each([&](int l) { b_bar[l] += g[l] * a[l]; });
      }
      return;
    case Op::kDiv: {
      const double* b = row(o[1]);
      double* a_bar = bar(o[0]);
      double* b_bar = bar(o[1]);
      each([&](int l) { a_bar[l] += g[l] / b[l]; });
      each([&](int l) { b_bar[l] -= g[l] * r[l] / b[l]; });
      return;
    }
    case Op::kSquare: {
      const double* a = row(o[0]);
      double* a_bar = bar(o[0]);
      each([&](int l) { a_bar[l] += 2 * g[l] * a[l]; });
      return;
    }
    case Op::kInv: {
      double* a_bar = bar(o[0]);
      each([&](int l) { a_bar[l] -= g[l] * r[l] * r[l]; });
      return;
    }
    case Op::kExp: {
      double* a_bar = bar(o[0]);
      each([&](int l) { a_bar[l] += g[l] * r[l]; });
      return;
    }
    default: {
      std::vector<double> x(static_cast<size_t>(i.count)), d(x.size());
      each([&](int l) {
        if (g[l] == 0) return;  // an infinite derivative of what nobody reads stays out
        for (int32_t k = 0; k < i.count; ++k) x[static_cast<size_t>(k)] = row(o[k])[l];
        std::fill(d.begin(), d.end(), 0.0);
        reference_partials(i.op, x, r[l], d);
        for (int32_t k = 0; k < i.count; ++k) bar(o[k])[l] += g[l] * d[static_cast<size_t>(k)];
      });
    }
  }
}

void LaneProgram::pull_back(const double* adjoint_out, double* adjoint_in, Memory& memory) const {
  double* values = memory.values.data();
  double* adjoints = memory.adjoints.data();
  std::fill(memory.adjoints.begin(), memory.adjoints.end(), 0.0);
  const auto row = [&](int32_t slot) { return values + static_cast<ptrdiff_t>(slot) * kLanes; };
  const auto bar = [&](int32_t slot) { return adjoints + static_cast<ptrdiff_t>(slot) * kLanes; };
  for (size_t k = 0; k < outputs_.size(); ++k) {
    double* b = bar(outputs_[k]);
    each([&](int l) { b[l] += adjoint_out[k * kLanes + static_cast<size_t>(l)]; });
  }
  for (size_t k = instructions_.size(); k-- > 0;) {
    const Instruction& i = instructions_[k];
    if (i.op != Op::kElement) {
      reverse(i, values, adjoints);
      continue;
    }
    const Array& array = arrays_[static_cast<size_t>(i.result)];
    std::vector<const double*> in, out, out_bar;
    std::vector<double*> in_bar;
    for (int32_t s : array.inputs) {
      in.push_back(row(s));
      in_bar.push_back(s < static_cast<int32_t>(constants_.size()) ? nullptr : bar(s));
    }
    for (int32_t s : array.outputs) {
      out.push_back(row(s));
      out_bar.push_back(bar(s));
    }
    array.function->reverse(in.data(), out.data(), out_bar.data(), in_bar.data(),
                            memory.scratch.data() + array.scratch * kLanes, kLanes);
  }
  for (const auto& [coordinate, slot] : inputs_) {
    const double* b = bar(slot);
    each([&](int l) { adjoint_in[coordinate * kLanes + l] += b[l]; });
  }
}

}  // namespace vinci::graph
