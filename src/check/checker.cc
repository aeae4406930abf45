#include "check/checker.h"

#include <algorithm>
#include <utility>

#include "check/check.h"
#include "check/type_rules.h"
#include "source/suggest.h"

namespace vinci::check {

using syntax::Function;
using syntax::Program;

std::string quoted(std::string_view text) {
  std::string result(1, '`');
  result += text;
  result += '`';
  return result;
}
std::string quoted(const Type& type) { return quoted(to_string(type)); }

std::string block_text(BlockKind block) {
  switch (block) {
    case BlockKind::kFunctions:
      return "the functions block";
    case BlockKind::kData:
      return "the data block";
    case BlockKind::kTransformedData:
      return "the transformed data block";
    case BlockKind::kParameters:
      return "the parameters block";
    case BlockKind::kTransformedParameters:
      return "the transformed parameters block";
    case BlockKind::kModel:
      return "the model block";
    case BlockKind::kGeneratedQuantities:
      return "the generated quantities block";
  }
  return {};
}

std::optional<TypedProgram> check(Program program, source::DiagnosticSink& sink) {
  const int errors_before = sink.num_errors();
  Checker(program, sink).run();
  if (sink.num_errors() > errors_before) return std::nullopt;
  return TypedProgram{std::move(program)};
}

void Checker::run() {
  register_functions();
  for (int32_t i = 0; i < program_.functions.size(); ++i) {
    if (program_.functions[FunctionId{i}].body.valid()) check_function_body(FunctionId{i});
  }
  Scope globals(*this);
  for (int i = 1; i < syntax::kNumBlocks; ++i) check_block(static_cast<BlockKind>(i));
}

// ---- names
// ------------------------------------------------------------------------------------------------------

namespace {

/// Names that mean something else in a program wherever they stand.
constexpr std::string_view kReservedNames[] = {"true",  "false",  "repeat", "until",       "then",
                                               "print", "reject", "target", "fatal_error", "void"};

bool same_arguments(const Function& a, const Function& b) {
  return std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const auto& x, const auto& y) { return x.type == y.type; });
}

}  // namespace

const Variable* Checker::find_variable(const std::string& name) const {
  const auto it = visible_.find(name);
  return it == visible_.end() ? nullptr : &program_.variables[it->second];
}

bool Checker::may_be_unparsed(const std::string& name) const {
  const auto& names = program_.unparsed_names;
  if (names.empty()) return false;
  return names.contains(name) || names.contains(name + "_lpdf") || names.contains(name + "_lpmf") ||
         names.contains(std::string(without_suffix(name)));
}

void Checker::check_new_name(const std::string& name, Span span) {
  const Suffix suffix = suffix_of(name);
  if (std::find(std::begin(kReservedNames), std::end(kReservedNames), name) !=
      std::end(kReservedNames)) {
    error(DiagnosticKind::kReservedWord, span,
          quoted(name) + " is a reserved word; it cannot be declared");
  } else if (name.ends_with("__")) {
    error(DiagnosticKind::kReservedWord, span,
          quoted(name) + " ends with `__`; such names are reserved");
  } else if (suffix == Suffix::kLupdf || suffix == Suffix::kLupmf) {
    error(DiagnosticKind::kReservedWord, span,
          quoted(name) +
              " ends with `_lupdf` or `_lupmf`; such names follow from `_lpdf` and `_lpmf`");
  }
}

VariableId Checker::declare(Variable variable) {
  const std::string name = variable.name;
  const Span span = variable.span;
  check_new_name(name, span);
  if (const Variable* other = find_variable(name)) {
    const Span where = other->span;
    error(DiagnosticKind::kRedeclared, span, quoted(name) + " is already declared")
        .note(where, "first declared here");
    // The newer declaration is what later statements were written for, unless it hides a global for
    // good.
    const VariableId id = program_.variables.add(std::move(variable));
    if (std::find(scope_->begin(), scope_->end(), name) != scope_->end()) visible_[name] = id;
    return id;
  }
  // Arguments may hide functions: their names are part of no program outside of the function.
  const auto it = functions_.find(name);
  if (it != functions_.end() && variable.role != Variable::Role::kArgument) {
    error(DiagnosticKind::kRedeclared, span, quoted(name) + " is already the name of a function")
        .note(program_.functions[it->second.front()].name_span, "declared here");
  }
  const VariableId id = program_.variables.add(std::move(variable));
  visible_.emplace(name, id);
  scope_->push_back(name);
  return id;
}

