#include "conjugate/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "conjugate/rows_kernels.h"
#include "numeric/linalg/dense_layer.h"

namespace vinci::conjugate {

using namespace numeric;  // NOLINT: the dispatch macro names its namespaces from there

namespace {

using numeric::kRowTile;
// Each part has statistics of its own, added up in order: the sum does not depend on the threads.
constexpr int64_t kMaxParts = 16;
constexpr size_t kMaxPartDoubles = size_t{1} << 25;  // of all parts together

template <class Body>
void run_parts(numeric::ThreadPool* pool, int64_t parts, Body&& body) {
  if (pool != nullptr && parts > 1) {
    pool->parallel_for(parts, body);
  } else {
    for (int64_t p = 0; p < parts; ++p) body(p);
  }
}

}  // namespace

Rows::Rows(RowData data) : data_(std::move(data)) {
  leaves_ = data_.leaves;
  int64_t next = data_.states * num_features();
  for (const RowData::Categories& c : data_.categories) {
    category_first_.push_back(next);
    next += c.count * data_.states;
  }
  group_first_ = next;
  next += data_.num_groups * data_.states;
  transition_first_ = next;
  if (!data_.follows.empty()) next += data_.states * data_.states;
  num_statistics_ = next;
}

int64_t Rows::num_statistics() const { return num_statistics_; }
int64_t Rows::num_tiles() const { return (data_.rows + kRowTile - 1) / kRowTile; }
int64_t Rows::num_units() const { return data_.follows.empty() ? num_tiles() : 0; }

void Rows::set_batch(int64_t first, int64_t count, double scale) {
  batch_first_ = first;
  batch_count_ = count;
  batch_scale_ = scale;
}

void Rows::scores(const double* eta, int64_t first, int64_t count, double* features,
                  double* out) const {
  const int64_t num = num_features(), states = data_.states;
  std::vector<const double*> left(static_cast<size_t>(num)), right(static_cast<size_t>(num));
  for (size_t s = 0; s < data_.features.size(); ++s) {
    const auto at = [&](int32_t column) {
      return column < 0 ? nullptr : data_.columns[static_cast<size_t>(column)].data() + first;
    };
    left[s] = at(data_.features[s].left);
    right[s] = at(data_.features[s].right);
  }
  VINCI_SIMD_SELECT(row_features)(num, left.data(), right.data(), count, features);
  VINCI_SIMD_SELECT(dense_product)
  (states, num, eta, num, 1, nullptr, 1.0, features, kRowTile, out, kRowTile, kRowTile);
  for (size_t c = 0; c < data_.categories.size(); ++c) {
    for (int64_t l = 0; l < count; ++l) {
      const double* table =
          eta + slot_of_category(c, data_.categories[c].values[static_cast<size_t>(first + l)], 0);
      for (int64_t k = 0; k < states; ++k) out[k * kRowTile + l] += table[k];
    }
  }
  for (int64_t l = 0; l < count && !data_.groups.empty(); ++l) {
    const int32_t group = data_.groups[static_cast<size_t>(first + l)];
    if (group < 0) continue;
    const double* table = eta + slot_of_group(group, 0);
    for (int64_t k = 0; k < states; ++k) out[k * kRowTile + l] += table[k];
  }
  for (int64_t l = 0; l < count && !data_.offsets.empty(); ++l) {
    const double* offset = data_.offsets.data() + (first + l) * states;
    for (int64_t k = 0; k < states; ++k) out[k * kRowTile + l] += offset[k];
  }
}

void Rows::accumulate(int64_t first, int64_t count, const double* features, const double* r,
                      double* mean) const {
  const int64_t states = data_.states;
  VINCI_SIMD_SELECT(dense_outer)
  (states, num_features(), r, kRowTile, features, kRowTile, mean, num_features(), kRowTile);
  for (size_t c = 0; c < data_.categories.size(); ++c) {
    for (int64_t l = 0; l < count; ++l) {
      double* table =
          mean + slot_of_category(c, data_.categories[c].values[static_cast<size_t>(first + l)], 0);
      for (int64_t k = 0; k < states; ++k) table[k] += r[k * kRowTile + l];
    }
  }
  for (int64_t l = 0; l < count && !data_.groups.empty(); ++l) {
    const int32_t group = data_.groups[static_cast<size_t>(first + l)];
    if (group < 0) continue;
    double* table = mean + slot_of_group(group, 0);
    for (int64_t k = 0; k < states; ++k) table[k] += r[k * kRowTile + l];
  }
}

/// Rows [first, first + count), a whole number of tiles: adds statistics, returns the sum of log
/// partition functions.
double Rows::sweep_rows(const double* eta, int64_t first, int64_t count, double* mean) const {
  std::vector<double> features(static_cast<size_t>(num_features() * kRowTile));
  std::vector<double> r(static_cast<size_t>(data_.states * kRowTile));
  double log_sum[kRowTile];
  double total = 0;
  for (int64_t at = first; at < first + count; at += kRowTile) {
    const int64_t width = std::min(kRowTile, data_.rows - at);
    scores(eta, at, width, features.data(), r.data());
    VINCI_SIMD_SELECT(normalise_rows)(data_.states, width, r.data(), log_sum);
    double sum = 0;
    for (double s : log_sum) sum += s;
    total += sum;
    if (mean != nullptr) accumulate(at, width, features.data(), r.data(), mean);
  }
  return total;
}

/// Forward-backward, in probabilities scaled row by row.  [Rabiner 1989, doi 10.1109/5.18626]
double Rows::sweep_chains(const double* eta, double* mean, std::vector<double>* responsibilities,
                          std::vector<double>* filtered) const {
  const auto states = static_cast<size_t>(data_.states);
  const auto rows = static_cast<size_t>(data_.rows);
  std::vector<double> features(static_cast<size_t>(num_features() * kRowTile));
  std::vector<double> tile(states * kRowTile);
  std::vector<double> potential(rows * states), top(rows);
  for (int64_t at = 0; at < data_.rows; at += kRowTile) {
    const int64_t width = std::min(kRowTile, data_.rows - at);
    scores(eta, at, width, features.data(), tile.data());
    for (int64_t l = 0; l < width; ++l) {
      const auto n = static_cast<size_t>(at + l);
      double most = -std::numeric_limits<double>::infinity();
      for (size_t k = 0; k < states; ++k)
        most = std::max(most, tile[k * kRowTile + static_cast<size_t>(l)]);
      if (!std::isfinite(most)) most = 0;
      top[n] = most;
      for (size_t k = 0; k < states; ++k) {
        potential[n * states + k] = std::exp(tile[k * kRowTile + static_cast<size_t>(l)] - most);
      }
    }
  }
  // Rows of the transition matrix, each scaled by its own largest element and all by the largest.
  std::vector<double> transition(states * states);
  double transition_top = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < states * states; ++k)
    transition_top = std::max(transition_top, eta[static_cast<size_t>(transition_first_) + k]);
  if (!std::isfinite(transition_top)) transition_top = 0;
  for (size_t k = 0; k < states * states; ++k)
    transition[k] = std::exp(eta[static_cast<size_t>(transition_first_) + k] - transition_top);
  std::vector<double> forward(rows * states), scale(rows);
  double total = 0;
  for (size_t n = 0; n < rows; ++n) {
    double* f = &forward[n * states];
    const double* p = &potential[n * states];
    if (data_.follows[n]) {
      const double* last = f - states;
      for (size_t j = 0; j < states; ++j) f[j] = 0;
      for (size_t i = 0; i < states; ++i) {
        for (size_t j = 0; j < states; ++j) f[j] += last[i] * transition[i * states + j];
      }
      for (size_t j = 0; j < states; ++j) f[j] *= p[j];
      total += transition_top;
    } else {
      for (size_t j = 0; j < states; ++j) f[j] = p[j];
    }
    double sum = 0;
    for (size_t j = 0; j < states; ++j) sum += f[j];
    scale[n] = sum;
    for (size_t j = 0; j < states; ++j) f[j] /= sum;
    total += std::log(sum) + top[n];
  }
  if (filtered != nullptr) *filtered = forward;
  if (mean == nullptr && responsibilities == nullptr) return total;
  // r_n = forward_n backward_n, backward by the same scales.
  std::vector<double> backward(states, 1.0), next(states);
  for (size_t n = rows; n-- > 0;) {
    double* f = &forward[n * states];
    if (n + 1 < rows && data_.follows[n + 1]) {
      const double* p = &potential[(n + 1) * states];
      for (size_t j = 0; j < states; ++j) next[j] = p[j] * backward[j] / scale[n + 1];
      for (size_t i = 0; i < states; ++i) {
        double sum = 0;
        for (size_t j = 0; j < states; ++j) {
          const double joint = transition[i * states + j] * next[j];
          sum += joint;
          if (mean != nullptr)
            mean[static_cast<size_t>(transition_first_) + i * states + j] += f[i] * joint;
        }
        backward[i] = sum;
      }
    } else {
      std::fill(backward.begin(), backward.end(), 1.0);
    }
    for (size_t k = 0; k < states; ++k) f[k] *= backward[k];
  }
  if (mean != nullptr) {
    std::vector<double> r(states * kRowTile);
    for (int64_t at = 0; at < data_.rows; at += kRowTile) {
      const int64_t width = std::min(kRowTile, data_.rows - at);
      scores(eta, at, width, features.data(), tile.data());
      std::fill(r.begin(), r.end(), 0.0);
      for (int64_t l = 0; l < width; ++l) {
        for (size_t k = 0; k < states; ++k)
          r[k * kRowTile + static_cast<size_t>(l)] =
              forward[static_cast<size_t>(at + l) * states + k];
      }
      accumulate(at, width, features.data(), r.data(), mean);
    }
  }
  if (responsibilities != nullptr) *responsibilities = std::move(forward);
  return total;
}

