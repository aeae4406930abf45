// Lines over a common axis as a drawing (SVG), one panel above the other.
#pragma once

#include <string>
#include <vector>

namespace vinci::report {

struct LinePanel {
  std::string title;
  std::vector<double> values;  ///< one for each x; not finite ones are left out
};

/// Panels of equal width over `x` (ascending), each with its own scale, ticks at round numbers.
/// Panels without two finite values are left out.
std::string line_plot_svg(const std::string& x_title, const std::vector<double>& x,
                          const std::vector<LinePanel>& panels);

}  // namespace vinci::report
