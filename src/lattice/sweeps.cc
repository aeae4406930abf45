#include "lattice/sweeps.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "lattice/sweep_schedule.h"
#include "numeric/special/special.h"

namespace vinci::lattice {

namespace {

/// The direction that leads back.
constexpr int kOpposite[8] = {1, 0, 3, 2, 7, 6, 5, 4};
constexpr int kRowStep[8] = {-1, 1, 0, 0, -1, -1, 1, 1};
constexpr int kColumnStep[8] = {0, 0, -1, 1, -1, 1, -1, 1};

int num_directions(const Field& field) { return field.coupling.diagonal == 0 ? 4 : 8; }

}  // namespace

Sweeper::Sweeper(const Field& field, SplitGrid start, const SweepOptions& options,
                 numeric::ThreadPool& pool)
    : field_(field), q_(std::move(start)), options_(options), pool_(pool) {
  VINCI_CHECK(q_.planes() == field.field.planes() && q_.width() == field.width() &&
              q_.height() == field.height());
  VINCI_CHECK(field.coupling.straight >= 0 && field.coupling.diagonal >= 0);
  VINCI_CHECK(options.damping >= 0 && options.damping < 1 && options.tree_weight > 0 &&
              options.tree_weight <= 1);
  if (options.method == Method::kTree) {
    messages_.assign(static_cast<size_t>(num_directions(field)),
                     SplitGrid(field.width(), field.height(), field.field.planes()));
  } else if (options.schedule == Schedule::kSimultaneous) {
    next_ = q_;
  }
}

Messages Sweeper::messages_at(int row, int parity) {
  Messages at{};
  for (int d = 0; d < num_directions(field_); ++d) {
    SplitGrid& sent = messages_[static_cast<size_t>(d)];
    const SplitGrid& received = messages_[static_cast<size_t>(kOpposite[d])];
    at.out[d] = sent.half(row, parity);
    const Neighbours from = received.neighbours(row, parity);
    const float* const sources[8] = {from.up,        from.down,         from.side,
                                     from.side + 1,  from.side_up,      from.side_up + 1,
                                     from.side_down, from.side_down + 1};
    at.in[d] = sources[d];
  }
  return at;
}

float Sweeper::update_half(int row, int parity, bool measure) {
  const int n = field_.field.half_size(parity);
  if (n == 0) return 0;
  const auto step = static_cast<float>(1 - options_.damping);
  const float* h = field_.field.half(row, parity);
  const int levels = field_.field.planes();
  const int64_t stride = field_.field.plane_stride();
  if (options_.method == Method::kTree) {
    const auto weight = static_cast<float>(options_.tree_weight);
    const Messages at = messages_at(row, parity);
    return field_.is_ising()
               ? VINCI_SIMD_SELECT(ising_messages)(at, field_.coupling, weight, h, step, nullptr, n)
               : VINCI_SIMD_SELECT(potts_messages)(at, field_.coupling, weight, h, step, nullptr,
                                                   stride, levels, n);
  }
  SplitGrid& out = options_.schedule == Schedule::kSimultaneous ? next_ : q_;
  const Neighbours at = q_.neighbours(row, parity);
  const float* mean = q_.half(row, parity);
  float* target = out.half(row, parity);
  const bool mode = options_.method == Method::kIcm;
  if (!field_.is_ising()) {
    return VINCI_SIMD_SELECT(potts_mean)(at, field_.coupling, h, mode ? 1.0F : step, mode, mean,
                                         target, stride, levels, n);
  }
  return mode ? VINCI_SIMD_SELECT(ising_mode)(at, field_.coupling, h, mean, target, n)
              : VINCI_SIMD_SELECT(ising_mean)(at, field_.coupling, h, step, measure, mean, target,
                                              n);
}

/// The pixels that half sweep `step` changes in a row: a checkerboard, or with diagonal neighbours
/// every second row, in which even columns go before odd ones.
float Sweeper::update_row(int row, int step, bool measure) {
  const int colour = (row + step) % 2;
  if (field_.coupling.diagonal == 0) return update_half(row, colour, measure);
  if (colour != 0) return 0;
  const float even = update_half(row, 0, measure);
  return std::max(even, update_half(row, 1, measure));
}

float Sweeper::run(int sweeps) {
  VINCI_CHECK(sweeps >= 1);
  const int height = field_.height();
  std::vector<float> change(static_cast<size_t>(height));
  if (options_.method != Method::kTree && options_.schedule == Schedule::kSimultaneous) {
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      pool_.parallel_for(height, [&](std::ptrdiff_t row) {
        const float even = update_half(static_cast<int>(row), 0, true);
        change[static_cast<size_t>(row)] =
            std::max(even, update_half(static_cast<int>(row), 1, true));
      });
      std::swap(q_, next_);
    }
  } else {
    // Everything that a row touches: q or the messages, and the field.
    const double grids = options_.method == Method::kTree ? 1 + num_directions(field_) : 2;
    const double row_bytes = grids * SplitGrid::bytes(field_.width(), 1, field_.field.planes()) / 3;
    const int tile_rows = tile_rows_for(row_bytes);
    const int most = std::max(1, tile_rows / 4);
    for (int done = 0; done < sweeps;) {
      const int block = std::min(most, sweeps - done);
      done += block;
      // The last two half sweeps are the last sweep, whose change is asked for.
      const int last = done == sweeps ? 2 * block - 2 : 2 * block;
      run_half_steps(height, 2 * block, tile_rows, pool_, [&](int row, int step) {
        const float moved = update_row(row, step, step >= last);
        float& largest = change[static_cast<size_t>(row)];
        if (step == last) largest = moved;
        if (step > last) largest = std::max(largest, moved);
      });
    }
  }
  if (options_.method == Method::kTree) read_means();
  return *std::max_element(change.begin(), change.end());
}

