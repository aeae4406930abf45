// Grids and plots: what is drawn where, and that no data makes them fail.
#include "image/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "image/grid.h"
#include "vinci/error.h"

namespace vinci::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Image filled(int width, int height, std::vector<uint8_t> pixel) {
  Image out{width, height, static_cast<int>(pixel.size()), {}};
  for (size_t i = 0; i < out.num_pixels(); ++i)
    out.pixels.insert(out.pixels.end(), pixel.begin(), pixel.end());
  return out;
}

TEST(Grid, ImagesStandRowByRowWithMargins) {
  const Image images[] = {filled(2, 1, {10}), filled(2, 1, {20}), filled(2, 1, {30})};
  const Image grid = grid_picture(images, {.columns = 2, .margin = 1});
  EXPECT_EQ(grid.width, 7);
  EXPECT_EQ(grid.height, 5);
  EXPECT_THAT(grid.pixels, ElementsAre(255, 255, 255, 255, 255, 255, 255,  //
                                       255, 10, 10, 255, 20, 20, 255,      //
                                       255, 255, 255, 255, 255, 255, 255,  //
                                       255, 30, 30, 255, 255, 255, 255,    //
                                       255, 255, 255, 255, 255, 255, 255));
  // Two by two is the squarest, without being told.
  EXPECT_EQ(grid_picture(images, {.margin = 1}).pixels, grid.pixels);
  EXPECT_EQ(grid_picture(images, {.columns = 9, .margin = 0}).width, 6);
}

TEST(Grid, EnlargesAndMixesGreyWithColour) {
  const Image images[] = {filled(1, 1, {9}), filled(1, 1, {1, 2, 3})};
  const Image grid = grid_picture(images, {.margin = 0, .scale = 2});
  EXPECT_EQ(grid.channels, 3);
  EXPECT_THAT(grid.pixels, ElementsAre(9, 9, 9, 9, 9, 9, 1, 2, 3, 1, 2, 3,  //
                                       9, 9, 9, 9, 9, 9, 1, 2, 3, 1, 2, 3));
}

TEST(Grid, NothingAndTooMuchAreRefused) {
  EXPECT_THROW(grid_picture({}), Error);
  const Image images[] = {filled(1000, 1000, {9}), filled(1000, 1000, {9})};
  EXPECT_THROW(grid_picture(images, {.scale = 1000}), Error);
}

/// Of the drawing's pixels, those of this colour within (left, top) to (right, bottom).
int count(const Image& image, Colour colour, int left, int top, int right, int bottom) {
  int out = 0;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const size_t i =
          3 * (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x));
      out += Colour{image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]} == colour ? 1 : 0;
    }
  }
  return out;
}

TEST(Drawing, LinesAreAsWideAndAsLongAsTheyShouldBe) {
  Drawing drawing(40, 20);
  drawing.line({{10, 10}, {30, 10}}, {0, 0, 0}, 4);
  const Image image = drawing.to_image();
  // Four rows of 20 and the round ends, of radius 2.
  const int black = count(image, {0, 0, 0}, 0, 0, 40, 20);
  EXPECT_GE(black, 80);
  EXPECT_LE(black, 80 + 12);
  EXPECT_EQ(count(image, {255, 255, 255}, 0, 0, 40, 7), 280);
  EXPECT_EQ(count(image, {255, 255, 255}, 0, 13, 40, 20), 280);
  // A dash of 6 and a gap of 3: two thirds, less what round ends add.
  Drawing dashed(100, 10);
  dashed.line({{5, 5}, {95, 5}}, {0, 0, 0}, 2, 6);
  const int dark = count(dashed.to_image(), {0, 0, 0}, 0, 0, 100, 10);
  EXPECT_GE(dark, 120 - 4);
  EXPECT_LE(dark, 150);
}

TEST(Drawing, CoverageOfARectangleIsItsArea) {
  Drawing drawing(4, 3);
  drawing.rectangle(0.5, 1, 2.25, 2, {0, 0, 0});
  const Image image = drawing.to_image();
  EXPECT_EQ(image.pixels[3 * 4], 128);  // half
  EXPECT_EQ(image.pixels[3 * 5], 0);    // all
  EXPECT_EQ(image.pixels[3 * 6], 191);  // a quarter
  EXPECT_EQ(image.pixels[3 * 7], 255);  // nothing
  EXPECT_EQ(image.pixels[3 * 1], 255);
}

