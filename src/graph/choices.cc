// Discrete variables of a DensityGraph and picks, the choices that they make among values.
#include <algorithm>
#include <cmath>

#include "graph/graph.h"

namespace vinci::graph {

Scalar Graph::discrete(int64_t low, int64_t high, std::string name) {
  VINCI_CHECK(low <= high);
  uint8_t range = 0;
  if (low >= 0) range |= kRangeNonNegative;
  if (low > 0) range |= kRangePositive;
  if (high <= 1) range |= kRangeAtMostOne;
  nodes_.push_back(
      {Op::kDiscrete, range, 0, 0, static_cast<uint32_t>(discrete_variables_.size()), -1});
  discrete_variables_.push_back({low, high, std::move(name)});
  has_choices_ = true;
  return Scalar::node(static_cast<NodeIndex>(nodes_.size() - 1));
}

Scalar Graph::pick(Scalar index, std::span<const Scalar> elements) {
  if (index.is_constant()) {
    const double i = index.constant();
    if (!(i >= 1 && i <= static_cast<double>(elements.size()))) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    return elements[static_cast<size_t>(i) - 1];
  }
  VINCI_CHECK(!elements.empty());
  const bool is_equal = std::all_of(elements.begin(), elements.end(),
                                    [&](const Scalar& s) { return s.identical(elements[0]); });
  if (is_equal) return elements[0];
  return pick_from(index, rebuild(Op::kTable, elements).index());
}

Scalar Graph::pick_from(Scalar index, NodeIndex table) {
  if (index.is_constant()) {
    const auto elements = operands(node(table));
    const double i = index.constant();
    if (!(i >= 1 && i <= static_cast<double>(elements.size()))) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    return scalar(elements[static_cast<size_t>(i) - 1]);
  }
  const auto elements = operands(node(table));
  uint8_t flags = kRangePositive | kRangeNonNegative | kRangeAtMostOne;
  bool is_equal = true;
  for (Operand o : elements) {
    flags &= range(scalar(o));
    is_equal = is_equal && o == elements[0];
  }
  if (is_equal) return scalar(elements[0]);
  has_choices_ = true;
  const Operand ops[] = {intern(index), Operand::node(table)};
  return make(Op::kPick, ops, flags);
}

NodeIndex Graph::map_table(Op op, NodeIndex table) {
  const uint64_t key = (static_cast<uint64_t>(table) << 8) | static_cast<uint64_t>(op);
  const auto found = mapped_tables_.find(key);
  if (found != mapped_tables_.end()) return found->second;
  std::vector<Scalar> values;
  values.reserve(operands(node(table)).size());
  for (Operand o : operands(node(table))) values.push_back(scalar(o));
  for (Scalar& s : values) s = apply(op, s);
  const NodeIndex mapped = rebuild(Op::kTable, values).index();
  mapped_tables_.emplace(key, mapped);
  return mapped;
}

Graph::Interval Graph::interval(Scalar value, int depth) const {
  if (value.is_constant()) {
    const double c = value.constant();
    return {c, c, c == std::floor(c) && std::isfinite(c)};
  }
  constexpr int kMaxDepth = 500;
  if (depth > kMaxDepth) return {};
  const auto found = intervals_.find(value.index());
  if (found != intervals_.end()) return found->second;
  const Interval result = node_interval(value.index(), depth);
  intervals_[value.index()] = result;
  return result;
}

Graph::Interval Graph::node_interval(NodeIndex index, int depth) const {
  const Node& node = this->node(index);
  const auto ops = operands(node);
  const auto join = [](const Interval& a, const Interval& b) -> Interval {
    return {std::min(a.low, b.low), std::max(a.high, b.high), a.is_integer && b.is_integer};
  };
  const auto at = [&](size_t k) { return interval(scalar(ops[k]), depth + 1); };
  switch (node.op) {
    case Op::kDiscrete: {
      const DiscreteVariable& v = discrete_variables_[node.first_operand];
      return {static_cast<double>(v.low), static_cast<double>(v.high), true};
    }
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kEqual:
      return {0, 1, true};
    case Op::kSelect:
      return join(at(1), at(2));
    case Op::kPick: {
      const auto elements = pick_elements(node);
      Interval all = interval(scalar(elements[0]), depth + 1);
      for (size_t k = 1; k < elements.size() && all.is_integer; ++k) {
        all = join(all, interval(scalar(elements[k]), depth + 1));
      }
      return all;
    }
    case Op::kLinComb: {
      Interval sum = at(0);
      for (size_t k = 1; k + 1 < ops.size(); k += 2) {
        const double c = constant(ops[k]);
        const Interval x = at(k + 1);
        sum.low += std::min(c * x.low, c * x.high);
        sum.high += std::max(c * x.low, c * x.high);
        sum.is_integer = sum.is_integer && x.is_integer && c == std::floor(c);
      }
      return sum;
    }
    case Op::kMul:
    case Op::kSquare: {
      const Interval a = at(0);
      const Interval b = node.op == Op::kMul ? at(1) : a;
      const double products[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
      const auto [low, high] = std::minmax_element(std::begin(products), std::end(products));
      return {*low, *high, a.is_integer && b.is_integer};
    }
    case Op::kAbs: {
      const Interval a = at(0);
      const double least =
          a.low <= 0 && a.high >= 0 ? 0 : std::min(std::abs(a.low), std::abs(a.high));
      return {least, std::max(std::abs(a.low), std::abs(a.high)), a.is_integer};
    }
    case Op::kFmin: {
      const Interval a = at(0), b = at(1);
      return {std::min(a.low, b.low), std::min(a.high, b.high), a.is_integer && b.is_integer};
    }
    case Op::kFmax: {
      const Interval a = at(0), b = at(1);
      return {std::max(a.low, b.low), std::max(a.high, b.high), a.is_integer && b.is_integer};
    }
    case Op::kFmod: {  // takes the sign of the first
      const Interval a = at(0), b = at(1);
      const double most = std::max(std::abs(b.low), std::abs(b.high));
      return {a.low < 0 ? -most : 0, a.high > 0 ? most : 0, a.is_integer && b.is_integer};
    }
    case Op::kTrunc:
    case Op::kFloor:
    case Op::kCeil:
    case Op::kRound: {
      const Interval a = at(0);
      return {std::floor(a.low), std::ceil(a.high), true};
    }
    default:
      return {};
  }
}

std::optional<IntegerBounds> Graph::integer_bounds(Scalar value) const {
  const Interval i = interval(value, 0);
  constexpr double kLimit = 9e15;  // beyond, doubles skip integers
  if (!i.is_integer || !(i.low > -kLimit) || !(i.high < kLimit)) return {};
  return IntegerBounds{static_cast<int64_t>(i.low), static_cast<int64_t>(i.high)};
}

}  // namespace vinci::graph
