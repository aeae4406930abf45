#include "infer/family/mixed_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

LaneMatrix rows_of(LaneMatrix m, Index first, Index count) {
  return {m.data + first * m.stride, count, m.lanes, m.stride};
}
MutableLaneMatrix rows_of(MutableLaneMatrix m, Index first, Index count) {
  return {m.data + first * m.stride, count, m.lanes, m.stride};
}

}  // namespace

MixedFamily::MixedFamily(ParametricFamilyPtr continuous, std::vector<DiscreteStates> discrete)
    : continuous_(std::move(continuous)), discrete_(std::move(discrete)) {
  VINCI_CHECK(continuous_->dim() == 0 || continuous_->reparameterised());
  for (const DiscreteStates& s : discrete_) {
    VINCI_CHECK(s.count >= 2);
    first_logits_.push_back(num_logits_);
    num_logits_ += s.count - 1;
  }
}

std::string MixedFamily::describe() const {
  const std::string factors =
      fmt::format("{} discrete factor{}", num_discrete(), num_discrete() == 1 ? "" : "s");
  return num_continuous() == 0 ? factors : continuous_->describe() + " times " + factors;
}

std::string MixedFamily::param_name(Index p) const {
  if (p < continuous_->num_params()) return continuous_->param_name(p);
  p -= continuous_->num_params();
  const auto after = std::upper_bound(first_logits_.begin(), first_logits_.end(), p);
  const auto m = after - first_logits_.begin() - 1;
  const DiscreteStates& s = discrete_[static_cast<size_t>(m)];
  const std::string name = s.name.empty() ? fmt::format("z[{}]", m + 1) : s.name;
  return fmt::format("logit({} = {})", name, s.low + 1 + p - first_logit(m));
}

FamilyPtr MixedFamily::at(std::span<const double> lambda) const {
  return std::make_shared<Mixed>(*this, std::vector<double>(lambda.begin(), lambda.end()));
}

std::vector<double> MixedFamily::log_probabilities(std::span<const double> lambda) const {
  const std::span<const double> a = logits(lambda);
  std::vector<double> result(static_cast<size_t>(num_states()));
  for (Index m = 0; m < num_discrete(); ++m) {
    const Index count = discrete_[static_cast<size_t>(m)].count;
    double* out = result.data() + first_state(m);
    const double* own = a.data() + first_logit(m);
    double top = 0;
    for (Index k = 1; k < count; ++k) top = std::max(top, own[k - 1]);
    double sum = std::exp(-top);
    for (Index k = 1; k < count; ++k) sum += std::exp(own[k - 1] - top);
    const double normaliser = top + std::log(sum);
    out[0] = -normaliser;
    for (Index k = 1; k < count; ++k) out[k] = own[k - 1] - normaliser;
  }
  return result;
}

void MixedFamily::draw_states(std::span<const double> log_probabilities, LaneMatrix uniform,
                              MutableLaneMatrix states) const {
  std::vector<double> upper;  // P(state <= k)
  for (Index m = 0; m < num_discrete(); ++m) {
    const DiscreteStates& s = discrete_[static_cast<size_t>(m)];
    upper.assign(static_cast<size_t>(s.count), 1.0);
    double sum = 0;
    for (Index k = 0; k + 1 < s.count; ++k) {
      sum += std::exp(log_probabilities[static_cast<size_t>(first_state(m) + k)]);
      upper[static_cast<size_t>(k)] = sum;
    }
    // The last state that has any probability, where rounding leaves a rest.
    Index last = s.count - 1;
    while (last > 0 && !(log_probabilities[static_cast<size_t>(first_state(m) + last)] > -700)) {
      --last;
    }
    for (Index l = 0; l < uniform.lanes; ++l) {
      Index k = 0;
      while (k < last && uniform(m, l) > upper[static_cast<size_t>(k)]) ++k;
      states(m, l) = static_cast<double>(s.low + k);
    }
  }
}

void MixedFamily::log_q_of_states(std::span<const double> log_probabilities, LaneMatrix states,
                                  MutableLaneMatrix log_q) const {
  for (Index m = 0; m < num_discrete(); ++m) {
    const double* own = log_probabilities.data() + first_state(m);
    for (Index l = 0; l < states.lanes; ++l) {
      const Index k = state_index(m, states(m, l));
      log_q(m, l) = k < 0 ? -std::numeric_limits<double>::infinity() : own[k];
    }
  }
}

