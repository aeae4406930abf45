#include "syntax/legacy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace vinci::syntax {

using source::DiagnosticKind;

namespace {

// The distributions that had `_log` functions when these were removed (Stan 2.32), by the kind of
// their outcome.
constexpr std::string_view kDiscrete[] = {
    "bernoulli",        "bernoulli_logit",      "bernoulli_logit_glm",  "beta_binomial",
    "binomial",         "binomial_logit",       "categorical",          "categorical_logit",
    "discrete_range",   "hypergeometric",       "multinomial",          "multinomial_logit",
    "neg_binomial",     "neg_binomial_2",       "neg_binomial_2_log",   "neg_binomial_2_log_glm",
    "ordered_logistic", "ordered_logistic_glm", "ordered_probit",       "poisson",
    "poisson_log",      "poisson_log_glm",      "categorical_logit_glm"};
constexpr std::string_view kContinuous[] = {"beta",
                                            "beta_proportion",
                                            "cauchy",
                                            "chi_square",
                                            "dirichlet",
                                            "double_exponential",
                                            "exp_mod_normal",
                                            "exponential",
                                            "frechet",
                                            "gamma",
                                            "gaussian_dlm_obs",
                                            "gumbel",
                                            "inv_chi_square",
                                            "inv_gamma",
                                            "inv_wishart",
                                            "lkj_corr",
                                            "lkj_corr_cholesky",
                                            "lkj_cov",
                                            "logistic",
                                            "loglogistic",
                                            "lognormal",
                                            "multi_gp",
                                            "multi_gp_cholesky",
                                            "multi_normal",
                                            "multi_normal_cholesky",
                                            "multi_normal_prec",
                                            "multi_student_t",
                                            "normal",
                                            "normal_id_glm",
                                            "pareto",
                                            "pareto_type_2",
                                            "rayleigh",
                                            "scaled_inv_chi_square",
                                            "skew_double_exponential",
                                            "skew_normal",
                                            "std_normal",
                                            "student_t",
                                            "uniform",
                                            "von_mises",
                                            "weibull",
                                            "wiener",
                                            "wishart"};

template <size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}
bool is_distribution(std::string_view name) {
  return contains(kDiscrete, name) || contains(kContinuous, name);
}

std::string_view drop_suffix(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.ends_with(suffix)
             ? name.substr(0, name.size() - suffix.size())
             : std::string_view();
}

class Modernise {
 public:
  Modernise(Program& program, const source::SourceMap& sources, LegacyUses& uses)
      : program_(program), sources_(sources), uses_(uses) {}

  void run() {
    for (const Function& function : program_.functions) user_functions_.insert(function.name);
    rename_user_densities();
    const int32_t num_exprs = program_.exprs.size();
    for (int32_t i = 0; i < num_exprs; ++i) {
      const ExprId id{i};
      if (program_.exprs[id].kind == Expr::Kind::kCall) call(id);
      if (program_.exprs[id].kind == Expr::Kind::kVariable && program_.exprs[id].name == "lp__")
        to_target(id);
    }
    for (Stmt& stmt : program_.stmts) statement(stmt);
  }

 private:
  void use(const std::string& form, Span span, std::string message) {
    uses_.add(form, span, message);
  }

