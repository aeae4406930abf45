// Discrete parameters: which component each number is from, summed out of the density and handed
// back as probabilities and draws.
#include <cstdio>
#include <vector>

#include "vinci/fit.h"

int main() {
  const auto program = vinci::Program::from_text(R"(
      data { int N; vector[N] y; }
      parameters { vector[2] mu; array[N] int<lower=1, upper=2> z; }
      model {
        mu[1] ~ normal(-3, 1);  // priors that differ tell the components apart
        mu[2] ~ normal(3, 1);
        for (n in 1:N) { z[n] ~ categorical([0.5, 0.5]'); y[n] ~ normal(mu[z[n]], 1); }
      })");
  const std::vector<double> y = {-3.1, -2.2, 0.2, 2.4, 3.3};
  const vinci::Data data = vinci::Data().set("N", y.size()).set("y", y);
  const vinci::Fit fit = vinci::fit(vinci::Model(program, data));
  for (const vinci::Summary& s : fit.summaries()) {
    if (s.probabilities.empty()) continue;
    std::printf("%s", s.name.c_str());
    for (const double p : s.probabilities) std::printf("  %.3f", p);
    std::printf("\n");
  }
  std::printf("first draw of z[3]: %g\n", fit.draws()["z[3]"][0]);

  // Left in the density: q has a factor for each state instead.
  const vinci::Model joint(program, data, {.discrete = "z=local"});
  std::printf("%lld coordinates and states\n", static_cast<long long>(joint.dim()));
  return fit.verdict() == vinci::Verdict::kBad ? 1 : 0;
}
