// fit: from a log density to draws of its posterior and a verdict on them. The header to start
// with: it brings Program, Data, Model and Draws.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vinci/context.h"
#include "vinci/draws.h"
#include "vinci/log_density.h"
#include "vinci/model.h"

namespace vinci {

struct FitOptions {
  std::uint64_t seed = 1;  ///< same seed: same bits, whatever the number of threads
  int threads = 0;         ///< 0: as many as the machine has
  std::int64_t draws = 1000;
  std::string method =
      "auto";  ///< auto, pathfinder, bam, pbam, gsm, natural-gradient, mean-field, dadvi,
               ///< raabbvi, advi, laplace, semi-implicit, kernel-semi-implicit, cavi
  std::string family = "auto";  ///< auto, mean-field, full-rank, sparse, sinh-arcsinh, flow, spline
  std::vector<double> init = {};  ///< unconstrained point of the first path; empty: at random
  double budget_seconds = 60;     ///< after which the best so far is returned
  std::int64_t budget_evaluations = 20'000'000;
};

/// What draws may be used for. good: means, deviations and tails. usable: means and deviations,
/// tails with care. bad: do not use them as the posterior.
enum class Verdict { kGood, kUsable, kBad };
std::string_view to_string(Verdict verdict);

/// A Monte Carlo estimate and its standard error.
struct Estimate {
  double value = 0;
  double error = 0;
};

/// The outcome of a fit. Immutable; copies share what they hold.
class Fit {
 public:
  Verdict verdict() const;
  /// Why: each a sentence.
  const std::vector<std::string>& reasons() const;
  /// What to try next: each a sentence.
  const std::vector<std::string>& advice() const;

  /// None where the density is nowhere finite; the verdict says so.
  const Draws& draws() const;
  /// One row for each element of parameters, transformed parameters and generated quantities.
  const std::vector<Summary>& summaries() const;
  /// The row of `mu` or `theta[3]`. Throws Error(kUsage) where there is none.
  const Summary& summary(std::string_view name) const;

  Estimate elbo() const;          ///< nats
  Estimate log_evidence() const;  ///< nats; trust it where khat() <= 0.7
  double khat() const;            ///< of the importance weights
  const std::string& family() const;
  std::int64_t evaluations() const;  ///< of the log density, one for each lane
  double seconds() const;
  bool interrupted() const;

  /// The text that `vinci fit` prints.
  std::string report() const;
  /// The run record, JSON.
  std::string record_json() const;
  /// Writes draws in CmdStan's CSV format, and the record. A file appears whole or not at all.
  /// Throw Error(kIo).
  void write_csv(const std::string& path) const;
  void write_record(const std::string& path) const;

  struct Impl;
  explicit Fit(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Fits an approximation to `density` and judges it. For a Model, draws are of its parameters,
/// transformed parameters and generated quantities; for a density of one's own, of its coordinates
/// `x[1]`, `x[2]`, .... What the density does never throws: a fit that failed has the verdict bad.
/// Throws Error(kUsage) for options out of range.
Fit fit(const LogDensity& density, const FitOptions& options = {}, const Context& context = {});

}  // namespace vinci
