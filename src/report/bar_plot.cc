#include "report/bar_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vinci::report {

namespace {

constexpr double kWidth = 640, kLine = 24, kLeft = 130, kRight = 90, kTop = 34, kBottom = 30;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') out += "&lt;";
    if (c == '>') out += "&gt;";
    if (c == '&') out += "&amp;";
    if (c != '<' && c != '>' && c != '&') out += c;
  }
  return out;
}

}  // namespace

std::string bar_plot_svg(const std::string& title, const std::vector<Bar>& bars) {
  std::vector<Bar> shown;
  for (const Bar& bar : bars)
    if (std::isfinite(bar.value) && bar.value > 0) shown.push_back(bar);
  double low = 0, high = 1;
  for (size_t i = 0; i < shown.size(); ++i) {
    const double power = std::log10(shown[i].value);
    low = i == 0 ? std::floor(power) : std::min(low, std::floor(power));
    high = i == 0 ? std::ceil(power) : std::max(high, std::ceil(power));
  }
  if (high <= low) high = low + 1;
  const double bottom = kTop + kLine * static_cast<double>(shown.size());
  const auto across = [&](double power) {
    return kLeft + (power - low) / (high - low) * (kWidth - kLeft - kRight);
  };
  std::string body = fmt::format("<text x='{}' y='{}' class='title'>{}</text>\n", kLeft, kTop - 12,
                                 escaped(title));
  // Ten labels at most.
  const double step = std::max(1.0, std::ceil((high - low) / 10));
  for (double power = low; power <= high; power += step)
    body += fmt::format(
        "<line x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}' class='grid'/>"
        "<text x='{0:.1f}' y='{3}' text-anchor='middle'>1e{4:.0f}</text>\n",
        across(power), kTop, bottom, bottom + 16, power);
  double top = kTop;
  for (const Bar& bar : shown) {
    const double end = across(std::log10(bar.value));
    body += fmt::format(
        "<text x='{}' y='{}' text-anchor='end'>{}</text>"
        "<rect x='{}' y='{}' width='{:.1f}' height='{}' class='bar'/>"
        "<text x='{:.1f}' y='{}'>{}</text>\n",
        kLeft - 6, top + 16, escaped(bar.name), kLeft, top + 4, end - kLeft, kLine - 8, end + 6,
        top + 16, escaped(bar.text));
    top += kLine;
  }
  return fmt::format(
             "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {1}' width='{0}' "
             "height='{1}'>\n"
             "<style>text{{font:12px sans-serif;fill:#333}}.title{{font-weight:bold}}"
             ".grid{{stroke:#ddd}}.bar{{fill:#1f5fa8}}</style>\n"
             "<rect width='100%' height='100%' fill='white'/>\n",
             kWidth, bottom + kBottom) +
         body + "</svg>\n";
}

}  // namespace vinci::report
