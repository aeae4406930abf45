#include "coding/bits_back.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "coding/strict_math.h"
#include "numeric/random/random_stream.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;

constexpr int kPrecision = 22;

std::vector<double> random_weights(RandomStream& random, size_t n) {
  std::vector<double> w(n);
  double sum = 0;
  for (double& x : w) sum += x = 0.02 + random.exponential();
  for (double& x : w) x /= sum;
  return w;
}

using Matrix = std::vector<std::vector<double>>;  // [given][of]

Matrix random_matrix(RandomStream& random, size_t rows, size_t columns) {
  Matrix m;
  for (size_t i = 0; i < rows; ++i) m.push_back(random_weights(random, columns));
  return m;
}

/// One discrete variable a layer, arbitrary tables. With `exact`, one layer and q the posterior.
class ChainModel final : public LatentModel {
 public:
  ChainModel(RandomStream& random, int layers, size_t states, bool exact = false)
      : states_(states), top_(random_weights(random, states)) {
    for (int layer = 0; layer < layers; ++layer) {
      down_.push_back(random_matrix(random, states, states));
      up_.push_back(random_matrix(random, states, states));
    }
    if (exact) {
      for (size_t x = 0; x < states; ++x) {
        double sum = 0;
        for (size_t z = 0; z < states; ++z) sum += up_[0][x][z] = top_[z] * down_[0][z][x];
        for (double& q : up_[0][x]) q /= sum;
      }
    }
    top_table_ = FrequencyTable::from_weights(top_, kPrecision);
    down_tables_ = tables(down_);
    up_tables_ = tables(up_);
  }

  int num_layers() const override { return static_cast<int>(down_.size()); }
  size_t layer_size(int) const override { return 1; }
  RowDistributionPtr prior() const override { return table_row({top_table_}); }
  RowDistributionPtr likelihood(int layer, std::span<const uint32_t> above) const override {
    return table_row({down_tables_[static_cast<size_t>(layer)][above[0]]});
  }
  RowDistributionPtr posterior(int layer, std::span<const uint32_t> below) const override {
    return table_row({up_tables_[static_cast<size_t>(layer) - 1][below[0]]});
  }

  size_t states() const { return states_; }
  /// E_q log2 q - log2 p(x, z), and its second moment, over all paths.
  double negative_elbo(size_t x, double* second = nullptr) const {
    double mean = 0;
    double square = 0;
    visit(x, 0, 1, 0, [&](double q, double bits) {
      mean += q * bits;
      square += q * bits * bits;
    });
    if (second != nullptr) *second = square;
    return mean;
  }
  /// q(z | x) and log2 q - log2 p of all z.
  void paths(size_t x, std::vector<double>& q, std::vector<double>& bits) const {
    visit(x, 0, 1, 0, [&](double probability, double cost) {
      q.push_back(probability);
      bits.push_back(cost);
    });
  }
  double evidence_bits(size_t x) const {
    double p = 0;
    visit(x, 0, 1, 0, [&](double q, double bits) { p += q * std::exp2(-bits); });
    return -std::log2(p);
  }

 private:
  using Tables = std::vector<std::vector<FrequencyTable>>;
  static Tables tables(const std::vector<Matrix>& layers) {
    Tables out;
    for (const Matrix& m : layers) {
      out.emplace_back();
      for (const auto& w : m) out.back().push_back(FrequencyTable::from_weights(w, kPrecision));
    }
    return out;
  }
  /// fn(q(z | x), log2 q - log2 p) for all z.
  template <class Fn>
  void visit(size_t below, size_t layer, double q, double bits, Fn&& fn) const {
    if (layer == down_.size()) return fn(q, bits - std::log2(top_[below]));
    for (size_t z = 0; z < states_; ++z) {
      const double up = up_[layer][below][z];
      visit(z, layer + 1, q * up, bits + std::log2(up) - std::log2(down_[layer][z][below]), fn);
    }
  }

  size_t states_;
  std::vector<double> top_;
  std::vector<Matrix> down_, up_;
  FrequencyTable top_table_;
  Tables down_tables_, up_tables_;
};

double net_bits(const AnsStack& stack) {
  return stack.information_bits() - stack.clean_information_bits();
}

// Lectures A.3: the expected overhead of bits-back coding with q is KL(q || p(z | x)).
TEST(BitsBack, LecturesA3OverheadIsTheKlFromThePosterior) {
  RandomStream random(1);
  const ChainModel model(random, 1, 6);
  AnsStack stack(1);
  double evidence = 0;
  double kl = 0;
  double variance = 0;
  double promised = 0;
  for (int n = 0; n < 30000; ++n) {
    const uint32_t x[] = {static_cast<uint32_t>(random.integer(6))};
    double second = 0;
    const double elbo = model.negative_elbo(x[0], &second);
    evidence += model.evidence_bits(x[0]);
    kl += elbo - model.evidence_bits(x[0]);
    variance += second - elbo * elbo;
    double bits = 0;
    encode_bits_back(stack, model, x, {}, &bits);
    promised += bits;
  }
  ASSERT_GT(kl, 0.05 * evidence);
  const double net = net_bits(stack);
  EXPECT_NEAR(net, promised, 1e-5 * promised);
  // Four standard errors of the draws of z.
  EXPECT_NEAR(net - evidence, kl, 4 * std::sqrt(variance));
  EXPECT_LT(4 * std::sqrt(variance), 0.05 * kl);
}

