#include "model/blankets.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace vinci::model {
namespace {

/// Bit b of element i: node i depends on coordinate first + b. Operands precede their users.
std::vector<uint64_t> dependencies(const graph::Graph& graph, int64_t first) {
  const auto nodes = graph.nodes();
  std::vector<uint64_t> bits(nodes.size());
  const auto of = [&](graph::Operand o) {
    return o.is_constant() ? 0 : bits[static_cast<size_t>(o.node_index())];
  };
  for (size_t i = 0; i < nodes.size(); ++i) {
    const graph::Node& node = nodes[i];
    if (node.op == graph::Op::kParameter) {
      const int64_t b = static_cast<int64_t>(node.first_operand) - first;
      if (b >= 0 && b < 64) bits[i] = uint64_t{1} << b;
    } else if (node.op == graph::Op::kElement) {
      const graph::ArrayCall& call = graph.array_calls()[static_cast<size_t>(node.array)];
      for (const graph::Operand o : call.inputs) bits[i] |= of(o);
    } else {
      for (const graph::Operand o : graph.operands(node)) bits[i] |= of(o);
    }
  }
  return bits;
}

}  // namespace

Blankets::Blankets(const graph::Graph& graph, Index dim) : dim_(dim) {
  std::vector<graph::Scalar> outputs;
  const auto add = [&](graph::Scalar value, double weight) {
    if (value.is_constant()) return;
    outputs.push_back(value);
    weights_.push_back(weight);
  };
  for (const graph::Term& term : graph.terms()) {
    const graph::Node& node = graph.node(term.node);
    if (node.op != graph::Op::kLinComb) {
      add(graph::Scalar::node(term.node), term.weight);
      continue;
    }
    // c0, then c_k, x_k in turn.
    const auto parts = graph.operands(node);
    for (size_t k = 1; k + 1 < parts.size(); k += 2) {
      VINCI_CHECK(parts[k].is_constant());
      add(graph.scalar(parts[k + 1]), term.weight * graph.constant(parts[k]));
    }
  }
  exec::PlanOptions options;
  options.terms = false;
  options.outputs = outputs;
  plan_ = std::make_unique<exec::ExecutionPlan>(graph, options);

  std::vector<std::vector<uint64_t>> sets(outputs.size());
  for (int64_t first = 0; first < dim_; first += 64) {
    const std::vector<uint64_t> bits = dependencies(graph, first);
    for (size_t t = 0; t < outputs.size(); ++t) {
      sets[t].push_back(bits[static_cast<size_t>(outputs[t].index())]);
    }
  }
  std::map<std::vector<uint64_t>, int32_t> groups;
  groups_of_.resize(static_cast<size_t>(dim_));
  num_terms_of_.resize(static_cast<size_t>(dim_));
  for (size_t t = 0; t < outputs.size(); ++t) {
    const auto [entry, is_new] = groups.try_emplace(sets[t], static_cast<int32_t>(groups.size()));
    group_of_.push_back(entry->second);
    for (size_t i = 0; i < static_cast<size_t>(dim_); ++i) {
      if ((sets[t][i / 64] >> (i % 64) & 1) == 0) continue;
      ++num_terms_of_[i];
      if (is_new) groups_of_[i].push_back(entry->second);
    }
  }
  num_groups_ = static_cast<Index>(groups.size());
}

std::vector<int32_t> Blankets::colours(Index first) const {
  std::vector<int32_t> result;
  std::vector<std::vector<int32_t>> used(static_cast<size_t>(num_groups_));  // colours in a group
  std::vector<Index> taken_by;  // by colour: the coordinate that must not have it
  for (Index i = first; i < dim_; ++i) {
    const auto& groups = groups_of_[static_cast<size_t>(i)];
    for (const int32_t g : groups) {
      for (const int32_t c : used[static_cast<size_t>(g)]) taken_by[static_cast<size_t>(c)] = i;
    }
    int32_t colour = 0;
    while (colour < static_cast<int32_t>(taken_by.size()) &&
           taken_by[static_cast<size_t>(colour)] == i) {
      ++colour;
    }
    if (colour == static_cast<int32_t>(taken_by.size())) taken_by.push_back(-1);
    for (const int32_t g : groups) used[static_cast<size_t>(g)].push_back(colour);
    result.push_back(colour);
  }
  return result;
}

void Blankets::evaluate(LaneMatrix points, MutableLaneMatrix sums) const {
  VINCI_CHECK(points.rows == dim_ && sums.rows == dim_ && sums.lanes == points.lanes);
  const Index lanes = points.lanes;
  const auto width = static_cast<size_t>(lanes);
  std::vector<double> terms(weights_.size() * width);
  std::vector<double> groups(static_cast<size_t>(num_groups_) * width);
  plan_->evaluate_outputs(points, {terms.data(), num_terms(), lanes, lanes});
  for (size_t t = 0; t < weights_.size(); ++t) {
    double* sum = groups.data() + static_cast<size_t>(group_of_[t]) * width;
    for (size_t l = 0; l < width; ++l) sum[l] += weights_[t] * terms[t * width + l];
  }
  for (Index i = 0; i < dim_; ++i) {
    double* out = sums.row(i);
    std::fill(out, out + lanes, 0.0);
    for (const int32_t g : groups_of_[static_cast<size_t>(i)]) {
      const double* sum = groups.data() + static_cast<size_t>(g) * width;
      for (size_t l = 0; l < width; ++l) out[l] += sum[l];
    }
  }
}

}  // namespace vinci::model
