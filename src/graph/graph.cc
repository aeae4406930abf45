// Building a DensityGraph: hash-consing, constant folding and algebraic identities.
#include "graph/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace vinci::graph {

namespace {

constexpr uint8_t kPositiveFlags = kRangePositive | kRangeNonNegative;

struct OpInfo {
  const char* name;
  int arity;
};
constexpr OpInfo kOps[] = {
#define VINCI_OP(Name, text, arity) {text, arity},
#include "graph/ops.def"
#undef VINCI_OP
};

uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93ULL;
  h ^= h >> 32;
  return h;
}

uint64_t hash_node(Op op, std::span<const Operand> operands) {
  uint64_t h = 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(op);
  for (Operand o : operands) h = mix(h + o.bits) * 0x9ddfea08eb382d69ULL;
  return mix(h);
}

uint8_t range_of(double x) {
  uint8_t flags = 0;
  if (x >= 0) flags |= kRangeNonNegative;
  if (x > 0) flags |= kPositiveFlags;
  if (x <= 1) flags |= kRangeAtMostOne;
  return flags;
}

bool is_commutative(Op op) {
  return op == Op::kMul || op == Op::kFmin || op == Op::kFmax || op == Op::kHypot ||
         op == Op::kEqual;
}

}  // namespace

const char* op_name(Op op) { return kOps[static_cast<int>(op)].name; }
int op_arity(Op op) { return kOps[static_cast<int>(op)].arity; }

Graph::Graph() : node_table_(1024, -1), constant_table_(256, -1) {}

// ---- interning
// ------------------------------------------------------------------------------------------------

Operand Graph::intern(Scalar s) {
  if (!s.is_constant()) return Operand::node(s.index());
  const uint64_t bits = std::bit_cast<uint64_t>(s.constant());
  if (constants_.size() * 2 >= constant_table_.size()) {
    std::vector<int32_t> bigger(constant_table_.size() * 4, -1);
    for (size_t c = 0; c < constants_.size(); ++c) {
      size_t slot = mix(std::bit_cast<uint64_t>(constants_[c])) & (bigger.size() - 1);
      while (bigger[slot] >= 0) slot = (slot + 1) & (bigger.size() - 1);
      bigger[slot] = static_cast<int32_t>(c);
    }
    constant_table_ = std::move(bigger);
  }
  size_t slot = mix(bits) & (constant_table_.size() - 1);
  while (constant_table_[slot] >= 0) {
    const auto c = static_cast<uint32_t>(constant_table_[slot]);
    if (std::bit_cast<uint64_t>(constants_[c]) == bits) return Operand::constant(c);
    slot = (slot + 1) & (constant_table_.size() - 1);
  }
  constant_table_[slot] = static_cast<int32_t>(constants_.size());
  constants_.push_back(s.constant());
  return Operand::constant(static_cast<uint32_t>(constants_.size() - 1));
}

void Graph::grow_table() {
  std::vector<int32_t> bigger(node_table_.size() * 4, -1);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& n = nodes_[i];
    if (n.op == Op::kParameter || n.op == Op::kElement || n.op == Op::kDiscrete) continue;
    size_t slot = hash_node(n.op, operands(n)) & (bigger.size() - 1);
    while (bigger[slot] >= 0) slot = (slot + 1) & (bigger.size() - 1);
    bigger[slot] = static_cast<int32_t>(i);
  }
  node_table_ = std::move(bigger);
}

Scalar Graph::make(Op op, std::span<const Operand> ops, uint8_t flags) {
  if (nodes_.size() * 2 >= node_table_.size()) grow_table();
  size_t slot = hash_node(op, ops) & (node_table_.size() - 1);
  while (node_table_[slot] >= 0) {
    const Node& n = nodes_[static_cast<size_t>(node_table_[slot])];
    if (n.op == op && n.num_operands == ops.size() &&
        std::equal(ops.begin(), ops.end(), operands_.begin() + n.first_operand)) {
      return Scalar::node(node_table_[slot]);
    }
    slot = (slot + 1) & (node_table_.size() - 1);
  }
  node_table_[slot] = static_cast<int32_t>(nodes_.size());
  Node node{
      op, flags, 0, static_cast<uint32_t>(ops.size()), static_cast<uint32_t>(operands_.size()), -1};
  operands_.insert(operands_.end(), ops.begin(), ops.end());
  nodes_.push_back(node);
  return Scalar::node(static_cast<NodeIndex>(nodes_.size() - 1));
}

