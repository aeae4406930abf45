// What a long computation shares with whoever started it: a cancel flag, a progress listener, a
// log.
#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace vinci {

/// A moment of a long run. `fraction` is the share of the stage that is done, in [0, 1], NaN if
/// unknown.
struct Progress {
  std::string stage;
  double fraction = 0;
  double elbo = std::numeric_limits<double>::quiet_NaN();
  double elapsed_seconds = 0;
  double remaining_seconds = std::numeric_limits<double>::quiet_NaN();
};

struct Context {
  /// Set by a signal handler or another thread; computations return what they have at the next
  /// step.
  std::atomic<bool>* cancel = nullptr;
  std::function<void(const Progress&)> on_progress;
  std::function<void(std::string_view)> on_log;

  bool cancelled() const { return cancel != nullptr && cancel->load(std::memory_order_relaxed); }
  void progress(const Progress& p) const {
    if (on_progress) on_progress(p);
  }
  void log(std::string_view line) const {
    if (on_log) on_log(line);
  }
};

}  // namespace vinci
