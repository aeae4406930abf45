// vinci deep train: a model of images from images.
#include "deep/train/train.h"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "deep/commands/command.h"
#include "deep/train/settings.h"
#include "draws/atomic_file.h"
#include "image/plot.h"
#include "report/format.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "source/mapped_file.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

struct TrainCommand {
  std::string kind;
  std::string data;
  std::string output;
  std::string config_file;
  std::map<std::string, std::string> given;  // settings of the command line
  bool resume = false;
  double checkpoint_seconds = 60;
  int64_t checkpoint_steps = 0;
  RunOptions run_options;

  int run();

 private:
  Config configuration(const std::optional<ModelFile>& checkpoint) const;
};

std::string file_text(const std::string& path) {
  source::ReadStatus status{};
  std::string reason;
  const auto mapped = source::MappedFile::open(path, status, reason);
  if (mapped == nullptr)
    throw Error(Error::Kind::kIo, fmt::format("{} cannot be read: {}.", path, reason));
  return std::string(mapped->bytes());
}

/// `path` with another ending.
std::string beside(const std::string& path, const std::string& ending) {
  std::filesystem::path result(path);
  result.replace_extension();
  return result.string() + ending;
}

Config TrainCommand::configuration(const std::optional<ModelFile>& checkpoint) const {
  Config config;
  config.declare(model_kind(kind).settings);
  config.declare(training_settings());
  if (checkpoint) config.read_json(checkpoint->config, "the checkpoint");
  if (!config_file.empty()) config.read_json(file_text(config_file), config_file);
  for (const auto& [name, text] : given) config.set(name, text);
  return config;
}

int TrainCommand::run() {
  const std::string checkpoint_path = output + ".checkpoint";
  std::optional<ModelFile> checkpoint;
  if (resume) {
    checkpoint = read_model_file(checkpoint_path);
    if (checkpoint->kind != kind)
      throw Error(Error::Kind::kUsage, fmt::format("{} is of a model `{}`, not `{}`.",
                                                   checkpoint_path, checkpoint->kind, kind));
  }
  TrainRequest request;
  request.kind = kind;
  request.config = configuration(checkpoint);
  request.device = run_options.start();
  request.checkpoint = checkpoint_path;
  request.checkpoint_seconds = checkpoint_seconds;
  request.checkpoint_steps = checkpoint_steps;
  request.resume = std::move(checkpoint);

  dataset::ReadOptions options;
  options.validation = static_cast<uint64_t>(request.config.integer("validation"));
  const Binarise binarise = binarise_of(request.config);
  const Feed training(read_images(data, options), binarise, request.device);
  request.training = &training;
  std::optional<Feed> validation;
  if (options.validation > 0) {
    options.split = dataset::Split::kValidation;
    validation.emplace(read_images(data, options), binarise, request.device);
    request.validation = &*validation;
  } else if (request.config.integer("patience") > 0) {
    throw Error(Error::Kind::kUsage,
                "`patience` needs validation images: give --validation N, which takes the last N "
                "training images.");
  }

  Context context;
  context.cancel = report::cancel_on_interrupt();
  report::ProgressBar bar(stderr);
  if (!run_options.quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };
  const TrainResult result = train(request, context);
  bar.erase();

  write_model_file(output, file_of(kind, request.config, result.shape, *result.model));
  const std::string csv = curve_csv(result.curve);
  draws::write_file_atomically(beside(output, ".curve.csv"),
                               [&](draws::FileWriter& out) { out.write(csv); });
  image::Plot plot;
  plot.title = fmt::format("{}: bound on log p(x)", kind);
  plot.x_label = "epoch";
  plot.y_label = "nats";
  plot.series = {{"training", {}, {}}, {"validation", {}, {}, true}};
  for (const CurveRow& row : result.curve) {
    for (image::PlotSeries& series : plot.series)
      series.x.push_back(static_cast<double>(row.epoch));
    plot.series[0].y.push_back(row.bound);
    plot.series[1].y.push_back(row.validation);
  }
  if (!validation) plot.series.pop_back();
  write_picture(beside(output, ".curve.png"), image::line_plot(plot));
  if (run_options.quiet)
    return result.reason == StopReason::kCancelled ? kExitCancelled : kExitDone;

  const char* reason = result.reason == StopReason::kEarly       ? ", stopped early"
                       : result.reason == StopReason::kCancelled ? ", interrupted"
                                                                 : "";
  std::cout << fmt::format("{}: {}, {} numbers, {} steps in {}{}\n", output, kind,
                           report::count_text(result.model->parameters().count()),
                           report::count_text(result.step), report::duration_text(result.seconds),
                           reason);
  if (!result.curve.empty()) {
    const CurveRow& last = result.curve.back();
    std::cout << fmt::format("bound {:.2f} nats over the last epoch", last.bound);
    if (std::isfinite(last.validation))
      std::cout << fmt::format(", {:.2f} on {}", last.validation,
                               report::plural(validation->size(), "validation image"));
    std::cout << "\n";
  }
  if (result.skipped > 0)
    std::cout << fmt::format("{} skipped: their gradient was not finite\n",
                             report::plural(result.skipped, "step"));
  if (result.reason == StopReason::kCancelled)
    std::cout << fmt::format("{} goes on with --resume\n", checkpoint_path);
  return result.reason == StopReason::kCancelled ? kExitCancelled : kExitDone;
}