  void statement(Stmt& stmt) {
    if (stmt.kind == Stmt::Kind::kCall) {
      const Expr& call = program_.exprs[stmt.expr];
      if (call.name != "increment_log_prob" || call.args.size() != 1 ||
          user_functions_.contains(call.name))
        return;
      use("increment_log_prob", call.name_span,
          "increments of the log density are written `target += ...`; `increment_log_prob(...)` is "
          "the older form");
      stmt.kind = Stmt::Kind::kTargetPlus;
      stmt.expr = call.args[0];
      return;
    }
    if (stmt.kind != Stmt::Kind::kAssign || stmt.op != Operator::kNone) return;
    // `lp__ = lp__ + a + b`; both lp__ have become target().
    if (program_.exprs[stmt.lhs].kind != Expr::Kind::kTarget) return;
    const auto is_sum = [this](ExprId id) {
      return program_.exprs[id].kind == Expr::Kind::kBinary &&
             program_.exprs[id].op == Operator::kAdd;
    };
    ExprId parent;
    ExprId sum = stmt.expr;
    while (is_sum(sum) && is_sum(program_.exprs[sum].args[0])) {
      parent = sum;
      sum = program_.exprs[sum].args[0];
    }
    if (!is_sum(sum) || program_.exprs[program_.exprs[sum].args[0]].kind != Expr::Kind::kTarget) {
      program_.exprs[stmt.lhs].kind = Expr::Kind::kVariable;  // for the checker to refuse
      program_.exprs[stmt.lhs].name = "lp__";
      return;
    }
    const ExprId rest = program_.exprs[sum].args[1];
    if (parent.valid()) program_.exprs[parent].args[0] = rest;
    stmt.kind = Stmt::Kind::kTargetPlus;
    stmt.expr = parent.valid() ? stmt.expr : rest;
    stmt.lhs = {};
  }

  void to_target(ExprId id) {
    Expr& expr = program_.exprs[id];
    use("lp__", expr.span,
        "the log density is `target()`, and is added to with `target += ...`; `lp__` is the older "
        "form");
    expr.kind = Expr::Kind::kTarget;
    expr.name.clear();
  }

  void call(ExprId id) {
    Expr& expr = program_.exprs[id];
    if (expr.conditional || user_functions_.contains(expr.name)) return;
    static constexpr std::pair<std::string_view, std::string_view> kRenamed[] = {
        {"fabs", "abs"},
        {"cov_exp_quad", "gp_exp_quad_cov"},
        {"multiply_log", "lmultiply"},
        {"binomial_coefficient_log", "lchoose"},
    };
    for (const auto& [old_name, new_name] : kRenamed) {
      if (expr.name != old_name) continue;
      use(expr.name, expr.name_span,
          fmt::format("the function is called `{}`; `{}` is the older name", new_name, old_name));
      expr.name = new_name;
      return;
    }
    if (expr.name == "get_lp" && expr.args.empty()) {
      use(expr.name, expr.name_span, "the log density is `target()`; `get_lp()` is the older form");
      expr.kind = Expr::Kind::kTarget;
      expr.name.clear();
    } else if (expr.name == "if_else" && expr.args.size() == 3) {
      if_else(id);
    } else {
      density(expr);
    }
  }

  void if_else(ExprId id) {
    use("if_else", program_.exprs[id].name_span,
        "a choice between two values is written `a ? b : c`; `if_else(a, b, c)` is the older form");
    Expr ternary;
    ternary.kind = Expr::Kind::kTernary;
    ternary.span = program_.exprs[id].span;
    for (ExprId arg : program_.exprs[id].args) {
      if (program_.exprs[arg].kind == Expr::Kind::kTernary) arg = parenthesise(arg);
      ternary.args.push_back(arg);
    }
    const ExprId inner = program_.exprs.add(std::move(ternary));
    Expr& outer = program_.exprs[id];
    outer.kind = Expr::Kind::kParenthesised;
    outer.name.clear();
    outer.args = {inner};
  }

  ExprId parenthesise(ExprId id) {
    Expr expr;
    expr.kind = Expr::Kind::kParenthesised;
    expr.span = program_.exprs[id].span;
    expr.args = {id};
    return program_.exprs.add(std::move(expr));
  }

