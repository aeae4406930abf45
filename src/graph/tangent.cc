#include "graph/tangent.h"

#include "graph/passes/passes.h"

namespace vinci::graph {
namespace {

constexpr double kInvSqrt2Pi = 0.39894228040143267794;
constexpr double kTwoOverSqrtPi = 1.12837916709551257390;
constexpr double kHalfLog2Pi = 0.918938533204672741780;

bool is_zero(Scalar s) { return s.is_constant() && s.constant() == 0; }

class TangentBuilder {
 public:
  TangentBuilder(const Graph& from, int dim) : from_(from), to_(std::make_unique<Graph>()) {
    for (int k = 0; k < 2 * dim; ++k) to_->parameter(k);
    dim_ = dim;
  }

  std::unique_ptr<Graph> build() {
    Graph& g = *to_;
    const size_t n = from_.nodes().size();
    const std::vector<char> live = live_nodes(from_);
    value_.resize(n);
    dot_.resize(n);
    std::vector<char> done(from_.array_calls().size(), 0);
    for (size_t i = 0; i < n; ++i) {
      const Node& node = from_.nodes()[i];
      if (node.op == Op::kParameter) {
        value_[i] = g.parameter(static_cast<int>(node.first_operand));
        dot_[i] = g.parameter(dim_ + static_cast<int>(node.first_operand));
      } else if (!live[i]) {
        continue;
      } else if (node.op == Op::kElement) {
        const auto c = static_cast<size_t>(node.array);
        if (!done[c] && !call(from_.array_calls()[c])) return nullptr;
        done[c] = 1;
      } else {
        std::vector<Scalar> x, dx;
        for (const Operand o : from_.operands(node)) {
          x.push_back(value(o));
          dx.push_back(dot(o));
        }
        value_[i] = g.rebuild(node.op, x);
        if (!derivative(node.op, x, dx, value_[i], dot_[i])) return nullptr;
      }
      if (!value_[i].is_constant() && node.range != 0) g.assume(value_[i], node.range);
    }
    for (const Term& t : from_.terms()) {
      const Scalar d = dot_[static_cast<size_t>(t.node)];
      if (!is_zero(d)) g.add_term(d, t.span, false, t.weight);
    }
    for (const Guard& guard : from_.guards())
      g.require(guard.kind, value_[static_cast<size_t>(guard.node)], guard.span, guard.what);
    return std::move(to_);
  }

 private:
  Scalar value(Operand o) const {
    return o.is_constant() ? Scalar(from_.constant(o))
                           : value_[static_cast<size_t>(o.node_index())];
  }
  Scalar dot(Operand o) const {
    return o.is_constant() ? Scalar(0.0) : dot_[static_cast<size_t>(o.node_index())];
  }

  bool call(const ArrayCall& c) {
    Graph& g = *to_;
    std::vector<Scalar> in, in_dot;
    bool varies = false;
    for (const Operand o : c.inputs) {
      in.push_back(value(o));
      in_dot.push_back(dot(o));
      varies = varies || !is_zero(in_dot.back());
    }
    const std::vector<Scalar> out = g.call(c.function, in);
    std::vector<Scalar> out_dot(out.size(), 0.0);
    if (varies && c.function->linear()) {
      out_dot = g.call(c.function, in_dot);
    } else if (varies) {
      const auto* function = dynamic_cast<const HasTangent*>(c.function.get());
      if (function == nullptr) return false;
      out_dot = function->tangent(g, in, out, in_dot);
    }
    for (size_t k = 0; k < out.size(); ++k) {
      value_[static_cast<size_t>(c.outputs[k])] = out[k];
      dot_[static_cast<size_t>(c.outputs[k])] = out_dot[k];
    }
    return true;
  }

