#include "coding/learn.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "coding/scores.h"
#include "numeric/parallel/thread_pool.h"
#include "numeric/random/random_stream.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

class Learner {
 public:
  Learner(const SymbolTable& table, const LearnOptions& options, const Context& context)
      : table_(table),
        options_(options),
        context_(context),
        rows_(table.num_rows()),
        columns_(table.columns.size()),
        pool_(options.threads) {
    for (const Column& column : table.columns) {
      cell_offset_.push_back(cells_);
      cells_ += column.size;
    }
    overall_ = overall_counts();
    for (size_t c = 0; c < columns_; ++c) {
      const auto first = overall_.begin() + static_cast<ptrdiff_t>(cell_offset_[c]);
      reference_.push_back(
          static_cast<uint16_t>(std::max_element(first, first + table.columns[c].size) - first));
    }
  }

  ModelCodes run(size_t components, double* bits) {
    n_ = std::max<size_t>(1, std::min(components, std::max<size_t>(rows_, 1)));
    responsibilities_.assign(rows_ * n_, 0);
    // EM ends where it began too near to; small tables have time for several beginnings.
    const bool is_small = rows_ * columns_ * n_ < 2000000;
    ModelCodes best;
    *bits = std::numeric_limits<double>::infinity();
    for (uint64_t attempt = 0; attempt < (n_ > 1 && is_small ? 4u : 1u); ++attempt) {
      double now = 0;
      ModelCodes codes = climb(attempt, &now);
      if (now < *bits) {
        *bits = now;
        best = std::move(codes);
      }
    }
    return best;
  }

 private:
  ModelCodes climb(uint64_t attempt, double* bits) {
    ModelCodes codes = start(attempt);
    ModelCodes best = codes;
    *bits = std::numeric_limits<double>::infinity();
    const int steps = n_ == 1 ? 2 : std::max(1, options_.max_steps);
    for (int step = 0; step < steps; ++step) {
      if (context_.cancelled()) throw Error(Error::Kind::kCancelled, "Learning was stopped.");
      Progress progress;
      progress.stage = "learning " + model_name(options_.kind, n_);
      progress.fraction = static_cast<double>(step) / steps;
      context_.progress(progress);
      const double now = expect(codes);
      const double before = *bits;
      if (now < before) {
        *bits = now;
        best = codes;
      }
      // Codes on a grid may move back and forth in the end.
      if (step >= 5 && now > before * (1 - 2e-5)) break;
      codes = maximise(codes);
    }
    return best;
  }

  std::span<const uint16_t> row(size_t r) const {
    return std::span(table_.symbols).subspan(r * columns_, columns_);
  }

  /// How far apart two rows are: columns that differ, wide ones by how much.
  double distance(size_t a, size_t b) const {
    double sum = 0;
    for (size_t c = 0; c < columns_; ++c) {
      const int difference = row(a)[c] - row(b)[c];
      if (difference != 0)
        sum += table_.columns[c].size <= kMaxCategories
                   ? 1
                   : 4.0 * std::abs(difference) / table_.columns[c].size;
    }
    return sum;
  }

  /// Components around rows that lie far apart, and the rows nearest to each. [k-means++: Arthur
  /// and Vassilvitskii 2007]
  ModelCodes start(uint64_t attempt) {
    std::vector<float> counts(cells_ * n_);
    std::vector<double> weights(n_, 0.5);
    if (n_ == 1) {
      counts = overall_;
    } else {
      numeric::RandomStream random(options_.seed, 0x656d, static_cast<uint32_t>(attempt));
      constexpr size_t kSample = 2000;
      std::vector<size_t> sample;
      for (size_t i = 0; i < std::min(rows_, kSample); ++i)
        sample.push_back(rows_ <= kSample
                             ? i
                             : static_cast<size_t>(random.integer(static_cast<int64_t>(rows_))));
      std::vector<double> nearest(sample.size(), std::numeric_limits<double>::infinity());
      std::vector<size_t> component(sample.size());
      size_t seed = static_cast<size_t>(random.integer(static_cast<int64_t>(sample.size())));
      for (size_t k = 0; k < n_; ++k) {
        bool any = false;
        for (size_t i = 0; i < sample.size(); ++i) {
          const double d = distance(sample[seed], sample[i]);
          if (d * d < nearest[i]) {
            nearest[i] = d * d;
            component[i] = k;
          }
          any = any || nearest[i] > 0;
        }
        seed = static_cast<size_t>(any ? random.categorical(nearest)
                                       : random.integer(static_cast<int64_t>(sample.size())));
      }
      for (size_t cell = 0; cell < cells_; ++cell)
        for (size_t k = 0; k < n_; ++k)
          counts[cell * n_ + k] = overall_[cell] / static_cast<float>(rows_);
      for (size_t i = 0; i < sample.size(); ++i) {
        weights[component[i]] += 1;
        for (size_t c = 0; c < columns_; ++c)
          counts[(cell_offset_[c] + row(sample[i])[c]) * n_ + component[i]] += 1;
      }
    }
    ModelCodes codes;
    codes.kind = options_.kind;
    codes.emissions = estimate_emissions(table_.columns, n_, counts);
    codes.weights = weight_codes(weights);
    if (codes.kind == ModelKind::kHmm) {
      codes.transitions.assign(n_ * n_, 512);  // e^-2 of the weight of staying
      for (size_t k = 0; k < n_; ++k) codes.transitions[k * n_ + k] = 0;
    }
    return codes;
  }

