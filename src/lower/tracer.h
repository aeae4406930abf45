// Tracer: runs the blocks of a checked program on Values. One interpreter serves transformed data
// (all numbers constant), the log density (parameters are nodes of the graph, so that running the
// block builds the graph) and generated quantities (parameters are constants, random numbers come
// from a stream).
//
// Neighbours: library.h (functions), bound_type.h (declarations), lower.h (who runs which block).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lower/bound_type.h"
#include "lower/library.h"
#include "numeric/random/random_stream.h"
#include "vinci/context.h"

namespace vinci::lower {

class FactorSink;
struct FactorArgument;

struct TraceOptions {
  int64_t max_loop_steps = int64_t{2'000'000'000};
  int max_call_depth = 10'000;
  int64_t max_nodes = int64_t{1} << 28;     // of the graph
  int64_t max_elements = int64_t{1} << 28;  // of one variable
  const Context* context = nullptr;  // its cancel flag stops a run (TraceError of kind kLimit)
  std::ostream* messages = nullptr;  // where print writes; may be null
};

class Tracer {
 public:
  Tracer(const syntax::Program& program, graph::Graph& graph, const TraceOptions& options);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// Runs the statements of a block in order, then checks the constraints of the variables that it
  /// declares at its top. Throws TraceError.
  void run_block(syntax::BlockKind kind);

  /// The declared type with its sizes and bounds evaluated. `what` names the variable in messages.
  BoundType bind_type(const syntax::SizedType& type, const std::string& what);
  /// Checks a value against the constraint of its type: a constant that violates it is a
  /// TraceError, a node gets a guard.
  void check_constraint(const BoundType& type, const Value& value, const std::string& name,
                        source::Span span);

  /// The bound type of a variable that a block declares at its top, once the block has run.
  const BoundType& global_type(syntax::VariableId id) const { return global_types_.at(id.index); }
  void set_global_type(syntax::VariableId id, BoundType type) {
    global_types_[id.index] = std::move(type);
  }
  /// In generated quantities and transformed data a condition that fails is an error; in the log
  /// density it is a density of zero.
  void set_strict(bool is_strict) { call_.is_strict = is_strict; }

  /// Whether an index that is a node may be one of unknown bounds, which a guard then keeps inside
  /// of the array; an error otherwise. Indices with bounds, such as discrete parameters, always
  /// choose among the elements (graph::Graph::pick).
  void set_unbounded_indices(bool are_allowed) { unbounded_indices_ = are_allowed; }

  /// Hands the statements of the log density to `sink` instead of summing them; null: sums.
  void set_factor_sink(FactorSink* sink) { factors_ = sink; }
  /// Whether some expression of the program is target().
  bool uses_target() const { return uses_target_; }

  Value& slot(syntax::VariableId id) { return slots_[static_cast<size_t>(id.index)]; }
  std::vector<Value>& slots() { return slots_; }
  void set_random(numeric::RandomStream* random) { call_.random = random; }

 private:
  enum class Flow : uint8_t { kNormal, kBreak, kContinue, kReturn, kDead };

  /// What is known of an expression besides the tree: filled at its first use.
  enum class Kind : uint8_t {
    kUnresolved,
    kGeneral,
    kScalarVariable,  // of type int or real
    kLocatable,       // a variable under single indices and projections
    kScalarOperator,  // operands int or real
    kUnaryOperation,  // a call that is one operation of the graph on a scalar
    kLibraryCall,
    kUserCall,
  };
  struct ExprInfo {
    Kind kind = Kind::kUnresolved;
    bool is_int = false;  // of an operator: both operands are ints
    bool locatable = false;
    graph::Op op = graph::Op::kExp;
    LibraryFunction function = nullptr;
  };
  /// An index that is a node: it chooses among positions first, ..., first + count - 1 (from 0) of
  /// a dimension, which are `stride` apart in the row-major order over the indexed dimensions.
  struct Choice {
    Scalar index;  // from 1, at position 0
    int64_t first = 0;
    int64_t count = 0;
    int64_t stride = 1;
  };
  /// A place inside a variable: `depth` dimensions of `root` are indexed, `offset` is row-major
  /// over those, with the dimensions that are chosen at position 0.
  struct Location {
    Value* root = nullptr;
    int64_t offset = 0;
    size_t depth = 0;
    std::vector<Choice> choices = {};
  };
  /// An index of one dimension: positions from 0.
  struct Selection {
    bool single = false;
    int64_t first = 0;
    int64_t count = 0;
    std::vector<int64_t> positions;  // of a multi-index; empty for ranges
    std::vector<Choice> choices;     // of each position, if some index is a node; else empty
    int64_t at(int64_t k) const {
      return positions.empty() ? first + k : positions[static_cast<size_t>(k)];
    }
  };
  /// Elements (of an array of tuples: members) of a variable that a multi-index or range selects.
  struct View {
    Value* root = nullptr;
    std::vector<int64_t> dims;
    std::vector<int64_t> offsets;
  };
  struct ArgumentFrame;
  class Arguments;

