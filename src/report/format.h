// Numbers and names as the text reports show them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::report {

/// `3 ms`, `2.41 s`, `3 min 12 s`, `2 h 05 min`; `?` if not finite or negative.
std::string duration_text(double seconds);

/// 3104 -> `3 104`.
std::string count_text(int64_t count);

/// 1 plate, 2 plates: the count and the noun in the right number.
std::string plural(int64_t count, std::string_view noun);

/// Decimals that show a quantity of size `scale` with two significant digits: 3.2 -> 1, 0.032 -> 3,
/// 320 -> 0. At most 6; 2 if the scale is 0 or not finite.
int decimals_for(double scale);

/// Fixed notation with `decimals`; scientific with three digits where that would be longer than
/// eight characters or show none of the digits of a number that is not 0. `nan`, `inf`, `-inf`.
std::string number_text(double value, int decimals);

/// Columns of a terminal that UTF-8 text takes, each code point counted as one.
size_t text_width(std::string_view text);

/// Rows of cells, the first column left, others right aligned, two blanks between; ends with a line
/// feed. The first row may be a heading. Rows may be shorter than the first; one of one cell spans
/// all columns.
std::string aligned_table(const std::vector<std::vector<std::string>>& rows);

/// Words of `text` in lines of at most `width` columns; `first` begins the first line, others are
/// indented as far.
std::string wrapped(std::string_view first, std::string_view text, size_t width);

}  // namespace vinci::report