Scalar Graph::parameter(int coordinate) {
  while (num_parameters_ <= coordinate) {
    nodes_.push_back({Op::kParameter, 0, 0, 0, static_cast<uint32_t>(num_parameters_), -1});
    parameters_.push_back(Scalar::node(static_cast<NodeIndex>(nodes_.size() - 1)));
    ++num_parameters_;
  }
  return parameters_[static_cast<size_t>(coordinate)];
}

// ---- ranges
// ---------------------------------------------------------------------------------------------------

uint8_t Graph::range(Scalar value) const {
  return value.is_constant() ? range_of(value.constant()) : node(value.index()).range;
}

void Graph::assume(Scalar value, uint8_t flags) {
  if (value.is_constant()) return;
  if ((flags & kRangePositive) != 0) flags |= kRangeNonNegative;
  nodes_[static_cast<size_t>(value.index())].range |= flags;
}

uint8_t Graph::infer_range(Op op, std::span<const Operand> ops) const {
  const auto at = [&](size_t k) { return range(scalar(ops[k])); };
  switch (op) {
    case Op::kExp:
    case Op::kLog1pExp:
    case Op::kCosh:
      return kPositiveFlags;
    case Op::kInvLogit:
    case Op::kStdNormalCdf:
      return kPositiveFlags | kRangeAtMostOne;
    case Op::kErfc:
      return kRangeNonNegative;
    case Op::kSquare:
    case Op::kAbs:
      return static_cast<uint8_t>(kRangeNonNegative | (at(0) & kRangePositive) |
                                  ((at(0) & kRangeNonNegative) != 0 ? at(0) & kRangeAtMostOne : 0));
    case Op::kSqrt:
      return static_cast<uint8_t>(kRangeNonNegative | (at(0) & (kRangePositive | kRangeAtMostOne)));
    case Op::kInv:
    case Op::kCbrt:
    case Op::kTanh:
    case Op::kSinh:
    case Op::kAtan:
    case Op::kAsinh:
    case Op::kErf:
      return at(0) & kPositiveFlags;
    case Op::kExpm1:
    case Op::kLog1p:
      return at(0) & kPositiveFlags;
    case Op::kMul: {
      const auto both = static_cast<uint8_t>(at(0) & at(1));
      uint8_t flags = both & kPositiveFlags;
      if ((both & kRangeNonNegative) != 0) flags |= both & kRangeAtMostOne;
      return flags;
    }
    case Op::kDiv:
      return static_cast<uint8_t>(at(0) & at(1) & kPositiveFlags);
    case Op::kPow:
      return at(0) & kPositiveFlags;
    case Op::kFmin:
      return static_cast<uint8_t>((at(0) & at(1) & kPositiveFlags) |
                                  ((at(0) | at(1)) & kRangeAtMostOne));
    case Op::kFmax:
      return static_cast<uint8_t>(((at(0) | at(1)) & kPositiveFlags) |
                                  (at(0) & at(1) & kRangeAtMostOne));
    case Op::kSelect:
      return static_cast<uint8_t>(at(1) & at(2));
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kEqual:
    case Op::kGammaP:
    case Op::kGammaQ:
    case Op::kIncBeta:
      return kRangeNonNegative | kRangeAtMostOne;
    case Op::kDot: {
      uint8_t all = kPositiveFlags;
      for (size_t k = 0; k < ops.size(); ++k) all &= at(k);
      return all;
    }
    case Op::kLinComb: {
      const double c0 = constant(ops[0]);
      bool non_negative = c0 >= 0;
      bool positive = c0 > 0;
      for (size_t k = 1; k + 1 < ops.size(); k += 2) {
        const double c = constant(ops[k]);
        const uint8_t flags = at(k + 1);
        if (c < 0 || (flags & kRangeNonNegative) == 0) {
          non_negative = false;
          break;
        }
        if (c > 0 && (flags & kRangePositive) != 0) positive = true;
      }
      if (non_negative) {
        return positive ? kPositiveFlags : static_cast<uint8_t>(kRangeNonNegative);
      }
      // 1 - p of a probability p is one again
      if (ops.size() == 3 && c0 == 1 && constant(ops[1]) == -1 &&
          (at(2) & (kRangeNonNegative | kRangeAtMostOne)) ==
              (kRangeNonNegative | kRangeAtMostOne)) {
        return kRangeNonNegative | kRangeAtMostOne;
      }
      return 0;
    }
    default:
      return 0;
  }
}