bool Rows::update(std::span<const double> eta, std::span<double> mean) {
  for (double e : eta) {
    if (std::isnan(e) || e == std::numeric_limits<double>::infinity()) return false;
  }
  eta_.assign(eta.begin(), eta.end());
  std::fill(mean.begin(), mean.end(), 0.0);
  if (!data_.follows.empty()) {
    log_partition_ = sweep_chains(eta.data(), mean.data(), nullptr);
    return std::isfinite(log_partition_);
  }
  const int64_t first_tile = batch_count_ < 0 ? 0 : batch_first_;
  const int64_t tiles = batch_count_ < 0 ? num_tiles() : batch_count_;
  int64_t parts = std::min(kMaxParts, tiles);
  while (parts > 1 && static_cast<size_t>(parts) * mean.size() > kMaxPartDoubles) parts /= 2;
  std::vector<std::vector<double>> partial(static_cast<size_t>(parts));
  std::vector<double> log_sums(static_cast<size_t>(parts), 0.0);
  run_parts(pool_, parts, [&](std::ptrdiff_t p) {
    const int64_t begin = first_tile + tiles * p / parts;
    const int64_t end = first_tile + tiles * (p + 1) / parts;
    auto& own = partial[static_cast<size_t>(p)];
    own.assign(mean.size(), 0.0);
    log_sums[static_cast<size_t>(p)] =
        sweep_rows(eta_.data(), begin * kRowTile, (end - begin) * kRowTile, own.data());
  });
  log_partition_ = 0;
  for (size_t p = 0; p < partial.size(); ++p) {
    log_partition_ += batch_scale_ * log_sums[p];
    for (size_t s = 0; s < mean.size(); ++s) mean[s] += batch_scale_ * partial[p][s];
  }
  return std::isfinite(log_partition_);
}