TEST(Drawing, MarksOutsideOfThePictureDoNoHarm) {
  Drawing drawing(10, 10);
  drawing.line({{-1e6, 5}, {1e6, 5}}, {0, 0, 0}, 2);
  drawing.line({{500, 500}}, {0, 0, 0}, 3);
  drawing.rectangle(-100, -100, 1, 1000, {1, 2, 3});
  drawing.text({-50, 4}, "far out to the left and on into the picture", {});
  EXPECT_EQ(count(drawing.to_image(), {1, 2, 3}, 0, 0, 1, 10), 10);
}

TEST(Drawing, SvgSaysTheSame) {
  Drawing drawing(40, 20);
  drawing.line({{1, 2}, {3, 4}}, {255, 0, 128}, 1.5, 6);
  drawing.text({5, 6}, "a < b & \"c\"", {12, {1, 2, 3}, Anchor::kEnd, true, true});
  const std::string svg = drawing.to_svg();
  EXPECT_THAT(svg, HasSubstr("viewBox='0 0 40 20'"));
  EXPECT_THAT(svg, HasSubstr("stroke='#ff0080' stroke-width='1.5'"));
  EXPECT_THAT(svg, HasSubstr("stroke-dasharray='6 3' points='1.0,2.0 3.0,4.0'/>"));
  EXPECT_THAT(svg, HasSubstr("text-anchor='end' font-weight='bold' transform='rotate(-90 5.0 6.0)'>"
                             "a &lt; b &amp; \"c\"</text>"));
}

TEST(StrokeFont, EveryGlyphLiesInItsBox) {
  for (char c = 33; c < 127; ++c) {
    const std::string text(1, c);
    const double width = text_width(text);
    const auto strokes = text_strokes(text);
    EXPECT_FALSE(strokes.empty()) << c;
    for (const Stroke& stroke : strokes) {
      EXPECT_GE(stroke.size(), 2U) << c;
      for (const Point& p : stroke) {
        EXPECT_GE(p.x, -1e-9) << c;
        EXPECT_LE(p.x, width + 1e-9) << c;
        EXPECT_GE(p.y, -0.81) << c;
        EXPECT_LE(p.y, 0.21) << c;
      }
    }
  }
  // Digits have one width, so that ticks stand below one another.
  for (char c = '0'; c <= '9'; ++c) EXPECT_EQ(text_width(std::string(1, c)), text_width("0"));
  // Text is as wide as its parts, with a gap between; broken and foreign text has a width too.
  EXPECT_NEAR(text_width("ab"), text_width("a") + text_width("b") + 0.2, 1e-12);
  EXPECT_GT(text_width("\xff\xc3"), 0);
  EXPECT_EQ(text_width("\u2212"), text_width("+"));
  EXPECT_EQ(text_width(""), 0);
}

TEST(Plot, CurvesTicksAndLegendAreThere) {
  Plot plot;
  plot.title = "title <1>";
  plot.x_label = "epoch";
  plot.y_label = "nats";
  plot.series = {{"train", {0, 50, 100}, {-120, -100, -90}}, {"test", {0, 100}, {-125, -95}, true}};
  const std::string svg = plot_drawing(plot).to_svg();
  for (const char* text :
       {">title &lt;1&gt;<", ">epoch<", ">nats<", ">train<", ">test<", ">0<", ">100<",
        ">\u2212120<", ">\u221290<", "stroke='#0072b2'", "stroke='#d55e00'", "stroke-dasharray"})
    EXPECT_THAT(svg, HasSubstr(text));
  // The first curve runs from the left edge of the axes to the right one, and rises.
  const size_t sample = svg.find("stroke='#0072b2'");
  const size_t curve = svg.find("stroke='#0072b2'", sample + 1);
  const size_t points = svg.find("points='", curve) + 8;
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0, x3 = 0, y3 = 0;
  ASSERT_EQ(
      std::sscanf(svg.c_str() + points, "%lf,%lf %lf,%lf %lf,%lf", &x1, &y1, &x2, &y2, &x3, &y3),
      6);
  EXPECT_NEAR(x2, (x1 + x3) / 2, 0.1);
  EXPECT_NEAR((y2 - y1) / (y3 - y1), 2.0 / 3, 0.01);  // -120 to -100 of -120 to -90
  EXPECT_LT(y3, y1);
  const Image image = line_plot(plot);
  EXPECT_EQ(image.width, 2 * plot.width);
  EXPECT_GT(count(image, {0, 114, 178}, 0, 0, image.width, image.height), 1000);
}

