// A log density written in C++: a normal whose second coordinate is bent along a parabola (a
// "banana"),
//   log p(x) = log N(x1 | 0, 1) + log N(x2 | x1^2 / 4, 1),   E x2 = 1/4.
#include <cmath>
#include <cstdio>
#include <numbers>

#include "vinci/fit.h"

class Banana final : public vinci::LogDensity {
 public:
  vinci::Index dim() const override { return 2; }

  // One lane is one point; all lanes of a call are evaluated together, so the loop becomes SIMD.
  void evaluate(vinci::LaneMatrix points, std::span<double> value,
                vinci::MutableLaneMatrix gradient) const override {
    for (vinci::Index lane = 0; lane < points.lanes; ++lane) {
      const double x1 = points(0, lane);
      const double rest = points(1, lane) - x1 * x1 / 4;
      value[static_cast<size_t>(lane)] =
          -(x1 * x1 + rest * rest) / 2 - std::log(2 * std::numbers::pi);
      if (gradient.data == nullptr) continue;
      gradient(0, lane) = -x1 + rest * x1 / 2;
      gradient(1, lane) = -rest;
    }
  }
};

int main() {
  const vinci::Fit fit = vinci::fit(Banana(), {.seed = 1});
  for (const vinci::Summary& s : fit.summaries()) {
    std::printf("%s %6.2f +- %.2f\n", s.name.c_str(), s.mean, s.sd);
  }
  // The density is normalised: its evidence is 1.
  std::printf("log evidence %.2f, verdict: %s\n", fit.log_evidence().value,
              to_string(fit.verdict()).data());
  const bool right =
      std::abs(fit.summary("x[2]").mean - 0.25) < 0.1 && std::abs(fit.log_evidence().value) < 0.1;
  return right && fit.verdict() != vinci::Verdict::kBad ? 0 : 1;
}