  const syntax::Expr& expr(syntax::ExprId id) const { return program_.exprs[id]; }
  const syntax::Stmt& stmt(syntax::StmtId id) const { return program_.stmts[id]; }
  [[noreturn]] void fail(source::Span span, source::DiagnosticKind kind,
                         const std::string& message) const;

  // ---- expressions (tracer_expressions.cc)
  ExprInfo& info(syntax::ExprId id) {
    ExprInfo& i = infos_[static_cast<size_t>(id.index)];
    if (i.kind == Kind::kUnresolved) resolve(id, i);
    return i;
  }
  void resolve(syntax::ExprId id, ExprInfo& info);
  bool is_locatable(syntax::ExprId id);
  /// The value of an expression of type int or real, without making a Value.
  Scalar scalar(syntax::ExprId id);
  Value evaluate(syntax::ExprId id);
  /// A reference to the variable that an expression names, else to `storage`, which gets its value.
  const Value& reference(syntax::ExprId id, Value& storage);
  Scalar scalar_operator(const syntax::Expr& e, const ExprInfo& i);
  Scalar binary(syntax::Operator op, Scalar a, Scalar b, bool is_int, source::Span span);
  Scalar logical(const syntax::Expr& e);
  Scalar truth(Scalar value);
  Scalar negation(Scalar condition);
  Value ternary(const syntax::Expr& e);
  Value literal(const syntax::Expr& e);
  int64_t int_value(syntax::ExprId id, const char* what);
  int64_t as_int(Scalar value, source::Span span, const char* what) const;

  // ---- indices (tracer_indices.cc)
  Location locate(syntax::ExprId id);
  Value read(const Location& location, const Type& type);
  /// The number at a location whose dimensions are all indexed; part of a complex number.
  Scalar read_scalar(const Location& location) {
    if (location.choices.empty())
      return location.root->elements[static_cast<size_t>(location.offset)];
    return chosen(*location.root, location.offset, location.choices, 1, 0);
  }
  /// A pick among the numbers that the choices may mean: elements of `root` in units of `count`
  /// numbers, of each the number `part`.
  Scalar chosen(const Value& root, int64_t offset, std::span<const Choice> choices, int64_t count,
                int64_t part);
  /// A pick among values[s], s the joint state of the choices, the last one fastest.
  Scalar chosen_value(std::span<const Choice> choices, std::span<const Scalar> values);
  /// How an index that is a node chooses among `size` positions; guards what its bounds leave open.
  Choice choice_of(Scalar index, int64_t size, source::Span span);
  /// A location that is to be written or stepped into has to be known.
  void require_known(const Location& at, source::Span span) const;
  void require_known(const std::vector<Selection>& selected, source::Span span) const;
  /// An element that is assigned to under choices: each that may be meant becomes a select.
  void assign_chosen(const Location& at, Scalar value);
  Value indexed(const syntax::Expr& e);
  Value indexed_by_choices(const Value& root, const Location& at,
                           const std::vector<Selection>& selected, const Type& type);
  /// Moves `at` along one dimension of `size`.
  void step(Location& at, syntax::ExprId index, int64_t size, const syntax::Expr& e,
            size_t position);
  std::vector<Selection> selections(const syntax::Expr& e, const std::vector<int64_t>& dims,
                                    size_t first_dim);
  [[noreturn]] void index_error(const syntax::Expr& e, size_t position, int64_t index,
                                int64_t size) const;
  std::string place_name(const syntax::Expr& e) const;
  void assign(const syntax::Expr& lhs, Value value);
  void assign_whole(Value& variable, Value value, const syntax::Expr& lhs);
  View view_of(const syntax::Expr& e);
  Location locate_lhs(const syntax::Expr& lhs);

  // ---- calls (tracer_calls.cc)
  Value call(syntax::ExprId id);
  Value call_library(LibraryFunction function, std::string_view name, source::Span span,
                     std::span<const Value> args);
  /// `args` are as before when it returns.
  Value call_user(syntax::FunctionId id, std::span<Value> args, source::Span span);
  Value invoke(const Value& function, std::vector<Value> args);
  static LibraryFunction find_library(std::string_view name);
  const std::vector<syntax::VariableId>& function_variables(syntax::FunctionId id);
  void collect_variables(syntax::StmtId id, std::vector<syntax::VariableId>& out) const;
  void tilde(syntax::StmtId id);
  /// A density some of whose arguments are containers that choices pick, `multi_normal(mu[z],
  /// S[z])`: its value at each state of the choices, and a pick among them, instead of a density of
  /// picks. Nothing where there is no such argument, or there are too many states. `first` (if
  /// valid) and `rest` are the arguments.
  std::optional<Scalar> density_at_choices(LibraryFunction function, std::string_view name,
                                           source::Span span, syntax::ExprId first,
                                           const std::vector<syntax::ExprId>& rest);
  /// log theta_y of a row of declared simplexes, without a look at the other elements.
  std::optional<Scalar> categorical_of_simplex(std::string_view name, std::span<const Value> args,
                                               const Location& row) const;
  void truncate(const syntax::Stmt& s, std::span<Value> args);
  Scalar truncation_mass(const syntax::Stmt& s, std::span<Value> args, Scalar low, Scalar high);
  Scalar distribution_function(const syntax::Stmt& s, const char* suffix, Scalar at,
                               std::span<Value> args);

