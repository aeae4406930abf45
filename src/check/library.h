// The function library of the Stan language: names, signatures, vectorisation rules. The table is
// library.def. Neighbours: checker.h (overload resolution), lower/ (implements what is listed
// here).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syntax/type.h"

namespace vinci::check {

/// What the ending of a function's name says about it.
enum class Suffix : uint8_t {
  kNone,
  kLpdf,
  kLpmf,
  kLupdf,
  kLupmf,
  kCdf,
  kLcdf,
  kLccdf,
  kRng,
  kLp,
  kJacobian,
};
Suffix suffix_of(std::string_view name);
/// `normal` of `normal_lpdf`; the whole name where the suffix is kNone.
std::string_view without_suffix(std::string_view name);
/// Whether a call is written `name(outcome | parameters)`: _lpdf, _lpmf, _lupdf, _lupmf, _cdf,
/// _lcdf, _lccdf.
bool takes_bar(Suffix suffix);

struct Argument {
  syntax::Type type;
  bool is_data = true;  // may stand where only data may
};

/// The outcome of looking a call up.
struct Match {
  enum class Status : uint8_t {
    kFound,
    kUnknownName,
    kArgumentCount,
    kArgumentType,  // of `argument`
    kDataOnly,      // `argument` depends on parameters and may not
  };
  Status status = Status::kUnknownName;
  syntax::Type return_type;
  bool promoted = false;  // an int became real, or a real complex
  int argument = -1;      // 0-based
  std::string expected;   // for people: what `argument` may be, or how many arguments there may be
  std::vector<std::string> candidates;  // signatures for people, where nothing was found; at most 5
};

/// The library function `name` applied to `arguments`. Densities go by their full name
/// (`normal_lpdf`; `_lupdf` is the same signature). An argument of type kError fits anywhere.
/// Higher-order functions are not looked up here: see find_higher_order.
Match match_library(std::string_view name, std::span<const Argument> arguments);

/// Whether there is a library function of this name, higher-order ones included.
bool is_library_function(std::string_view name);
/// Whether `name` stands in `y ~ name(...)` for a density of the library.
bool is_library_density(std::string_view name);

/// A library function whose first argument is a user function.
struct HigherOrder {
  std::string_view name;
  std::string_view callback;  // signature of the function, without forwarded arguments
  std::string_view fixed;     // the arguments after the function
  std::string_view result;
  bool variadic = false;  // further arguments are forwarded to the function
};
const HigherOrder* find_higher_order(std::string_view name);

/// The families whose Laplace approximation is in the library take functions and tuples: their
/// arguments are not matched by signature.
bool is_laplace_function(std::string_view name);

/// All functions by full name, densities with every suffix they have except _lupdf and _lupmf,
/// higher-order functions included. Sorted.
const std::vector<std::string>& library_names();
/// The densities by the name that stands after `~`. Sorted.
const std::vector<std::string>& density_names();

// ---- signatures
// -------------------------------------------------------------------------------------------------

/// A signature of the table in the letters of library.def, matched argument by argument.
/// `match_signature` returns -1 if all fit, else the first argument that does not, or
/// kCountDiffers.
inline constexpr int kCountDiffers = -2;
struct SignatureMatch {
  int argument = -1;
  bool data_only = false;  // the type fits, but the argument must be data
  bool promoted = false;
  syntax::Type return_type;
};
SignatureMatch match_signature(std::string_view signature, std::span<const Argument> arguments);
/// What argument `index` of a signature may be, for people.
std::string expected_text(std::string_view signature, int index);

}  // namespace vinci::check
