// vinci deep estimators: bias, variance and cost of the gradient estimators on a model and a batch.
#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "deep/commands/command.h"
#include "deep/core/optimizer.h"
#include "deep/estimators/estimator.h"
#include "deep/estimators/exact.h"
#include "deep/models/discrete_model.h"
#include "draws/atomic_file.h"
#include "report/bar_plot.h"
#include "report/format.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Clock = std::chrono::steady_clock;

/// Mean and total variance of vectors.
struct VectorMoments {
  Tensor sum;
  double squares = 0;
  int64_t count = 0;

  void add(const Tensor& v) {
    if (!sum.defined()) sum = at::zeros(v.sizes(), v.options().dtype(at::kDouble));
    sum += v;
    squares += v.dot(v).item<double>();
    ++count;
  }
  Tensor mean() const { return sum / static_cast<double>(count); }
  /// Of one vector, summed over its coordinates.
  double variance() const {
    const auto n = static_cast<double>(count);
    const Tensor m = mean();
    return std::max(0.0, (squares - n * m.dot(m).item<double>()) / (n - 1));
  }
};

struct Row {
  std::string name;
  bool unbiased = true;
  int64_t samples = 0;
  int64_t evaluations = 0;
  double milliseconds = 0;  // of one gradient
  double variance = 0;
  double bias = 0;        // |mean - reference| / |reference|, less what noise explains
  double bias_noise = 0;  // what noise would make of no bias
};

struct EstimatorsCommand {
  ModelAndImages input;
  int64_t batch = 24;
  int64_t samples = 2;
  int64_t repeats = 200;
  int64_t warmup = 500;
  std::string bound;
  std::vector<std::string> only;
  std::string plot;
  bool json = false;
  RunOptions run_options;

  int run();

 private:
  std::unique_ptr<Estimator> estimator(const Config& base, const EstimatorKind& kind,
                                       const DiscreteModel& model, Parameters& surrogate,
                                       int64_t with_samples) const;
  Config configured(const Config& base, const EstimatorKind& kind, int64_t with_samples) const;
  void learn(Estimator& estimator, const DiscreteModel& model, Parameters& surrogate,
             const Config& base, const Tensor& x) const;
};

/// NVIL divides by a running deviation where that is above 1, which changes the length of its
/// gradient: to be compared with others it is measured without.
void forget_deviation(Parameters& surrogate) {
  WithoutGradient scope;
  for (const Parameter& p : surrogate.all()) {
    Tensor value = p.value;
    if (p.name == "estimator.variance") value.zero_();
  }
}

/// Whether it belongs to a baseline or surrogate network.
bool is_network(const Parameter& parameter) {
  return parameter.name.rfind("baseline.", 0) == 0 || parameter.name.rfind("surrogate.", 0) == 0;
}

/// One vector of the gradients of those parameters that move the draws.
Tensor flat(const std::vector<Tensor>& gradients, const std::vector<bool>& wanted) {
  std::vector<Tensor> parts;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) parts.push_back(gradients[i].reshape({-1}));
  return at::cat(parts);
}

Config EstimatorsCommand::configured(const Config& base, const EstimatorKind& kind,
                                     int64_t with_samples) const {
  Config config = base;
  config.set("estimator", kind.name);
  config.set("bound", bound);
  config.set("samples", std::to_string(with_samples));
  return config;
}

std::unique_ptr<Estimator> EstimatorsCommand::estimator(const Config& base,
                                                        const EstimatorKind& kind,
                                                        const DiscreteModel& model,
                                                        Parameters& surrogate,
                                                        int64_t with_samples) const {
  const Config config = configured(base, kind, with_samples);
  Noise initial(input.seed, NoiseStream::kInitial, 1, surrogate.device());
  return make_estimator({config, model, surrogate, initial});
}

void EstimatorsCommand::learn(Estimator& of, const DiscreteModel& model, Parameters& surrogate,
                              const Config& base, const Tensor& x) const {
  Config config = base;
  config.set("optimizer", "adam");
  config.set("weight-decay", "0");
  const auto optimizer = make_optimizer(config, surrogate);
  // Networks saturate at the rate that suits temperatures and coefficients.
  std::vector<double> rates;
  for (const Parameter& parameter : surrogate.all())
    if (parameter.trained) rates.push_back(is_network(parameter) ? 1e-3 : 1e-2);
  for (int64_t step = 0; step < warmup; ++step) {
    Noise noise(input.seed, NoiseStream::kTraining, static_cast<uint64_t>(step),
                surrogate.device());
    const Estimate e = of.estimate(model, x, model.network_parameters(), noise);
    if (std::isfinite(gradient_norm(e.surrogate_gradients)) && !rates.empty())
      optimizer->step(e.surrogate_gradients, rates, 1);
  }
}

