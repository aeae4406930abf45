#include "conjugate/forms.h"

#include <algorithm>
#include <cmath>

namespace vinci::conjugate {

using graph::Op;

namespace {

constexpr int kMaxDepth = 200;

bool by_leaves(const Addend& x, const Addend& y) { return x.a != y.a ? x.a < y.a : x.b < y.b; }

/// Product of forms; false where its degree is above two or it has a square.
bool multiply(const Form& x, const Form& y, Form& out) {
  out.clear();
  for (const Addend& p : x) {
    for (const Addend& q : y) {
      int32_t leaves[4] = {p.a, p.b, q.a, q.b};
      std::sort(leaves, leaves + 4);
      if (leaves[1] >= 0) return false;
      if (leaves[2] >= 0 && leaves[2] == leaves[3]) return false;
      Addend r{p.c * q.c, leaves[2] >= 0 ? leaves[2] : leaves[3], leaves[2] >= 0 ? leaves[3] : -1};
      out.push_back(r);
    }
  }
  normalise(out);
  return true;
}

bool is_constant(const Form& f) { return f.empty() || (f.size() == 1 && f[0].a < 0); }

}  // namespace

void normalise(Form& form) {
  std::sort(form.begin(), form.end(), by_leaves);
  size_t kept = 0;
  for (size_t k = 0; k < form.size(); ++k) {
    if (kept > 0 && form[kept - 1].same_leaves(form[k])) {
      form[kept - 1].c += form[k].c;
    } else {
      form[kept++] = form[k];
    }
  }
  form.resize(kept);
}

Form combine(double scale_a, const Form& a, double scale_b, const Form& b) {
  Form out;
  out.reserve(a.size() + b.size());
  for (Addend x : a) {
    x.c *= scale_a;
    out.push_back(x);
  }
  for (Addend x : b) {
    x.c *= scale_b;
    out.push_back(x);
  }
  normalise(out);
  return out;
}

void Forms::add_discrete(int32_t variable, int32_t leaf, int64_t low) {
  if (static_cast<size_t>(variable) >= discrete_.size())
    discrete_.resize(static_cast<size_t>(variable) + 1, {-1, 1});
  discrete_[static_cast<size_t>(variable)] = {leaf, low};
}

void Forms::set_state(int32_t leaf, int64_t value) {
  state_leaf_ = leaf;
  state_ = value;
  known_.clear();  // what was known may hold choices
}

int32_t Forms::choice(Scalar s) {
  if (s.is_constant() || discrete_.empty()) return -1;
  const graph::NodeIndex index = s.index();
  if (const auto found = choices_.find(index); found != choices_.end()) return found->second;
  const graph::Node& node = graph_.node(index);
  int32_t result = -1;
  const auto merge = [&](int32_t other) {
    if (other != -1) result = result == -1 || result == other ? other : -2;
  };
  if (node.op == Op::kPick) {
    const int32_t z = leaf(graph_.pick_index(node));
    merge(z >= 0 ? z : -2);
    for (const graph::Operand o : graph_.pick_elements(node)) merge(choice(graph_.scalar(o)));
  } else if (node.op == Op::kElement) {
    for (const graph::Operand o : graph_.array_calls()[static_cast<size_t>(node.array)].inputs)
      merge(choice(graph_.scalar(o)));
  } else if (node.op != Op::kParameter && node.op != Op::kDiscrete) {
    for (const graph::Operand o : graph_.operands(node)) merge(choice(graph_.scalar(o)));
  }
  choices_.emplace(index, result);
  return result;
}

Scalar Forms::resolve(Scalar s) const {
  while (!s.is_constant() && graph_.node(s.index()).op == Op::kPick) {
    const graph::Node& node = graph_.node(s.index());
    const Scalar index = graph_.pick_index(node);
    if (index.is_constant() || graph_.node(index.index()).op != Op::kDiscrete) return s;
    const int32_t z = leaf(index);
    const auto elements = graph_.pick_elements(node);
    if (z < 0 || z != state_leaf_ || state_ < 1 || state_ > static_cast<int64_t>(elements.size()))
      return s;
    s = graph_.scalar(elements[static_cast<size_t>(state_ - 1)]);
  }
  return s;
}

int32_t Forms::leaf(Scalar s) const {
  s = resolve(s);
  if (s.is_constant()) return -1;
  const graph::Node& node = graph_.node(s.index());
  if (node.op == Op::kDiscrete) {
    return node.first_operand < discrete_.size() ? discrete_[node.first_operand].leaf : -1;
  }
  return node.op == Op::kParameter ? static_cast<int32_t>(node.first_operand) : -1;
}

bool Forms::is_unary(Scalar s, Op op, Scalar& operand) const {
  s = resolve(s);
  if (s.is_constant()) return false;
  const graph::Node& node = graph_.node(s.index());
  if (node.op != op) return false;
  operand = graph_.scalar(graph_.operands(node)[0]);
  return true;
}

bool Forms::polynomial(Scalar s, Form& out) {
  s = resolve(s);
  if (s.is_constant()) {
    out.assign(1, Addend{s.constant(), -1, -1});
    return true;
  }
  if (const int32_t k = leaf(s); k >= 0) {
    out.assign(1, Addend{1, k, -1});
    return true;
  }
  return compute(s.index(), out, 0);
}

bool Forms::compute(graph::NodeIndex index, Form& out, int depth) {
  if (depth > kMaxDepth) return false;
  const graph::Node& node = graph_.node(index);
  if (node.op == Op::kParameter || node.op == Op::kDiscrete) {
    const int32_t k = leaf(Scalar::node(index));
    out.assign(1, Addend{1, k, -1});
    return k >= 0;
  }
  if (const auto found = known_.find(index); found != known_.end()) {
    out = found->second;
    return true;
  }
  const auto operands = graph_.operands(node);
  const auto operand = [&](size_t k, Form& form) {
    const Scalar s = resolve(graph_.scalar(operands[k]));
    if (s.is_constant()) {
      form.assign(1, Addend{s.constant(), -1, -1});
      return true;
    }
    return compute(s.index(), form, depth + 1);
  };
  Form x, y, sum;
  switch (node.op) {
    case Op::kLinComb:
      if (!operand(0, sum)) return false;
      for (size_t k = 1; k + 1 < operands.size(); k += 2) {
        const double c = graph_.constant(operands[k]);
        if (!operand(k + 1, x)) return false;
        for (Addend& a : x) {
          a.c *= c;
          sum.push_back(a);
        }
      }
      normalise(sum);
      break;
    case Op::kMul:
      if (!operand(0, x) || !operand(1, y) || !multiply(x, y, sum)) return false;
      break;
    case Op::kDot:
      for (size_t k = 0; k + 1 < operands.size(); k += 2) {
        Form part;
        if (!operand(k, x) || !operand(k + 1, y) || !multiply(x, y, part)) return false;
        sum.insert(sum.end(), part.begin(), part.end());
      }
      normalise(sum);
      break;
    case Op::kDiv:
      if (!operand(0, sum) || !operand(1, y) || !is_constant(y) || y.empty()) return false;
      for (Addend& a : sum) a.c /= y[0].c;
      break;
    case Op::kElement: {
      const std::vector<double>* matrix = matrix_of(node.array);
      if (matrix == nullptr) return false;
      const graph::ArrayCall& call = graph_.array_calls()[static_cast<size_t>(node.array)];
      const size_t inputs = call.inputs.size();
      const double* row = matrix->data() + static_cast<size_t>(node.first_operand) * (inputs + 1);
      sum.push_back({row[inputs], -1, -1});
      for (size_t k = 0; k < inputs; ++k) {
        if (row[k] == 0) continue;
        const Scalar s = resolve(graph_.scalar(call.inputs[k]));
        if (s.is_constant()) {
          sum.push_back({row[k] * s.constant(), -1, -1});
          continue;
        }
        if (!compute(s.index(), x, depth + 1)) return false;
        for (Addend& a : x) {
          a.c *= row[k];
          sum.push_back(a);
        }
      }
      normalise(sum);
      break;
    }
    default:
      return false;
  }
  out = sum;
  // Elements of a product with data are used once: to keep them would double the data.
  if (node.op != Op::kElement && sum.size() < 64) known_.emplace(index, std::move(sum));
  return true;
}

const std::vector<double>* Forms::matrix_of(int32_t array) {
  if (const auto found = matrices_.find(array); found != matrices_.end()) {
    return found->second.empty() ? nullptr : &found->second;
  }
  std::vector<double>& matrix = matrices_[array];
  const graph::ArrayCall& call = graph_.array_calls()[static_cast<size_t>(array)];
  if (!call.function->linear()) return nullptr;
  constexpr int kLanes = 8;
  const size_t inputs = call.inputs.size();
  const auto outputs = static_cast<size_t>(call.function->num_outputs());
  std::vector<double> in(inputs * kLanes, 0.0), out(outputs * kLanes);
  std::vector<double> scratch(static_cast<size_t>(call.function->scratch_size()) * kLanes + kLanes);
  std::vector<const double*> in_rows(inputs);
  std::vector<double*> out_rows(outputs);
  for (size_t k = 0; k < inputs; ++k) in_rows[k] = &in[k * kLanes];
  for (size_t k = 0; k < outputs; ++k) out_rows[k] = &out[k * kLanes];
  matrix.assign(outputs * (inputs + 1), 0.0);
  const auto run = [&] {
    call.function->forward(in_rows.data(), out_rows.data(), scratch.data(), kLanes);
  };
  run();
  for (size_t j = 0; j < outputs; ++j) matrix[j * (inputs + 1) + inputs] = out[j * kLanes];
  for (size_t first = 0; first < inputs; first += kLanes) {
    for (size_t l = 0; l < kLanes && first + l < inputs; ++l) in[(first + l) * kLanes + l] = 1;
    run();
    for (size_t l = 0; l < kLanes && first + l < inputs; ++l) {
      in[(first + l) * kLanes + l] = 0;
      for (size_t j = 0; j < outputs; ++j) {
        matrix[j * (inputs + 1) + first + l] =
            out[j * kLanes + l] - matrix[j * (inputs + 1) + inputs];
      }
    }
  }
  return &matrix;
}

bool Forms::sum(Scalar s, std::vector<Product>& out) {
  out.clear();
  if (!add_products(s, {}, out, 0)) return false;
  for (Product& p : out) {
    std::sort(p.powers.begin(), p.powers.end());
    size_t kept = 0;
    for (size_t k = 0; k < p.powers.size(); ++k) {
      if (kept > 0 && p.powers[kept - 1].first == p.powers[k].first) {
        p.powers[kept - 1].second += p.powers[k].second;
      } else {
        p.powers[kept++] = p.powers[k];
      }
    }
    p.powers.resize(kept);
    std::erase_if(p.powers, [](const auto& power) { return power.second == 0; });
  }
  std::sort(out.begin(), out.end(),
            [](const Product& x, const Product& y) { return x.powers < y.powers; });
  size_t kept = 0;
  for (size_t k = 0; k < out.size(); ++k) {
    if (kept > 0 && out[kept - 1].powers == out[k].powers) {
      out[kept - 1].c += out[k].c;
    } else if (kept++ < k) {
      out[kept - 1] = std::move(out[k]);
    }
  }
  out.resize(kept);
  std::erase_if(out, [](const Product& p) { return p.c == 0; });
  return true;
}

/// Adds the products of factor * s.
bool Forms::add_products(Scalar s, const Product& factor, std::vector<Product>& out, int depth) {
  if (depth > kMaxDepth || out.size() > kMaxAddends) return false;
  s = resolve(s);
  Product whole = factor;
  if (s.is_constant()) {
    whole.c *= s.constant();
    out.push_back(std::move(whole));
    return true;
  }
  const graph::Node& node = graph_.node(s.index());
  const auto operands = graph_.operands(node);
  const auto scaled = [&](double c) {
    Product p = factor;
    p.c *= c;
    return p;
  };
  /// factor * a * b.
  const auto add_product = [&](Scalar a, Scalar b) {
    std::vector<Product> left;
    if (!add_products(a, factor, left, depth + 1)) return false;
    return std::all_of(left.begin(), left.end(),
                       [&](const Product& p) { return add_products(b, p, out, depth + 1); });
  };
  switch (node.op) {
    case Op::kLinComb:
      if (!add_products(graph_.scalar(operands[0]), factor, out, depth + 1)) return false;
      for (size_t k = 1; k + 1 < operands.size(); k += 2) {
        if (!add_products(graph_.scalar(operands[k + 1]), scaled(graph_.constant(operands[k])), out,
                          depth + 1))
          return false;
      }
      return true;
    case Op::kDot:
      for (size_t k = 0; k + 1 < operands.size(); k += 2) {
        if (!add_product(graph_.scalar(operands[k]), graph_.scalar(operands[k + 1]))) return false;
      }
      return true;
    case Op::kMul:
      return add_product(graph_.scalar(operands[0]), graph_.scalar(operands[1]));
    case Op::kDiv:
      if (!product(graph_.scalar(operands[1]), -1, whole)) return false;
      return add_products(graph_.scalar(operands[0]), whole, out, depth + 1);
    case Op::kElement: {
      const std::vector<double>* matrix = matrix_of(node.array);
      if (matrix == nullptr) return false;
      const auto& inputs = graph_.array_calls()[static_cast<size_t>(node.array)].inputs;
      const double* row =
          matrix->data() + static_cast<size_t>(node.first_operand) * (inputs.size() + 1);
      out.push_back(scaled(row[inputs.size()]));
      for (size_t k = 0; k < inputs.size(); ++k) {
        if (row[k] != 0 && !add_products(graph_.scalar(inputs[k]), scaled(row[k]), out, depth + 1))
          return false;
      }
      return true;
    }
    default:
      if (!product(s, 1, whole)) return false;
      out.push_back(std::move(whole));
      return true;
  }
}

bool Forms::product(Scalar s, double exponent, Product& out) const {
  s = resolve(s);
  if (s.is_constant()) {
    out.c *= std::pow(s.constant(), exponent);
    return std::isfinite(out.c);
  }
  const graph::Node& node = graph_.node(s.index());
  const auto operands = graph_.operands(node);
  const auto operand = [&](size_t k) { return graph_.scalar(operands[k]); };
  switch (node.op) {
    case Op::kParameter: {
      const auto k = static_cast<int32_t>(node.first_operand);
      for (auto& [other, power] : out.powers) {
        if (other == k) {
          power += exponent;
          return true;
        }
      }
      out.powers.emplace_back(k, exponent);
      return true;
    }
    case Op::kMul:
      return product(operand(0), exponent, out) && product(operand(1), exponent, out);
    case Op::kDiv:
      return product(operand(0), exponent, out) && product(operand(1), -exponent, out);
    case Op::kSqrt:
      return product(operand(0), exponent / 2, out);
    case Op::kSquare:
      return product(operand(0), exponent * 2, out);
    case Op::kInv:
      return product(operand(0), -exponent, out);
    case Op::kPow:
      return operand(1).is_constant() && product(operand(0), exponent * operand(1).constant(), out);
    case Op::kLinComb:
      if (operands.size() != 3 || graph_.constant(operands[0]) != 0) return false;
      return product(operand(1), exponent, out) && product(operand(2), exponent, out);
    default:
      return false;
  }
}

}  // namespace vinci::conjugate
