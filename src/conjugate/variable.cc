#include "conjugate/variable.h"

#include <fmt/format.h>

#include <charconv>

#include "base/check.h"

namespace vinci::conjugate {

NamedDistribution describe_dirichlet(std::span<const std::string> leaf_names,
                                     std::span<const double> alpha) {
  NamedDistribution d{"", "dirichlet", {}};
  d.params.resize(alpha.size());
  for (size_t k = 0; k < alpha.size(); ++k) {
    const std::string& name = leaf_names[k];
    const size_t at = name.find_last_of("[,");
    size_t index = 0;
    std::from_chars(name.data() + at + 1, name.data() + name.size(), index);
    VINCI_CHECK(index >= 1 && index <= alpha.size());
    d.params[index - 1] = {fmt::format("alpha[{}]", index), alpha[k]};
    d.name = name[at] == '[' ? name.substr(0, at) : name.substr(0, at) + "]";
  }
  return d;
}

void Variable::set_batch(int64_t, int64_t, double) {}
void Variable::statistics(std::span<const double>, std::span<double>) const {
  VINCI_CHECK(is_summed());
}
double Variable::log_sum(std::span<const double>, std::span<const double>) const {
  VINCI_CHECK(!is_summed());
  return 0;
}
void Variable::draw(numeric::RandomStream&, std::span<double>) const {}
double Variable::log_density(std::span<const double>) const { return 0; }
void Variable::visit_states(std::span<const double>, std::span<const double>,
                            const StateVisitor&) const {}
void Variable::draw_states(std::span<const double> eta, std::span<const double> values,
                           numeric::RandomStream& random, std::span<double> states) const {
  visit_states(eta, values, [&](int32_t leaf, int64_t first_state, std::span<const double> p) {
    states[static_cast<size_t>(leaf)] = static_cast<double>(first_state + random.categorical(p));
  });
}
void Variable::describe(std::span<const std::string>, std::vector<NamedDistribution>&) const {}

}  // namespace vinci::conjugate