  /// result = sum_k d y / d x_k dx_k; false where a partial derivative has no expression.
  bool derivative(Op op, const std::vector<Scalar>& x, const std::vector<Scalar>& dx, Scalar y,
                  Scalar& result) {
    Graph& g = *to_;
    result = 0.0;
    bool varies = false;
    for (const Scalar& d : dx) varies = varies || !is_zero(d);
    if (!varies || y.is_constant()) return true;
    if (x.size() == 1) {
      Scalar partial;
      if (!unary(op, x[0], y, partial)) return false;
      result = is_zero(partial) ? Scalar(0.0) : g.mul(partial, dx[0]);
      return true;
    }
    switch (op) {
      case Op::kLinComb: {
        std::vector<double> c;
        std::vector<Scalar> parts;
        for (size_t k = 1; k + 1 < x.size(); k += 2) {
          c.push_back(x[k].constant());
          parts.push_back(dx[k + 1]);
        }
        result = g.lincomb(0, c, parts);
        return true;
      }
      case Op::kMul:
      case Op::kDot: {
        std::vector<Scalar> a, b;
        for (size_t k = 0; k < x.size(); k += 2) {
          for (const size_t moving : {k, k + 1}) {
            if (is_zero(dx[moving])) continue;
            a.push_back(dx[moving]);
            b.push_back(x[moving == k ? k + 1 : k]);
          }
        }
        result = a.size() == 1 ? g.mul(a[0], b[0]) : g.dot(a, b);
        return true;
      }
      case Op::kLogSumExp: {
        std::vector<Scalar> weight, direction;
        for (size_t k = 0; k < x.size(); ++k) {
          if (is_zero(dx[k])) continue;
          weight.push_back(g.exp(g.sub(x[k], y)));
          direction.push_back(dx[k]);
        }
        result = g.dot(weight, direction);
        return true;
      }
      case Op::kNormalKernel: {  // -z z', z = (x0 - x1) x2
        const Scalar r = g.sub(x[0], x[1]);
        const Scalar z_dot = g.add(g.mul(g.sub(dx[0], dx[1]), x[2]), g.mul(r, dx[2]));
        result = g.neg(g.mul(g.mul(r, x[2]), z_dot));
        return true;
      }
      case Op::kSelect:
        result = g.select(x[0], dx[1], dx[2]);
        return true;
      case Op::kFmin:
        result = g.select(g.apply(Op::kLessEqual, x[0], x[1]), dx[0], dx[1]);
        return true;
      case Op::kFmax:
        result = g.select(g.apply(Op::kLessEqual, x[1], x[0]), dx[0], dx[1]);
        return true;
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kEqual:
        return true;
      default:
        break;
    }
    Scalar partial[2] = {0.0, 0.0};
    if (x.size() != 2 || !binary(op, x[0], x[1], y, !is_zero(dx[0]), !is_zero(dx[1]), partial))
      return false;
    for (size_t k = 0; k < 2; ++k)
      if (!is_zero(dx[k])) result = g.add(result, g.mul(partial[k], dx[k]));
    return true;
  }

