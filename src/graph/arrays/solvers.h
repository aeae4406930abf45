// Array functions that solve equations given as little graphs: initial value problems and roots.
#pragma once

#include <memory>

#include "graph/arrays/arrays.h"

namespace vinci::graph {

enum class OdeMethod : uint8_t {
  kExplicit,  // Dormand and Prince 5(4)  [1980, doi 10.1016/0771-050X(80)90013-3]
  kStiff,     // SDIRK 4(3), L-stable  [Hairer and Wanner, Solving ODEs II, table 6.5]
};

struct OdeOptions {
  OdeMethod method = OdeMethod::kExplicit;
  double relative_tolerance = 1e-6;
  double absolute_tolerance = 1e-6;
  int64_t max_steps = 1000000;  // between the initial time and the last one
};

/// y(t_1) .. y(t_m) of y' = f(t, y, p), y(t_0) = y_0.
///
/// `right_hand_side`: its parameters are t, y [n], p; `derivative` are its n results. Inputs of the
/// function: y_0 [n], t_0, t_1 .. t_m, p. Outputs: y(t_1) [n], .., y(t_m) [n]. The times have to be
/// in order, backwards or forwards.
///
/// Each lane has its own step sizes and does not depend on the others; a lane that exceeds
/// max_steps, or whose solution ceases to be finite, fails. The gradient is that of the discrete
/// solution with its steps held fixed: reverse goes back through the stages, at a cost that does
/// not depend on the number of parameters. kExplicit keeps where each step began, interpolates at
/// the output times and does not step on them; kStiff steps on them, and integrates once more for
/// the gradient.
ArrayFunctionPtr ode_solve(const Graph& right_hand_side, const std::vector<Scalar>& derivative,
                           int num_states, int num_times, const OdeOptions& options);

struct RootOptions {
  double relative_tolerance = 1e-10;  // of the step
  double function_tolerance = 1e-6;   // of the largest residual
  int max_steps = 200;
};

/// x with f(x, p) = 0 by Newton's method with step halving from x_0.
///
/// `equations`: its parameters are x [n], p; `residual` are its n results. Inputs: x_0 [n], p;
/// outputs: x [n]. A lane without convergence fails. The gradient is that of the implicit function;
/// it is zero in x_0.
ArrayFunctionPtr find_root(const Graph& equations, const std::vector<Scalar>& residual,
                           int num_unknowns, const RootOptions& options);

}  // namespace vinci::graph
