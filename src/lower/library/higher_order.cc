// Functions that take a function: sums over slices, differential and algebraic equations,
// integrals.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "graph/arrays/solvers.h"
#include "graph/substitution.h"
#include "lower/library.h"

namespace vinci::lower {
namespace {

using graph::Graph;
using Args = std::span<const Value>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ---- tracing a function into a graph of its own

/// While it lives, the tracer builds into an empty graph. User functions see their arguments only,
/// so nothing of the outer graph gets in.
class OwnGraph {
 public:
  explicit OwnGraph(const Call& call) : call_(call) {
    if (!call.condition.is_constant())
      call.fail(fmt::format("`{}` inside of a branch on parameters is not covered", call.name),
                source::DiagnosticKind::kNotCovered);
    std::swap(call_.graph, graph_);
  }
  ~OwnGraph() {
    if (active_) std::swap(call_.graph, graph_);
  }
  OwnGraph(const OwnGraph&) = delete;
  OwnGraph& operator=(const OwnGraph&) = delete;

  /// The finished graph, of which `outputs` are values; the tracer is back in the outer one.
  Graph& finish(std::vector<Scalar>& outputs) {
    std::swap(call_.graph, graph_);
    active_ = false;
    if (graph_.has_choices()) graph_ = graph::expand_choices(graph_, count_, outputs);
    return graph_;
  }
  Scalar next_parameter() { return call_.graph.parameter(count_++); }

  /// The argument with its nodes replaced by parameters; `outer` collects the nodes in their order.
  Value inner(const Value& v, std::vector<Scalar>& outer) {
    Value out = v;
    for (Scalar& s : out.elements) {
      if (s.is_constant()) continue;
      outer.push_back(s);
      s = next_parameter();
    }
    for (Value& m : out.members) m = inner(m, outer);
    return out;
  }

