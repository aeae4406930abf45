// Sweeps over binary fields in pixel-sweeps per second on one core, beside the floors: the tanh of
// as many floats in the first-level cache, and the bytes that a sweep moves.
//
//     vinci_lattice_bench [SIZE...]
//
// Times are processor time of the one thread, the least of many runs: other people's work on the
// machine is left out. A wrong fast result fails: after the timing, the field's bound has to be
// that of as many sweeps one at a time.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "lattice/sweeps.h"
#include "numeric/random/random_stream.h"
#include "numeric/special/float_rows.h"

namespace vinci::numeric {

static void tanh_row(const float* x, float* y, int64_t n) {
  VINCI_SIMD_SELECT(float_tanh)(x, y, n);
}

}  // namespace vinci::numeric

namespace vinci::lattice {
namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Least seconds of `repeats` calls.
template <class F>
double least(int repeats, F&& f) {
  double best = 1e300;
  for (int i = 0; i < repeats; ++i) {
    const double before = cpu_seconds();
    f();
    best = std::min(best, cpu_seconds() - before);
  }
  return best;
}

Field binary_field(int size, double diagonal) {
  Field field;
  field.coupling = {0.5F, static_cast<float>(0.5 * diagonal)};
  field.field = SplitGrid(size, size);
  numeric::RandomStream random(1);
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column)
      field.field.at(row, column) = static_cast<float>(random.normal());
  }
  return field;
}

/// Nanoseconds of one tanh in cache.
double tanh_floor() {
  std::vector<float> x(2048), y(2048);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) / 500 - 2;
  constexpr int kCalls = 200;
  const double seconds = least(100, [&] {
    for (int i = 0; i < kCalls; ++i) numeric::tanh_row(x.data(), y.data(), 2048);
  });
  return 1e9 * seconds / (kCalls * 2048.0);
}

/// Nanoseconds of copying a float from one array of this size to another: with the line that a
/// write fetches, 12 bytes, as many as a pass over means and field moves for each pixel.
double bytes_floor(int size) {
  const size_t pixels = static_cast<size_t>(size) * static_cast<size_t>(size);
  std::vector<float> mean(pixels, 0.5F), field(pixels, 0.25F);
  const double seconds =
      least(20, [&] { std::memcpy(mean.data(), field.data(), pixels * sizeof(float)); });
  return 1e9 * seconds / static_cast<double>(pixels);
}

void run(int size) {
  numeric::ThreadPool pool(1);
  const double tanh_ns = tanh_floor();
  const double pass_ns = bytes_floor(size);
  fmt::print("{} x {}: floors: tanh {:.3f} ns, one pass of bytes {:.3f} ns a pixel\n", size, size,
             tanh_ns, pass_ns);
  struct Case {
    const char* name;
    SweepOptions options;
    double diagonal;
    int sweeps;
  };
  const Case cases[] = {
      {"mean field", {}, 0, 8},
      {"mean field, one sweep at a time", {}, 0, 1},
      {"mean field, damped", {.damping = 0.3}, 0, 8},
      {"mean field, 8 neighbours", {}, 0.7, 8},
      {"mean field, simultaneous", {.schedule = Schedule::kSimultaneous, .damping = 0.5}, 0, 8},
      {"ICM", {.method = Method::kIcm}, 0, 8},
      {"belief propagation", {.method = Method::kTree}, 0, 2},
  };
  for (const Case& c : cases) {
    const Field field = binary_field(size, c.diagonal);
    Sweeper sweeper(field, SplitGrid(size, size), c.options, pool);
    const double pixels = static_cast<double>(size) * size;
    const int repeats = std::clamp(static_cast<int>(1e8 / (pixels * c.sweeps)), 3, 200);
    const double seconds = least(repeats, [&] { sweeper.run(c.sweeps); });
    const double ns = 1e9 * seconds / (pixels * c.sweeps);
    Sweeper single(field, SplitGrid(size, size), c.options, pool);
    for (int i = 0; i < repeats * c.sweeps && i < 400; ++i) single.run(1);
    const double bound = elbo(field, sweeper.q(), pool), expected = elbo(field, single.q(), pool);
    if (!(std::abs(bound - expected) <= 1e-3 * std::abs(expected))) {
      fmt::print("{}: ELBO {} instead of {}\n", c.name, bound, expected);
      std::exit(1);
    }
    // A tile takes all of these sweeps in one pass over memory.
    const double floor_ns = tanh_ns + pass_ns / c.sweeps;
    fmt::print("  {:<32} {:6.3f} ns   {:.2e} pixel-sweeps/s   {:.1f} floors of {:.3f} ns\n", c.name,
               ns, 1e9 / ns, ns / floor_ns, floor_ns);
  }
  const Field field = binary_field(size, 0);
  const SplitGrid q(size, size);
  const double seconds = least(5, [&] { elbo(field, q, pool); });
  fmt::print("  {:<32} {:6.3f} ns a pixel\n", "the bound",
             1e9 * seconds / (static_cast<double>(size) * size));
}

}  // namespace
}  // namespace vinci::lattice

int main(int argc, char** argv) {
  if (argc == 1) vinci::lattice::run(1024);
  for (int i = 1; i < argc; ++i) vinci::lattice::run(std::max(8, std::atoi(argv[i])));
  return 0;
}
