#include "conjugate/variable.h"

#include <cmath>
#include <limits>

#include "base/check.h"

namespace vinci::conjugate {

void Variable::set_batch(int64_t, int64_t, double) {}
void Variable::draw(numeric::RandomStream&, std::span<double>) const {}
double Variable::log_density(std::span<const double>) const { return 0; }
void Variable::leaf_means(std::span<double> means) const {
  for (double& m : means) m = std::numeric_limits<double>::quiet_NaN();
}
void Variable::describe(std::span<const std::string>, std::vector<NamedDistribution>&) const {}

}  // namespace vinci::conjugate
