// Curves over common axes, such as those of a training run, as a drawing (PNG or SVG).
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "image/drawing.h"
#include "image/image.h"

namespace vinci::image {

/// Points that are joined in their order, as many as x and y both have. One that is not finite, is
/// beyond 1e300 or, on a logarithmic axis, not positive (from 1e-300) is a break in the line.
struct PlotSeries {
  std::string name;  ///< for the legend; may be empty
  std::vector<double> x;
  std::vector<double> y;
  bool is_dashed = false;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotSeries> series;
  bool log_x = false;
  bool log_y = false;
  /// What is shown of y; NaN: from the least to the largest of the data. Lines are cut there.
  double y_low = std::numeric_limits<double>::quiet_NaN();
  double y_high = std::numeric_limits<double>::quiet_NaN();
  int width = 800;
  int height = 480;
};

/// Axes with round ticks, a grid, a legend above the axes where there is more than one series or a
/// name, and the curves. Long series are thinned to what the width shows: the first, least, largest
/// and last point of each column of pixels.
Drawing plot_drawing(const Plot& plot);
/// One above the other, of one width, with axes that begin at one place.
Drawing plot_drawing(std::span<const Plot> plots);

/// plot_drawing as pixels, twice as many in each direction.
Image line_plot(const Plot& plot);

}  // namespace vinci::image
