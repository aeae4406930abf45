#include "check/library.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "check/type_rules.h"

namespace vinci::check {

using syntax::BaseType;
using syntax::Type;

namespace {

// ---- the table
// --------------------------------------------------------------------------------------------------

enum DensityKind : uint8_t { kPdf, kPmf };
enum DensityMore : uint8_t { kPlain = 0, kCdf = 1, kLogCdf = 2, kRng = 4 };

struct FunctionRow {
  std::string_view name, signatures;
};
struct DensityRow {
  std::string_view name;
  DensityKind kind;
  int more;
  std::string_view arguments;
};
struct PairRow {
  std::string_view name, other;
};

constexpr FunctionRow kFunctions[] = {
#define VINCI_FUNCTION(name, signatures) {name, signatures},
#include "check/library.def"
};
constexpr DensityRow kDensities[] = {
#define VINCI_DENSITY(name, kind, more, arguments) {name, k##kind, more, arguments},
#include "check/library.def"
};
constexpr HigherOrder kHigherOrder[] = {
#define VINCI_HIGHER_ORDER(name, callback, arguments, result, variadic) \
  {name, callback, arguments, result, variadic},
#include "check/library.def"
};
constexpr PairRow kLaplace[] = {
#define VINCI_LAPLACE(name, result) {name, result},
#include "check/library.def"
};

/// Rows by name. Built once, some tens of microseconds; the views point into the table.
struct Index {
  std::unordered_map<std::string_view, const FunctionRow*> functions;
  std::unordered_map<std::string_view, const DensityRow*> densities;
  std::unordered_map<std::string_view, const HigherOrder*> higher_order;
  Index() {
    functions.reserve(std::size(kFunctions));
    for (const FunctionRow& row : kFunctions) functions.emplace(row.name, &row);
    densities.reserve(std::size(kDensities));
    for (const DensityRow& row : kDensities) densities.emplace(row.name, &row);
    for (const HigherOrder& row : kHigherOrder) higher_order.emplace(row.name, &row);
  }
};

const Index& index() {
  static const Index table;
  return table;
}

template <class Map>
auto find_row(const Map& map, std::string_view name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

constexpr std::array<std::pair<std::string_view, Suffix>, 10> kSuffixes = {{
    {"_lupdf", Suffix::kLupdf},
    {"_lupmf", Suffix::kLupmf},
    {"_lpdf", Suffix::kLpdf},
    {"_lpmf", Suffix::kLpmf},
    {"_lccdf", Suffix::kLccdf},
    {"_lcdf", Suffix::kLcdf},
    {"_cdf", Suffix::kCdf},
    {"_rng", Suffix::kRng},
    {"_lp", Suffix::kLp},
    {"_jacobian", Suffix::kJacobian},
}};

bool has_suffix(const DensityRow& row, Suffix suffix) {
  switch (suffix) {
    case Suffix::kLpdf:
    case Suffix::kLupdf:
      return row.kind == kPdf;
    case Suffix::kLpmf:
    case Suffix::kLupmf:
      return row.kind == kPmf;
    case Suffix::kCdf:
      return (row.more & kCdf) != 0;
    case Suffix::kLcdf:
    case Suffix::kLccdf:
      return (row.more & kLogCdf) != 0;
    case Suffix::kRng:
      return (row.more & kRng) != 0;
    default:
      return false;
  }
}

const DensityRow* find_density(std::string_view name) {
  const Suffix suffix = suffix_of(name);
  if (suffix == Suffix::kNone) return nullptr;
  const DensityRow* row = find_row(index().densities, without_suffix(name));
  return row != nullptr && has_suffix(*row, suffix) ? row : nullptr;
}

/// The signatures of a library function that is not of higher order; empty if there is none.
std::string signatures_of(std::string_view name) {
  if (const FunctionRow* row = find_row(index().functions, name))
    return std::string(row->signatures);
  const DensityRow* row = find_density(name);
  if (row == nullptr) return {};
  const bool rng = suffix_of(name) == Suffix::kRng;
  std::string result;
  std::string_view rest = row->arguments;
  while (!rest.empty()) {
    const size_t blank = rest.find(' ');
    std::string_view arguments = rest.substr(0, blank);
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    if (rng) {
      const size_t comma = arguments.find(',');
      arguments =
          comma == std::string_view::npos ? std::string_view() : arguments.substr(comma + 1);
    }
    if (!result.empty()) result += ' ';
    result += arguments;
    result += rng ? (row->kind == kPdf ? ">X" : ">J") : ">r";
  }
  return result;
}

// ---- patterns
// ---------------------------------------------------------------------------------------------------

struct Pattern {
  char letter = 0;  // '(' for a tuple
  int arrays = 0;
  bool star = false;
  bool data_only = false;
  std::vector<Pattern> elements;
};

/// Reads one pattern from the front of `text`.
Pattern parse_pattern(std::string_view& text) {
  Pattern pattern;
  if (!text.empty() && text.front() == '!') {
    pattern.data_only = true;
    text.remove_prefix(1);
  }
  while (!text.empty() && text.front() == 'a') {
    ++pattern.arrays;
    text.remove_prefix(1);
  }
  if (text.empty()) return pattern;
  pattern.letter = text.front();
  text.remove_prefix(1);
  if (pattern.letter == '(') {
    while (!text.empty() && text.front() != ')') {
      pattern.elements.push_back(parse_pattern(text));
      if (!text.empty() && text.front() == ',') text.remove_prefix(1);
    }
    if (!text.empty()) text.remove_prefix(1);
  }
  if (!text.empty() && text.front() == '*') {
    pattern.star = true;
    text.remove_prefix(1);
  }
  return pattern;
}

struct Signature {
  std::vector<Pattern> arguments;
  std::optional<Pattern> result;
};

Signature parse_signature(std::string_view text) {
  Signature signature;
  while (!text.empty() && text.front() != '>') {
    signature.arguments.push_back(parse_pattern(text));
    if (!text.empty() && text.front() == ',') text.remove_prefix(1);
  }
  if (!text.empty()) {
    text.remove_prefix(1);
    signature.result = parse_pattern(text);
  }
  return signature;
}

BaseType letter_base(char letter) {
  switch (letter) {
    case 'i':
      return BaseType::kInt;
    case 'r':
      return BaseType::kReal;
    case 'z':
      return BaseType::kComplex;
    case 'v':
      return BaseType::kVector;
    case 'w':
      return BaseType::kRowVector;
    case 'm':
      return BaseType::kMatrix;
    case 'V':
      return BaseType::kComplexVector;
    case 'W':
      return BaseType::kComplexRowVector;
    case 'M':
      return BaseType::kComplexMatrix;
    default:
      return BaseType::kError;
  }
}

BaseType real_kin(BaseType base) {
  switch (base) {
    case BaseType::kInt:
    case BaseType::kComplex:
      return BaseType::kReal;
    case BaseType::kComplexVector:
      return BaseType::kVector;
    case BaseType::kComplexRowVector:
      return BaseType::kRowVector;
    case BaseType::kComplexMatrix:
      return BaseType::kMatrix;
    default:
      return base;
  }
}

BaseType complex_kin(BaseType base) {
  switch (base) {
    case BaseType::kReal:
      return BaseType::kComplex;
    case BaseType::kVector:
      return BaseType::kComplexVector;
    case BaseType::kRowVector:
      return BaseType::kComplexRowVector;
    case BaseType::kMatrix:
      return BaseType::kComplexMatrix;
    default:
      return base;
  }
}

bool is_real_family(BaseType base) {
  return base == BaseType::kInt || base == BaseType::kReal || base == BaseType::kVector ||
         base == BaseType::kRowVector || base == BaseType::kMatrix;
}

bool is_numeric(BaseType base) {
  return is_real_family(base) || base == BaseType::kComplex || base == BaseType::kComplexVector ||
         base == BaseType::kComplexRowVector || base == BaseType::kComplexMatrix;
}

int total_dimensions(const Type& type) { return IndexedType::num_dimensions(type); }

/// One attempt to fit arguments to a signature: what the letters stand for so far.
class Matcher {
 public:
  bool promoted() const { return promoted_; }

  bool fits(const Pattern& pattern, const Type& type) {
    if (type.is_error()) return true;
    if (pattern.star) return fits_star(pattern, type);
    const int depth = type.array_depth - pattern.arrays;
    switch (pattern.letter) {
      case 'T':
        return fits_any(type, depth);
      case 'e':
        return is_real_family(type.base) && fits_shape(type);
      case 'f':
        promoted_ |= type.base == BaseType::kInt;  // `e` has signatures for ints, `f` has not
        return depth == 0 && is_real_family(type.base) && fits_shape(type);
      case 'c':
        promoted_ |= is_real_family(type.base);
        return is_numeric(type.base) && fits_shape(type);
      case 'g':
        promoted_ |= is_real_family(type.base);
        return depth == 0 && is_numeric(type.base) && fits_shape(type);
      case 'j':
        return type.base == BaseType::kInt && fits_shape(type);
      case 'k':
        if (type.base != BaseType::kInt) return false;
        if (type.array_depth > 0) counts_ = type.array_depth;
        return true;
      case 'R':
        return fits_vectorised(type, BaseType::kReal);
      case 'I':
        return type.base == BaseType::kInt && depth <= 1 && vectorised(depth == 1);
      case 'P':
        return depth <= 1 && is_vector(type.base);
      case 'L':
        return (depth == 0 && is_vector(type.base)) ||
               (depth == 1 && converts_base(type, BaseType::kReal));
      case 'G':
        return depth == 0 && (type.base == BaseType::kMatrix || type.base == BaseType::kRowVector);
      case 'H':
        return depth == 0 &&
               (type.base == BaseType::kVector || converts_base(type, BaseType::kReal));
      default:
        return depth == 0 && converts_base(type, letter_base(pattern.letter));
    }
  }

  /// After all arguments: a `k` must have as many dimensions as the container of `e`.
  bool consistent() const {
    return counts_ == 0 || !shape_ || total_dimensions(*shape_) == counts_;
  }

  Type result(const Pattern& pattern) const {
    Type type;
    switch (pattern.letter) {
      case '(':
        type.base = BaseType::kTuple;
        for (const Pattern& element : pattern.elements) type.elements.push_back(result(element));
        return type;
      case 'T':
        type = any_.value_or(Type{});
        break;
      case 'e':
      case 'f':
        type = elementwise();
        break;
      case 'c':
      case 'g':
        type = elementwise();
        type.base = complex_kin(type.base);
        break;
      case 'j':
        type = Type::array(BaseType::kInt, shape_ ? shape_->array_depth : 0);
        break;
      case 'X':
        return Type::array(BaseType::kReal, any_container_ ? 1 : 0);
      case 'J':
        return Type::array(BaseType::kInt, any_container_ ? 1 : 0);
      case 'Y':
        return Type::scalar(any_container_ ? BaseType::kVector : BaseType::kReal);
      default:
        type = Type::scalar(letter_base(pattern.letter));
    }
    type.array_depth += pattern.arrays + (pattern.star ? star_depth_.value_or(0) : 0);
    return type;
  }

 private:
  static bool is_vector(BaseType base) {
    return base == BaseType::kVector || base == BaseType::kRowVector;
  }

  bool converts_base(const Type& type, BaseType base) {
    const std::optional<int> cost = promotion_cost(Type::scalar(type.base), Type::scalar(base));
    if (!cost || type.base == BaseType::kTuple) return false;
    promoted_ |= *cost > 0;
    return true;
  }

  bool fits_star(const Pattern& pattern, const Type& type) {
    if (!converts_base(type, letter_base(pattern.letter))) return false;
    if (star_depth_ && *star_depth_ != type.array_depth) return false;
    star_depth_ = type.array_depth;
    return true;
  }

  bool fits_any(const Type& type, int depth) {
    if (depth < 0 || type.base == BaseType::kVoid || type.base == BaseType::kFunction) return false;
    Type rest = type;
    rest.array_depth = depth;
    if (any_) {
      std::optional<Type> common = common_type(*any_, rest);
      if (!common) return false;
      promoted_ |= *common != rest || *common != *any_;
      rest = std::move(*common);
    }
    any_ = std::move(rest);
    return true;
  }

  bool fits_shape(const Type& type) {
    if (type.is_scalar()) return true;
    Type shape = type;
    shape.base = real_kin(type.base);
    if (shape_ && *shape_ != shape) return false;
    shape_ = std::move(shape);
    return true;
  }

  bool vectorised(bool container) {
    any_container_ |= container;
    return true;
  }

  bool fits_vectorised(const Type& type, BaseType scalar) {
    if (type.array_depth == 0 && is_vector(type.base)) return vectorised(true);
    return type.array_depth <= 1 && converts_base(type, scalar) &&
           vectorised(type.array_depth == 1);
  }

  Type elementwise() const {
    if (shape_) return *shape_;
    return Type::array(BaseType::kReal, counts_);
  }

  std::optional<Type> any_;
  std::optional<Type> shape_;  // of e, f, c, g, j; in real kind
  std::optional<int> star_depth_;
  int counts_ = 0;  // array depth of a `k` container
  bool any_container_ = false;
  bool promoted_ = false;
};

SignatureMatch match_parsed(const Signature& signature, std::span<const Argument> arguments) {
  SignatureMatch match;
  if (signature.arguments.size() != arguments.size()) {
    match.argument = kCountDiffers;
    return match;
  }
  Matcher matcher;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (matcher.fits(signature.arguments[i], arguments[i].type) &&
        (i + 1 < arguments.size() || matcher.consistent())) {
      continue;
    }
    match.argument = static_cast<int>(i);
    return match;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!signature.arguments[i].data_only || arguments[i].is_data) continue;
    match.argument = static_cast<int>(i);
    match.data_only = true;
    return match;
  }
  match.promoted = matcher.promoted();
  if (signature.result) match.return_type = matcher.result(*signature.result);
  return match;
}

// ---- text for people
// --------------------------------------------------------------------------------------------

std::string with_arrays(const std::string& base, int arrays) {
  return arrays == 0 ? base
                     : "array[" + std::string(static_cast<size_t>(arrays) - 1, ',') + "] " + base;
}

/// Short: for signatures in notes.
std::string pattern_text(const Pattern& pattern) {
  std::string base;
  switch (pattern.letter) {
    case '(':
      base = "tuple(";
      for (size_t i = 0; i < pattern.elements.size(); ++i) {
        base += (i > 0 ? ", " : "") + pattern_text(pattern.elements[i]);
      }
      base += ")";
      break;
    case 'T':
      base = "T";
      break;
    case 'e':
    case 'f':
      base = "reals";
      break;
    case 'c':
    case 'g':
      base = "complexes";
      break;
    case 'j':
    case 'k':
    case 'I':
    case 'J':
      base = "ints";
      break;
    case 'R':
    case 'X':
    case 'Y':
      base = "reals";
      break;
    case 'P':
      base = "vectors";
      break;
    case 'L':
      base = "vector";
      break;
    case 'G':
      base = "matrix";
      break;
    case 'H':
      base = "reals";
      break;
    default:
      base = to_string(Type::scalar(letter_base(pattern.letter)));
  }
  return (pattern.data_only ? "data " : "") + with_arrays(base, pattern.arrays);
}

/// Long: for `expected ...`, as a list of alternatives.
std::vector<std::string> pattern_alternatives(const Pattern& pattern) {
  const auto arrays = [&](std::vector<std::string> bases) {
    for (std::string& base : bases) base = with_arrays(base, pattern.arrays);
    return bases;
  };
  switch (pattern.letter) {
    case 'T':
      return {pattern.arrays > 0 ? "an array" : "any type"};
    case 'e':
      return {"real", "vector", "row_vector", "matrix", "array of these"};
    case 'f':
      return {"real", "vector", "row_vector", "matrix"};
    case 'c':
      return {"complex", "complex vector", "complex row_vector", "complex matrix",
              "array of these"};
    case 'g':
      return {"complex", "complex vector", "complex row_vector", "complex matrix"};
    case 'j':
    case 'k':
    case 'I':
      return {"int", "array of int"};
    case 'R':
      return {"real", "vector", "row_vector", "array of real"};
    case 'P':
      return {"vector", "row_vector", "array of these"};
    case 'L':
      return {"vector", "row_vector", "array of real"};
    case 'G':
      return {"matrix", "row_vector"};
    case 'H':
      return {"real", "vector"};
    default:
      return arrays({to_string(Type::scalar(letter_base(pattern.letter)))});
  }
}

std::string join_alternatives(const std::vector<std::string>& alternatives) {
  std::string text;
  for (size_t i = 0; i < alternatives.size(); ++i) {
    if (i > 0) text += i + 1 == alternatives.size() ? " or " : ", ";
    text += alternatives[i];
  }
  return text;
}

void add_unique(std::vector<std::string>& list, std::vector<std::string> items) {
  for (std::string& item : items) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
  }
}

