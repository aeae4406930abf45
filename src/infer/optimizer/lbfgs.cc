#include "infer/optimizer/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

constexpr double kArmijo = 1e-4;
constexpr double kCurvature = 0.9;

struct Pair {
  Vector s;
  Vector y;  // decrease of the gradient along s: positive curvature of -log p
  double curvature;
};

/// The ascent of one lane, told its trial values one by one.
class Lane {
 public:
  Lane(const LbfgsOptions& options, Path& path) : options_(options), path_(path) {}

  bool active() const { return active_; }
  const Vector& trial() const { return trial_; }

  void start(Vector x, double value, Vector gradient) {
    if (!std::isfinite(value)) return;
    active_ = true;
    x_ = std::move(x);
    value_ = value;
    gradient_ = std::move(gradient);
    keep();
    if (gradient_.lpNorm<Eigen::Infinity>() < options_.gradient_tol) return finish(true);
    begin_search();
  }

  void told(double value, const Vector& gradient) {
    ++trials_;
    const double slope_now = gradient.dot(direction_);
    if (!(value >= value_ + kArmijo * step_ * slope_)) {
      upper_ = step_;
    } else if (!(slope_now <= kCurvature * slope_)) {
      lower_ = step_;
    } else {
      return accept(value, gradient);
    }
    // With the trials used up, a step that went up will do.
    if (trials_ >= options_.max_trials) {
      if (value > value_) return accept(value, gradient);
      return search_failed();
    }
    step_ = std::isinf(upper_) ? 2 * lower_ : 0.5 * (lower_ + upper_);
    propose();
  }

 private:
  void propose() { trial_ = x_ + step_ * direction_; }
  void finish(bool converged) {
    active_ = false;
    path_.converged = converged;
  }

  void keep() {
    const auto n = static_cast<size_t>(x_.size());
    if (path_.size() >= options_.max_points) {
      path_.values.erase(path_.values.begin());
      path_.points.erase(path_.points.begin(), path_.points.begin() + static_cast<Index>(n));
      path_.gradients.erase(path_.gradients.begin(),
                            path_.gradients.begin() + static_cast<Index>(n));
    }
    path_.values.push_back(value_);
    path_.points.insert(path_.points.end(), x_.data(), x_.data() + n);
    path_.gradients.insert(path_.gradients.end(), gradient_.data(), gradient_.data() + n);
  }

  void begin_search() {
    direction_ = gradient_;
    if (pairs_.empty()) {
      direction_ /= std::max(1.0, gradient_.norm());
    } else {
      std::vector<double> a(pairs_.size());
      for (size_t i = pairs_.size(); i-- > 0;) {
        a[i] = pairs_[i].s.dot(direction_) / pairs_[i].curvature;
        direction_ -= a[i] * pairs_[i].y;
      }
      const Pair& last = pairs_.back();
      direction_ *= last.curvature / last.y.squaredNorm();
      for (size_t i = 0; i < pairs_.size(); ++i) {
        direction_ += (a[i] - pairs_[i].y.dot(direction_) / pairs_[i].curvature) * pairs_[i].s;
      }
    }
    slope_ = gradient_.dot(direction_);
    if (!(slope_ > 0) || !std::isfinite(slope_)) return search_failed();
    lower_ = 0;
    upper_ = std::numeric_limits<double>::infinity();
    step_ = 1;
    trials_ = 0;
    propose();
  }

  void search_failed() {
    // A direction that leads nowhere: forget the curvature once; where the gradient itself fails,
    // stop.
    if (pairs_.empty()) return finish(false);
    pairs_.clear();
    begin_search();
  }

  void accept(double value, const Vector& gradient) {
    Pair pair{trial_ - x_, gradient_ - gradient, 0};
    pair.curvature = pair.s.dot(pair.y);
    const double change = value - value_;
    const double size = std::max({std::abs(value), std::abs(value_), 1.0});
    x_ = trial_;
    value_ = value;
    gradient_ = gradient;
    keep();
    if (pair.curvature > 1e-12 * pair.y.squaredNorm()) {
      pairs_.push_back(std::move(pair));
      if (static_cast<Index>(pairs_.size()) > options_.history) pairs_.pop_front();
    }
    still_ = change <= options_.relative_tol * size ? still_ + 1 : 0;
    if (still_ >= 2 || gradient_.lpNorm<Eigen::Infinity>() < options_.gradient_tol) {
      return finish(true);
    }
    if (++iterations_ >= options_.max_iterations) return finish(false);
    begin_search();
  }

  const LbfgsOptions& options_;
  Path& path_;
  bool active_ = false;
  Vector x_, gradient_, direction_, trial_;
  double value_ = 0, slope_ = 0, step_ = 1, lower_ = 0, upper_ = 0;
  Index trials_ = 0, iterations_ = 0;
  int still_ = 0;
  std::deque<Pair> pairs_;
};

}  // namespace

std::vector<Path> lbfgs_ascend(Objective& objective, LaneMatrix starts,
                               const LbfgsOptions& options) {
  const Index dim = starts.rows;
  std::vector<Path> paths(static_cast<size_t>(starts.lanes));
  std::vector<Lane> lanes;
  for (Path& path : paths) lanes.emplace_back(options, path);

  Matrix points = map_lanes(starts);
  Matrix gradients(dim, starts.lanes);
  Vector values(starts.lanes);
  objective.evaluate(lanes_of(points), span_of(values), mutable_lanes(gradients));
  for (size_t l = 0; l < lanes.size(); ++l) {
    const auto c = static_cast<Index>(l);
    lanes[l].start(points.col(c), values[c], gradients.col(c));
  }
  std::vector<size_t> active;
  while (!objective.should_stop()) {
    active.clear();
    for (size_t l = 0; l < lanes.size(); ++l) {
      if (lanes[l].active()) active.push_back(l);
    }
    if (active.empty()) break;
    const auto count = static_cast<Index>(active.size());
    points.resize(dim, count);
    gradients.resize(dim, count);
    values.resize(count);
    for (Index c = 0; c < count; ++c) points.col(c) = lanes[active[static_cast<size_t>(c)]].trial();
    objective.evaluate(lanes_of(points), span_of(values), mutable_lanes(gradients));
    for (Index c = 0; c < count; ++c) {
      lanes[active[static_cast<size_t>(c)]].told(values[c], gradients.col(c));
    }
  }
  return paths;
}

}  // namespace vinci::infer
