#include "check/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "check/library.h"
#include "source/render.h"
#include "source/source_file.h"
#include "syntax/parse.h"

namespace vinci::check {
namespace {

namespace fs = std::filesystem;
using source::Severity;
using syntax::BaseType;
using syntax::Expr;
using syntax::ExprId;
using syntax::Program;
using syntax::Stmt;
using syntax::Type;

/// One program on its way through parser and checker.
struct Compiled {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  std::optional<TypedProgram> typed;

  explicit Compiled(const std::string& text) { compile(sources.add("m.stan", text)); }
  explicit Compiled(const fs::path& path) {
    compile(sources.add_from_path(path.string(), source::kMaxProgramBytes, sink));
  }
  void compile(source::FileId file) {
    Program program = syntax::parse(file, sources, sink);
    const bool parsed = !sink.has_errors();
    typed = check(std::move(program), sink);
    if (!parsed) typed.reset();
  }
  std::string rendered() const { return source::render_text(sink, sources); }
  /// `kind at line:col` of every diagnostic of a severity, in order.
  std::vector<std::string> found(Severity severity) const {
    std::vector<std::string> list;
    for (const source::Diagnostic& diagnostic : sink.diagnostics()) {
      if (diagnostic.severity != severity) continue;
      std::string place = sources.describe(diagnostic.span);
      place = place.substr(place.rfind(':', place.rfind(':') - 1) + 1);
      list.push_back(std::string(source::kind_id(diagnostic.kind)) + " at " + place);
    }
    return list;
  }
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> programs_below(const fs::path& folder) {
  std::vector<fs::path> list;
  if (!fs::exists(folder)) return list;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".stan") list.push_back(entry.path());
  }
  std::sort(list.begin(), list.end());
  return list;
}

// ---- laws of a checked program
// ----------------------------------------------------------------------------------

/// Expressions that statements reach, function names given to higher-order functions included.
class Reachable {
 public:
  explicit Reachable(const Program& program) : program_(program) {
    for (const syntax::Function& function : program.functions) {
      if (function.body.valid()) visit(function.body);
    }
    for (const syntax::Block& block : program.blocks) {
      for (syntax::StmtId id : block.stmts) visit(id);
    }
  }
  std::vector<ExprId> exprs;
  std::vector<syntax::StmtId> stmts;

