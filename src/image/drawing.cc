#include "image/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace vinci::image {

namespace {

std::string hex(Colour c) { return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue); }

/// A picture and how much of each pixel the mark that is being drawn covers.
class Canvas {
 public:
  Canvas(int width, int height)
      : image_{width, height, 3, {}}, cover_(image_.num_pixels(), 0), top_(height) {
    image_.pixels.assign(3 * image_.num_pixels(), 255);
  }

  /// Covers what is within `half_width` of the segment. Coverage of a pixel is taken from the
  /// distance of its centre, over the width of a pixel; where segments meet, the larger counts.
  void cover_segment(Point a, Point b, double half_width) {
    const double reach = half_width + 0.5;
    const int left = clamp(std::floor(std::min(a.x, b.x) - reach), image_.width);
    const int right = clamp(std::ceil(std::max(a.x, b.x) + reach), image_.width);
    const int top = clamp(std::floor(std::min(a.y, b.y) - reach), image_.height);
    const int bottom = clamp(std::ceil(std::max(a.y, b.y) + reach), image_.height);
    const double dx = b.x - a.x;
    const double dy = b.y - a.y;
    const double length2 = dx * dx + dy * dy;
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        const double px = x + 0.5 - a.x;
        const double py = y + 0.5 - a.y;
        const double along =
            length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
        const double distance = std::hypot(px - along * dx, py - along * dy);
        cover(x, y, std::clamp(reach - distance, 0.0, 1.0) * std::min(1.0, 2 * half_width));
      }
    }
  }

  void cover_rectangle(double left, double top, double right, double bottom) {
    for (int y = clamp(std::floor(top), image_.height); y < clamp(std::ceil(bottom), image_.height);
         ++y) {
      const double high = std::min(bottom, y + 1.0) - std::max(top, static_cast<double>(y));
      for (int x = clamp(std::floor(left), image_.width); x < clamp(std::ceil(right), image_.width);
           ++x) {
        const double wide = std::min(right, x + 1.0) - std::max(left, static_cast<double>(x));
        cover(x, y, std::max(0.0, high) * std::max(0.0, wide));
      }
    }
  }

  /// Lays the colour over what was covered, and forgets the cover.
  void paint(Colour colour) {
    const uint8_t values[3] = {colour.red, colour.green, colour.blue};
    const auto width = static_cast<size_t>(image_.width);
    for (int y = top_; y < bottom_; ++y) {
      for (size_t i = static_cast<size_t>(y) * width; i < static_cast<size_t>(y + 1) * width; ++i) {
        if (cover_[i] == 0) continue;
        const auto alpha = static_cast<double>(cover_[i]);
        for (size_t c = 0; c < 3; ++c) {
          uint8_t& pixel = image_.pixels[3 * i + c];
          pixel = static_cast<uint8_t>(std::lround(pixel + alpha * (values[c] - pixel)));
        }
        cover_[i] = 0;
      }
    }
    top_ = image_.height;
    bottom_ = 0;
  }

  Image take() { return std::move(image_); }

 private:
  static int clamp(double value, int size) {
    return static_cast<int>(std::clamp(value, 0.0, static_cast<double>(size)));
  }
  void cover(int x, int y, double amount) {
    if (amount <= 0) return;
    float& cell =
        cover_[static_cast<size_t>(y) * static_cast<size_t>(image_.width) + static_cast<size_t>(x)];
    cell = std::max(cell, static_cast<float>(amount));
    top_ = std::min(top_, y);
    bottom_ = std::max(bottom_, y + 1);
  }

  Image image_;
  std::vector<float> cover_;
  int top_;  // rows that the mark touches
  int bottom_ = 0;
};

/// The pieces of a line that are drawn: whole, or its dashes.
std::vector<Stroke> dashes(const std::vector<Point>& points, double dash) {
  if (dash <= 0 || points.size() < 2) return {points};
  std::vector<Stroke> out;
  double left = dash;  // of the dash or gap
  bool is_dash = true;
  Stroke piece{points[0]};
  for (size_t i = 1; i < points.size(); ++i) {
    Point from = points[i - 1];
    const Point to = points[i];
    for (;;) {
      const double length = std::hypot(to.x - from.x, to.y - from.y);
      if (length <= left) {
        left -= length;
        if (is_dash) piece.push_back(to);
        break;
      }
      const double t = left / length;
      from = {from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)};
      if (is_dash) {
        piece.push_back(from);
        out.push_back(std::move(piece));
        piece = {};
      } else {
        piece = {from};
      }
      is_dash = !is_dash;
      left = is_dash ? dash : dash / 2;
    }
  }
  if (is_dash && piece.size() > 1) out.push_back(std::move(piece));
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        // XML has no other control characters.
        out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

