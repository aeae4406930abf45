// Initial value problems of eight lanes on the vector block: the pair of Dormand and Prince with
// step sizes of each lane's own, and the adjoint of its discrete solution.
#include "graph/arrays/lane_code.h"
#include "numeric/simd/vec.h"
#include "numeric/special/vec_math.h"

namespace vinci::graph::VINCI_TARGET {

namespace {

using namespace vinci::numeric::VINCI_TARGET;  // NOLINT: the vector type and its functions
namespace vm = vinci::numeric::VINCI_TARGET;

// [Dormand and Prince 1980, doi 10.1016/0771-050X(80)90013-3]; d: the quartic part of the
// interpolant [Hairer, Norsett and Wanner, Solving ODEs I, section II.6]. The last row of a is b:
// the last slope of a step is the first of the next one.
constexpr int kStages = kOdeStages;
constexpr double kA[kStages][kStages - 1] = {
    {},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
constexpr double kC[kStages] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr double kError[kStages] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                    -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
constexpr double kD[kStages] = {-12715105075.0 / 11282082432,  0,
                                87487479700.0 / 32700410799,   -10690763975.0 / 1880347072,
                                701980252875.0 / 199316789632, -1453857185.0 / 822651844,
                                69997945.0 / 29380423};

VINCI_INLINE bool finite(double x) { return x - x == 0; }
VINCI_INLINE Mask finite(Vec x) { return x - x == 0.0; }
VINCI_INLINE double distance(double a, double b) { return a > b ? a - b : b - a; }

/// Weights of the slopes in (y(t + theta h) - y) / h.
struct Interpolant {
  Vec cubic;        // of b_i
  Vec first, last;  // added to those of the first and last slope
  Vec quartic;      // of d_i
  VINCI_INLINE_MEMBER explicit Interpolant(Vec theta) {
    const Vec rest = Vec(1.0) - theta;
    const Vec square = theta * theta;
    cubic = square * (Vec(3.0) - theta * 2.0);
    first = theta * rest * rest;
    last = -(square * rest);
    quartic = square * rest * rest;
  }
  template <int S>
  VINCI_INLINE_MEMBER Vec weight() const {
    Vec w = quartic * kD[S];
    if constexpr (S < kStages - 1) w = fma(cubic, Vec(kA[kStages - 1][S]), w);
    if constexpr (S == 0) w += first;
    if constexpr (S == kStages - 1) w += last;
    return w;
  }
};

/// The parts of work memory, and what both directions share.
struct Solver {
  const OdeTask& task;
  const LaneCode code;
  const int n;
  const double* const* times;  // rows t_0 .. t_m, from the first lane on
  double* slope[kStages];      // [n][8]
  double* y;
  double* next_y;

  explicit Solver(const OdeTask& o)
      : task(o), code(o.code), n(o.num_states), times(o.in + o.num_states) {
    double* p = o.work;
    for (int s = 0; s < kStages; ++s, p += n * kVecSize) slope[s] = p;
    y = p;
    next_y = y + n * kVecSize;
  }
  /// Work memory that `Solver` leaves to its user.
  double* rest() const { return next_y + n * kVecSize; }
  double time(int k, int lane) const { return times[k][task.lane + lane]; }

  /// The right-hand side with time and state in place.
  void evaluate(double* values, double* out) const {
    lane_forward(code, code.num_fixed, code.num_instructions, values, values + task.scratch_start);
    lane_outputs(code, values, out);
  }
  VINCI_INLINE_MEMBER double* state_of(double* values) const {
    return values + (code.first_input + 1) * kVecSize;
  }
  VINCI_INLINE_MEMBER void set_time(double* values, Vec t) const {
    store(values + code.first_input * kVecSize, t);
  }

  /// y + h sum_{j < S} a_Sj k_j.
  template <int S>
  VINCI_INLINE_MEMBER Vec stage_state(int i, Vec h) const {
    Vec sum(0.0);
    if constexpr (S > 0) {
      sum = load(slope[0] + i) * kA[S][0];
      if constexpr (S > 2) {
        if constexpr (S != kStages - 1) sum = fma(load(slope[1] + i), Vec(kA[S][1]), sum);
        sum = fma(load(slope[2] + i), Vec(kA[S][2]), sum);
      } else if constexpr (S > 1) {
        sum = fma(load(slope[1] + i), Vec(kA[S][1]), sum);
      }
      if constexpr (S > 3) sum = fma(load(slope[3] + i), Vec(kA[S][3]), sum);
      if constexpr (S > 4) sum = fma(load(slope[4] + i), Vec(kA[S][4]), sum);
      if constexpr (S > 5) sum = fma(load(slope[5] + i), Vec(kA[S][5]), sum);
    }
    return fma(h, sum, load(y + i));
  }
  /// Stage S of a step from (t, y): its state, also into the last one's `copy`, and its slope.
  template <int S>
  VINCI_INLINE_MEMBER void stage(double* values, Vec t, Vec h, double* copy = nullptr) const {
    double* state = state_of(values);
    for (int i = 0; i < n * kVecSize; i += kVecSize) {
      const Vec x = stage_state<S>(i, h);
      store(state + i, x);
      if (copy != nullptr) store(copy + i, x);
    }
    set_time(values, fma(h, Vec(kC[S]), t));
    evaluate(values, slope[S]);
  }

  /// [Hairer, Norsett and Wanner, Solving ODEs I, section II.4]: sizes of the first steps,
  /// positive. Uses slope 1 and next_y.
  Vec first_size(double* values, Vec t, Vec direction, Vec span) const {
    Vec d0(0.0), d1(0.0), d2(0.0);
    for (int i = 0; i < n * kVecSize; i += kVecSize) {
      const Vec scale = tolerance(load(y + i), Vec(0.0));
      const Vec a = load(y + i) / scale, b = load(slope[0] + i) / scale;
      d0 += a * a;
      d1 += b * b;
    }
    const Mask small = (d0 < 1e-10) | (d1 < 1e-10);
    Vec h = select(small, Vec(1e-6), vm::sqrt(d0 / d1) * 0.01);
    h = select(finite(h), h, Vec(1e-6));
    h = min(h, span);
    for (int i = 0; i < n * kVecSize; i += kVecSize)
      store(state_of(values) + i, fma(h * direction, load(slope[0] + i), load(y + i)));
    set_time(values, fma(h, direction, t));
    evaluate(values, slope[1]);
    for (int i = 0; i < n * kVecSize; i += kVecSize) {
      const Vec scale = tolerance(load(y + i), Vec(0.0));
      const Vec change = (load(slope[1] + i) - load(slope[0] + i)) / (scale * h);
      d2 += change * change;
    }
    const double share = 1.0 / (n > 0 ? n : 1);
    const Vec largest = vm::sqrt(max(d1, d2) * share);
    // (0.01 / max)^(1/5), but no more than a hundredfold.
    const Vec next = select(largest <= 1e-15, max(Vec(1e-6), h * 1e-3),
                            vm::exp((Vec(-4.605170185988091) - vm::log(largest)) * 0.2));
    return min(min(h * 100.0, select(finite(next), next, h)), span);
  }
  VINCI_INLINE_MEMBER Vec tolerance(Vec a, Vec b) const {
    return fma(max(abs(a), abs(b)), Vec(task.relative_tolerance), Vec(task.absolute_tolerance));
  }
};

}  // namespace

void ode_forward(const OdeTask& task) {
  Solver s(task);
  const int n = s.n, m = task.num_times;
  const int rows = n * kVecSize;
  double* values = task.values;
  lane_forward(s.code, 0, s.code.num_fixed, values, values + task.scratch_start);
  alignas(64) double time_now[kVecSize], end[kVecSize], sign[kVecSize], target[kVecSize];
  alignas(64) double is_active[kVecSize], is_accepted[kVecSize], started[kVecSize];
  int64_t attempts[kVecSize] = {}, count[kVecSize] = {};
  int next[kVecSize];
  const auto emit = [&](int l, const double* from) {
    for (int i = 0; i < n; ++i)
      task.out[(next[l] - 1) * n + i][task.lane + l] = from[i * kVecSize + l];
    ++next[l];
    target[l] = s.time(next[l] <= m ? next[l] : m, l);
  };
  const auto fail = [&](int l) {
    is_active[l] = 0;
    count[l] = 0;
    for (int k = 0; k < n * m; ++k) task.out[k][task.lane + l] = kNan;
  };
  for (int i = 0; i < n; ++i) store(s.y + i * kVecSize, load_unaligned(task.in[i] + task.lane));
  for (int l = 0; l < kVecSize; ++l) {
    time_now[l] = s.time(0, l);
    end[l] = s.time(m, l);
    sign[l] = end[l] < time_now[l] ? -1 : 1;
    next[l] = 1;
    target[l] = s.time(m > 0 ? 1 : 0, l);
    // Output times that are where the lane stands already, as at t_1 = t_0.
    while (next[l] <= m && target[l] == time_now[l]) emit(l, s.y);
    is_active[l] = next[l] <= m ? 1 : 0;
    for (int k = 1; k <= m; ++k)
      if (!((s.time(k, l) - s.time(k - 1, l)) * sign[l] >= 0)) is_active[l] = 0;
  }
  Vec t = load(time_now);
  const Vec direction = load(sign), last_time = load(end);
  for (int i = 0; i < rows; i += kVecSize) store(s.state_of(values) + i, load(s.y + i));
  s.set_time(values, t);
  s.evaluate(values, s.slope[0]);
  Vec size = s.first_size(values, t, direction, abs(last_time - t));
  Vec log_before(-4.0 * 2.302585092994046);  // of the error of the step before
  Vec growth(10.0);                          // the most that a step may grow
  double* between = s.rest();                // [n][8], an interpolated state
  for (;;) {
    const Mask active = load(is_active) != 0.0;
    if (!any(active)) break;
    const Vec left = abs(last_time - t);
    // A step that would leave a sliver goes all the way.
    const Mask lands = size * 1.01 >= left;
    const Vec h = select(active, select(lands, left, size) * direction, Vec(0.0));
    s.stage<1>(values, t, h);
    s.stage<2>(values, t, h);
    s.stage<3>(values, t, h);
    s.stage<4>(values, t, h);
    s.stage<5>(values, t, h);
    s.stage<6>(values, t, h, s.next_y);
    Vec error(0.0);
    for (int i = 0; i < rows; i += kVecSize) {
      Vec e = load(s.slope[0] + i) * kError[0];
      e = fma(load(s.slope[2] + i), Vec(kError[2]), e);
      e = fma(load(s.slope[3] + i), Vec(kError[3]), e);
      e = fma(load(s.slope[4] + i), Vec(kError[4]), e);
      e = fma(load(s.slope[5] + i), Vec(kError[5]), e);
      e = fma(load(s.slope[6] + i), Vec(kError[6]), e);
      e = e * h / s.tolerance(load(s.y + i), load(s.next_y + i));
      error = fma(e, e, error);
    }
    error = error * (1.0 / (n > 0 ? n : 1));
    const Mask usable = finite(error);
    const Mask accepted = active & usable & (error <= 1.0);
    // 0.9 error^-0.17 before^0.04, of the root of the mean square  [Gustafsson's control, as in
    // Solving ODEs II, section IV.2]
    const Vec log_error = vm::log(max(error, Vec(1e-20))) * 0.5;
    Vec factor = vm::exp(fma(log_before, Vec(0.04), log_error * -0.17)) * 0.9;
    factor = select(usable, min(max(factor, Vec(0.2)), growth), Vec(0.25));
    const Vec used = abs(h);
    const Vec t_new = select(lands, last_time, t + h);
    // An accepted last step keeps the size that it did not use.
    size = select(active, used * factor, size);
    growth = select(accepted, Vec(10.0), Vec(1.0));
    log_before = select(accepted, max(log_error, Vec(-4.0 * 2.302585092994046)), log_before);
    store(is_accepted, to_unit(accepted));
    store(started, t);

    // Outputs within the step.
    const Vec safe_h = select(h == 0.0, Vec(1.0), h);
    for (;;) {
      const Mask due = accepted & ((load(target) - t_new) * direction <= 0.0);
      if (!any(due)) break;
      const Interpolant at((load(target) - t) / safe_h);
      const Vec w[kStages] = {at.weight<0>(), at.weight<1>(), at.weight<2>(), at.weight<3>(),
                              at.weight<4>(), at.weight<5>(), at.weight<6>()};
      const Mask is_end = load(target) == t_new;
      for (int i = 0; i < rows; i += kVecSize) {
        Vec sum = load(s.slope[0] + i) * w[0];
        for (int k = 2; k < kStages; ++k) sum = fma(load(s.slope[k] + i), w[k], sum);
        store(between + i, select(is_end, load(s.next_y + i), fma(h, sum, load(s.y + i))));
      }
      alignas(64) double is_due[kVecSize];
      store(is_due, to_unit(due));
      bool any_finished = false;
      for (int l = 0; l < kVecSize; ++l) {
        if (is_due[l] == 0) continue;
        emit(l, between);
        if (next[l] <= m) continue;
        target[l] = kInfinity * sign[l];
        any_finished = true;
      }
      if (!any_finished) continue;
      for (int l = 0; l < kVecSize; ++l)
        if (next[l] > m) is_active[l] = 0;
    }

    // The tape; then the accepted lanes move on.
    alignas(64) double width[kVecSize];
    store(width, h);
    const int64_t entry = int64_t{n + 2} * kVecSize;
    for (int l = 0; l < kVecSize; ++l) {
      if (is_accepted[l] == 0) continue;
      if (count[l] < task.capacity) {
        double* p = task.tape + kVecSize + count[l] * entry + l;
        p[0] = started[l];
        p[kVecSize] = width[l];
        for (int i = 0; i < n; ++i) p[(i + 2) * kVecSize] = s.y[i * kVecSize + l];
      }
      ++count[l];
    }
    t = select(accepted, t_new, t);
    for (int i = 0; i < rows; i += kVecSize) {
      store(s.y + i, select(accepted, load(s.next_y + i), load(s.y + i)));
      store(s.slope[0] + i, select(accepted, load(s.slope[6] + i), load(s.slope[0] + i)));
    }
    // Lanes that have used up their steps, or whose steps no longer move the time, fail.
    alignas(64) double stuck[kVecSize];
    store(stuck, to_unit(~((t + size * direction * 1e-3 != t) & finite(size))));
    for (int l = 0; l < kVecSize; ++l) {
      if (is_active[l] == 0) continue;
      if (++attempts[l] >= task.max_steps || (stuck[l] != 0 && is_accepted[l] == 0)) fail(l);
    }
  }
  // Unordered times, or none that can be reached.
  for (int l = 0; l < kVecSize; ++l) {
    if (next[l] <= m) fail(l);
    task.tape[l] = static_cast<double>(count[l]);
  }
}

void ode_reverse(const OdeTask& task) {
  Solver s(task);
  const LaneCode& code = s.code;
  const int n = s.n, m = task.num_times;
  const int rows = n * kVecSize;
  lane_forward(code, 0, code.num_fixed, task.values, task.values + task.scratch_start);
  // Constants, fixed inputs and what follows from them stand in every set of values.
  double* set[kStages];  // of stages 1 to 6, and of the first stage of the step after
  for (int k = 0; k < kStages; ++k) {
    set[k] = task.values + k * task.value_stride;
    if (k == 0) continue;
    for (int32_t slot = 0; slot < code.first_varying; ++slot)
      store(set[k] + slot * kVecSize, load(task.values + slot * kVecSize));
  }
  double* const adjoints = task.adjoints;
  for (int32_t slot = 0; slot < code.num_slots; ++slot) store(adjoints + slot * kVecSize, Vec(0.0));
  double* slope_bar[kStages];  // adjoints of the slopes
  double* p = s.rest();
  for (int k = 0; k < kStages; ++k, p += rows) slope_bar[k] = p;
  double* lambda = p;  // of the state
  double* pulled = p + rows;
  for (int i = 0; i < rows; i += kVecSize) {
    store(lambda + i, Vec(0.0));
    for (int k = 0; k < kStages; ++k) store(slope_bar[k] + i, Vec(0.0));
  }
  /// pulled = (df/dy)' bar; those of parameters add up where they are.
  const auto pull = [&](double* values, const double* bar) {
    for (int32_t k = 0; k < code.num_varying_inputs; ++k)
      store(adjoints + (code.first_input + k) * kVecSize, Vec(0.0));
    for (int32_t slot = code.first_varying; slot < code.num_slots; ++slot)
      store(adjoints + slot * kVecSize, Vec(0.0));
    for (int i = 0; i < n; ++i) {
      double* q = adjoints + code.outputs[i] * kVecSize;
      store(q, load(q) + load(bar + i * kVecSize));
    }
    lane_reverse(code, code.num_fixed, code.num_instructions, values, adjoints,
                 values + task.scratch_start);
    for (int i = 0; i < rows; i += kVecSize) store(pulled + i, load(s.state_of(adjoints) + i));
  };

  int64_t count[kVecSize];
  int64_t most = 0;
  int pending[kVecSize];  // the last output that is still to come
  alignas(64) double target[kVecSize], t_now[kVecSize], h_now[kVecSize], is_active[kVecSize];
  alignas(64) double sign[kVecSize], t_after[kVecSize];
  for (int l = 0; l < kVecSize; ++l) {
    count[l] = static_cast<int64_t>(task.tape[l]);
    most = count[l] > most ? count[l] : most;
    pending[l] = m;
    target[l] = s.time(m, l);
    sign[l] = target[l] < s.time(0, l) ? -1 : 1;
    t_after[l] = target[l];
  }
  const Vec direction = load(sign);
  const int64_t entry = int64_t{n + 2} * kVecSize;
  alignas(64) double is_due[kVecSize];
  for (int64_t j = 0; j < most; ++j) {
    for (int l = 0; l < kVecSize; ++l) {
      const int64_t step = count[l] - 1 - j;
      is_active[l] = step >= 0 ? 1 : 0;
      if (step < 0) {  // rests where it began
        t_now[l] = s.time(0, l);
        h_now[l] = 0;
        for (int i = 0; i < n; ++i) s.y[i * kVecSize + l] = task.in[i][task.lane + l];
        continue;
      }
      const double* q = task.tape + kVecSize + step * entry + l;
      t_now[l] = q[0];
      h_now[l] = q[kVecSize];
      for (int i = 0; i < n; ++i) s.y[i * kVecSize + l] = q[(i + 2) * kVecSize];
    }
    const Vec t = load(t_now), h = load(h_now);
    const Mask active = load(is_active) != 0.0;
    s.stage<0>(set[0], t, h);
    s.stage<1>(set[1], t, h);
    s.stage<2>(set[2], t, h);
    s.stage<3>(set[3], t, h);
    s.stage<4>(set[4], t, h);
    s.stage<5>(set[5], t, h);
    if (j == 0) s.stage<6>(set[6], t, h);

    // Outputs within the step: slope_bar[6] holds what the next step's first slope has received.
    for (int k = 0; k < kStages - 1; ++k)
      for (int i = 0; i < rows; i += kVecSize) store(slope_bar[k] + i, Vec(0.0));
    for (int i = 0; i < rows; i += kVecSize) store(s.next_y + i, Vec(0.0));  // adjoint of y
    const Vec safe_h = select(h == 0.0, Vec(1.0), h);
    const Vec after = load(t_after);
    for (;;) {
      const Mask due = active & ((load(target) - t) * direction > 0.0);
      if (!any(due)) break;
      store(is_due, to_unit(due));
      const Mask is_end = load(target) == after;
      const Interpolant at((load(target) - t) / safe_h);
      const Vec w[kStages] = {at.weight<0>(), at.weight<1>(), at.weight<2>(), at.weight<3>(),
                              at.weight<4>(), at.weight<5>(), at.weight<6>()};
      for (int i = 0; i < n; ++i) {
        alignas(64) double buffer[kVecSize];
        for (int l = 0; l < kVecSize; ++l)
          buffer[l] =
              is_due[l] != 0 ? task.adjoint_out[(pending[l] - 1) * n + i][task.lane + l] : 0;
        const Vec g = load(buffer);
        double* q = lambda + i * kVecSize;
        store(q, load(q) + select(is_end, g, Vec(0.0)));
        const Vec inside = select(is_end, Vec(0.0), g);
        q = s.next_y + i * kVecSize;
        store(q, load(q) + inside);
        const Vec scaled = inside * h;
        for (int k = 0; k < kStages; ++k) {
          if (k == 1) continue;
          q = slope_bar[k] + i * kVecSize;
          store(q, fma(scaled, w[k], load(q)));
        }
      }
      for (int l = 0; l < kVecSize; ++l) {
        if (is_due[l] == 0) continue;
        --pending[l];
        target[l] = s.time(pending[l], l);  // t_0 after the first output
      }
    }
    pull(set[6], slope_bar[6]);
    // y_after = y + h sum b_k k_k, and the stages from the last to the second.
    for (int i = 0; i < rows; i += kVecSize) {
      const Vec bar = load(lambda + i) + load(pulled + i);
      store(lambda + i, bar + load(s.next_y + i));
      const Vec scaled = bar * h;
      for (int k = 0; k < kStages - 1; ++k) {
        if (k == 1) continue;
        store(slope_bar[k] + i, fma(scaled, Vec(kA[kStages - 1][k]), load(slope_bar[k] + i)));
      }
    }
    for (int k = kStages - 2; k > 0; --k) {
      pull(set[k], slope_bar[k]);
      for (int i = 0; i < rows; i += kVecSize) {
        const Vec bar = load(pulled + i);
        store(lambda + i, load(lambda + i) + bar);
        const Vec scaled = bar * h;
        for (int before = 0; before < k; ++before)
          store(slope_bar[before] + i,
                fma(scaled, Vec(kA[k][before]), load(slope_bar[before] + i)));
      }
    }
    // The first slope is the last of the step before.
    double* swap = set[0];
    set[0] = set[6];
    set[6] = swap;
    swap = slope_bar[0];
    slope_bar[0] = slope_bar[6];
    slope_bar[6] = swap;
    for (int l = 0; l < kVecSize; ++l)
      if (is_active[l] != 0) t_after[l] = t_now[l];
  }
  if (most > 0) {
    pull(set[6], slope_bar[6]);
    for (int i = 0; i < rows; i += kVecSize) store(lambda + i, load(lambda + i) + load(pulled + i));
  }
  lane_reverse(code, 0, code.num_fixed, task.values, adjoints, task.values + task.scratch_start);
  for (int32_t k = code.num_varying_inputs; k < code.num_inputs; ++k) {
    store(task.adjoint_parameters + (k - code.num_varying_inputs) * kVecSize,
          load(adjoints + (code.first_input + k) * kVecSize));
  }
  for (int i = 0; i < rows; i += kVecSize) store(task.adjoint_state + i, load(lambda + i));
}

}  // namespace vinci::graph::VINCI_TARGET
