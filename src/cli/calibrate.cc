// vinci calibrate: are fits of a program right on data that it simulates itself?
#include <cstdio>
#include <iostream>

#include "api/calibration.h"
#include "cli/command.h"
#include "report/progress_bar.h"
#include "report/terminal.h"

namespace vinci::cli {

namespace {

struct CalibrateCommand {
  ProgramOptions program;
  DataOptions data;
  api::CalibrationOptions options;
  std::string method = "auto";
  std::string family = "auto";
  double budget = 60;
  bool reweighted = false;
  bool quiet = false;
  bool json = false;

  int run();
};

int CalibrateCommand::run() {
  options.fit.method = infer::parse_method(method);
  options.fit.family = infer::parse_family(family);
  options.fit.budget_seconds = budget;
  options.fit.resample = reweighted;
  options.validate();
  Context context;
  context.cancel = report::cancel_on_interrupt();
  Run run;
  const auto typed = run.compile(program);
  data::DataTable table;
  std::optional<api::CalibrationOutcome> outcome;
  if (typed && api::read_data(data.all(), table, run.sources, run.sink)) {
    report::ProgressBar bar(stderr);
    if (!quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };
    outcome = api::calibrate(typed, table, options, run.sink, context);
    bar.erase();
  }
  run.report(program);
  if (!outcome) return kExitInput;
  if (json) {
    std::cout << api::calibration_json(*outcome, options);
  } else if (!quiet) {
    std::cout << api::calibration_text(*outcome);
  }
  return outcome->calibrated ? kExitDone : kExitBad;
}

}  // namespace

void add_calibrate(CLI::App& app, int& status) {
  auto command = std::make_shared<CalibrateCommand>();
  command->options.fit.draws = 1000;
  CLI::App* calibrate = app.add_subcommand(
      "calibrate",
      "fit data that the program simulates, and test where the truth lies in the fits");
  add_program_options(*calibrate, command->program);
  add_data_options(*calibrate, command->data);
  calibrate->add_option("--replicas", command->options.replicas, "simulated data sets to fit")
      ->capture_default_str();
  calibrate->add_option("--seed", command->options.seed, "seed of all random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  calibrate
      ->add_option("--threads", command->options.threads,
                   "replicas that run at once; 0: as many as the machine runs")
      ->capture_default_str();
  calibrate->add_option("--method", command->method, "as of vinci fit")->capture_default_str();
  calibrate->add_option("--family", command->family, "as of vinci fit")->capture_default_str();
  calibrate->add_option("--draws", command->options.fit.draws, "draws that a truth is ranked among")
      ->capture_default_str();
  calibrate->add_option("--budget", command->budget, "seconds for each fit")->capture_default_str();
  calibrate
      ->add_option("--evaluations", command->options.fit.budget_evaluations,
                   "density evaluations for each fit")
      ->capture_default_str();
  calibrate->add_flag("--reweighted", command->reweighted,
                      "rank among the importance-resampled draws that vinci fit hands out, instead "
                      "of draws of the approximation");
  calibrate->add_flag("-q,--quiet", command->quiet, "print nothing but errors");
  calibrate->add_flag("--json", command->json, "print the result as JSON");
  calibrate->footer(
      "The program follows rstan's convention: transformed data draws parameters (`mu_`) from the "
      "prior and\ndata from them; generated quantities has `ranks_`, 1 where a parameter exceeds "
      "its `mu_`, else 0, and\n`pars_`, the values drawn, in the same order. "
      "examples/calibration has two programs.");
  calibrate->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
