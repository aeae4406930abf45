#include "image/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace vinci::image {

namespace {

// Eight colours that people with any colour vision tell apart [Okabe and Ito 2008], darkest first
// and without the yellow that white swallows.
constexpr Colour kPalette[] = {{0, 114, 178}, {213, 94, 0},   {0, 158, 115}, {204, 121, 167},
                               {230, 159, 0}, {86, 180, 233}, {90, 90, 90}};
constexpr Colour kInk{51, 51, 51};
constexpr Colour kGrid{226, 226, 226};
constexpr Colour kAxis{120, 120, 120};
constexpr double kTextSize = 13;
constexpr double kTitleSize = 16;
constexpr double kLineWidth = 1.8;

// Beyond these, ranges and margins would overflow or lose their digits.
constexpr double kLargest = 1e300;
constexpr double kSmallest = 1e-300;

bool is_shown(double value, bool is_log) {
  return std::fabs(value) <= kLargest && (!is_log || value >= kSmallest);
}

struct Axis {
  double low = 0;
  double high = 1;
  bool is_log = false;
  double from = 0;  // pixels
  double to = 1;

  double map(double value) const {
    return is_log ? std::log10(value) : std::fabs(value) < kSmallest ? 0 : value;
  }
  double at(double value) const { return from + (map(value) - low) / (high - low) * (to - from); }
};

/// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  const double share = least / power;
  return power * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
}

/// Digits in groups of three where there are five and more.
std::string grouped(std::string digits) {
  const size_t point = std::min(digits.find('.'), digits.size());
  const size_t begin = digits[0] == '-' ? 1 : 0;
  if (point - begin < 5) return digits;
  for (size_t at = point; at > begin + 3;) {
    at -= 3;
    digits.insert(at, " ");
  }
  return digits;
}

std::string tick_text(double value, double step) {
  const double size = std::max(std::fabs(value), step);
  std::string out;
  if (size >= 1e7 || step < 1e-5) {
    out = value == 0 ? "0" : fmt::format("{:.6g}", value);
  } else {
    const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
    out = grouped(fmt::format("{:.{}f}", value, digits));
  }
  if (out[0] == '-') out = "\u2212" + out.substr(1);
  return out;
}

struct Tick {
  double value;  // on the axis, before its logarithm
  std::string text;
};

std::vector<Tick> linear_ticks(double low, double high, int most) {
  std::vector<Tick> out;
  const double step = round_step((high - low) / most);
  if (!(step > 0) || !std::isfinite(step)) return out;
  // Counted, not added up: with a range of a few ulp a sum might never get there.
  const double first = std::ceil(low / step - 1e-9);
  for (int k = 0; k <= 2 * most; ++k) {
    const double value = (first + k) * step;
    if (value > high + 1e-9 * step) break;
    out.push_back({first + k == 0 ? 0 : value, tick_text(first + k == 0 ? 0 : value, step)});
  }
  return out;
}

std::vector<Tick> log_ticks(double low, double high, int most) {
  std::vector<Tick> out;
  if (high - low < 0.8) {
    // Less than a decade: round numbers as on a linear axis.
    for (Tick& tick : linear_ticks(std::pow(10, low), std::pow(10, high), most))
      if (tick.value > 0) out.push_back(std::move(tick));
    return out;
  }
  const double decades = high - low;
  const auto every = static_cast<int>(std::max(1.0, std::ceil(decades / most)));
  for (int k = static_cast<int>(std::floor(low)); k <= static_cast<int>(std::ceil(high)); ++k) {
    if (every > 1 && k % every != 0) continue;
    for (const int digit : {1, 2, 5}) {
      if (digit > 1 && (decades > 3 || every > 1)) continue;
      const double value = digit * std::pow(10, k);
      const double at = std::log10(value);
      if (at < low - 1e-9 || at > high + 1e-9) continue;
      std::string text = fmt::format("{:g}", value);
      if (value >= 0.9 && value < 1e6) text = grouped(fmt::format("{:.0f}", value));
      out.push_back({value, std::move(text)});
    }
  }
  return out;
}

std::vector<Tick> ticks(const Axis& axis, int most) {
  return axis.is_log ? log_ticks(axis.low, axis.high, most)
                     : linear_ticks(axis.low, axis.high, most);
}

