// Relaxed categorical states: softmax of perturbed logits. For the .cc files of this folder.
#pragma once

#include <vector>

#include "infer/dense.h"
#include "infer/family/mixed_family.h"

namespace vinci::infer {

/// z_k = log pi_k + G_k, G Gumbel noise, of every state of every coordinate, and soft = softmax(z /
/// t) within each coordinate, whose largest state is a draw of q. All [S][n].
struct RelaxedStates {
  double temperature = 1;
  Matrix soft;
  /// d z_k / d log pi_k along the noise: 1 for free noise; 0 for the state drawn and less than 1
  /// for the others where the noise was drawn given the state.
  Matrix slope;

  /// gradient[L][n] of the logits from the adjoint of `soft`, [S][n].
  Matrix pull(const MixedFamily& family, std::span<const double> log_pi,
              const Matrix& adjoint) const;
  /// What moves of the logits, [L][n], do to `soft`.
  Matrix push(const MixedFamily& family, std::span<const double> log_pi, const Matrix& move) const;
};

/// From uniform noise [S][n].
RelaxedStates relax_freely(const MixedFamily& family, std::span<const double> log_pi,
                           double temperature, const Matrix& uniform);
/// Given that `states` [M][n] were drawn. `along_free_noise`: slopes as if the same z had come from
/// free noise, which has its distribution where the states were drawn from q.
/// [Tucker, Mnih, Maddison, Lawson, Sohl-Dickstein 2017, arXiv 1703.07370, appendix B]
RelaxedStates relax_given_states(const MixedFamily& family, std::span<const double> log_pi,
                                 double temperature, const Matrix& uniform, const Matrix& states,
                                 bool along_free_noise);

}  // namespace vinci::infer