  std::vector<float> overall_counts() const {
    std::vector<float> counts(cells_);
    for (size_t r = 0; r < rows_; ++r)
      for (size_t c = 0; c < columns_; ++c) ++counts[cell_offset_[c] + row(r)[c]];
    return counts;
  }

  /// Fills the responsibilities (and expected transitions); the bits of all rows.
  double expect(const ModelCodes& codes) {
    const Emissions emissions(codes.emissions);
    return codes.kind == ModelKind::kMixture ? expect_mixture(codes, emissions)
                                             : expect_hmm(codes, emissions);
  }

  static constexpr size_t kBlock = 256;

  double expect_mixture(const ModelCodes& codes, const Emissions& emissions) {
    const FrequencyTable weights = weight_table(codes.weights);
    std::vector<double> log_weights(n_);
    for (size_t k = 0; k < n_; ++k) log_weights[k] = -std::log(2.0) * weights.bits(k);
    const size_t blocks = (rows_ + kBlock - 1) / kBlock;
    std::vector<double> block_bits(blocks);
    pool_.parallel_for(static_cast<ptrdiff_t>(blocks), [&](ptrdiff_t index) {
      const auto b = static_cast<size_t>(index);
      std::vector<uint32_t> symbols(columns_);
      std::vector<int64_t> costs(n_);
      std::vector<double> log_joint(n_);
      for (size_t r = b * kBlock; r < std::min(rows_, (b + 1) * kBlock); ++r) {
        std::copy(row(r).begin(), row(r).end(), symbols.begin());
        emissions.costs(symbols, costs);
        double largest = -std::numeric_limits<double>::infinity();
        for (size_t k = 0; k < n_; ++k) {
          log_joint[k] =
              log_weights[k] - std::log(2.0) * Emissions::kCostUnit * static_cast<double>(costs[k]);
          largest = std::max(largest, log_joint[k]);
        }
        double sum = 0;
        for (size_t k = 0; k < n_; ++k) sum += std::exp(log_joint[k] - largest);
        for (size_t k = 0; k < n_; ++k)
          responsibilities_[r * n_ + k] =
              static_cast<float>(std::exp(log_joint[k] - largest) / sum);
        block_bits[b] -= (largest + std::log(sum)) / std::log(2.0);
      }
    });
    double bits = 0;
    for (const double b : block_bits) bits += b;
    return bits;
  }

  /// Forward and backward over all rows as one chain. [Rabiner 1989, doi 10.1109/5.18626]
  double expect_hmm(const ModelCodes& codes, const Emissions& emissions) {
    std::vector<double> transition(n_ * n_);
    for (size_t i = 0; i < n_; ++i) {
      const FrequencyTable table = weight_table(std::span(codes.transitions).subspan(i * n_, n_));
      for (size_t j = 0; j < n_; ++j) transition[i * n_ + j] = std::exp2(-table.bits(j));
    }
    const FrequencyTable first = weight_table(codes.weights);
    std::vector<double> likelihood(rows_ * n_);
    std::vector<double> alpha(rows_ * n_);
    std::vector<double> scale(rows_);
    std::vector<uint32_t> symbols(columns_);
    std::vector<int64_t> costs(n_);
    double bits = 0;
    for (size_t t = 0; t < rows_; ++t) {
      std::copy(row(t).begin(), row(t).end(), symbols.begin());
      emissions.costs(symbols, costs);
      const int64_t least = *std::min_element(costs.begin(), costs.end());
      double sum = 0;
      for (size_t k = 0; k < n_; ++k) {
        const double l = std::max(
            std::exp2(-Emissions::kCostUnit * static_cast<double>(costs[k] - least)), 1e-60);
        likelihood[t * n_ + k] = l;
        double predicted = t == 0 ? std::exp2(-first.bits(k)) : 0;
        if (t > 0)
          for (size_t j = 0; j < n_; ++j)
            predicted += alpha[(t - 1) * n_ + j] * transition[j * n_ + k];
        sum += alpha[t * n_ + k] = predicted * l;
      }
      for (size_t k = 0; k < n_; ++k) alpha[t * n_ + k] /= sum;
      scale[t] = sum;
      bits += static_cast<double>(least) * Emissions::kCostUnit - std::log2(sum);
    }
    expected_transitions_.assign(n_ * n_, 0);
    std::vector<double> beta(n_, 1);
    std::vector<double> before(n_);
    for (size_t t = rows_; t-- > 0;) {
      for (size_t k = 0; k < n_; ++k)
        responsibilities_[t * n_ + k] = static_cast<float>(alpha[t * n_ + k] * beta[k]);
      if (t == 0) break;
      for (size_t i = 0; i < n_; ++i) {
        before[i] = 0;
        for (size_t j = 0; j < n_; ++j) {
          const double w = transition[i * n_ + j] * likelihood[t * n_ + j] * beta[j] / scale[t];
          before[i] += w;
          expected_transitions_[i * n_ + j] += alpha[(t - 1) * n_ + i] * w;
        }
      }
      beta = before;
    }
    return bits;
  }

