// vinci fit: from a program and data to draws, a summary and a verdict.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "api/factor_choice.h"
#include "cli/command.h"
#include "data/json.h"
#include "draws/cmdstan_csv.h"
#include "report/fit_report.h"
#include "report/progress_bar.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

std::atomic<bool> interrupted{false};

void on_interrupt(int) {
  interrupted.store(true);
  // A second Ctrl-C ends the program at once.
  std::signal(SIGINT, SIG_DFL);
}

struct FitCommand {
  ProgramOptions program;
  DataOptions data;
  infer::FitOptions fit;
  std::string method = "auto";
  std::string family = "auto";
  std::string points;
  std::string init;
  std::string output;
  std::string record;
  double budget = 60;
  bool quiet = false;
  bool json = false;
  bool all_rows = false;
  int digits = 0;

  int run();
};

int FitCommand::run() {
  const auto start = std::chrono::steady_clock::now();
  fit.method = infer::parse_method(method);
  const bool has_factors = family.find('=') != std::string::npos;
  if (!has_factors) fit.family = infer::parse_family(family);
  fit.budget_seconds = budget;
  Context context;
  context.cancel = &interrupted;
  std::signal(SIGINT, on_interrupt);

  Run run;
  const auto typed = run.compile(program);
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  if (typed && api::read_data(data.all(), table, run.sources, run.sink)) {
    model::BuildOptions build;
    build.seed = fit.seed;
    build.context = &context;
    build.messages = &std::cerr;
    build.points = api::split_names(points);
    model = model::Model::build(typed, table, build, run.sink);
  }
  if (model && !init.empty()) {
    const source::FileId file = run.sources.add_from_path(init, source::kMaxDataBytes, run.sink);
    if (file.valid()) {
      const data::DataTable values = data::read_json(file, run.sources, run.sink);
      fit.init.assign(static_cast<size_t>(model->dim()), 0.0);
      std::vector<bool> given(fit.init.size(), false);
      model->unconstrain(values, fit.init, given, run.sink);
    }
  }
  if (model && has_factors) api::choose_factors(family, *model, fit, run.sink);
  if (model && !points.empty()) api::choose_points(points, *model, fit, run.sink);
  const bool failed = !model || run.sink.has_errors();
  run.report(program);
  if (failed) return kExitInput;
  fit.validate(model->dim());
  const std::chrono::duration<double> compiled = std::chrono::steady_clock::now() - start;

  report::ProgressBar bar(stderr);
  if (!quiet) {
    context.on_progress = [&bar](const Progress& p) { bar.update(p); };
    context.on_log = [&bar](std::string_view line) { bar.log(line); };
  }
  api::Outcome outcome = api::fit(*model, model.get(), fit, &run.sources, context);
  bar.erase();

  draws::RunRecord& result = outcome.record;
  result.program = program.program;
  result.data = data.all();
  result.compile_seconds = compiled.count();
  result.seconds += compiled.count();
  const std::string base = stem(program.program);
  const bool has_draws = outcome.result.num_draws > 0;
  result.draws_file = !has_draws ? "" : output.empty() ? base + ".csv" : output;
  if (record.empty()) {
    // Beside the draws, but not where these go to a device.
    const bool in_folder = output.empty() || !std::filesystem::exists(output) ||
                           std::filesystem::is_regular_file(output);
    std::string target = output.empty() || !in_folder ? base : output;
    if (target.size() > 4 && target.ends_with(".csv")) target.resize(target.size() - 4);
    record = target + ".fit.json";
  }
  result.record_file = record;
  if (has_draws) {
    draws::CsvOptions csv;
    csv.significant_digits = digits;
    if (fit.method == infer::Method::kAdvi) {
      csv.layout = draws::CsvLayout::kVariational;
      for (const auto& p : result.parameters) csv.mean_row.push_back(p.mean);
    }
    draws::write_cmdstan_csv(result.draws_file, outcome.draws, result, csv);
  }
  draws::write_record(record, result);
  if (json) {
    std::cout << draws::to_json(result);
  } else if (!quiet) {
    report::ReportOptions options;
    options.colour = has_colour(stdout);
    if (all_rows) options.max_elements = options.max_rows = 0;
    std::cout << report::fit_report(result, options);
  }
  return api::exit_status(outcome);
}

}  // namespace

void add_fit(CLI::App& app, int& status) {
  auto command = std::make_shared<FitCommand>();
  command->fit.draws = 1000;
  CLI::App* fit = app.add_subcommand("fit", "fit a program to data: draws, summary, verdict");
  add_program_options(*fit, command->program);
  add_data_options(*fit, command->data);
  fit->add_option("--method", command->method,
                  "auto, pathfinder, bam, pbam, gsm, natural-gradient, mean-field, advi, laplace, "
                  "semi-implicit, kernel-semi-implicit")
      ->capture_default_str();
  fit->add_option("--family", command->family,
                  "auto, mean-field, full-rank, sparse, sinh-arcsinh, flow, spline, or factors of "
                  "parameters such as "
                  "'r=gamma,p=beta,w=dirichlet,lambda[3]=log-normal' (exponential, gamma, "
                  "inverse-gamma, log-normal, beta, logit-normal, dirichlet, normal, von-mises; "
                  "unnamed parameters get mean-field normals)")
      ->capture_default_str();
  fit->add_option("--point", command->points,
                  "parameters to learn instead of integrating them out: maximise the ELBO over "
                  "them (variational EM)")
      ->type_name("NAME[,NAME]");
  fit->add_option("--draws", command->fit.draws, "draws to hand out")->capture_default_str();
  fit->add_option("--seed", command->fit.seed, "seed of all random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  fit->add_option("--threads", command->fit.threads, "threads; 0: all of the machine")
      ->capture_default_str();
  fit->add_option("--budget", command->budget, "seconds after which the best so far is returned")
      ->capture_default_str();
  fit->add_option("--evaluations", command->fit.budget_evaluations,
                  "density evaluations after which the best so far is returned")
      ->capture_default_str();
  fit->add_option("--init", command->init, "initial values of parameters, Stan's JSON format")
      ->type_name("FILE");
  fit->add_option("-o,--output", command->output, "file of the draws, CmdStan's CSV [PROGRAM.csv]")
      ->type_name("FILE");
  fit->add_option("--record", command->record, "file of the run record, JSON [PROGRAM.fit.json]")
      ->type_name("FILE");
  fit->add_option("--digits", command->digits, "significant digits in the CSV; 0: all that matter")
      ->check(CLI::Range(0, 18))
      ->capture_default_str();
  fit->add_flag("--all", command->all_rows, "print every element of every parameter");
  fit->add_flag("-q,--quiet", command->quiet, "print nothing but errors");
  fit->add_flag("--json", command->json, "print the run record as JSON");
  fit->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