double Rows::log_sum(std::span<const double> eta, std::span<const double>) const {
  if (!data_.follows.empty()) return sweep_chains(eta.data(), nullptr, nullptr);
  return sweep_rows(eta.data(), 0, data_.rows, nullptr);
}

/// Rows go to the nearest of K of them that lie apart, by the columns in their deviations.
/// [k-means++: Arthur and Vassilvitskii 2007]
void Rows::start(numeric::RandomStream& random, std::span<double> mean) {
  const int64_t n = data_.rows, states = data_.states;
  std::vector<size_t> used;
  std::vector<double> scale;
  for (size_t c = 0; c < data_.columns.size(); ++c) {
    double sum = 0, square = 0;
    for (double x : data_.columns[c]) sum += x;
    const double m = sum / static_cast<double>(std::max<int64_t>(n, 1));
    for (double x : data_.columns[c]) square += (x - m) * (x - m);
    const double variance = square / static_cast<double>(std::max<int64_t>(n, 1));
    if (!(variance > 0 && std::isfinite(variance))) continue;
    used.push_back(c);
    scale.push_back(1 / variance);
  }
  std::vector<int32_t> label(static_cast<size_t>(n));
  if (used.empty() || n < states) {
    for (int32_t& l : label) l = static_cast<int32_t>(random.integer(states));
  } else {
    std::vector<double> nearest(static_cast<size_t>(n), std::numeric_limits<double>::infinity());
    int64_t seed = random.integer(n);
    for (int32_t k = 0; k < states; ++k) {
      double total = 0;
      for (int64_t i = 0; i < n; ++i) {
        double d = 0;
        for (size_t c = 0; c < used.size(); ++c) {
          const auto& column = data_.columns[used[c]];
          const double t = column[static_cast<size_t>(i)] - column[static_cast<size_t>(seed)];
          d += t * t * scale[c];
        }
        if (d < nearest[static_cast<size_t>(i)]) {
          nearest[static_cast<size_t>(i)] = d;
          label[static_cast<size_t>(i)] = k;
        }
        total += nearest[static_cast<size_t>(i)];
      }
      double u = random.uniform() * total;
      seed = n - 1;
      for (int64_t i = 0; i < n; ++i) {
        u -= nearest[static_cast<size_t>(i)];
        if (u <= 0) {
          seed = i;
          break;
        }
      }
      if (!(total > 0)) seed = random.integer(n);
    }
  }
  std::fill(mean.begin(), mean.end(), 0.0);
  std::vector<double> features(static_cast<size_t>(num_features() * kRowTile));
  std::vector<double> r(static_cast<size_t>(states * kRowTile)), unused(r.size());
  const std::vector<double> zero(mean.size(), 0.0);
  // A tenth is spread over all states, so that none is empty.
  const double spread = 0.1 / static_cast<double>(states);
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t width = std::min(kRowTile, n - at);
    scores(zero.data(), at, width, features.data(), unused.data());
    std::fill(r.begin(), r.end(), 0.0);
    for (int64_t l = 0; l < width; ++l) {
      for (int64_t k = 0; k < states; ++k) {
        r[static_cast<size_t>(k * kRowTile + l)] =
            spread + (label[static_cast<size_t>(at + l)] == k ? 0.9 : 0);
      }
    }
    accumulate(at, width, features.data(), r.data(), mean.data());
  }
  for (size_t i = 1; i < data_.follows.size(); ++i) {
    if (!data_.follows[i]) continue;
    const int64_t from = label[i - 1], to = label[i];
    mean[static_cast<size_t>(slot_of_transition(from, to))] += 0.9;
    for (int64_t k = 0; k < states; ++k)
      mean[static_cast<size_t>(slot_of_transition(from, k))] += spread;
  }
}

