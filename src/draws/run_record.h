// RunRecord: everything that is worth keeping of a fit, apart from the draws themselves.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "draws/summary.h"

namespace vinci::draws {

/// A stage of a run: compiling, each method of the ladder, checking.
struct Stage {
  std::string name;         ///< such as `pathfinder`
  std::string result;       ///< what came out, such as `full-rank normal`; may be empty
  int64_t evaluations = 0;  ///< density evaluations, one for each lane
  double seconds = 0;
};

/// A named distribution of q: the factor of a parameter (or of an element of one).
struct Factor {
  std::string parameter;  ///< `theta[2]`
  std::string family;     ///< such as `gamma`
  std::vector<std::pair<std::string, double>> params;
};

/// What importance ratios bound of the approximation's error; NaN where they do not.
struct ErrorBounds {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double d2 = kUnknown;  ///< Renyi divergence of order 2, nats
  double d2_se = kUnknown;
  double w1 = kUnknown;  ///< Wasserstein distances in unconstrained space
  double w2 = kUnknown;
  double covariance_error = kUnknown;
  double mean_error = kUnknown;  ///< of any quantity, in its standard deviations
  double sd_error = kUnknown;    ///< of the quantity whose bound is largest, likewise
  std::string use;               ///< tight, reweight, useless or not-computed
  bool optimistic = false;       ///< k-hat above 0.5: d2 may be larger than estimated
};

struct RunRecord {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::string version;            ///< of vinci
  std::string program;            ///< path of the Stan program
  std::vector<std::string> data;  ///< paths of data files
  std::vector<std::pair<std::string, std::string>> options;
  uint64_t seed = 0;
  int threads = 1;
  std::string started;  ///< `YYYY-MM-DD HH:MM:SS UTC`

  int64_t num_unconstrained = 0;
  int64_t num_observations = 0;
  int64_t num_plates = 0;
  int64_t num_draws = 0;

  std::string method;  ///< the one whose result was kept
  std::string family;
  std::vector<Stage> stages;
  std::vector<Factor> factors;  ///< what was asked for by name
  /// How discrete parameters were summed out: `z: 150 variables of 3 states, enumeration in a
  /// plate`.
  std::vector<std::string> elimination;
  std::vector<ParameterSummary> parameters;

  double elbo = kUnknown;  ///< nats
  double elbo_se = kUnknown;
  double log_evidence = kUnknown;
  double log_evidence_se = kUnknown;
  double khat = kUnknown;
  double minimal_draws = kUnknown;     ///< from which estimates with this k-hat are reliable
  double convergence_rate = kUnknown;  ///< their mean squared error falls as draws^-rate
  int64_t judged_draws = 0;            ///< from which k-hat comes
  ErrorBounds bounds;

  /// The approximation as one line of JSON, and what its coordinates are; a later fit may start
  /// from it. Empty: none.
  std::string approximation;
  std::vector<std::string> unconstrained_names;
  std::string resumed_from;  ///< a checkpoint; the evaluations and seconds that led to it:
  int64_t earlier_evaluations = 0;
  double earlier_seconds = 0;

  std::string verdict;           ///< good, usable or bad
  std::string verdict_sentence;  ///< what may be used
  std::vector<std::string> reasons;
  std::vector<std::string> advice;  ///< what to try next
  bool interrupted = false;

  int64_t evaluations = 0;
  double compile_seconds = 0;
  double fit_seconds = 0;
  double seconds = 0;  ///< of the whole run

  std::string draws_file;
  std::string record_file;
};

/// The record as JSON text, indented by 2, ending with a line feed. `parameters` is an object by
/// name; values that are not finite are null; bytes that are not UTF-8 become U+FFFD. Numbers read
/// back to the same double.
std::string to_json(const RunRecord& record);

/// Writes `to_json` (see write_file_atomically for what it throws).
void write_record(const std::string& path, const RunRecord& record);

}  // namespace vinci::draws
