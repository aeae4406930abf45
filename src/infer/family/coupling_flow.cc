#include "infer/family/coupling_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"
#include "infer/family/elementwise_map.h"
#include "infer/network/mlp.h"
#include "numeric/random/random_stream.h"

namespace vinci::infer {
namespace {

constexpr Index kBlock = 64;  // lanes that go through all couplings together

void gather(const std::vector<Index>& rows, const Matrix& from, Matrix& to) {
  to.resize(static_cast<Index>(rows.size()), from.cols());
  for (size_t i = 0; i < rows.size(); ++i) to.row(static_cast<Index>(i)) = from.row(rows[i]);
}
void scatter(const std::vector<Index>& rows, const Matrix& from, Matrix& to) {
  for (size_t i = 0; i < rows.size(); ++i) to.row(rows[i]) = from.row(static_cast<Index>(i));
}
void scatter_add(const std::vector<Index>& rows, const Matrix& from, double sign, Matrix& to) {
  for (size_t i = 0; i < rows.size(); ++i) {
    to.row(rows[i]) += sign * from.row(static_cast<Index>(i));
  }
}

struct Coupling {
  std::vector<Index> pass;    // rows that stay and condition
  std::vector<Index> change;  // rows that the map changes
  Mlp network;
  Index offset;  // of the network's parameters in lambda
};

struct CouplingTape {
  Mlp::Tape network;
  ElementwiseMap::Tape map;
};

Index default_hidden(Index dim) { return std::clamp<Index>(4 * dim, 8, 32); }

}  // namespace

std::string_view to_string(FlowKind kind) {
  return kind == FlowKind::kRealNvp ? "real-nvp" : "spline";
}

/// What one block of lanes leaves behind.
struct CouplingFlow::BlockTape {
  std::vector<CouplingTape> couplings;
  // Scratch that lives between calls for its memory only.
  Matrix state, part, gathered, raw_adjoint, input_adjoint, score;
  Vector log_slope;
};

class CouplingFlow::Layers {
 public:
  Layers(Index dim, const FlowShape& shape) {
    if (shape.kind == FlowKind::kRealNvp) {
      map_ = std::make_unique<ElementwiseAffine>();
    } else {
      map_ = std::make_unique<ElementwiseSpline>(shape.bins, shape.reach);
    }
    numeric::RandomStream random(shape.seed, 0x666c6f77);
    std::vector<Index> order(static_cast<size_t>(dim));
    std::iota(order.begin(), order.end(), Index{0});
    for (Index b = 0; b < shape.blocks; ++b) {
      for (Index i = dim - 1; b > 0 && i > 0; --i) {
        const auto k = static_cast<Index>(random.uniform() * static_cast<double>(i + 1));
        std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(std::min(k, i))]);
      }
      const Index half = dim / 2;
      std::vector<Index> first(order.begin(), order.begin() + half);
      std::vector<Index> second(order.begin() + half, order.end());
      add(first, second, shape.hidden);
      if (half > 0) add(second, first, shape.hidden);
    }
  }

  Index num_params() const { return num_params_; }
  const std::vector<Coupling>& couplings() const { return couplings_; }

  void initialise(numeric::RandomKey key, std::span<double> lambda) const {
    for (size_t c = 0; c < couplings_.size(); ++c) {
      couplings_[c].network.initialise({key.seed + 0x9e3779b97f4a7c15u * (c + 1), key.stream}, 0.01,
                                       part(couplings_[c], lambda));
    }
  }

  /// state: u, then f(u); log_slope: [lanes] = log |det df/du|.
  void forward(std::span<const double> lambda, Matrix& state, Vector& log_slope,
               BlockTape& tape) const {
    tape.couplings.resize(couplings_.size());
    log_slope.setZero(state.cols());
    for (size_t c = 0; c < couplings_.size(); ++c) {
      const Coupling& coupling = couplings_[c];
      CouplingTape& t = tape.couplings[c];
      gather(coupling.pass, state, tape.gathered);
      gather(coupling.change, state, t.map.x);
      const Matrix& raw =
          coupling.network.forward(part(coupling, lambda), tape.gathered, t.network);
      map_->forward(raw, t.map, tape.part, log_slope);
      scatter(coupling.change, tape.part, state);
    }
  }

  /// state: v, then f^-1(v).
  void inverse(std::span<const double> lambda, Matrix& state) const {
    Mlp::Tape network;
    Matrix pass, change, out;
    for (size_t c = couplings_.size(); c-- > 0;) {
      const Coupling& coupling = couplings_[c];
      gather(coupling.pass, state, pass);
      gather(coupling.change, state, change);
      const Matrix& raw = coupling.network.forward(part(coupling, lambda), pass, network);
      map_->inverse(raw, change, out);
      scatter(coupling.change, out, state);
    }
  }

  /// score: grad log q_u(u), then grad log q_v(v) at v = f(u), from the tape of u. Where `gradient`
  /// is not empty: += d log q_v(v) / d lambda, v fixed, summed over lanes.
  void push_score(std::span<const double> lambda, BlockTape& tape, Matrix& score,
                  std::span<double> gradient) const {
    Matrix& change = tape.part;
    for (size_t c = 0; c < couplings_.size(); ++c) {
      const Coupling& coupling = couplings_[c];
      const CouplingTape& t = tape.couplings[c];
      gather(coupling.change, score, tape.gathered);
      map_->push_gradient(t.map, tape.gathered, change);
      scatter(coupling.change, change, score);
      if (coupling.pass.empty() && gradient.empty()) continue;
      // y_change = f(x_change; raw(x_pass)): its adjoint is the score, and log|det| counts once.
      map_->pull_back(t.map, change, 1, nullptr, tape.raw_adjoint);
      if (!gradient.empty()) tape.raw_adjoint = -tape.raw_adjoint;
      coupling.network.backward(part(coupling, lambda), t.network, tape.raw_adjoint,
                                &tape.input_adjoint, part(coupling, gradient));
      scatter_add(coupling.pass, tape.input_adjoint, gradient.empty() ? -1 : 1, score);
    }
  }

  /// adjoint: dL/dv, then dL/du, for an L of v alone; gradient += dL/dlambda summed over lanes.
  void pull_back(std::span<const double> lambda, BlockTape& tape, Matrix& adjoint,
                 std::span<double> gradient) const {
    Matrix below;
    for (size_t c = couplings_.size(); c-- > 0;) {
      const Coupling& coupling = couplings_[c];
      const CouplingTape& t = tape.couplings[c];
      gather(coupling.change, adjoint, tape.gathered);
      // The first coupling's input is noise: nobody asks for its adjoint.
      Matrix* x = c > 0 ? &below : nullptr;
      map_->pull_back(t.map, tape.gathered, 0, x, tape.raw_adjoint);
      coupling.network.backward(part(coupling, lambda), t.network, tape.raw_adjoint,
                                c > 0 ? &tape.input_adjoint : nullptr, part(coupling, gradient));
      if (c == 0) break;
      scatter(coupling.change, below, adjoint);
      scatter_add(coupling.pass, tape.input_adjoint, 1, adjoint);
    }
  }

 private:
  void add(const std::vector<Index>& pass, const std::vector<Index>& change, Index hidden) {
    const auto outputs = map_->num_raw() * static_cast<Index>(change.size());
    Mlp network({static_cast<Index>(pass.size()), hidden, hidden, outputs}, Activation::kTanh);
    const Index size = network.num_params();
    couplings_.push_back({pass, change, std::move(network), num_params_});
    num_params_ += size;
  }
  template <class T>
  static std::span<T> part(const Coupling& c, std::span<T> lambda) {
    if (lambda.empty()) return {};
    return lambda.subspan(static_cast<size_t>(c.offset),
                          static_cast<size_t>(c.network.num_params()));
  }

  std::unique_ptr<const ElementwiseMap> map_;
  std::vector<Coupling> couplings_;
  Index num_params_ = 0;
};

