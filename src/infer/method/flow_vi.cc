#include "infer/method/flow_vi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "infer/dense.h"
#include "infer/optimizer/adam.h"

namespace vinci::infer {
namespace {

struct Window {
  double mean = -std::numeric_limits<double>::infinity();
  double error = 0;
};

/// Median of the last numbers of a stream.
class RunningMedian {
 public:
  void add(double x) {
    if (values_.size() < kKept) {
      values_.push_back(x);
    } else {
      values_[next_++ % kKept] = x;
    }
  }
  double median() const {
    std::vector<double> v = values_;
    if (v.empty()) return std::numeric_limits<double>::infinity();
    const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
    std::nth_element(v.begin(), middle, v.end());
    return *middle;
  }

 private:
  static constexpr size_t kKept = 51;
  std::vector<double> values_;
  size_t next_ = 0;
};

/// The state of one ascent: copied to go on from a trial.
struct Ascent {
  std::vector<double> lambda;
  Adam adam;
  RunningMedian norms;
  std::vector<double> elbos;  // of each iteration

  Window window(Index from) const {
    const auto n = static_cast<double>(static_cast<Index>(elbos.size()) - from);
    double mean = 0, squares = 0;
    for (size_t t = static_cast<size_t>(from); t < elbos.size(); ++t) mean += elbos[t] / n;
    for (size_t t = static_cast<size_t>(from); t < elbos.size(); ++t) {
      squares += (elbos[t] - mean) * (elbos[t] - mean);
    }
    return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : std::abs(mean)};
  }
};

class Trainer {
 public:
  Trainer(Objective& objective, std::shared_ptr<const CouplingFlow> flow,
          const FlowViOptions& options, numeric::RandomKey key)
      : objective_(objective),
        flow_(std::move(flow)),
        options_(options),
        key_(key),
        pairs_(std::max<Index>(1, options.batch / 2)),
        workspace_(flow_->make_workspace()),
        noise_(flow_->dim(), pairs_),
        u_(flow_->dim(), 2 * pairs_),
        z_(flow_->dim(), 2 * pairs_),
        g_(flow_->dim(), 2 * pairs_),
        values_(2 * pairs_),
        log_q_(2 * pairs_),
        skip_(static_cast<size_t>(2 * pairs_)),
        gradient_(static_cast<size_t>(flow_->num_params())),
        direction_(gradient_.size()) {}

  Ascent begin() const { return {flow_->initial(key_), Adam(gradient_.size()), {}, {}}; }

  void step(Ascent& a, uint32_t t, double rate, FlowViResult& result) {
    const Index lanes = 2 * pairs_;
    numeric::fill_normal(key_, t, 0, flow_->dim(), pairs_, noise_.data(), pairs_);
    u_.leftCols(pairs_) = noise_;
    u_.rightCols(pairs_) = -noise_;
    flow_->forward(a.lambda, lanes_of(u_), mutable_lanes(z_), span_of(log_q_), *workspace_,
                   options_.pool);
    objective_.evaluate(lanes_of(z_), span_of(values_), mutable_lanes(g_));
    double total = 0;
    Index finite = 0;
    for (Index l = 0; l < lanes; ++l) {
      const double log_ratio = values_[l] - log_q_[l];
      const bool good = std::isfinite(log_ratio);
      skip_[static_cast<size_t>(l)] = good ? 0 : 1;
      if (!good) continue;
      total += log_ratio;
      ++finite;
    }
    result.nonfinite += lanes - finite;
    // What is not finite counts as a hundred nats less, so that windows with more of it look worse.
    constexpr double kPenalty = 100;
    a.elbos.push_back(finite > 0 ? total / static_cast<double>(finite) -
                                       kPenalty * static_cast<double>(lanes - finite) /
                                           static_cast<double>(lanes)
                                 : -1e10);
    if (finite == 0) return;
    flow_->path_gradient(a.lambda, lanes_of(g_), skip_, *workspace_, options_.pool, gradient_);
    double squares = 0;
    for (double& x : gradient_) {
      x /= static_cast<double>(lanes);
      squares += x * x;
    }
    const double norm = std::sqrt(squares), limit = options_.clip * a.norms.median();
    if (!std::isfinite(norm)) {
      ++result.clipped;
      return;
    }
    if (norm > limit) {
      ++result.clipped;
      for (double& x : gradient_) x *= limit / norm;
    }
    a.norms.add(norm);
    a.adam.direction(gradient_, direction_);
    for (size_t p = 0; p < a.lambda.size(); ++p) a.lambda[p] += rate * direction_[p];
  }

  /// log p - log q on noise that all calls share; empty where the budget has run out.
  std::vector<double> ratios(const Family& q) {
    constexpr Index kDraws = 2048;
    Matrix z(flow_->dim(), kDraws);
    std::vector<double> log_q(kDraws), value(kDraws);
    q.draw({key_.seed, key_.stream}, 0xffffffff, 0, mutable_lanes(z), log_q);
    objective_.evaluate(lanes_of(z), value);
    for (size_t s = 0; s < value.size(); ++s) value[s] -= log_q[s];
    return value;
  }