// ---- elementwise
// ----------------------------------------------------------------------------------------------

Scalar Graph::apply(Op op, Scalar a) {
  if (a.is_constant()) {
    const double x = a.constant();
    return reference_value(op, {&x, 1});
  }
  const Node& n = node(a.index());
  if (n.op == Op::kPick) {
    const Scalar index = pick_index(n);
    return pick_from(index, map_table(op, operands(n)[1].node_index()));
  }
  switch (op) {  // inverse pairs, in the form that loses no accuracy
    case Op::kLog:
      if (n.op == Op::kExp) return scalar(operands(n)[0]);
      if (n.op == Op::kInvLogit) return neg(log1p_exp(neg(scalar(operands(n)[0]))));
      if (n.op == Op::kStdNormalCdf) return apply(Op::kStdNormalLcdf, scalar(operands(n)[0]));
      if (n.op == Op::kSqrt) return mul(0.5, log(scalar(operands(n)[0])));
      break;
    case Op::kExp:
      if (n.op == Op::kLog) return scalar(operands(n)[0]);
      break;
    case Op::kLog1p:  // log(1 - inv_logit(x)) = -log(1 + e^x)
      if (n.op == Op::kLinComb && n.num_operands == 3 && constant(operands(n)[0]) == 0 &&
          constant(operands(n)[1]) == -1) {
        const Node& inner = node(operands(n)[2].node_index());
        if (inner.op == Op::kInvLogit) return neg(log1p_exp(scalar(operands(inner)[0])));
      }
      if (n.op == Op::kExp) return log1p_exp(scalar(operands(n)[0]));
      break;
    case Op::kInv:
      if (n.op == Op::kInv) return scalar(operands(n)[0]);
      break;
    case Op::kSquare:
      if (n.op == Op::kSqrt) return scalar(operands(n)[0]);
      break;
    case Op::kSqrt:
      if (n.op == Op::kSquare && is_positive(scalar(operands(n)[0]))) return scalar(operands(n)[0]);
      break;
    case Op::kAbs:
      if ((n.range & kRangeNonNegative) != 0) return a;
      break;
    default:
      break;
  }
  const Operand ops[] = {intern(a)};
  return make(op, ops, infer_range(op, ops));
}

Scalar Graph::apply(Op op, Scalar a, Scalar b) {
  if (a.is_constant() && b.is_constant()) {
    const double x[] = {a.constant(), b.constant()};
    return reference_value(op, x);
  }
  if (op == Op::kMul) return mul(a, b);
  if (op == Op::kDiv) return div(a, b);
  if (op == Op::kPow) return pow(a, b);
  Operand ops[] = {intern(a), intern(b)};
  if (is_commutative(op) && ops[0].bits > ops[1].bits) std::swap(ops[0], ops[1]);
  return make(op, ops, infer_range(op, ops));
}

Scalar Graph::apply(Op op, Scalar a, Scalar b, Scalar c) {
  if (a.is_constant() && b.is_constant() && c.is_constant()) {
    const double x[] = {a.constant(), b.constant(), c.constant()};
    return reference_value(op, x);
  }
  if (op == Op::kSelect) {
    if (a.is_constant()) return a.constant() != 0 ? b : c;
    if (b.identical(c)) return b;
  }
  if (op == Op::kNormalKernel) {
    if (a.is_constant() && b.is_constant()) {
      const double d = a.constant() - b.constant();
      return mul(-0.5 * d * d, square(c));
    }
    // (y - mu)^2 is symmetric: a constant comes first, else the younger node
    if (b.is_constant() || (!a.is_constant() && a.index() < b.index())) std::swap(a, b);
    if (a.identical(b)) return 0.0;
  }
  const Operand ops[] = {intern(a), intern(b), intern(c)};
  return make(op, ops, infer_range(op, ops));
}