// ---- functions
// --------------------------------------------------------------------------------------------------

void Checker::register_functions() {
  for (int32_t i = 0; i < program_.functions.size(); ++i) register_function(FunctionId{i});
  for (auto& [name, overloads] : functions_) {
    for (FunctionId id : overloads) {
      const Function& function = program_.functions[id];
      if (function.body.valid() || may_be_unparsed(name)) continue;
      error(DiagnosticKind::kNotDefined, function.name_span,
            quoted(name) + " is declared, but has no definition");
    }
  }
}

void Checker::register_function(FunctionId id) {
  const Function& function = program_.functions[id];
  const Suffix suffix = suffix_of(function.name);
  check_new_name(function.name, function.name_span);
  check_signature(function, suffix);
  std::vector<FunctionId>& overloads = functions_[function.name];
  for (FunctionId& other_id : overloads) {
    const Function& other = program_.functions[other_id];
    if (!same_arguments(function, other)) continue;
    const bool same_data =
        std::equal(function.arguments.begin(), function.arguments.end(), other.arguments.begin(),
                   [](const auto& x, const auto& y) { return x.is_data == y.is_data; });
    if (function.return_type != other.return_type) {
      error(DiagnosticKind::kRedeclared, function.name_span,
            quoted(function.name) + " differs from its other declaration in the return type only")
          .note(other.name_span, "it returns " + quoted(other.return_type) + " here");
    } else if (!same_data) {
      error(DiagnosticKind::kRedeclared, function.name_span,
            quoted(function.name) +
                " differs from its other declaration in which arguments are `data`")
          .note(other.name_span, "declared here");
    } else if (!function.body.valid() || other.body.valid()) {
      error(DiagnosticKind::kRedeclared, function.name_span,
            quoted(function.name) + " is already " + (other.body.valid() ? "defined" : "declared") +
                " for these argument types")
          .note(other.name_span, "here");
    }
    if (!other.body.valid()) other_id = id;
    return;
  }
  overloads.push_back(id);
}

void Checker::check_signature(const Function& function, Suffix suffix) {
  const std::string name = quoted(function.name);
  const bool density = takes_bar(suffix);
  if (density && function.return_type != Type::scalar(syntax::BaseType::kReal)) {
    error(DiagnosticKind::kTypeMismatch, function.name_span,
          name + " returns " + quoted(function.return_type) +
              "; functions with this suffix return `real`");
  }
  if (suffix == Suffix::kRng && function.return_type.base == syntax::BaseType::kVoid) {
    error(DiagnosticKind::kTypeMismatch, function.name_span,
          name + " returns nothing; functions that end in `_rng` return a value");
  }
  if (density && function.arguments.empty()) {
    error(DiagnosticKind::kArgumentCount, function.name_span,
          name + " has no arguments; functions with this suffix take the outcome first");
  } else if (suffix == Suffix::kLpdf && is_int_based(function.arguments.front().type)) {
    error(DiagnosticKind::kArgumentType, function.arguments.front().span,
          "the outcome of " + name + " has type " + quoted(function.arguments.front().type) +
              "; a density has a real outcome")
        .with_hint("end the name in `_lpmf`");
  } else if (suffix == Suffix::kLpmf && !is_int_based(function.arguments.front().type)) {
    error(DiagnosticKind::kArgumentType, function.arguments.front().span,
          "the outcome of " + name + " has type " + quoted(function.arguments.front().type) +
              "; a mass function has an int outcome")
        .with_hint("end the name in `_lpdf`");
  }
  if (!is_library_function(function.name) || find_higher_order(function.name) != nullptr ||
      is_laplace_function(function.name)) {
    if (find_higher_order(function.name) != nullptr || is_laplace_function(function.name)) {
      error(DiagnosticKind::kRedeclared, function.name_span,
            name + " is a function of the library that cannot be overloaded");
    }
    return;
  }
  std::vector<Argument> arguments;
  for (const auto& argument : function.arguments) arguments.push_back({argument.type, true});
  const Match match = match_library(function.name, arguments);
  if (match.status == Match::Status::kFound && !match.promoted) {
    error(DiagnosticKind::kRedeclared, function.name_span,
          name + " is already a function of the library for these argument types");
  }
}

