#include "syntax/parse.h"

#include <gtest/gtest.h>

#include <cctype>
#include <ostream>
#include <string>

#include "source/render.h"
#include "syntax/dump.h"

namespace vinci::syntax {
namespace {

using source::DiagnosticKind;

struct Parsed {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Program program;

  explicit Parsed(const std::string& text) {
    program = parse(sources.add("m.stan", text), sources, sink);
  }

  /// `line:column kind` of each diagnostic.
  std::string places() const {
    std::string out;
    for (const auto& diagnostic : sink.diagnostics()) {
      const source::Location at = sources[diagnostic.span.file].location(diagnostic.span.begin);
      out += std::to_string(at.line) + ":" + std::to_string(at.column) + " " +
             std::string(source::kind_id(diagnostic.kind)) + "; ";
    }
    return out;
  }
  std::string rendered() const { return source::render_text(sink, sources); }
};

std::string expression(const std::string& text) {
  const Parsed parsed("model { x = " + text + "; }");
  EXPECT_TRUE(parsed.sink.empty()) << text << "\n" << parsed.rendered();
  const auto& stmts = parsed.program.block(BlockKind::kModel).stmts;
  return stmts.empty() ? "" : dump(parsed.program, parsed.program.stmts[stmts[0]].expr);
}

/// The statements of a model block, without blanks between lines.
std::string statements(const std::string& text) {
  const Parsed parsed("model {" + text + "}");
  EXPECT_FALSE(parsed.sink.has_errors()) << text << "\n" << parsed.rendered();
  std::string out = dump(parsed.program);
  const std::string head = "(program\n  (model";
  EXPECT_EQ(out.substr(0, head.size()), head);
  out = out.substr(head.size(), out.size() - head.size() - 3);
  std::string flat;
  for (const char c : out) {
    if (c != '\n' && (c != ' ' || flat.empty() || flat.back() != ' ')) flat += c;
  }
  return flat.substr(flat.find_first_not_of(' '));
}

TEST(ParseExpression, FollowsThePrecedenceTable) {
  EXPECT_EQ(expression("a + b * c"), "(+ a (* b c))");
  EXPECT_EQ(expression("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(expression("a / b * c"), "(* (/ a b) c)");
  EXPECT_EQ(expression("a * b %/% c"), "(* a (%/% b c))");
  EXPECT_EQ(expression("a * b \\ c"), "(* a (\\ b c))");
  EXPECT_EQ(expression("a %/% b \\ c"), "(\\ (%/% a b) c)");
  EXPECT_EQ(expression("a ^ b ^ c"), "(^ a (^ b c))");
  EXPECT_EQ(expression("-a ^ b"), "(- (^ a b))");
  EXPECT_EQ(expression("a ^ -b ^ c"), "(^ a (- (^ b c)))");
  EXPECT_EQ(expression("a ^ -b * c"), "(* (^ a (- b)) c)");
  EXPECT_EQ(expression("-a * b"), "(* (- a) b)");
  EXPECT_EQ(expression("2 * x + 3 * - y"), "(+ (* 2 x) (* 3 (- y)))");
  EXPECT_EQ(expression("-u'"), "(- (' u))");
  EXPECT_EQ(expression("a ^ b'"), "(^ a (' b))");
  EXPECT_EQ(expression("u' * v"), "(* (' u) v)");
  EXPECT_EQ(expression("a || b && c == d < e + f"), "(|| a (&& b (== c (< d (+ e f)))))");
  EXPECT_EQ(expression("!a == b"), "(== (! a) b)");
  EXPECT_EQ(expression("a < b == c > d"), "(== (< a b) (> c d))");
  EXPECT_EQ(expression("a ? b : c ? d : e"), "(? a b (? c d e))");
  EXPECT_EQ(expression("a ? b ? c : d : e"), "(? a (? b c d) e)");
  EXPECT_EQ(expression("a || b ? c + d : -e"), "(? (|| a b) (+ c d) (- e))");
  EXPECT_EQ(expression("a <-b"), "(< a (- b))");
}

TEST(ParseExpression, KnowsEveryForm) {
  EXPECT_EQ(expression("f(a, b)[1][i, :, 2:, :3, 2:3,]"),
            "(index (index (call f a b) 1) i (:) (: from 2) (: to 3) (: from 2 to 3) (:))");
  EXPECT_EQ(expression("normal_lpdf(y | mu, sigma)"), "(call| normal_lpdf y mu sigma)");
  EXPECT_EQ(expression("std_normal_lpdf(y | )"), "(call| std_normal_lpdf y)");
  EXPECT_EQ(expression("{[1, 2], [3, 4]}"), "(array (row 1 2) (row 3 4))");
  EXPECT_EQ(expression("[]"), "(row)");
  EXPECT_EQ(expression("(1, (a, b), (c,))"), "(tuple 1 (tuple a b) (tuple c))");
  EXPECT_EQ(expression("t.1.2[3].4"), "(part 4 (index (part 2 (part 1 t)) 3))");
  EXPECT_EQ(expression("(a + b) * target()"), "(* (paren (+ a b)) (target))");
  EXPECT_EQ(expression("1_000 + 2.5e-3 + .5 + 3i"), "(+ (+ (+ 1_000 2.5e-3) .5) 3i)");
  EXPECT_EQ(expression("1.*x"), "(* 1. x)");
  EXPECT_EQ(expression("T[1] + T"), "(+ (index T 1) T)");
}

TEST(ParseExpression, ReadsNumbers) {
  const Parsed parsed("model { x = {1_000, 1.5e-1_0, .25, 2.5i, 2147483647}; }");
  std::vector<double> numbers;
  for (const Expr& expr : parsed.program.exprs) {
    if (expr.kind == Expr::Kind::kIntLiteral) numbers.push_back(static_cast<double>(expr.integer));
    if (expr.kind == Expr::Kind::kRealLiteral || expr.kind == Expr::Kind::kImaginaryLiteral) {
      numbers.push_back(expr.number);
    }
  }
  EXPECT_EQ(numbers, (std::vector<double>{1000, 1.5e-10, .25, 2.5, 2147483647}));
  EXPECT_TRUE(parsed.sink.empty());
}

TEST(ParseStatement, KnowsEveryForm) {
  EXPECT_EQ(statements("x += 1; x -= 1; x *= 1; x /= 1; x .*= 1; x ./= 1;"),
            "(+= x 1) (-= x 1) (*= x 1) (/= x 1) (.*= x 1) (./= x 1)");
  EXPECT_EQ(statements("(a, (b, c[1])) = f(x);"), "(= (tuple a (tuple b (index c 1))) (call f x))");
  EXPECT_EQ(statements("target += f(x); jacobian += y; g();"),
            "(target+= (call f x)) (jacobian+= y) (do (call g))");
  EXPECT_EQ(
      statements("y ~ normal(0, 1); a + b ~ f() T[, u]; {1, 2} ~ g(x) T[l, ]; T ~ h() T[1, 2];"),
      "(~ y (normal 0 1)) (~ (+ a b) (f) (truncate () u)) (~ (array 1 2) (g x) (truncate l ())) "
      "(~ T (h) (truncate 1 2))");
  EXPECT_EQ(statements("if (a) x = 1; else if (b) { x = 2; } else ;"),
            "(if a (= x 1) (if b (block (= x 2)) (empty)))");
  EXPECT_EQ(statements("if (a) if (b) x = 1; else x = 2;"), "(if a (if b (= x 1) (= x 2)))");
  EXPECT_EQ(statements("while (1) break; for (i in 1:n) continue; for (v in vs) {}"),
            "(while 1 (break)) (for i 1 n (continue)) (foreach v vs (block))");
  EXPECT_EQ(statements("print(\"a\", x); reject(\"b\"); fatal_error(); profile(\"p\") { f(); }"),
            "(print \"a\" x) (reject \"b\") (fatal_error) (profile \"p\" (do (call f)))");
  EXPECT_EQ(statements("real a, b = 2; array[2, n] vector[3] c;"),
            "(declare a (real)) (declare b (real) 2) (declare c (array 2 array n vector 3))");
  EXPECT_EQ(statements("if (a) real b, c;"),
            "(if a (block (declare b (real)) (declare c (real))))");
}

TEST(ParseDeclaration, KnowsEveryTypeAndConstraint) {
  const Parsed parsed(R"(parameters {
  real<lower=0, upper=n + 1> a;
  vector<upper=1, lower=0>[2] b;
  row_vector<offset=m, multiplier=s>[2] c;
  matrix<multiplier=s>[2, 3] d;
  ordered[2] e;
  positive_ordered[2] f;
  simplex[2] g;
  unit_vector[2] h;
  sum_to_zero_vector[2] i;
  sum_to_zero_matrix[2, 3] j;
  cholesky_factor_corr[2] k;
  cholesky_factor_cov[2, 3] l;
  cholesky_factor_cov[2] m;
  corr_matrix[2] o;
  cov_matrix[2] p;
  column_stochastic_matrix[2, 3] q;
  row_stochastic_matrix[2, 3] r;
  complex t;
  complex_vector[2] u;
  complex_row_vector[2] v;
  complex_matrix[2, 3] w;
  array[2] tuple(int<lower=0>, array[3] simplex[4]) x;
})");
  EXPECT_TRUE(parsed.sink.empty()) << parsed.rendered();
  EXPECT_EQ(dump(parsed.program), R"((program
  (parameters
    (declare a (real (lower 0) (upper (+ n 1))))
    (declare b (vector (lower 0) (upper 1) 2))
    (declare c (row_vector (offset m) (multiplier s) 2))
    (declare d (matrix (multiplier s) 2 3))
    (declare e (ordered 2))
    (declare f (positive_ordered 2))
    (declare g (simplex 2))
    (declare h (unit_vector 2))
    (declare i (sum_to_zero_vector 2))
    (declare j (sum_to_zero_matrix 2 3))
    (declare k (cholesky_factor_corr 2))
    (declare l (cholesky_factor_cov 2 3))
    (declare m (cholesky_factor_cov 2))
    (declare o (corr_matrix 2))
    (declare p (cov_matrix 2))
    (declare q (column_stochastic_matrix 2 3))
    (declare r (row_stochastic_matrix 2 3))
    (declare t (complex))
    (declare u (complex_vector 2))
    (declare v (complex_row_vector 2))
    (declare w (complex_matrix 2 3))
    (declare x (array 2 tuple (int (lower 0)) (array 3 simplex 4)))))
)");
  EXPECT_EQ(to_string(parsed.program.stmts.begin()[21].decl_type.unsized()),
            "array[] tuple(int, array[] vector)");
}

TEST(ParseFunction, KnowsArgumentsAnnotationsAndForwardDeclarations) {
  const Parsed parsed(R"(functions {
  void f(int n);
  @silent @x array[,] real g(data array[] int a, tuple(real, vector) b) { return c; }
})");
  EXPECT_TRUE(parsed.sink.empty()) << parsed.rendered();
  EXPECT_EQ(dump(parsed.program), R"((program
  (functions
    (function f (void) ((int n)))
    (function @silent @x g (array[,] real) ((data array[] int a)(tuple(real, vector) b))
      (block
        (return c)))))
)");
}

