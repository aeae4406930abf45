// Bars with names on a logarithmic axis as a drawing (SVG).
#pragma once

#include <string>
#include <vector>

namespace vinci::report {

struct Bar {
  std::string name;
  double value = 0;  ///< > 0; bars of other values are left out
  std::string text;  ///< shown at its end
};

/// One bar a line, in the order given; the axis begins at the power of ten below the smallest
/// value.
std::string bar_plot_svg(const std::string& title, const std::vector<Bar>& bars);

}  // namespace vinci::report
