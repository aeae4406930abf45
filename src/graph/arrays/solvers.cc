#include "graph/arrays/solvers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/arrays/lane_program.h"

namespace vinci::graph {
namespace {

constexpr int kLanes = LaneProgram::kLanes;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Block = std::vector<double>;  // [rows][8]

size_t at(int64_t row, int lane) {
  return static_cast<size_t>(row) * kLanes + static_cast<size_t>(lane);
}

/// A diagonally implicit Runge-Kutta method with the same gamma in all stages.
struct Tableau {
  int stages;
  double gamma;
  double order;  // of the error estimate, plus one
  double a[5][5];
  double b[5];
  double error[5];  // b - b^
  double c[5];
};
constexpr Tableau kSdirk = {5,
                            0.25,
                            4,
                            {{0.25},
                             {0.5, 0.25},
                             {17.0 / 50, -1.0 / 25, 0.25},
                             {371.0 / 1360, -137.0 / 2720, 15.0 / 544, 0.25},
                             {25.0 / 24, -49.0 / 48, 125.0 / 16, -85.0 / 12, 0.25}},
                            {25.0 / 24, -49.0 / 48, 125.0 / 16, -85.0 / 12, 0.25},
                            {-3.0 / 16, -27.0 / 32, 25.0 / 32, 0, 0.25},
                            {0.25, 0.75, 11.0 / 20, 0.5, 1}};

/// Solves A x = b in place by elimination with row pivots; A [n, n] row-major and b are
/// overwritten. False if singular.
bool solve_dense(int n, double* a, double* b) {
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    if (!(std::abs(a[pivot * n + k]) > 0)) return false;
    if (pivot != k) {
      for (int j = k; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
      std::swap(b[k], b[pivot]);
    }
    for (int i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      if (factor == 0) continue;
      for (int j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      b[i] -= factor * b[k];
    }
  }
  for (int k = n - 1; k >= 0; --k) {
    for (int j = k + 1; j < n; ++j) b[k] -= a[k * n + j] * b[j];
    b[k] /= a[k * n + k];
  }
  return true;
}

/// Rows [first, first + n) of the Jacobian's columns at the last evaluation: jacobian[(i * n +
/// j)][lane].
void jacobian_of(const LaneProgram& f, int first, int n, LaneProgram::Memory& memory,
                 Block& jacobian) {
  Block seed(static_cast<size_t>(n) * kLanes, 0.0);
  Block pulled(static_cast<size_t>(f.num_inputs()) * kLanes);
  jacobian.resize(static_cast<size_t>(n) * static_cast<size_t>(n) * kLanes);
  for (int i = 0; i < n; ++i) {
    std::fill_n(&seed[at(i, 0)], kLanes, 1.0);
    std::fill(pulled.begin(), pulled.end(), 0.0);
    f.pull_back(seed.data(), pulled.data(), memory);
    std::fill_n(&seed[at(i, 0)], kLanes, 0.0);
    for (int j = 0; j < n; ++j)
      std::copy_n(&pulled[at(first + j, 0)], kLanes, &jacobian[at(i * n + j, 0)]);
  }
}

/// One attempted step of all lanes that was accepted in at least one; h = 0 in the others.
struct TapeEntry {
  double t[kLanes];
  double h[kLanes];
  int reached[kLanes];        // the output time that the step ends at, or -1
  std::vector<Block> stages;  // Y_i [n][8]
};

class StiffOde final : public ArrayFunction {
 public:
  StiffOde(const Graph& graph, const std::vector<Scalar>& derivative, int n, int m,
           const OdeOptions& options)
      : f_(graph, derivative, 1 + n),
        n_(n),
        m_(m),
        num_parameters_(graph.num_parameters() - 1 - n),
        options_(options) {
    VINCI_CHECK(static_cast<int>(derivative.size()) == n && num_parameters_ >= 0);
  }

  std::string name() const override { return "ode_stiff"; }
  int num_inputs() const override { return n_ + 1 + m_ + num_parameters_; }
  int num_outputs() const override { return n_ * m_; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const StiffOde*>(&other);
    return same && same->n_ == n_ && same->m_ == m_ &&
           same->options_.relative_tolerance == options_.relative_tolerance &&
           same->options_.absolute_tolerance == options_.absolute_tolerance &&
           same->options_.max_steps == options_.max_steps && same->f_.equals(f_);
  }
  void forward(const double* const* in, double* const* out, double* /*scratch*/,
               int lanes) const override {
    for (int first = 0; first < lanes; first += kLanes) {
      Run run(*this, in, first);
      const Block y = run.integrate(nullptr);
      for (int k = 0; k < n_ * m_; ++k) std::copy_n(&y[at(k, 0)], kLanes, out[k] + first);
    }
  }
  void reverse(const double* const* in, const double* const* /*out*/,
               const double* const* adjoint_out, double* const* adjoint_in, double* /*scratch*/,
               int lanes) const override {
    for (int first = 0; first < lanes; first += kLanes) {
      Run run(*this, in, first);
      run.pull_back(adjoint_out, adjoint_in);
    }
  }

 private:
  /// The integration of one block of eight lanes.
  class Run {
   public:
    Run(const StiffOde& ode, const double* const* in, int first)
        : ode_(ode),
          n_(ode.n_),
          first_(first),
          input_(size_of(ode.f_.num_inputs())),
          memory_(ode.f_.memory()) {
      y0_.resize(size_of(n_));
      for (int k = 0; k < n_; ++k) std::copy_n(in[k] + first, kLanes, &y0_[at(k, 0)]);
      times_.resize(size_of(1 + ode.m_));
      for (int k = 0; k <= ode.m_; ++k) std::copy_n(in[n_ + k] + first, kLanes, &times_[at(k, 0)]);
      for (int k = 0; k < ode.num_parameters_; ++k)
        std::copy_n(in[n_ + 1 + ode.m_ + k] + first, kLanes, &input_[at(1 + n_ + k, 0)]);
    }

    Block integrate(std::vector<TapeEntry>* tape);
    void pull_back(const double* const* adjoint_out, double* const* adjoint_in);

   private:
    static size_t size_of(int rows) { return static_cast<size_t>(rows) * kLanes; }

    /// k = f(t, y).
    void evaluate(const double* t, const Block& y, Block& k) {
      std::copy_n(t, kLanes, input_.data());
      std::copy(y.begin(), y.end(), &input_[at(1, 0)]);
      ode_.f_.evaluate(input_.data(), k.data(), memory_);
    }
    void initial_step(const Block& y, const double* t, double* h);
    /// Fills the stages and their derivatives; clears `fine` in lanes where a stage has no
    /// solution.
    void take_stages(const double* t, const double* h, const Block& y, bool* fine);
    void solve_stage(int stage, const double* stage_time, const double* h, const Block& base,
                     bool* fine);

    const StiffOde& ode_;
    int n_;
    int first_;
    Block input_, y0_, times_;
    LaneProgram::Memory memory_;
    std::vector<Block> stage_, slope_;
    Block jacobian_;
  };

  LaneProgram f_;
  int n_, m_, num_parameters_;
  OdeOptions options_;
};

void StiffOde::Run::initial_step(const Block& y, const double* t, double* h) {
  // [Hairer, Norsett and Wanner, Solving ODEs I, section II.4], without its trial step.
  Block k(size_of(n_));
  evaluate(t, y, k);
  for (int l = 0; l < kLanes; ++l) {
    double size = 0;
    double speed = 0;
    for (int i = 0; i < n_; ++i) {
      const double scale = ode_.options_.absolute_tolerance +
                           ode_.options_.relative_tolerance * std::abs(y[at(i, l)]);
      size += std::pow(y[at(i, l)] / scale, 2);
      speed += std::pow(k[at(i, l)] / scale, 2);
    }
    const double guess = size < 1e-10 || speed < 1e-10 ? 1e-6 : 0.01 * std::sqrt(size / speed);
    const double span = std::abs(times_[at(ode_.m_, l)] - t[l]);
    h[l] = std::min(std::isfinite(guess) ? guess : 1e-6, span);
  }
}

void StiffOde::Run::solve_stage(int stage, const double* stage_time, const double* h,
                                const Block& base, bool* fine) {
  // Newton's method on k = f(t, base + h gamma k), with the Jacobian of its first iterate.
  const double gamma = kSdirk.gamma;
  Block& k = slope_[static_cast<size_t>(stage)];
  Block& y = stage_[static_cast<size_t>(stage)];
  Block f(size_of(n_));
  std::vector<double> matrix(static_cast<size_t>(n_ * n_)), right(static_cast<size_t>(n_));
  bool done[kLanes] = {};
  for (int iteration = 0; iteration < 10; ++iteration) {
    for (int i = 0; i < n_; ++i)
      for (int l = 0; l < kLanes; ++l) y[at(i, l)] = base[at(i, l)] + h[l] * gamma * k[at(i, l)];
    evaluate(stage_time, y, f);
    if (iteration % 4 == 0) jacobian_of(ode_.f_, 1, n_, memory_, jacobian_);
    bool all_done = true;
    for (int l = 0; l < kLanes; ++l) {
      if (done[l] || !fine[l]) continue;
      double change = 0;
      for (int i = 0; i < n_; ++i) {
        right[static_cast<size_t>(i)] = f[at(i, l)] - k[at(i, l)];
        for (int j = 0; j < n_; ++j)
          matrix[static_cast<size_t>(i * n_ + j)] =
              (i == j ? 1.0 : 0.0) - h[l] * gamma * jacobian_[at(i * n_ + j, l)];
      }
      if (!solve_dense(n_, matrix.data(), right.data())) {
        fine[l] = false;
        continue;
      }
      for (int i = 0; i < n_; ++i) {
        const double scale = ode_.options_.absolute_tolerance +
                             ode_.options_.relative_tolerance * std::abs(y[at(i, l)]);
        change = std::max(change, std::abs(h[l] * right[static_cast<size_t>(i)]) / scale);
        k[at(i, l)] += right[static_cast<size_t>(i)];
      }
      if (!std::isfinite(change)) fine[l] = false;
      done[l] = change < 1e-4;
      all_done = all_done && (done[l] || !fine[l]);
    }
    if (all_done) break;
  }
  for (int l = 0; l < kLanes; ++l) fine[l] = fine[l] && done[l];
  for (int i = 0; i < n_; ++i)
    for (int l = 0; l < kLanes; ++l) y[at(i, l)] = base[at(i, l)] + h[l] * gamma * k[at(i, l)];
}

void StiffOde::Run::take_stages(const double* t, const double* h, const Block& y, bool* fine) {
  const Tableau& rk = kSdirk;
  stage_.resize(static_cast<size_t>(rk.stages), Block(size_of(n_)));
  slope_.resize(static_cast<size_t>(rk.stages), Block(size_of(n_), 0.0));
  double stage_time[kLanes];
  for (int s = 0; s < rk.stages; ++s) {
    Block& base = stage_[static_cast<size_t>(s)];
    base = y;
    for (int j = 0; j < s; ++j) {
      const double a = rk.a[s][j];
      if (a == 0) continue;
      const Block& k = slope_[static_cast<size_t>(j)];
      for (int i = 0; i < n_; ++i)
        for (int l = 0; l < kLanes; ++l) base[at(i, l)] += h[l] * a * k[at(i, l)];
    }
    for (int l = 0; l < kLanes; ++l) stage_time[l] = t[l] + rk.c[s] * h[l];
    const Block start = base;
    // The slope of the stage before is the first guess.
    if (s > 0) slope_[static_cast<size_t>(s)] = slope_[static_cast<size_t>(s - 1)];
    for (double& x : slope_[static_cast<size_t>(s)])
      if (!std::isfinite(x)) x = 0;
    solve_stage(s, stage_time, h, start, fine);
  }
}

Block StiffOde::Run::integrate(std::vector<TapeEntry>* tape) {
  const Tableau& rk = kSdirk;
  const int m = ode_.m_;
  Block out(size_of(n_ * m), kNan);
  Block y = y0_;
  double t[kLanes], h[kLanes], size[kLanes];
  int next[kLanes];
  bool active[kLanes];
  int64_t steps[kLanes] = {};
  for (int l = 0; l < kLanes; ++l) {
    t[l] = times_[at(0, l)];
    next[l] = 1;
    active[l] = m > 0;
  }
  if (m > 0) initial_step(y, t, size);
  const auto finish = [&](int l) {
    // Output times that are where the lane stands already, as at t_1 = t_0.
    while (next[l] <= m && times_[at(next[l], l)] == t[l]) {
      for (int i = 0; i < n_; ++i) out[at((next[l] - 1) * n_ + i, l)] = y[at(i, l)];
      ++next[l];
    }
    if (next[l] > m) active[l] = false;
  };
  for (int l = 0; l < kLanes; ++l) finish(l);
  while (std::any_of(active, active + kLanes, [](bool a) { return a; })) {
    bool lands[kLanes];
    bool fine[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      fine[l] = active[l];
      lands[l] = false;
      h[l] = 0;
      if (!active[l]) continue;
      const double rest = times_[at(next[l], l)] - t[l];
      // A step that would leave a sliver goes all the way.
      lands[l] = size[l] * 1.01 >= std::abs(rest);
      h[l] = lands[l] ? rest : std::copysign(size[l], rest);
    }
    take_stages(t, h, y, fine);
    bool accepted_any = false;
    TapeEntry entry;
    Block y_new = y;
    for (int l = 0; l < kLanes; ++l) {
      entry.t[l] = t[l];
      entry.h[l] = 0;
      entry.reached[l] = -1;
      if (!active[l]) continue;
      double error = 0;
      for (int i = 0; i < n_; ++i) {
        double step = 0;
        double e = 0;
        for (int s = 0; s < rk.stages; ++s) {
          step += rk.b[s] * slope_[static_cast<size_t>(s)][at(i, l)];
          e += rk.error[s] * slope_[static_cast<size_t>(s)][at(i, l)];
        }
        const double reached = y[at(i, l)] + h[l] * step;
        const double scale =
            ode_.options_.absolute_tolerance +
            ode_.options_.relative_tolerance * std::max(std::abs(y[at(i, l)]), std::abs(reached));
        error += std::pow(h[l] * e / scale, 2);
        y_new[at(i, l)] = reached;
      }
      error = std::sqrt(error / std::max(1, n_));
      const bool finite = fine[l] && std::isfinite(error);
      ++steps[l];
      if (finite && error <= 1) {
        accepted_any = true;
        entry.h[l] = h[l];
        t[l] = lands[l] ? times_[at(next[l], l)] : t[l] + h[l];
        for (int i = 0; i < n_; ++i) y[at(i, l)] = y_new[at(i, l)];
        if (lands[l]) {
          entry.reached[l] = next[l];
          finish(l);
        }
      }
      const double factor = finite ? 0.9 * std::pow(std::max(error, 1e-10), -1 / rk.order) : 0.25;
      // After a step cut short by an output time the size before still holds.
      const double used = std::abs(h[l]);
      const double proposal = used * std::clamp(factor, 0.2, 5.0);
      size[l] = entry.h[l] != 0 && lands[l] ? std::max(size[l], proposal) : proposal;
      const bool stuck = !(t[l] + 1e-3 * size[l] != t[l]) || !std::isfinite(size[l]);
      if (active[l] &&
          (steps[l] >= ode_.options_.max_steps || (stuck && !(finite && error <= 1)))) {
        active[l] = false;
        for (int k = 0; k < n_ * m; ++k) out[at(k, l)] = kNan;
      }
    }
    if (tape && accepted_any) {
      entry.stages = stage_;
      tape->push_back(std::move(entry));
    }
  }
  // A lane that failed fails in all its outputs.
  for (int l = 0; l < kLanes; ++l)
    if (next[l] <= m)
      for (int k = 0; k < n_ * m; ++k) out[at(k, l)] = kNan;
  return out;
}

void StiffOde::Run::pull_back(const double* const* adjoint_out, double* const* adjoint_in) {
  const Tableau& rk = kSdirk;
  const int m = ode_.m_;
  std::vector<TapeEntry> tape;
  const Block out = integrate(&tape);
  Block lambda(size_of(n_), 0.0);  // adjoint of y
  Block inputs(size_of(ode_.f_.num_inputs()), 0.0);
  Block slope(size_of(n_));
  Block pulled(inputs.size());
  std::vector<Block> y_bar(static_cast<size_t>(rk.stages), Block(size_of(n_)));
  int pending[kLanes];  // output times from here on down are still to come
  std::fill_n(pending, kLanes, m);
  const auto add_outputs = [&](int l, int down_to) {
    for (; pending[l] >= down_to && pending[l] >= 1; --pending[l])
      for (int i = 0; i < n_; ++i)
        lambda[at(i, l)] += adjoint_out[(pending[l] - 1) * n_ + i][first_ + l];
  };
  std::vector<double> matrix(static_cast<size_t>(n_ * n_)), right(static_cast<size_t>(n_));
  for (size_t step = tape.size(); step-- > 0;) {
    const TapeEntry& entry = tape[step];
    for (int l = 0; l < kLanes; ++l)
      if (entry.reached[l] >= 0) add_outputs(l, entry.reached[l]);
    double stage_time[kLanes];
    for (int s = rk.stages - 1; s >= 0; --s) {
      const Block& y = entry.stages[static_cast<size_t>(s)];
      for (int l = 0; l < kLanes; ++l) stage_time[l] = entry.t[l] + rk.c[s] * entry.h[l];
      evaluate(stage_time, y, slope);
      // k' = h b lambda + sum_{j > s} h a_js Y'_j + h gamma J' k'
      Block k_bar(size_of(n_));
      for (int i = 0; i < n_; ++i)
        for (int l = 0; l < kLanes; ++l) {
          double x = rk.b[s] * lambda[at(i, l)];
          for (int j = s + 1; j < rk.stages; ++j)
            x += rk.a[j][s] * y_bar[static_cast<size_t>(j)][at(i, l)];
          k_bar[at(i, l)] = entry.h[l] == 0 ? 0 : entry.h[l] * x;
        }
      jacobian_of(ode_.f_, 1, n_, memory_, jacobian_);
      for (int l = 0; l < kLanes; ++l) {
        if (entry.h[l] == 0) continue;
        for (int i = 0; i < n_; ++i) {
          right[static_cast<size_t>(i)] = k_bar[at(i, l)];
          for (int j = 0; j < n_; ++j)
            matrix[static_cast<size_t>(i * n_ + j)] =
                (i == j ? 1.0 : 0.0) - entry.h[l] * rk.gamma * jacobian_[at(j * n_ + i, l)];
        }
        const bool solved = solve_dense(n_, matrix.data(), right.data());
        for (int i = 0; i < n_; ++i)
          k_bar[at(i, l)] = solved ? right[static_cast<size_t>(i)] : kNan;
      }
      std::fill(pulled.begin(), pulled.end(), 0.0);
      ode_.f_.pull_back(k_bar.data(), pulled.data(), memory_);
      for (int l = 0; l < kLanes; ++l) {
        if (entry.h[l] == 0) {
          for (int i = 0; i < n_; ++i) y_bar[static_cast<size_t>(s)][at(i, l)] = 0;
          continue;
        }
        for (int i = 0; i < n_; ++i) y_bar[static_cast<size_t>(s)][at(i, l)] = pulled[at(1 + i, l)];
        for (int k = 1 + n_; k < ode_.f_.num_inputs(); ++k) inputs[at(k, l)] += pulled[at(k, l)];
      }
    }
    for (const Block& stage : y_bar)
      for (size_t k = 0; k < lambda.size(); ++k) lambda[k] += stage[k];
  }
  // Of the times: y(t_k) moves with f there, and a later start leaves out f at the start.
  double t[kLanes];
  Block y(size_of(n_));
  for (int k = 0; k <= m; ++k) {
    double* row = adjoint_in[n_ + k];
    if (!row) continue;
    for (int l = 0; l < kLanes; ++l) t[l] = times_[at(k, l)];
    for (int i = 0; i < n_; ++i)
      std::copy_n(k == 0 ? &y0_[at(i, 0)] : &out[at((k - 1) * n_ + i, 0)], kLanes, &y[at(i, 0)]);
    evaluate(t, y, slope);
    for (int l = 0; l < kLanes; ++l)
      for (int i = 0; i < n_; ++i)
        row[first_ + l] += k == 0 ? -lambda[at(i, l)] * slope[at(i, l)]
                                  : adjoint_out[(k - 1) * n_ + i][first_ + l] * slope[at(i, l)];
  }
  // Outputs at the initial time itself are y_0, wherever it is.
  for (int l = 0; l < kLanes; ++l) add_outputs(l, 1);
  for (int l = 0; l < kLanes; ++l) {
    for (int i = 0; i < n_; ++i)
      if (adjoint_in[i]) adjoint_in[i][first_ + l] += lambda[at(i, l)];
    for (int k = 0; k < ode_.num_parameters_; ++k)
      if (double* row = adjoint_in[n_ + 1 + m + k]) row[first_ + l] += inputs[at(1 + n_ + k, l)];
  }
}

/// The pair of Dormand and Prince; the work is in ode_simd.cc.
class ExplicitOde final : public ArrayFunction {
 public:
  ExplicitOde(const Graph& graph, const std::vector<Scalar>& derivative, int n, int m,
              const OdeOptions& options)
      : f_(graph, derivative, 1 + n),
        n_(n),
        m_(m),
        num_parameters_(graph.num_parameters() - 1 - n),
        options_(options) {
    VINCI_CHECK(static_cast<int>(derivative.size()) == n && num_parameters_ >= 0);
  }

  std::string name() const override { return "ode_explicit"; }
  int num_inputs() const override { return n_ + 1 + m_ + num_parameters_; }
  int num_outputs() const override { return n_ * m_; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const ExplicitOde*>(&other);
    return same && same->n_ == n_ && same->m_ == m_ &&
           same->options_.relative_tolerance == options_.relative_tolerance &&
           same->options_.absolute_tolerance == options_.absolute_tolerance &&
           same->options_.max_steps == options_.max_steps && same->f_.equals(f_);
  }
  int64_t scratch_size() const override { return tape_rows(capacity()); }

  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override {
    Memory memory(*this, 1);
    OdeTask task = memory.task(in, out);
    task.capacity = capacity();
    for (task.lane = 0; task.lane < lanes; task.lane += kLanes) {
      memory.load_parameters(in, task.lane);
      task.tape = scratch + task.lane * scratch_size();
      VINCI_SIMD_SELECT(ode_forward)(task);
    }
  }

  void reverse(const double* const* in, const double* const* out, const double* const* adjoint_out,
               double* const* adjoint_in, double* scratch, int lanes) const override {
    Memory memory(*this, kOdeValueSets);
    AlignedRows state(static_cast<size_t>(n_) * kLanes);
    AlignedRows parameters(static_cast<size_t>(num_parameters_) * kLanes);
    AlignedRows long_tape;
    std::vector<double> ignored(static_cast<size_t>(n_ * m_ * lanes));
    std::vector<double*> ignored_rows;
    for (int k = 0; k < n_ * m_; ++k)
      ignored_rows.push_back(ignored.data() + static_cast<ptrdiff_t>(k) * lanes);
    OdeTask task = memory.task(in, ignored_rows.data());
    task.adjoint_out = adjoint_out;
    task.adjoint_state = state.data();
    task.adjoint_parameters = parameters.data();
    const bool wants_times = std::any_of(adjoint_in + n_, adjoint_in + n_ + 1 + m_,
                                         [](const double* row) { return row != nullptr; });
    for (task.lane = 0; task.lane < lanes; task.lane += kLanes) {
      memory.load_parameters(in, task.lane);
      task.tape = scratch + task.lane * scratch_size();
      const auto steps = static_cast<int64_t>(*std::max_element(task.tape, task.tape + kLanes));
      if (steps > capacity()) {  // once more, with all of the tape
        long_tape = AlignedRows(static_cast<size_t>(tape_rows(steps)) * kLanes);
        task.tape = long_tape.data();
        task.capacity = steps;
        VINCI_SIMD_SELECT(ode_forward)(task);
      }
      VINCI_SIMD_SELECT(ode_reverse)(task);
      if (wants_times) pull_back_times(in, out, adjoint_out, adjoint_in, state.data(), task.lane);
      for (int i = 0; i < n_; ++i) {
        double* row = adjoint_in[i];
        if (!row) continue;
        for (int l = task.lane; l < task.lane + kLanes; ++l) {
          row[l] += state.data()[i * kLanes + l - task.lane];
          // Outputs at the initial time itself are y_0, wherever it is.
          for (int k = 1; k <= m_ && in[n_ + k][l] == in[n_][l]; ++k)
            row[l] += adjoint_out[(k - 1) * n_ + i][l];
        }
      }
      for (int k = 0; k < num_parameters_; ++k)
        if (double* row = adjoint_in[n_ + 1 + m_ + k])
          for (int l = 0; l < kLanes; ++l) row[task.lane + l] += parameters.data()[k * kLanes + l];
    }
  }

 private:
  /// Of the tape, in rows of lanes: counts, and for each step t, h and y.
  int64_t tape_rows(int64_t steps) const { return 1 + steps * (n_ + 2); }
  /// Steps that the memory of a plan keeps; longer solutions are computed once more.
  int64_t capacity() const { return std::clamp<int64_t>(4096 / (n_ + 2), 8, 256); }

  struct Memory {
    Memory(const ExplicitOde& ode, int num_sets)
        : ode_(ode),
          scratch_start_(int64_t{ode.f_.code().num_slots} * kLanes),
          stride_(scratch_start_ + ode.f_.scratch_size() * kLanes),
          values_(static_cast<size_t>(stride_ * num_sets)),
          adjoints_(num_sets > 1 ? static_cast<size_t>(scratch_start_) : 0),
          work_(static_cast<size_t>(ode_work_rows(ode.n_)) * kLanes) {
      ode.f_.fill_constants(values_.data());
    }
    OdeTask task(const double* const* in, double* const* out) {
      OdeTask t{};
      t.code = ode_.f_.code();
      t.num_states = ode_.n_;
      t.num_times = ode_.m_;
      t.relative_tolerance = ode_.options_.relative_tolerance;
      t.absolute_tolerance = ode_.options_.absolute_tolerance;
      t.max_steps = ode_.options_.max_steps;
      t.in = in;
      t.out = out;
      t.values = values_.data();
      t.value_stride = stride_;
      t.scratch_start = scratch_start_;
      t.adjoints = adjoints_.data();
      t.work = work_.data();
      return t;
    }
    void load_parameters(const double* const* in, int lane) {
      double* rows = values_.data() + (ode_.f_.code().first_input + 1 + ode_.n_) * kLanes;
      for (int k = 0; k < ode_.num_parameters_; ++k)
        std::copy_n(in[ode_.n_ + 1 + ode_.m_ + k] + lane, kLanes, rows + k * kLanes);
    }

   private:
    const ExplicitOde& ode_;
    int64_t scratch_start_, stride_;
    AlignedRows values_, adjoints_, work_;
  };

  /// y(t_k) moves with f there, and a later start leaves out f at the start.
  void pull_back_times(const double* const* in, const double* const* out,
                       const double* const* adjoint_out, double* const* adjoint_in,
                       const double* adjoint_state, int lane) const {
    LaneProgram::Memory memory = f_.memory();
    Block input(static_cast<size_t>(f_.num_inputs()) * kLanes);
    Block slope(static_cast<size_t>(n_) * kLanes);
    for (int k = 0; k < num_parameters_; ++k)
      std::copy_n(in[n_ + 1 + m_ + k] + lane, kLanes, &input[at(1 + n_ + k, 0)]);
    for (int k = 0; k <= m_; ++k) {
      double* row = adjoint_in[n_ + k];
      if (!row) continue;
      std::copy_n(in[n_ + k] + lane, kLanes, input.data());
      for (int i = 0; i < n_; ++i)
        std::copy_n((k == 0 ? in[i] : out[(k - 1) * n_ + i]) + lane, kLanes, &input[at(1 + i, 0)]);
      f_.evaluate(input.data(), slope.data(), memory);
      for (int l = 0; l < kLanes; ++l)
        for (int i = 0; i < n_; ++i)
          row[lane + l] +=
              (k == 0 ? -adjoint_state[at(i, l)] : adjoint_out[(k - 1) * n_ + i][lane + l]) *
              slope[at(i, l)];
    }
  }

  LaneProgram f_;
  int n_, m_, num_parameters_;
  OdeOptions options_;
};

class FindRoot final : public ArrayFunction {
 public:
  FindRoot(const Graph& graph, const std::vector<Scalar>& residual, int n,
           const RootOptions& options)
      : f_(graph, residual, n), n_(n), options_(options) {
    VINCI_CHECK(static_cast<int>(residual.size()) == n && graph.num_parameters() >= n);
  }
  std::string name() const override { return "find_root"; }
  int num_inputs() const override { return f_.num_inputs(); }
  int num_outputs() const override { return n_; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const FindRoot*>(&other);
    return same && same->n_ == n_ &&
           same->options_.relative_tolerance == options_.relative_tolerance &&
           same->options_.function_tolerance == options_.function_tolerance &&
           same->options_.max_steps == options_.max_steps && same->f_.equals(f_);
  }
  void forward(const double* const* in, double* const* out, double* /*scratch*/,
               int lanes) const override {
    for (int first = 0; first < lanes; first += kLanes) {
      Block input = gather(in, first);
      solve(input);
      for (int k = 0; k < n_; ++k) std::copy_n(&input[at(k, 0)], kLanes, out[k] + first);
    }
  }
  void reverse(const double* const* in, const double* const* out, const double* const* adjoint_out,
               double* const* adjoint_in, double* /*scratch*/, int lanes) const override {
    // f(x(p), p) = 0: p' = -(df/dp)' J^{-T} x'.
    LaneProgram::Memory memory = f_.memory();
    Block residual(static_cast<size_t>(n_) * kLanes), jacobian, mu(residual.size());
    std::vector<double> matrix(static_cast<size_t>(n_ * n_)), right(static_cast<size_t>(n_));
    for (int first = 0; first < lanes; first += kLanes) {
      Block input = gather(in, first);
      for (int k = 0; k < n_; ++k) std::copy_n(out[k] + first, kLanes, &input[at(k, 0)]);
      f_.evaluate(input.data(), residual.data(), memory);
      jacobian_of(f_, 0, n_, memory, jacobian);
      for (int l = 0; l < kLanes; ++l) {
        for (int i = 0; i < n_; ++i) {
          right[static_cast<size_t>(i)] = -adjoint_out[i][first + l];
          for (int j = 0; j < n_; ++j)
            matrix[static_cast<size_t>(i * n_ + j)] = jacobian[at(j * n_ + i, l)];
        }
        const bool solved = solve_dense(n_, matrix.data(), right.data());
        for (int i = 0; i < n_; ++i) mu[at(i, l)] = solved ? right[static_cast<size_t>(i)] : kNan;
      }
      Block pulled(input.size(), 0.0);
      f_.pull_back(mu.data(), pulled.data(), memory);
      for (int k = n_; k < num_inputs(); ++k)
        for (int l = 0; l < kLanes && adjoint_in[k]; ++l)
          adjoint_in[k][first + l] += pulled[at(k, l)];
    }
  }

 private:
  Block gather(const double* const* in, int first) const {
    Block input(static_cast<size_t>(num_inputs()) * kLanes);
    for (int k = 0; k < num_inputs(); ++k) std::copy_n(in[k] + first, kLanes, &input[at(k, 0)]);
    return input;
  }
  double size_of(const Block& residual, int lane) const {
    double size = 0;
    for (int i = 0; i < n_; ++i) {
      const double r = std::abs(residual[at(i, lane)]);
      if (!(r <= size)) size = r;
    }
    return size;
  }
  void solve(Block& input) const {
    LaneProgram::Memory memory = f_.memory();
    Block residual(static_cast<size_t>(n_) * kLanes), trial(residual.size()), jacobian,
        step(residual.size());
    std::vector<double> matrix(static_cast<size_t>(n_ * n_)), right(static_cast<size_t>(n_));
    bool done[kLanes] = {}, failed[kLanes] = {};
    f_.evaluate(input.data(), residual.data(), memory);
    for (int iteration = 0; iteration < options_.max_steps; ++iteration) {
      jacobian_of(f_, 0, n_, memory, jacobian);
      bool busy = false;
      for (int l = 0; l < kLanes; ++l) {
        if (done[l] || failed[l]) continue;
        for (int i = 0; i < n_; ++i) {
          right[static_cast<size_t>(i)] = -residual[at(i, l)];
          for (int j = 0; j < n_; ++j)
            matrix[static_cast<size_t>(i * n_ + j)] = jacobian[at(i * n_ + j, l)];
        }
        failed[l] = !solve_dense(n_, matrix.data(), right.data());
        for (int i = 0; i < n_; ++i) step[at(i, l)] = right[static_cast<size_t>(i)];
        busy = busy || !failed[l];
      }
      if (!busy) break;
      double scale[kLanes];
      for (int l = 0; l < kLanes; ++l) scale[l] = done[l] || failed[l] ? 0.0 : 1.0;
      Block next = input;
      for (int halving = 0; halving < 30; ++halving) {
        for (int i = 0; i < n_; ++i)
          for (int l = 0; l < kLanes; ++l)
            if (scale[l] != 0) next[at(i, l)] = input[at(i, l)] + scale[l] * step[at(i, l)];
        f_.evaluate(next.data(), trial.data(), memory);
        bool again = false;
        for (int l = 0; l < kLanes; ++l) {
          if (scale[l] == 0) continue;
          const double before = size_of(residual, l);
          const double after = size_of(trial, l);
          if (std::isfinite(after) && (after < before || after <= 1e-14 * (1 + before))) continue;
          scale[l] /= 2;
          again = true;
        }
        if (!again) break;
      }
      for (int l = 0; l < kLanes; ++l) {
        if (scale[l] == 0) continue;
        double change = 0;
        for (int i = 0; i < n_; ++i) {
          change = std::max(
              change, std::abs(scale[l] * step[at(i, l)]) / (1e-12 + std::abs(next[at(i, l)])));
          input[at(i, l)] = next[at(i, l)];
          residual[at(i, l)] = trial[at(i, l)];
        }
        const double size = size_of(residual, l);
        // Both: quadratic convergence makes the last step cheap, and the gradient assumes a root.
        done[l] = size <= options_.function_tolerance &&
                  (change <= options_.relative_tolerance || size <= 1e-14);
        if (!std::isfinite(size)) failed[l] = true;
      }
      f_.evaluate(input.data(), residual.data(), memory);
    }
    for (int l = 0; l < kLanes; ++l) {
      if (done[l] || (!failed[l] && size_of(residual, l) <= options_.function_tolerance)) continue;
      for (int i = 0; i < n_; ++i) input[at(i, l)] = kNan;
    }
  }

  LaneProgram f_;
  int n_;
  RootOptions options_;
};

}  // namespace

ArrayFunctionPtr ode_solve(const Graph& right_hand_side, const std::vector<Scalar>& derivative,
                           int num_states, int num_times, const OdeOptions& options) {
  if (options.method == OdeMethod::kExplicit)
    return std::make_shared<ExplicitOde>(right_hand_side, derivative, num_states, num_times,
                                         options);
  return std::make_shared<StiffOde>(right_hand_side, derivative, num_states, num_times, options);
}

ArrayFunctionPtr find_root(const Graph& equations, const std::vector<Scalar>& residual,
                           int num_unknowns, const RootOptions& options) {
  return std::make_shared<FindRoot>(equations, residual, num_unknowns, options);
}

}  // namespace vinci::graph
