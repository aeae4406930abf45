#include "conjugate/network.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "numeric/parallel/thread_pool.h"

namespace vinci::conjugate {

namespace {

constexpr double kRounding = 1e-10;  // relative decrease of a bound that means nothing

uint64_t hash_slots(const Slot* slots) {
  uint64_t h = 0x9e3779b97f4a7c15u;
  for (size_t k = 0; k < kMaxDegree; ++k) {
    h = (h ^ static_cast<uint32_t>(slots[k])) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  return h;
}

/// Compensated, so that a bound of a million terms is known to its last digits.
class Sum {
 public:
  void add(double x) {
    const double t = sum_ + x;
    rest_ += std::abs(sum_) >= std::abs(x) ? (sum_ - t) + x : (x - t) + sum_;
    sum_ = t;
  }
  double value() const { return sum_ + rest_; }

 private:
  double sum_ = 0, rest_ = 0;
};

std::vector<double> pick(std::span<const double> values, const std::vector<int32_t>& at) {
  std::vector<double> own(at.size());
  for (size_t k = 0; k < own.size(); ++k) own[k] = values[static_cast<size_t>(at[k])];
  return own;
}

}  // namespace

int32_t Network::add(VariablePtr variable) {
  const int64_t count = variable->num_statistics();
  const auto first = static_cast<Slot>(mean_.size());
  places_.push_back({first, count});
  mean_.resize(mean_.size() + static_cast<size_t>(count), 0.0);
  variables_.push_back(std::move(variable));
  return num_variables() - 1;
}

void Network::add_monomial(double c, std::span<const Slot> slots) {
  if (c == 0) return;
  if (slots.empty()) return add_constant(c);
  VINCI_CHECK(slots.size() <= kMaxDegree);
  std::array<Slot, kMaxDegree> key;
  key.fill(-1);
  std::copy(slots.begin(), slots.end(), key.begin());
  std::sort(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(slots.size()));
  if (2 * (coefficients_.size() + 1) > table_.size()) {
    table_.assign(std::max<size_t>(64, 4 * table_.size()), -1);
    for (size_t m = 0; m < coefficients_.size(); ++m) {
      size_t at = hash_slots(&slots_[m * kMaxDegree]) & (table_.size() - 1);
      while (table_[at] >= 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = static_cast<int64_t>(m);
    }
  }
  size_t at = hash_slots(key.data()) & (table_.size() - 1);
  for (; table_[at] >= 0; at = (at + 1) & (table_.size() - 1)) {
    const auto m = static_cast<size_t>(table_[at]);
    if (std::equal(key.begin(), key.end(),
                   slots_.begin() + static_cast<std::ptrdiff_t>(m * kMaxDegree))) {
      coefficients_[m] += c;
      return;
    }
  }
  table_[at] = static_cast<int64_t>(coefficients_.size());
  coefficients_.push_back(c);
  slots_.insert(slots_.end(), key.begin(), key.end());
}

bool Network::finish(int32_t& clash) {
  table_ = {};
  eta_.assign(mean_.size(), 0.0);
  std::vector<int32_t> owner(mean_.size());
  for (int32_t v = 0; v < num_variables(); ++v) {
    std::fill_n(owner.begin() + place(v).first, place(v).count, v);
  }
  first_use_.assign(variables_.size() + 1, 0);
  const auto each = [&](auto visit) {
    for (size_t m = 0; m < coefficients_.size(); ++m) {
      for (size_t k = 0; k < kMaxDegree; ++k) {
        const Slot s = slots_[m * kMaxDegree + k];
        if (s < 0) break;
        visit(static_cast<int32_t>(m), s, static_cast<size_t>(owner[static_cast<size_t>(s)]));
      }
    }
  };
  int32_t last_monomial = -1;
  std::vector<size_t> seen;
  bool ok = true;
  each([&](int32_t m, Slot, size_t v) {
    if (m != last_monomial) seen.clear();
    last_monomial = m;
    if (std::find(seen.begin(), seen.end(), v) != seen.end()) {
      clash = static_cast<int32_t>(v);
      ok = false;
    }
    seen.push_back(v);
    ++first_use_[v + 1];
  });
  if (!ok) return false;
  for (size_t v = 0; v < variables_.size(); ++v) first_use_[v + 1] += first_use_[v];
  uses_.resize(static_cast<size_t>(first_use_.back()));
  std::vector<int64_t> next(first_use_.begin(), first_use_.end() - 1);
  is_conjugate_ = std::none_of(variables_.begin(), variables_.end(),
                               [](const VariablePtr& v) { return v->is_nonconjugate(); });
  is_summed_.assign(coefficients_.size(), 0);
  has_density_ = true;
  each([&](int32_t m, Slot s, size_t v) {
    uses_[static_cast<size_t>(next[v]++)] = {m, s};
    if (!variables_[v]->is_summed()) return;
    char& summed = is_summed_[static_cast<size_t>(m)];
    has_density_ = has_density_ && !summed;
    summed = 1;
  });
  return true;
}

void Network::gradient(int32_t v, std::span<const double> statistics, std::span<double> eta) const {
  std::fill(eta.begin(), eta.end(), 0.0);
  const Slot first = place(v).first;
  const auto begin = static_cast<size_t>(first_use_[static_cast<size_t>(v)]);
  const auto end = static_cast<size_t>(first_use_[static_cast<size_t>(v) + 1]);
  for (size_t u = begin; u < end; ++u) {
    const Use use = uses_[u];
    double product = coefficients_[static_cast<size_t>(use.monomial)];
    const Slot* slots = &slots_[static_cast<size_t>(use.monomial) * kMaxDegree];
    for (size_t k = 0; k < kMaxDegree && slots[k] >= 0; ++k) {
      if (slots[k] != use.slot) product *= statistics[static_cast<size_t>(slots[k])];
    }
    eta[static_cast<size_t>(use.slot - first)] += product;
  }
}

void Network::start(numeric::RandomStream& random) {
  for (int32_t v = 0; v < num_variables(); ++v) {
    const Place& p = place(v);
    variables_[static_cast<size_t>(v)]->start(
        random, {mean_.data() + p.first, static_cast<size_t>(p.count)});
  }
}

bool Network::update(int32_t v, double damping) {
  const Place& p = place(v);
  std::vector<double> eta(static_cast<size_t>(p.count));
  gradient(v, eta);
  double* old = eta_.data() + p.first;
  // What a non-conjugate factor expects is that of q as it is.
  if (damping > 0 && !variables_[static_cast<size_t>(v)]->is_nonconjugate()) {
    for (size_t k = 0; k < eta.size(); ++k) eta[k] += damping * (old[k] - eta[k]);
  }
  if (!variables_[static_cast<size_t>(v)]->update(
          eta, {mean_.data() + p.first, static_cast<size_t>(p.count)})) {
    return false;
  }
  std::copy(eta.begin(), eta.end(), old);
  return true;
}

double Network::elbo() const {
  Sum sum;
  sum.add(constant_);
  for (size_t m = 0; m < coefficients_.size(); ++m) {
    double product = coefficients_[m];
    for (size_t k = 0; k < kMaxDegree && slots_[m * kMaxDegree + k] >= 0; ++k) {
      product *= mean_[static_cast<size_t>(slots_[m * kMaxDegree + k])];
    }
    sum.add(product);
  }
  for (int32_t v = 0; v < num_variables(); ++v) {
    const Place& p = place(v);
    sum.add(variables_[static_cast<size_t>(v)]->log_partition());
    for (int64_t k = 0; k < p.count; ++k) {
      const auto s = static_cast<size_t>(p.first + k);
      // A statistic that is -inf under a point of no mass has no weight: 0 (-inf) = 0.
      if (eta_[s] != 0) sum.add(-eta_[s] * mean_[s]);
    }
  }
  return sum.value();
}

std::vector<double> Network::statistics(std::span<const double> values) const {
  std::vector<double> u(mean_.size()), own;
  for (int32_t v = 0; v < num_variables(); ++v) {
    if (variable(v).is_summed()) continue;
    own = pick(values, variable(v).leaves());
    variable(v).statistics(own, {u.data() + place(v).first, static_cast<size_t>(place(v).count)});
  }
  return u;
}

template <class Visit>
void Network::for_each_summed(std::span<const double> statistics, std::span<const double> values,
                              Visit visit) const {
  std::vector<double> eta, own;
  for (int32_t v = 0; v < num_variables(); ++v) {
    const Variable& x = variable(v);
    if (!x.is_summed()) continue;
    eta.resize(static_cast<size_t>(place(v).count));
    gradient(v, statistics, eta);
    if (!x.is_discrete()) own = pick(values, x.leaves());
    visit(x, std::span<const double>(eta), std::span<const double>(own));
  }
}

double Network::log_density(std::span<const double> values) const {
  VINCI_CHECK(has_density_);
  const std::vector<double> u = statistics(values);
  Sum sum;
  sum.add(constant_);
  for (size_t m = 0; m < coefficients_.size(); ++m) {
    if (is_summed_[m]) continue;
    double product = coefficients_[m];
    for (size_t k = 0; k < kMaxDegree && slots_[m * kMaxDegree + k] >= 0; ++k)
      product *= u[static_cast<size_t>(slots_[m * kMaxDegree + k])];
    sum.add(product);
  }
  for_each_summed(u, values,
                  [&](const Variable& x, auto eta, auto own) { sum.add(x.log_sum(eta, own)); });
  const double total = sum.value();
  return std::isfinite(total) ? total : -std::numeric_limits<double>::infinity();
}

void Network::visit_states(std::span<const double> values,
                           const Variable::StateVisitor& visit) const {
  for_each_summed(statistics(values), values,
                  [&](const Variable& x, auto eta, auto own) { x.visit_states(eta, own, visit); });
}

void Network::draw_states(std::span<double> values, numeric::RandomStream& random) const {
  for_each_summed(statistics(values), values, [&](const Variable& x, auto eta, auto own) {
    x.draw_states(eta, own, random, values);
  });
}

void Network::draw(numeric::RandomStream& random, std::span<double> values) const {
  std::vector<double> own;
  for (const VariablePtr& x : variables_) {
    if (x->leaves().empty() || x->is_discrete()) continue;
    own.resize(x->leaves().size());
    x->draw(random, own);
    for (size_t k = 0; k < own.size(); ++k) values[static_cast<size_t>(x->leaves()[k])] = own[k];
  }
}

double Network::log_q(std::span<const double> values) const {
  double sum = 0;
  for (const VariablePtr& x : variables_) {
    if (!x->leaves().empty() && !x->is_discrete()) sum += x->log_density(pick(values, x->leaves()));
  }
  return sum;
}

bool Network::follow_plates(AscentResult& result) {
  const bool has_plates = std::any_of(variables_.begin(), variables_.end(),
                                      [](const VariablePtr& v) { return v->is_plate(); });
  for (int32_t v = 0; has_plates && v < num_variables(); ++v) {
    if (!variable(v).is_plate() && !update(v)) {
      result.improper = v;
      return false;
    }
  }
  return true;
}

bool Network::sweep(double damping, const Context& context, AscentResult& result) {
  for (const bool plates : {true, false}) {
    for (int32_t v = 0; v < num_variables(); ++v) {
      if (variable(v).is_plate() != plates) continue;
      if (!update(v, damping)) {
        result.improper = v;
        return false;
      }
      if (context.cancelled()) {
        result.cancelled = true;
        return false;
      }
    }
  }
  ++result.sweeps;
  result.elbo = elbo();
  result.elbos.push_back(result.elbo);
  return true;
}

void Network::retreat(AscentResult& result) {
  result.elbos.pop_back();
  ++result.retreats;
  for (int32_t v = 0; v < num_variables(); ++v) {
    const Place& p = place(v);
    variable(v).retreat({mean_.data() + p.first, static_cast<size_t>(p.count)});
  }
}

AscentResult Network::ascend(const AscentOptions& options, const Context& context) {
  numeric::ThreadPool pool(options.threads);
  for (const VariablePtr& v : variables_) v->set_pool(options.threads == 1 ? nullptr : &pool);
  AscentResult result;
  const auto start = std::chrono::steady_clock::now();
  const auto is_late = [&] {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return spent.count() > options.max_seconds;
  };
  if (!follow_plates(result)) {
    // improper
  } else if (options.minibatch > 0) {
    result = ascend_minibatches(options, is_late, context);
  } else {
    // The first sweep takes the place of the start: nothing to damp yet, and nothing to end with.
    while (result.sweeps < options.max_sweeps && !(result.sweeps > 0 && is_late()) &&
           (result.sweeps == 0 ? sweep(0, {}, result) : sweep(options.damping, context, result))) {
      if (result.elbos.size() < 2) continue;
      const double scale = 1 + std::abs(result.elbo);
      const double decrease = result.elbos[result.elbos.size() - 2] - result.elbo;
      if (!is_conjugate_ && decrease > kRounding * scale) {
        retreat(result);
        continue;
      }
      if (decrease > kRounding * scale)
        result.largest_decrease = std::max(result.largest_decrease, decrease);
      if (std::abs(decrease) <= options.tolerance * scale) {
        result.converged = true;
        break;
      }
    }
  }
  for (const VariablePtr& v : variables_) v->set_pool(nullptr);
  return result;
}

AscentResult Network::ascend_minibatches(const AscentOptions& options,
                                         const std::function<bool()>& is_late,
                                         const Context& context) {
  AscentResult result;
  numeric::RandomStream random(options.seed, 0x6d62);
  // One variable's units of each batch; all plates go through their batches together.
  const auto batches =
      static_cast<int64_t>(std::max(1.0, std::round(1 / std::min(1.0, options.minibatch))));
  std::vector<int64_t> order(static_cast<size_t>(batches));
  for (size_t b = 0; b < order.size(); ++b) order[b] = static_cast<int64_t>(b);
  int64_t step = 0;
  bool is_cut = false;
  while (result.sweeps < options.max_sweeps) {
    for (size_t b = order.size(); b > 1; --b)
      std::swap(order[b - 1], order[static_cast<size_t>(random.integer(static_cast<int64_t>(b)))]);
    for (const int64_t batch : order) {
      ++step;
      const double size = std::pow(static_cast<double>(step) + options.delay, -options.forgetting);
      for (const bool plates : {true, false}) {
        for (int32_t v = 0; v < num_variables(); ++v) {
          Variable& x = variable(v);
          const int64_t units = x.num_units();
          if ((units > 0) != plates) continue;
          if (plates) {
            const int64_t first = units * batch / batches;
            const int64_t count = units * (batch + 1) / batches - first;
            if (count == 0) continue;
            x.set_batch(first, count, static_cast<double>(units) / static_cast<double>(count));
          }
          if (!update(v, plates ? 0 : 1 - size)) {
            result.improper = v;
            return result;
          }
        }
      }
      result.cancelled = context.cancelled();
      is_cut = result.cancelled || is_late();
      if (is_cut) break;
    }
    if (is_cut) break;
    ++result.sweeps;
  }
  // All units once more, so that every q is there and the bound is exact.
  for (int32_t v = 0; v < num_variables(); ++v) {
    if (variable(v).num_units() == 0) continue;
    variable(v).set_batch(0, -1, 1);
    if (!update(v)) result.improper = v;
  }
  result.elbo = elbo();
  result.elbos.push_back(result.elbo);
  result.converged = !is_cut;
  return result;
}

}  // namespace vinci::conjugate
