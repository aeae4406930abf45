// The table of library functions, gathered from the files of this folder.
#include "lower/library.h"

#include <fmt/format.h>

namespace vinci::lower {

void LibraryTable::add(std::string_view name, LibraryFunction function) {
  const auto [entry, is_new] = by_name_.try_emplace(std::string(name), rows_.size());
  VINCI_CHECK(is_new);
  rows_.push_back({entry->first, function});
}

LibraryFunction LibraryTable::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : rows_[found->second].function;
}

std::vector<std::string> LibraryTable::names() const {
  std::vector<std::string> out;
  out.reserve(rows_.size());
  for (const Row& row : rows_) out.push_back(row.name);
  return out;
}

const LibraryTable& LibraryTable::instance() {
  static const LibraryTable table = [] {
    LibraryTable t;
    add_elementwise_functions(t);
    add_container_functions(t);
    add_constraint_functions(t);
    add_linear_algebra(t);
    add_complex_functions(t);
    add_higher_order_functions(t);
    add_continuous_densities(t);
    add_discrete_densities(t);
    add_multivariate_densities(t);
    add_random_generators(t);
    return t;
  }();
  return table;
}

void Call::fail_condition(graph::Guard::Kind kind, double value, const std::string& what) const {
  const char* rule = "";
  switch (kind) {
    case graph::Guard::Kind::kPositive:
      rule = "; it has to be positive";
      break;
    case graph::Guard::Kind::kNonNegative:
      rule = "; it may not be negative";
      break;
    case graph::Guard::Kind::kInUnitInterval:
      rule = "; it has to lie between 0 and 1";
      break;
    case graph::Guard::Kind::kNonZero:
      rule = "; it may not be zero";
      break;
    case graph::Guard::Kind::kNotNan:
      rule = "; it has to be a number";
      break;
    case graph::Guard::Kind::kNever:
      fail(what);
  }
  fail(fmt::format("{} of `{}` is {:g}{}", what, name, value, rule));
}

}  // namespace vinci::lower