Scalar Graph::rebuild(Op op, std::span<const Scalar> x) {
  switch (op) {
    case Op::kLogSumExp:
      return log_sum_exp(x);
    case Op::kLinComb: {
      std::vector<double> c;
      std::vector<Scalar> parts;
      for (size_t k = 1; k + 1 < x.size(); k += 2) {
        c.push_back(x[k].constant());
        parts.push_back(x[k + 1]);
      }
      return lincomb(x[0].constant(), c, parts);
    }
    case Op::kDot: {
      std::vector<Scalar> a;
      std::vector<Scalar> b;
      for (size_t k = 0; k + 1 < x.size(); k += 2) {
        a.push_back(x[k]);
        b.push_back(x[k + 1]);
      }
      return dot(a, b);
    }
    case Op::kTable: {
      std::vector<Operand> elements;
      for (const Scalar& s : x) elements.push_back(intern(s));
      return make(op, elements, 0);
    }
    case Op::kPick:
      return pick_from(x[0], x[1].index());
    default:
      VINCI_CHECK(op_arity(op) == static_cast<int>(x.size()));
      return x.size() == 1   ? apply(op, x[0])
             : x.size() == 2 ? apply(op, x[0], x[1])
                             : apply(op, x[0], x[1], x[2]);
  }
}

Scalar Graph::mul(Scalar a, Scalar b) {
  if (a.is_constant() && b.is_constant()) return a.constant() * b.constant();
  if (b.is_constant()) std::swap(a, b);
  if (a.is_constant()) {
    const double c = a.constant();
    if (c == 0) return 0.0;
    if (c == 1) return b;
    if (!std::isfinite(
            c)) {  // keep inf * x out of linear combinations: inf - inf there would be NaN
      Operand ops[] = {intern(a), intern(b)};
      return make(Op::kMul, ops, infer_range(Op::kMul, ops));
    }
    const Scalar x[] = {b};
    return lincomb(0, {&c, 1}, x);
  }
  if (a.index() == b.index()) return square(a);
  // constants move outwards: (c x) y = c (x y)
  double scale = 1;
  for (Scalar* s : {&a, &b}) {
    const Node& n = node(s->index());
    if (n.op == Op::kLinComb && n.num_operands == 3 && constant(operands(n)[0]) == 0) {
      scale *= constant(operands(n)[1]);
      *s = scalar(operands(n)[2]);
    }
  }
  if (scale != 1) return mul(scale, mul(a, b));
  Operand ops[] = {intern(a), intern(b)};
  if (ops[0].bits > ops[1].bits) std::swap(ops[0], ops[1]);
  return make(Op::kMul, ops, infer_range(Op::kMul, ops));
}

Scalar Graph::div(Scalar a, Scalar b) {
  if (b.is_constant()) {
    if (a.is_constant()) return a.constant() / b.constant();
    if (b.constant() == 1) return a;
    const double reciprocal = 1 / b.constant();
    if (std::isfinite(reciprocal) && std::isfinite(b.constant())) return mul(reciprocal, a);
    Operand ops[] = {intern(a), intern(b)};
    return make(Op::kDiv, ops, 0);
  }
  if (a.is_constant() && a.constant() == 0) return 0.0;
  if (a.identical(b)) return 1.0;
  return mul(a, inv(b));  // the reciprocal is shared by all that divide by b
}

Scalar Graph::pow(Scalar a, Scalar b) {
  if (b.is_constant()) {
    if (a.is_constant()) return std::pow(a.constant(), b.constant());
    const double e = b.constant();
    if (e == 0) return 1.0;
    if (e == 1) return a;
    if (e == 2) return square(a);
    if (e == 3) return mul(a, square(a));
    if (e == 4) return square(square(a));
    if (e == 0.5) return sqrt(a);
    if (e == -1) return inv(a);
    if (e == -2) return inv(square(a));
    if (e == -0.5) return inv(sqrt(a));
  }
  if (a.is_constant() && a.constant() == 1) return 1.0;
  Operand ops[] = {intern(a), intern(b)};
  return make(Op::kPow, ops, infer_range(Op::kPow, ops));
}

// ---- sums
// -----------------------------------------------------------------------------------------------------

