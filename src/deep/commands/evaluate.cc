// vinci deep evaluate: bounds and log p(x) of a trained model on images.
#include "deep/evaluate.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "deep/commands/command.h"
#include "report/format.h"
#include "report/progress_bar.h"
#include "report/terminal.h"

namespace vinci::deep {
namespace {

struct EvaluateCommand {
  ModelAndImages input;
  int64_t samples = 500;
  GapRequest gap;
  bool json = false;
  RunOptions run_options;

  int run();
};

int EvaluateCommand::run() {
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto model = build_model(file, device);
  const Feed feed = input.read_feed(file, device);
  Context context;
  context.cancel = report::cancel_on_interrupt();
  report::ProgressBar bar(stderr);
  if (!run_options.quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };
  const Evaluation result = evaluate(*model, feed, samples, input.seed, context, gap);
  bar.erase();
  const int64_t predicted = file.shape.values() - model->given_values();
  const double bits = -result.elbo / (std::numbers::ln2 * static_cast<double>(predicted));
  if (json) {
    nlohmann::ordered_json out = {
        {"images", result.images},      {"samples", result.samples},
        {"elbo", result.elbo},          {"elbo_error", result.elbo_error},
        {"log_p", result.log_p},        {"log_p_error", result.log_p_error},
        {"bits_per_value", bits},       {"latent", result.latent},
        {"active", result.active},      {"ess", result.ess},
        {"complete", !result.cancelled}};
    out["kl"] = std::isfinite(result.kl) ? nlohmann::ordered_json(result.kl) : nullptr;
    for (const auto& [name, value] : result.figures) out["figures"][name] = value;
    if (result.codes > 0)
      out["codebook"] = {
          {"codes", result.codes}, {"used", result.codes_used}, {"perplexity", result.perplexity}};
    if (result.gap_images > 0)
      out["amortisation_gap"] = {{"images", result.gap_images},
                                 {"steps", gap.steps},
                                 {"nats", result.amortisation_gap},
                                 {"error", result.amortisation_gap_error}};
    for (const auto& [k, bound] : result.bounds) out["bounds"][std::to_string(k)] = bound;
    std::cout << out.dump(2) << "\n";
    return result.cancelled ? kExitCancelled : kExitDone;
  }
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"", "nats", "error"});
  rows.push_back(
      {"ELBO", fmt::format("{:.3f}", result.elbo), fmt::format("{:.3f}", result.elbo_error)});
  for (const auto& [k, bound] : result.bounds)
    if (k > 1) rows.push_back({fmt::format("L_{}", k), fmt::format("{:.3f}", bound)});
  rows.push_back({fmt::format("log p(x) >= L_{}", samples), fmt::format("{:.3f}", result.log_p),
                  fmt::format("{:.3f}", result.log_p_error)});
  if (std::isfinite(result.kl))
    rows.push_back({"KL(q || prior)", fmt::format("{:.3f}", result.kl)});
  for (const auto& [name, value] : result.figures)
    rows.push_back({name, fmt::format("{:.5g}", value)});
  if (result.gap_images > 0)
    rows.push_back({fmt::format("amortisation gap, {} images", result.gap_images),
                    fmt::format("{:.3f}", result.amortisation_gap),
                    fmt::format("{:.3f}", result.amortisation_gap_error)});
  std::cout
      << fmt::format("{}: {}, {} of {}{}\n\n", input.model_path, file.kind,
                     report::plural(result.images, "image"), input.split,
                     result.cancelled ? ", interrupted" : "")
      << report::aligned_table(rows)
      << fmt::format(
             "\n-ELBO is {:.4f} bits a {}value; {} of {} latent variables are active; half of the "
             "images have at least {:.1f} effective draws of {}\n",
             bits, model->given_values() > 0 ? "predicted " : "", result.active, result.latent,
             result.ess, samples);
  if (result.codes > 0)
    std::cout << fmt::format("{} of {} codes are used, perplexity {:.1f}\n", result.codes_used,
                             result.codes, result.perplexity);
  if (result.active == 0)
    std::cout << "posterior collapse: no latent variable tells one image from another; the decoder "
                 "ignores them\n";
  else if (4 * result.active < result.latent)
    std::cout << fmt::format(
        "posterior collapse in part: {} latent variables are the same for every image\n",
        result.latent - result.active);
  if (gap.images > 0 && result.gap_images == 0)
    std::cout << fmt::format("a {} has no amortisation gap to measure\n", file.kind);
  if (result.ess < 2 && samples > 1)
    std::cout << "log p(x) rests on few draws: take it for a bound\n";
  return result.cancelled ? kExitCancelled : kExitDone;
}

}  // namespace

void add_evaluate(CLI::App& app, int& status) {
  auto options = std::make_shared<EvaluateCommand>();
  auto* command = app.add_subcommand("evaluate", "ELBO, L_k and log p(x) of a model on images");
  options->input.add_to(*command, true);
  command->add_option("--samples", options->samples, "draws of z for each image")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  command
      ->add_option("--gap-images", options->gap.images,
                   "fit q(z | x) to each of so many images alone, and tell what the network loses")
      ->check(CLI::Range(int64_t{0}, int64_t{1000000}))
      ->capture_default_str();
  command->add_option("--gap-steps", options->gap.steps, "steps of each such fit")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "print a JSON object");
  add_run_options(*command, options->run_options);
  command->callback([options, &status] { status = options->run(); });
}

}  // namespace vinci::deep
