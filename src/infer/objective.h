// The log density as methods see it: counted, guarded against what is not finite, aware of budget
// and cancel.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <span>

#include "vinci/context.h"
#include "vinci/log_density.h"

namespace vinci::infer {

/// How long to go on. Whichever is reached first ends the work.
struct Budget {
  int64_t evaluations = std::numeric_limits<int64_t>::max();
  double seconds = std::numeric_limits<double>::infinity();
};

/// Laws: (1) value and gradient at a lane are both finite, or value is -inf and the gradient is 0;
/// (2) every lane counts as one evaluation, of hessian_vector as two. May be used from several
/// threads at once.
class Objective {
 public:
  /// The clock of the budget starts here. Both references must outlive the object.
  Objective(const LogDensity& density, const Context& context, Budget budget = {})
      : density_(density), context_(context), budget_(budget) {}

  Index dim() const { return density_.dim(); }
  const Context& context() const { return context_; }

  /// As LogDensity::evaluate.
  void evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient);
  /// Values only.
  void evaluate(LaneMatrix points, std::span<double> value) {
    evaluate(points, value, {nullptr, 0, 0, 0});
  }
  /// As LogDensity::hessian_vector; products that are not all finite become 0.
  void hessian_vector(LaneMatrix points, LaneMatrix directions, MutableLaneMatrix products);
  bool has_exact_hessian_vector() const { return density_.has_exact_hessian_vector(); }
  auto hessian_pattern(size_t max_pairs) const { return density_.hessian_pattern(max_pairs); }

  /// Counts evaluations that were made elsewhere, such as those of the density's terms alone.
  void count(int64_t evaluations) {
    evaluations_.fetch_add(evaluations, std::memory_order_relaxed);
  }
  /// Keeps so many seconds of the budget for what must come at the end: the work stops that much
  /// earlier. Replaces what was kept before.
  void reserve(double seconds) { reserved_ = seconds; }

  int64_t evaluations() const { return evaluations_.load(std::memory_order_relaxed); }
  int64_t nonfinite() const { return nonfinite_.load(std::memory_order_relaxed); }
  double elapsed_seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  bool budget_spent() const {
    return evaluations() >= budget_.evaluations || elapsed_seconds() >= budget_.seconds - reserved_;
  }
  double evaluations_left() const {
    return static_cast<double>(budget_.evaluations) - static_cast<double>(evaluations());
  }
  double seconds_left() const { return budget_.seconds - reserved_ - elapsed_seconds(); }
  /// Methods ask between steps, and return what they have if told so.
  bool should_stop() const { return context_.cancelled() || budget_spent(); }

 private:
  const LogDensity& density_;
  const Context& context_;
  Budget budget_;
  double reserved_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<int64_t> evaluations_{0};
  std::atomic<int64_t> nonfinite_{0};
};

}  // namespace vinci::infer