void MixedFamily::score(std::span<const double> lambda, LaneMatrix points,
                        MutableLaneMatrix score) const {
  if (num_continuous() > 0) {
    continuous_->score(continuous_params(lambda), rows_of(points, 0, num_continuous()),
                       rows_of(score, 0, first_logit_param()));
  }
  logit_score(lambda, points, rows_of(score, first_logit_param(), num_logits()));
}

void MixedFamily::logit_score(std::span<const double> lambda, LaneMatrix points,
                              MutableLaneMatrix score) const {
  const std::vector<double> log_pi = log_probabilities(lambda);
  for (Index m = 0; m < num_discrete(); ++m) {
    for (Index k = 1; k < discrete_[static_cast<size_t>(m)].count; ++k) {
      const double pi = std::exp(log_pi[static_cast<size_t>(first_state(m) + k)]);
      double* out = score.row(first_logit(m) + k - 1);
      for (Index l = 0; l < points.lanes; ++l) {
        out[l] = (state_index(m, points(num_continuous() + m, l)) == k ? 1 : 0) - pi;
      }
    }
  }
}

void MixedFamily::log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                                 MutableLaneMatrix gradient) const {
  map_lanes(gradient).setZero();
  if (num_continuous() == 0) return;
  continuous_->log_q_gradient(continuous_params(lambda), rows_of(points, 0, num_continuous()),
                              rows_of(gradient, 0, num_continuous()));
}

bool MixedFamily::entropy_gradient(std::span<const double> lambda,
                                   std::span<double> gradient) const {
  const auto first = static_cast<size_t>(continuous_->num_params());
  const std::vector<double> log_pi = log_probabilities(lambda);
  for (Index m = 0; m < num_discrete(); ++m) {
    const Index count = discrete_[static_cast<size_t>(m)].count;
    const double* own = log_pi.data() + first_state(m);
    double entropy = 0;
    for (Index k = 0; k < count; ++k) entropy -= std::exp(own[k]) * own[k];
    for (Index k = 1; k < count; ++k) {
      gradient[first + static_cast<size_t>(first_logit(m) + k - 1)] =
          -std::exp(own[k]) * (own[k] + entropy);
    }
  }
  return continuous_->entropy_gradient(continuous_params(lambda), gradient.first(first));
}

ParametricFamily::TapePtr MixedFamily::transform(std::span<const double>, LaneMatrix,
                                                 MutableLaneMatrix, std::span<double>) const {
  VINCI_CHECK(false);  // not reparameterised
  return nullptr;
}

void MixedFamily::pathwise(std::span<const double>, LaneMatrix, LaneMatrix, const Tape*, LaneMatrix,
                           MutableLaneMatrix) const {
  VINCI_CHECK(false);  // not reparameterised
}

Mixed::Mixed(MixedFamily family, std::vector<double> lambda)
    : family_(std::move(family)),
      lambda_(std::move(lambda)),
      log_probabilities_(family_.log_probabilities(lambda_)),
      continuous_(family_.continuous().at(family_.continuous_params(lambda_))) {}

void Mixed::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                 MutableLaneMatrix points, std::span<double> log_q) const {
  const Index d = family_.num_continuous(), m = family_.num_discrete();
  continuous_->draw(key, step, first_lane, rows_of(points, 0, d), log_q);
  Matrix uniform(m, points.lanes), of_states(m, points.lanes);
  numeric::fill_uniform(states_key(key), step, first_lane, m, points.lanes, uniform.data(),
                        points.lanes);
  const MutableLaneMatrix states = rows_of(points, d, m);
  family_.draw_states(log_probabilities_, lanes_of(uniform), states);
  family_.log_q_of_states(log_probabilities_, {states.data, m, states.lanes, states.stride},
                          mutable_lanes(of_states));
  for (Index l = 0; l < points.lanes; ++l) log_q[static_cast<size_t>(l)] += of_states.col(l).sum();
}

void Mixed::log_q(LaneMatrix points, std::span<double> log_q) const {
  const Index d = family_.num_continuous(), m = family_.num_discrete();
  continuous_->log_q(rows_of(points, 0, d), log_q);
  Matrix of_states(m, points.lanes);
  family_.log_q_of_states(log_probabilities_, rows_of(points, d, m), mutable_lanes(of_states));
  for (Index l = 0; l < points.lanes; ++l) log_q[static_cast<size_t>(l)] += of_states.col(l).sum();
}

double Mixed::entropy() const {
  double sum = continuous_->entropy();
  for (const double v : log_probabilities_) sum -= v > -700 ? std::exp(v) * v : 0;
  return sum;
}

}  // namespace vinci::infer