/// One q of the family.
class CouplingFlow::Member final : public Family {
 public:
  Member(std::shared_ptr<const CouplingFlow> flow, std::span<const double> lambda)
      : flow_(std::move(flow)), lambda_(lambda.begin(), lambda.end()) {}

  Index dim() const override { return flow_->dim(); }
  std::string describe() const override { return flow_->describe(); }
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override {
    Matrix noise(dim(), points.lanes);
    numeric::fill_normal(key, step, first_lane, dim(), points.lanes, noise.data(), points.lanes);
    flow_->transform(lambda_, lanes_of(noise), points, log_q);
  }
  void log_q(LaneMatrix points, std::span<double> log_q) const override {
    Matrix u(dim(), points.lanes);
    flow_->base_.whiten(points, mutable_lanes(u));
    flow_->layers_->inverse(lambda_, u);
    BlockTape tape;
    const Vector squares = u.colwise().squaredNorm();
    Vector log_slope;
    flow_->layers_->forward(lambda_, u, log_slope, tape);
    for (Index l = 0; l < points.lanes; ++l) {
      log_q[static_cast<size_t>(l)] = flow_->log_normaliser_ - 0.5 * squares[l] - log_slope[l];
    }
  }
  double entropy() const override { return std::numeric_limits<double>::quiet_NaN(); }