  // ---- factors (tracer_factors.cc)
  /// Whether an argument is an element of a global under one index that is a node.
  bool gate(syntax::ExprId id, FactorArgument& out);
  void add_factor(std::string_view density, syntax::ExprId outcome,
                  const std::vector<syntax::ExprId>& rest, source::Span span);
  void factor_of_target(syntax::ExprId id, source::Span span);
  /// False where the statement is no factor: a density of the user's, a branch on parameters.
  bool tilde_as_factor(const syntax::Stmt& s);

  // ---- statements (tracer_statements.cc)
  Flow run(syntax::StmtId id);
  Flow run_list(const std::vector<syntax::StmtId>& stmts);
  void declare(const syntax::Stmt& s);
  void assignment(const syntax::Stmt& s);
  Flow branch(const syntax::Stmt& s);
  Flow symbolic_branch(const syntax::Stmt& s, Scalar condition);
  Flow loop_while(const syntax::Stmt& s);
  Flow loop_for(const syntax::Stmt& s);
  Flow loop_for_each(const syntax::Stmt& s);
  Flow reject(const syntax::Stmt& s);
  std::string message_text(const std::vector<syntax::ExprId>& args);
  void add_target(const Value& value, source::Span span, bool is_jacobian);
  void add_target(Scalar value, source::Span span, bool is_jacobian = false);
  void count_step(source::Span span) {
    if ((++steps_ & 1023) == 0) check_limits(span);
  }
  void check_limits(source::Span span) const;
  const std::vector<syntax::VariableId>& assigned_in(syntax::StmtId id);
  void collect_assigned(syntax::StmtId id, std::vector<syntax::VariableId>& out) const;
  Scalar under_path(Scalar condition);
  void set_path(Scalar path) {
    path_ = path;
    call_.condition = path;
  }

  const syntax::Program& program_;
  graph::Graph& g_;
  TraceOptions options_;
  Call call_;
  std::vector<Value> slots_;     // by VariableId
  std::vector<ExprInfo> infos_;  // by ExprId
  std::unordered_map<int32_t, BoundType> global_types_;
  std::vector<LibraryFunction> densities_;  // by StmtId, of `~`
  std::vector<std::unique_ptr<ArgumentFrame>> frames_;
  size_t frames_used_ = 0;

  FactorSink* factors_ = nullptr;
  std::vector<FactorArgument> factor_arguments_;
  std::deque<Value> gate_tables_;
  std::map<std::vector<int64_t>, int32_t> gate_ids_;  // by variable and indices, -1 at the node

  bool unbounded_indices_ = false;
  std::vector<Scalar> chosen_;  // of `chosen`
  int64_t steps_ = 0;
  int call_depth_ = 0;
  uintptr_t stack_base_ = 0;  // of the outermost call
  /// Under which condition on parameters the current statement runs; 1 outside of branches on
  /// parameters.
  Scalar path_ = 1.0;
  Value return_value_;
  /// Values that a function returned under a condition on parameters while others go on.
  struct PendingReturn {
    Scalar condition;
    Value value;
  };
  std::vector<PendingReturn> pending_;
  Scalar returned_ = 0.0;  // under which condition the current function has returned already
  bool uses_target_ = false;
  std::vector<Scalar> target_;  // addends so far, kept where the program reads target()

  std::vector<std::vector<syntax::VariableId>> function_variables_;  // by FunctionId
  std::vector<char> function_variables_known_;
  std::vector<int> active_calls_;                          // by FunctionId
  std::vector<std::vector<syntax::VariableId>> assigned_;  // by StmtId
  std::vector<char> assigned_known_;
};

/// Makes `value` of type `type` where the language converts implicitly: int to real, real to
/// complex, elementwise.
void promote(Value& value, const Type& type);

/// Value of `select(condition, a, b)` element by element. The sizes must agree; false if they do
/// not.
bool merge_values(graph::Graph& graph, Scalar condition, const Value& a, const Value& b,
                  Value& out);

/// A value as print writes it.
std::string to_string(const Value& value);

}  // namespace vinci::lower
