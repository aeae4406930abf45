#include "infer/optimizer/newton_cg.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// tau >= 0 with |s + tau d| = radius, |s| <= radius.
double to_the_edge(const Vector& s, const Vector& d, double radius) {
  const double a = d.squaredNorm(), b = s.dot(d), c = s.squaredNorm() - radius * radius;
  const double root = std::sqrt(std::max(b * b - a * c, 0.0));
  // The form without cancellation.
  return b > 0 ? -c / (b + root) : (root - b) / a;
}

struct Step {
  Vector s;
  double decrease = 0;  // of the quadratic model
  bool at_edge = false;
};

Step conjugate_gradients(SmoothFunction& function, const Vector& x, const Vector& gradient,
                         double radius, Index max_products, Index& products) {
  const double norm = gradient.norm(), tolerance = std::min(0.5, std::sqrt(norm)) * norm;
  Step step{Vector::Zero(x.size())};
  Vector r = gradient, d = -r, hd(x.size());
  Vector hs = Vector::Zero(x.size());
  const auto finish = [&] {
    step.decrease = -(gradient.dot(step.s) + 0.5 * step.s.dot(hs));
    return step;
  };
  for (Index k = 0; k < max_products; ++k) {
    function.hessian_vector(span_of(std::as_const(x)), span_of(std::as_const(d)), span_of(hd));
    ++products;
    const double curvature = d.dot(hd), rr = r.squaredNorm();
    const double alpha = curvature > 0 ? rr / curvature : 0;
    if (!(curvature > 0) || (step.s + alpha * d).norm() >= radius) {
      const double tau = to_the_edge(step.s, d, radius);
      step.s += tau * d;
      hs += tau * hd;
      step.at_edge = true;
      return finish();
    }
    step.s += alpha * d;
    hs += alpha * hd;
    r += alpha * hd;
    if (r.norm() <= tolerance) return finish();
    d = -r + r.squaredNorm() / rr * d;
  }
  return finish();
}

}  // namespace

double NegativeLogDensity::evaluate(std::span<const double> x, std::span<double> gradient) {
  const auto n = static_cast<Index>(x.size());
  double value = 0;
  objective_.evaluate({x.data(), n, 1, 1}, {&value, 1}, {gradient.data(), n, 1, 1});
  for (double& g : gradient) g = -g;
  return -value;
}

void NegativeLogDensity::hessian_vector(std::span<const double> x,
                                        std::span<const double> direction,
                                        std::span<double> product) {
  const auto n = static_cast<Index>(x.size());
  objective_.hessian_vector({x.data(), n, 1, 1}, {direction.data(), n, 1, 1},
                            {product.data(), n, 1, 1});
  for (double& p : product) p = -p;
}

NewtonCgResult newton_cg(SmoothFunction& function, std::vector<double> start,
                         const NewtonCgOptions& options) {
  const Index dim = function.dim();
  VINCI_CHECK(static_cast<Index>(start.size()) == dim);
  const Index max_products =
      options.max_products > 0 ? options.max_products : std::min<Index>(2 * dim, 200);
  NewtonCgResult result;
  Vector x = map_vector(start), gradient(dim), trial(dim), trial_gradient(dim);
  double value = function.evaluate(span_of(std::as_const(x)), span_of(gradient));
  double radius = options.first_radius;
  const double tiny = 16 * std::numeric_limits<double>::epsilon();
  while (std::isfinite(value)) {
    if (dim == 0 || gradient.cwiseAbs().maxCoeff() <= options.gradient_tol) {
      result.converged = true;
      break;
    }
    if (result.iterations == options.max_iterations || function.should_stop()) break;
    ++result.iterations;
    const Step step =
        conjugate_gradients(function, x, gradient, radius, max_products, result.products);
    if (!(step.decrease > tiny * std::abs(value))) {
      // The model promises less than rounding of the value would show. Take the step where it
      // makes the gradient smaller: that is exact longer than the value is.
      trial = x + step.s;
      const double at_trial =
          function.evaluate(span_of(std::as_const(trial)), span_of(trial_gradient));
      if (std::isfinite(at_trial) && trial_gradient.norm() < 0.5 * gradient.norm()) {
        x = trial;
        value = at_trial;
        gradient = trial_gradient;
        continue;
      }
      result.converged = step.decrease >= 0;
      break;
    }
    trial = x + step.s;
    const double at_trial =
        function.evaluate(span_of(std::as_const(trial)), span_of(trial_gradient));
    const double ratio = std::isfinite(at_trial) ? (value - at_trial) / step.decrease : -1;
    if (ratio < 0.25) {
      radius = 0.25 * step.s.norm();
    } else if (ratio > 0.75 && step.at_edge) {
      radius = std::min(2 * radius, options.max_radius);
    }
    if (ratio > 1e-4) {
      x = trial;
      value = at_trial;
      gradient = trial_gradient;
    } else if (!(radius > 1e-14 * (1 + x.norm()))) {
      break;
    }
  }
  result.x = to_std(x);
  result.value = value;
  result.gradient = to_std(gradient);
  return result;
}

}  // namespace vinci::infer