std::string signature_text(std::string_view name, const Signature& signature) {
  const bool bar = takes_bar(suffix_of(name));
  std::string text(name);
  text += '(';
  for (size_t i = 0; i < signature.arguments.size(); ++i) {
    if (i > 0) text += bar && i == 1 ? " | " : ", ";
    text += pattern_text(signature.arguments[i]);
  }
  text += ')';
  if (signature.result) text += " => " + pattern_text(*signature.result);
  return text;
}

std::vector<Signature> parse_all(std::string_view text) {
  std::vector<Signature> signatures;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    signatures.push_back(parse_signature(text.substr(0, blank)));
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  }
  return signatures;
}

std::string counts_text(const std::vector<Signature>& signatures) {
  std::vector<size_t> counts;
  for (const Signature& signature : signatures) counts.push_back(signature.arguments.size());
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  std::vector<std::string> texts;
  for (size_t count : counts) texts.push_back(std::to_string(count));
  return join_alternatives(texts) + (counts == std::vector<size_t>{1} ? " argument" : " arguments");
}

/// Fills in what no signature fits: the argument that the best attempts stop at, and what they want
/// there.
Match explain(std::string_view name, const std::vector<Signature>& signatures,
              std::span<const Argument> arguments) {
  Match match;
  match.status = Match::Status::kArgumentCount;
  std::vector<std::string> alternatives;
  for (const Signature& signature : signatures) {
    const SignatureMatch attempt = match_parsed(signature, arguments);
    if (attempt.argument == kCountDiffers) continue;
    if (attempt.argument < match.argument) continue;
    if (attempt.argument > match.argument) alternatives.clear();
    match.argument = attempt.argument;
    match.status = attempt.data_only ? Match::Status::kDataOnly : Match::Status::kArgumentType;
    add_unique(alternatives,
               pattern_alternatives(signature.arguments[static_cast<size_t>(attempt.argument)]));
  }
  match.expected = match.argument < 0 ? counts_text(signatures) : join_alternatives(alternatives);
  for (const Signature& signature : signatures) {
    if (match.candidates.size() == 5) break;
    if (match.argument >= 0 && signature.arguments.size() != arguments.size()) continue;
    add_unique(match.candidates, {signature_text(name, signature)});
  }
  return match;
}

}  // namespace

