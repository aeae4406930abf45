#include "lower/library/density_framework.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace vinci::lower {

using graph::Guard;

Expr lgamma_difference(Expr x, Expr d) {
  if (d.is_constant(0)) return d;
  if (d.is_constant(1)) return log(x);
  if (x.is_constant() && d.is_constant()) {
    const long double a = x.constant();
    return x.of(static_cast<double>(std::lgamma(a + d.constant()) - std::lgamma(a)));
  }
  // lgamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + 1/(12 x) - 1/(360 x^3) + ...; at x = 1e4 the
  // third correction is 3e-15, and lgamma itself 8e4 with an error of 1e-11.
  constexpr double kLarge = 1e4;
  const Expr exact = lgamma(x + d) - lgamma(x);
  // the branch not taken has to have finite derivatives too: x is held at 1e4 there
  const Expr large = apply(graph::Op::kFmax, x, x.of(kLarge));
  const Expr sum = large + d;
  const Expr stirling =
      d * log(large) + (sum - 0.5) * log1p(d / large) - d + (inv(sum) - inv(large)) / 12.0;
  return select(less(x, x.of(kLarge)), exact, stirling);
}

Expr lbeta(Expr a, Expr b) { return lgamma(a) - lgamma_difference(b, a); }

double log_choose(double n, double k) {
  k = std::min(k, n - k);
  if (k == 0) return 0;
  if (k == 1) return std::log(n);
  // In extended precision the differences keep what a double can show for n up to 1e9.
  const auto a = static_cast<long double>(n);
  const auto b = static_cast<long double>(k);
  return static_cast<double>(std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1));
}

std::string distribution_name(std::string_view name) {
  constexpr std::array<std::string_view, 11> kSuffixes = {
      "_lpdf", "_lupdf", "_lpmf",    "_lupmf",    "_lccdf", "_lcdf",
      "_cdf",  "_rng",   "_cdf_log", "_ccdf_log", "_log"};
  for (std::string_view suffix : kSuffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return std::string(name.substr(0, name.size() - suffix.size()));
    }
  }
  return std::string(name);
}

size_t common_size(const Call& call, std::span<const Value> args) {
  const Value* container = nullptr;
  size_t position = 0;
  for (size_t k = 0; k < args.size(); ++k) {
    const Value& arg = args[k];
    if (arg.is_scalar()) continue;
    if (container != nullptr && container->elements.size() != arg.elements.size()) {
      call.fail(
          fmt::format("arguments {} and {} of `{}` have {} and {} elements; containers must have "
                      "the same size",
                      position + 1, k + 1, call.name, container->elements.size(),
                      arg.elements.size()),
          source::DiagnosticKind::kSize);
    }
    if (container == nullptr) {
      container = &arg;
      position = k;
    }
  }
  return container == nullptr ? 1 : container->elements.size();
}

// ---- Density

void Density::add(double weight, Expr x) {
  if (weight == 0) return;
  if (x.is_constant()) {
    constant_ += weight * x.constant();
    return;
  }
  if (!std::isfinite(weight)) {  // as a node of its own, lest inf - inf arise inside of a sum
    x = weight * x;
    weight = 1;
  }
  weights_.push_back(weight);
  parts_.push_back(x.scalar());
}

void Density::add_product(Expr a, Expr b, double weight) {
  if (a.is_constant()) {
    add(weight * a.constant(), b);
  } else if (b.is_constant()) {
    add(weight * b.constant(), a);
  } else {
    add(weight, a * b);
  }
}

Expr Density::total() {
  Scalar sum = call_.graph.lincomb(constant_, weights_, parts_);
  weights_.clear();
  parts_.clear();
  constant_ = 0;
  return expr(sum);
}

