#include "conjugate/variable.h"

#include "base/check.h"

namespace vinci::conjugate {

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
