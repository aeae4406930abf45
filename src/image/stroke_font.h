// A font of strokes for pictures, so that no font file is needed: lines and parabolas on a grid.
#pragma once

#include <string_view>
#include <vector>

namespace vinci::image {

struct Point {
  double x = 0;
  double y = 0;
};

using Stroke = std::vector<Point>;

/// Height of capitals and digits of a font of size 1; lower-case letters have 0.5.
inline constexpr double kCapHeight = 0.7;

/// Width of the text (UTF-8; what is not printable ASCII, a minus or a times sign is a box) at size
/// 1.
double text_width(std::string_view text);

/// The strokes of the text at size 1: x to the right from 0, y downwards from the baseline (what
/// stands on it is negative). A stroke of two equal points is a dot.
std::vector<Stroke> text_strokes(std::string_view text);

}  // namespace vinci::image