  ModelCodes maximise(const ModelCodes& codes) {
    std::vector<float> counts(cells_ * n_);
    std::vector<double> total(n_);
    for (size_t r = 0; r < rows_; ++r)
      for (size_t k = 0; k < n_; ++k) total[k] += responsibilities_[r * n_ + k];
    // Over stretches of columns: each thread has cells of its own.
    const size_t stretch = std::max<size_t>(1, std::min<size_t>(64, columns_ / 8));
    const size_t stretches = (columns_ + stretch - 1) / stretch;
    const auto spread = VINCI_SIMD_SELECT(spread_rows);
    pool_.parallel_for(static_cast<ptrdiff_t>(stretches), [&](ptrdiff_t index) {
      const size_t first = static_cast<size_t>(index) * stretch;
      const size_t last = std::min(columns_, first + stretch);
      std::vector<size_t> cells(last - first);
      for (size_t r = 0; r < rows_; ++r) {
        size_t count = 0;
        for (size_t c = first; c < last; ++c)
          if (row(r)[c] != reference_[c]) cells[count++] = cell_offset_[c] + row(r)[c];
        spread(counts.data(), responsibilities_.data() + r * n_, cells.data(), count, n_);
      }
      // The most frequent symbol has what the others leave.
      for (size_t c = first; c < last; ++c) {
        for (size_t k = 0; k < n_; ++k) {
          float rest = static_cast<float>(total[k]);
          for (size_t s = 0; s < table_.columns[c].size; ++s)
            rest -= counts[(cell_offset_[c] + s) * n_ + k];
          counts[(cell_offset_[c] + reference_[c]) * n_ + k] = std::max(rest, 0.0f);
        }
      }
    });
    ModelCodes out = codes;
    out.emissions = estimate_emissions(table_.columns, n_, counts);
    std::vector<double> weights(n_, 0.1);
    for (size_t r = 0; r < (codes.kind == ModelKind::kHmm ? std::min<size_t>(rows_, 1) : rows_);
         ++r)
      for (size_t k = 0; k < n_; ++k) weights[k] += responsibilities_[r * n_ + k];
    out.weights = weight_codes(weights);
    if (codes.kind == ModelKind::kHmm) {
      for (size_t k = 0; k < n_; ++k) {
        std::vector<double> to(n_);
        for (size_t j = 0; j < n_; ++j) to[j] = 0.1 + expected_transitions_[k * n_ + j];
        const auto row_codes = weight_codes(to);
        std::copy(row_codes.begin(), row_codes.end(),
                  out.transitions.begin() + static_cast<ptrdiff_t>(k * n_));
      }
    }
    return out;
  }

  const SymbolTable& table_;
  const LearnOptions& options_;
  const Context& context_;
  size_t rows_, columns_;
  size_t cells_ = 0;
  size_t n_ = 1;
  std::vector<size_t> cell_offset_;
  std::vector<float> overall_;           // [column, symbol]: how often
  std::vector<uint16_t> reference_;      // of each column, the most frequent symbol
  std::vector<float> responsibilities_;  // [row][component]
  std::vector<double> expected_transitions_;
  numeric::ThreadPool pool_;
};

}  // namespace

std::vector<Column> fit_columns(std::span<const int64_t> values, size_t num_columns) {
  std::vector<Column> columns(num_columns);
  if (num_columns == 0) return columns;
  for (size_t c = 0; c < num_columns; ++c) {
    if (values.size() <= c) continue;
    int64_t low = values[c];
    int64_t high = values[c];
    for (size_t i = c; i < values.size(); i += num_columns) {
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    uint32_t shift = 0;
    while (range >> shift >= kMaxColumnSymbols) ++shift;
    columns[c] = {low, static_cast<uint32_t>(range >> shift) + 1, shift};
  }
  return columns;
}

ModelCodes learn(const SymbolTable& table, const LearnOptions& options, const Context& context) {
  Learner learner(table, options, context);
  double bits = 0;
  if (options.components > 0) return learner.run(options.components, &bits);
  const auto rows = static_cast<double>(std::max<size_t>(1, table.num_rows()));
  const double share =
      options.rows_to_code > 0 ? static_cast<double>(options.rows_to_code) / rows : 1;
  ModelCodes best;
  double least = std::numeric_limits<double>::infinity();
  size_t cells = 0;
  for (const Column& column : table.columns) cells += column.size;
  for (size_t n = 1; n <= 256 && n * cells <= kMaxEmissionCells; n *= 2) {
    if (n > 1 && n > table.num_rows() / 4) break;
    ModelCodes codes = learner.run(n, &bits);
    const double total = bits * share + 8 * static_cast<double>(serialise(codes).size());
    // Less than a bit is rounding.
    if (total > least - 1) break;
    least = total;
    best = std::move(codes);
  }
  return best;
}

}  // namespace vinci::coding