/// Sets low and high from the values, on the scale of the axis; false where none is shown.
bool fit_axis(Axis& axis, const Plot& plot, bool of_y) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const PlotSeries& series : plot.series) {
    const size_t count = std::min(series.x.size(), series.y.size());
    for (size_t i = 0; i < count; ++i) {
      if (!is_shown(series.x[i], plot.log_x) || !is_shown(series.y[i], plot.log_y)) continue;
      const double value = axis.map(of_y ? series.y[i] : series.x[i]);
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  const bool found = low <= high;
  if (!found) {
    low = 0;
    high = 1;
  }
  if (of_y) {
    // A margin, so that no curve lies on the frame.
    const double margin = 0.03 * (high - low);
    low = is_shown(plot.y_low, plot.log_y) ? axis.map(plot.y_low) : low - margin;
    high = is_shown(plot.y_high, plot.log_y) ? axis.map(plot.y_high) : high + margin;
  }
  // Too narrow for its numbers to differ, empty, or the wrong way round.
  const double least = 1e-12 * std::max(std::fabs(low), std::fabs(high));
  if (!(high - low > least)) {
    const double by = low == 0 ? 1 : 0.05 * std::fabs(low);
    low -= by;
    high = low + 2 * by;
  }
  axis.low = low;
  axis.high = high;
  return found;
}

/// What of the segment lies between top and bottom; false where nothing does.
bool clip(Point& a, Point& b, double top, double bottom) {
  if (a.y > b.y) {
    const bool kept = clip(b, a, top, bottom);
    return kept;
  }
  if (b.y < top || a.y > bottom) return false;
  const Point from = a;
  const Point to = b;
  const auto x_at = [&](double y) {
    return from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x);
  };
  if (a.y < top) a = {x_at(top), top};
  if (b.y > bottom) b = {x_at(bottom), bottom};
  return true;
}

/// First, least, largest and last of each run of points in one column of pixels, in their order.
std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() < 2000) return points;
  std::vector<Point> out;
  for (size_t begin = 0; begin < points.size();) {
    const double column = std::floor(points[begin].x);
    size_t end = begin;
    size_t least = begin;
    size_t largest = begin;
    for (; end < points.size() && std::floor(points[end].x) == column; ++end) {
      if (points[end].y < points[least].y) least = end;
      if (points[end].y > points[largest].y) largest = end;
    }
    const size_t kept[] = {begin, std::min(least, largest), std::max(least, largest), end - 1};
    for (size_t k = 0; k < 4; ++k)
      if (k == 0 || kept[k] != kept[k - 1]) out.push_back(points[kept[k]]);
    begin = end;
  }
  return out;
}

void draw_piece(Drawing& drawing, const std::vector<Point>& piece, Colour colour, double dash,
                double top, double bottom) {
  const std::vector<Point> points = thinned(piece);
  if (points.size() == 1) {
    if (points[0].y >= top && points[0].y <= bottom) drawing.line(points, colour, 5);
    return;
  }
  std::vector<Point> run;
  const auto flush = [&] {
    drawing.line(std::move(run), colour, kLineWidth, dash);
    run = {};
  };
  for (size_t i = 1; i < points.size(); ++i) {
    Point a = points[i - 1];
    Point b = points[i];
    if (!clip(a, b, top, bottom)) {
      flush();
      continue;
    }
    if (run.empty() || run.back().x != a.x || run.back().y != a.y) {
      flush();
      run.push_back(a);
    }
    run.push_back(b);
  }
  flush();
}

void draw_series(Drawing& drawing, const Plot& plot, const PlotSeries& series, Colour colour,
                 double dash, const Axis& across, const Axis& up) {
  std::vector<Point> piece;
  const size_t count = std::min(series.x.size(), series.y.size());
  const double top = std::min(up.from, up.to);
  const double bottom = std::max(up.from, up.to);
  const auto flush = [&] {
    if (!piece.empty()) draw_piece(drawing, piece, colour, dash, top, bottom);
    piece.clear();
  };
  for (size_t i = 0; i < count; ++i) {
    if (is_shown(series.x[i], plot.log_x) && is_shown(series.y[i], plot.log_y)) {
      // Far outside of a given range: still a number that a drawing can hold.
      const double y = std::clamp(up.at(series.y[i]), top - 1e6, bottom + 1e6);
      piece.push_back({across.at(series.x[i]), y});
    } else {
      flush();
    }
  }
  flush();
}

struct Look {
  Colour colour;
  double dash;
};

Look look_of(size_t index, bool is_dashed) {
  constexpr size_t kColours = std::size(kPalette);
  // The colours a second time, dashed.
  const bool again = index / kColours % 2 == 1;
  return {kPalette[index % kColours], is_dashed != again ? 6.0 : 0.0};
}

/// Rows of names with samples of their lines; where the axes may begin.
double draw_legend(Drawing& drawing, const Plot& plot, double left, double right, double top) {
  const bool named = std::any_of(plot.series.begin(), plot.series.end(),
                                 [](const PlotSeries& s) { return !s.name.empty(); });
  if (!named) return top;
  constexpr double kSample = 24;
  constexpr double kBetween = 20;
  double x = left;
  double y = top + 12;
  for (size_t i = 0; i < plot.series.size(); ++i) {
    const PlotSeries& series = plot.series[i];
    if (series.name.empty()) continue;
    const double width = kSample + 6 + text_width(series.name) * kTextSize;
    if (x > left && x + width > right) {
      x = left;
      y += 20;
    }
    const Look look = look_of(i, series.is_dashed);
    drawing.line({{x, y - 4}, {x + kSample, y - 4}}, look.colour, 2.4, look.dash);
    drawing.text({x + kSample + 6, y}, series.name,
                 {kTextSize, kInk, Anchor::kStart, false, false});
    x += width + kBetween;
  }
  return y + 8;
}

