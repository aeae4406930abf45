#include "deep/train/train.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "dataset/batches.h"
#include "deep/core/functions.h"
#include "deep/core/optimizer.h"
#include "deep/train/schedule.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// JSON knows no NaN.
Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
double json_number(const Json& value) { return value.is_null() ? kNone : value.get<double>(); }

/// Sums over the steps of the epoch that is under way.
struct EpochSums {
  int64_t steps = 0;
  int64_t skipped = 0;
  double bound = 0;
  std::vector<std::pair<std::string, double>> figures;

  void add(const StepResult& result) {
    ++steps;
    bound += result.bound;
    for (const auto& [name, value] : result.figures) {
      auto found = std::find_if(figures.begin(), figures.end(),
                                [&](const auto& entry) { return entry.first == name; });
      if (found == figures.end()) found = figures.insert(figures.end(), {name, 0.0});
      found->second += value;
    }
  }
};

class Run {
 public:
  Run(const TrainRequest& request, const Context& context)
      : request_(request),
        context_(context),
        config_(request.config),
        seed_(static_cast<uint64_t>(config_.integer("seed"))),
        batches_(static_cast<size_t>(request.training->size()),
                 static_cast<size_t>(config_.integer("batch")),
                 {.seed = static_cast<uint64_t>(config_.integer("seed")),
                  .shuffle = true,
                  .drop_last = true}),
        per_epoch_(static_cast<int64_t>(batches_.per_epoch())) {
    const int64_t steps = config_.integer("steps");
    total_ = steps > 0 ? steps : config_.integer("epochs") * per_epoch_;
    result_.shape = request.training->shape();
    result_.model = model_kind(request.kind)
                        .make({config_, result_.shape, seed_, request.device, kMaxParameters});
    optimizer_ = make_optimizer(config_, result_.model->parameters());
    if (request.resume) restore(*request.resume);
  }

  TrainResult run();

 private:
  void step_once();
  void end_epoch();
  void restore(const ModelFile& file);
  void write_checkpoint();
  bool checkpoint_is_due();
  void keep_best();
  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - started_).count();
  }
  void report_progress();

  const TrainRequest& request_;
  const Context& context_;
  const Config& config_;
  uint64_t seed_;
  dataset::Batches batches_;
  int64_t per_epoch_;
  int64_t total_ = 0;
  std::unique_ptr<Optimizer> optimizer_;
  TrainResult result_;
  EpochSums sums_;
  double best_ = -std::numeric_limits<double>::infinity();
  int64_t best_epoch_ = -1;
  std::vector<Tensor> best_values_;  // of Parameters::all
  int64_t skipped_in_a_row_ = 0;
  double last_rate_ = 0;
  double seconds_before_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point saved_ = Clock::now();
  int64_t saved_step_ = -1;
  int64_t first_step_ = 0;  // of this process
};

void Run::keep_best() {
  WithoutGradient scope;
  best_values_.clear();
  for (const Parameter& parameter : result_.model->parameters().all())
    best_values_.push_back(parameter.value.detach().clone());
}

void Run::step_once() {
  const int64_t step = result_.step;
  const auto epoch = static_cast<uint64_t>(step / per_epoch_);
  Noise noise(seed_, NoiseStream::kTraining, static_cast<uint64_t>(step), request_.device);
  const Batch batch = request_.training->batch(
      batches_.batch(epoch, static_cast<size_t>(step % per_epoch_)), noise);
  StepContext step_context;
  step_context.step = step;
  step_context.epoch = static_cast<double>(step) / static_cast<double>(per_epoch_);
  const int64_t warmup = config_.integer("kl-warmup");
  if (warmup > 0)
    step_context.kl_weight = std::min(1.0, step_context.epoch / static_cast<double>(warmup));
  Model& model = *result_.model;
  const StepResult result = model.gradients(batch, noise, step_context);

  const double norm = gradient_norm(result.gradients);
  last_rate_ = learning_rate(config_, step, total_, per_epoch_);
  if (std::isfinite(norm) && std::isfinite(result.bound)) {
    const double clip = config_.number("clip");
    const double scale = clip > 0 && norm > clip ? clip / norm : 1.0;
    const std::vector<double> rates = model.learning_rates(last_rate_);
    optimizer_->step(result.gradients, rates, scale);
    model.after_step(step_context);
    sums_.add(result);
    skipped_in_a_row_ = 0;
  } else {
    ++sums_.skipped;
    ++result_.skipped;
    ++skipped_in_a_row_;
    if (skipped_in_a_row_ >= kMaxSkipped)
      throw Error(
          Error::Kind::kInput,
          fmt::format("Training stopped at step {}: the {} was not finite in {} steps in a "
                      "row. Try a smaller learning-rate or clip.",
                      step, std::isfinite(result.bound) ? "gradient" : "bound", skipped_in_a_row_));
  }
  ++result_.step;
}

