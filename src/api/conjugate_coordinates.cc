#include "api/conjugate_coordinates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "exec/plan.h"
#include "lower/tracer.h"
#include "lower/transforms.h"
#include "numeric/special/row_functions.h"

namespace vinci::api {

namespace {
constexpr uint32_t kStateStream = 0x7374617a;
/// Where a draw on the boundary (it underflowed) is put: far out, of density zero.
constexpr double kNowhere = 1e10;

/// Adds the coordinates of simplexes of K elements, from their breaks of a stick: with indices from
/// 1, y_k = log x_k - log(x_{k+1} + ... + x_K) + log(K - k). False where an element is 0.
bool add_simplexes(const conjugate::Parameter& p, std::span<const double> values,
                   std::vector<double>& coordinates) {
  const auto size = static_cast<size_t>(p.type.container_size());
  const auto total = std::ssize(p.leaves);
  std::vector<double> x(p.leaves.size()), rest(p.leaves.size(), 1.0);
  for (size_t at = x.size(); at-- > 0;) {
    x[at] = values[static_cast<size_t>(p.leaves[at])];
    if (at % size + 1 == size) continue;
    rest[at] = at % size + 2 == size ? x[at + 1] : rest[at + 1] + x[at + 1];
  }
  using namespace numeric;  // NOLINT: the dispatch macro names its namespaces from there
  VINCI_SIMD_SELECT(row_function)(RowFunction::log, x.data(), nullptr, x.data(), total);
  VINCI_SIMD_SELECT(row_function)(RowFunction::log, rest.data(), nullptr, rest.data(), total);
  std::vector<double> log_left(size);  // K - k
  for (size_t k = 0; k + 1 < size; ++k) log_left[k] = std::log(static_cast<double>(size - k - 1));
  bool inside = true;
  for (size_t at = 0; at < x.size(); ++at) {
    if (at % size + 1 == size) continue;
    coordinates.push_back(x[at] - rest[at] + log_left[at % size]);
    inside = inside && std::isfinite(coordinates.back());
  }
  return inside;
}
}  // namespace

ConjugateCoordinates::ConjugateCoordinates(std::shared_ptr<const conjugate::Conjugate> network,
                                           const model::Model& model)
    : network_(std::move(network)), dim_(model.dim()) {
  const conjugate::Statements& s = network_->statements;
  position_.assign(s.leaves.size(), -1);
  int64_t first = 0;
  for (const model::VariableInfo& v : model.variables()) {
    for (const conjugate::Parameter& p : s.parameters) {
      if (p.name != v.name || v.block != model::VariableInfo::Block::kParameters) continue;
      const auto order = lower::column_major_positions(p.type.all_dims());
      for (size_t k = 0; k < order.size(); ++k) {
        position_[static_cast<size_t>(p.leaves[static_cast<size_t>(order[k])])] =
            first + static_cast<int64_t>(k);
      }
    }
    first += static_cast<int64_t>(v.columns.size());
  }
  graph::Graph graph;
  std::vector<graph::Scalar> outputs, unconstrained, jacobian;
  std::vector<char> is_output(s.leaves.size(), 0);
  for (const conjugate::Parameter& p : s.parameters) {
    if (p.type.base == syntax::BaseType::kInt) {
      discrete_.insert(discrete_.end(), p.leaves.begin(), p.leaves.end());
      continue;
    }
    unconstrained.clear();
    for (int64_t k = lower::unconstrained_size(p.type); k > 0; --k)
      unconstrained.push_back(graph.parameter(graph.num_parameters()));
    const lower::Value value =
        lower::constrain(graph, p.type, unconstrained, p.span, p.name, &jacobian);
    for (size_t k = 0; k < p.leaves.size(); ++k) {
      char& is_known = is_output[static_cast<size_t>(p.leaves[k])];
      if (is_known) continue;  // the upper triangle of a symmetric matrix
      is_known = 1;
      output_leaves_.push_back(p.leaves[k]);
      outputs.push_back(value.elements[k]);
    }
  }
  outputs.push_back(graph.sum(jacobian));
  plan_ = std::make_unique<exec::ExecutionPlan>(
      graph, exec::PlanOptions{.terms = false, .outputs = outputs});
}

ConjugateCoordinates::~ConjugateCoordinates() = default;

bool ConjugateCoordinates::to_coordinates(std::span<const double> values,
                                          std::vector<double>& coordinates) const {
  coordinates.clear();
  bool inside = true;
  for (const conjugate::Parameter& p : network_->statements.parameters) {
    if (p.type.base == syntax::BaseType::kInt) continue;
    if (p.type.constraint == syntax::ConstraintKind::kSimplex) {
      inside = add_simplexes(p, values, coordinates) && inside;
      continue;
    }
    lower::Value constant = lower::make_undefined(p.type);
    for (size_t k = 0; k < p.leaves.size(); ++k)
      constant.elements[k] = values[static_cast<size_t>(p.leaves[k])];
    inside = lower::unconstrain(p.type, constant, coordinates).empty() && inside;
  }
  return inside && static_cast<Index>(coordinates.size()) == dim();
}

void ConjugateCoordinates::to_leaves(LaneMatrix points, std::vector<std::vector<double>>& values,
                                     std::span<double> log_jacobian) const {
  constexpr Index kBlock = 8;
  const size_t count = output_leaves_.size();
  std::vector<double> outputs((count + 1) * kBlock);
  values.resize(static_cast<size_t>(points.lanes));
  for (Index first = 0; first < points.lanes; first += kBlock) {
    const Index used = std::min(kBlock, points.lanes - first);
    plan_->evaluate_outputs({points.data + first, points.rows, used, points.stride},
                            {outputs.data(), static_cast<Index>(count + 1), used, kBlock});
    for (Index l = 0; l < used; ++l) {
      std::vector<double>& own = values[static_cast<size_t>(first + l)];
      own.resize(num_leaves());
      const double* from = outputs.data() + l;
      for (size_t k = 0; k < count; ++k)
        own[static_cast<size_t>(output_leaves_[k])] = from[k * kBlock];
      log_jacobian[static_cast<size_t>(first + l)] = from[count * kBlock];
    }
  }
}

double ConjugateFamily::entropy() const { return std::numeric_limits<double>::quiet_NaN(); }

void ConjugateFamily::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                           MutableLaneMatrix points, std::span<double> log_q) const {
  const conjugate::Network& network = coordinates_->conjugate().network;
  std::vector<double> values(coordinates_->num_leaves()), image(values.size()), at;
  for (Index l = 0; l < points.lanes; ++l) {
    numeric::RandomStream random(key.seed + 0x9e3779b97f4a7c15u * step, key.stream ^ 0x636a0000u,
                                 first_lane + static_cast<uint32_t>(l));
    network.draw(random, values);
    if (!map_.source.empty()) {
      map_.apply(values, image);
      values.swap(image);
    }
    const bool inside = coordinates_->to_coordinates(values, at);
    for (Index d = 0; d < dim(); ++d) points(d, l) = inside ? at[static_cast<size_t>(d)] : kNowhere;
  }
  this->log_q({points.data, points.rows, points.lanes, points.stride}, log_q);
}