 private:
  std::shared_ptr<const CouplingFlow> flow_;
  std::vector<double> lambda_;
};

struct CouplingFlow::Workspace : ParametricFamily::Tape {
  std::vector<BlockTape> blocks;
  std::vector<std::vector<double>> gradients;
  Index lanes = 0;
};

CouplingFlow::CouplingFlow(FullRankNormal base, const FlowShape& shape)
    : base_(std::move(base)), shape_(shape) {
  const Index n = dim();
  VINCI_CHECK(n > 0 && shape_.bins >= 2 && shape_.bins <= 100 && shape_.reach > 0);
  if (shape_.blocks <= 0) shape_.blocks = shape_.kind == FlowKind::kRealNvp ? 5 : 3;
  if (shape_.hidden <= 0) shape_.hidden = default_hidden(n);
  layers_ = std::make_unique<const Layers>(n, shape_);
  num_params_ = layers_->num_params();
  log_normaliser_ = -0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
  for (Index i = 0; i < n; ++i) {
    log_normaliser_ -= std::log(base_.factor()[static_cast<size_t>(i * n + i)]);
  }
}

CouplingFlow::~CouplingFlow() = default;

std::string CouplingFlow::describe() const {
  return fmt::format("{} flow of {} couplings", to_string(shape_.kind),
                     layers_->couplings().size());
}

std::string CouplingFlow::param_name(Index p) const {
  const auto& all = layers_->couplings();
  size_t c = all.size() - 1;
  while (c > 0 && all[c].offset > p) --c;
  return fmt::format("coupling[{}].network[{}]", c, p - all[c].offset);
}

std::vector<double> CouplingFlow::initial(numeric::RandomKey key) const {
  std::vector<double> lambda(static_cast<size_t>(num_params_));
  layers_->initialise(key, lambda);
  return lambda;
}

FamilyPtr CouplingFlow::at(std::span<const double> lambda) const {
  return std::make_shared<Member>(shared_from_this(), lambda);
}

std::shared_ptr<CouplingFlow::Workspace> CouplingFlow::make_workspace() const {
  return std::make_shared<Workspace>();
}

namespace {

void each_block(Index lanes, numeric::ThreadPool* pool, const auto& body) {
  const Index blocks = (lanes + kBlock - 1) / kBlock;
  if (pool != nullptr) {
    pool->parallel_for(blocks, body);
  } else {
    for (Index b = 0; b < blocks; ++b) body(b);
  }
}

}  // namespace

void CouplingFlow::forward(std::span<const double> lambda, LaneMatrix noise,
                           MutableLaneMatrix points, std::span<double> log_q, Workspace& workspace,
                           numeric::ThreadPool* pool) const {
  VINCI_CHECK(static_cast<Index>(lambda.size()) == num_params_ && noise.rows == dim());
  workspace.lanes = noise.lanes;
  workspace.blocks.resize(static_cast<size_t>((noise.lanes + kBlock - 1) / kBlock));
  each_block(noise.lanes, pool, [&](Index b) {
    BlockTape& tape = workspace.blocks[static_cast<size_t>(b)];
    const Index first = b * kBlock, width = std::min(kBlock, noise.lanes - first);
    tape.state = map_lanes(noise).middleCols(first, width);
    tape.score = -tape.state;
    const Vector squares = tape.state.colwise().squaredNorm();
    layers_->forward(lambda, tape.state, tape.log_slope, tape);
    for (Index l = 0; l < width; ++l) {
      log_q[static_cast<size_t>(first + l)] =
          log_normaliser_ - 0.5 * squares[l] - tape.log_slope[l];
    }
    MutableLaneMatrix out{points.data + first, points.rows, width, points.stride};
    base_.reparameterise(lanes_of(tape.state), out);
  });
}