 private:
  const Call& call_;
  Graph graph_;
  int count_ = 0;
  bool active_ = true;
};

double constant_of(const Call& call, const Value& v, const char* what) {
  if (!v.scalar().is_constant())
    call.fail(fmt::format("the {} of `{}` may not depend on parameters", what, call.name));
  return v.scalar().constant();
}
double positive_constant(const Call& call, const Value& v, const char* what) {
  const double x = constant_of(call, v, what);
  if (!(x > 0) || std::isinf(x))
    call.fail(
        fmt::format("the {} of `{}` is {}; it has to be positive and finite", what, call.name, x));
  return x;
}

// ---- ordinary differential equations

struct OdeProblem {
  Value function, initial, start, times;
  std::vector<Value> rest;
  bool arrays = false;  // the older functions: states are arrays of real
};

void check_times(const Call& call, const OdeProblem& p) {
  double before = p.start.scalar().constant();
  bool known = p.start.scalar().is_constant();
  for (size_t k = 0; k < p.times.elements.size(); ++k) {
    const Scalar t = p.times.elements[k];
    if (t.is_constant() && known && !(t.constant() >= before))
      call.fail(fmt::format(
          "time {} of `{}` is {}; the times have to be in order and not before the initial time {}",
          k + 1, call.name, t.constant(), p.start.scalar().constant()));
    if (t.is_constant()) before = t.constant();
    known = t.is_constant();
  }
}

Value solve_ode(const Call& call, const OdeProblem& p, const graph::OdeOptions& options) {
  check_times(call, p);
  const size_t n = p.initial.elements.size();
  const size_t m = p.times.elements.size();
  std::vector<Scalar> inputs = p.initial.elements;
  inputs.push_back(p.start.scalar());
  inputs.insert(inputs.end(), p.times.elements.begin(), p.times.elements.end());

  OwnGraph own(call);
  std::vector<Value> arguments = {Value::real(own.next_parameter())};
  std::vector<Scalar> state;
  for (size_t k = 0; k < n; ++k) state.push_back(own.next_parameter());
  arguments.push_back(p.arrays ? Value::array(BaseType::kReal, state) : Value::vector(state));
  for (const Value& v : p.rest) arguments.push_back(own.inner(v, inputs));
  Value derivative = call.invoke(p.function, std::move(arguments));
  const Graph& right_hand_side = own.finish(derivative.elements);
  if (derivative.elements.size() != n)
    call.fail(fmt::format("the function given to `{}` returns {} derivatives for {} states",
                          call.name, derivative.elements.size(), n));

  Value out;
  out.type = Type::array(p.arrays ? BaseType::kReal : BaseType::kVector, p.arrays ? 2 : 1);
  out.dims = {static_cast<int64_t>(m), static_cast<int64_t>(n)};
  if (n == 0 || m == 0) return out;
  const auto function = graph::ode_solve(right_hand_side, derivative.elements, static_cast<int>(n),
                                         static_cast<int>(m), options);
  out.elements = call.graph.call(function, inputs);
  if (out.is_constant() && std::isnan(out.elements.back().constant()))
    call.fail(fmt::format("`{}` found no solution within {} steps", call.name, options.max_steps));
  return out;
}

/// rk45 and ckrk: explicit, 1e-6. adams and bdf: 1e-8 unless the program says otherwise.
graph::OdeOptions default_options(bool is_stiff, bool is_tight) {
  graph::OdeOptions options;
  options.method = is_stiff ? graph::OdeMethod::kStiff : graph::OdeMethod::kExplicit;
  options.relative_tolerance = options.absolute_tolerance = is_tight ? 1e-8 : 1e-6;
  return options;
}
void read_tolerances(const Call& call, Args three, graph::OdeOptions& options) {
  options.relative_tolerance = positive_constant(call, three[0], "relative tolerance");
  options.absolute_tolerance = positive_constant(call, three[1], "absolute tolerance");
  options.max_steps =
      static_cast<int64_t>(positive_constant(call, three[2], "largest number of steps"));
}

/// f, y0, t0, times [, tolerances], arguments of f.
template <bool is_stiff, bool is_tight, bool has_tolerances>
Value ode(const Call& call, Args args) {
  graph::OdeOptions options = default_options(is_stiff, is_tight);
  if (has_tolerances) read_tolerances(call, args.subspan(4, 3), options);
  const Args rest = args.subspan(has_tolerances ? 7 : 4);
  return solve_ode(call, {args[0], args[1], args[2], args[3], {rest.begin(), rest.end()}, false},
                   options);
}
/// f, y0, t0, times, theta, x_r, x_i [, tolerances].
template <bool is_stiff, bool is_tight>
Value integrate_ode(const Call& call, Args args) {
  graph::OdeOptions options = default_options(is_stiff, is_tight);
  if (args.size() > 7) read_tolerances(call, args.subspan(7, 3), options);
  return solve_ode(call, {args[0], args[1], args[2], args[3], {args[4], args[5], args[6]}, true},
                   options);
}
/// f, y0, t0, times, then ten controls: tolerances forward (relative; absolute by state), backward,
/// of quadratures, steps, steps between checkpoints, interpolation, solver forward and backward (1
/// Adams, 2 BDF). The gradient here is that of the forward solution, so only the forward controls
/// count.
Value ode_adjoint(const Call& call, Args args) {
  graph::OdeOptions options =
      default_options(constant_of(call, args[12], "forward solver") == 2, true);
  options.relative_tolerance = positive_constant(call, args[4], "relative tolerance");
  options.absolute_tolerance = std::numeric_limits<double>::max();
  for (const Scalar& s : args[5].elements)
    options.absolute_tolerance = std::min(
        options.absolute_tolerance, positive_constant(call, Value::real(s), "absolute tolerance"));
  options.max_steps =
      static_cast<int64_t>(positive_constant(call, args[10], "largest number of steps"));
  const Args rest = args.subspan(14);
  return solve_ode(call, {args[0], args[1], args[2], args[3], {rest.begin(), rest.end()}, false},
                   options);
}

// ---- algebraic equations

Value solve_equations(const Call& call, const Value& function, const Value& guess, Args rest,
                      const graph::RootOptions& options) {
  const size_t n = guess.elements.size();
  std::vector<Scalar> inputs = guess.elements;
  OwnGraph own(call);
  std::vector<Scalar> unknowns;
  for (size_t k = 0; k < n; ++k) unknowns.push_back(own.next_parameter());
  std::vector<Value> arguments = {Value::vector(unknowns)};
  for (const Value& v : rest) arguments.push_back(own.inner(v, inputs));
  Value residual = call.invoke(function, std::move(arguments));
  const Graph& equations = own.finish(residual.elements);
  if (residual.elements.size() != n)
    call.fail(fmt::format("the function given to `{}` returns {} residuals for {} unknowns",
                          call.name, residual.elements.size(), n));
  if (n == 0) return Value::vector({});
  const auto solver = graph::find_root(equations, residual.elements, static_cast<int>(n), options);
  Value out = Value::vector(call.graph.call(solver, inputs));
  if (out.is_constant() && std::isnan(out.elements[0].constant()))
    call.fail(fmt::format("`{}` found no solution within {} steps", call.name, options.max_steps));
  return out;
}
void read_root_options(const Call& call, Args three, graph::RootOptions& options) {
  options.relative_tolerance = positive_constant(call, three[0], "relative tolerance");
  options.function_tolerance = positive_constant(call, three[1], "function tolerance");
  options.max_steps =
      static_cast<int>(std::min(1e9, positive_constant(call, three[2], "largest number of steps")));
}
/// f, guess [, tolerances], arguments of f.
template <bool has_tolerances>
Value solve(const Call& call, Args args) {
  graph::RootOptions options;
  if (has_tolerances) read_root_options(call, args.subspan(2, 3), options);
  return solve_equations(call, args[0], args[1], args.subspan(has_tolerances ? 5 : 2), options);
}
/// f, guess, y, x_r, x_i [, tolerances].
Value algebra_solver(const Call& call, Args args) {
  graph::RootOptions options;
  if (args.size() > 5) read_root_options(call, args.subspan(5, 3), options);
  return solve_equations(call, args[0], args[1], args.subspan(2, 3), options);
}

// ---- integrals

/// Nodes of a double exponential rule with its trapezium step: where the integrand is analytic
/// inside of the limits, 100 or so points give about 1e-10.  [Takahasi and Mori 1974,
/// doi 10.2977/prims/1195192451]
class Quadrature {
 public:
  Quadrature(const Call& call, Scalar low, Scalar high) : g_(call.graph), low_(low), high_(high) {
    const auto infinite = [](Scalar s) { return s.is_constant() && std::isinf(s.constant()); };
    low_infinite_ = infinite(low);
    high_infinite_ = infinite(high);
    if (low.is_constant() && high.is_constant() && !(low.constant() <= high.constant()))
      call.fail(
          fmt::format("the limits of `{}` are {} and {}; the first may not be above the second",
                      call.name, low.constant(), high.constant()));
  }