Suffix suffix_of(std::string_view name) {
  for (const auto& [text, suffix] : kSuffixes) {
    if (name.size() > text.size() && name.ends_with(text)) return suffix;
  }
  return Suffix::kNone;
}

std::string_view without_suffix(std::string_view name) {
  for (const auto& [text, suffix] : kSuffixes) {
    if (name.size() > text.size() && name.ends_with(text))
      return name.substr(0, name.size() - text.size());
  }
  return name;
}

bool takes_bar(Suffix suffix) {
  switch (suffix) {
    case Suffix::kLpdf:
    case Suffix::kLpmf:
    case Suffix::kLupdf:
    case Suffix::kLupmf:
    case Suffix::kCdf:
    case Suffix::kLcdf:
    case Suffix::kLccdf:
      return true;
    default:
      return false;
  }
}

Match match_library(std::string_view name, std::span<const Argument> arguments) {
  Match match;
  for (const PairRow& row : kLaplace) {
    if (row.name != name) continue;
    match.status = Match::Status::kFound;
    std::string_view result = row.other;
    match.return_type = Matcher().result(parse_pattern(result));
    return match;
  }
  const std::string text = signatures_of(name);
  if (text.empty()) return match;
  // Signatures are parsed as they are tried: most calls fit one of the first.
  for (std::string_view rest = text; !rest.empty();) {
    const size_t blank = rest.find(' ');
    const SignatureMatch attempt = match_parsed(parse_signature(rest.substr(0, blank)), arguments);
    if (attempt.argument == -1) {
      match.status = Match::Status::kFound;
      match.return_type = attempt.return_type;
      match.promoted = attempt.promoted;
      return match;
    }
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
  }
  return explain(name, parse_all(text), arguments);
}