void Density::require(Guard::Kind kind, Expr x, const char* what) {
  if (x.is_constant()) {
    const double v = x.constant();
    const bool fine = kind == Guard::Kind::kPositive      ? v > 0
                      : kind == Guard::Kind::kNonNegative ? v >= 0
                                                          : v >= 0 && v <= 1;
    if (fine) return;
  } else {  // the graph would find out as well, but only after the message is a string
    const uint8_t known = call_.graph.range(x.scalar());
    const uint8_t needed = kind == Guard::Kind::kPositive ? graph::kRangePositive
                           : kind == Guard::Kind::kNonNegative
                               ? graph::kRangeNonNegative
                               : graph::kRangeNonNegative | graph::kRangeAtMostOne;
    if ((known & needed) == needed) return;
  }
  require(kind, x.scalar(), what);
}

void Density::require(Guard::Kind kind, Scalar value, std::string what) {
  if (!are_states_) {
    call_.require(kind, value, what);
  } else if (value.is_constant()) {
    is_outside_ |= !graph::holds(kind, value.constant());
  } else {
    conditions_.push_back({kind, value, std::move(what)});
  }
}

void Density::require_positive(Expr x, const char* what) {
  require(Guard::Kind::kPositive, x, what);
}
void Density::require_non_negative(Expr x, const char* what) {
  require(Guard::Kind::kNonNegative, x, what);
}
void Density::require_probability(Expr x, const char* what) {
  require(Guard::Kind::kInUnitInterval, x, what);
}
void Density::require_less(Expr a, Expr b, const char* what) {
  require(Guard::Kind::kPositive, b - a, what);
}

void Density::require_simplex(std::span<const Scalar> x, const char* what) {
  if (x.empty()) call_.fail(fmt::format("{} of `{}` has no elements", what, call_.name));
  bool sum_known = true;
  for (const Scalar& s : x) {
    require(Guard::Kind::kNonNegative, expr(s), what);
    constexpr uint8_t kUnit = graph::kRangeNonNegative | graph::kRangeAtMostOne;
    sum_known &= !s.is_constant() && (call_.graph.range(s) & kUnit) == kUnit;
  }
  if (sum_known) return;
  constexpr double kTolerance = 1e-8;  // Stan's
  const Expr deviation = abs(expr(call_.graph.sum(x)) - 1.0);
  if (deviation.is_constant() && deviation.constant() <= kTolerance) return;
  require(Guard::Kind::kNonNegative, (kTolerance - deviation).scalar(),
          fmt::format("1e-8 - |sum - 1| of the {}", what));
}

int64_t Density::integer(Expr x, const char* what) const {
  if (!x.is_constant()) {
    call_.fail(fmt::format("{} of `{}` depends on parameters; it must be data", what,
                           distribution_name(call_.name)),
               source::DiagnosticKind::kNotCovered);
  }
  const double v = x.constant();
  constexpr double kLimit = 9e15;
  if (!(std::abs(v) <= kLimit) || v != std::floor(v)) {
    call_.fail(fmt::format("{} of `{}` is {}; it must be an integer", what,
                           distribution_name(call_.name), v));
  }
  return static_cast<int64_t>(v);
}

int64_t Density::integer(Expr x, const char* what, int64_t lower, int64_t upper) const {
  const int64_t n = integer(x, what);
  if (are_states_ && (n < lower || n > upper)) {
    is_outside_ = true;
    return n < lower ? lower : upper;
  }
  if (n < lower || n > upper) {
    const std::string rule = upper == std::numeric_limits<int64_t>::max()
                                 ? fmt::format("at least {}", lower)
                                 : fmt::format("between {} and {}", lower, upper);
    call_.fail(fmt::format("{} of `{}` is {}; it must be {}", what, distribution_name(call_.name),
                           n, rule));
  }
  return n;
}

void Density::require_count(Expr x, const char* what) {
  if (x.is_constant()) {
    integer(x, what, 0, std::numeric_limits<int64_t>::max());
  } else if (call_.graph.integer_bounds(x.scalar())) {
    require_non_negative(x, what);
  } else {
    integer(x, what);  // says that it has to be known
  }
}