int EstimatorsCommand::run() {
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto built = build_model(file, device);
  const auto* model = dynamic_cast<const DiscreteModel*>(built.get());
  if (model == nullptr)
    throw Error(
        Error::Kind::kUsage,
        fmt::format("{} is a model `{}`, whose variables are continuous; the estimators are "
                    "for discrete ones (dvae, structured).",
                    input.model_path, file.kind));
  const Config base = config_of(file);
  if (bound.empty()) bound = base.text("bound");
  const Feed feed = input.read_feed(file, device);
  Noise binarising(input.seed, NoiseStream::kData, 0, device);
  const Tensor x = feed.range(0, batch, binarising).x;
  const std::vector<Tensor> parameters = model->network_parameters();
  const bool iwae = bound == "iwae";
  const bool binary = model->layers()[0].binary();

  std::vector<const EstimatorKind*> kinds;
  for (const EstimatorKind& kind : estimator_kinds()) {
    const bool named = std::find(only.begin(), only.end(), kind.name) != only.end();
    if (!only.empty() && !named) continue;
    if ((iwae ? kind.serves_iwae : kind.serves_elbo) && (binary || kind.serves_categorical)) {
      kinds.push_back(&kind);
    } else if (named) {
      // Says why.
      Parameters none(device);
      estimator(base, kind, *model, none, std::max(samples, kind.least_samples));
    }
  }

  // The parameters that the logits depend on: those of others have pathwise gradients.
  std::vector<bool> moves;
  {
    Noise noise(input.seed, NoiseStream::kSampling, 0, device);
    const Chain chain = draw_chains(*model, x, 1, noise);
    Tensor sum = chain.logits[0].sum();
    for (size_t l = 1; l < chain.logits.size(); ++l) sum = sum + chain.logits[l].sum();
    for (const Tensor& g : gradients_of(sum, parameters)) moves.push_back(g.defined());
  }

  Context context;
  context.cancel = report::cancel_on_interrupt();
  report::ProgressBar bar(stderr);
  if (!run_options.quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };
  const auto started = Clock::now();
  const auto show = [&](const std::string& stage, double fraction) {
    Progress progress;
    progress.stage = stage;
    progress.fraction = fraction;
    progress.elapsed_seconds = std::chrono::duration<double>(Clock::now() - started).count();
    context.progress(progress);
  };

  // L_k is another bound for another k, so that there all take the same number of draws.
  const int64_t k = iwae ? std::max<int64_t>(2, samples) : 1;
  const bool exact = std::pow(state_count(*model), static_cast<double>(k)) <= kMaxStates;
  Tensor reference;
  double reference_variance = 0;  // of the mean
  std::string reference_text;
  if (exact) {
    reference = flat(exact_gradient(*model, x, k, parameters).gradients, moves).to(at::kDouble);
    reference_text = fmt::format("the exact gradient, {:.0f} states", state_count(*model));
  } else {
    const std::string by = iwae ? "vimco" : binary ? "disarm" : "reinforce-loo";
    for (const EstimatorKind& kind : estimator_kinds()) {
      if (kind.name != by) continue;
      Parameters none(device);
      const auto many = estimator(base, kind, *model, none, std::max(k, kind.least_samples));
      VectorMoments moments;
      const int64_t count = 10 * repeats;
      for (int64_t r = 0; r < count && !context.cancelled(); ++r) {
        Noise noise(input.seed, NoiseStream::kValidation, static_cast<uint64_t>(r), device);
        moments.add(flat(many->estimate(*model, x, parameters, noise).gradients, moves));
        if (r % 50 == 0) show("reference", static_cast<double>(r) / static_cast<double>(count));
      }
      reference = moments.mean();
      reference_variance = moments.variance() / static_cast<double>(moments.count);
      reference_text =
          fmt::format("the mean of {} gradients by {}", report::count_text(moments.count), by);
    }
  }
  const double length = std::sqrt(reference.dot(reference).item<double>());

  std::vector<Row> table;
  for (const EstimatorKind* kind : kinds) {
    if (context.cancelled()) break;
    show(kind->name, static_cast<double>(table.size()) / static_cast<double>(kinds.size()));
    Row row;
    row.name = kind->name;
    row.unbiased = kind->unbiased;
    row.samples = iwae ? k : std::max(samples, kind->least_samples);
    Parameters surrogate(device);
    const auto own = estimator(base, *kind, *model, surrogate, row.samples);
    learn(*own, *model, surrogate, base, x);
    VectorMoments moments;
    double seconds = 0;
    for (int64_t r = 0; r < repeats; ++r) {
      Noise noise(input.seed, NoiseStream::kEvaluation, static_cast<uint64_t>(r), device);
      forget_deviation(surrogate);
      const auto before = Clock::now();
      const Estimate e = own->estimate(*model, x, parameters, noise);
      seconds += std::chrono::duration<double>(Clock::now() - before).count();
      row.evaluations = e.evaluations;
      moments.add(flat(e.gradients, moves));
    }
    row.milliseconds = 1000 * seconds / static_cast<double>(repeats);
    row.variance = moments.variance();
    const Tensor off = moments.mean() - reference;
    const double noise = row.variance / static_cast<double>(repeats) + reference_variance;
    row.bias = std::sqrt(std::max(0.0, off.dot(off).item<double>() - noise)) / length;
    row.bias_noise = std::sqrt(noise) / length;
    table.push_back(row);
  }
  bar.erase();
  if (table.empty()) return kExitCancelled;
  double least = std::numeric_limits<double>::infinity();
  for (const Row& row : table) least = std::min(least, row.variance * row.milliseconds);

  if (!plot.empty()) {
    std::vector<report::Bar> bars;
    for (const Row& row : table) {
      const double product = row.variance * row.milliseconds;
      bars.push_back({row.name, product, fmt::format("{:.3g}", product)});
    }
    const std::string svg = report::bar_plot_svg("variance x milliseconds of one gradient", bars);
    draws::write_file_atomically(plot, [&](draws::FileWriter& out) { out.write(svg); });
  }
  if (json) {
    nlohmann::ordered_json out = {{"model", file.kind},
                                  {"bound", bound},
                                  {"batch", x.size(0)},
                                  {"repeats", repeats},
                                  {"warmup", warmup},
                                  {"exact", exact},
                                  {"reference", reference_text},
                                  {"reference_norm", length},
                                  {"complete", table.size() == kinds.size()}};
    out["estimators"] = nlohmann::ordered_json::array();
    for (const Row& row : table)
      out["estimators"].push_back({{"name", row.name},
                                   {"unbiased", row.unbiased},
                                   {"samples", row.samples},
                                   {"evaluations", row.evaluations},
                                   {"ms", row.milliseconds},
                                   {"variance", row.variance},
                                   {"variance_ms", row.variance * row.milliseconds},
                                   {"relative_bias", row.bias},
                                   {"relative_bias_noise", row.bias_noise}});
    std::cout << out.dump(2) << "\n";
    return table.size() == kinds.size() ? kExitDone : kExitCancelled;
  }
  std::vector<std::vector<std::string>> cells = {
      {"", "draws", "evaluations", "ms", "variance", "bias", "+-", "variance x ms", "of best"}};
  for (const Row& row : table)
    cells.push_back({row.name, fmt::format("{}", row.samples), fmt::format("{}", row.evaluations),
                     fmt::format("{:.2f}", row.milliseconds), fmt::format("{:.4g}", row.variance),
                     fmt::format("{:.2f} %", 100 * row.bias),
                     fmt::format("{:.2f} %", 100 * row.bias_noise),
                     fmt::format("{:.4g}", row.variance * row.milliseconds),
                     fmt::format("{:.2f}", row.variance * row.milliseconds / least)});
  std::cout << fmt::format("{}: {}, gradient of the {} on {} of {}, {} times\n\n", input.model_path,
                           file.kind, iwae ? fmt::format("L_{}", k) : "ELBO",
                           report::plural(x.size(0), "image"), input.split, repeats)
            << report::aligned_table(cells)
            << fmt::format(
                   "\nvariance: of the gradient of q's parameters, summed over them; bias: against "
                   "{}, relative to its length, less what noise explains; +-: what noise makes of "
                   "no bias; learned baselines and surrogates have had {}; nvil is shown without "
                   "its division by "
                   "a running deviation\n",
                   reference_text, report::plural(warmup, "step"));
  if (table.size() < kinds.size()) std::cout << "interrupted\n";
  return table.size() == kinds.size() ? kExitDone : kExitCancelled;
}

}  // namespace

