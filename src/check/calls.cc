// Calls: old names, where a call may stand, overloads of user and library functions, functions that
// take functions.
#include <algorithm>
#include <utility>

#include "check/checker.h"
#include "check/type_rules.h"
#include "source/suggest.h"

namespace vinci::check {

using syntax::BaseType;
using syntax::Function;

namespace {

/// The name under which a function is declared: `_lupdf` and `_lupmf` are other readings of
/// `_lpdf`, `_lpmf`.
std::string declared_name(const std::string& name) {
  switch (suffix_of(name)) {
    case Suffix::kLupdf:
      return std::string(without_suffix(name)) + "_lpdf";
    case Suffix::kLupmf:
      return std::string(without_suffix(name)) + "_lpmf";
    default:
      return name;
  }
}

std::vector<std::string_view> split_alternatives(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    parts.push_back(text.substr(0, blank));
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  }
  return parts;
}

size_t count_arguments(std::string_view signature) {
  const std::string_view arguments = signature.substr(0, signature.find('>'));
  return arguments.empty()
             ? 0
             : static_cast<size_t>(std::count(arguments.begin(), arguments.end(), ',')) + 1;
}

Type result_type(std::string_view letters) {
  std::string signature(1, '>');
  signature += letters;
  return match_signature(signature, {}).return_type;
}

std::string plural(size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

const std::vector<FunctionId>* Checker::find_functions(const std::string& name) const {
  const auto it = functions_.find(declared_name(name));
  return it == functions_.end() ? nullptr : &it->second;
}

bool Checker::is_function_name(const std::string& name) const {
  return find_functions(name) != nullptr || is_library_function(declared_name(name));
}

bool Checker::may_be_data(const Expr& e) const {
  return e.is_data || is_int_based(e.type) ||
         (!in_function() && block_ == BlockKind::kGeneratedQuantities);
}

std::vector<Argument> Checker::arguments_of(std::span<const ExprId> args) const {
  std::vector<Argument> arguments;
  arguments.reserve(args.size());
  for (ExprId id : args) arguments.push_back({expr(id).type, may_be_data(expr(id))});
  return arguments;
}

std::string Checker::signature_text(const Function& function) const {
  const bool bar = takes_bar(suffix_of(function.name));
  std::string text = function.name + "(";
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    if (i > 0) text += bar && i == 1 ? " | " : ", ";
    text += (function.arguments[i].is_data ? "data " : "") + to_string(function.arguments[i].type);
  }
  return text + ") => " + to_string(function.return_type);
}

// ---- one call
// ---------------------------------------------------------------------------------------------------

void Checker::infer_call(ExprId id) {
  Expr& e = expr(id);
  if (find_functions(e.name) == nullptr) warn_deprecated(e);
  const Suffix suffix = suffix_of(e.name);
  const Span name_span = e.name_span.valid() ? e.name_span : e.span;
  e.type = {};

  Call call{e.name, e.name, name_span, e.span, e.args, false};
  if (!is_function_name(e.name)) {
    return report_unknown_function(call);
  }
  check_call_place(e.name, suffix, name_span);
  check_bar(e, suffix);
  const bool user = find_functions(e.name) != nullptr;
  if (suffix == Suffix::kLp || (suffix == Suffix::kRng && block_ != BlockKind::kTransformedData))
    e.is_data = false;
  if (!user) {
    if (const HigherOrder* row = find_higher_order(e.name)) return infer_higher_order(e, *row);
    if (is_laplace_function(declared_name(e.name))) {
      prepare_laplace(e.args);
      const bool any_error = std::any_of(e.args.begin(), e.args.end(),
                                         [&](ExprId arg) { return has_error(expr(arg).type); });
      e.target = CallTarget::kLibrary;
      if (!any_error) e.type = match_library(declared_name(e.name), {}).return_type;
      return;
    }
  }
  for (ExprId arg : e.args) require_value(arg);
  const std::vector<Argument> arguments = arguments_of(e.args);
  e.target = user ? CallTarget::kUser : CallTarget::kLibrary;
  const bool unresolved = std::any_of(arguments.begin(), arguments.end(),
                                      [](const Argument& a) { return has_error(a.type); });
  if (unresolved) return;  // already reported; a guess at the type might only mislead

  const std::optional<Resolution> found = resolve(e.name, arguments);
  if (!found) return report_mismatch(call);
  if (found->ambiguous) {
    source::Diagnostic& diagnostic =
        error(DiagnosticKind::kAmbiguousCall, name_span,
              "several overloads of " + quoted(e.name) + " fit this call equally well");
    const std::vector<FunctionId>& overloads = *find_functions(e.name);
    for (size_t i = 0; i < overloads.size() && i < 5; ++i) {
      const Function& function = program_.functions[overloads[i]];
      diagnostic.note(function.name_span, signature_text(function));
    }
    return;
  }
  e.target = found->target;
  e.function = found->function;
  e.type = found->type;
}

void Checker::warn_deprecated(Expr& e) {
  const Span span = e.name_span.valid() ? e.name_span : e.span;
  if (e.name == "integrate_ode") e.name = "integrate_ode_rk45";
  std::string modern;
  if (e.name.starts_with("integrate_ode_")) {
    modern = "ode_" + e.name.substr(std::string_view("integrate_ode_").size());
  } else if (e.name == "algebra_solver") {
    modern = "solve_powell";
  } else if (e.name == "algebra_solver_newton") {
    modern = "solve_newton";
  } else {
    return;
  }
  sink_.warning(DiagnosticKind::kDeprecatedFunction, span,
                quoted(e.name) + " is an older form of " + quoted(modern) +
                    ", which takes vectors and any " + "further arguments");
}

void Checker::check_call_place(const std::string& name, Suffix suffix, Span span) {
  const auto in_suffix = [&](std::initializer_list<Suffix> allowed) {
    return in_function() &&
           std::find(allowed.begin(), allowed.end(), function_suffix_) != allowed.end();
  };
  const auto in_block = [&](std::initializer_list<BlockKind> allowed) {
    return !in_function() && std::find(allowed.begin(), allowed.end(), block_) != allowed.end();
  };
  std::string rule;
  switch (suffix) {
    case Suffix::kRng:
      if (in_suffix({Suffix::kRng}) ||
          in_block({BlockKind::kTransformedData, BlockKind::kGeneratedQuantities})) {
        return;
      }
      rule =
          "random numbers are drawn only in the transformed data and generated quantities blocks "
          "and in "
          "functions that end in `_rng`";
      break;
    case Suffix::kLp:
      if (in_suffix({Suffix::kLp}) ||
          in_block({BlockKind::kModel, BlockKind::kTransformedParameters}))
        return;
      rule =
          "functions that end in `_lp` are called only in the transformed parameters and model "
          "blocks and in "
          "functions that end in `_lp`";
      break;
    case Suffix::kJacobian:
      if (in_suffix({Suffix::kJacobian}) || in_block({BlockKind::kTransformedParameters})) return;
      rule =
          "functions that end in `_jacobian` are called only in the transformed parameters block "
          "and in "
          "functions that end in `_jacobian`";
      break;
    case Suffix::kLupdf:
    case Suffix::kLupmf:
      if (in_suffix({Suffix::kLpdf, Suffix::kLpmf}) || in_block({BlockKind::kModel})) return;
      rule =
          "unnormalised densities are called only in the model block and in functions that end in "
          "`_lpdf` or "
          "`_lpmf`";
      break;
    default:
      return;
  }
  error(DiagnosticKind::kNotAllowedHere, span, quoted(name) + " cannot be called here: " + rule);
}

void Checker::check_bar(Expr& e, Suffix suffix) {
  const Span span = e.name_span.valid() ? e.name_span : e.span;
  if (takes_bar(suffix)) {
    if (e.conditional || e.args.size() < 2) return;
    e.conditional = true;
    sink_.warning(DiagnosticKind::kDeprecatedSyntax, span,
                  "the outcome of " + quoted(e.name) +
                      " is followed by a comma; the modern form is `" + e.name +
                      "(outcome | ...)`");
  } else if (e.conditional) {
    error(DiagnosticKind::kSyntax, span,
          "the arguments of " + quoted(e.name) +
              " are separated by `|`; only densities and cumulative " +
              "distribution functions (`_lpdf`, `_lpmf`, `_cdf`, ...) take it");
  }
}

// ---- overloads
// --------------------------------------------------------------------------------------------------

std::optional<Checker::Resolution> Checker::resolve_user(
    const std::vector<FunctionId>& overloads, std::span<const Argument> arguments) const {
  std::optional<Resolution> best;
  int best_cost = 0;
  for (FunctionId id : overloads) {
    const Function& function = program_.functions[id];
    if (function.arguments.size() != arguments.size()) continue;
    int cost = 0;
    bool fits = true;
    for (size_t i = 0; fits && i < arguments.size(); ++i) {
      const std::optional<int> step = promotion_cost(arguments[i].type, function.arguments[i].type);
      fits = step.has_value() && (!function.arguments[i].is_data || arguments[i].is_data);
      cost += step.value_or(0);
    }
    if (!fits || (best && cost > best_cost)) continue;
    const bool ambiguous = best && cost == best_cost;
    best = Resolution{CallTarget::kUser, id, function.return_type, ambiguous, cost > 0};
    best_cost = cost;
  }
  return best;
}

std::optional<Checker::Resolution> Checker::resolve(const std::string& name,
                                                    std::span<const Argument> arguments) const {
  std::optional<Resolution> user;
  if (const std::vector<FunctionId>* overloads = find_functions(name)) {
    user = resolve_user(*overloads, arguments);
    if (user && !user->promoted) return user;
  }
  const Match match = match_library(name, arguments);
  if (match.status != Match::Status::kFound) return user;
  if (user && match.promoted) return user;
  return Resolution{CallTarget::kLibrary, {}, match.return_type, false, match.promoted};
}

// ---- faults
// -----------------------------------------------------------------------------------------------------

void Checker::report_unknown_function(const Call& call) {
  if (may_be_unparsed(call.shown)) return;
  if (find_variable(call.shown) != nullptr && !call.tilde) {
    error(DiagnosticKind::kUnknownFunction, call.name_span,
          quoted(call.shown) + " is a variable, not a function")
        .with_hint("elements are written with brackets: `" + call.shown + "[...]`");
    return;
  }
  source::Diagnostic& diagnostic = error(
      DiagnosticKind::kUnknownFunction, call.name_span,
      std::string("there is no ") + (call.tilde ? "density " : "function ") + quoted(call.shown));
  source::NearestName nearest(call.shown);
  if (call.tilde) {
    const Suffix suffix = suffix_of(call.shown);
    const std::string base(without_suffix(call.shown));
    if (suffix != Suffix::kNone &&
        (is_library_density(base) || find_functions(call.shown) != nullptr)) {
      diagnostic.with_hint("write the density without its suffix: `~ " + base + "(...)`");
      return;
    }
    for (const std::string& name : density_names()) nearest.consider(name);
    for (const auto& [name, ids] : functions_) {
      if (takes_bar(suffix_of(name))) nearest.consider(without_suffix(name));
    }
  } else {
    if (is_library_density(call.shown) || find_functions(call.shown + "_lpdf") != nullptr ||
        find_functions(call.shown + "_lpmf") != nullptr) {
      const bool density = is_function_name(call.shown + "_lpdf");
      diagnostic.with_hint("did you mean " + quoted(call.shown + (density ? "_lpdf" : "_lpmf")) +
                           "?");
      return;
    }
    for (const std::string& name : library_names()) nearest.consider(name);
    for (const auto& [name, ids] : functions_) nearest.consider(name);
  }
  if (!nearest.best().empty()) diagnostic.with_hint("did you mean " + quoted(nearest.best()) + "?");
}

std::string Checker::argument_name(const Call& call, int index) const {
  if (call.tilde && index == 0) return "the outcome of " + quoted(call.shown);
  return "argument " + std::to_string(call.tilde ? index : index + 1) + " of " + quoted(call.shown);
}

void Checker::report_mismatch(const Call& call) {
  if (find_functions(call.name) != nullptr && may_be_unparsed(call.shown)) return;
  const std::vector<Argument> arguments = arguments_of(call.args);
  if (const std::vector<FunctionId>* overloads = find_functions(call.name)) {
    return report_user_mismatch(call, *overloads, arguments);
  }
  const Match match = match_library(call.name, arguments);
  const auto index = static_cast<size_t>(std::max(match.argument, 0));
  std::string message;
  Span span = call.name_span;
  DiagnosticKind kind = DiagnosticKind::kArgumentType;
  switch (match.status) {
    case Match::Status::kFound:
    case Match::Status::kUnknownName:
      return report_unknown_function(call);
    case Match::Status::kArgumentCount:
      kind = DiagnosticKind::kArgumentCount;
      message = quoted(call.shown) + " has " + plural(arguments.size(), "argument") +
                (call.tilde ? ", the outcome included" : "") + "; expected " + match.expected;
      break;
    case Match::Status::kArgumentType:
      span = expr(call.args[index]).span;
      message = argument_name(call, match.argument) + " has type " + quoted(arguments[index].type) +
                "; expected " + match.expected;
      break;
    case Match::Status::kDataOnly:
      kind = DiagnosticKind::kDataOnly;
      span = expr(call.args[index]).span;
      message = argument_name(call, match.argument) + " may depend on parameters; it must be data";
      break;
  }
  source::Diagnostic& diagnostic = error(kind, span, std::move(message));
  if (kind == DiagnosticKind::kDataOnly) return;
  for (const std::string& candidate : match.candidates)
    diagnostic.note({}, "candidate: " + candidate);
}

void Checker::report_user_mismatch(const Call& call, const std::vector<FunctionId>& overloads,
                                   std::span<const Argument> arguments) {
  int furthest = -1;
  bool data_only = false;
  std::vector<std::string> expected;
  for (FunctionId id : overloads) {
    const Function& function = program_.functions[id];
    if (function.arguments.size() != arguments.size()) continue;
    int i = 0;
    bool must_be_data = false;
    for (const syntax::FunctionArgument& argument : function.arguments) {
      const Argument& given = arguments[static_cast<size_t>(i)];
      if (!converts(given.type, argument.type)) break;
      must_be_data = argument.is_data && !given.is_data;
      if (must_be_data) break;
      ++i;
    }
    if (i < furthest || static_cast<size_t>(i) >= arguments.size()) continue;
    if (i > furthest) expected.clear();
    furthest = i;
    data_only = must_be_data;
    const std::string text = quoted(function.arguments[static_cast<size_t>(i)].type);
    if (std::find(expected.begin(), expected.end(), text) == expected.end())
      expected.push_back(text);
  }
  source::Diagnostic* diagnostic = nullptr;
  if (furthest < 0) {
    std::string counts;
    for (FunctionId id : overloads) {
      const std::string count = std::to_string(program_.functions[id].arguments.size());
      if (counts.find(count) == std::string::npos) counts += (counts.empty() ? "" : " or ") + count;
    }
    diagnostic = &error(DiagnosticKind::kArgumentCount, call.name_span,
                        quoted(call.shown) + " has " + plural(arguments.size(), "argument") +
                            "; expected " + counts);
  } else if (data_only) {
    diagnostic =
        &error(DiagnosticKind::kDataOnly, expr(call.args[static_cast<size_t>(furthest)]).span,
               argument_name(call, furthest) + " may depend on parameters; it must be data");
  } else {
    std::string list;
    for (size_t i = 0; i < expected.size(); ++i) {
      list += (i == 0 ? "" : i + 1 == expected.size() ? " or " : ", ") + expected[i];
    }
    diagnostic =
        &error(DiagnosticKind::kArgumentType, expr(call.args[static_cast<size_t>(furthest)]).span,
               argument_name(call, furthest) + " has type " +
                   quoted(arguments[static_cast<size_t>(furthest)].type) + "; expected " + list);
  }
  for (size_t i = 0; i < overloads.size() && i < 5; ++i) {
    const Function& function = program_.functions[overloads[i]];
    diagnostic->note(function.name_span, "candidate: " + signature_text(function));
  }
}

// ---- functions that take functions
// ------------------------------------------------------------------------------

std::optional<int> Checker::callback_cost(const Function& callback, const HigherOrder& row,
                                          std::string_view fixed,
                                          std::span<const ExprId> given) const {
  const std::span<const ExprId> forwarded = given.subspan(count_arguments(fixed));
  const size_t own = count_arguments(row.callback);
  if (callback.arguments.size() != own + forwarded.size()) return std::nullopt;
  if (callback.return_type != result_type(row.callback.substr(row.callback.find('>') + 1)))
    return std::nullopt;
  std::vector<Argument> types;
  for (size_t i = 0; i < own; ++i) types.push_back({callback.arguments[i].type, true});
  const SignatureMatch match = match_signature(row.callback, types);
  if (match.argument != -1 || match.promoted) return std::nullopt;
  // Together with the arguments: a `T` of the callback is the `T` of what it is given.
  const std::vector<Argument> fixed_arguments =
      arguments_of(given.subspan(0, count_arguments(fixed)));
  types.insert(types.end(), fixed_arguments.begin(), fixed_arguments.end());
  std::string whole(row.callback.substr(0, row.callback.find('>')));
  whole += ',';
  whole += fixed;
  if (match_signature(whole, types).argument != -1) return std::nullopt;
  int total = 0;
  for (size_t i = 0; i < forwarded.size(); ++i) {
    const syntax::FunctionArgument& argument = callback.arguments[own + i];
    const Expr& value = expr(forwarded[i]);
    const std::optional<int> cost = promotion_cost(value.type, argument.type);
    if (!cost || (argument.is_data && !may_be_data(value))) return std::nullopt;
    total += *cost;
  }
  return total;
}

std::string_view Checker::check_fixed_arguments(Expr& e, const HigherOrder& row) {
  if (e.name.starts_with("reduce_sum") &&
      e.args.size() > 1) {  // slices are of what can be cut and copied
    const Type type = expr(e.args[1]).type;
    const bool sliceable = type.base == BaseType::kInt || type.base == BaseType::kReal ||
                           type.base == BaseType::kVector || type.base == BaseType::kRowVector ||
                           type.base == BaseType::kMatrix;
    if (!sliceable) {
      error(DiagnosticKind::kArgumentType, expr(e.args[1]).span,
            "argument 2 of " + quoted(e.name) + " has type " + quoted(type) +
                "; expected an array of int, real, vector, row_vector or matrix");
      return {};
    }
  }
  const std::span<const ExprId> given = std::span<const ExprId>(e.args).subspan(1);
  const std::vector<std::string_view> alternatives = split_alternatives(row.fixed);
  std::string_view chosen;
  for (std::string_view alternative : alternatives) {
    const size_t count = count_arguments(alternative);
    if (row.variadic ? given.size() >= count : given.size() == count) chosen = alternative;
  }
  if (chosen.empty()) {
    error(DiagnosticKind::kArgumentCount, e.name_span.valid() ? e.name_span : e.span,
          quoted(e.name) + " has " + plural(e.args.size(), "argument") + "; expected " +
              (row.variadic ? "at least " : "") +
              std::to_string(count_arguments(alternatives.front()) + 1) +
              (alternatives.size() > 1
                   ? " or " + std::to_string(count_arguments(alternatives.back()) + 1)
                   : ""));
    return {};
  }
  const std::vector<Argument> arguments = arguments_of(given.subspan(0, count_arguments(chosen)));
  const SignatureMatch match =
      match_signature(std::string(chosen) + ">" + std::string(row.result), arguments);
  if (match.argument == -1) return chosen;
  const auto index = static_cast<size_t>(match.argument);
  const Call call{e.name, e.name, e.name_span, e.span, e.args, false};
  const std::string name = argument_name(call, match.argument + 1);
  if (match.data_only) {
    error(DiagnosticKind::kDataOnly, expr(given[index]).span,
          name + " may depend on parameters; it must be data");
  } else {
    error(DiagnosticKind::kArgumentType, expr(given[index]).span,
          name + " has type " + quoted(arguments[index].type) + "; expected " +
              expected_text(chosen, match.argument));
  }
  return {};
}

void Checker::check_callback_suffix(const Expr& callback, const std::string& caller) {
  const Suffix suffix = suffix_of(callback.name);
  if (suffix == Suffix::kRng || suffix == Suffix::kLp || suffix == Suffix::kJacobian) {
    error(DiagnosticKind::kNotAllowedHere, callback.span,
          quoted(callback.name) + " is given to " + quoted(caller) +
              "; functions that end in `_rng`, `_lp` or `_jacobian` cannot be passed on");
  } else {
    check_call_place(callback.name, suffix, callback.span);
  }
}

void Checker::infer_higher_order(Expr& e, const HigherOrder& row) {
  e.target = CallTarget::kLibrary;
  e.type = {};
  for (size_t i = 1; i < e.args.size(); ++i) require_value(e.args[i]);
  const auto is_function = [&](ExprId id) { return expr(id).type.base == BaseType::kFunction; };
  if (e.args.empty() || !is_function(e.args[0])) {
    if (!e.args.empty() && expr(e.args[0]).type.is_error()) return;
    error(DiagnosticKind::kArgumentType, e.args.empty() ? e.span : expr(e.args[0]).span,
          "argument 1 of " + quoted(e.name) +
              " is not a function; expected the name of a user function");
    return;
  }
  const bool any_error = std::any_of(e.args.begin() + 1, e.args.end(),
                                     [&](ExprId id) { return has_error(expr(id).type); });
  if (any_error) return;
  const std::string_view fixed = check_fixed_arguments(e, row);
  if (fixed.empty()) return;
  Expr& callback = expr(e.args[0]);
  const std::vector<FunctionId>* overloads = find_functions(callback.name);
  if (overloads == nullptr) {
    error(DiagnosticKind::kNotCovered, callback.span,
          quoted(callback.name) +
              " is a library function; wrap it in a user function to give it to " + quoted(e.name));
    return;
  }
  const std::span<const ExprId> given = std::span<const ExprId>(e.args).subspan(1);
  check_callback_suffix(callback, e.name);
  std::optional<int> least;
  int num_least = 0;
  for (FunctionId id : *overloads) {
    const std::optional<int> cost = callback_cost(program_.functions[id], row, fixed, given);
    if (!cost || (least && *cost > *least)) continue;
    num_least = least && *cost == *least ? num_least + 1 : 1;
    least = cost;
    callback.function = id;
  }
  if (num_least > 1) {
    error(DiagnosticKind::kAmbiguousCall, callback.span,
          "several overloads of " + quoted(callback.name) + " fit " + quoted(e.name) +
              " equally well");
    return;
  }
  if (num_least == 1) {
    callback.is_data = true;
    e.function = callback.function;
    e.type = result_type(row.result);
    return;
  }
  std::string expected;
  for (size_t i = 0; i < count_arguments(row.callback); ++i) {
    expected += (i == 0 ? "" : ", ") + expected_text(row.callback, static_cast<int>(i));
  }
  for (ExprId id : given.subspan(count_arguments(fixed)))
    expected += ", " + to_string(expr(id).type);
  const Type returned = result_type(row.callback.substr(row.callback.find('>') + 1));
  source::Diagnostic& diagnostic =
      error(DiagnosticKind::kArgumentType, callback.span,
            quoted(callback.name) + " does not fit " + quoted(e.name) + "; expected a function `(" +
                expected + ") => " + to_string(returned) + "`");
  for (size_t i = 0; i < overloads->size() && i < 5; ++i) {
    const Function& function = program_.functions[(*overloads)[i]];
    diagnostic.note(function.name_span, "declared here: " + signature_text(function));
  }
}

void Checker::prepare_laplace(std::span<const ExprId> args) {
  for (ExprId id : args) {
    Expr& argument = expr(id);
    if (argument.type.base != BaseType::kFunction) continue;
    const std::vector<FunctionId>* overloads = find_functions(argument.name);
    if (overloads != nullptr) argument.function = overloads->front();
    argument.is_data = true;
  }
}

}  // namespace vinci::check