// Lectures A.3: with the posterior itself the net rate is -log p(x), whatever z is drawn.
TEST(BitsBack, LecturesA3WithTheExactPosteriorTheRateDoesNotDependOnZ) {
  RandomStream random(2);
  const ChainModel model(random, 1, 8, /*exact=*/true);
  for (uint32_t x = 0; x < 8; ++x) {
    for (uint64_t seed = 0; seed < 30; ++seed) {
      AnsStack stack(seed);
      double promised = 0;
      encode_bits_back(stack, model, std::span(&x, 1), {}, &promised);
      EXPECT_NEAR(promised, model.evidence_bits(x), 1e-4);
      EXPECT_NEAR(net_bits(stack), model.evidence_bits(x), 1e-3);
    }
  }
}

// Lectures F.1: the expected net rate is -ELBO, for one layer and for several, in either order.
TEST(BitsBack, LecturesF1ExpectedNetRateIsTheNegativeElbo) {
  for (const int layers : {1, 2, 4}) {
    for (const Scheme scheme : {Scheme::kBitsBack, Scheme::kBitSwap}) {
      RandomStream random(3);
      const ChainModel model(random, layers, 4);
      AnsStack stack(9);
      double elbo = 0;
      double variance = 0;
      for (int n = 0; n < 8000; ++n) {
        const uint32_t x[] = {static_cast<uint32_t>(random.integer(4))};
        double second = 0;
        const double bits = model.negative_elbo(x[0], &second);
        elbo += bits;
        variance += second - bits * bits;
        encode_bits_back(stack, model, x, {scheme, 1});
      }
      EXPECT_NEAR(net_bits(stack), elbo, 4 * std::sqrt(variance)) << layers;
    }
  }
}

TEST(BitsBack, AllSchemesAreLossless) {
  RandomStream random(4);
  for (int n = 0; n < 60; ++n) {
    const int layers = 1 + static_cast<int>(random.integer(4));
    const ChainModel model(random, layers, 1 + static_cast<size_t>(random.integer(7)));
    const BitsBackOptions options{static_cast<Scheme>(n % 3),
                                  1 + static_cast<int>(random.integer(5))};
    std::vector<uint32_t> data(static_cast<size_t>(random.integer(40)));
    for (uint32_t& x : data)
      x = static_cast<uint32_t>(random.integer(static_cast<int64_t>(model.states())));
    AnsStack stack(static_cast<uint64_t>(n));
    for (size_t i = data.size(); i-- > 0;)
      encode_bits_back(stack, model, std::span(&data[i], 1), options);
    // As a decoder has it: from the stored state alone.
    AnsStack reader(stack.state(), static_cast<uint64_t>(n));
    for (const uint32_t x : data) {
      uint32_t back = 99;
      decode_bits_back(reader, model, std::span(&back, 1), options);
      ASSERT_EQ(back, x);
    }
    ASSERT_TRUE(reader.is_back_at_start());
  }
}

TEST(BitsBack, BitSwapNeedsFewerBitsToBeginWith) {
  RandomStream random(5);
  const ChainModel model(random, 60, 16);
  const uint32_t x[] = {3};
  double clean[2];
  for (const int k : {0, 1}) {
    clean[k] = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      AnsStack stack(seed);
      encode_bits_back(stack, model, x, {k == 0 ? Scheme::kBitsBack : Scheme::kBitSwap, 1});
      clean[k] += static_cast<double>(stack.num_clean_bits());
    }
  }
  // 60 layers of four bits against what is there after the first.
  EXPECT_LT(clean[1], 0.6 * clean[0]);
}

// Lectures A.6 as a file size: L_N falls with N from -ELBO to -log p(x).
TEST(BitsBack, MonteCarloCodesAtTheImportanceWeightedBound) {
  RandomStream random(6);
  const ChainModel model(random, 2, 5);
  double before = 1e9;
  double evidence = 0;
  for (uint32_t x = 0; x < 5; ++x) evidence += model.evidence_bits(x);
  for (const int particles : {1, 2, 8, 64}) {
    AnsStack stack(3);
    double promised = 0;
    const int repeats = std::max(100, 6400 / particles);
    for (int n = 0; n < repeats; ++n)
      for (uint32_t x = 0; x < 5; ++x) {
        double bits = 0;
        encode_bits_back(stack, model, std::span(&x, 1), {Scheme::kMonteCarlo, particles}, &bits);
        promised += bits;
      }
    const double net = net_bits(stack);
    EXPECT_NEAR(net, promised, 1e-4 * promised) << particles;
    EXPECT_LT(net / repeats, before);
    before = net / repeats;
    // The bound itself, from independent draws.
    double bound = 0;
    double variance = 0;
    for (uint32_t x = 0; x < 5; ++x) {
      std::vector<double> q, bits;
      model.paths(x, q, bits);
      double square = 0;
      double mean = 0;
      for (int n = 0; n < repeats; ++n) {
        double w = 0;
        for (int i = 0; i < particles; ++i)
          w += std::exp2(-bits[static_cast<size_t>(random.categorical(q))]);
        const double b = -std::log2(w / particles);
        mean += b / repeats;
        square += b * b / repeats;
      }
      bound += mean;
      variance += (square - mean * mean) / repeats;
    }
    // Both sides are averages of as many draws.
    EXPECT_NEAR(before, bound, 4 * std::sqrt(2 * variance)) << particles;
    EXPECT_GT(before, evidence - 4 * std::sqrt(2 * variance));
  }
}

