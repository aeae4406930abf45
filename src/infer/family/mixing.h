// The mixing distribution of a semi-implicit family: psi = a eps + network(eps), noise eps ~ N(0,
// I). It can be drawn from and differentiated, and has no density that anyone could write down.
// Heavy header (Eigen): for .cc files of infer/ only.
#pragma once

#include <span>
#include <vector>

#include "infer/network/mlp.h"

namespace vinci::infer {

struct MixingOptions {
  Index noise_dim = 0;        // 0: max(10, D)
  std::vector<Index> hidden;  // widths; empty: 40, 60, 40, as in the paper's examples
  Activation activation = Activation::kTanh;
  double sd = 0.5;       // deviation of the conditional N(psi, sd^2) to start with
  bool learn_sd = true;  // per coordinate; otherwise it stays where it starts
  /// a: psi starts as a eps_{1..D}, so that q starts as N(0, a^2 + sd^2) in its frame. Below zero:
  /// sqrt(1 - sd^2). 0: psi is the network alone, as published.
  double linear = -1;
  double last_scale = 0.1;  // of the network's last weights at the start
};

/// q(y) = E_eps N(y | psi(eps), diag sd^2). Parameters, one flat vector of the caller: the
/// network's, then log sd [D].  [Yin and Zhou 2018, ICML, sec. 2]
class Mixing {
 public:
  Mixing(Index dim, const MixingOptions& options);

  Index dim() const { return dim_; }
  Index noise_dim() const { return network_.num_inputs(); }
  Index num_params() const { return network_.num_params() + dim_; }
  bool learns_sd() const { return learn_sd_; }

  void initialise(numeric::RandomKey key, std::span<double> params) const;
  std::span<const double> log_sd(std::span<const double> params) const {
    return params.last(static_cast<size_t>(dim_));
  }
  Vector sd(std::span<const double> params) const;

  /// psi [D][lanes] of noise [noise_dim][lanes]; the tape is for `backward`.
  Matrix centres(std::span<const double> params, const Matrix& noise, Mlp::Tape& tape) const;
  /// gradient[of the network] += adjoint' d psi / d params.
  void backward(std::span<const double> params, const Mlp::Tape& tape, const Matrix& adjoint,
                std::span<double> gradient) const;

 private:
  Index dim_;
  Mlp network_;
  double linear_, first_sd_, last_scale_;
  bool learn_sd_;
};

}  // namespace vinci::infer