void Rows::responsibilities(int64_t first, int64_t count, std::span<double> r) const {
  responsibilities(eta_.data(), first, count, r);
}

void Rows::responsibilities(const double* eta, int64_t first, int64_t count,
                            std::span<double> r) const {
  const auto states = static_cast<size_t>(data_.states);
  if (!data_.follows.empty()) {
    std::vector<double> all;
    sweep_chains(eta, nullptr, &all);
    std::copy_n(all.begin() + first * data_.states, count * data_.states, r.begin());
    return;
  }
  std::vector<double> features(static_cast<size_t>(num_features() * kRowTile));
  std::vector<double> tile(states * kRowTile);
  double log_sum[kRowTile];
  for (int64_t at = first; at < first + count; at += kRowTile) {
    const int64_t width = std::min(kRowTile, first + count - at);
    scores(eta, at, width, features.data(), tile.data());
    VINCI_SIMD_SELECT(normalise_rows)(data_.states, width, tile.data(), log_sum);
    for (int64_t l = 0; l < width; ++l) {
      for (size_t k = 0; k < states; ++k) {
        r[static_cast<size_t>(at - first + l) * states + k] =
            tile[k * kRowTile + static_cast<size_t>(l)];
      }
    }
  }
}

std::vector<double> Rows::state_counts() const {
  std::vector<double> r(static_cast<size_t>(data_.rows * data_.states));
  responsibilities(0, data_.rows, r);
  std::vector<double> counts(static_cast<size_t>(data_.states), 0.0);
  for (size_t i = 0; i < r.size(); ++i) counts[i % counts.size()] += r[i];
  return counts;
}

void Rows::visit_states(std::span<const double> eta, std::span<const double>,
                        const StateVisitor& visit) const {
  const auto states = static_cast<size_t>(data_.states);
  // Chains are swept as a whole, whatever part of them is asked for.
  const int64_t step = data_.follows.empty() ? kRowTile : data_.rows;
  std::vector<double> r(static_cast<size_t>(std::min(step, data_.rows)) * states);
  for (int64_t first = 0; first < data_.rows; first += step) {
    const int64_t count = std::min(step, data_.rows - first);
    responsibilities(eta.data(), first, count, r);
    for (int64_t n = 0; n < count; ++n) {
      visit(leaves_[static_cast<size_t>(first + n)], data_.first_state,
            {r.data() + static_cast<size_t>(n) * states, states});
    }
  }
}

/// Chains backward: p(z_n | z_{n+1}, rows up to n) is the filtered one times the transition.
void Rows::draw_states(std::span<const double> eta, std::span<const double> values,
                       numeric::RandomStream& random, std::span<double> states) const {
  if (data_.follows.empty()) return Variable::draw_states(eta, values, random, states);
  const auto count = static_cast<size_t>(data_.states);
  std::vector<double> filtered, p(count);
  sweep_chains(eta.data(), nullptr, nullptr, &filtered);
  int64_t next = -1;
  for (auto n = static_cast<size_t>(data_.rows); n-- > 0;) {
    const bool has_next = n + 1 < static_cast<size_t>(data_.rows) && data_.follows[n + 1];
    double top = -std::numeric_limits<double>::infinity();
    for (size_t k = 0; k < count && has_next; ++k) {
      p[k] = std::log(filtered[n * count + k]) +
             eta[static_cast<size_t>(slot_of_transition(static_cast<int64_t>(k), next))];
      top = std::max(top, p[k]);
    }
    for (size_t k = 0; k < count; ++k)
      p[k] = has_next ? std::exp(p[k] - top) : filtered[n * count + k];
    next = random.categorical(p);
    states[static_cast<size_t>(leaves_[n])] = static_cast<double>(next + data_.first_state);
  }
}

}  // namespace vinci::conjugate
