#include "report/line_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vinci::report {

namespace {

constexpr double kWidth = 640, kPanel = 220, kLeft = 90, kRight = 20, kTop = 34, kBottom = 30;

struct Scale {
  double low, high, from, to;
  double operator()(double v) const { return from + (v - low) / (high - low) * (to - from); }
};

/// 1, 2 or 5 times a power of ten: about five steps over the range.
double round_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 5)));
  const double share = range / 5 / power;
  return power * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
}

void widen(double& low, double& high) {
  if (high > low) return;
  const double by = std::max(1e-9, 0.01 * std::abs(low));
  low -= by;
  high += by;
}

std::string ticks(const Scale& scale, bool vertical, double across) {
  std::string out;
  const double step = round_step(scale.high - scale.low);
  for (double t = std::ceil(scale.low / step) * step; t <= scale.high + 1e-9 * step; t += step) {
    const double value = std::abs(t) < 1e-9 * step ? 0 : t;
    const double at = scale(t);
    if (vertical) {
      out += fmt::format(
          "<line x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}' class='grid'/>"
          "<text x='{3}' y='{4:.1f}' text-anchor='end'>{5:.6g}</text>\n",
          kLeft, kWidth - kRight, at, kLeft - 6, at + 4, value);
    } else {
      out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.6g}</text>\n", at,
                         across + 16, value);
    }
  }
  return out;
}

}  // namespace

std::string line_plot_svg(const std::string& x_title, const std::vector<double>& x,
                          const std::vector<LinePanel>& panels) {
  std::string body;
  double top = 0;
  for (const LinePanel& panel : panels) {
    std::vector<size_t> shown;
    for (size_t i = 0; i < x.size() && i < panel.values.size(); ++i) {
      if (std::isfinite(panel.values[i])) shown.push_back(i);
    }
    if (shown.size() < 2) continue;
    double low = panel.values[shown[0]], high = low;
    for (const size_t i : shown) {
      low = std::min(low, panel.values[i]);
      high = std::max(high, panel.values[i]);
    }
    widen(low, high);
    double first = x[shown.front()], last = x[shown.back()];
    widen(first, last);
    const double bottom = top + kTop + kPanel;
    const Scale across{first, last, kLeft, kWidth - kRight};
    const Scale up{low, high, bottom, top + kTop};
    body += fmt::format("<text x='{}' y='{:.1f}' class='title'>{}</text>\n", kLeft, top + kTop - 12,
                        panel.title);
    body += ticks(up, true, 0) + ticks(across, false, bottom);
    body += "<polyline points='";
    for (const size_t i : shown)
      body += fmt::format("{:.1f},{:.2f} ", across(x[i]), up(panel.values[i]));
    body += "'/>\n";
    top = bottom + kBottom;
  }
  body += fmt::format("<text x='{}' y='{:.1f}' text-anchor='end'>{}</text>\n", kWidth - kRight,
                      top + 10, x_title);
  return fmt::format(
             "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {1}' width='{0}' "
             "height='{1}'>\n"
             "<style>text{{font:12px sans-serif;fill:#333}}.title{{font-weight:bold}}"
             ".grid{{stroke:#ddd}}polyline{{fill:none;stroke:#1f5fa8;stroke-width:2}}</style>\n"
             "<rect width='100%' height='100%' fill='white'/>\n",
             kWidth, top + 20) +
         body + "</svg>\n";
}

}  // namespace vinci::report