Scalar Graph::make_lincomb(double c0, std::vector<std::pair<NodeIndex, double>>& parts) {
  const auto by_node = [](const auto& x, const auto& y) { return x.first < y.first; };
  if (!std::is_sorted(parts.begin(), parts.end(), by_node)) {
    std::stable_sort(parts.begin(), parts.end(), by_node);
  }
  size_t kept = 0;
  for (size_t k = 0; k < parts.size();) {
    NodeIndex index = parts[k].first;
    double c = 0;
    for (; k < parts.size() && parts[k].first == index; ++k) c += parts[k].second;
    if (c != 0) parts[kept++] = {index, c};
  }
  parts.resize(kept);
  if (parts.empty()) return c0;
  if (parts.size() == 1 && c0 == 0 && parts[0].second == 1) return Scalar::node(parts[0].first);
  std::vector<Operand> heap;
  Operand local[33];
  const size_t count = 1 + 2 * parts.size();
  Operand* ops = local;
  if (count > 33) {
    heap.resize(count);
    ops = heap.data();
  }
  ops[0] = intern(c0);
  for (size_t k = 0; k < parts.size(); ++k) {
    ops[1 + 2 * k] = intern(parts[k].second);
    ops[2 + 2 * k] = Operand::node(parts[k].first);
  }
  const std::span<const Operand> all(ops, count);
  return make(Op::kLinComb, all, infer_range(Op::kLinComb, all));
}

Scalar Graph::lincomb(double c0, std::span<const double> c, std::span<const Scalar> x) {
  VINCI_CHECK(c.size() == x.size());
  auto& parts = scratch_parts_;
  parts.clear();
  for (size_t k = 0; k < x.size(); ++k) {
    if (x[k].is_constant()) {
      c0 += c[k] * x[k].constant();
      continue;
    }
    const Node& n = node(x[k].index());
    if (n.op == Op::kLinComb && n.num_operands == 3) {  // c (a + b y): scales and offsets merge
      c0 += c[k] * constant(operands(n)[0]);
      parts.emplace_back(operands(n)[2].node_index(), c[k] * constant(operands(n)[1]));
    } else {
      parts.emplace_back(x[k].index(), c[k]);
    }
  }
  return make_lincomb(c0, parts);
}

Scalar Graph::sum(std::span<const Scalar> x) {
  auto& parts = scratch_parts_;
  parts.clear();
  double c0 = 0;
  for (const Scalar& s : x) {
    if (s.is_constant()) {
      c0 += s.constant();
      continue;
    }
    const Node& n = node(s.index());
    if (n.op == Op::kLinComb && n.num_operands == 3) {
      c0 += constant(operands(n)[0]);
      parts.emplace_back(operands(n)[2].node_index(), constant(operands(n)[1]));
    } else {
      parts.emplace_back(s.index(), 1.0);
    }
  }
  return make_lincomb(c0, parts);
}

Scalar Graph::add(Scalar a, Scalar b) {
  if (a.is_constant() && b.is_constant()) return a.constant() + b.constant();
  const Scalar x[] = {a, b};
  return sum(x);
}

Scalar Graph::neg(Scalar a) {
  if (a.is_constant()) return -a.constant();
  const double c[] = {-1};
  const Scalar x[] = {a};
  return lincomb(0, c, x);
}

Scalar Graph::sub(Scalar a, Scalar b) {
  if (a.is_constant() && b.is_constant()) return a.constant() - b.constant();
  const double c[] = {1, -1};
  const Scalar x[] = {a, b};
  return lincomb(0, c, x);
}

Scalar Graph::dot(std::span<const Scalar> a, std::span<const Scalar> b) {
  VINCI_CHECK(a.size() == b.size());
  std::vector<std::pair<NodeIndex, double>> linear;
  std::vector<Operand> products;
  double c0 = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    Scalar x = a[k];
    Scalar y = b[k];
    if (x.is_constant() && y.is_constant()) {
      c0 += x.constant() * y.constant();
    } else if (x.is_constant() || y.is_constant()) {
      if (y.is_constant()) std::swap(x, y);
      if (x.constant() == 0) continue;
      linear.emplace_back(y.index(), x.constant());
    } else {
      Operand p[] = {Operand::node(x.index()), Operand::node(y.index())};
      if (p[0].bits > p[1].bits) std::swap(p[0], p[1]);
      products.insert(products.end(), p, p + 2);
    }
  }
  if (!products.empty()) {
    Scalar product = products.size() == 2
                         ? mul(scalar(products[0]), scalar(products[1]))
                         : make(Op::kDot, products, infer_range(Op::kDot, products));
    if (linear.empty() && c0 == 0) return product;
    linear.emplace_back(product.index(), 1.0);
  }
  return make_lincomb(c0, linear);
}