  /// f(x, distance to the nearer limit: low - x or high - x; NaN where a limit is infinite).
  template <class F>
  Scalar integrate(F f) const {
    constexpr double quarter_turn = std::numbers::pi / 2;
    const bool finite = !low_infinite_ && !high_infinite_;
    const double reach = finite ? 3.2 : 3.5;
    const int steps = 56;
    const double h = reach / steps;
    std::vector<Scalar> terms;
    for (int k = -steps; k <= steps; ++k) {
      const double t = h * k;
      const double u = quarter_turn * std::sinh(t);
      const double du = quarter_turn * std::cosh(t) * h;
      if (finite) {
        // x = middle + half tanh u; the distance to the nearer limit is width / (1 + e^{2|u|}).
        const Scalar width = g_.sub(high_, low_);
        const Scalar distance = g_.mul(width, 1 / (1 + std::exp(2 * std::abs(u))));
        const Scalar x = u < 0 ? g_.add(low_, distance) : g_.sub(high_, distance);
        const double weight = 0.5 * du / std::pow(std::cosh(u), 2);
        terms.push_back(g_.mul(g_.mul(width, weight), f(x, u < 0 ? g_.neg(distance) : distance)));
      } else if (low_infinite_ && high_infinite_) {
        terms.push_back(g_.mul(du * std::cosh(u), f(std::sinh(u), kNan)));
      } else {
        const double distance = std::exp(u);
        const Scalar x = high_infinite_ ? g_.add(low_, distance) : g_.sub(high_, distance);
        terms.push_back(g_.mul(du * distance, f(x, kNan)));
      }
    }
    return g_.sum(terms);
  }

