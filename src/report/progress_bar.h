// The progress of a long run on a terminal.
#pragma once

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "vinci/context.h"

namespace vinci::report {

/// One line of at most `width` columns, without a line feed:
/// `natural gradient  [#########.........]  48%   ELBO -1234.5   12.4 s left`. A fraction that is
/// NaN leaves out the bar; where the time left is not given it is taken from fraction and time
/// elapsed.
std::string progress_line(const Progress& progress, int width);

/// Draws progress_line over itself, at most ten times a second and not in the first 0.3 s, so that
/// short runs do not flicker. Where a run does not say how much time has passed, that of its stage
/// counts. Does nothing if `stream` is no terminal (or TERM is `dumb`).
/// Thread-safe.
class ProgressBar {
 public:
  explicit ProgressBar(std::FILE* stream);
  /// Draws on `stream` whether or not it is a terminal, `width` columns wide, every time.
  ProgressBar(std::FILE* stream, int width);
  /// Erases the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(const Progress& progress);
  /// Prints a line above the bar; on a stream that is no terminal too.
  void log(std::string_view line);
  /// Erases the line; a later update draws it again.
  void erase();
  bool active() const { return active_; }

 private:
  using Clock = std::chrono::steady_clock;

  void erase_locked();
  int width() const;

  std::FILE* stream_;
  bool active_;
  int fixed_width_ = 0;  // 0: ask the terminal
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
  std::string stage_;
  Clock::time_point stage_started_{};
  bool visible_ = false;
  std::mutex mutex_;
};

}  // namespace vinci::report