TEST(ParseLegacy, RewritesToTheModernForm) {
  EXPECT_EQ(
      statements("real x[2, n]; vector[3] y[4], z;"),
      "(declare x (array 2 array n real)) (declare y (array 4 vector 3)) (declare z (vector 3))");
  EXPECT_EQ(statements("x <- 1; a[1]<-b; real c <- 2;"),
            "(= x 1) (= (index a 1) b) (declare c (real) 2)");
  EXPECT_EQ(statements("increment_log_prob(f(x)); lp__ <- lp__ + a + b; x = get_lp();"),
            "(target+= (call f x)) (target+= (+ a b)) (= x (target))");
  EXPECT_EQ(statements("x = if_else(a ? b : c, d, e);"), "(= x (paren (? (paren (? a b c)) d e)))");
  EXPECT_EQ(statements("x = fabs(a) + multiply_log(a, b) + binomial_coefficient_log(a, b);"),
            "(= x (+ (+ (call abs a) (call lmultiply a b)) (call lchoose a b)))");
  EXPECT_EQ(statements("x = normal_log(y, m, s) + poisson_log(n, r) + poisson_log_log(n, r);"),
            "(= x (+ (+ (call| normal_lpdf y m s) (call| poisson_lpmf n r)) (call| "
            "poisson_log_lpmf n r)))");
  EXPECT_EQ(
      statements("x = normal_cdf(y, m, s) + normal_cdf_log(y, m, s) + normal_ccdf_log(y, m, s);"),
      "(= x (+ (+ (call| normal_cdf y m s) (call| normal_lcdf y m s)) (call| normal_lccdf y m "
      "s)))");
  EXPECT_EQ(statements("n ~ poisson_log(eta);"), "(~ n (poisson_log eta))");
}