void Run::end_epoch() {
  CurveRow row;
  row.epoch = result_.step / per_epoch_;
  row.step = result_.step;
  const auto steps = static_cast<double>(sums_.steps);
  row.bound = sums_.steps > 0 ? sums_.bound / steps : kNone;
  row.figures = sums_.figures;
  for (auto& figure : row.figures) figure.second /= steps;
  row.learning_rate = last_rate_;
  row.skipped = sums_.skipped;
  row.validation = kNone;
  if (request_.validation != nullptr) {
    const int64_t k = config_.has("samples") && config_.has("bound") &&
                              config_.text("bound").rfind("iwae", 0) == 0
                          ? config_.integer("samples")
                          : 1;
    row.validation = mean_bound(*result_.model, *request_.validation, k, seed_);
    if (row.validation > best_) {
      best_ = row.validation;
      best_epoch_ = row.epoch;
      if (config_.integer("patience") > 0) keep_best();
    }
  }
  row.seconds = seconds();
  result_.curve.push_back(row);
  sums_ = {};
}

void Run::report_progress() {
  Progress progress;
  progress.stage = fmt::format("epoch {}", result_.step / per_epoch_ + 1);
  progress.fraction =
      total_ > 0 ? static_cast<double>(result_.step) / static_cast<double>(total_) : 1;
  if (sums_.steps > 0)
    progress.elbo = sums_.bound / static_cast<double>(sums_.steps);
  else if (!result_.curve.empty())
    progress.elbo = result_.curve.back().bound;
  progress.elapsed_seconds = seconds();
  const double here = seconds() - seconds_before_;
  const auto done = static_cast<double>(result_.step - first_step_);
  progress.remaining_seconds =
      done > 0 ? here / done * static_cast<double>(total_ - result_.step) : kNone;
  context_.progress(progress);
}

bool Run::checkpoint_is_due() {
  if (request_.checkpoint.empty()) return false;
  if (request_.checkpoint_steps > 0) return result_.step % request_.checkpoint_steps == 0;
  return std::chrono::duration<double>(Clock::now() - saved_).count() >=
         request_.checkpoint_seconds;
}

TrainResult Run::run() {
  while (result_.step < total_) {
    if (context_.cancelled()) {
      result_.reason = StopReason::kCancelled;
      break;
    }
    step_once();
    if (result_.step % per_epoch_ == 0 || result_.step == total_) {
      end_epoch();
      const int64_t patience = config_.integer("patience");
      if (patience > 0 && best_epoch_ >= 0 &&
          result_.curve.back().epoch - best_epoch_ >= patience) {
        result_.reason = StopReason::kEarly;
        break;
      }
    }
    if (checkpoint_is_due()) write_checkpoint();
    report_progress();
  }
  if (!request_.checkpoint.empty() && saved_step_ != result_.step) write_checkpoint();
  result_.seconds = seconds();
  if (!best_values_.empty()) {
    WithoutGradient scope;
    size_t i = 0;
    for (const Parameter& parameter : result_.model->parameters().all()) {
      Tensor value = parameter.value;
      value.copy_(best_values_[i++]);
    }
  }
  return std::move(result_);
}

void Run::write_checkpoint() {
  ModelFile file = file_of(request_.kind, config_, result_.shape, *result_.model);
  Json training;
  training["step"] = result_.step;
  training["seconds"] = seconds();
  training["skipped"] = result_.skipped;
  training["skipped-in-a-row"] = skipped_in_a_row_;
  training["best"] = number_json(best_);
  training["best-epoch"] = best_epoch_;
  training["epoch"] = {{"steps", sums_.steps}, {"skipped", sums_.skipped}, {"bound", sums_.bound}};
  training["epoch"]["figures"] = sums_.figures;
  training["curve"] = Json::array();
  for (const CurveRow& row : result_.curve)
    training["curve"].push_back({{"epoch", row.epoch},
                                 {"step", row.step},
                                 {"seconds", row.seconds},
                                 {"bound", number_json(row.bound)},
                                 {"validation", number_json(row.validation)},
                                 {"learning-rate", row.learning_rate},
                                 {"skipped", row.skipped},
                                 {"figures", row.figures}});
  file.training = training.dump();
  for (const auto& [name, value] : optimizer_->state())
    file.tensors.emplace_back("optimizer/" + name, value);
  if (!best_values_.empty()) {
    size_t i = 0;
    for (const Parameter& parameter : result_.model->parameters().all())
      file.tensors.emplace_back("best/" + parameter.name, best_values_[i++]);
  }
  write_model_file(request_.checkpoint, file);
  saved_ = Clock::now();
  saved_step_ = result_.step;
}