// ---- log sum exp
// ----------------------------------------------------------------------------------------------

Scalar Graph::log_sum_exp(std::span<const Scalar> x) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  std::vector<double> constants;
  std::vector<Operand> ops;
  for (const Scalar& s : x) {
    if (!s.is_constant()) {
      ops.push_back(Operand::node(s.index()));
    } else if (s.constant() != -kInf) {
      constants.push_back(s.constant());
    }
  }
  if (!constants.empty()) {
    const double folded = reference_value(Op::kLogSumExp, constants);
    if (ops.empty()) return folded;
    ops.push_back(intern(folded));
  }
  if (ops.empty()) return -kInf;
  if (ops.size() == 1) return scalar(ops[0]);
  if (ops.size() == 2 && ops[1].is_constant() && constant(ops[1]) == 0) {
    return log1p_exp(scalar(ops[0]));
  }
  return make(Op::kLogSumExp, ops, 0);
}

Scalar Graph::log_sum_exp(Scalar a, Scalar b) {
  const Scalar x[] = {a, b};
  return log_sum_exp(x);
}

Scalar Graph::log_mix(Scalar theta, Scalar a, Scalar b) {
  return log_sum_exp(add(log(theta), a), add(log1m(theta), b));
}

// ---- array functions
// ------------------------------------------------------------------------------------------

std::vector<Scalar> Graph::call(std::shared_ptr<const ArrayFunction> function,
                                std::span<const Scalar> inputs) {
  VINCI_CHECK(static_cast<int>(inputs.size()) == function->num_inputs());
  const auto num_outputs = static_cast<size_t>(function->num_outputs());
  const bool constant_inputs =
      std::all_of(inputs.begin(), inputs.end(), [](Scalar s) { return s.is_constant(); });
  std::vector<Scalar> result;
  result.reserve(num_outputs);
  if (constant_inputs) {
    constexpr int kLanes = 8;
    std::vector<double> in(inputs.size() * kLanes);
    std::vector<double> out(num_outputs * kLanes);
    std::vector<const double*> in_rows;
    std::vector<double*> out_rows;
    for (size_t k = 0; k < inputs.size(); ++k) {
      std::fill_n(&in[k * kLanes], kLanes, inputs[k].constant());
      in_rows.push_back(&in[k * kLanes]);
    }
    for (size_t k = 0; k < num_outputs; ++k) out_rows.push_back(&out[k * kLanes]);
    std::vector<double> scratch(static_cast<size_t>(function->scratch_size()) * kLanes);
    function->forward(in_rows.data(), out_rows.data(), scratch.data(), kLanes);
    for (size_t k = 0; k < num_outputs; ++k) result.push_back(out[k * kLanes]);
    return result;
  }
  ArrayCall call{std::move(function), {}, {}};
  uint64_t hash = 0;
  for (const Scalar& s : inputs) {
    call.inputs.push_back(intern(s));
    hash = mix(hash + call.inputs.back().bits);
  }
  for (int32_t other : array_table_[hash]) {
    const ArrayCall& known = array_calls_[static_cast<size_t>(other)];
    if (known.inputs == call.inputs &&
        (known.function == call.function || known.function->equals(*call.function))) {
      for (NodeIndex index : known.outputs) result.push_back(Scalar::node(index));
      return result;
    }
  }
  const auto array = static_cast<int32_t>(array_calls_.size());
  array_table_[hash].push_back(array);
  for (size_t k = 0; k < num_outputs; ++k) {
    call.outputs.push_back(static_cast<NodeIndex>(nodes_.size()));
    nodes_.push_back({Op::kElement, 0, 0, 0, static_cast<uint32_t>(k), array});
    result.push_back(Scalar::node(call.outputs.back()));
  }
  array_calls_.push_back(std::move(call));
  return result;
}

// ---- terms, guards
// --------------------------------------------------------------------------------------------

