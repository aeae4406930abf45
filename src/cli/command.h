// The subcommands of `vinci`. Each file of this folder adds one to the application; its callback
// returns the exit status through `status`: 0 done, 1 input/output failure, 2 wrong program, data
// or option, 3 a fit whose verdict is bad.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "api/session.h"
#include "report/exit_status.h"
#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::cli {

using report::kExitBad;
using report::kExitDone;
using report::kExitInput;
using report::kExitIo;

void add_fit(CLI::App& app, int& status);
void add_eval(CLI::App& app, int& status);
void add_compile(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_format(CLI::App& app, int& status);
void add_summary(CLI::App& app, int& status);
void add_estimators(CLI::App& app, int& status);
void add_calibrate(CLI::App& app, int& status);
void add_compress(CLI::App& app, int& status);
void add_decompress(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_denoise(CLI::App& app, int& status);
void add_deep(CLI::App& app, int& status);

/// Options that every command which reads programs has.
struct ProgramOptions {
  std::string program;
  std::vector<std::string> include_paths;
  std::string diagnostics = "text";  // or json
};
void add_program_options(CLI::App& command, ProgramOptions& options, bool with_program = true);

/// Sources and diagnostics of one run.
struct Run {
  source::SourceMap sources;
  source::DiagnosticSink sink;

  /// Reads and checks `options.program`; null where there is an error.
  api::TypedProgramPtr compile(const ProgramOptions& options);
  /// Prints what the sink holds to standard error and empties it. Notes that are diagnostics of
  /// their own (such as the use of an extension) are for `vinci check`.
  void report(const ProgramOptions& options, bool with_notes = false);
};

/// Data options shared by fit, eval and compile.
struct DataOptions {
  std::string file;                 // positional
  std::vector<std::string> values;  // --data
  std::vector<std::string> all() const;
};
void add_data_options(CLI::App& command, DataOptions& options);

/// The program's path without directories and the ending `.stan`.
std::string stem(const std::string& path);

}  // namespace vinci::cli
