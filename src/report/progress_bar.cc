#include "report/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "report/format.h"

namespace vinci::report {

namespace {

constexpr auto kFirstShown = std::chrono::milliseconds(300);
constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr std::string_view kEraseLine = "\r\x1b[K";

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace

std::string progress_line(const Progress& progress, int width) {
  const auto room = static_cast<size_t>(std::max(width, 10));
  std::string out = progress.stage;
  std::string bar;
  std::string tail;
  const bool known = std::isfinite(progress.fraction);
  const double fraction = known ? std::clamp(progress.fraction, 0.0, 1.0) : 0.0;
  if (known) tail += fmt::format("  {:3.0f}%", 100 * fraction);
  if (std::isfinite(progress.elbo)) {
    tail += fmt::format("   ELBO {}",
                        number_text(progress.elbo, std::fabs(progress.elbo) < 100 ? 2 : 1));
  }
  double left = progress.remaining_seconds;
  // The first hundredth says little about the rest.
  if (std::isnan(left) && known && fraction > 0.01 && progress.elapsed_seconds > 0)
    left = progress.elapsed_seconds * (1 - fraction) / fraction;
  if (std::isfinite(left)) {
    tail += fmt::format("   {} left", duration_text(left < 1 ? std::ceil(left * 10) / 10 : left));
  } else if (progress.elapsed_seconds > 0) {
    tail += fmt::format("   {}", duration_text(progress.elapsed_seconds));
  }
  const size_t used = text_width(out) + text_width(tail) + 4;
  if (known && room > used + 8) {
    const size_t cells = std::min<size_t>(room - used, 30);
    const auto full = static_cast<size_t>(std::lround(fraction * static_cast<double>(cells)));
    bar = fmt::format("  [{}{}]", std::string(full, '#'), std::string(cells - full, '.'));
  }
  out += bar + tail;
  if (text_width(out) <= room) return out;
  // Cut at a code point: a line that wraps could not be erased.
  size_t bytes = 0;
  for (size_t columns = 0; bytes < out.size(); ++bytes) {
    if ((out[bytes] & 0xC0) != 0x80 && columns++ == room) break;
  }
  return out.substr(0, bytes);
}

ProgressBar::ProgressBar(std::FILE* stream) : stream_(stream), active_(is_terminal(stream)) {}

ProgressBar::ProgressBar(std::FILE* stream, int width)
    : stream_(stream), active_(true), fixed_width_(width) {}

ProgressBar::~ProgressBar() { erase(); }

int ProgressBar::width() const {
  if (fixed_width_ > 0) return fixed_width_;
  winsize size{};
  if (::ioctl(::fileno(stream_), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void ProgressBar::update(const Progress& progress) {
  if (!active_) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (progress.stage != stage_) {
    stage_ = progress.stage;
    stage_started_ = now;
  }
  if (fixed_width_ == 0 && (now - started_ < kFirstShown || now - drawn_ < kInterval)) return;
  drawn_ = now;
  visible_ = true;
  // One column stays free: some terminals wrap when the last one is written.
  Progress shown = progress;
  if (fixed_width_ == 0 && shown.elapsed_seconds == 0)
    shown.elapsed_seconds = std::chrono::duration<double>(now - stage_started_).count();
  const std::string line = fmt::format("{}{}", kEraseLine, progress_line(shown, width() - 1));
  std::fwrite(line.data(), 1, line.size(), stream_);
  std::fflush(stream_);
}

void ProgressBar::log(std::string_view line) {
  const std::lock_guard lock(mutex_);
  erase_locked();
  const std::string text = fmt::format("{}\n", line);
  std::fwrite(text.data(), 1, text.size(), stream_);
  std::fflush(stream_);
}

void ProgressBar::erase() {
  const std::lock_guard lock(mutex_);
  erase_locked();
}

void ProgressBar::erase_locked() {
  if (!visible_) return;
  std::fwrite(kEraseLine.data(), 1, kEraseLine.size(), stream_);
  std::fflush(stream_);
  visible_ = false;
}

}  // namespace vinci::report