bool is_library_function(std::string_view name) {
  return find_row(index().functions, name) != nullptr || find_higher_order(name) != nullptr ||
         is_laplace_function(name) || find_density(name) != nullptr;
}

bool is_library_density(std::string_view name) {
  return find_row(index().densities, name) != nullptr ||
         is_laplace_function(std::string(name) + "_lpmf");
}

const HigherOrder* find_higher_order(std::string_view name) {
  return find_row(index().higher_order, name);
}

bool is_laplace_function(std::string_view name) {
  return name.starts_with("laplace_") &&  // a cheap refusal for nearly all names
         std::any_of(std::begin(kLaplace), std::end(kLaplace),
                     [&](const PairRow& row) { return row.name == name; });
}

const std::vector<std::string>& library_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const FunctionRow& row : kFunctions) list.emplace_back(row.name);
    for (const HigherOrder& row : kHigherOrder) list.emplace_back(row.name);
    for (const PairRow& row : kLaplace) list.emplace_back(row.name);
    for (const DensityRow& row : kDensities) {
      for (const auto& [text, suffix] : kSuffixes) {
        if (suffix == Suffix::kLupdf || suffix == Suffix::kLupmf || !has_suffix(row, suffix))
          continue;
        list.push_back(std::string(row.name) + std::string(text));
      }
    }
    std::sort(list.begin(), list.end());
    return list;
  }();
  return names;
}

const std::vector<std::string>& density_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const DensityRow& row : kDensities) list.emplace_back(row.name);
    std::sort(list.begin(), list.end());
    return list;
  }();
  return names;
}

SignatureMatch match_signature(std::string_view signature, std::span<const Argument> arguments) {
  return match_parsed(parse_signature(signature), arguments);
}

std::string expected_text(std::string_view signature, int index_of_argument) {
  const Signature parsed = parse_signature(signature);
  if (index_of_argument < 0 || static_cast<size_t>(index_of_argument) >= parsed.arguments.size())
    return {};
  return join_alternatives(
      pattern_alternatives(parsed.arguments[static_cast<size_t>(index_of_argument)]));
}

}  // namespace vinci::check
