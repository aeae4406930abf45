// Normalising flows by coupling: real-NVP and neural splines, on top of a full-rank normal.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/parametric_family.h"
#include "numeric/parallel/thread_pool.h"

namespace vinci::infer {

enum class FlowKind { kRealNvp, kSpline };
/// "real-nvp", "spline".
std::string_view to_string(FlowKind kind);

struct FlowShape {
  FlowKind kind = FlowKind::kRealNvp;
  Index blocks = 0;   // of two couplings each; 0: chosen by kind
  Index hidden = 0;   // width of the two hidden layers of a conditioner; 0: within 8 and 32 by D
  Index bins = 8;     // of splines
  double reach = 6;   // splines bend within +-reach standard deviations
  uint64_t seed = 1;  // of the permutations between blocks
};

/// z = m + C f(u), f = f_K o ... o f_1 with couplings f_k: half of the coordinates pass unchanged
/// and give, through a multilayer perceptron, the parameters of increasing maps of the others. Each
/// block shuffles the coordinates and couples either half with the other. lambda: the networks'
/// parameters; (m, C) are fixed. At lambda = initial() f is nearly the identity and q nearly N(m, C
/// C'); at lambda = 0 exactly. O(D^2 + blocks (D hidden + hidden^2)) a draw.
/// [Dinh, Sohl-Dickstein, Bengio 2017, arXiv 1605.08803; Durkan, Bekasov, Murray, Papamakarios
/// 2019, arXiv 1906.04032; networks as in Agrawal, Sheldon, Domke 2020, arXiv 2006.10343]
class CouplingFlow final : public ParametricFamily,
                           public std::enable_shared_from_this<CouplingFlow> {
 public:
  CouplingFlow(FullRankNormal base, const FlowShape& shape);
  ~CouplingFlow() override;

  Index dim() const override { return base_.dim(); }
  Index num_params() const override { return num_params_; }
  std::string describe() const override;
  std::string param_name(Index p) const override;
  /// Networks at random, outputs scaled by 0.01.
  std::vector<double> initial(numeric::RandomKey key) const;
  const FullRankNormal& base() const { return base_; }

  FamilyPtr at(std::span<const double> lambda) const override;
  void score(std::span<const double> lambda, LaneMatrix points,
             MutableLaneMatrix score) const override;
  void log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                      MutableLaneMatrix gradient) const override;
  Index noise_dim() const override { return dim(); }
  TapePtr transform(std::span<const double> lambda, LaneMatrix noise, MutableLaneMatrix points,
                    std::span<double> log_q) const override;
  void pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                const Tape* tape, LaneMatrix adjoint, MutableLaneMatrix gradient) const override;
  void pathwise_sum(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                    const Tape* tape, LaneMatrix adjoint,
                    std::span<double> gradient) const override;

  // ---- for training: the same in blocks of lanes that stay in cache and run in parallel, with
  // memory that is used again

  struct Workspace;
  std::shared_ptr<Workspace> make_workspace() const;
  /// transform, leaving the tape in `workspace`; `pool` may be null.
  void forward(std::span<const double> lambda, LaneMatrix noise, MutableLaneMatrix points,
               std::span<double> log_q, Workspace& workspace, numeric::ThreadPool* pool) const;
  /// gradient[P] = sum over lanes of (dz/dlambda)' (grad log p - grad log q), at the lanes of the
  /// last `forward`: the path derivative of the ELBO ("sticking the landing"). The score of q comes
  /// from the same sweep: through a coupling y = f(x), grad log q(y) = J^-T (grad log q(x) - grad
  /// log|J|), where J is triangular. Lanes whose gradient_p is all zero, as where the density is
  /// not finite, count for nothing if `skip` says so. Same bits for any number of threads. [Roeder,
  /// Wu, Duvenaud 2017; the recursion: Vaitl, Nicoli, Nakajima, Kessel 2022, arXiv 2206.09016,
  /// prop. 3.1]
  void path_gradient(std::span<const double> lambda, LaneMatrix gradient_p,
                     std::span<const uint8_t> skip, Workspace& workspace, numeric::ThreadPool* pool,
                     std::span<double> gradient) const;

 private:
  class Layers;
  class Member;
  struct BlockTape;
  friend class Member;

  FullRankNormal base_;
  FlowShape shape_;
  std::unique_ptr<const Layers> layers_;
  Index num_params_ = 0;
  double log_normaliser_ = 0;
};

}  // namespace vinci::infer