/// z ~ N(0, 1)^2, x_i ~ N(w_i' z, s) rounded to integers: all normal, so that the evidence is
/// known.
class LinearNormal final : public LatentModel {
 public:
  static constexpr size_t kData = 6;
  static constexpr double kNoise = 3;
  explicit LinearNormal(double posterior_scale)
      : bins_(BinShape::kNormal, 4096), posterior_scale_(posterior_scale) {}
  int num_layers() const override { return 1; }
  size_t layer_size(int layer) const override { return layer == 0 ? kData : 1; }
  RowDistributionPtr prior() const override { return uniform_row(1, bins_.log2_size()); }
  static double weight(size_t i) { return 4.0 + static_cast<double>(i); }
  RowDistributionPtr likelihood(int, std::span<const uint32_t> z) const override {
    std::vector<FrequencyTable> tables;
    for (size_t i = 0; i < kData; ++i)
      tables.push_back(
          discretised_normal_table(weight(i) * bins_.centre(z[0]), kNoise, -100, 100, 24));
    return table_row(std::move(tables));
  }
  RowDistributionPtr posterior(int, std::span<const uint32_t> x) const override {
    double precision = 1;
    double sum = 0;
    for (size_t i = 0; i < kData; ++i) {
      precision += weight(i) * weight(i) / (kNoise * kNoise);
      sum += weight(i) * (static_cast<double>(x[i]) - 100) / (kNoise * kNoise);
    }
    const double location[] = {sum / precision};
    const double scale[] = {posterior_scale_ / std::sqrt(precision)};
    return binned_row(bins_, BinShape::kNormal, location, scale, 24);
  }

 private:
  EqualMassBins bins_;
  double posterior_scale_;
};

TEST(BitsBack, ContinuousLatentsOnBinsCostWhatTheirDensitiesSay) {
  // -log p(x) of the unquantised model by quadrature over z.
  RandomStream random(7);
  const int n = 500;
  std::vector<std::vector<uint32_t>> data(n, std::vector<uint32_t>(LinearNormal::kData));
  double evidence = 0;
  for (auto& x : data) {
    const double z = random.normal();
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<uint32_t>(
          std::clamp<double>(
              std::round(random.normal(LinearNormal::weight(i) * z, LinearNormal::kNoise)), -100,
              100) +
          100);
    double p = 0;
    for (int k = -400; k <= 400; ++k) {
      const double at = k / 50.0;
      double log_p = -0.5 * at * at - 0.5 * std::log(2 * M_PI);
      for (size_t i = 0; i < x.size(); ++i) {
        const double m = LinearNormal::weight(i) * at;
        const double v = static_cast<double>(x[i]) - 100;
        const auto cdf = [&](double t) {
          return 0.5 * std::erfc(-(t - m) / LinearNormal::kNoise / std::sqrt(2.0));
        };
        log_p += std::log(std::max(cdf(v + 0.5) - cdf(v - 0.5), 1e-300));
      }
      p += std::exp(log_p) / 50;
    }
    evidence -= std::log2(p);
  }
  double net[2];
  for (const int k : {0, 1}) {
    const LinearNormal model(k == 0 ? 1.0 : 2.0);
    AnsStack stack(1);
    for (size_t i = data.size(); i-- > 0;) encode_bits_back(stack, model, data[i]);
    net[k] = net_bits(stack);
    for (const auto& x : data) {
      std::vector<uint32_t> back(x.size());
      decode_bits_back(stack, model, back);
      ASSERT_EQ(back, x);
    }
    ASSERT_TRUE(stack.is_back_at_start());
  }
  // The posterior's density ignores the rounding of x; together with bins and precisions that is
  // less than 0.1 %.
  EXPECT_NEAR(net[0] / evidence, 1, 1e-3);
  // Twice the deviation: KL = log(1/2) + 2 - 1/2 nats an observation.
  EXPECT_NEAR((net[1] - net[0]) / n, (std::log(0.5) + 1.5) / std::log(2.0),
              0.25);  // four standard errors
}

}  // namespace
}  // namespace vinci::coding
