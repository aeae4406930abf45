// Draws in CmdStan's CSV format, written so that ArviZ, cmdstanr, cmdstanpy and stansummary read
// them, and read from whatever version of CmdStan (or vinci) wrote them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "draws/draws.h"
#include "draws/run_record.h"

namespace vinci::draws {

/// Which of CmdStan's layouts to write.
enum class CsvLayout {
  kPathfinder,   ///< columns lp_approx__, lp__, then the variables; draws only
  kVariational,  ///< lp__ (zero), log_p__, log_g__, then the variables; the first row is `mean_row`
};

struct CsvOptions {
  CsvLayout layout = CsvLayout::kPathfinder;
  /// Variational layout: the variables at the approximation's mean, which readers skip. One for
  /// each column.
  std::vector<double> mean_row;
  /// 0: as many as are needed to read back the same double.
  int significant_digits = 0;
};

/// Writes `draws` with a preamble from `record` (program, data, seed, options, times). Log
/// densities that are not known are written as nan; log_g__ is log q with all its constants
/// (CmdStan leaves them out). Throws Error(kIo), see write_file_atomically; Error(kUsage) if the
/// variational layout has no mean row of the right length.
void write_cmdstan_csv(const std::string& path, const Draws& draws, const RunRecord& record,
                       const CsvOptions& options = {});

/// What was read from one file.
struct CmdstanFile {
  std::string path;
  std::string
      method;  ///< sample, variational, pathfinder, ...; guessed from the columns if not stated
  std::string model;
  /// The preamble's `key = value` pairs; of repeated keys the last.
  std::map<std::string, std::string> config;
  /// Without warm-up draws and the variational mean row.
  Draws draws;
  std::vector<double> mean_row;
  std::vector<std::string> warnings;
};

/// Reads a CSV file of CmdStan's sample, variational, pathfinder, laplace, generate_quantities or
/// optimize method. Columns whose names end in `__` go to log_density and log_approximation or are
/// left out. An incomplete last row, as an interrupted run leaves it, gives a warning. Throws
/// Error(kIo) if the file cannot be read and Error(kInput), with the line, if it is no such file.
CmdstanFile read_cmdstan_csv(const std::string& path);
/// The same from text in memory; `path` is for messages.
CmdstanFile parse_cmdstan_csv(const std::string& path, std::string_view text);

}  // namespace vinci::draws
