// A small graph as a function of its parameters, evaluated and differentiated for eight lanes: the
// right-hand side of an ODE, the equations of a solver. `exec` does the same for a whole density;
// this is for functions inside array functions.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "graph/arrays/lane_code.h"
#include "graph/graph.h"

namespace vinci::graph {

/// Doubles aligned to a cache line, zero at first.
class AlignedRows {
 public:
  explicit AlignedRows(size_t size = 0);
  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(double* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<double, Free> data_;
  size_t size_;
};

class LaneProgram {
 public:
  static constexpr int kLanes = 8;

  /// outputs(parameters of the graph). A lane in which a guard of the graph fails gets NaN in all
  /// outputs. What depends on the inputs from `num_varying_inputs` on alone stands apart in the
  /// code, so that a solver may compute it once.
  LaneProgram(const Graph& graph, const std::vector<Scalar>& outputs, int num_varying_inputs);
  LaneProgram(const LaneProgram&) = delete;
  LaneProgram& operator=(const LaneProgram&) = delete;

  int num_inputs() const { return code_.num_inputs; }
  int num_outputs() const { return code_.num_outputs; }

  /// Working memory of one evaluation: the values that `pull_back` needs.
  struct Memory {
    AlignedRows values, adjoints, scratch;
  };
  Memory memory() const;

  /// in: [inputs][8], out: [outputs][8].
  void evaluate(const double* in, double* out, Memory& memory) const;
  /// adjoint_in += J' adjoint_out at the point of the last `evaluate` with this memory.
  void pull_back(const double* adjoint_out, double* adjoint_in, Memory& memory) const;

  /// For vector code.
  const LaneCode& code() const { return code_; }
  /// Doubles of scratch per lane of the array functions inside.
  int64_t scratch_size() const { return scratch_size_; }
  /// Writes the rows of constants.
  void fill_constants(double* values) const;

  /// Whether both compute the same by the same steps.
  bool equals(const LaneProgram& other) const;

 private:
  struct Array {
    std::shared_ptr<const ArrayFunction> function;
    std::vector<int32_t> inputs, outputs;  // slots
    int64_t scratch;
  };
  static void forward(const void* self, const LaneInstruction& i, double* values, double* scratch);
  static void reverse(const void* self, const LaneInstruction& i, double* values, double* adjoints,
                      double* scratch);

  LaneCode code_{};
  std::vector<double> constants_;  // slots 0 .. constants - 1
  std::vector<LaneInstruction> instructions_;
  std::vector<int32_t> operands_;  // slots
  std::vector<Array> arrays_;
  std::vector<LaneCheck> checks_;
  std::vector<int32_t> outputs_;  // slots
  int64_t scratch_size_ = 0;
};

}  // namespace vinci::graph
