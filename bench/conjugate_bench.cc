// Coordinate ascent on a conjugate program, timed:
//     vinci_conjugate_bench PROGRAM DATA.json SWEEPS [THREADS [MINIBATCH]]
// prints the seconds of compiling, of each sweep (median) and of all, the bound, and the memory.
// bench/conjugate.py simulates data and sets the figures beside scikit-learn's.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "check/check.h"
#include "conjugate/compile.h"
#include "data/json.h"
#include "source/render.h"
#include "syntax/parse.h"

int main(int argc, char** argv) {
  using namespace vinci;
  using Clock = std::chrono::steady_clock;
  if (argc < 4) {
    std::cerr << "vinci_conjugate_bench PROGRAM DATA.json SWEEPS [THREADS [MINIBATCH]]\n";
    return 2;
  }
  const auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto program = sources.add_from_path(argv[1], source::kMaxDataBytes, sink);
  const auto values = sources.add_from_path(argv[2], source::kMaxDataBytes, sink);
  if (sink.has_errors()) {
    std::cerr << source::render_text(sink, sources);
    return 2;
  }
  auto start = Clock::now();
  const data::DataTable table = data::read_json(values, sources, sink);
  const auto typed = check::check(syntax::parse(program, sources, sink), sink);
  const double reading = seconds(start);
  start = Clock::now();
  std::vector<conjugate::Misfit> misfits;
  std::unique_ptr<conjugate::Conjugate> model;
  if (typed) model = conjugate::compile(*typed, table, {}, misfits, sink);
  if (!model) {
    std::cerr << source::render_text(sink, sources);
    for (const auto& m : misfits)
      std::cerr << sources.describe(m.span) << ": " << m.message << "\n";
    return 2;
  }
  const double compiling = seconds(start);
  conjugate::AscentOptions options;
  options.max_sweeps = std::atoll(argv[3]);
  options.threads = argc > 4 ? std::atoi(argv[4]) : 1;
  options.minibatch = argc > 5 ? std::atof(argv[5]) : 0;
  options.tolerance = -1;
  numeric::RandomStream random(options.seed);
  start = Clock::now();
  model->network.start(random);
  const double starting = seconds(start);
  start = Clock::now();
  const std::clock_t cpu = std::clock();
  const auto result = model->network.ascend(options);
  const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  const double ascending = seconds(start);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      R"({{"reading": {:.3f}, "compiling": {:.3f}, "starting": {:.3f}, "ascending": {:.3f}, "cpu": {:.3f}, "sweeps": {}, "elbo": {:.6f}, "monomials": {}, "megabytes": {}}})"
      "\n",
      reading, compiling, starting, ascending, cpu_seconds, result.sweeps, result.elbo,
      model->network.num_monomials(), usage.ru_maxrss / 1024);
}