void add_setting(CLI::App& command, const Setting& setting, TrainCommand& options) {
  const std::string name = setting.name;
  auto* option = command.add_option_function<std::string>(
      "--" + name, [name, &options](const std::string& text) { options.given[name] = text; },
      setting.help);
  option->default_str(setting_text(setting.value));
  const char* type = "TEXT";
  if (std::holds_alternative<bool>(setting.value)) type = "BOOL";
  if (std::holds_alternative<int64_t>(setting.value)) type = "INT";
  if (std::holds_alternative<double>(setting.value)) type = "NUMBER";
  if (std::holds_alternative<std::vector<int64_t>>(setting.value)) type = "INT,INT,...";
  std::string choices;
  for (const std::string& choice : setting.choices)
    choices += (choices.empty() ? "" : "|") + choice;
  option->type_name(choices.empty() ? type : choices);
}

}  // namespace

void add_train(CLI::App& app, int& status) {
  auto* train_command = app.add_subcommand("train", "train a model on images");
  train_command->require_subcommand(1);
  for (const ModelKind& kind : model_kinds()) {
    auto options = std::make_shared<TrainCommand>();
    options->kind = kind.name;
    auto* command = train_command->add_subcommand(kind.name, kind.summary);
    command
        ->add_option("--data", options->data,
                     "images: a folder with idx, npy, npz, CSV or picture files, or one such file")
        ->required()
        ->type_name("PATH");
    command->add_option("-o,--output", options->output, "model file")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--config", options->config_file,
                     "JSON object of settings; those of the command line replace them")
        ->type_name("FILE");
    command->add_flag("--resume", options->resume,
                      "go on from OUTPUT.checkpoint, exactly as if the run had not stopped");
    command
        ->add_option("--checkpoint-seconds", options->checkpoint_seconds,
                     "time between two checkpoints")
        ->check(CLI::Range(0.0, 1e9))
        ->capture_default_str();
    command
        ->add_option("--checkpoint-steps", options->checkpoint_steps,
                     "steps between two checkpoints, in place of time")
        ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
    add_run_options(*command, options->run_options);
    for (const Setting& setting : kind.settings) add_setting(*command, setting, *options);
    for (const Setting& setting : training_settings()) add_setting(*command, setting, *options);
    command->callback([options, &status] { status = options->run(); });
  }
}

}  // namespace vinci::deep
