// A LaneProgram as its vector code sees it: plain pointers, for the per-target `*_simd.cc` files.
//
// Memory is rows of eight doubles, one for each slot, aligned to 64 bytes: constants first, then
// the inputs in their order, the results of instructions on fixed inputs alone, all other results.
#pragma once

#include <cstdint>

#include "graph/op.h"
#include "numeric/simd/target.h"

namespace vinci::graph {

struct LaneInstruction {
  Op op;
  int32_t result;        // slot; of kElement: which array function
  int32_t first, count;  // operands
  friend bool operator==(const LaneInstruction&, const LaneInstruction&) = default;
};

/// A condition on a value, numbered as Guard::Kind.
struct LaneCheck {
  int32_t kind;
  int32_t slot;
  friend bool operator==(const LaneCheck&, const LaneCheck&) = default;
};

struct LaneCode {
  const LaneInstruction* instructions;  // those on constants and fixed inputs alone come first
  int32_t num_fixed;
  int32_t num_instructions;
  const int32_t* operands;  // slots
  const LaneCheck* checks;
  int32_t num_checks;
  const int32_t* outputs;  // slots
  int32_t num_outputs;
  int32_t first_input;         // slot
  int32_t num_varying_inputs;  // the rest of the inputs is fixed
  int32_t num_inputs;
  int32_t first_varying;  // slot of the first result of what is not fixed
  int32_t num_slots;
  // For operations without a vector formula and array functions, by plain code.
  const void* owner;
  void (*forward)(const void* owner, const LaneInstruction& i, double* values, double* scratch);
  void (*reverse)(const void* owner, const LaneInstruction& i, double* values, double* adjoints,
                  double* scratch);
};

/// An initial value problem of eight lanes (see ode_solve), by the pair of Dormand and Prince with
/// its interpolant.
struct OdeTask {
  LaneCode code;  // of the right-hand side; t and y are its varying inputs
  int32_t num_states;
  int32_t num_times;
  double relative_tolerance;
  double absolute_tolerance;
  int64_t max_steps;
  const double* const* in;  // rows of the array function
  double* const* out;
  int32_t lane;  // the first of the eight
  // Memory, aligned: `num_values` sets of values with `value_stride` doubles from one to the next,
  // the first with constants and fixed inputs in place, and rows of work.
  double* values;
  int64_t value_stride;
  int64_t scratch_start;  // of the array functions, within a set
  double* adjoints;
  double* work;
  // The tape: eight counts of accepted steps, then for each step rows t, h, y [n] of where it
  // began. Steps past the capacity are counted, not written.
  double* tape;
  int64_t capacity;
  // Of the way back.
  const double* const* adjoint_out;
  double* adjoint_parameters;  // [parameters][8]
  double* adjoint_state;       // [n][8], of the state after the outputs at the initial time itself
};
constexpr int kOdeStages = 7;
constexpr int kOdeValueSets = kOdeStages;
/// Rows of OdeTask::work.
constexpr int ode_work_rows(int num_states) { return num_states * (3 * kOdeStages + 8) + 16; }

VINCI_SIMD_DECLARE(
    /// Runs instructions [first, last).
    void lane_forward(const LaneCode& code, int32_t first, int32_t last, double* values,
                      double* scratch);
    /// The same backwards: adds to the adjoints of operands.
    void lane_reverse(const LaneCode& code, int32_t first, int32_t last, double* values,
                      double* adjoints, double* scratch);
    /// Copies the outputs to `out`, NaN in all of them in lanes where a check fails.
    void lane_outputs(const LaneCode& code, const double* values, double* out);
    void ode_forward(const OdeTask& task); void ode_reverse(const OdeTask& task);)

}  // namespace vinci::graph