StateTable::StateTable(Density& density, std::span<const Scalar> x, std::span<const bool> is_int)
    : density_(density) {
  constexpr double kMaxStates = 1 << 16;
  double states = 1;
  for (size_t k = 0; k < x.size(); ++k) {
    if (!is_int[k] || x[k].is_constant()) continue;
    const auto bounds = density.call().graph.integer_bounds(x[k]);
    if (!bounds) {  // the function itself says whether it needs to know
      arguments_.clear();
      num_states_ = 1;
      return;
    }
    // Of an argument that stands in several places, one state.
    const bool is_new = std::none_of(arguments_.begin(), arguments_.end(),
                                     [&](const Argument& a) { return a.value.identical(x[k]); });
    arguments_.push_back(
        {k, x[k], bounds->low, is_new ? bounds->high - bounds->low + 1 : int64_t{0}});
    if (is_new) states *= static_cast<double>(bounds->high - bounds->low + 1);
  }
  if (states > kMaxStates) {
    density.call().fail(
        fmt::format("the integers given to `{}` have {:g} joint values; at most {:g} are tabulated",
                    distribution_name(density.call().name), states, kMaxStates),
        source::DiagnosticKind::kLimit);
  }
  num_states_ = static_cast<size_t>(states);
}

void StateTable::set_state(size_t s, std::span<Scalar> x) const {
  for (const Argument& a : arguments_) {
    if (a.count == 0) continue;
    const auto count = static_cast<size_t>(a.count);
    const auto value = static_cast<double>(a.low + static_cast<int64_t>(s % count));
    s /= count;
    for (const Argument& b : arguments_) {
      if (b.value.identical(a.value)) x[b.position] = value;
    }
  }
}

Scalar StateTable::index() const {
  double offset = 1;
  double stride = 1;
  std::vector<double> strides;
  std::vector<Scalar> parts;
  for (const Argument& a : arguments_) {
    if (a.count == 0) continue;
    offset -= stride * static_cast<double>(a.low);
    strides.push_back(stride);
    parts.push_back(a.value);
    stride *= static_cast<double>(a.count);
  }
  return density_.call().graph.lincomb(offset, strides, parts);
}

Expr StateTable::choose(std::span<const Scalar> values) const {
  return density_.expr(density_.call().graph.pick(index(), values));
}

void StateTable::require(std::span<const std::vector<Density::Condition>> conditions) const {
  const auto equal = [](const Density::Condition& a, const Density::Condition& b) {
    return a.kind == b.kind && a.value.identical(b.value);
  };
  const auto is_in = [&](const std::vector<Density::Condition>& list,
                         const Density::Condition& condition) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Density::Condition& c) { return equal(c, condition); });
  };
  const Call& call = density_.call();
  std::vector<Density::Condition> common;
  for (const Density::Condition& c : conditions[0]) {
    if (std::all_of(conditions.begin(), conditions.end(),
                    [&](const auto& list) { return is_in(list, c); })) {
      common.push_back(c);
    }
  }
  for (const Density::Condition& c : common) call.require(c.kind, c.value, c.what);
  for (size_t s = 0; s < conditions.size(); ++s) {
    for (const Density::Condition& c : conditions[s]) {
      if (is_in(common, c)) continue;
      // 1 satisfies the condition of every density.
      const Scalar here = call.graph.apply(graph::Op::kEqual, index(), static_cast<double>(s + 1));
      call.require(c.kind, call.graph.select(here, c.value, 1.0), c.what);
    }
  }
}

// ---- names

void add_density_names(LibraryTable& table, const std::string& name, LibraryFunction function) {
  for (const char* suffix : {"_lpdf", "_lupdf", "_log"}) table.add(name + suffix, function);
}

void add_mass_names(LibraryTable& table, const std::string& name, LibraryFunction function) {
  for (const char* suffix : {"_lpmf", "_lupmf", "_log"}) table.add(name + suffix, function);
}

void add_cdf_names(LibraryTable& table, const std::string& name, LibraryFunction cdf,
                   LibraryFunction lcdf, LibraryFunction lccdf) {
  table.add(name + "_cdf", cdf);
  for (const char* suffix : {"_lcdf", "_cdf_log"}) table.add(name + suffix, lcdf);
  for (const char* suffix : {"_lccdf", "_ccdf_log"}) table.add(name + suffix, lccdf);
}

}  // namespace vinci::lower