TEST(Plot, LogarithmicAxesHaveDecades) {
  Plot plot;
  plot.log_x = plot.log_y = true;
  plot.series = {{"", {1, 10, 100, 1000, 0, -5}, {1e-6, 1e-3, 1, 1e6, 5, 5}}};
  const std::string svg = plot_drawing(plot).to_svg();
  for (const char* text : {">1<", ">10<", ">100<", ">1000<"}) EXPECT_THAT(svg, HasSubstr(text));
  // Twelve decades have a tick at every second one.
  EXPECT_THAT(svg, HasSubstr(">1e-06<"));
  EXPECT_THAT(svg, Not(HasSubstr("no finite values")));
}

TEST(Plot, GivenRangesCutTheCurves) {
  Plot plot;
  plot.y_low = 0;
  plot.y_high = 10;
  plot.series = {{"", {0, 1, 2, 3}, {1e300, 5, -1e300, 5}}};
  const std::string svg = plot_drawing(plot).to_svg();
  // Pieces between the upper and the lower edge, in a picture of 480.
  size_t at = svg.find("stroke='#0072b2'");
  ASSERT_NE(at, std::string::npos);
  for (; at != std::string::npos; at = svg.find("stroke='#0072b2'", at + 1)) {
    const char* from = svg.c_str() + svg.find("points='", at) + 8;
    double x = 0, y = 0;
    int used = 0;
    while (std::sscanf(from, "%lf,%lf%n", &x, &y, &used) == 2) {
      EXPECT_GE(y, 0);
      EXPECT_LE(y, 480);
      from += used;
      if (*from == '\'') break;
    }
  }
}

TEST(Plot, PanelsBeginAtOnePlace) {
  std::vector<Plot> plots(2);
  plots[0].series = {{"", {0, 1}, {1e6, 2e6}}};
  plots[1].series = {{"", {0, 1}, {1, 2}}};
  const Drawing both = plot_drawing(plots);
  EXPECT_EQ(both.height(), 960);
  const std::string svg = both.to_svg();
  std::vector<double> begins;
  for (size_t at = svg.find("#0072b2"); at != std::string::npos; at = svg.find("#0072b2", at + 1))
    begins.push_back(std::stod(svg.substr(svg.find("points='", at) + 8)));
  ASSERT_EQ(begins.size(), 2U);
  EXPECT_EQ(begins[0], begins[1]);
}

TEST(Plot, NoDataMakesItFail) {
  const std::vector<std::vector<double>> columns = {{},
                                                    {1},
                                                    {kNan, kNan},
                                                    {5, 5, 5},
                                                    {0, 0},
                                                    {-kInf, 1, kInf, 2},
                                                    {-1e308, 1e308},
                                                    {1e-320, 2e-320},
                                                    {1, 1 + 1e-16, 1},
                                                    {1, 1 + 1e-14, 1},
                                                    {1e15, 1e15 + 1},
                                                    {-3, -2, -1}};
  for (const auto& x : columns) {
    for (const auto& y : columns) {
      for (const bool is_log : {false, true}) {
        Plot plot;
        plot.series = {{"s", x, y}};
        plot.log_x = plot.log_y = is_log;
        plot.width = 120;
        plot.height = 90;
        const std::string svg = plot_drawing(plot).to_svg();
        EXPECT_THAT(svg, Not(HasSubstr("nan")));
        EXPECT_THAT(svg, Not(HasSubstr("inf,")));
        EXPECT_EQ(line_plot(plot).width, 240);
      }
    }
  }
}

TEST(Plot, LongSeriesKeepTheirExtremes) {
  Plot plot;
  PlotSeries series;
  for (int i = 0; i < 100000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 54321 ? 100 : i == 12345 ? -100 : std::sin(i * 0.7));
  }
  plot.series = {series};
  const std::string svg = plot_drawing(plot).to_svg();
  EXPECT_LT(svg.size(), 60000U);
  // 3 % of the range above and below the extremes: they are drawn where they belong.
  double least = 1e9, largest = -1e9;
  const char* from = svg.c_str() + svg.find("points='", svg.find("#0072b2")) + 8;
  double x = 0, y = 0;
  int used = 0;
  while (std::sscanf(from, "%lf,%lf%n", &x, &y, &used) == 2) {
    least = std::min(least, y);
    largest = std::max(largest, y);
    from += used;
    if (*from == '\'') break;
  }
  EXPECT_LT(least, 35);
  EXPECT_GT(largest, 420);
}

}  // namespace
}  // namespace vinci::image
