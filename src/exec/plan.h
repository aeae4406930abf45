// ExecutionPlan: a DensityGraph rolled into vector instructions. Isomorphic nodes become one
// instruction over many elements; isomorphic terms become a plate that runs forward and backward
// tile by tile, in cache.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "exec/kernels/kernel.h"
#include "graph/graph.h"
#include "vinci/log_density.h"

namespace vinci::exec {

/// Where the operands of one slot of an instruction are, over all its elements.
struct Slot {
  enum class Kind : uint8_t {
    kConstant,    // one number for all elements
    kColumn,      // columns_[start + i]
    kBroadcast,   // global row `start` for all
    kContiguous,  // global rows start + i
    kGather,      // global rows rows_[start + i]
    kLocal,       // rows of an earlier instruction of the same plate
  };
  Kind kind = Kind::kConstant;
  uint32_t start = 0;
  double constant = 0;
  bool accumulate = true;  // of kLocal: a later user has written its adjoint already
};

/// One operation on `count` elements. In the global section its results are rows out_row + i; in a
/// plate they are tile rows of its own.
struct Instruction {
  graph::Op op;
  int32_t arity;
  int32_t count;
  uint32_t first_slot;
  uint32_t out_row;  // global: first row; in a plate: which local value
  uint32_t
      stash_row;  // global: first row in the stash; in a plate: offset in tile rows per element
};

/// An array function: `call` of the graph, its outputs in rows out_row + k.
struct ArrayInstruction {
  int32_t call;
  uint32_t out_row;
  uint64_t scratch_start;  // doubles per lane
};

/// A private value that is a term itself besides being an operand: adds weight * value.
struct SideTerm {
  uint32_t local;
  Slot weight;  // kConstant or kColumn
};

/// Elements of one form: terms, sum_i weight_i f(operands_i), or, where is_rows, rows out_row + i
/// of global values whose intermediate values are computed forward and again backward instead of
/// being kept.
struct Plate {
  int32_t count;
  bool is_jacobian;
  Slot weight;  // kConstant or kColumn
  uint32_t first_instruction;
  uint32_t num_instructions;  // in the order of evaluation; the last is the root. 0: the terms are
                              // rows themselves
  uint32_t rows_slot;         // of a plate of rows
  uint32_t stash_rows;        // per element
  uint32_t first_side_term;
  uint32_t num_side_terms;  // the last local value first
  bool is_rows;
  uint32_t out_row;
  source::Span span;  // of its first term
};

struct PlanOptions {
  bool terms = true;                       // the density; else only outputs
  std::span<const graph::Scalar> outputs;  // values to be read by evaluate_outputs
};

class ExecutionPlan {
 public:
  ExecutionPlan(const graph::Graph& graph, const PlanOptions& options = {});
  ~ExecutionPlan();
  ExecutionPlan(const ExecutionPlan&) = delete;
  ExecutionPlan& operator=(const ExecutionPlan&) = delete;

  int dim() const { return dim_; }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }

  /// log density (with Jacobian) of each lane, optionally without it (`value_no_jacobian`, may be
  /// empty), optionally its gradient. Lanes outside of the support: value -inf, gradient 0. Safe to
  /// call from several threads.
  void evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient,
                std::span<double> value_no_jacobian = {}) const;

  /// outputs[k][lane], in the order of PlanOptions::outputs.
  void evaluate_outputs(LaneMatrix points, MutableLaneMatrix outputs) const;

  /// How often each guard of the graph, in order, was the first to fail; after them, how often the
  /// value was not finite although all guards held.
  std::vector<int64_t> rejections() const;

  int64_t num_instructions() const;
  const std::vector<Plate>& plates() const { return plates_; }
  std::string dump() const;

 private:
  friend class PlanBuilder;
  struct Workspace;
  struct Output {
    bool is_constant;
    double constant;
    uint32_t row;
  };
  struct Step {  // of the global section
    enum class Kind : uint8_t { kArray, kInstruction, kRows };
    Kind kind;
    uint32_t index;
  };

  struct Region {  // steps [first, last), run tile by tile
    uint32_t first;
    uint32_t last;
  };

  int block_lanes(Index lanes) const;
  std::unique_ptr<Workspace> acquire(int lanes) const;
  void release(std::unique_ptr<Workspace> workspace) const;
  void bind_arguments(Workspace& w) const;
  RowArg row_arg(const Slot& slot, const Workspace& w) const;
  AdjointArg adjoint_arg(const Slot& slot, const Workspace& w) const;
  void forward_array(const ArrayInstruction& a, size_t index, Workspace& w) const;
  void reverse_array(const ArrayInstruction& a, size_t index, Workspace& w) const;
  int64_t region_tile(const Region& region) const;
  void load_points(LaneMatrix points, Index first, int lanes, Workspace& w) const;
  void run_global_forward(Workspace& w, bool with_stash) const;
  void run_global_reverse(Workspace& w) const;
  void run_plate(const Plate& plate, Workspace& w, bool with_gradient) const;
  struct TileFrame;
  TileFrame open_tile(const Plate& plate, int64_t tile, int first_lane, int lanes,
                      Workspace& w) const;
  static void next_tile(const TileFrame& frame, Workspace& w);
  static void set_operands(const TileFrame& frame, const Instruction& i, bool with_gradient,
                           Workspace& w, KernelCall& call);
  void run_rows(const Plate& plate, Workspace& w, bool backward) const;
  void run_plate_lanes(const Plate& plate, int first_lane, int lanes, Workspace& w,
                       bool with_gradient) const;
  void apply_guards(Workspace& w, int used) const;
  void run_block(LaneMatrix points, Index first, int used, std::span<double> value,
                 MutableLaneMatrix gradient, std::span<double> value_no_jacobian,
                 Workspace& w) const;

  int dim_ = 0;
  uint32_t num_rows_ = 0;  // global rows: parameters, then nodes
  uint32_t num_stash_rows_ = 0;
  uint64_t scratch_size_ = 0;     // doubles per lane, of all array functions
  double constants_[2] = {0, 0};  // of the density and of the Jacobian
  std::vector<double> columns_;
  std::vector<uint32_t> rows_;
  std::vector<Slot> slots_;
  std::vector<Instruction> instructions_;  // global first, then those of the plates
  std::vector<ArrayInstruction> array_instructions_;
  std::vector<graph::ArrayCall> array_calls_;
  std::vector<std::vector<Slot>> array_slots_;
  std::vector<Step> steps_;
  std::vector<Region> regions_;
  std::vector<Plate> plates_;
  std::vector<Plate> row_plates_;
  std::vector<SideTerm> side_terms_;
  struct GuardRow {
    graph::Guard::Kind kind;
    uint32_t row;
  };
  std::vector<GuardRow> guards_;
  std::vector<Output> outputs_;

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
  mutable std::vector<int64_t> rejections_;
};

}  // namespace vinci::exec
