// A small graph as a function of its parameters, evaluated and differentiated for eight lanes: the
// right-hand side of an ODE, the equations of a solver. `exec` does the same for a whole density;
// this is for functions inside array functions.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

class LaneProgram {
 public:
  static constexpr int kLanes = 8;

  /// outputs(parameters of the graph). A lane in which a guard of the graph fails gets NaN in all
  /// outputs.
  LaneProgram(const Graph& graph, std::vector<Scalar> outputs);

  int num_inputs() const { return num_inputs_; }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }

  /// Working memory of one evaluation: the values that `pull_back` needs.
  struct Memory {
    std::vector<double> values, adjoints, scratch;
  };
  Memory memory() const;

  /// in: [inputs][8], out: [outputs][8].
  void evaluate(const double* in, double* out, Memory& memory) const;
  /// adjoint_in += J' adjoint_out at the point of the last `evaluate` with this memory.
  void pull_back(const double* adjoint_out, double* adjoint_in, Memory& memory) const;

  /// Whether both compute the same by the same steps.
  bool equals(const LaneProgram& other) const;

 private:
  struct Instruction {
    Op op;
    int32_t result;  // slot; of an array call: which
    int32_t first, count;
    friend bool operator==(const Instruction&, const Instruction&) = default;
  };
  struct Array {
    std::shared_ptr<const ArrayFunction> function;
    std::vector<int32_t> inputs, outputs;  // slots
    int64_t scratch;
  };
  struct Check {
    Guard::Kind kind;
    int32_t slot;
  };
  void reverse(const Instruction& i, double* values, double* adjoints) const;

  int num_inputs_;
  std::vector<double> constants_;                    // slots 0 .. constants - 1
  std::vector<std::pair<int32_t, int32_t>> inputs_;  // coordinate, slot
  std::vector<Instruction> instructions_;
  std::vector<int32_t> operands_;  // slots
  std::vector<Array> arrays_;
  std::vector<Check> checks_;
  std::vector<int32_t> outputs_;  // slots
  int32_t num_slots_ = 0;
  int64_t scratch_size_ = 0;
};

}  // namespace vinci::graph