void Graph::add_term(Scalar value, source::Span span, bool is_jacobian, double weight) {
  if (value.is_constant()) {
    constant_terms_[is_jacobian ? 1 : 0] += weight * value.constant();
    return;
  }
  const int64_t key = int64_t{value.index()} * 2 + (is_jacobian ? 1 : 0);
  const auto [entry, is_new] = term_table_.try_emplace(key, static_cast<int32_t>(terms_.size()));
  if (is_new) {
    terms_.push_back({value.index(), weight, is_jacobian, span});
  } else {
    terms_[static_cast<size_t>(entry->second)].weight += weight;
  }
}

void Graph::replace_terms(std::vector<Term> terms, double add_to_constant, double add_to_jacobian) {
  terms_ = std::move(terms);
  term_table_.clear();
  for (size_t t = 0; t < terms_.size(); ++t) {
    term_table_[int64_t{terms_[t].node} * 2 + (terms_[t].is_jacobian ? 1 : 0)] =
        static_cast<int32_t>(t);
  }
  constant_terms_[0] += add_to_constant;
  constant_terms_[1] += add_to_jacobian;
}

bool holds(Guard::Kind kind, double x) {
  switch (kind) {
    case Guard::Kind::kPositive:
      return x > 0;
    case Guard::Kind::kNonNegative:
      return x >= 0;
    case Guard::Kind::kInUnitInterval:
      return x >= 0 && x <= 1;
    case Guard::Kind::kNonZero:
      return x < 0 || x > 0;
    case Guard::Kind::kNotNan:
      return !std::isnan(x);
    case Guard::Kind::kNever:
      return false;
  }
  return false;
}

void Graph::require(Guard::Kind kind, Scalar value, source::Span span, const std::string& what) {
  if (value.is_constant()) {
    if (holds(kind, value.constant())) return;
    value = num_parameters_ > 0 ? parameters_[0] : value;
    constant_terms_[0] = -std::numeric_limits<double>::infinity();
    if (value.is_constant()) return;
    kind = Guard::Kind::kNever;
  }
  const uint8_t flags = range(value);
  if (kind == Guard::Kind::kPositive && (flags & kRangePositive) != 0) return;
  if (kind == Guard::Kind::kNonNegative && (flags & kRangeNonNegative) != 0) return;
  if (kind == Guard::Kind::kNonZero && (flags & kRangePositive) != 0) return;
  if (kind == Guard::Kind::kInUnitInterval && (flags & kRangeNonNegative) != 0 &&
      (flags & kRangeAtMostOne) != 0) {
    return;
  }
  const int64_t key = int64_t{value.index()} * 8 + static_cast<int64_t>(kind);
  if (guard_table_.try_emplace(key, static_cast<int32_t>(guards_.size())).second) {
    guards_.push_back({kind, value.index(), span, what});
  }
}

// ---- listing
// --------------------------------------------------------------------------------------------------

std::string Graph::dump() const {
  std::string text;
  const auto show = [&](Operand o) {
    return o.is_constant() ? fmt::format("{:.17g}", constant(o))
                           : fmt::format("%{}", o.node_index());
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& n = nodes_[i];
    text += fmt::format("%{} = {}", i, op_name(n.op));
    if (n.op == Op::kParameter) {
      text += fmt::format(" {}", n.first_operand);
    } else if (n.op == Op::kDiscrete) {
      const DiscreteVariable& v = discrete_variables_[n.first_operand];
      text += fmt::format(" {} in {}..{}", v.name, v.low, v.high);
    } else if (n.op == Op::kElement) {
      const ArrayCall& call = array_calls_[static_cast<size_t>(n.array)];
      text += fmt::format(" {} of {} #{}", n.first_operand, call.function->name(), n.array);
    } else {
      for (Operand o : operands(n)) text += " " + show(o);
    }
    text += '\n';
  }
  for (const Term& t : terms_) {
    text +=
        fmt::format("term {:.17g} * %{}{}\n", t.weight, t.node, t.is_jacobian ? " jacobian" : "");
  }
  for (const Guard& g : guards_) text += fmt::format("guard %{} {}\n", g.node, g.what);
  text +=
      fmt::format("constant {:.17g} jacobian {:.17g}\n", constant_terms_[0], constant_terms_[1]);
  return text;
}

}  // namespace vinci::graph
