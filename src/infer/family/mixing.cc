#include "infer/family/mixing.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace vinci::infer {
namespace {

std::vector<Index> widths(Index dim, const MixingOptions& o) {
  std::vector<Index> w{o.noise_dim > 0 ? o.noise_dim : std::max<Index>(10, dim)};
  if (o.hidden.empty()) {
    w.insert(w.end(), {40, 60, 40});
  } else {
    w.insert(w.end(), o.hidden.begin(), o.hidden.end());
  }
  w.push_back(dim);
  return w;
}

}  // namespace

Mixing::Mixing(Index dim, const MixingOptions& options)
    : dim_(dim),
      network_(widths(dim, options), options.activation),
      linear_(options.linear >= 0 ? options.linear
                                  : std::sqrt(std::max(0.0, 1 - options.sd * options.sd))),
      first_sd_(options.sd),
      last_scale_(options.last_scale),
      learn_sd_(options.learn_sd) {
  VINCI_CHECK(options.sd > 0);
}

void Mixing::initialise(numeric::RandomKey key, std::span<double> params) const {
  VINCI_CHECK(static_cast<Index>(params.size()) == num_params());
  network_.initialise(key, last_scale_, params.first(static_cast<size_t>(network_.num_params())));
  std::fill(params.end() - dim_, params.end(), std::log(first_sd_));
}

Vector Mixing::sd(std::span<const double> params) const {
  return Eigen::Map<const Vector>(log_sd(params).data(), dim_).array().exp();
}

Matrix Mixing::centres(std::span<const double> params, const Matrix& noise, Mlp::Tape& tape) const {
  Matrix psi =
      network_.forward(params.first(static_cast<size_t>(network_.num_params())), noise, tape);
  const Index shared = std::min(dim_, noise_dim());
  if (linear_ != 0) psi.topRows(shared) += linear_ * noise.topRows(shared);
  return psi;
}

void Mixing::backward(std::span<const double> params, const Mlp::Tape& tape, const Matrix& adjoint,
                      std::span<double> gradient) const {
  const auto n = static_cast<size_t>(network_.num_params());
  network_.backward(params.first(n), tape, adjoint, nullptr, gradient.first(n));
}

}  // namespace vinci::infer
