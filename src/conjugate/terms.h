// The terms of a program's log density over atoms: statistics of single parameters, before it is
// decided which parameters share a variable. densities.cc writes a density as terms; compile.cc
// makes a network of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "conjugate/forms.h"
#include "lower/factors.h"

namespace vinci::conjugate {

/// A statistic: kind, and two numbers of 28 bits.
enum class AtomKind : uint8_t {
  kNone,
  kValue,        // x of a leaf, relative to its shift
  kLog,          // log x of a leaf
  kLogOneMinus,  // log(1 - x)
  kPower,        // x^p of a leaf; b: the power
  kLogDet,       // log |M| of a matrix
  kMatrix,       // element b (of the lower triangle, by rows) of the precision that a matrix is
  kProduct,      // (L v)_i: matrix a, b: vector * kMaxVectorDim + i
  kForm,         // v' L v: matrix a, vector b
  kState,        // [z = b] of a leaf
  kPlate,        // statistic b of plate a
  kAuxiliary,    // statistic b of auxiliary variable a
};
using Atom = uint64_t;
constexpr Atom make_atom(AtomKind kind, int64_t a, int64_t b = 0) {
  return (static_cast<uint64_t>(kind) << 56) | (static_cast<uint64_t>(a) << 28) |
         static_cast<uint64_t>(b);
}
constexpr AtomKind atom_kind(Atom x) { return static_cast<AtomKind>(x >> 56); }
constexpr int32_t atom_a(Atom x) { return static_cast<int32_t>((x >> 28) & 0xfffffffu); }
constexpr int32_t atom_b(Atom x) { return static_cast<int32_t>(x & 0xfffffffu); }
/// Powers are multiples of 1/4 up to 8.
constexpr double power_of(int32_t code) { return static_cast<double>(code - 64) / 4; }
bool power_code(double power, int32_t& code);

constexpr size_t kMaxAtoms = 7;
constexpr int32_t kMaxVectorDim = 1024;  // dimensions of a vector are fewer

struct Term {
  double c = 0;
  std::array<Atom, kMaxAtoms> atoms{};  // sorted from the largest, zeros last
  std::span<const Atom> used() const {
    size_t n = 0;
    while (n < kMaxAtoms && atoms[n] != 0) ++n;
    return {atoms.data(), n};
  }
};

/// What is known of a number of the program.
struct Leaf {
  enum class Kind : uint8_t { kReal, kPositive, kProbability, kSimplex, kMatrix, kInteger, kOther };
  Kind kind = Kind::kOther;
  int32_t parameter = -1;
  int32_t container = -1;     // simplex or matrix
  int32_t index = 0;          // in it
  int64_t low = 1, high = 0;  // of an integer
  double shift = 0;
};

struct Parameter {
  std::string name;
  lower::BoundType type;
  std::vector<int32_t> leaves;  // of its elements, row-major; a symmetric matrix repeats some
  source::Span span;
};

/// A simplex or a symmetric matrix.
struct Container {
  std::vector<int32_t> leaves;
  int64_t dim = 0;
  bool is_matrix = false;
  int32_t parameter = -1;
  double power = 0;  // of a matrix: 1 precision, -1 covariance, 0 not known yet
};

struct Auxiliary {
  enum class Kind : uint8_t {
    kGamma,
    kInverseGamma,
    kPolyaGamma,
    kNormalAbove,
    kNormalBelow,
    kInverseGaussian,
    kSplitCount,
    kLogRate,
  };
  Kind kind;
  double count;
  int64_t parts = 1;
  double shape = 0;
};

/// Everything that the statements say.
struct Statements {
  std::vector<Leaf> leaves;
  std::vector<Parameter> parameters;
  std::vector<Container> containers;
  std::vector<std::vector<int32_t>> vectors;  // leaves of the vectors of kProduct and kForm
  std::map<std::vector<int32_t>, int32_t> vector_ids;
  std::vector<Auxiliary> auxiliaries;
  std::vector<Term> terms;
  double constant = 0;
  std::vector<int32_t> parent;   // of leaves: union-find of those that are jointly normal
  std::vector<char> in_product;  // leaf stands in a product with another
  std::vector<int32_t> product;  // union-find of the leaves that stand in products together