void ConjugateFamily::log_q(LaneMatrix points, std::span<double> log_q) const {
  std::vector<std::vector<double>> values;
  coordinates_->to_leaves(points, values, log_q);
  std::vector<double> image(coordinates_->num_leaves());
  for (size_t l = 0; l < values.size(); ++l) {
    if (!back_.source.empty()) {
      back_.apply(values[l], image);
      values[l].swap(image);
    }
    log_q[l] += coordinates_->conjugate().network.log_q(values[l]);
  }
}

void ConjugateDensity::evaluate(LaneMatrix points, std::span<double> value,
                                MutableLaneMatrix gradient) const {
  VINCI_CHECK(gradient.data == nullptr);
  std::vector<std::vector<double>> values;
  coordinates_->to_leaves(points, values, value);
  for (size_t l = 0; l < values.size(); ++l) {
    value[l] += coordinates_->conjugate().network.log_density(values[l]);
    if (std::isnan(value[l])) value[l] = -std::numeric_limits<double>::infinity();
  }
}

void draw_states(const ConjugateCoordinates& coordinates, LaneMatrix points, uint64_t seed,
                 uint64_t first, MutableLaneMatrix states) {
  std::vector<std::vector<double>> values;
  std::vector<double> unused(static_cast<size_t>(points.lanes));
  coordinates.to_leaves(points, values, unused);
  for (Index l = 0; l < points.lanes; ++l) {
    std::vector<double>& own = values[static_cast<size_t>(l)];
    numeric::RandomStream random(seed, kStateStream,
                                 static_cast<uint32_t>(first + static_cast<uint64_t>(l)));
    coordinates.conjugate().network.draw_states(own, random);
    for (Index m = 0; m < states.rows; ++m) {
      states(m, l) =
          own[static_cast<size_t>(coordinates.discrete_leaves()[static_cast<size_t>(m)])];
    }
  }
}

void add_state_probabilities(const ConjugateCoordinates& coordinates, LaneMatrix points,
                             std::span<const double> weights, std::span<double> sum) {
  const auto& leaves = coordinates.conjugate().statements.leaves;
  std::vector<size_t> first_of_leaf(leaves.size());
  size_t next = 0;
  for (const int32_t leaf : coordinates.discrete_leaves()) {
    const conjugate::Leaf& z = leaves[static_cast<size_t>(leaf)];
    first_of_leaf[static_cast<size_t>(leaf)] = next;
    next += static_cast<size_t>(z.high - z.low + 1);
  }
  std::vector<std::vector<double>> values;
  std::vector<double> unused(static_cast<size_t>(points.lanes));
  coordinates.to_leaves(points, values, unused);
  for (size_t l = 0; l < values.size(); ++l) {
    coordinates.conjugate().network.visit_states(
        values[l], [&](int32_t leaf, int64_t, std::span<const double> p) {
          for (size_t k = 0; k < p.size(); ++k)
            sum[first_of_leaf[static_cast<size_t>(leaf)] + k] += weights[l] * p[k];
        });
  }
}

}  // namespace vinci::api
