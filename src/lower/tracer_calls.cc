// Tracer: calls of library and user functions, `~` statements and their truncation.
#include <algorithm>
#include <limits>

#include "lower/factors.h"
#include "lower/tracer.h"

namespace vinci::lower {

using source::DiagnosticKind;
using source::Span;
using syntax::Expr;
using syntax::ExprId;
using syntax::FunctionId;
using syntax::Stmt;
using syntax::StmtId;
using syntax::VariableId;

namespace {
/// Recursive programs may use this much of the machine's stack, of which a thread has 8 MiB.
constexpr uintptr_t kMaxStackBytes = uintptr_t{3} << 20;

bool is_density_name(std::string_view name) {
  for (const std::string_view suffix : {"_lpdf", "_lpmf", "_lupdf", "_lupmf"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}
}  // namespace

/// The arguments of one call. Frames are reused, so that a call in a loop allocates nothing.
struct Tracer::ArgumentFrame {
  std::vector<Value> args;
  std::vector<int32_t>
      from_slot;  // the variable whose value args[k] holds for the time of the call, or -1
};

/// Evaluates arguments into a frame. A container that is named by a variable is not copied: its
/// value moves into the frame and back when the call is over, which no one can observe, as
/// functions see no variables but their own.
class Tracer::Arguments {
 public:
  explicit Arguments(Tracer& tracer) : tracer_(tracer) {
    if (tracer.frames_used_ == tracer.frames_.size()) {
      tracer.frames_.push_back(std::make_unique<ArgumentFrame>());
    }
    frame_ = tracer.frames_[tracer.frames_used_++].get();
  }
  ~Arguments() {
    for (size_t k = 0; k < frame_->from_slot.size(); ++k) {
      const int32_t slot = frame_->from_slot[k];
      if (slot >= 0) std::swap(frame_->args[k], tracer_.slots_[static_cast<size_t>(slot)]);
    }
    frame_->from_slot.clear();
    --tracer_.frames_used_;
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  /// `first` (if valid) and then `rest`; promoted to the arguments of `function`, if there is one.
  std::span<Value> fill(ExprId first, const std::vector<ExprId>& rest,
                        const syntax::Function* function) {
    const size_t offset = first.valid() ? 1 : 0;
    const size_t count = rest.size() + offset;
    std::vector<Value>& args = frame_->args;
    if (args.size() < count) args.resize(count);
    const auto id_of = [&](size_t k) { return k < offset ? first : rest[k - offset]; };
    std::vector<int32_t>& moves = frame_->from_slot;
    for (size_t k = 0; k < count; ++k) {
      const Expr& e = tracer_.expr(id_of(k));
      const Type* declared = function != nullptr ? &function->arguments[k].type : nullptr;
      if (e.type.array_depth == 0 &&
          (e.type.base == BaseType::kInt || e.type.base == BaseType::kReal)) {
        const Scalar x = tracer_.scalar(id_of(k));
        set_number(args[k], e.type.base, x);
        if (declared != nullptr) promote(args[k], *declared);
      } else if (!(e.kind == Expr::Kind::kVariable && e.variable.valid() &&
                   (declared == nullptr || *declared == e.type))) {
        args[k] = tracer_.evaluate(id_of(k));
        promote(args[k], declared != nullptr ? *declared : e.type);
      }
    }
    moves.assign(count, -1);
    for (size_t k = 0; k < count; ++k) {
      const Expr& e = tracer_.expr(id_of(k));
      if (e.kind != Expr::Kind::kVariable || !e.variable.valid()) continue;
      if (e.type.array_depth == 0 &&
          (e.type.base == BaseType::kInt || e.type.base == BaseType::kReal)) {
        continue;
      }
      if (function != nullptr && !(function->arguments[k].type == e.type)) continue;
      const auto before = std::find(moves.begin(), moves.begin() + static_cast<std::ptrdiff_t>(k),
                                    e.variable.index);
      if (before != moves.begin() + static_cast<std::ptrdiff_t>(k)) {
        args[k] = args[static_cast<size_t>(before - moves.begin())];
        continue;
      }
      std::swap(args[k], tracer_.slots_[static_cast<size_t>(e.variable.index)]);
      moves[k] = e.variable.index;
    }
    return {args.data(), count};
  }

 private:
  static void set_number(Value& value, BaseType base, Scalar x) {
    value.type.base = base;
    value.type.array_depth = 0;
    value.type.elements.clear();
    value.dims.clear();
    value.members.clear();
    value.elements.assign(1, x);
  }

  Tracer& tracer_;
  ArgumentFrame* frame_;
};

Tracer::Tracer(const syntax::Program& program, graph::Graph& graph, const TraceOptions& options)
    : program_(program),
      g_(graph),
      options_(options),
      call_{graph, nullptr, {}, {}, {}, options.messages},
      slots_(static_cast<size_t>(program.variables.size())),
      infos_(static_cast<size_t>(program.exprs.size())),
      densities_(static_cast<size_t>(program.stmts.size()), nullptr),
      function_variables_(static_cast<size_t>(program.functions.size())),
      function_variables_known_(static_cast<size_t>(program.functions.size()), 0),
      active_calls_(static_cast<size_t>(program.functions.size()), 0),
      assigned_(static_cast<size_t>(program.stmts.size())),
      assigned_known_(static_cast<size_t>(program.stmts.size()), 0) {
  call_.invoke = [this](const Value& function, std::vector<Value> args) {
    return invoke(function, std::move(args));
  };
  for (const Expr& e : program.exprs) {
    if (e.kind == Expr::Kind::kTarget || (e.kind == Expr::Kind::kCall && e.name == "target")) {
      uses_target_ = true;
    }
  }
}

Tracer::~Tracer() = default;

void Tracer::fail(Span span, DiagnosticKind kind, const std::string& message) const {
  throw TraceError{span, kind, message};
}

LibraryFunction Tracer::find_library(std::string_view name) {
  const LibraryTable& table = LibraryTable::instance();
  if (LibraryFunction f = table.find(name)) return f;
  // Densities are always normalised here: _lupdf is _lpdf.
  for (const auto& [from, to] :
       {std::pair<std::string_view, std::string_view>{"_lupdf", "_lpdf"}, {"_lupmf", "_lpmf"}}) {
    if (name.ends_with(from)) {
      return table.find(std::string(name.substr(0, name.size() - from.size())) + std::string(to));
    }
  }
  return nullptr;
}

Value Tracer::call(ExprId id) {
  const Expr& e = expr(id);
  if (e.name == "target" && e.args.empty()) return Value::real(g_.sum(target_));
  const ExprInfo& i = info(id);
  Arguments arguments(*this);
  if (i.kind == Kind::kUserCall) {
    const auto args = arguments.fill({}, e.args, &program_.functions[e.function]);
    return call_user(e.function, args, e.span);
  }
  if (i.function == nullptr) {
    fail(e.name_span.valid() ? e.name_span : e.span, DiagnosticKind::kNotCovered,
         "the function `" + e.name + "` is not covered yet");
  }
  if (g_.has_choices() && is_density_name(e.name)) {
    if (const auto value = density_at_choices(i.function, e.name, e.span, {}, e.args)) {
      return Value::real(*value);
    }
  }
  return call_library(i.function, e.name, e.span, arguments.fill({}, e.args, nullptr));
}

Value Tracer::call_library(LibraryFunction function, std::string_view name, Span span,
                           std::span<const Value> args) {
  // `invoke` may come back here: what the outer call reads has to be as it was.
  const Span outer_span = call_.span;
  const std::string_view outer_name = call_.name;
  call_.span = span;
  call_.name = name;
  Value result = function(call_, args);
  call_.span = outer_span;
  call_.name = outer_name;
  return result;
}

Value Tracer::invoke(const Value& function, std::vector<Value> args) {
  const Span span = call_.span;
  if (!function.function.valid()) {
    const LibraryFunction f = find_library(function.text);
    if (f == nullptr) {
      fail(span, DiagnosticKind::kNotCovered,
           "the function `" + function.text + "` is not covered yet");
    }
    return call_library(f, function.text, span, args);
  }
  const syntax::Function& f = program_.functions[function.function];
  if (f.arguments.size() != args.size()) {
    fail(span, DiagnosticKind::kArgumentCount,
         "`" + f.name + "` is called with " + std::to_string(args.size()) + " arguments; it has " +
             std::to_string(f.arguments.size()));
  }
  for (size_t k = 0; k < args.size(); ++k) promote(args[k], f.arguments[k].type);
  return call_user(function.function, args, span);
}

const std::vector<VariableId>& Tracer::function_variables(FunctionId id) {
  const auto index = static_cast<size_t>(id.index);
  if (!function_variables_known_[index]) {
    function_variables_known_[index] = 1;
    const syntax::Function& f = program_.functions[id];
    for (const auto& argument : f.arguments)
      function_variables_[index].push_back(argument.variable);
    collect_variables(f.body, function_variables_[index]);
  }
  return function_variables_[index];
}

void Tracer::collect_variables(StmtId id, std::vector<VariableId>& out) const {
  if (!id.valid()) return;
  const Stmt& s = stmt(id);
  if (s.variable.valid()) out.push_back(s.variable);
  for (StmtId inner : s.stmts) collect_variables(inner, out);
  collect_variables(s.body, out);
  collect_variables(s.else_body, out);
}

Value Tracer::call_user(FunctionId id, std::span<Value> args, Span span) {
  const syntax::Function& f = program_.functions[id];
  ++call_depth_;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (call_depth_ == 1) stack_base_ = here;
  const uintptr_t used = here < stack_base_ ? stack_base_ - here : here - stack_base_;
  if (call_depth_ > options_.max_call_depth || used > kMaxStackBytes) {
    --call_depth_;
    fail(span, DiagnosticKind::kLimit, "calls are nested too deeply here; does the recursion end?");
  }
  const auto index = static_cast<size_t>(id.index);
  std::vector<Value> saved;
  const bool is_recursive = active_calls_[index] > 0;
  const std::vector<VariableId>& variables = function_variables(id);
  if (is_recursive) {
    saved.reserve(variables.size());
    for (VariableId v : variables) saved.push_back(std::move(slot(v)));
  }
  ++active_calls_[index];
  const Span outer_span = call_.span;
  const std::string_view outer_name = call_.name;
  const Scalar outer_path = path_;
  const Scalar outer_returned = returned_;
  std::vector<PendingReturn> outer_pending;
  outer_pending.swap(pending_);
  returned_ = 0.0;
  const auto swap_arguments = [&] {
    for (size_t k = 0; k < args.size(); ++k) std::swap(slot(f.arguments[k].variable), args[k]);
  };
  swap_arguments();
  const auto restore = [&] {
    swap_arguments();
    if (is_recursive) {
      for (size_t k = 0; k < variables.size(); ++k) slot(variables[k]) = std::move(saved[k]);
    }
    --active_calls_[index];
    --call_depth_;
    call_.span = outer_span;
    call_.name = outer_name;
    set_path(outer_path);
    returned_ = outer_returned;
    pending_.swap(outer_pending);  // outer_pending: this call's
  };
  Flow flow = Flow::kNormal;
  try {
    flow = run(f.body);
  } catch (...) {
    restore();
    throw;
  }
  Value result;
  bool has_result = flow == Flow::kReturn;
  if (has_result) result = std::move(return_value_);
  restore();
  if (f.return_type.base == BaseType::kVoid) return result;
  if (has_result) promote(result, f.return_type);
  for (size_t k = outer_pending.size(); k-- > 0;) {
    PendingReturn& pending = outer_pending[k];
    promote(pending.value, f.return_type);
    if (!has_result) {
      result = std::move(pending.value);
      has_result = true;
      continue;
    }
    Value merged;
    if (!merge_values(g_, pending.condition, pending.value, result, merged)) {
      fail(span, DiagnosticKind::kNotCovered,
           "`" + f.name + "` returns values of different sizes, depending on a parameter");
    }
    result = std::move(merged);
  }
  if (!has_result) {
    // Every path called reject() under a condition on parameters: the value does not matter.
    result.type = f.return_type;
    if (f.return_type.is_scalar()) result.elements.assign(result.is_complex() ? 2 : 1, Scalar(0));
    if (!f.return_type.is_scalar()) {
      fail(span, DiagnosticKind::kRejected, "`" + f.name + "` ends without a value");
    }
  }
  return result;
}

// ---- densities of picked containers
// --------------------------------------------------------------------------------------------

std::optional<Scalar> Tracer::density_at_choices(LibraryFunction function, std::string_view name,
                                                 Span span, ExprId first,
                                                 const std::vector<ExprId>& rest) {
  constexpr int64_t kMaxStates = 4096;
  std::vector<ExprId> ids;
  if (first.valid()) ids.push_back(first);
  ids.insert(ids.end(), rest.begin(), rest.end());
  // Which arguments are picked, and the distinct choices that they make.
  std::vector<std::pair<size_t, Location>> picked;
  std::vector<Choice> choices;
  for (size_t k = 0; k < ids.size(); ++k) {
    const Expr* e = &expr(ids[k]);
    while (e->kind == Expr::Kind::kParenthesised) e = &expr(e->args[0]);
    if (e->type.is_scalar() || e->kind != Expr::Kind::kIndexed || !info(ids[k]).locatable) continue;
    Location at = locate(ids[k]);
    if (at.choices.empty() || at.root->type.base == BaseType::kTuple) continue;
    for (const Choice& c : at.choices) {
      const auto same = std::find_if(choices.begin(), choices.end(), [&](const Choice& other) {
        return other.index.identical(c.index);
      });
      if (same == choices.end()) choices.push_back(c);
    }
    picked.emplace_back(k, std::move(at));
  }
  if (picked.empty()) return {};
  int64_t states = 1;
  for (const Choice& c : choices) states = std::min(states * c.count, kMaxStates + 1);
  if (states > kMaxStates) return {};

  std::vector<Value> args(ids.size());
  for (size_t k = 0; k < ids.size(); ++k) {
    const bool is_picked =
        std::any_of(picked.begin(), picked.end(), [&](const auto& p) { return p.first == k; });
    if (is_picked) continue;
    args[k] = evaluate(ids[k]);
    promote(args[k], expr(ids[k]).type);
  }
  const Scalar outer = path_;
  std::vector<Scalar> values;
  for (int64_t state = 0; state < states; ++state) {
    int64_t left = state;
    std::vector<int64_t> positions(choices.size());
    for (size_t c = choices.size(); c-- > 0;) {
      positions[c] = choices[c].first + left % choices[c].count;
      left /= choices[c].count;
    }
    // What an argument violates in this state is of no concern in the others.
    Scalar here = 1.0;
    for (size_t c = 0; c < choices.size(); ++c) {
      const Scalar is_at =
          g_.apply(graph::Op::kEqual, choices[c].index, static_cast<double>(positions[c] + 1));
      here = here.is_constant() ? is_at : g_.select(here, is_at, 0.0);
    }
    set_path(under_path(here));
    std::optional<Scalar> value;
    for (const auto& [k, at] : picked) {
      Location row{at.root, at.offset, at.depth, {}};
      for (const Choice& choice : at.choices) {
        for (size_t c = 0; c < choices.size(); ++c) {
          if (choices[c].index.identical(choice.index)) row.offset += positions[c] * choice.stride;
        }
      }
      if (k == 1 && picked.size() == 1) value = categorical_of_simplex(name, args, row);
      if (!value) args[k] = read(row, expr(ids[k]).type);
    }
    values.push_back(value ? *value : call_library(function, name, span, args).scalar());
    set_path(outer);
  }
  return chosen_value(choices, values);
}

std::optional<Scalar> Tracer::categorical_of_simplex(std::string_view name,
                                                     std::span<const Value> args,
                                                     const Location& row) const {
  if (!name.starts_with("categorical") || name.starts_with("categorical_logit")) return {};
  const Value& outcome = args[0];
  if (!outcome.is_scalar() || !outcome.elements[0].is_constant()) return {};
  // Parameters are never assigned to: what is declared a simplex is one.
  const auto index = static_cast<int32_t>(row.root - slots_.data());
  if (index < 0 || index >= program_.variables.size()) return {};
  if (program_.variables[VariableId{index}].block != syntax::BlockKind::kParameters) return {};
  const auto type = global_types_.find(index);
  if (type == global_types_.end() || type->second.constraint != ConstraintKind::kSimplex) return {};
  const int64_t size = type->second.dims[0];
  const double y = outcome.elements[0].constant();
  if (row.depth + 1 != row.root->dims.size() || !(y >= 1 && y <= static_cast<double>(size))) {
    return {};
  }
  return g_.log(
      row.root->elements[static_cast<size_t>(row.offset * size) + static_cast<size_t>(y) - 1]);
}

// ---- distributions
// --------------------------------------------------------------------------------------------

void Tracer::tilde(StmtId id) {
  const Stmt& s = stmt(id);
  if (factors_ != nullptr && tilde_as_factor(s)) return;
  Arguments arguments(*this);
  if (s.target == syntax::CallTarget::kUser) {
    const auto args = arguments.fill(s.lhs, s.args, &program_.functions[s.function]);
    add_target(call_user(s.function, args, s.span), s.span, false);
    if (s.truncated) truncate(s, args);
    return;
  }
  LibraryFunction& function = densities_[static_cast<size_t>(id.index)];
  if (function == nullptr) {
    function = find_library(s.name + "_lpdf");
    if (function == nullptr) function = find_library(s.name + "_lpmf");
    if (function == nullptr) {
      fail(s.name_span.valid() ? s.name_span : s.span, DiagnosticKind::kNotCovered,
           "the distribution `" + s.name + "` is not covered yet");
    }
  }
  if (g_.has_choices() && !s.truncated) {
    if (const auto value = density_at_choices(function, s.name, s.span, s.lhs, s.args)) {
      add_target(*value, s.span);
      return;
    }
  }
  const auto args = arguments.fill(s.lhs, s.args, nullptr);
  add_target(call_library(function, s.name, s.span, args), s.span, false);
  if (s.truncated) truncate(s, args);
}

Scalar Tracer::distribution_function(const Stmt& s, const char* suffix, Scalar at,
                                     std::span<Value> args) {
  std::vector<Value> inner;
  const bool is_int = args[0].type.base == BaseType::kInt;
  inner.push_back(is_int ? Value::integer(at) : Value::real(at));
  for (size_t k = 1; k < args.size(); ++k) inner.push_back(args[k]);
  const std::string name = s.name + suffix;
  if (s.target == syntax::CallTarget::kUser) {
    for (int32_t k = 0; k < program_.functions.size(); ++k) {
      const syntax::Function& f = program_.functions[FunctionId{k}];
      if (f.name == name && f.body.valid() && f.arguments.size() == inner.size()) {
        for (size_t a = 0; a < inner.size(); ++a) promote(inner[a], f.arguments[a].type);
        return call_user(FunctionId{k}, inner, s.span).scalar();
      }
    }
  } else if (const LibraryFunction function = find_library(name)) {
    return call_library(function, name, s.span, inner).scalar();
  }
  fail(s.span, DiagnosticKind::kNotCovered,
       "truncation of `" + s.name + "` needs `" + name + "`, which is not covered yet");
}

/// log P(low <= y <= high).
Scalar Tracer::truncation_mass(const Stmt& s, std::span<Value> args, Scalar low, Scalar high) {
  const bool is_int = args[0].type.base == BaseType::kInt;
  const Scalar below = is_int ? g_.sub(low, 1.0) : low;
  if (!s.high.valid()) return distribution_function(s, "_lccdf", below, args);
  const Scalar upper = distribution_function(s, "_lcdf", high, args);
  if (!s.low.valid()) return upper;
  return g_.apply(graph::Op::kLogDiffExp, upper, distribution_function(s, "_lcdf", below, args));
}

void Tracer::truncate(const Stmt& s, std::span<Value> args) {
  Value low, high;
  if (s.low.valid()) low = evaluate(s.low);
  if (s.high.valid()) high = evaluate(s.high);
  const Value& outcome = args[0];
  const size_t count = outcome.elements.size();
  const auto element = [](const Value& value, size_t k) -> Scalar {
    if (value.elements.empty()) return 0.0;
    return value.elements[value.elements.size() == 1 ? 0 : k];
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < count; ++k) {
    const auto inside = [&](Scalar difference) {
      if (difference.is_constant()) {
        if (!(difference.constant() >= 0)) add_target(-infinity, s.span);
      } else {
        call_.span = s.span;
        call_.require(graph::Guard::Kind::kNonNegative, difference,
                      "distance to the truncation bound");
      }
    };
    if (s.low.valid()) inside(g_.sub(outcome.elements[k], element(low, k)));
    if (s.high.valid()) inside(g_.sub(element(high, k), outcome.elements[k]));
  }
  // Where nothing but the outcome varies, the mass is the same for every element.
  bool is_shared = low.elements.size() <= 1 && high.elements.size() <= 1;
  for (size_t a = 1; a < args.size(); ++a) is_shared = is_shared && args[a].is_scalar();
  if (is_shared) {
    if (count == 0) return;
    const Scalar mass = truncation_mass(s, args, element(low, 0), element(high, 0));
    add_target(g_.mul(-static_cast<double>(count), mass), s.span);
    return;
  }
  for (size_t k = 0; k < count; ++k) {
    std::vector<Value> one;
    one.push_back(args[0]);
    for (size_t a = 1; a < args.size(); ++a) {
      const Value& arg = args[a];
      if (arg.elements.size() == count && arg.dims.size() == 1 && !arg.is_scalar()) {
        one.push_back(arg.type.base == BaseType::kInt ? Value::integer(arg.elements[k])
                                                      : Value::real(arg.elements[k]));
      } else {
        one.push_back(arg);
      }
    }
    add_target(g_.neg(truncation_mass(s, one, element(low, k), element(high, k))), s.span);
  }
}

}  // namespace vinci::lower
