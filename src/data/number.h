// Decimal numbers as data files hold them: JSON's grammar, correctly rounded, with int or real told
// apart.
#pragma once

namespace vinci::data {

enum class NumberStatus { kOk, kNotANumber, kOutOfRange };

struct Number {
  NumberStatus status = NumberStatus::kNotANumber;
  bool is_int = false;  ///< no fraction, no exponent, magnitude at most 2^31 - 1
  double value = 0;
  const char* end =
      nullptr;  ///< one past the token; for kNotANumber the first byte that does not fit
};

/// Parses `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?` at `begin`, the longest such prefix of
/// [begin, end). Correctly rounded; a magnitude below the least subnormal gives 0, one above the
/// largest double kOutOfRange.
Number parse_number(const char* begin, const char* end);

/// The special values NaN, Inf, Infinity, -Inf, -Infinity in exactly this spelling.
Number parse_special(const char* begin, const char* end);

}  // namespace vinci::data
