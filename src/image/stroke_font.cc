#include "image/stroke_font.h"

#include <array>
#include <cstdint>

namespace vinci::image {

namespace {

/// Strokes are separated by `;`, points by blanks. Capitals are 14 high, small letters 10; a point
/// with `(` before it is the control point of a parabola to the next point.
struct Glyph {
  int width;
  std::string_view strokes;
};

// Printable ASCII from the blank on.
constexpr std::array<Glyph, 95> kGlyphs = {{
    {3, ""},
    {2, "1,14 1,4;1,0 1,0"},
    {6, "1,14 1,10;5,14 5,10"},
    {11, "3,0 5,14;7,0 9,14;1,9 11,9;0,5 10,5"},
    {9, "9,12 (8,14 5,14 (1,14 1,11 (1,8 5,7 (9,6 9,3 (9,0 5,0 (1,0 0,2;5,16 5,-2"},
    {12,
     "3,14 (0,14 0,11 (0,8 3,8 (6,8 6,11 (6,14 3,14;9,6 (6,6 6,3 (6,0 9,0 (12,0 12,3 (12,6 9,6;"
     "10,14 2,0"},
    {10, "10,0 2,9 (1,10 1,11 (1,14 4,14 (7,14 7,11 (7,9 3,7 (0,6 0,3 (0,0 4,0 (8,0 10,6"},
    {2, "1,14 1,10"},
    {4, "4,16 (0,12 0,6 (0,0 4,-4"},
    {4, "0,16 (4,12 4,6 (4,0 0,-4"},
    {8, "4,12 4,4;0,10 8,6;0,6 8,10"},
    {10, "5,11 5,1;0,6 10,6"},
    {2, "2,1 0,-3"},
    {6, "0,6 6,6"},
    {2, "1,0 1,0"},
    {6, "0,-2 6,15"},
    {8, "4,14 (0,14 0,7 (0,0 4,0 (8,0 8,7 (8,14 4,14"},
    {8, "1,11 4,14 4,0"},
    {8, "0,11 (0,14 4,14 (8,14 8,10 (8,7 0,0 8,0"},
    {8, "0,12 (1,14 4,14 (8,14 8,11 (8,8 4,8 3,8;4,8 (8,8 8,4 (8,0 4,0 (1,0 0,2"},
    {8, "6,0 6,14 0,4 8,4"},
    {8, "7,14 1,14 0,8 (2,9 4,9 (8,9 8,5 (8,0 4,0 (1,0 0,2"},
    {8, "7,13 (6,14 4,14 (0,14 0,6 0,4 (0,0 4,0 (8,0 8,4 (8,8 4,8 (0,8 0,4"},
    {8, "0,14 8,14 3,0"},
    {8, "4,14 (1,14 1,11 (1,8 4,8 (7,8 7,11 (7,14 4,14;4,8 (0,8 0,4 (0,0 4,0 (8,0 8,4 (8,8 4,8"},
    {8, "1,1 (2,0 4,0 (8,0 8,8 8,10 (8,14 4,14 (0,14 0,10 (0,6 4,6 (8,6 8,10"},
    {2, "1,9 1,9;1,0 1,0"},
    {2, "1,9 1,9;2,1 0,-3"},
    {9, "9,12 0,6 9,0"},
    {10, "0,8 10,8;0,4 10,4"},
    {9, "0,12 9,6 0,0"},
    {8, "0,11 (0,14 4,14 (8,14 8,11 (8,9 4,6 4,4;4,0 4,0"},
    {12,
     "8,6 (8,9 6,9 (4,9 4,6 (4,3 6,3 (8,3 8,6;8,9 8,5 (8,3 10,3 (12,3 12,7 (12,14 6,14 "
     "(0,14 0,7 (0,0 6,0 9,0"},
    {10, "0,0 5,14 10,0;2,5 8,5"},
    {10, "0,0 0,14 5,14 (9,14 9,11 (9,8 5,8 0,8;5,8 (10,8 10,4 (10,0 5,0 0,0"},
    {10, "10,11 (9,14 6,14 (0,14 0,7 (0,0 6,0 (9,0 10,3"},
    {10, "0,0 0,14 4,14 (10,14 10,7 (10,0 4,0 0,0"},
    {9, "9,14 0,14 0,0 9,0;0,7 7,7"},
    {9, "9,14 0,14 0,0;0,7 7,7"},
    {11, "10,11 (9,14 6,14 (0,14 0,7 (0,0 6,0 (9,0 11,2 11,6 7,6"},
    {10, "0,0 0,14;10,0 10,14;0,7 10,7"},
    {2, "1,0 1,14"},
    {6, "6,14 6,4 (6,0 3,0 (0,0 0,4"},
    {9, "0,0 0,14;9,14 0,5;3,8 9,0"},
    {8, "0,14 0,0 8,0"},
    {12, "0,0 0,14 6,4 12,14 12,0"},
    {10, "0,0 0,14 10,0 10,14"},
    {12, "6,14 (0,14 0,7 (0,0 6,0 (12,0 12,7 (12,14 6,14"},
    {9, "0,0 0,14 5,14 (9,14 9,10 (9,6 5,6 0,6"},
    {12, "6,14 (0,14 0,7 (0,0 6,0 (12,0 12,7 (12,14 6,14;8,4 12,-1"},
    {9, "0,0 0,14 5,14 (9,14 9,10 (9,6 5,6 0,6;5,6 9,0"},
    {9, "9,12 (8,14 5,14 (1,14 1,11 (1,8 5,7 (9,6 9,3 (9,0 5,0 (1,0 0,2"},
    {10, "0,14 10,14;5,14 5,0"},
    {10, "0,14 0,5 (0,0 5,0 (10,0 10,5 10,14"},
    {10, "0,14 5,0 10,14"},
    {16, "0,14 4,0 8,14 12,0 16,14"},
    {9, "0,14 9,0;9,14 0,0"},
    {10, "0,14 5,7 10,14;5,7 5,0"},
    {9, "0,14 9,14 0,0 9,0"},
    {4, "4,16 0,16 0,-3 4,-3"},
    {6, "0,15 6,-2"},
    {4, "0,16 4,16 4,-3 0,-3"},
    {8, "0,8 4,14 8,8"},
    {10, "0,-3 10,-3"},
    {2, "0,14 2,11"},
    {8, "8,10 8,0;8,7 (7,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,3"},
    {8, "0,14 0,0;0,7 (1,10 4,10 (8,10 8,5 (8,0 4,0 (1,0 0,3"},
    {8, "8,8 (7,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,2"},
    {8, "8,14 8,0;8,7 (7,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,3"},
    {8, "0,5 8,5 (8,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,2"},
    {6, "6,14 (3,15 3,11 3,0;0,10 6,10"},
    {8, "8,10 8,0 (8,-4 4,-4 (1,-4 0,-3;8,7 (7,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,3"},
    {8, "0,14 0,0;0,6 (1,10 4,10 (8,10 8,6 8,0"},
    {2, "1,10 1,0;1,14 1,14"},
    {3, "3,10 3,-1 (3,-4 0,-4;3,14 3,14"},
    {8, "0,14 0,0;7,10 0,3;3,6 8,0"},
    {2, "1,14 1,0"},
    {14, "0,10 0,0;0,6 (1,10 4,10 (7,10 7,6 7,0;7,6 (8,10 11,10 (14,10 14,6 14,0"},
    {8, "0,10 0,0;0,6 (1,10 4,10 (8,10 8,6 8,0"},
    {8, "4,10 (0,10 0,5 (0,0 4,0 (8,0 8,5 (8,10 4,10"},
    {8, "0,10 0,-4;0,7 (1,10 4,10 (8,10 8,5 (8,0 4,0 (1,0 0,3"},
    {8, "8,10 8,-4;8,7 (7,10 4,10 (0,10 0,5 (0,0 4,0 (7,0 8,3"},
    {5, "0,10 0,0;0,6 (1,10 5,10"},
    {7, "7,8 (6,10 4,10 (0,10 0,8 (0,6 4,5 (7,4 7,2 (7,0 4,0 (1,0 0,2"},
    {6, "3,14 3,3 (3,0 6,0;0,10 6,10"},
    {8, "0,10 0,4 (0,0 4,0 (7,0 8,4;8,10 8,0"},
    {8, "0,10 4,0 8,10"},
    {12, "0,10 3,0 6,10 9,0 12,10"},
    {8, "0,10 8,0;8,10 0,0"},
    {8, "0,10 4,0;8,10 4,0 (2,-4 0,-4"},
    {7, "0,10 7,10 0,0 7,0"},
    {5, "5,16 (2,16 2,12 2,9 (2,6 0,6 (2,6 2,3 2,0 (2,-4 5,-4"},
    {2, "1,16 1,-4"},
    {5, "0,16 (3,16 3,12 3,9 (3,6 5,6 (3,6 3,3 3,0 (3,-4 0,-4"},
    {10, "0,5 (2,8 5,6 (8,4 10,7"},
}};
constexpr Glyph kMinus = {10, "0,6 10,6"};
constexpr Glyph kTimes = {8, "0,10 8,2;8,10 0,2"};
constexpr Glyph kUnknown = {8, "0,0 0,14 8,14 8,0 0,0"};

constexpr double kUnit = kCapHeight / 14;
constexpr double kGap = 4;  // between glyphs
constexpr int kSteps = 6;   // of a parabola

/// The next character's glyph; `text` loses it.
const Glyph& next_glyph(std::string_view& text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead >= 32 && lead < 127 ? kGlyphs[lead - 32U] : kUnknown;
  }
  const Glyph* found = &kUnknown;
  if (text.starts_with("\u2212")) found = &kMinus;
  if (text.starts_with("\u00d7")) found = &kTimes;
  do {
    text.remove_prefix(1);
  } while (!text.empty() && (static_cast<uint8_t>(text[0]) & 0xc0) == 0x80);
  return *found;
}

int parse_number(std::string_view text, size_t& at) {
  const bool negative = text[at] == '-';
  if (negative) ++at;
  int value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    value = 10 * value + (text[at] - '0');
  return negative ? -value : value;
}

/// Appends the glyph's strokes, in units of the grid, with its left edge at `left`.
void append_strokes(const Glyph& glyph, double left, std::vector<Stroke>& out) {
  const std::string_view text = glyph.strokes;
  Stroke stroke;
  bool has_control = false;
  Point control;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ';') {
      out.push_back(stroke);
      stroke.clear();
      ++at;
      continue;
    }
    if (text[at] == ' ') ++at;
    const bool is_control = text[at] == '(';
    if (is_control) ++at;
    const int x = parse_number(text, at);
    ++at;  // the comma
    const int y = parse_number(text, at);
    const Point point{(left + x) * kUnit, -y * kUnit};
    if (is_control) {
      control = point;
    } else if (has_control) {
      const Point from = stroke.back();
      for (int k = 1; k <= kSteps; ++k) {
        const double t = static_cast<double>(k) / kSteps;
        const double s = 1 - t;
        stroke.push_back({s * s * from.x + 2 * s * t * control.x + t * t * point.x,
                          s * s * from.y + 2 * s * t * control.y + t * t * point.y});
      }
    } else {
      stroke.push_back(point);
    }
    has_control = is_control;
  }
  if (!stroke.empty()) out.push_back(std::move(stroke));
}

}  // namespace

double text_width(std::string_view text) {
  double width = 0;
  while (!text.empty()) width += (next_glyph(text).width + kGap) * kUnit;
  return width > 0 ? width - kGap * kUnit : 0;
}

std::vector<Stroke> text_strokes(std::string_view text) {
  std::vector<Stroke> out;
  double left = 0;
  while (!text.empty()) {
    const Glyph& glyph = next_glyph(text);
    append_strokes(glyph, left, out);
    left += glyph.width + kGap;
  }
  return out;
}

}  // namespace vinci::image
