// Rectangles, lines and text, as pixels or as SVG: what plots are made of.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "image/image.h"
#include "image/stroke_font.h"

namespace vinci::image {

struct Colour {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
  bool operator==(const Colour&) const = default;
};

enum class Anchor : uint8_t { kStart, kMiddle, kEnd };

struct TextStyle {
  double size = 14;
  Colour colour;
  Anchor anchor = Anchor::kStart;
  bool is_bold = false;
  bool is_upward = false;  ///< turned by 90 degrees, from below to above
};

/// Marks in their order on white, in pixels from the upper left corner. All coordinates are finite.
class Drawing {
 public:
  Drawing(int width, int height) : width_(width), height_(height) {}

  int width() const { return width_; }
  int height() const { return height_; }

  void rectangle(double left, double top, double right, double bottom, Colour colour);
  /// Through the points, with round ends; one point is a dot as wide as the line. `dash` > 0:
  /// dashes of this length, with gaps of half of it.
  void line(std::vector<Point> points, Colour colour, double width, double dash = 0);
  /// `at` is on the baseline.
  void text(Point at, std::string text, const TextStyle& style);

  /// Three channels, antialiased, `scale` pixels for one. O(pixels) for each mark that covers them.
  Image to_image(int scale = 1) const;
  std::string to_svg() const;

 private:
  struct Rectangle {
    double left, top, right, bottom;
    Colour colour;
  };
  struct Line {
    std::vector<Point> points;
    Colour colour;
    double width;
    double dash;
  };
  struct Text {
    Point at;
    std::string text;
    TextStyle style;
  };

  int width_;
  int height_;
  std::vector<std::variant<Rectangle, Line, Text>> marks_;
};

}  // namespace vinci::image
