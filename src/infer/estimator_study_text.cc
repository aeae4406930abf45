// How a study of estimators is shown: table, plot for the terminal, drawing, JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "infer/estimator_study.h"

namespace vinci::infer {
namespace {

using Rows = std::vector<const EstimatorRow*>;

Rows sorted(const EstimatorStudy& study) {
  Rows rows;
  for (const EstimatorRow& r : study.rows) {
    if (r.measured()) rows.push_back(&r);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const EstimatorRow* a, const EstimatorRow* b) {
    return a->variance_per_evaluation() < b->variance_per_evaluation();
  });
  return rows;
}

std::string time(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} s", seconds);
}

std::string label(const EstimatorRow& row) {
  return row.objective == "ELBO" ? row.name : row.name + " (" + row.objective + ")";
}

/// A logarithmic axis from power of ten to power of ten.
struct Axis {
  int low = 0, high = 1;
  template <class Value>
  Axis(const Rows& rows, const Value& value) {
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (const EstimatorRow* r : rows) {
      const double v = value(*r);
      if (!(v > 0) || !std::isfinite(v)) continue;
      least = std::min(least, v);
      most = std::max(most, v);
    }
    if (!(most > 0)) return;
    // What is zero but for rounding would squeeze the rest into a corner.
    low = static_cast<int>(std::floor(std::log10(std::max(least, most * 1e-12))));
    high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(most))));
  }
  /// In [0, 1]; values off the axis sit at its end.
  double at(double v) const {
    if (!(v > 0)) return 0;
    return std::clamp((std::log10(v) - low) / (high - low), 0.0, 1.0);
  }
};

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string estimator_table(const EstimatorStudy& study) {
  const Rows rows = sorted(study);
  size_t width = 9;
  for (const EstimatorRow* r : rows) width = std::max(width, label(*r).size());
  std::string text = fmt::format("{:<{}}  {:>9} {:>9}  {:>10} {:>10} {:>7}  {:>9}  {:>10}  {}\n",
                                 "estimator", width, "bias", "(noise)", "variance", "per eval.",
                                 "evals", "time", "var x time", "largest variance");
  for (const EstimatorRow* r : rows) {
    text += fmt::format(
        "{:<{}}  {:>9.2e} {:>9}  {:>10.3e} {:>10.3e} {:>7.4g}  {:>9}  {:>10.3e}  {:.2e} {}\n",
        label(*r), width, r->bias, fmt::format("({:.1e})", r->bias_noise), r->variance,
        r->variance_per_evaluation(), r->evaluations, time(r->seconds), r->variance_time(),
        r->largest_variance, r->largest_of);
  }
  for (const EstimatorRow& r : study.rows) {
    if (!r.measured()) text += fmt::format("left out: {}: {}\n", r.name, r.obstacle);
  }
  return text;
}

std::string estimator_plot(const EstimatorStudy& study, bool unicode) {
  constexpr int kWidth = 50;
  const Rows rows = sorted(study);
  if (rows.empty()) return "";
  const auto value = [](const EstimatorRow& r) { return r.variance_per_evaluation(); };
  const Axis axis(rows, value);
  size_t width = 0;
  for (const EstimatorRow* r : rows) width = std::max(width, label(*r).size());
  std::string text = fmt::format("{:<{}}  variance per evaluation, logarithmic\n", "", width);
  for (const EstimatorRow* r : rows) {
    const int at = static_cast<int>(std::lround(axis.at(value(*r)) * kWidth));
    std::string line;
    for (int c = 0; c <= kWidth; ++c) {
      line += c == at ? (unicode ? "●" : "o") : c < at ? (unicode ? "─" : "-") : " ";
    }
    text += fmt::format("{:<{}}  {}\n", label(*r), width, line);
  }
  // Ticks at powers of ten, as many as have room.
  const int span = axis.high - axis.low, each = std::max(1, (span + 5) / 6);
  std::string ticks(kWidth + 8, ' ');
  for (int p = axis.low; p <= axis.high; p += each) {
    const auto place = static_cast<size_t>(std::lround(kWidth * (p - axis.low) / double(span)));
    const std::string mark = fmt::format("1e{}", p);
    ticks.replace(place, std::min(mark.size(), ticks.size() - place), mark);
  }
  ticks.erase(ticks.find_last_not_of(' ') + 1);
  return text + fmt::format("{:<{}}  {}\n", "", width, ticks);
}

