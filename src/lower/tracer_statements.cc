// Tracer: statements, declarations, control flow. A branch on parameters runs both of its sides and
// selects.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "lower/factors.h"
#include "lower/tracer.h"

namespace vinci::lower {

using source::DiagnosticKind;
using source::Span;
using syntax::BlockKind;
using syntax::Expr;
using syntax::ExprId;
using syntax::Operator;
using syntax::SizedType;
using syntax::Stmt;
using syntax::StmtId;
using syntax::VariableId;

void Tracer::check_limits(Span span) const {
  if (options_.context != nullptr && options_.context->cancelled()) {
    fail(span, DiagnosticKind::kLimit, "the run was interrupted here");
  }
  if (steps_ > options_.max_loop_steps) {
    fail(span, DiagnosticKind::kLimit,
         "the program has run " + std::to_string(options_.max_loop_steps) +
             " statements here without an end; the limit is reached");
  }
  if (static_cast<int64_t>(g_.nodes().size()) > options_.max_nodes) {
    fail(span, DiagnosticKind::kLimit,
         "the density has more than " + std::to_string(options_.max_nodes) + " operations");
  }
}

void Tracer::run_block(BlockKind kind) {
  const syntax::Block& block = program_.block(kind);
  set_path(1.0);
  run_list(block.stmts);
  for (StmtId id : block.stmts) {
    const Stmt& s = stmt(id);
    if (s.kind != Stmt::Kind::kDeclaration) continue;
    const auto found = global_types_.find(s.variable.index);
    if (found != global_types_.end()) {
      check_constraint(found->second, slot(s.variable), s.name, s.name_span);
    }
  }
}

// ---- declarations
// ---------------------------------------------------------------------------------------------

BoundType Tracer::bind_type(const SizedType& type, const std::string& what) {
  BoundType bound;
  bound.base = type.base;
  bound.constraint = type.constraint.kind;
  int64_t total = 1;
  const auto size = [&](ExprId id) {
    const int64_t n = int_value(id, "this size");
    if (n < 0) {
      fail(expr(id).span, DiagnosticKind::kSize,
           "this size of `" + what + "` is " + std::to_string(n) + "; sizes are not negative");
    }
    if (n > 0) total *= n;
    if (total > options_.max_elements) {
      fail(expr(id).span, DiagnosticKind::kLimit,
           "`" + what + "` has more than " + std::to_string(options_.max_elements) + " elements");
    }
    return n;
  };
  for (ExprId id : type.array_dims) bound.array_dims.push_back(size(id));
  for (ExprId id : type.dims) bound.dims.push_back(size(id));
  const bool is_matrix = type.base == BaseType::kMatrix || type.base == BaseType::kComplexMatrix;
  if (is_matrix && bound.dims.size() == 1) {
    bound.dims.push_back(bound.dims[0]);
    total *= std::max<int64_t>(bound.dims[0], 1);
    if (total > options_.max_elements) {
      fail(type.span, DiagnosticKind::kLimit,
           "`" + what + "` has more than " + std::to_string(options_.max_elements) + " elements");
    }
  }
  const auto bound_value = [&](ExprId id, Value& out) {
    if (!id.valid()) return;
    out = evaluate(id);
    if (out.elements.size() != 1) {
      // A container bound has the shape of the variable or of one of its containers.
      const std::vector<int64_t> all = bound.all_dims();
      const bool fits = out.dims.size() <= all.size() &&
                        std::equal(out.dims.rbegin(), out.dims.rend(), all.rbegin());
      if (!fits) {
        fail(expr(id).span, DiagnosticKind::kSize,
             "this bound of `" + what + "` has size " + dims_to_string(out.dims) +
                 ", the variable " + dims_to_string(all));
      }
    }
  };
  bound_value(type.constraint.low, bound.low);
  bound_value(type.constraint.high, bound.high);
  for (const SizedType& element : type.elements) bound.elements.push_back(bind_type(element, what));
  return bound;
}

void Tracer::declare(const Stmt& s) {
  const SizedType& type = s.decl_type;
  Value& variable = slot(s.variable);
  const bool is_number =
      type.array_dims.empty() && (type.base == BaseType::kReal || type.base == BaseType::kInt);
  if (is_number && !s.is_global) {
    const Scalar x = s.expr.valid()                ? scalar(s.expr)
                     : type.base == BaseType::kInt ? Scalar(std::numeric_limits<int32_t>::min())
                                                   : std::numeric_limits<double>::quiet_NaN();
    if (variable.elements.size() == 1 && variable.type == Type::scalar(type.base) &&
        variable.dims.empty()) {
      variable.elements[0] = x;
    } else {
      variable = type.base == BaseType::kInt ? Value::integer(x) : Value::real(x);
    }
    return;
  }
  BoundType bound = bind_type(type, s.name);
  if (s.expr.valid()) {
    Value value = evaluate(s.expr);
    variable = make_undefined(bound);
    Expr name;
    name.kind = Expr::Kind::kVariable;
    name.name = s.name;
    name.span = s.name_span.valid() ? s.name_span : s.span;
    assign_whole(variable, std::move(value), name);
  } else {
    variable = make_undefined(bound);
  }
  if (s.is_global) global_types_[s.variable.index] = std::move(bound);
}

void Tracer::assignment(const Stmt& s) {
  const Expr& lhs = expr(s.lhs);
  const Type number_int = Type::scalar(BaseType::kInt), number_real = Type::scalar(BaseType::kReal);
  const bool is_number = lhs.type == number_int || lhs.type == number_real;
  if (is_number && (lhs.kind == Expr::Kind::kVariable || lhs.kind == Expr::Kind::kIndexed ||
                    lhs.kind == Expr::Kind::kProjection)) {
    const Type& from = expr(s.expr).type;
    if (info(s.lhs).locatable && (from == number_int || from == number_real)) {
      const Scalar value = scalar(s.expr);
      const Location at = locate(s.lhs);
      const auto updated = [&](Scalar before) {
        return s.op == Operator::kNone
                   ? value
                   : binary(s.op, before, value, lhs.type == number_int && from == number_int,
                            s.span);
      };
      if (!at.choices.empty()) {
        assign_chosen(at, updated(s.op == Operator::kNone ? Scalar(0.0) : read_scalar(at)));
        return;
      }
      Scalar& place = at.root->elements[static_cast<size_t>(at.offset)];
      place = updated(place);
      return;
    }
  }
  if (s.op == Operator::kNone) {
    assign(lhs, evaluate(s.expr));
    return;
  }
  Value storage_a, storage_b;
  const Value& a = reference(s.lhs, storage_a);
  const Value& b = reference(s.expr, storage_b);
  call_.span = s.span;
  assign(lhs, apply_binary(call_, s.op, a, b));
}

// ---- the log density
// ------------------------------------------------------------------------------------------

void Tracer::add_target(Scalar value, Span span, bool is_jacobian) {
  if (!path_.is_constant()) value = g_.select(path_, value, 0.0);
  if (factors_ != nullptr) return factors_->addend(value, span);
  g_.add_term(value, span, is_jacobian);
  if (uses_target_) target_.push_back(value);
}

void Tracer::add_target(const Value& value, Span span, bool is_jacobian) {
  if (value.type.base == BaseType::kTuple) {
    for (const Value& member : value.members) add_target(member, span, is_jacobian);
    return;
  }
  for (const Scalar& s : value.elements) add_target(s, span, is_jacobian);
}

// ---- messages
// -------------------------------------------------------------------------------------------------

namespace {

void append_number(std::string& text, Scalar x, bool is_int) {
  if (!x.is_constant()) {
    text += "(depends on parameters)";
  } else if (is_int) {
    text += fmt::format("{}", static_cast<int64_t>(x.constant()));
  } else {
    text += fmt::format("{:g}", x.constant());
  }
}

void append_value(std::string& text, const Value& value, size_t depth, size_t& next) {
  const bool is_tuple = value.type.base == BaseType::kTuple;
  if (depth < value.dims.size()) {
    text += '[';
    for (int64_t k = 0; k < value.dims[depth]; ++k) {
      if (k > 0) text += ',';
      append_value(text, value, depth + 1, next);
    }
    text += ']';
    return;
  }
  if (is_tuple) {
    if (!value.dims.empty()) {
      text += to_string(value.members[next++]);
      return;
    }
    text += '(';
    for (size_t k = 0; k < value.members.size(); ++k) {
      if (k > 0) text += ',';
      text += to_string(value.members[k]);
    }
    text += ')';
    return;
  }
  if (value.is_complex()) {
    text += '(';
    append_number(text, value.elements[next++], false);
    text += ',';
    append_number(text, value.elements[next++], false);
    text += ')';
    return;
  }
  append_number(text, value.elements[next++], value.type.base == BaseType::kInt);
}

}  // namespace

std::string to_string(const Value& value) {
  std::string text;
  size_t next = 0;
  append_value(text, value, 0, next);
  return text;
}

std::string Tracer::message_text(const std::vector<ExprId>& args) {
  std::string text;
  for (ExprId id : args) {
    const Expr& e = expr(id);
    text += e.kind == Expr::Kind::kStringLiteral ? e.text : to_string(evaluate(id));
  }
  return text;
}

Tracer::Flow Tracer::reject(const Stmt& s) {
  const std::string text = message_text(s.args);
  if (path_.is_constant()) {
    fail(s.span, DiagnosticKind::kRejected, text.empty() ? "the program rejects here" : text);
  }
  call_.span = s.span;
  call_.require(graph::Guard::Kind::kNever, 0.0, "reject: " + text);
  return Flow::kDead;
}

// ---- control flow
// ---------------------------------------------------------------------------------------------

Tracer::Flow Tracer::run_list(const std::vector<StmtId>& stmts) {
  for (StmtId id : stmts) {
    const Flow flow = run(id);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Tracer::Flow Tracer::run(StmtId id) {
  const Stmt& s = stmt(id);
  count_step(s.span);
  switch (s.kind) {
    case Stmt::Kind::kDeclaration:
      declare(s);
      return Flow::kNormal;
    case Stmt::Kind::kAssign:
      assignment(s);
      return Flow::kNormal;
    case Stmt::Kind::kTargetPlus:
    case Stmt::Kind::kJacobianPlus: {
      const bool is_jacobian = s.kind == Stmt::Kind::kJacobianPlus;
      if (factors_ != nullptr) {
        factor_of_target(s.expr, s.span);
        return Flow::kNormal;
      }
      const Type& type = expr(s.expr).type;
      if (type.is_scalar()) {
        add_target(scalar(s.expr), s.span, is_jacobian);
      } else {
        Value storage;
        add_target(reference(s.expr, storage), s.span, is_jacobian);
      }
      return Flow::kNormal;
    }
    case Stmt::Kind::kTilde:
      tilde(id);
      return Flow::kNormal;
    case Stmt::Kind::kCall:
      call(s.expr);
      return Flow::kNormal;
    case Stmt::Kind::kPrint:
      if (options_.messages != nullptr) *options_.messages << message_text(s.args) << '\n';
      return Flow::kNormal;
    case Stmt::Kind::kReject:
    case Stmt::Kind::kFatalError:
      return reject(s);
    case Stmt::Kind::kIf:
      return branch(s);
    case Stmt::Kind::kWhile:
      return loop_while(s);
    case Stmt::Kind::kFor:
      return loop_for(s);
    case Stmt::Kind::kForEach:
      return loop_for_each(s);
    case Stmt::Kind::kBlock:
    case Stmt::Kind::kProfile:
      return run_list(s.stmts);
    case Stmt::Kind::kBreak:
      return Flow::kBreak;
    case Stmt::Kind::kContinue:
      return Flow::kContinue;
    case Stmt::Kind::kReturn:
      if (s.expr.valid()) return_value_ = evaluate(s.expr);
      return Flow::kReturn;
    case Stmt::Kind::kEmpty:
      return Flow::kNormal;
  }
  return Flow::kNormal;
}

Tracer::Flow Tracer::branch(const Stmt& s) {
  const Scalar condition = truth(scalar(s.expr));
  if (!condition.is_constant()) return symbolic_branch(s, condition);
  if (condition.constant() != 0) return run(s.body);
  return s.else_body.valid() ? run(s.else_body) : Flow::kNormal;
}

void Tracer::collect_assigned(StmtId id, std::vector<VariableId>& out) const {
  if (!id.valid()) return;
  const Stmt& s = stmt(id);
  const auto add_target_of = [&](const auto& self, ExprId lhs) -> void {
    const Expr& e = expr(lhs);
    if (e.kind == Expr::Kind::kVariable) {
      if (e.variable.valid()) out.push_back(e.variable);
    } else if (e.kind == Expr::Kind::kTuple) {
      for (ExprId part : e.args) self(self, part);
    } else if (!e.args.empty()) {
      self(self, e.args[0]);
    }
  };
  if (s.kind == Stmt::Kind::kAssign) add_target_of(add_target_of, s.lhs);
  for (StmtId inner : s.stmts) collect_assigned(inner, out);
  collect_assigned(s.body, out);
  collect_assigned(s.else_body, out);
}

const std::vector<VariableId>& Tracer::assigned_in(StmtId id) {
  const auto index = static_cast<size_t>(id.index);
  if (!assigned_known_[index]) {
    assigned_known_[index] = 1;
    std::vector<VariableId> all, declared;
    collect_assigned(id, all);
    collect_variables(id, declared);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (VariableId v : all) {
      if (std::find(declared.begin(), declared.end(), v) == declared.end()) {
        assigned_[index].push_back(v);
      }
    }
  }
  return assigned_[index];
}

Tracer::Flow Tracer::symbolic_branch(const Stmt& s, Scalar condition) {
  const Scalar outer = path_;
  const Scalar returned_before = returned_;
  std::vector<VariableId> changed = assigned_in(s.body);
  if (s.else_body.valid()) {
    const std::vector<VariableId>& more = assigned_in(s.else_body);
    changed.insert(changed.end(), more.begin(), more.end());
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  }
  std::vector<Value> before, after_then;
  for (VariableId v : changed) before.push_back(slot(v));

  struct Outcome {
    Flow flow = Flow::kNormal;
    Value value;
    Scalar path;
  };
  const auto side = [&](StmtId body, Scalar path) {
    Outcome out;
    out.path = path;
    set_path(path);
    if (body.valid()) out.flow = run(body);
    if (out.flow == Flow::kReturn) out.value = std::move(return_value_);
    if (out.flow == Flow::kBreak || out.flow == Flow::kContinue) {
      fail(s.span, DiagnosticKind::kNotCovered,
           "a loop is left under a condition that depends on a parameter; vinci needs to know from "
           "the data how "
           "often a loop runs");
    }
    return out;
  };
  Outcome then_side = side(s.body, under_path(condition));
  for (size_t k = 0; k < changed.size(); ++k) {
    after_then.push_back(std::move(slot(changed[k])));
    slot(changed[k]) = std::move(before[k]);
  }
  set_path(outer);
  Outcome else_side = side(s.else_body, under_path(negation(condition)));
  set_path(outer);

  const auto keep_then = [&] {
    for (size_t k = 0; k < changed.size(); ++k) slot(changed[k]) = std::move(after_then[k]);
  };
  const auto return_later = [&](Outcome& side_that_returns) {
    pending_.push_back({side_that_returns.path, std::move(side_that_returns.value)});
    returned_ = g_.select(side_that_returns.path, 1.0, returned_);
  };
  const Flow a = then_side.flow, b = else_side.flow;
  Flow flow = Flow::kNormal;
  if (a == Flow::kReturn && b == Flow::kReturn) {
    if (!merge_values(g_, condition, then_side.value, else_side.value, return_value_)) {
      fail(s.span, DiagnosticKind::kNotCovered,
           "the returned values have different sizes, depending on a parameter");
    }
    return Flow::kReturn;
  }
  if (a == Flow::kDead && b == Flow::kDead) return Flow::kDead;
  if (a == Flow::kDead || b == Flow::kDead) {
    // The density is zero on the side that was rejected: what the other side did holds.
    Outcome& living = a == Flow::kDead ? else_side : then_side;
    if (b == Flow::kDead) keep_then();
    flow = living.flow;
    if (flow == Flow::kReturn) return_value_ = std::move(living.value);
  } else if (a == Flow::kReturn) {
    return_later(then_side);
  } else if (b == Flow::kReturn) {
    return_later(else_side);
    keep_then();
  } else {
    for (size_t k = 0; k < changed.size(); ++k) {
      Value merged;
      if (!merge_values(g_, condition, after_then[k], slot(changed[k]), merged)) {
        fail(s.span, DiagnosticKind::kNotCovered,
             "a variable has different sizes after this branch, depending on a parameter");
      }
      slot(changed[k]) = std::move(merged);
    }
  }
  if (!returned_.identical(returned_before)) set_path(under_path(negation(returned_)));
  return flow;
}

Tracer::Flow Tracer::loop_while(const Stmt& s) {
  while (true) {
    count_step(s.span);
    const Scalar condition = truth(scalar(s.expr));
    if (!condition.is_constant()) {
      fail(expr(s.expr).span, DiagnosticKind::kNotCovered,
           "the condition of this loop depends on a parameter; vinci needs to know from the data "
           "how often a loop runs");
    }
    if (condition.constant() == 0) return Flow::kNormal;
    const Flow flow = run(s.body);
    if (flow == Flow::kBreak) return Flow::kNormal;
    if (flow == Flow::kReturn || flow == Flow::kDead) return flow;
  }
}

Tracer::Flow Tracer::loop_for(const Stmt& s) {
  const int64_t low = int_value(s.low, "the first value of this loop");
  const int64_t high = int_value(s.high, "the last value of this loop");
  slot(s.variable) = Value::integer(static_cast<double>(low));
  for (int64_t i = low; i <= high; ++i) {
    count_step(s.span);
    slot(s.variable).elements[0] = static_cast<double>(i);
    const Flow flow = run(s.body);
    if (flow == Flow::kBreak) return Flow::kNormal;
    if (flow == Flow::kReturn || flow == Flow::kDead) return flow;
  }
  return Flow::kNormal;
}

Tracer::Flow Tracer::loop_for_each(const Stmt& s) {
  const Value list = evaluate(s.expr);
  const Type element = program_.variables[s.variable].type;
  int64_t count = list.dims.empty() ? 0 : list.dims[0];
  const bool is_matrix = list.type.array_depth == 0 && list.dims.size() == 2;
  if (is_matrix) count = list.size();
  for (int64_t k = 0; k < count; ++k) {
    count_step(s.span);
    Value item;
    item.type = element;
    if (is_matrix) {  // element by element, column-major
      const int64_t rows = list.dims[0], cols = list.dims[1];
      const auto w = static_cast<std::ptrdiff_t>(list.is_complex() ? 2 : 1);
      const auto first = static_cast<std::ptrdiff_t>((k % rows) * cols + k / rows) * w;
      item.elements.assign(list.elements.begin() + first, list.elements.begin() + first + w);
    } else {
      item.dims.assign(list.dims.begin() + 1, list.dims.end());
      const auto part = [&](const auto& all, auto& out) {
        const auto size =
            static_cast<std::ptrdiff_t>(all.size()) / static_cast<std::ptrdiff_t>(count);
        const auto at = all.begin() + static_cast<std::ptrdiff_t>(k) * size;
        out.assign(at, at + size);
      };
      if (list.type.base == BaseType::kTuple && list.dims.size() == 1) {
        item = list.members[static_cast<size_t>(k)];
      } else {
        part(list.elements, item.elements);
        part(list.members, item.members);
      }
    }
    slot(s.variable) = std::move(item);
    const Flow flow = run(s.body);
    if (flow == Flow::kBreak) return Flow::kNormal;
    if (flow == Flow::kReturn || flow == Flow::kDead) return flow;
  }
  return Flow::kNormal;
}

}  // namespace vinci::lower