 private:
  Objective& objective_;
  std::shared_ptr<const CouplingFlow> flow_;
  const FlowViOptions& options_;
  numeric::RandomKey key_;
  Index pairs_;
  std::shared_ptr<CouplingFlow::Workspace> workspace_;
  Matrix noise_, u_, z_, g_;
  Vector values_, log_q_;
  std::vector<uint8_t> skip_;
  std::vector<double> gradient_, direction_;
};

/// Mean of a - b with its standard error; draws where either is not finite count as a difference of
/// -+100.
Window difference(const std::vector<double>& a, const std::vector<double>& b) {
  double mean = 0, squares = 0;
  const auto n = static_cast<double>(a.size());
  const auto at = [&](size_t i) {
    if (std::isfinite(a[i]) && std::isfinite(b[i])) return a[i] - b[i];
    if (std::isfinite(a[i])) return 100.0;
    return std::isfinite(b[i]) ? -100.0 : 0.0;
  };
  for (size_t i = 0; i < a.size(); ++i) mean += at(i) / n;
  for (size_t i = 0; i < a.size(); ++i) squares += (at(i) - mean) * (at(i) - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

double finite_mean(const std::vector<double>& x) {
  double sum = 0, n = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) continue;
    sum += v;
    ++n;
  }
  return n > 0 ? sum / n : -std::numeric_limits<double>::infinity();
}

}  // namespace

FlowViResult flow_vi(Objective& objective, const FullRankNormal& start,
                     const FlowViOptions& options, numeric::RandomKey key) {
  FlowViResult result;
  const auto flow = std::make_shared<const CouplingFlow>(start, options.shape);
  Trainer trainer(objective, flow, options, key);
  if (objective.should_stop()) return result;

  // The rate that leads highest over the second half of its trial.
  Ascent best = trainer.begin();
  double rate = options.rates.front();
  if (options.rates.size() > 1) {
    Window highest;
    for (const double candidate : options.rates) {
      Ascent a = trainer.begin();
      for (Index t = 0; t < options.trial && !objective.should_stop(); ++t) {
        trainer.step(a, static_cast<uint32_t>(t), candidate, result);
        ++result.iterations;
      }
      if (a.elbos.empty()) break;
      const Window w = a.window(static_cast<Index>(a.elbos.size()) / 2);
      if (!(w.mean > highest.mean)) continue;
      highest = w;
      rate = candidate;
      best = std::move(a);
    }
  }
  result.rate = rate;

  Ascent& a = best;
  std::vector<double> sum(a.lambda.size(), 0.0);
  Index averaged = 0;
  Window before;
  const auto first = static_cast<Index>(a.elbos.size());
  Index window_start = first;
  for (Index t = first; t < options.max_iterations && !objective.should_stop(); ++t) {
    trainer.step(a, static_cast<uint32_t>(t), rate, result);
    ++result.iterations;
    for (size_t p = 0; p < sum.size(); ++p) sum[p] += a.lambda[p];
    ++averaged;
    if (t + 1 - window_start < options.window) continue;
    const Window w = a.window(window_start);
    window_start = t + 1;
    Progress progress;
    progress.stage = flow->describe();
    progress.fraction = static_cast<double>(t) / static_cast<double>(options.max_iterations);
    progress.elbo = w.mean;
    progress.elapsed_seconds = objective.elapsed_seconds();
    objective.context().progress(progress);
    const bool rising = w.mean - before.mean > 2 * std::hypot(w.error, before.error);
    before = w;
    if (rising) continue;
    rate *= 0.5;
    if (rate < options.last_rate) {
      result.converged = true;
      break;
    }
    std::fill(sum.begin(), sum.end(), 0.0);
    averaged = 0;
  }
  if (result.iterations == 0) return result;

  FamilyPtr q = flow->at(a.lambda);
  std::vector<double> ratios = trainer.ratios(*q);
  if (averaged > 1) {
    for (double& x : sum) x /= static_cast<double>(averaged);
    const FamilyPtr average = flow->at(sum);
    std::vector<double> of_average = trainer.ratios(*average);
    if (difference(of_average, ratios).mean > 0) {
      q = average;
      ratios = std::move(of_average);
    }
  }
  const std::vector<double> of_start = trainer.ratios(start);
  const Window gain = difference(ratios, of_start);
  result.start_elbo = finite_mean(of_start);
  result.elbo = finite_mean(ratios);
  result.gain_error = gain.error;
  if (gain.mean > 2 * gain.error) result.q = q;
  return result;
}

FlowViResult escalate_flow(Objective& objective, const FullRankNormal& start, const Budget& budget,
                           numeric::RandomKey key, numeric::ThreadPool* pool) {
  FlowViOptions o;
  o.pool = pool;
  const double spare = static_cast<double>(
      std::min<int64_t>(budget.evaluations, std::numeric_limits<int32_t>::max()));
  o.max_iterations =
      std::min<Index>(o.max_iterations, static_cast<Index>(spare / static_cast<double>(o.batch)));
  return flow_vi(objective, start, o, key);
}

}  // namespace vinci::infer