TEST(ParseLegacy, LeavesNamesOfTheProgramAlone) {
  const Parsed parsed(R"(functions {
  real fabs(real x) { return x; }
  real f_log(real y, real m) { return y; }
  real g_log(int y) { return y; }
  real h_log(real y) { return y; }
}
model {
  x = fabs(x) + f_log(y, 1) + h_log(y);
  y ~ f(1);
  n ~ g();
})");
  const std::string tree = dump(parsed.program);
  EXPECT_NE(tree.find("(call fabs x) (call| f_lpdf y 1)) (call h_log y)"), std::string::npos)
      << tree;
  EXPECT_NE(tree.find("(function g_lpmf"), std::string::npos);
  EXPECT_EQ(parsed.places(), "3:8 deprecated-syntax; ");
}

TEST(ParseLegacy, WarnsOncePerForm) {
  const Parsed parsed("model {\n  real x[2];\n  real y[3];\n  x[1] <- 2;\n  y[1] <- fabs(2);\n}");
  EXPECT_EQ(parsed.places(),
            "2:8 deprecated-syntax; 4:8 deprecated-syntax; 5:11 deprecated-syntax; ");
  EXPECT_EQ(parsed.sink.diagnostics()[0].message,
            "arrays are declared as `array[2] real x`; sizes behind the name are the older form");
  ASSERT_EQ(parsed.sink.diagnostics()[0].notes.size(), 1u);
  EXPECT_EQ(parsed.sink.diagnostics()[0].notes[0].message, "and 1 more");
}