std::string estimator_svg(const EstimatorStudy& study) {
  const Rows rows = sorted(study);
  constexpr double kLabels = 300, kPanel = 330, kGap = 40, kLine = 24, kTop = 70;
  const double bottom = kTop + kLine * static_cast<double>(rows.size());
  const double width = kLabels + 2 * kPanel + kGap + 30, height = bottom + 50;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"10\" y=\"22\" font-size=\"15\">Gradient estimators: {2}, {3} parameters, {4} "
      "draws "
      "an estimate</text>\n",
      width, height, escape(study.family), study.num_params, study.options.draws);
  for (size_t i = 0; i < rows.size(); ++i) {
    svg +=
        fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLabels - 10,
                    kTop + kLine * (static_cast<double>(i) + 0.5) + 4.5, escape(label(*rows[i])));
  }
  const auto panel = [&](double left, const char* title, const char* colour, auto value) {
    const Axis axis(rows, value);
    svg += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" font-size=\"13\">{}</text>\n", left,
                       kTop - 18, title);
    const int each = std::max(1, (axis.high - axis.low + 5) / 6);
    for (int p = axis.low; p <= axis.high; p += each) {
      const double x = left + kPanel * (p - axis.low) / double(axis.high - axis.low);
      svg += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.0f}\" y2=\"{2:.0f}\" stroke=\"#ddd\"/>"
          "<text x=\"{0:.1f}\" y=\"{3:.0f}\" text-anchor=\"middle\" font-size=\"11\">10"
          "<tspan dy=\"-5\" font-size=\"9\">{4}</tspan></text>\n",
          x, kTop - 6, bottom, bottom + 18, p);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      const double y = kTop + kLine * (static_cast<double>(i) + 0.5);
      const double v = value(*rows[i]), x = left + kPanel * axis.at(v);
      svg += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\" "
          "stroke-opacity=\"0.35\" stroke-width=\"2\"/><circle cx=\"{1:.1f}\" cy=\"{2:.1f}\" "
          "r=\"5\" "
          "fill=\"{3}\"><title>{4}: {5:.4g}</title></circle>\n",
          left, x, y, colour, escape(label(*rows[i])), v);
    }
  };
  panel(kLabels, "variance per evaluation", "#1f6fb2",
        [](const EstimatorRow& r) { return r.variance_per_evaluation(); });
  panel(kLabels + kPanel + kGap, "variance x seconds", "#c4601d",
        [](const EstimatorRow& r) { return r.variance_time(); });
  return svg + "</svg>\n";
}

std::string estimator_json(const EstimatorStudy& study) {
  using nlohmann::json;
  json rows = json::array();
  for (const EstimatorRow& r : study.rows) {
    json row = {{"name", r.name}, {"objective", r.objective}};
    if (!r.measured()) {
      row["left_out"] = r.obstacle;
    } else {
      row.update({{"bias", r.bias},
                  {"bias_noise", r.bias_noise},
                  {"variance", r.variance},
                  {"variance_per_evaluation", r.variance_per_evaluation()},
                  {"largest_variance", r.largest_variance},
                  {"largest_variance_of", r.largest_of},
                  {"evaluations", r.evaluations},
                  {"seconds", r.seconds},
                  {"variance_time", r.variance_time()}});
    }
    rows.push_back(std::move(row));
  }
  const json result = {{"family", study.family},
                       {"dim", study.dim},
                       {"num_params", study.num_params},
                       {"draws", study.options.draws},
                       {"estimates", study.options.estimates},
                       {"reference_draws", study.options.reference_draws},
                       {"seed", study.options.seed},
                       {"gradient_norm", study.gradient_norm},
                       {"gradient_error", study.gradient_error},
                       {"cancelled", study.cancelled},
                       {"estimators", std::move(rows)}};
  return result.dump(2) + "\n";
}

}  // namespace vinci::infer
