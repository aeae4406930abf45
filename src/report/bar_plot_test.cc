#include "report/bar_plot.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vinci::report {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// Ten times as much is one step of the axis longer: 210 of its two steps of 420.
TEST(BarPlot, LengthsAreLogarithmicAndOddValuesAreLeftOut) {
  const std::string svg = bar_plot_svg("a < b", {{"one", 10, "10"},
                                                 {"ten", 100, "100"},
                                                 {"none", 0, ""},
                                                 {"nan", NAN, ""},
                                                 {"little", 1.0000001, "1"}});
  EXPECT_EQ(count(svg, "class='bar'"), 3u);
  EXPECT_NE(svg.find("width='210.0' height='16' class='bar'"), std::string::npos);
  EXPECT_NE(svg.find("width='420.0' height='16' class='bar'"), std::string::npos);
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(BarPlot, NoBarsIsStillADrawing) {
  EXPECT_NE(bar_plot_svg("t", {}).find("</svg>"), std::string::npos);
}

}  // namespace
}  // namespace vinci::report