 private:
  Graph& g_;
  Scalar low_, high_;
  bool low_infinite_ = false, high_infinite_ = false;
};

/// f, low, high, [tolerances,] arguments of f.
Value integral(const Call& call, Args args, Args rest) {
  const Quadrature quadrature(call, args[1].scalar(), args[2].scalar());
  return Value::real(quadrature.integrate([&](Scalar x, Scalar distance) {
    std::vector<Value> arguments = {Value::real(x), Value::real(distance)};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return call.invoke(args[0], std::move(arguments)).scalar();
  }));
}
Value integrate_1d(const Call& call, Args args) { return integral(call, args, args.subspan(3, 3)); }
template <bool has_tolerances>
Value integrate_1d_variadic(const Call& call, Args args) {
  return integral(call, args, args.subspan(has_tolerances ? 6 : 3));
}

// ---- sums and maps

Value reduce_sum(const Call& call, Args args) {
  const Value& x = args[1];
  const int64_t n = x.dims.empty() ? static_cast<int64_t>(x.members.size()) : x.dims[0];
  if (n == 0) return Value::real(0.0);
  std::vector<Value> arguments = {x, Value::integer(1.0), Value::integer(static_cast<double>(n))};
  arguments.insert(arguments.end(), args.begin() + 3, args.end());
  return call.invoke(args[0], std::move(arguments));
}

/// Row k of a two-dimensional array, as a value of `type`.
Value row_of(const Value& v, int64_t k, Type type) {
  Value out;
  out.type = std::move(type);
  out.dims = {v.dims[1]};
  const auto begin = v.elements.begin() + k * v.dims[1];
  out.elements.assign(begin, begin + v.dims[1]);
  return out;
}
/// f, phi, theta, x_r, x_i: the values of f(phi, theta_k, x_r_k, x_i_k), one after the other.
Value map_rect(const Call& call, Args args) {
  const int64_t n = args[2].dims[0];
  if (args[3].dims[0] != n || args[4].dims[0] != n)
    call.fail("the arguments of `map_rect` have different numbers of jobs");
  std::vector<Scalar> out;
  for (int64_t k = 0; k < n; ++k) {
    const Value part =
        call.invoke(args[0], {args[1], row_of(args[2], k, Type::scalar(BaseType::kVector)),
                              row_of(args[3], k, Type::array(BaseType::kReal, 1)),
                              row_of(args[4], k, Type::array(BaseType::kInt, 1))});
    out.insert(out.end(), part.elements.begin(), part.elements.end());
  }
  return Value::vector(std::move(out));
}

}  // namespace

void add_higher_order_functions(LibraryTable& table) {
  table.add("ode_rk45", ode<false, false, false>);
  table.add("ode_rk45_tol", ode<false, false, true>);
  table.add("ode_ckrk", ode<false, false, false>);
  table.add("ode_ckrk_tol", ode<false, false, true>);
  table.add("ode_adams", ode<false, true, false>);
  table.add("ode_adams_tol", ode<false, true, true>);
  table.add("ode_bdf", ode<true, true, false>);
  table.add("ode_bdf_tol", ode<true, true, true>);
  table.add("ode_adjoint_tol_ctl", ode_adjoint);
  table.add("integrate_ode", integrate_ode<false, false>);
  table.add("integrate_ode_rk45", integrate_ode<false, false>);
  table.add("integrate_ode_adams", integrate_ode<false, true>);
  table.add("integrate_ode_bdf", integrate_ode<true, true>);
  table.add("solve_newton", solve<false>);
  table.add("solve_newton_tol", solve<true>);
  table.add("solve_powell", solve<false>);
  table.add("solve_powell_tol", solve<true>);
  table.add("algebra_solver", algebra_solver);
  table.add("algebra_solver_newton", algebra_solver);
  table.add("integrate_1d", integrate_1d);
  table.add("integrate_1d_double_exponential", integrate_1d_variadic<false>);
  table.add("integrate_1d_double_exponential_tol", integrate_1d_variadic<true>);
  table.add("integrate_1d_gauss_kronrod", integrate_1d_variadic<false>);
  table.add("integrate_1d_gauss_kronrod_tol", integrate_1d_variadic<true>);
  table.add("reduce_sum", reduce_sum);
  table.add("reduce_sum_static", reduce_sum);
  table.add("map_rect", map_rect);
}

}  // namespace vinci::lower
