// Eight schools from C++: compile a program, bind data, fit, read draws.
#include <cstdio>
#include <vector>

#include "vinci/fit.h"

int main() {
  const auto program = vinci::Program::from_text(R"(
      data { int<lower=0> J; vector[J] y; vector<lower=0>[J] sigma; }
      parameters { real mu; real<lower=0> tau; vector[J] z; }
      transformed parameters { vector[J] theta = mu + tau * z; }
      model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); z ~ std_normal(); y ~ normal(theta, sigma); })");
  const std::vector<double> y = {28, 8, -3, 7, -1, 1, 18, 12};
  const std::vector<double> sigma = {15, 10, 16, 11, 9, 11, 10, 18};
  const vinci::Model model(program, vinci::Data().set("J", 8).set("y", y).set("sigma", sigma));
  const vinci::Fit fit = vinci::fit(model, {.seed = 1, .draws = 1000});
  for (const vinci::Summary& s : fit.summaries()) {
    std::printf("%-10s %6.2f +- %.2f\n", s.name.c_str(), s.mean, s.sd);
  }
  const std::vector<double> theta = fit.draws()["theta[1]"];
  std::printf("%zu draws, verdict: %s\n", theta.size(), to_string(fit.verdict()).data());
  return fit.verdict() == vinci::Verdict::kBad ? 1 : 0;
}