void Drawing::rectangle(double left, double top, double right, double bottom, Colour colour) {
  marks_.emplace_back(Rectangle{left, top, right, bottom, colour});
}

void Drawing::line(std::vector<Point> points, Colour colour, double width, double dash) {
  if (!points.empty()) marks_.emplace_back(Line{std::move(points), colour, width, dash});
}

void Drawing::text(Point at, std::string text, const TextStyle& style) {
  marks_.emplace_back(Text{at, std::move(text), style});
}

Image Drawing::to_image(int scale) const {
  Canvas canvas(width_ * scale, height_ * scale);
  const double s = scale;
  const auto draw_stroke = [&](const Stroke& stroke, double width) {
    const double half = 0.5 * width * s;
    if (stroke.size() == 1) canvas.cover_segment(stroke[0], stroke[0], half);
    for (size_t i = 1; i < stroke.size(); ++i) canvas.cover_segment(stroke[i - 1], stroke[i], half);
  };
  for (const auto& mark : marks_) {
    if (const auto* r = std::get_if<Rectangle>(&mark)) {
      canvas.cover_rectangle(r->left * s, r->top * s, r->right * s, r->bottom * s);
      canvas.paint(r->colour);
    } else if (const auto* l = std::get_if<Line>(&mark)) {
      for (Stroke& piece : dashes(l->points, l->dash)) {
        for (Point& p : piece) p = {p.x * s, p.y * s};
        draw_stroke(piece, l->width);
      }
      canvas.paint(l->colour);
    } else {
      const Text& t = std::get<Text>(mark);
      const double size = t.style.size;
      const double length = text_width(t.text) * size;
      const double shift = t.style.anchor == Anchor::kStart    ? 0
                           : t.style.anchor == Anchor::kMiddle ? -length / 2
                                                               : -length;
      for (Stroke& stroke : text_strokes(t.text)) {
        for (Point& p : stroke) {
          const double along = shift + p.x * size;
          const double down = p.y * size;
          p = t.style.is_upward ? Point{(t.at.x + down) * s, (t.at.y - along) * s}
                                : Point{(t.at.x + along) * s, (t.at.y + down) * s};
        }
        draw_stroke(stroke, size * (t.style.is_bold ? 0.13 : 0.09));
      }
      canvas.paint(t.style.colour);
    }
  }
  return canvas.take();
}

std::string Drawing::to_svg() const {
  std::string out = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {1}' width='{0}' height='{1}' "
      "font-family='sans-serif'>\n<rect width='100%' height='100%' fill='white'/>\n",
      width_, height_);
  for (const auto& mark : marks_) {
    if (const auto* r = std::get_if<Rectangle>(&mark)) {
      out += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}'/>\n",
                         r->left, r->top, r->right - r->left, r->bottom - r->top, hex(r->colour));
    } else if (const auto* l = std::get_if<Line>(&mark)) {
      if (l->points.size() == 1) {
        out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{:.1f}' fill='{}'/>\n",
                           l->points[0].x, l->points[0].y, l->width / 2, hex(l->colour));
        continue;
      }
      out += fmt::format(
          "<polyline fill='none' stroke='{}' stroke-width='{}' stroke-linejoin='round' "
          "stroke-linecap='round'{} points='",
          hex(l->colour), l->width,
          l->dash > 0 ? fmt::format(" stroke-dasharray='{} {}'", l->dash, l->dash / 2) : "");
      for (const Point& p : l->points) out += fmt::format("{:.1f},{:.1f} ", p.x, p.y);
      out.back() = '\'';
      out += "/>\n";
    } else {
      const Text& t = std::get<Text>(mark);
      const char* anchor = t.style.anchor == Anchor::kStart    ? "start"
                           : t.style.anchor == Anchor::kMiddle ? "middle"
                                                               : "end";
      const std::string turn =
          t.style.is_upward ? fmt::format(" transform='rotate(-90 {:.1f} {:.1f})'", t.at.x, t.at.y)
                            : "";
      out += fmt::format(
          "<text x='{:.1f}' y='{:.1f}' font-size='{}' fill='{}' text-anchor='{}'{}{}>{}</text>\n",
          t.at.x, t.at.y, t.style.size, hex(t.style.colour), anchor,
          t.style.is_bold ? " font-weight='bold'" : "", turn, escaped(t.text));
    }
  }
  return out + "</svg>\n";
}

}  // namespace vinci::image
