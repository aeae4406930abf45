#include "graph/arrays/lane_program.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vinci::graph {
namespace {

// The vector code knows the kinds of guards by number.
static_assert(static_cast<int>(Guard::Kind::kPositive) == 0 &&
              static_cast<int>(Guard::Kind::kNonNegative) == 1 &&
              static_cast<int>(Guard::Kind::kInUnitInterval) == 2 &&
              static_cast<int>(Guard::Kind::kNonZero) == 3 &&
              static_cast<int>(Guard::Kind::kNotNan) == 4 &&
              static_cast<int>(Guard::Kind::kNever) == 5);

std::span<const Operand> operands_of(const Graph& graph, const Node& node) {
  if (node.op == Op::kParameter) return {};
  if (node.op == Op::kElement) return graph.array_calls()[static_cast<size_t>(node.array)].inputs;
  return graph.operands(node);
}

}  // namespace

AlignedRows::AlignedRows(size_t size)
    : data_(static_cast<double*>(
          ::operator new(std::max<size_t>(size, 1) * sizeof(double), std::align_val_t{64}))),
      size_(size) {
  std::fill_n(data_.get(), size, 0.0);
}

LaneProgram::LaneProgram(const Graph& graph, const std::vector<Scalar>& outputs,
                         int num_varying_inputs) {
  const std::span<const Node> nodes = graph.nodes();
  // needed; varying: depends on an input that changes between evaluations.
  std::vector<char> needed(nodes.size(), 0), varying(nodes.size(), 0);
  for (const Scalar& s : outputs)
    if (!s.is_constant()) needed[static_cast<size_t>(s.index())] = 1;
  for (const Guard& guard : graph.guards()) needed[static_cast<size_t>(guard.node)] = 1;
  for (size_t k = nodes.size(); k-- > 0;) {
    if (!needed[k]) continue;
    for (Operand o : operands_of(graph, nodes[k]))
      if (!o.is_constant()) needed[static_cast<size_t>(o.node_index())] = 1;
    // The outputs of a call are computed together.
    if (nodes[k].op == Op::kElement)
      for (NodeIndex n : graph.array_calls()[static_cast<size_t>(nodes[k].array)].outputs)
        needed[static_cast<size_t>(n)] = 1;
  }
  const auto constant_slot = [&](double x) {
    for (size_t k = 0; k < constants_.size(); ++k)
      if (std::memcmp(&constants_[k], &x, sizeof x) == 0) return static_cast<int32_t>(k);
    constants_.push_back(x);
    return static_cast<int32_t>(constants_.size() - 1);
  };
  for (size_t k = 0; k < nodes.size(); ++k) {
    if (nodes[k].op == Op::kParameter)
      varying[k] = static_cast<int>(nodes[k].first_operand) < num_varying_inputs;
    if (!needed[k]) continue;
    for (Operand o : operands_of(graph, nodes[k])) {
      if (o.is_constant()) {
        constant_slot(graph.constant(o));
      } else {
        varying[k] = varying[k] || varying[static_cast<size_t>(o.node_index())];
      }
    }
  }
  for (const Scalar& s : outputs)
    if (s.is_constant()) constant_slot(s.constant());

  const auto first_input = static_cast<int32_t>(constants_.size());
  int32_t num_slots = first_input + graph.num_parameters();
  std::vector<int32_t> slot_of(nodes.size(), -1);
  const auto slot = [&](Operand o) {
    return o.is_constant() ? constant_slot(graph.constant(o))
                           : slot_of[static_cast<size_t>(o.node_index())];
  };
  std::vector<char> array_done(graph.array_calls().size(), 0);
  for (const bool pass_varies : {false, true}) {
    if (pass_varies) {
      code_.num_fixed = static_cast<int32_t>(instructions_.size());
      code_.first_varying = num_slots;
    }
    for (size_t k = 0; k < nodes.size(); ++k) {
      const Node& node = nodes[k];
      if (node.op == Op::kParameter) {
        slot_of[k] = first_input + static_cast<int32_t>(node.first_operand);
        continue;
      }
      if (!needed[k] || (varying[k] != 0) != pass_varies) continue;
      if (node.op == Op::kElement) {
        const auto which = static_cast<size_t>(node.array);
        if (array_done[which]) continue;
        array_done[which] = 1;
        const ArrayCall& call = graph.array_calls()[which];
        Array array{call.function, {}, {}, scratch_size_};
        for (Operand o : call.inputs) array.inputs.push_back(slot(o));
        for (NodeIndex n : call.outputs) {
          slot_of[static_cast<size_t>(n)] = num_slots;
          array.outputs.push_back(num_slots++);
        }
        scratch_size_ += call.function->scratch_size();
        instructions_.push_back({Op::kElement, static_cast<int32_t>(arrays_.size()), 0, 0});
        arrays_.push_back(std::move(array));
        continue;
      }
      slot_of[k] = num_slots++;
      LaneInstruction instruction{node.op, slot_of[k], static_cast<int32_t>(operands_.size()), 0};
      for (Operand o : graph.operands(node)) operands_.push_back(slot(o));
      instruction.count = static_cast<int32_t>(operands_.size()) - instruction.first;
      instructions_.push_back(instruction);
    }
  }
  for (const Scalar& s : outputs)
    outputs_.push_back(s.is_constant() ? constant_slot(s.constant())
                                       : slot_of[static_cast<size_t>(s.index())]);
  for (const Guard& guard : graph.guards())
    checks_.push_back({static_cast<int32_t>(guard.kind), slot_of[static_cast<size_t>(guard.node)]});

  code_.instructions = instructions_.data();
  code_.num_instructions = static_cast<int32_t>(instructions_.size());
  code_.operands = operands_.data();
  code_.checks = checks_.data();
  code_.num_checks = static_cast<int32_t>(checks_.size());
  code_.outputs = outputs_.data();
  code_.num_outputs = static_cast<int32_t>(outputs_.size());
  code_.first_input = first_input;
  code_.num_varying_inputs = num_varying_inputs;
  code_.num_inputs = graph.num_parameters();
  code_.num_slots = num_slots;
  code_.owner = this;
  code_.forward = forward;
  code_.reverse = reverse;
}

