// vinci fit: from a program and data to draws, a summary and a verdict.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <system_error>
#include <utility>

#include "api/ascent_choice.h"
#include "api/factor_choice.h"
#include "api/persistence.h"
#include "cli/command.h"
#include "data/json.h"
#include "draws/cmdstan_csv.h"
#include "report/fit_report.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "vinci/error.h"
#include "vinci/version.h"

namespace vinci::cli {

namespace {

struct FitCommand {
  ProgramOptions program;
  DataOptions data;
  infer::FitOptions fit;
  std::string method = "auto";
  std::string family = "auto";
  std::string points;
  std::string discrete;
  std::string init;
  std::string resume;
  std::string checkpoint;
  double checkpoint_seconds = 10;
  CLI::App* app = nullptr;  // knows which options were given
  std::string output;
  std::string record;
  double budget = 60;
  api::ConjugateOptions cavi;
  bool quiet = false;
  bool json = false;
  bool all_rows = false;
  int digits = 0;

  int run();

 private:
  void start_from(const model::Model& model, Run& run);
  std::optional<api::SavedFit> read_resumed(const std::string& program_fingerprint);
};

/// Whether a fit by this method goes on from a checkpoint.
bool can_resume(infer::Method method) {
  return method == infer::Method::kAuto || method == infer::Method::kNaturalGradient ||
         method == infer::Method::kMeanField;
}

/// What --init holds: the record of a fit, or initial values in Stan's JSON format.
void FitCommand::start_from(const model::Model& model, Run& run) {
  const source::FileId file = run.sources.add_from_path(init, source::kMaxDataBytes, run.sink);
  if (!file.valid()) return;
  try {
    const auto start = api::start_from_record(
        run.sources[file].text(), api::coordinate_names(model), fit.max_full_rank_dim, fit.seed);
    if (start) {
      fit.start = start->q;
      fit.init = start->point;
      if (!quiet && start->num_matched < fit.init.size()) {
        std::fprintf(stderr, "%s: %zu of %zu coordinates; the others start at random\n",
                     init.c_str(), start->num_matched, fit.init.size());
      }
      return;
    }
  } catch (const Error& error) {
    run.sink.error(source::DiagnosticKind::kOption, {},
                   fmt::format("`--init {}`: {}", init, error.what()));
    return;
  }
  const data::DataTable values = data::read_json(file, run.sources, run.sink);
  fit.init.assign(static_cast<size_t>(model.dim()), 0.0);
  std::vector<bool> given(fit.init.size(), false);
  model.unconstrain(values, fit.init, given, run.sink);
}

/// The checkpoint to go on from, whose seed, method and family this run takes over. Throws Error
/// (kInput) where it is of another program or an option contradicts it.
std::optional<api::SavedFit> FitCommand::read_resumed(const std::string& program_fingerprint) {
  if (resume.empty()) return std::nullopt;
  api::SavedFit saved = api::read_checkpoint(resume);
  if (saved.program_fingerprint != program_fingerprint) {
    throw Error(Error::Kind::kInput,
                fmt::format("The checkpoint {} is of another program ({}), or that has changed "
                            "since. To start from its approximation all the same: --init {}.",
                            resume, saved.program, resume));
  }
  const auto take = [&](const char* option, auto& value, const auto& of_checkpoint) {
    if (app->count(option) > 0 && value != of_checkpoint) {
      throw Error(Error::Kind::kInput, fmt::format("`{} {}`: the checkpoint {} has {}.", option,
                                                   value, resume, of_checkpoint));
    }
    value = of_checkpoint;
  };
  take("--seed", fit.seed, saved.seed);
  take("--method", method, saved.method);
  take("--family", family, saved.family);
  return saved;
}

int FitCommand::run() {
  const auto start = std::chrono::steady_clock::now();
  fit.budget_seconds = budget;
  Context context;
  context.cancel = report::cancel_on_interrupt();

  Run run;
  const auto typed = run.compile(program);
  api::SavedFit here;  // what checkpoints of this run say of it
  here.version = kVersion;
  here.program = program.program;
  here.program_fingerprint = api::fingerprint(run.sources);
  std::optional<api::SavedFit> resumed;
  if (typed) resumed = read_resumed(here.program_fingerprint);
  fit.method = infer::parse_method(method);
  const bool has_factors = family.find('=') != std::string::npos;
  if (!has_factors) fit.family = infer::parse_family(family);
  here.seed = fit.seed;
  here.method = method;
  here.family = family;
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  model::BuildOptions build;
  if (typed && api::read_data(data.all(), table, run.sources, run.sink)) {
    build.seed = fit.seed;
    build.context = &context;
    build.messages = &std::cerr;
    build.points = api::split_names(points);
    api::set_discrete(fit.method, discrete, build);
    model = model::Model::build(typed, table, build, run.sink);
  }
  if (model && !init.empty()) start_from(*model, run);
  if (model) {
    here.unconstrained_names = api::coordinate_names(*model);
    here.data_fingerprint = api::fingerprint(table);
  }
  if (model && resumed) {
    if (resumed->data_fingerprint != here.data_fingerprint ||
        resumed->unconstrained_names != here.unconstrained_names) {
      run.sink
          .error(source::DiagnosticKind::kOption, {},
                 fmt::format("`--resume {}`: the data differ from those of the checkpoint", resume))
          .with_hint(fmt::format("`--init {}` starts a new fit from its approximation", resume));
    }
    fit.start = resumed->state.q;
  }
  if (model && has_factors) api::choose_factors(family, *model, fit, run.sink);
  if (model && !points.empty()) api::choose_points(points, *model, fit, run.sink);
  api::AscentChoice choice;
  if (model) {
    choice = api::choose_ascent({typed, table, fit.seed}, *model, discrete, cavi, fit, run.sink,
                                context);
    if (choice.model) model = std::move(choice.model);
  }
  const bool failed = !model || run.sink.has_errors();
  run.report(program);
  if (failed) return kExitInput;
  const LogDensity& density =
      model->is_marginal() ? static_cast<const LogDensity&>(*model) : model->joint();
  fit.validate(choice.fit ? model->dim() : density.dim());
  const std::string base = stem(program.program);
  if (checkpoint.empty()) checkpoint = resume.empty() ? base + ".checkpoint.json" : resume;
  const bool keeps = checkpoint_seconds > 0 && can_resume(fit.method) && model->is_marginal();
  bool kept = resumed.has_value();
  bool warned = false;
  const auto keep = [&](const infer::Checkpoint& state) {
    here.state = state;
    if (resumed) {
      here.state.evaluations += resumed->state.evaluations;
      here.state.seconds += resumed->state.seconds;
    }
    try {
      api::write_checkpoint(checkpoint, here);
      kept = true;
    } catch (const Error& error) {
      // A full disk is no reason to lose the fit.
      if (!std::exchange(warned, true)) std::fprintf(stderr, "vinci: %s\n", error.what());
    }
  };
  if (keeps) {
    fit.on_checkpoint = keep;
    fit.checkpoint_seconds = checkpoint_seconds;
  }
  const std::chrono::duration<double> compiled = std::chrono::steady_clock::now() - start;

  report::ProgressBar bar(stderr);
  if (!quiet) {
    context.on_progress = [&bar](const Progress& p) { bar.update(p); };
    context.on_log = [&bar](std::string_view line) { bar.log(line); };
  }
  api::Outcome outcome = api::fit(density, model.get(), fit, &run.sources, context, choice.fit);
  bar.erase();

  draws::RunRecord& result = outcome.record;
  result.program = program.program;
  result.data = data.all();
  result.compile_seconds = compiled.count();
  result.seconds += compiled.count();
  const infer::FitResult& ended = outcome.result;
  if (resumed) {
    result.resumed_from = resume;
    result.earlier_evaluations = resumed->state.evaluations;
    result.earlier_seconds = resumed->state.seconds;
  }
  if (keeps && ended.approximation && (ended.cancelled || ended.budget_spent)) {
    keep({"end", 0, ended.approximation, ended.elbo.value, ended.evaluations, ended.seconds});
    if (kept)
      result.advice.push_back(fmt::format("Go on where this run ended: --resume {}", checkpoint));
  } else if (keeps && kept && !ended.cancelled && !ended.budget_spent) {
    // Done: there is nothing to go on with, and the record holds the approximation.
    std::error_code ignored;
    std::filesystem::remove(checkpoint, ignored);
  }
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
    options.colour = report::has_colour(stdout);
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
  command->app = fit;
  add_program_options(*fit, command->program);
  add_data_options(*fit, command->data);
  fit->add_option(
         "--method", command->method,
         "auto, pathfinder, bam, pbam, gsm, natural-gradient, mean-field, dadvi, raabbvi, "
         "advi, laplace, "
         "semi-implicit, kernel-semi-implicit, cavi (coordinate ascent, of conjugate programs)")
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
  fit->add_option("--discrete", command->discrete,
                  "how discrete parameters are handled: enumerate (sum over their states exactly: "
                  "the default where it can be afforded); cavi (coordinate ascent); or q has a "
                  "factor for each, fitted by "
                  "stochastic gradients: local (exact sums over one at a time), score "
                  "(Rao-Blackwellised, leave one out), disarm (two states), relax (learned control "
                  "variate), concrete (soft states, biased)")
      ->type_name("NAME=WAY[,NAME=WAY]");
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
  fit->add_option("--restarts", command->cavi.restarts,
                  "starts of coordinate ascent, of which the best is kept; 0: 1, or 4 where there "
                  "are discrete parameters or products")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  fit->add_option("--damping", command->cavi.damping,
                  "share of its old natural parameters that a coordinate step keeps")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  fit->add_option("--minibatch", command->cavi.minibatch,
                  "share of the rows of a plate in a step of stochastic coordinate ascent; 0: all, "
                  "in full sweeps")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  CLI::Option* init =
      fit->add_option("--init", command->init,
                      "where to start: initial values of parameters in Stan's JSON format, or the "
                      "run record of another fit (coordinates are matched by name)")
          ->type_name("FILE");
  fit->add_option("--resume", command->resume,
                  "go on from the checkpoint of a fit of the same program and data that was "
                  "interrupted or spent its budget")
      ->excludes(init)
      ->type_name("FILE");
  fit->add_option("--checkpoint", command->checkpoint,
                  "file of the checkpoints of a long fit [PROGRAM.checkpoint.json]; removed when "
                  "the fit is done")
      ->type_name("FILE");
  fit->add_option("--checkpoint-every", command->checkpoint_seconds,
                  "seconds between checkpoints; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
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