void CouplingFlow::path_gradient(std::span<const double> lambda, LaneMatrix gradient_p,
                                 std::span<const uint8_t> skip, Workspace& workspace,
                                 numeric::ThreadPool* pool, std::span<double> gradient) const {
  VINCI_CHECK(gradient_p.lanes == workspace.lanes);
  workspace.gradients.resize(workspace.blocks.size());
  each_block(workspace.lanes, pool, [&](Index b) {
    BlockTape& tape = workspace.blocks[static_cast<size_t>(b)];
    std::vector<double>& sum = workspace.gradients[static_cast<size_t>(b)];
    sum.assign(static_cast<size_t>(num_params_), 0.0);
    const Index first = b * kBlock, width = tape.score.cols();
    layers_->push_score(lambda, tape, tape.score, {});
    tape.state.noalias() =
        map_square(base_.factor(), dim()).transpose().triangularView<Eigen::Upper>() *
        map_lanes(gradient_p).middleCols(first, width);
    tape.state -= tape.score;
    for (Index l = 0; l < width; ++l) {
      if (!skip.empty() && skip[static_cast<size_t>(first + l)] != 0) tape.state.col(l).setZero();
    }
    layers_->pull_back(lambda, tape, tape.state, sum);
  });
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (const std::vector<double>& sum : workspace.gradients) {
    for (size_t p = 0; p < gradient.size(); ++p) gradient[p] += sum[p];
  }
}

ParametricFamily::TapePtr CouplingFlow::transform(std::span<const double> lambda, LaneMatrix noise,
                                                  MutableLaneMatrix points,
                                                  std::span<double> log_q) const {
  auto workspace = std::make_unique<Workspace>();
  forward(lambda, noise, points, log_q, *workspace, nullptr);
  return workspace;
}

void CouplingFlow::pathwise_sum(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                                const Tape* tape, LaneMatrix adjoint,
                                std::span<double> gradient) const {
  if (tape == nullptr) {
    Matrix again(dim(), noise.lanes);
    Vector log_q(noise.lanes);
    const TapePtr made = transform(lambda, noise, mutable_lanes(again), span_of(log_q));
    return pathwise_sum(lambda, noise, points, made.get(), adjoint, gradient);
  }
  const auto& workspace = dynamic_cast<const Workspace&>(*tape);
  VINCI_CHECK(adjoint.lanes == workspace.lanes);
  std::fill(gradient.begin(), gradient.end(), 0.0);
  Matrix v_adjoint;
  for (size_t b = 0; b < workspace.blocks.size(); ++b) {
    // A tape is used any number of times: scratch is a copy's.
    BlockTape block = workspace.blocks[b];
    const Index first = static_cast<Index>(b) * kBlock;
    v_adjoint = map_square(base_.factor(), dim()).transpose().triangularView<Eigen::Upper>() *
                map_lanes(adjoint).middleCols(first, block.score.cols());
    layers_->pull_back(lambda, block, v_adjoint, gradient);
  }
}

void CouplingFlow::pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                            const Tape*, LaneMatrix adjoint, MutableLaneMatrix gradient) const {
  std::vector<double> one(static_cast<size_t>(num_params_));
  for (Index l = 0; l < noise.lanes; ++l) {
    const Matrix u = map_lanes(noise).col(l), a = map_lanes(adjoint).col(l);
    pathwise_sum(lambda, lanes_of(u), points, nullptr, lanes_of(a), one);
    for (Index p = 0; p < num_params_; ++p) gradient(p, l) = one[static_cast<size_t>(p)];
  }
}

void CouplingFlow::score(std::span<const double> lambda, LaneMatrix points,
                         MutableLaneMatrix score) const {
  std::vector<double> one(static_cast<size_t>(num_params_));
  Matrix u(dim(), points.lanes);
  base_.whiten(points, mutable_lanes(u));
  layers_->inverse(lambda, u);
  BlockTape tape;
  for (Index l = 0; l < points.lanes; ++l) {
    Matrix state = u.col(l), g = -state;
    Vector log_slope;
    layers_->forward(lambda, state, log_slope, tape);
    std::fill(one.begin(), one.end(), 0.0);
    layers_->push_score(lambda, tape, g, one);
    for (Index p = 0; p < num_params_; ++p) score(p, l) = one[static_cast<size_t>(p)];
  }
}

void CouplingFlow::log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                                  MutableLaneMatrix gradient) const {
  Matrix u(dim(), points.lanes);
  base_.whiten(points, mutable_lanes(u));
  layers_->inverse(lambda, u);
  Matrix g = -u;
  BlockTape tape;
  Vector log_slope;
  layers_->forward(lambda, u, log_slope, tape);
  layers_->push_score(lambda, tape, g, {});
  // grad_z = C^-T grad_v.
  map_square(base_.factor(), dim()).transpose().triangularView<Eigen::Upper>().solveInPlace(g);
  map_lanes(gradient) = g;
}

}  // namespace vinci::infer