 private:
  void visit(ExprId id) {
    if (!id.valid()) return;
    exprs.push_back(id);
    const Expr& e = program_.exprs[id];
    for (ExprId child : e.args) visit(child);
    for (const syntax::IndexExpr& index : e.indices) {
      visit(index.low);
      visit(index.high);
    }
  }
  void visit(const syntax::SizedType& type) {
    for (ExprId id : type.array_dims) visit(id);
    for (ExprId id : type.dims) visit(id);
    visit(type.constraint.low);
    visit(type.constraint.high);
    for (const syntax::SizedType& element : type.elements) visit(element);
  }
  void visit(syntax::StmtId id) {
    if (!id.valid()) return;
    stmts.push_back(id);
    const Stmt& s = program_.stmts[id];
    visit(s.decl_type);
    for (ExprId e : {s.lhs, s.expr, s.low, s.high}) visit(e);
    for (ExprId e : s.args) visit(e);
    for (syntax::StmtId inner : s.stmts) visit(inner);
    visit(s.body);
    visit(s.else_body);
  }
  const Program& program_;
};

void expect_laws(const Program& program, const std::string& where) {
  const Reachable reachable(program);
  for (ExprId id : reachable.exprs) {
    const Expr& e = program.exprs[id];
    if (e.kind == Expr::Kind::kStringLiteral) continue;
    ASSERT_NE(e.type.base, BaseType::kError) << where << ": " << e.name;
    if (e.kind == Expr::Kind::kVariable) {
      ASSERT_NE(e.variable.valid(), e.function.valid()) << where << ": " << e.name;
      ASSERT_EQ(e.type.base == BaseType::kFunction, e.function.valid()) << where << ": " << e.name;
    }
    if (e.kind != Expr::Kind::kCall) continue;
    ASSERT_NE(e.target, syntax::CallTarget::kUnresolved) << where << ": " << e.name;
    if (e.target == syntax::CallTarget::kUser) {
      ASSERT_TRUE(e.function.valid() && program.functions[e.function].body.valid())
          << where << ": " << e.name;
    }
  }
  for (syntax::StmtId id : reachable.stmts) {
    const Stmt& s = program.stmts[id];
    const bool names = s.kind == Stmt::Kind::kDeclaration || s.kind == Stmt::Kind::kFor ||
                       s.kind == Stmt::Kind::kForEach;
    ASSERT_EQ(s.variable.valid(), names) << where << ": " << s.name;
    if (s.kind == Stmt::Kind::kTilde) {
      ASSERT_NE(s.target, syntax::CallTarget::kUnresolved) << where << ": " << s.name;
    }
  }
}

TEST(GoodPrograms, KeepTheLaws) {
  const fs::path tests = fs::path(VINCI_SOURCE_DIR) / "tests";
  std::vector<fs::path> list = programs_below(tests / "programs" / "good");
  for (const char* folder : {"programs/legacy", "posteriors"}) {
    const std::vector<fs::path> more = programs_below(tests / folder);
    list.insert(list.end(), more.begin(), more.end());
  }
  ASSERT_FALSE(list.empty());
  for (const fs::path& path : list) {
    const Compiled compiled(path);
    EXPECT_TRUE(compiled.typed.has_value()) << compiled.rendered();
    if (compiled.typed) expect_laws(compiled.typed->program, path.filename().string());
  }
}

/// The first line of each says what is wrong, as `// expect: kind at line:col`.
TEST(BadPrograms, AreRefusedWhereTheySay) {
  const std::vector<fs::path> list =
      programs_below(fs::path(VINCI_SOURCE_DIR) / "tests" / "programs" / "bad");
  ASSERT_FALSE(list.empty());
  for (const fs::path& path : list) {
    const std::string text = read(path);
    const std::string head = "// expect: ";
    ASSERT_TRUE(text.starts_with(head)) << path;
    const std::string expected = text.substr(head.size(), text.find_first_of("\r\n") - head.size());
    const Compiled compiled(path);
    const std::vector<std::string> errors = compiled.found(Severity::kError);
    ASSERT_FALSE(errors.empty()) << path.filename() << " is accepted; expected " << expected;
    EXPECT_EQ(errors.front(), expected) << compiled.rendered();
  }
}

// ---- faults
// -----------------------------------------------------------------------------------------------------

struct Fault {
  const char* program;
  std::vector<std::string> errors;
};

TEST(Faults, AllIndependentOnesAndNoOthers) {
  const std::vector<Fault> faults = {
      {"model { y ~ normal(0, 1); real a = y + y; z = y; }",
       {"unknown-identifier at 1:9", "unknown-identifier at 1:43"}},
      {"model { real a = nope(1) + 2; vector[2] b = a * nope2(a); int c = 1.5; }",
       {"unknown-function at 1:18", "unknown-function at 1:49", "type-mismatch at 1:67"}},
      {"parameters { int<lower=0, upper=3> k; int n; }", {"not-allowed-here at 1:39"}},
      {"parameters { int<lower=0> a; int<upper=0> b; tuple(real, int) c; real x; }",
       {"not-allowed-here at 1:14", "not-allowed-here at 1:30", "not-allowed-here at 1:46"}},
      {"parameters { int<lower=0, upper=3> k; int<lower=k, upper=9> j; }", {"data-only at 1:49"}},
      {"parameters { real x; } transformed data { real y = x; }", {"block-order at 1:24"}},
      {"transformed data { vector[3] v; row_vector[3] w; vector[3] s = v + w; }",
       {"operand-type at 1:64"}},
      {"transformed data { array[2] real a; real s = sum(a + a); }", {"operand-type at 1:50"}},
      {"parameters { real x; vector[x > 0] y; }", {"data-only at 1:29"}},
      {"parameters { real x; } model { target += to_int(x); }", {"data-only at 1:49"}},
      {"functions { real f(data real x) { return x; } } parameters { real y; } model { target += "
       "f(y); }",
       {"data-only at 1:92"}},
      {"functions { real f(real x); } model { target += f(1); }", {"not-defined at 1:18"}},
      {"functions { int f(int n) { if (n > 0) return 1; } }", {"missing-return at 1:17"}},
      {"functions { void f(real x) { return; } } model { real y = f(1); }",
       {"type-mismatch at 1:59"}},
      {"functions { real f(real x) { return x; } } model { f(1); }", {"type-mismatch at 1:52"}},
      {"functions { real f(real x) { return x; } real f(real y) { return y; } }",
       {"redeclared at 1:47"}},
      {"functions { real exp(real x) { return x; } }", {"redeclared at 1:18"}},
      {"functions { real normal_lpdf(int x, real m) { return m; } }", {"argument-type at 1:30"}},
      {"generated quantities { array[2] int i = {1, 2}; i[i[1]] = 2; }",
       {"not-assignable at 1:51"}},
      {"generated quantities { array[2, 2] int i; i[:][1] = {1, 2}; }", {"not-assignable at 1:43"}},
      {"generated quantities { int a; (a, a) = (1, 2); }", {"not-assignable at 1:35"}},
      {"generated quantities { tuple(int, int) a; (a.1, a.2) = (1, 2); }", {}},
      {"model { real mu; 3.1 ~ bernoulli(0.3); }", {"argument-type at 1:18"}},
      {"model { 1 ~ normal(0, 1) T[0, ]; 1 ~ poisson_log(2) T[0, ]; }",
       {"not-allowed-here at 1:34"}},
      {"model { target += normal_rng(0, 1); }", {"not-allowed-here at 1:19"}},
      {"generated quantities { real x = normal_lupdf(1 | 0, 1); }", {"not-allowed-here at 1:33"}},
      {"functions { real f(real x) { return x; } real g(real x) { return f; } }",
       {"type-mismatch at 1:66"}},
      {"generated quantities { real x = reject_me; reject(\"x\", 1); real y = 1 ? 2 : {3}; }",
       {"unknown-identifier at 1:33", "type-mismatch at 1:69"}},
      {"functions { vector f(real t, vector y, real a) { return y; } } "
       "generated quantities { array[1] vector[1] z = ode_rk45(f, [1]', 0, {1.0}, 2); }",
       {}},
      {"functions { vector f(real t, vector y, real a) { return y; } } "
       "generated quantities { array[1] vector[1] z = ode_rk45(f, [1]', 0, {1.0}); }",
       {"argument-type at 1:119"}},
  };
  for (const Fault& fault : faults) {
    const Compiled compiled{std::string(fault.program)};
    EXPECT_EQ(compiled.found(Severity::kError), fault.errors) << fault.program << "\n"
                                                              << compiled.rendered();
    EXPECT_EQ(compiled.typed.has_value(), fault.errors.empty()) << fault.program;
  }
}

// What the parser could not read is neither checked nor missed.
TEST(Faults, AreFoundBesideSyntaxErrors) {
  const std::vector<Fault> faults = {
      {"model { real a = ; real b = nope; }", {"syntax at 1:18", "unknown-identifier at 1:29"}},
      {"data { vector[3 y; real x; } model { y ~ normal(0, x); real z = w; }",
       {"syntax at 1:17", "unknown-identifier at 1:65"}},
      {"functions { real f(real x { return x; } } model { target += f(1); int k = 1.5; }",
       {"syntax at 1:27", "type-mismatch at 1:75"}},
      {"functions { real foo_lpdf(real y, ) { return y; } } "
       "model { 1.0 ~ foo(); target += foo_lpdf(1 | 2); }",
       {"syntax at 1:35"}},
      {"functions { real f(real x) { retrun x; } } model { }", {"syntax at 1:30"}},
      {"functions { real f(real x); real f(real x) { real a = ; } } model { real y = f(1); }",
       {"syntax at 1:55"}},
      {"model { for (i in 1:) { real a; } real b = nope; }",
       {"syntax at 1:21", "unknown-identifier at 1:44"}},
      {"dota { int N; } model { real a = N; }", {"syntax at 1:1"}},
  };
  for (const Fault& fault : faults) {
    const Compiled compiled{std::string(fault.program)};
    EXPECT_EQ(compiled.found(Severity::kError), fault.errors) << fault.program << "\n"
                                                              << compiled.rendered();
    EXPECT_FALSE(compiled.typed.has_value());
  }
}

TEST(Faults, SayWhatWasFoundAndWhatIsTaken) {
  EXPECT_EQ(
      Compiled(std::string(
                   "data { vector[2] y; array[2, 2] int k; }\nmodel {\n  y ~ normal(0, k);\n}\n"))
          .rendered(),
      "m.stan:3:17: error: argument 2 of `normal` has type `array[,] int`; expected real, vector, "
      "row_vector or "
      "array of real [argument-type]\n"
      "    y ~ normal(0, k);\n"
      "                  ^\n"
      "note: candidate: normal_lpdf(reals | reals, reals) => real\n");
}

TEST(Faults, SuggestNames) {
  const auto hint = [](const char* program) {
    const Compiled compiled{std::string(program)};
    return compiled.sink.diagnostics().empty() ? "" : compiled.sink.diagnostics().front().hint;
  };
  EXPECT_EQ(hint("data { real theta; } model { theta ~ normal(thta, 1); }"),
            "did you mean `theta`?");
  EXPECT_EQ(hint("model { 1.0 ~ norml(0, 1); }"), "did you mean `normal`?");
  EXPECT_EQ(hint("model { 1.0 ~ normal_lpdf(0, 1); }"),
            "write the density without its suffix: `~ normal(...)`");
  EXPECT_EQ(hint("model { target += normal(1, 0, 1); }"), "did you mean `normal_lpdf`?");
  EXPECT_EQ(hint("model { target += squar(2); }"), "did you mean `square`?");
}

TEST(Warnings, ShowTheModernForm) {
  const Compiled division(std::string("transformed data { real x = 1 / 2; real y = 4 / 2; }"));
  EXPECT_TRUE(division.typed.has_value());
  EXPECT_EQ(division.found(Severity::kWarning),
            std::vector<std::string>{"integer-division at 1:29"});
}

// ---- types
// ------------------------------------------------------------------------------------------------------

/// Types of the last expression of `transformed data`, given declarations.
std::string type_of(const std::string& expression) {
  const Compiled compiled(
      "functions { int f(int x) { return x; } real f(real x) { return x; } complex f(complex x) { "
      "return x; } }\n"
      "data { int n; real r; complex z; vector[2] v; row_vector[2] w; matrix[2, 2] m; "
      "complex_matrix[2, 2] M;\n"
      "  array[2] int i; array[2, 3] real a; array[4] matrix[2, 2] am; tuple(int, array[2] "
      "vector[2]) t; }\n"
      "transformed data { print(" +
      expression + "); }\n");
  if (!compiled.typed) return "error";
  const Program& program = compiled.typed->program;
  const syntax::StmtId last = program.block(syntax::BlockKind::kTransformedData).stmts.back();
  return to_string(program.exprs[program.stmts[last].args[0]].type);
}

TEST(Types, OfIndexing) {
  EXPECT_EQ(type_of("a[1]"), "array[] real");
  EXPECT_EQ(type_of("a[:, 1]"), "array[] real");
  EXPECT_EQ(type_of("a[i, 1:2]"), "array[,] real");
  EXPECT_EQ(type_of("m[1]"), "row_vector");
  EXPECT_EQ(type_of("m[:, 1]"), "vector");
  EXPECT_EQ(type_of("m[1, i]"), "row_vector");
  EXPECT_EQ(type_of("m[i, :2]"), "matrix");
  EXPECT_EQ(type_of("m[1][2]"), "real");
  EXPECT_EQ(type_of("M[1, 1]"), "complex");
  EXPECT_EQ(type_of("am[2:, 1]"), "array[] row_vector");
  EXPECT_EQ(type_of("am[2, :, 1]"), "vector");
  EXPECT_EQ(type_of("am[1, 1, 1, 1]"), "error");
  EXPECT_EQ(type_of("v[r]"), "error");
  EXPECT_EQ(type_of("t.2[1]"), "vector");
  EXPECT_EQ(type_of("t.3"), "error");
}

TEST(Types, OfOperatorsAndLiterals) {
  EXPECT_EQ(type_of("n / n"), "int");
  EXPECT_EQ(type_of("n ^ n"), "real");
  EXPECT_EQ(type_of("n + r"), "real");
  EXPECT_EQ(type_of("r * z"), "complex");
  EXPECT_EQ(type_of("v * w"), "matrix");
  EXPECT_EQ(type_of("w * v"), "real");
  EXPECT_EQ(type_of("m \\ v"), "vector");
  EXPECT_EQ(type_of("w / m"), "row_vector");
  EXPECT_EQ(type_of("v'"), "row_vector");
  EXPECT_EQ(type_of("-m"), "matrix");
  EXPECT_EQ(type_of("r % n"), "error");
  EXPECT_EQ(type_of("r < n"), "int");
  EXPECT_EQ(type_of("z < n"), "error");
  EXPECT_EQ(type_of("{1, 2.5}"), "array[] real");
  EXPECT_EQ(type_of("{{1}, {2}}"), "array[,] int");
  EXPECT_EQ(type_of("[1, 2]"), "row_vector");
  EXPECT_EQ(type_of("[w, w]"), "matrix");
  EXPECT_EQ(type_of("[v, v]"), "error");
  EXPECT_EQ(type_of("(n, r)"), "tuple(int, real)");
  EXPECT_EQ(type_of("n ? n : r"), "real");
  EXPECT_EQ(type_of("n ? v : w"), "error");
}

TEST(Types, OfOverloads) {
  EXPECT_EQ(type_of("f(n)"), "int");
  EXPECT_EQ(type_of("f(r)"), "real");
  EXPECT_EQ(type_of("f(z)"), "complex");
  EXPECT_EQ(type_of("f(v)"), "error");
}

TEST(Types, OfDataAndParameters) {
  const Compiled compiled(std::string(
      "data { int n; vector[n] x; } parameters { real b; }\n"
      "model { real s = 0; for (i in 1:n) { s += x[i] * b; } print(x[n], b, s, 2 * n); }"));
  ASSERT_TRUE(compiled.typed.has_value()) << compiled.rendered();
  const Program& program = compiled.typed->program;
  const Stmt& print = program.stmts[program.block(syntax::BlockKind::kModel).stmts.back()];
  const bool expected[] = {true, false, false, true};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(program.exprs[print.args[i]].is_data, expected[i]) << i;
}

TEST(Dump, ShowsTypesAndTargets) {
  const Compiled compiled(std::string("parameters { real mu; } model { mu ~ normal(0, 1); }"));
  ASSERT_TRUE(compiled.typed.has_value());
  EXPECT_EQ(dump_typed(*compiled.typed),
            "parameters block\n"
            "  declare mu : real\n"
            "model block\n"
            "  ~ library normal\n"
            "    mu : real\n"
            "    int 0 : int data\n"
            "    int 1 : int data\n");
}

// ---- size
// -------------------------------------------------------------------------------------------------------

/// A tree that no parser makes, but a program built in memory may be: 100,000 additions, leaning
/// left.
TEST(Depth, OfExpressionsIsUnlimited) {
  Program program;
  const auto literal = [&] {
    Expr one;
    one.kind = Expr::Kind::kIntLiteral;
    one.integer = 1;
    return program.exprs.add(one);
  };
  ExprId sum = literal();
  for (int i = 0; i < 100'000; ++i) {
    Expr add;
    add.kind = Expr::Kind::kBinary;
    add.op = syntax::Operator::kAdd;
    add.args = {sum, literal()};
    sum = program.exprs.add(add);
  }
  Stmt increment;
  increment.kind = Stmt::Kind::kTargetPlus;
  increment.expr = sum;
  program.block(syntax::BlockKind::kModel).present = true;
  program.block(syntax::BlockKind::kModel).stmts.push_back(program.stmts.add(increment));
  source::DiagnosticSink sink;
  const std::optional<TypedProgram> typed = check(std::move(program), sink);
  ASSERT_TRUE(typed.has_value());
  EXPECT_EQ(typed->program.exprs[sum].type, Type::scalar(BaseType::kInt));
}

}  // namespace
}  // namespace vinci::check