TEST(ParseErrors, ReportsEachIndependentFaultOnce) {
  const Parsed parsed(R"(data {
  int N
  vector[N y;
}
model {
  real else;
  x = (1 + ;
  if (a = b) y = 1;
  y = {1, 2 3};
  for (i in 1:3 { z = 1; }
  z == 2;
  w = 'abc';
  v = 3
}
)");
  EXPECT_EQ(parsed.places(),
            "2:7 syntax; 3:12 syntax; 6:8 reserved-word; 7:12 syntax; 8:9 syntax; 9:13 syntax; "
            "10:17 syntax; 11:3 syntax; 12:7 syntax; 13:7 syntax; ")
      << parsed.rendered();
}

struct ErrorCase {
  const char* text;
  const char* place;
  const char* message;
  const char* hint;
};

void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.text; }

/// The words of the program, behind its number.
std::string test_name(const testing::TestParamInfo<ErrorCase>& test) {
  std::string name = std::to_string(test.index);
  bool in_word = false;
  for (const char* p = test.param.text; *p != 0; ++p) {
    const bool is_word = std::isalnum(static_cast<unsigned char>(*p)) != 0;
    if (is_word && !in_word) name += '_';
    if (is_word) name += *p;
    in_word = is_word;
  }
  return name;
}

class ParseError : public testing::TestWithParam<ErrorCase> {};

TEST_P(ParseError, SaysWhatWhereAndWhatToDo) {
  const ErrorCase& c = GetParam();
  const Parsed parsed(c.text);
  ASSERT_EQ(parsed.places(), std::string(c.place) + "; ") << parsed.rendered();
  EXPECT_EQ(parsed.sink.diagnostics()[0].message, c.message);
  EXPECT_EQ(parsed.sink.diagnostics()[0].hint, c.hint);
}

INSTANTIATE_TEST_SUITE_P(
    All, ParseError,
    testing::Values(
        ErrorCase{"paramters { real x; }", "1:1 syntax", "`paramters` is not a block of a program",
                  "did you mean `parameters`?"},
        ErrorCase{"generated quantity { real x; }", "1:1 syntax",
                  "`generated quantity` is not a block of a program",
                  "did you mean `generated quantities`?"},
        ErrorCase{"model { if (a = b) x = 1; }", "1:15 syntax",
                  "found `=`; expected an operator, `,` or `)`", "`==` compares, `=` assigns"},
        ErrorCase{"model { x = 1 }", "1:13 syntax", "found `}` after an assignment; expected `;`",
                  "statements and declarations end with `;`"},
        ErrorCase{"model { x == 1; }", "1:9 syntax", "found an expression; expected a statement",
                  "`==` compares; write `=` to assign"},
        ErrorCase{"model { real while; }", "1:14 reserved-word",
                  "`while` is a reserved word; expected the name of a variable",
                  "choose another name, such as `while_`"},
        ErrorCase{"model { real true; }", "1:14 reserved-word",
                  "`true` is a reserved word; expected the name of a variable",
                  "choose another name"},
        ErrorCase{"model { real x__; }", "1:14 reserved-word",
                  "`x__` ends with two underscores; such names are reserved", "write `x`"},
        ErrorCase{"model { print('a'); }", "1:15 syntax", "found `'`; expected an expression",
                  "strings stand between double quotes: \"...\""},
        ErrorCase{"model { x = 3000000000; }", "1:13 literal",
                  "integer `3000000000` is larger than 2147483647, the largest `int`",
                  "as a real number it is written `3000000000.0`"},
        ErrorCase{"model { x = 1e999; }", "1:13 literal",
                  "number `1e999` is larger than 1.79e308, the largest `real`",
                  "infinity is written `positive_infinity()`"},
        ErrorCase{"model { vector x; }", "1:16 syntax", "found `x`; expected the size of `vector`",
                  "write `vector[N]`"},
        ErrorCase{"data { matrix[2] x; }", "1:14 syntax", "`matrix` takes 2 sizes; found 1", ""},
        ErrorCase{"model { real<lower=0> x; }", "1:13 not-allowed-here",
                  "local variables have no constraints", "leave it out; a comment can say it"},
        ErrorCase{"data { real x = 1; }", "1:15 not-allowed-here",
                  "`x` is read or inferred, so this block cannot give it a value",
                  "define it in `transformed data` or `transformed parameters`"},
        ErrorCase{"data { real x; x = 1; }", "1:16 not-allowed-here",
                  "the `data` block holds declarations only",
                  "statements on data stand in `transformed data`"},
        ErrorCase{"model { } data { }", "1:11 block-order", "the `data` block stands after `model`",
                  "the order is functions, data, transformed data, parameters, transformed "
                  "parameters, model, "
                  "generated quantities"},
        ErrorCase{"model { } model { }", "1:11 block-order", "the `model` block stands twice",
                  "put its content into the first one"},
        ErrorCase{"model { f(x) = 1; }", "1:9 not-assignable",
                  "what stands before `=` is not a variable, an element or a tuple of such", ""},
        ErrorCase{"model { if (a) { x = 1; }", "1:26 syntax",
                  "found the end of the file; expected `}` at the end of the `model` block", ""},
        ErrorCase{"model { } }", "1:11 syntax", "found `}`; expected a block",
                  "a `}` before it closes its block too early, or this one is too many"},
        ErrorCase{"functions { real f(vector[3] x) { return 1; } }", "1:27 syntax",
                  "found `3`; expected `,` or `]`",
                  "types of functions have no sizes: `array[,] real`, `vector`"},
        ErrorCase{"model { for (int i in 1:3) ; }", "1:14 syntax",
                  "found `int`; a loop variable has no type",
                  "loops are written `for (n in 1:N)`"}),
    test_name);

TEST(ParseErrors, AMissingBraceDoesNotSwallowTheNextBlock) {
  const Parsed parsed("data {\n  int N;\nmodel {\n  x = ;\n}\n");
  EXPECT_EQ(parsed.places(), "3:1 syntax; 4:7 syntax; ") << parsed.rendered();
  EXPECT_TRUE(parsed.program.block(BlockKind::kModel).present);
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ParseNesting, TenThousandDeepGivesTheDiagnostic) {
  const int n = 10'000;
  const std::string programs[] = {
      "model { x = " + repeat("(", n) + "1" + repeat(")", n) + "; }",
      "model { x = " + repeat("(", n),
      "model { x = " + repeat("-", n) + "1; }",
      "model { x = " + repeat("{", n) + "1" + repeat("}", n) + "; }",
      "model { x = " + repeat("1 ? 2 : ", n) + "3; }",
      "model { x = " + repeat("1 ? ", n) + "3; }",
      "model { x = " + repeat("1 ^ ", n) + "3; }",
      "model { x = " + repeat("a[", n) + "1" + repeat("]", n) + "; }",
      "model { x = " + repeat("f(", n) + "1" + repeat(")", n) + "; }",
      "model { x = a" + repeat("'", n) + "; }",
      "model { x = a" + repeat("[1]", n) + "; }",
      "model { x = a" + repeat(" + a", 10 * n) + "; }",
      "model " + repeat("{", n) + repeat("}", n),
      "model {" + repeat("if (1) x = 2; else ", n) + "x = 3; }",
      "model {" + repeat("if (1) ", n) + "x = 3; }",
      "data {" + repeat("tuple(", n) + "int" + repeat(",int)", n) + " x; }",
      "functions { void f(" + repeat("tuple(", n) + "int" + repeat(",int)", n) + " x) {} }",
  };
  for (const std::string& program : programs) {
    const Parsed parsed(program);
    ASSERT_FALSE(parsed.sink.empty()) << program.substr(0, 60);
    EXPECT_EQ(parsed.sink.diagnostics()[0].kind, DiagnosticKind::kNestingTooDeep)
        << program.substr(0, 60);
    dump(parsed.program);
  }
}

TEST(ParseNesting, FourHundredDeepWorks) {
  const int n = 400;
  for (const std::string& program : {"model { x = " + repeat("(", n) + "1" + repeat(")", n) + "; }",
                                     "model { x = a" + repeat(" + a", n) + "; }",
                                     "model {" + repeat("if (1) x = 2; else ", n) + "x = 3; }",
                                     "model {" + repeat("{", n) + repeat("}", n) + "}"}) {
    EXPECT_TRUE(Parsed(program).sink.empty());
  }
}

TEST(ParseNesting, LongListsWork) {
  EXPECT_TRUE(Parsed("model { x = {" + repeat("1,", 100'000) + "1}; }").sink.empty());
  EXPECT_TRUE(Parsed("model {" + repeat("x = 1;", 50'000) + "}").sink.empty());
}

TEST(Parse, RefusesMoreThanTheLimit) {
  const Parsed parsed("model { print(\"" + std::string(source::kMaxProgramBytes, 'a') + "\"); }");
  ASSERT_FALSE(parsed.sink.empty());
  EXPECT_EQ(parsed.sink.diagnostics()[0].kind, DiagnosticKind::kFileTooLarge);
}

TEST(Parse, AcceptsTheEmptyProgram) {
  EXPECT_TRUE(Parsed("").sink.empty());
  EXPECT_TRUE(Parsed("// nothing\n").sink.empty());
}

}  // namespace
}  // namespace vinci::syntax