void Sweeper::read_means() {
  pool_.parallel_for(field_.height(), [&](std::ptrdiff_t r) {
    const auto row = static_cast<int>(r);
    for (int parity = 0; parity < 2; ++parity) {
      const int n = field_.field.half_size(parity);
      if (n == 0) continue;
      const Messages at = messages_at(row, parity);
      const float* h = field_.field.half(row, parity);
      const auto weight = static_cast<float>(options_.tree_weight);
      float* mean = q_.half(row, parity);
      if (field_.is_ising()) {
        VINCI_SIMD_SELECT(ising_messages)(at, field_.coupling, weight, h, 1.0F, mean, n);
      } else {
        VINCI_SIMD_SELECT(potts_messages)
        (at, field_.coupling, weight, h, 1.0F, mean, q_.plane_stride(), field_.field.planes(), n);
      }
    }
  });
}

// With b_i(z) = l_i(z) + rho sum of messages into i the density is, whatever the messages,
//     prod_i e^{b_i(z_i)} prod_ij psi_ij(z_i, z_j)^rho,
//     psi_ij = exp(J/rho z_i z_j - u_{j->i}(z_i) - u_{i->j}(z_j)),
// and at a fixed point log Z = sum_i log Z_i + rho sum_ij log E_{q_i q_j}[psi_ij]: exact on a tree,
// and a mean of trees bounds it by convexity.  [Wainwright et al. 2005, section V]
double Sweeper::log_evidence_estimate() const {
  VINCI_CHECK(options_.method == Method::kTree);
  const double rho = options_.tree_weight;
  const bool ising = field_.is_ising();
  const int levels = ising ? 2 : field_.field.planes();
  const auto num = static_cast<size_t>(levels);
  const int directions = num_directions(field_);
  // A message or field as logarithms by level; Ising's are half log ratios.
  const auto value = [&](const SplitGrid& grid, int row, int column, int level) -> double {
    if (ising) return (level == 0 ? -1 : 1) * static_cast<double>(grid.at(row, column));
    return static_cast<double>(grid.at(row, column, level));
  };
  const auto inside = [&](int row, int column) {
    return row >= 0 && row < field_.height() && column >= 0 && column < field_.width();
  };
  const auto log_belief = [&](int row, int column) {
    std::vector<double> b(num);
    for (int k = 0; k < levels; ++k) {
      double sum = 0;
      for (int d = 0; d < directions; ++d) {
        const int r = row + kRowStep[d], c = column + kColumnStep[d];
        if (inside(r, c)) sum += value(messages_[static_cast<size_t>(kOpposite[d])], r, c, k);
      }
      b[static_cast<size_t>(k)] = value(field_.field, row, column, k) + rho * sum;
    }
    return b;
  };
  std::vector<double> rows(static_cast<size_t>(field_.height()));
  pool_.parallel_for(field_.height(), [&](std::ptrdiff_t r) {
    const auto row = static_cast<int>(r);
    double sum = 0;
    std::vector<double> left(num), right(num), pair;
    for (int column = 0; column < field_.width(); ++column) {
      const std::vector<double> b = log_belief(row, column);
      const double log_z = numeric::log_sum_exp(b);
      sum += log_z;
      for (const int d : {1, 3, 6, 7}) {
        const int r2 = row + kRowStep[d], c2 = column + kColumnStep[d];
        if (d >= directions || !inside(r2, c2)) continue;
        const std::vector<double> b2 = log_belief(r2, c2);
        const double log_z2 = numeric::log_sum_exp(b2);
        for (int k = 0; k < levels; ++k) {
          const auto i = static_cast<size_t>(k);
          left[i] = b[i] - log_z - value(messages_[static_cast<size_t>(kOpposite[d])], r2, c2, k);
          right[i] = b2[i] - log_z2 - value(messages_[static_cast<size_t>(d)], row, column, k);
        }
        const double strength =
            static_cast<double>(d < 4 ? field_.coupling.straight : field_.coupling.diagonal) / rho;
        // log sum_{k l} e^{left_k + right_l + strength (2 [k = l] - 1)}
        //   = -strength + log(sum_k e^left_k sum_l e^right_l + (e^{2 strength} - 1) sum_k ...).
        pair.resize(num);
        for (size_t i = 0; i < num; ++i) pair[i] = left[i] + right[i];
        const double apart = numeric::log_sum_exp(left) + numeric::log_sum_exp(right) - strength;
        const double equal = numeric::log_sum_exp(pair) + strength +
                             (strength > 0 ? std::log1p(-std::exp(-2 * strength)) : -1e300);
        sum += rho * numeric::log_sum_exp(apart, equal);
      }
    }
    rows[static_cast<size_t>(r)] = sum;
  });
  double sum = field_.constant;
  for (const double x : rows) sum += x;
  return sum;
}

}  // namespace vinci::lattice