void Run::restore(const ModelFile& file) {
  if (file.training.empty())
    throw Error(Error::Kind::kInput,
                "There is no training to resume in this file: it is a finished model, not a "
                "checkpoint.");
  load_tensors(file, "model/", *result_.model);
  WithoutGradient scope;
  for (auto& [name, value] : optimizer_->state()) {
    const Tensor* found = file.find("optimizer/" + name);
    if (found == nullptr || found->sizes() != value.sizes())
      throw Error(Error::Kind::kInput,
                  "The checkpoint lacks the state of this optimiser: it belongs to another one.");
    Tensor target = value;
    target.copy_(*found);
  }
  try {
    const Json training = Json::parse(file.training);
    result_.step = training.at("step").get<int64_t>();
    seconds_before_ = training.at("seconds").get<double>();
    result_.skipped = training.at("skipped").get<int64_t>();
    skipped_in_a_row_ = training.at("skipped-in-a-row").get<int64_t>();
    if (!training.at("best").is_null()) best_ = training.at("best").get<double>();
    best_epoch_ = training.at("best-epoch").get<int64_t>();
    const Json& sums = training.at("epoch");
    sums_.steps = sums.at("steps").get<int64_t>();
    sums_.skipped = sums.at("skipped").get<int64_t>();
    sums_.bound = sums.at("bound").get<double>();
    sums_.figures = sums.at("figures").get<std::vector<std::pair<std::string, double>>>();
    for (const Json& entry : training.at("curve")) {
      CurveRow row;
      row.epoch = entry.at("epoch").get<int64_t>();
      row.step = entry.at("step").get<int64_t>();
      row.seconds = entry.at("seconds").get<double>();
      row.bound = json_number(entry.at("bound"));
      row.validation = json_number(entry.at("validation"));
      row.learning_rate = entry.at("learning-rate").get<double>();
      row.skipped = entry.at("skipped").get<int64_t>();
      row.figures = entry.at("figures").get<std::vector<std::pair<std::string, double>>>();
      result_.curve.push_back(row);
    }
  } catch (const Json::exception& error) {
    throw Error(
        Error::Kind::kInput,
        fmt::format("The state of training in the checkpoint is not as the format says ({}).",
                    error.what()));
  }
  const std::vector<Parameter>& parameters = result_.model->parameters().all();
  for (const Parameter& parameter : parameters)
    if (const Tensor* found = file.find("best/" + parameter.name))
      best_values_.push_back(found->to(request_.device));
  if (!best_values_.empty() && best_values_.size() != parameters.size())
    throw Error(Error::Kind::kInput, "The checkpoint lacks some numbers of its best model.");
  first_step_ = saved_step_ = result_.step;
}

}  // namespace

TrainResult train(const TrainRequest& request, const Context& context) {
  VINCI_CHECK(request.training != nullptr);
  return Run(request, context).run();
}

std::string curve_csv(const std::vector<CurveRow>& curve) {
  std::string out = "epoch,step,seconds,bound,validation,learning_rate,skipped";
  if (!curve.empty())
    for (const auto& figure : curve.front().figures) out += "," + figure.first;
  out += "\n";
  for (const CurveRow& row : curve) {
    out += fmt::format("{},{},{:.3f},{:.6g},{:.6g},{:.6g},{}", row.epoch, row.step, row.seconds,
                       row.bound, row.validation, row.learning_rate, row.skipped);
    for (const auto& figure : row.figures) out += fmt::format(",{:.6g}", figure.second);
    out += "\n";
  }
  return out;
}

double mean_bound(Model& model, const Feed& feed, int64_t k, uint64_t seed) {
  // Rows of a batch such that the decoder sees about two thousand points at once.
  const int64_t size = std::max<int64_t>(1, std::min<int64_t>(100, 2000 / k));
  double sum = 0;
  for (int64_t start = 0; start < feed.size(); start += size) {
    Noise noise(seed, NoiseStream::kValidation, static_cast<uint64_t>(start),
                model.parameters().device());
    const Batch batch = feed.range(start, size, noise);
    sum += log_mean_exp(model.log_weights(batch, k, noise)).sum().item<double>();
  }
  return sum / static_cast<double>(feed.size());
}

Binarise binarise_of(const Config& config) {
  const std::string& name = config.text("binarise");
  if (name != "auto") return binarise_named(name);
  const bool bits = !config.has("likelihood") || config.text("likelihood") == "bernoulli";
  return bits ? Binarise::kDynamic : Binarise::kNone;
}

}  // namespace vinci::deep