void Checker::check_function_body(FunctionId id) {
  Function& function = program_.functions[id];
  block_ = BlockKind::kFunctions;
  function_ = &function;
  function_suffix_ = suffix_of(function.name);
  {
    Scope scope(*this);
    for (syntax::FunctionArgument& argument : function.arguments) {
      Variable variable;
      variable.name = argument.name;
      variable.type = argument.type;
      variable.role = Variable::Role::kArgument;
      variable.block = BlockKind::kFunctions;
      variable.is_data = argument.is_data;
      variable.span = argument.span;
      argument.variable = declare(std::move(variable));
    }
    check_body(function.body);
  }
  const bool whole = std::none_of(
      program_.unparsed.begin(), program_.unparsed.end(),
      [&](const Span& s) { return function.span.begin <= s.begin && s.end <= function.span.end; });
  if (function.return_type.base != syntax::BaseType::kVoid && !function.return_type.is_error() &&
      whole && !never_completes(function.body)) {
    error(DiagnosticKind::kMissingReturn, function.name_span,
          quoted(function.name) + " may reach its end without returning a value of type " +
              quoted(function.return_type));
  }
  function_ = nullptr;
  function_suffix_ = Suffix::kNone;
}

bool Checker::contains_break(StmtId id) const {
  if (!id.valid()) return false;
  const Stmt* statement = &stmt(id);
  while (statement->kind == Stmt::Kind::kIf) {
    if (contains_break(statement->body)) return true;
    if (!statement->else_body.valid()) return false;
    statement = &stmt(statement->else_body);
  }
  switch (statement->kind) {
    case Stmt::Kind::kBreak:
      return true;
    case Stmt::Kind::kBlock:
    case Stmt::Kind::kProfile:
      return std::any_of(statement->stmts.begin(), statement->stmts.end(),
                         [&](StmtId inner) { return contains_break(inner); });
    default:
      return false;  // a loop's own break ends that loop only
  }
}

bool Checker::never_completes(StmtId id) const {
  if (!id.valid()) return false;
  const Stmt* statement = &stmt(id);
  while (statement->kind == Stmt::Kind::kIf) {
    if (!never_completes(statement->body) || !statement->else_body.valid()) return false;
    statement = &stmt(statement->else_body);
  }
  switch (statement->kind) {
    case Stmt::Kind::kReturn:
    case Stmt::Kind::kReject:
    case Stmt::Kind::kFatalError:
      return true;
    case Stmt::Kind::kBlock:
    case Stmt::Kind::kProfile:
      return std::any_of(statement->stmts.begin(), statement->stmts.end(),
                         [&](StmtId inner) { return never_completes(inner); });
    case Stmt::Kind::kWhile: {
      const Expr& condition = expr(statement->expr);
      return condition.kind == Expr::Kind::kIntLiteral && condition.integer != 0 &&
             !contains_break(statement->body);
    }
    default:
      return false;
  }
}

// ---- blocks
// -----------------------------------------------------------------------------------------------------

void Checker::check_block(BlockKind block) {
  block_ = block;
  block_depth_ = 0;
  const auto statements = program_.block(block).stmts;
  if (block != BlockKind::kModel) {
    for (StmtId id : statements) check_stmt(id);
    return;
  }
  Scope locals(*this);
  ++block_depth_;
  for (StmtId id : statements) check_stmt(id);
  --block_depth_;
}

}  // namespace vinci::check
