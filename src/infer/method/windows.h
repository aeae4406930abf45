// What stochastic methods keep of their iterations, window by window. For .cc files of this folder.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "vinci/log_density.h"

namespace vinci::infer {

/// Mean and standard error of the mean of a stream of numbers.
class RunningMean {
 public:
  void add(double x) {
    ++count_;
    const double d = x - mean_;
    mean_ += d / static_cast<double>(count_);
    squares_ += d * (x - mean_);
  }
  Index count() const { return count_; }
  double mean() const { return mean_; }
  double error() const {
    if (count_ < 2) return std::numeric_limits<double>::infinity();
    const auto n = static_cast<double>(count_);
    return std::sqrt(squares_ / (n - 1) / n);
  }

 private:
  Index count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

/// Means of iterates over the last two windows: half of it forgotten with every window. `Iterate`
/// has add(const Iterate&) and divided(double).
template <class Iterate>
class IterateAverage {
 public:
  explicit IterateAverage(Iterate zero) : zero_(std::move(zero)), sum_(zero_), old_sum_(zero_) {}

  void add(const Iterate& iterate) {
    sum_.add(iterate);
    ++count_;
  }
  /// The window is full: the next one begins.
  void roll() {
    old_sum_ = std::exchange(sum_, zero_);
    old_count_ = std::exchange(count_, 0);
  }
  /// Forgets the window that is filling.
  void clear() {
    sum_ = zero_;
    count_ = 0;
  }
  bool empty() const { return count_ + old_count_ == 0; }
  Iterate mean() const {
    Iterate sum = sum_;
    sum.add(old_sum_);
    return sum.divided(static_cast<double>(std::max<Index>(1, count_ + old_count_)));
  }

 private:
  Iterate zero_, sum_, old_sum_;
  Index count_ = 0;
  Index old_count_ = 0;
};

}  // namespace vinci::infer