  int32_t find(int32_t leaf) { return root(parent, leaf); }
  void unite(int32_t a, int32_t b) { unite(parent, a, b); }
  static int32_t root(std::vector<int32_t>& parent, int32_t leaf);
  static void unite(std::vector<int32_t>& parent, int32_t a, int32_t b);
};

/// Writes densities as terms. One object for each run over a program.
class Densities {
 public:
  Densities(Statements& statements, Forms& forms) : s_(statements), forms_(forms) {}

  /// Adds the terms of a density of arguments to statements (with squares of equal form collected
  /// until `flush`), or to `capture` where that is set. False: `why` says what does not fit.
  bool add(std::string_view density, std::span<const lower::Value> args, std::string& why);
  /// A density as terms of its own, equal ones merged, sorted; `constant` apart.
  bool capture(std::string_view density, std::span<const lower::Value> args,
               std::vector<Term>& terms, double& constant, std::string& why);
  /// c log x or c x^p of positive leaves, sums of such: what `target +=` may add by hand.
  bool add_target(Scalar value, std::string& why);
  void flush();
  /// Factors by which all that follows is multiplied (the state of a gate).
  void set_gate(std::vector<Atom> gate) { gate_ = std::move(gate); }

  /// Elements of a simplex that is a parameter: its container, else -1.
  int32_t simplex_of(const lower::Value& value) const;
  /// c times a matrix that is a parameter: its container, else -1.
  int32_t matrix_of(const lower::Value& value, double& c) const;

 private:
  struct Gram {
    std::vector<Addend> leaves;  // coefficients unused
    std::vector<double> sums;    // lower triangle
  };
  using Args = std::span<const lower::Value>;

  void emit(double c, std::initializer_list<Atom> atoms, std::span<const Atom> more = {});
  void emit(double c, std::vector<Atom> atoms);
  bool fail(std::string& why, std::string text) const;
  std::string leaf_name(int32_t leaf) const;
  bool positive(Scalar s, double exponent, Product& out, std::string& why, const char* what) const;
  bool check_positive(const Product& x, std::string& why, const char* what) const;
  void emit_log(double c, const Product& x);
  bool emit_product(double c, const Product& x, std::string& why, std::span<const Atom> more = {});
  bool power_atoms(const Product& x, std::vector<Atom>& atoms, std::string& why) const;
  bool residual(Scalar y, Scalar mean, Form& out, std::string& why);
  bool emit_square(double c, std::span<const Atom> weight, const Form& r, std::string& why);
  bool emit_linear(double c, std::span<const Atom> weight, const Form& r, std::string& why);
  bool check_real(const Form& r, std::string& why) const;
  /// The positive number that a residual is a multiple of; null where it is anything else.
  const Addend* half(const Form& r) const;
  void join(const Form& r);
  void shift(Form& r) const;
  bool normal(const Form& r, const Product& precision, std::span<const Atom> more,
              std::string& why);
  bool student(Scalar y, double nu, Scalar mean, Scalar scale, std::string& why);
  bool log_rate(double y, double shape, Scalar predictor, std::string& why);
  bool log_rate(double y, double shape, const Form& predictor, std::string& why);
  bool poisson(double y, Scalar rate, std::string& why);
  bool laplace(Scalar y, Scalar mean, Scalar scale, std::string& why);
  bool logistic(double successes, double trials, Scalar predictor, std::string& why);
  bool probit(double y, Scalar predictor, std::string& why);
  bool scalar_density(std::string_view name, std::span<const Scalar> x, std::string& why);
  bool elementwise(std::string_view name, Args args, size_t arity, std::string& why);
  bool dirichlet(Args args, std::string& why);
  bool categorical(Args args, std::string& why);
  bool multinomial(Args args, std::string& why);
  bool multi_normal(std::string_view name, Args args, std::string& why);
  bool wishart(std::string_view name, Args args, std::string& why);
  bool bernoulli(double y, double trials, Scalar p, std::string& why);
  int32_t vector_id(std::vector<int32_t> leaves);
  int32_t add_auxiliary(Auxiliary::Kind kind, double count, int64_t parts = 1);

  Statements& s_;
  Forms& forms_;
  std::vector<Atom> gate_;
  std::vector<Term>* capture_ = nullptr;
  double* capture_constant_ = nullptr;
  std::map<std::vector<int64_t>, Gram> grams_;
};

/// Sorted, equal ones merged.
void merge_terms(std::vector<Term>& terms);

}  // namespace vinci::conjugate
