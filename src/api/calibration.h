// Simulation-based calibration of a program: fits to data that it simulates itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/session.h"
#include "diagnose/calibration.h"

namespace vinci::api {

struct CalibrationOptions {
  infer::FitOptions fit;  // of each replica; its threads are 1, its seed is the replica's
  Index replicas = 100;
  uint64_t seed = 1;
  int threads = 0;      // replicas run at once; 0: as many as the machine runs
  double level = 0.05;  // of the verdict, over all parameters together

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate() const;
};

struct ParameterCalibration {
  std::string name;       // `mu`, or `pars_[3]` where no parameter answers to it
  std::vector<double> p;  // of the usable replicas
  diagnose::Calibration result;
};

struct CalibrationOutcome {
  std::vector<ParameterCalibration> parameters;
  Index replicas = 0;
  Index usable = 0;
  Index num_good = 0, num_usable = 0, num_bad = 0;  // verdicts on the usable replicas' fits
  std::vector<std::string> failures;                // why replicas are not usable, each reason once
  bool interrupted = false;
  bool calibrated = false;  // enough replicas, and no finding
  double seconds = 0;
};

/// Runs the program once for each replica, with seeds of their own: transformed data draws
/// parameters from the prior and data from them; the fit sees these data; the generated quantity
/// `ranks_` (array or vector) is 1 where a draw exceeds the true value, and p = 1 - mean(ranks_).
/// `pars_`, if there, has the true values in the same order and serves to find the names. (The
/// convention of rstan's `sbc`.) Parameters are judged at level / (number of parameters). Results
/// do not depend on the number of threads. Returns nothing and reports to `sink` where the program
/// or the data are wrong.
std::optional<CalibrationOutcome> calibrate(const TypedProgramPtr& program,
                                            const data::DataTable& table,
                                            const CalibrationOptions& options,
                                            source::DiagnosticSink& sink, const Context& context);

/// The table and verdict as text; as JSON.
std::string calibration_text(const CalibrationOutcome& outcome);
std::string calibration_json(const CalibrationOutcome& outcome, const CalibrationOptions& options);

}  // namespace vinci::api