/// What is known of a plot before it has a place.
struct Frame {
  Axis across;
  Axis up;
  bool has_data = false;
  std::vector<Tick> y_ticks;
  double left = 0;  // of the axes: their labels and ticks stand before it
};

Frame frame_of(const Plot& plot) {
  Frame out;
  out.across.is_log = plot.log_x;
  out.up.is_log = plot.log_y;
  out.has_data = fit_axis(out.across, plot, false);
  fit_axis(out.up, plot, true);
  out.y_ticks = ticks(out.up, std::clamp(plot.height / 60, 2, 10));
  double widest = 0;
  for (const Tick& tick : out.y_ticks) widest = std::max(widest, text_width(tick.text) * kTextSize);
  out.left = 14 + (plot.y_label.empty() ? 0 : 24) + widest + 8;
  return out;
}

/// Into the drawing, from `top` down, with the axes from `left` on.
void draw_plot(Drawing& drawing, const Plot& plot, Frame frame, double top, double left) {
  Axis& across = frame.across;
  Axis& up = frame.up;
  const double right = plot.width - 24;
  double y = top + 14;
  if (!plot.title.empty()) {
    drawing.text({left, y + 14}, plot.title, {kTitleSize, kInk, Anchor::kStart, true, false});
    y += 30;
  }
  y = draw_legend(drawing, plot, left, right, y);
  const double bottom = top + plot.height - (plot.x_label.empty() ? 34 : 56);
  y = std::min(y + 4, bottom - 1);
  across.from = left;
  across.to = right;
  up.from = bottom;
  up.to = y;

  const TextStyle beside{kTextSize, kInk, Anchor::kEnd, false, false};
  const TextStyle below{kTextSize, kInk, Anchor::kMiddle, false, false};
  for (const Tick& tick : frame.y_ticks) {
    const double at = up.at(tick.value);
    drawing.line({{left, at}, {right, at}}, kGrid, 1);
    drawing.text({left - 8, at + kTextSize * kCapHeight / 2}, tick.text, beside);
  }
  // As many as their texts leave room for.
  std::vector<Tick> x_ticks;
  for (int most = std::clamp(plot.width / 90, 2, 12); most >= 1; --most) {
    x_ticks = ticks(across, most);
    double used = 0;
    for (const Tick& tick : x_ticks) used += text_width(tick.text) * kTextSize + 14;
    if (used <= right - left) break;
  }
  for (const Tick& tick : x_ticks) {
    const double at = across.at(tick.value);
    drawing.line({{at, y}, {at, bottom}}, kGrid, 1);
    drawing.text({at, bottom + 20}, tick.text, below);
  }
  for (size_t i = 0; i < plot.series.size(); ++i) {
    const Look look = look_of(i, plot.series[i].is_dashed);
    draw_series(drawing, plot, plot.series[i], look.colour, look.dash, across, up);
  }
  drawing.line({{left, y}, {left, bottom}, {right, bottom}}, kAxis, 1);
  if (!plot.x_label.empty()) drawing.text({(left + right) / 2, bottom + 42}, plot.x_label, below);
  if (!plot.y_label.empty())
    drawing.text({22, (y + bottom) / 2}, plot.y_label,
                 {kTextSize, kInk, Anchor::kMiddle, false, true});
  if (!frame.has_data)
    drawing.text({(left + right) / 2, (y + bottom) / 2}, "no finite values",
                 {kTextSize, kAxis, Anchor::kMiddle, false, false});
}

}  // namespace

Drawing plot_drawing(std::span<const Plot> plots) {
  int width = 0;
  int height = 0;
  double left = 0;
  std::vector<Frame> frames;
  for (const Plot& plot : plots) {
    width = std::max(width, plot.width);
    height += plot.height;
    frames.push_back(frame_of(plot));
    left = std::max(left, frames.back().left);
  }
  Drawing drawing(width, height);
  double top = 0;
  for (size_t i = 0; i < plots.size(); ++i) {
    draw_plot(drawing, plots[i], frames[i], top, left);
    top += plots[i].height;
  }
  return drawing;
}

Drawing plot_drawing(const Plot& plot) { return plot_drawing(std::span<const Plot>(&plot, 1)); }

Image line_plot(const Plot& plot) { return plot_drawing(plot).to_image(2); }

}  // namespace vinci::image
