// Sweeps over a field: mean field, iterated conditional modes, belief propagation on (reweighted)
// trees.
#pragma once

#include <cstdint>
#include <vector>

#include "lattice/field.h"

namespace vinci::lattice {

enum class Method : uint8_t { kMeanField, kIcm, kTree };
enum class Schedule : uint8_t { kCheckerboard, kSimultaneous };

struct SweepOptions {
  Method method = Method::kMeanField;
  /// Of mean field and ICM; messages are always passed in the order of a checkerboard.
  Schedule schedule = Schedule::kCheckerboard;
  /// Share of the old value that an update keeps, in [0, 1): mu <- D mu + (1 - D) tanh(a).
  double damping = 0;
  /// How often an edge appears in the trees of kTree, in (0, 1].
  double tree_weight = 1;
};

/// Mean field: mu_i <- tanh(h_i + sum_j J_ij mu_j), the exact maximiser of the ELBO in q_i with the
/// rest held (Potts: the softmax). In the order of a checkerboard (with diagonal neighbours: by
/// rows of equal parity, their even columns first) no two neighbours move at once: undamped or
/// damped, no step lowers the bound. All at once (simultaneous) they may swing for ever unless
/// damped.
///
/// ICM: the mode instead of the mean; ends after finitely many changes.  [Besag 1986,
/// doi 10.1111/j.2517-6161.1986.tb01412.x]
///
/// Tree: belief propagation, in its reweighted form: with b_i = h_i + rho sum_j u_{j->i} the
/// message is u_{i->j} = atanh(tanh(J/rho) tanh(b_i - u_{j->i})), mu_i = tanh b_i. rho = 1 is exact
/// on trees (1 x N images) and, on lattices with data, has marginals several times nearer
/// to the exact ones than mean field (sweeps_test.cc measures it). rho = 1/2 (1/4 with diagonals)
/// is the mean of all rows and all columns as trees: it has one fixed point, whose log evidence is
/// an upper bound; its means are no better than those of mean field. [Wainwright, Jaakkola, Willsky
/// 2005, doi 10.1109/TIT.2005.850091]
///
/// Results do not depend on the number of threads.
class Sweeper {
 public:
  /// `start`: q as means (Ising) or probabilities (Potts), of the field's planes; a kTree starts
  /// from messages of 0 instead. The field and the pool have to outlive the sweeper; the field's
  /// values may change between runs.
  Sweeper(const Field& field, SplitGrid start, const SweepOptions& options,
          numeric::ThreadPool& pool);

  /// Makes `sweeps` >= 1 full sweeps; the largest change of a mean, probability or message in the
  /// last of them.
  float run(int sweeps);

  const SplitGrid& q() const { return q_; }

  /// kTree: the log evidence at the fixed point of the messages: Bethe's estimate for rho = 1,
  /// exact on trees; an upper bound for rho <= 1/2 (1/4 with diagonals). Means nothing elsewhere on
  /// the way to it.
  double log_evidence_estimate() const;

 private:
  float update_row(int row, int step, bool measure);
  float update_half(int row, int parity, bool measure);
  Messages messages_at(int row, int parity);
  void read_means();

  const Field& field_;
  SplitGrid q_;
  SplitGrid next_;                   // simultaneous
  std::vector<SplitGrid> messages_;  // by direction, at the sender
  SweepOptions options_;
  numeric::ThreadPool& pool_;
};

}  // namespace vinci::lattice