bool LaneProgram::equals(const LaneProgram& other) const {
  if (code_.num_inputs != other.code_.num_inputs ||
      code_.num_varying_inputs != other.code_.num_varying_inputs ||
      constants_.size() != other.constants_.size() || instructions_ != other.instructions_ ||
      operands_ != other.operands_ || outputs_ != other.outputs_ ||
      arrays_.size() != other.arrays_.size() || checks_ != other.checks_)
    return false;
  if (!constants_.empty() && std::memcmp(constants_.data(), other.constants_.data(),
                                         constants_.size() * sizeof(double)) != 0)
    return false;
  for (size_t k = 0; k < arrays_.size(); ++k)
    if (arrays_[k].inputs != other.arrays_[k].inputs ||
        arrays_[k].outputs != other.arrays_[k].outputs ||
        !arrays_[k].function->equals(*other.arrays_[k].function))
      return false;
  return true;
}

void LaneProgram::fill_constants(double* values) const {
  for (size_t k = 0; k < constants_.size(); ++k)
    std::fill_n(values + k * kLanes, kLanes, constants_[k]);
}

LaneProgram::Memory LaneProgram::memory() const {
  const auto rows = static_cast<size_t>(code_.num_slots) * kLanes;
  Memory m{AlignedRows(rows), AlignedRows(rows),
           AlignedRows(static_cast<size_t>(scratch_size_) * kLanes)};
  fill_constants(m.values.data());
  return m;
}

void LaneProgram::evaluate(const double* in, double* out, Memory& memory) const {
  double* values = memory.values.data();
  std::copy_n(in, code_.num_inputs * kLanes, values + code_.first_input * kLanes);
  VINCI_SIMD_SELECT(lane_forward)(code_, 0, code_.num_instructions, values, memory.scratch.data());
  alignas(64) std::array<double, kLanes * 16> few;
  AlignedRows many(num_outputs() > 16 ? static_cast<size_t>(num_outputs()) * kLanes : 0);
  double* aligned = num_outputs() > 16 ? many.data() : few.data();
  VINCI_SIMD_SELECT(lane_outputs)(code_, values, aligned);
  std::copy_n(aligned, num_outputs() * kLanes, out);
}

