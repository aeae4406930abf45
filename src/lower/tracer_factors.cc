// Tracer: statements of the log density handed over as factors instead of being summed.
#include <algorithm>

#include "lower/factors.h"
#include "lower/tracer.h"

namespace vinci::lower {

using syntax::Expr;
using syntax::ExprId;
using syntax::Operator;
using syntax::Stmt;
using syntax::StmtId;

bool Tracer::gate(ExprId id, FactorArgument& out) {
  const Expr* e = &expr(id);
  while (e->kind == Expr::Kind::kParenthesised) e = &expr(e->args[0]);
  if (e->kind != Expr::Kind::kIndexed) return false;
  const Expr& base = expr(e->args[0]);
  // Globals do not change while the model block runs; what else may stand in a table does.
  if (base.kind != Expr::Kind::kVariable || !base.variable.valid() ||
      program_.variables[base.variable].role != syntax::Variable::Role::kGlobal) {
    return false;
  }
  const Value& root = slots_[static_cast<size_t>(base.variable.index)];
  if (root.type.base == BaseType::kTuple || root.is_complex() ||
      e->indices.size() > root.dims.size()) {
    return false;
  }
  std::vector<int64_t> key{base.variable.index};
  size_t gated = e->indices.size();
  for (size_t k = 0; k < e->indices.size(); ++k) {
    const syntax::IndexExpr& index = e->indices[k];
    if (index.kind != syntax::IndexExpr::Kind::kSingle || expr(index.low).type.array_depth != 0) {
      return false;
    }
    const Scalar at = scalar(index.low);
    if (!at.is_constant()) {
      if (gated != e->indices.size()) return false;
      gated = k;
      out.index = at;
      key.push_back(-1);
    } else {
      const int64_t i = as_int(at, expr(index.low).span, "this index");
      if (i < 1 || i > root.dims[k]) index_error(*e, k, i, root.dims[k]);
      key.push_back(i - 1);
    }
  }
  if (gated == e->indices.size()) return false;
  const auto [found, is_new] =
      gate_ids_.try_emplace(key, static_cast<int32_t>(gate_tables_.size()));
  if (is_new) {
    Value table;
    table.type = Type{e->type.base, e->type.array_depth + 1, {}};
    table.dims.push_back(root.dims[gated]);
    table.dims.insert(table.dims.end(),
                      root.dims.begin() + static_cast<std::ptrdiff_t>(e->indices.size()),
                      root.dims.end());
    int64_t rest = 1;
    for (size_t k = e->indices.size(); k < root.dims.size(); ++k) rest *= root.dims[k];
    for (int64_t choice = 0; choice < root.dims[gated]; ++choice) {
      int64_t offset = 0;
      for (size_t k = 0; k < e->indices.size(); ++k) {
        offset = offset * root.dims[k] + (k == gated ? choice : key[k + 1]);
      }
      for (int64_t r = 0; r < rest; ++r) {
        table.elements.push_back(root.elements[static_cast<size_t>(offset * rest + r)]);
      }
    }
    gate_tables_.push_back(std::move(table));
  }
  out.table_id = found->second;
  out.table = &gate_tables_[static_cast<size_t>(found->second)];
  return true;
}

void Tracer::add_factor(std::string_view density, ExprId outcome, const std::vector<ExprId>& rest,
                        source::Span span) {
  const size_t offset = outcome.valid() ? 1 : 0;
  const size_t count = rest.size() + offset;
  std::vector<FactorArgument>& args = factor_arguments_;
  args.resize(count);
  for (size_t k = 0; k < count; ++k) {
    const ExprId id = k < offset ? outcome : rest[k - offset];
    FactorArgument& arg = args[k];
    arg.table = nullptr;
    arg.table_id = -1;
    if (gate(id, arg)) continue;
    arg.table = nullptr;
    arg.value = evaluate(id);
    promote(arg.value, expr(id).type);
  }
  factors_->factor(density, args, span);
}

void Tracer::factor_of_target(ExprId id, source::Span span) {
  const Expr& e = expr(id);
  if (e.kind == Expr::Kind::kParenthesised) return factor_of_target(e.args[0], span);
  if (e.kind == Expr::Kind::kBinary && e.op == Operator::kPlus) {
    factor_of_target(e.args[0], span);
    factor_of_target(e.args[1], span);
    return;
  }
  if (e.kind == Expr::Kind::kCall && path_.is_constant() && info(id).kind == Kind::kLibraryCall) {
    for (std::string_view suffix : {"_lpdf", "_lupdf", "_lpmf", "_lupmf"}) {
      if (e.name.size() > suffix.size() && std::string_view(e.name).ends_with(suffix)) {
        return add_factor(e.name.substr(0, e.name.size() - suffix.size()), {}, e.args, span);
      }
    }
  }
  Value storage;
  for (const Scalar& s : reference(id, storage).elements) add_target(s, span);
}

bool Tracer::tilde_as_factor(const Stmt& s) {
  if (s.target == syntax::CallTarget::kUser || !path_.is_constant()) return false;
  add_factor(s.name, s.lhs, s.args, s.span);
  if (!s.truncated) return true;
  // A constant mass is a constant addend; any other is for the sink to refuse.
  std::vector<Value> values;
  for (FactorArgument& arg : factor_arguments_) {
    if (arg.table != nullptr) {
      factors_->addend(arg.index, s.span);
      return true;
    }
    values.push_back(arg.value);
  }
  truncate(s, values);
  return true;
}

}  // namespace vinci::lower
