#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vinci::report {

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 0.0095) return fmt::format("{:.2g} ms", seconds * 1e3);
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  if (seconds > 1e9) return "years";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string count_text(int64_t count) {
  std::string digits = fmt::format("{}", count);
  const size_t sign = count < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > sign + 3;) {
    at -= 3;
    digits.insert(at, 1, ' ');
  }
  return digits;
}

std::string plural(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

int decimals_for(double scale) {
  scale = std::fabs(scale);
  if (!std::isfinite(scale) || scale == 0) return 2;
  // 0.0996 shows as 0.10 with two digits, so its last place is that of 0.1.
  const int exponent = static_cast<int>(std::floor(std::log10(scale * (1 + 0.005))));
  return std::clamp(1 - exponent, 0, 6);
}

std::string number_text(double value, int decimals) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  std::string fixed = fmt::format("{:.{}f}", value, decimals);
  const bool shows_digits = fixed.find_first_of("123456789") != std::string::npos;
  if (!shows_digits && decimals >= 6) return fmt::format("{:.2e}", value);
  if (std::fabs(value) >= 1e7) return fmt::format("{:.2e}", value);
  // A rounded zero has no sign.
  if (!shows_digits && fixed[0] == '-') fixed.erase(0, 1);
  return fixed;
}

size_t text_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string aligned_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    if (row.size() < 2) continue;
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], text_width(row[k]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t k = 0; k < row.size(); ++k) {
      if (row.size() == 1) {
        line = row[0];
        break;
      }
      const std::string fill(widths[k] - text_width(row[k]), ' ');
      line += k == 0 ? row[k] + fill : fmt::format("  {}{}", fill, row[k]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string wrapped(std::string_view first, std::string_view text, size_t width) {
  std::string out(first);
  const std::string indent(text_width(first), ' ');
  size_t column = indent.size();
  bool at_start = true;
  size_t i = 0;
  while (i < text.size()) {
    const size_t end = std::min(text.find_first_of(" \n", i), text.size());
    const std::string_view word = text.substr(i, end - i);
    i = end + 1;
    if (word.empty()) continue;
    if (!at_start && column + 1 + text_width(word) > width) {
      out += '\n';
      out += indent;
      column = indent.size();
      at_start = true;
    }
    if (!at_start) {
      out += ' ';
      ++column;
    }
    out += word;
    column += text_width(word);
    at_start = false;
  }
  return out + "\n";
}

}  // namespace vinci::report