  bool unary(Op op, Scalar x, Scalar y, Scalar& d) {
    Graph& g = *to_;
    switch (op) {
      case Op::kExp:
        d = y;
        return true;
      case Op::kLog:
        d = g.inv(x);
        return true;
      case Op::kLog1p:
        d = g.inv(g.add(1.0, x));
        return true;
      case Op::kExpm1:
        d = g.exp(x);
        return true;
      case Op::kSqrt:
        d = g.div(0.5, y);
        return true;
      case Op::kSquare:
        d = g.mul(2.0, x);
        return true;
      case Op::kInv:
        d = g.neg(g.square(y));
        return true;
      case Op::kAbs:
        d = g.select(g.less(0.0, x), 1.0, g.select(g.less(x, 0.0), -1.0, 0.0));
        return true;
      case Op::kSin:
        d = g.apply(Op::kCos, x);
        return true;
      case Op::kCos:
        d = g.neg(g.apply(Op::kSin, x));
        return true;
      case Op::kTan:
        d = g.add(1.0, g.square(y));
        return true;
      case Op::kAsin:
        d = g.inv(g.sqrt(g.sub(1.0, g.square(x))));
        return true;
      case Op::kAcos:
        d = g.neg(g.inv(g.sqrt(g.sub(1.0, g.square(x)))));
        return true;
      case Op::kAtan:
        d = g.inv(g.add(1.0, g.square(x)));
        return true;
      case Op::kSinh:
        d = g.apply(Op::kCosh, x);
        return true;
      case Op::kCosh:
        d = g.apply(Op::kSinh, x);
        return true;
      case Op::kTanh:
        d = g.sub(1.0, g.square(y));
        return true;
      case Op::kAsinh:
        d = g.inv(g.sqrt(g.add(1.0, g.square(x))));
        return true;
      case Op::kAcosh:
        d = g.inv(g.sqrt(g.sub(g.square(x), 1.0)));
        return true;
      case Op::kAtanh:
        d = g.inv(g.sub(1.0, g.square(x)));
        return true;
      case Op::kCbrt:
        d = g.inv(g.mul(3.0, g.square(y)));
        return true;
      case Op::kFloor:
      case Op::kCeil:
      case Op::kRound:
      case Op::kTrunc:
        d = 0.0;
        return true;
      case Op::kInvLogit:  // 1 - y would lose the upper tail
        d = g.mul(y, g.inv_logit(g.neg(x)));
        return true;
      case Op::kLog1pExp:
        d = g.inv_logit(x);
        return true;
      case Op::kLog1mExp:
        d = g.neg(g.exp(g.sub(x, y)));
        return true;
      case Op::kLgamma:
        d = g.digamma(x);
        return true;
      case Op::kDigamma:
        d = g.apply(Op::kTrigamma, x);
        return true;
      case Op::kErf:
        d = g.mul(kTwoOverSqrtPi, g.exp(g.neg(g.square(x))));
        return true;
      case Op::kErfc:
        d = g.mul(-kTwoOverSqrtPi, g.exp(g.neg(g.square(x))));
        return true;
      case Op::kStdNormalCdf:
        d = g.mul(kInvSqrt2Pi, g.exp(g.mul(-0.5, g.square(x))));
        return true;
      case Op::kStdNormalLcdf:
        d = g.exp(g.sub(g.sub(g.mul(-0.5, g.square(x)), kHalfLog2Pi), y));
        return true;
      case Op::kStdNormalQuantile:
        d = g.mul(1 / kInvSqrt2Pi, g.exp(g.mul(0.5, g.square(y))));
        return true;
      default:
        return false;
    }
  }

  /// Partial derivatives where they are wanted.
  bool binary(Op op, Scalar a, Scalar b, Scalar y, bool wants_a, bool wants_b, Scalar* d) {
    Graph& g = *to_;
    switch (op) {
      case Op::kDiv:
        d[0] = g.inv(b);
        if (wants_b) d[1] = g.neg(g.div(y, b));
        return true;
      case Op::kPow:
        if (wants_a) d[0] = g.mul(b, g.pow(a, g.sub(b, 1.0)));
        if (wants_b) d[1] = g.mul(y, g.log(a));
        return true;
      case Op::kAtan2: {
        const Scalar r2 = g.add(g.square(a), g.square(b));
        d[0] = g.div(b, r2);
        d[1] = g.neg(g.div(a, r2));
        return true;
      }
      case Op::kHypot:
        d[0] = g.div(a, y);
        d[1] = g.div(b, y);
        return true;
      case Op::kLogDiffExp:
        d[0] = g.exp(g.sub(a, y));
        d[1] = g.neg(g.exp(g.sub(b, y)));
        return true;
      case Op::kGammaP:
      case Op::kGammaQ: {  // in x: the density of the gamma distribution
        if (wants_a) return false;
        const Scalar density = g.exp(g.sub(g.sub(g.mul(g.sub(a, 1.0), g.log(b)), b), g.lgamma(a)));
        d[1] = op == Op::kGammaP ? density : g.neg(density);
        return true;
      }
      default:
        return false;
    }
  }

  const Graph& from_;
  std::unique_ptr<Graph> to_;
  int dim_ = 0;
  std::vector<Scalar> value_, dot_;
};

}  // namespace

std::unique_ptr<Graph> tangent_graph(const Graph& graph, int dim) {
  auto result = TangentBuilder(graph, dim).build();
  if (!result) return nullptr;
  split_terms(*result);
  flatten_linear(*result);
  return result;
}

}  // namespace vinci::graph