  void density(Expr& expr) {
    static constexpr struct {
      std::string_view form, old_suffix, new_suffix;
    } kSuffixes[] = {{"ccdf_log", "_ccdf_log", "_lccdf"},
                     {"cdf_log", "_cdf_log", "_lcdf"},
                     {"cdf", "_cdf", "_cdf"}};
    for (const auto& [form, old_suffix, new_suffix] : kSuffixes) {
      const std::string_view distribution = drop_suffix(expr.name, old_suffix);
      if (!is_distribution(distribution) || expr.args.empty()) continue;
      become_conditional(expr, std::string(form), fmt::format("{}{}", distribution, new_suffix));
      return;
    }
    const std::string_view distribution = drop_suffix(expr.name, "_log");
    if (!is_distribution(distribution) || expr.args.empty()) return;
    become_conditional(
        expr, "_log",
        fmt::format("{}{}", distribution, contains(kDiscrete, distribution) ? "_lpmf" : "_lpdf"));
  }

  void become_conditional(Expr& expr, const std::string& form, std::string name) {
    use(form, expr.name_span,
        fmt::format("write `{}({} | ...)`; `{}({}, ...)` is the older form", name,
                    first_argument(expr), expr.name, first_argument(expr)));
    expr.name = std::move(name);
    expr.conditional = true;
  }

  std::string first_argument(const Expr& expr) const {
    const std::string_view text = sources_.text(program_.exprs[expr.args[0]].span);
    return text.size() > 20 ? "y" : std::string(text);
  }

  /// A function `f_log` was a density if `y ~ f(...)` stood anywhere: `f_lpmf` where its outcome is
  /// of ints.
  void rename_user_densities() {
    std::set<std::string> used;
    for (const Stmt& stmt : program_.stmts) {
      if (stmt.kind == Stmt::Kind::kTilde) used.insert(stmt.name);
    }
    std::map<std::string, std::string> renamed;
    for (Function& function : program_.functions) {
      const std::string distribution(drop_suffix(function.name, "_log"));
      if (distribution.empty() || !used.contains(distribution) || function.arguments.empty())
        continue;
      if (is_distribution(distribution) || user_functions_.contains(distribution + "_lpdf") ||
          user_functions_.contains(distribution + "_lpmf")) {
        continue;
      }
      const bool discrete = function.arguments[0].type.base == BaseType::kInt;
      const std::string name = distribution + (discrete ? "_lpmf" : "_lpdf");
      use("_log function", function.name_span,
          fmt::format("a density is named `{}`; `{}` is the older form", name, function.name));
      renamed[function.name] = name;
      function.name = name;
    }
    if (renamed.empty()) return;
    for (Expr& expr : program_.exprs) {
      if (expr.kind != Expr::Kind::kCall && expr.kind != Expr::Kind::kVariable) continue;
      const auto found = renamed.find(expr.name);
      if (found == renamed.end()) continue;
      expr.name = found->second;
      expr.conditional = expr.kind == Expr::Kind::kCall && !expr.args.empty();
    }
    for (const auto& [old_name, name] : renamed) user_functions_.insert(name);
  }

  Program& program_;
  const source::SourceMap& sources_;
  LegacyUses& uses_;
  std::set<std::string> user_functions_;
};

}  // namespace

void LegacyUses::add(const std::string& form, Span span, const std::string& message) {
  Use& use = uses_[form];
  if (use.count++ > 0) return;
  use.first = span;
  use.message = message;
}

void LegacyUses::report(source::DiagnosticSink& sink) const {
  std::vector<const Use*> ordered;
  for (const auto& [form, use] : uses_) ordered.push_back(&use);
  std::sort(ordered.begin(), ordered.end(), [](const Use* a, const Use* b) {
    return std::pair(a->first.file, a->first.begin) < std::pair(b->first.file, b->first.begin);
  });
  for (const Use* use : ordered) {
    auto& warning = sink.warning(DiagnosticKind::kDeprecatedSyntax, use->first, use->message);
    if (use->count > 1) warning.note({}, fmt::format("and {} more", use->count - 1));
  }
}

void modernise(Program& program, const source::SourceMap& sources, LegacyUses& uses) {
  Modernise(program, sources, uses).run();
}

}  // namespace vinci::syntax