void LaneProgram::pull_back(const double* adjoint_out, double* adjoint_in, Memory& memory) const {
  double* adjoints = memory.adjoints.data();
  std::fill_n(adjoints, memory.adjoints.size(), 0.0);
  for (size_t k = 0; k < outputs_.size(); ++k)
    for (int l = 0; l < kLanes; ++l)
      adjoints[outputs_[k] * kLanes + l] += adjoint_out[k * kLanes + static_cast<size_t>(l)];
  VINCI_SIMD_SELECT(lane_reverse)
  (code_, 0, code_.num_instructions, memory.values.data(), adjoints, memory.scratch.data());
  const double* inputs = adjoints + code_.first_input * kLanes;
  for (int k = 0; k < code_.num_inputs * kLanes; ++k) adjoint_in[k] += inputs[k];
}

void LaneProgram::forward(const void* self, const LaneInstruction& i, double* values,
                          double* scratch) {
  const auto& program = *static_cast<const LaneProgram*>(self);
  const auto row = [&](int32_t slot) { return values + static_cast<ptrdiff_t>(slot) * kLanes; };
  if (i.op == Op::kElement) {
    const Array& array = program.arrays_[static_cast<size_t>(i.result)];
    std::vector<const double*> in;
    std::vector<double*> out;
    for (int32_t s : array.inputs) in.push_back(row(s));
    for (int32_t s : array.outputs) out.push_back(row(s));
    array.function->forward(in.data(), out.data(), scratch + array.scratch * kLanes, kLanes);
    return;
  }
  std::vector<double> x(static_cast<size_t>(i.count));
  const int32_t* o = program.operands_.data() + i.first;
  for (int l = 0; l < kLanes; ++l) {
    for (int32_t k = 0; k < i.count; ++k) x[static_cast<size_t>(k)] = row(o[k])[l];
    row(i.result)[l] = reference_value(i.op, x);
  }
}

void LaneProgram::reverse(const void* self, const LaneInstruction& i, double* values,
                          double* adjoints, double* scratch) {
  const auto& program = *static_cast<const LaneProgram*>(self);
  const auto row = [&](int32_t slot) { return values + static_cast<ptrdiff_t>(slot) * kLanes; };
  const auto bar = [&](int32_t slot) { return adjoints + static_cast<ptrdiff_t>(slot) * kLanes; };
  if (i.op == Op::kElement) {
    const Array& array = program.arrays_[static_cast<size_t>(i.result)];
    std::vector<const double*> in, out, out_bar;
    std::vector<double*> in_bar;
    for (int32_t s : array.inputs) {
      in.push_back(row(s));
      in_bar.push_back(s < program.code_.first_input ? nullptr : bar(s));
    }
    for (int32_t s : array.outputs) {
      out.push_back(row(s));
      out_bar.push_back(bar(s));
    }
    array.function->reverse(in.data(), out.data(), out_bar.data(), in_bar.data(),
                            scratch + array.scratch * kLanes, kLanes);
    return;
  }
  const double* g = bar(i.result);
  const int32_t* o = program.operands_.data() + i.first;
  std::vector<double> x(static_cast<size_t>(i.count)), d(x.size());
  for (int l = 0; l < kLanes; ++l) {
    if (g[l] == 0) continue;  // an infinite derivative of what nobody reads stays out
    for (int32_t k = 0; k < i.count; ++k) x[static_cast<size_t>(k)] = row(o[k])[l];
    std::fill(d.begin(), d.end(), 0.0);
    reference_partials(i.op, x, row(i.result)[l], d);
    for (int32_t k = 0; k < i.count; ++k) bar(o[k])[l] += g[l] * d[static_cast<size_t>(k)];
  }
}

}  // namespace vinci::graph