void add_estimators(CLI::App& app, int& status) {
  auto options = std::make_shared<EstimatorsCommand>();
  auto* command = app.add_subcommand(
      "estimators", "bias, variance and cost of the gradient estimators of a discrete model");
  options->input.add_to(*command, true);
  std::vector<std::string> names;
  for (const EstimatorKind& kind : estimator_kinds()) names.push_back(kind.name);
  command->add_option("--only", options->only, "these alone")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  command->add_option("--bound", options->bound, "elbo or iwae; without, the model's")
      ->check(CLI::IsMember({"elbo", "iwae"}));
  command->add_option("--samples", options->samples, "draws for each image, or more where needed")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "images")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}))
      ->capture_default_str();
  command->add_option("--repeats", options->repeats, "gradients of each estimator")
      ->check(CLI::Range(int64_t{2}, int64_t{10000000}))
      ->capture_default_str();
  command
      ->add_option("--warmup", options->warmup,
                   "steps before in which learned baselines and surrogates adapt to the model")
      ->check(CLI::Range(int64_t{0}, int64_t{10000000}))
      ->capture_default_str();
  command->add_option("--plot", options->plot, "variance x time as bars")->type_name("FILE.svg");
  command->add_flag("--json", options->json, "print a JSON object");
  add_run_options(*command, options->run_options);
  command->callback([options, &status] { status = options->run(); });
}

}  // namespace vinci::deep
