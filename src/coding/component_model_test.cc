#include "coding/component_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "coding/learn.h"
#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"
#include "vinci/error.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;

/// Codes drawn at random for the columns.
ModelCodes random_codes(RandomStream& random, ModelKind kind, size_t components,
                        std::vector<Column> columns) {
  ModelCodes codes;
  codes.kind = kind;
  codes.emissions.components = components;
  codes.emissions.columns = std::move(columns);
  for (const Column& column : codes.emissions.columns)
    for (size_t k = 0; k < components; ++k)
      for (size_t i = 0; i < codes_of_column(column); ++i)
        codes.emissions.codes.push_back(
            static_cast<uint16_t>(random.integer(code_limit(column, i))));
  for (size_t k = 0; k < components; ++k)
    codes.weights.push_back(static_cast<uint16_t>(random.integer(kWeightCodes)));
  if (kind == ModelKind::kHmm)
    for (size_t k = 0; k < components * components; ++k)
      codes.transitions.push_back(static_cast<uint16_t>(random.integer(kWeightCodes)));
  return codes;
}

std::vector<uint32_t> random_rows(RandomStream& random, const ModelCodes& codes, size_t rows) {
  std::vector<uint32_t> out;
  for (size_t r = 0; r < rows; ++r)
    for (const Column& column : codes.emissions.columns)
      out.push_back(static_cast<uint32_t>(random.integer(column.size)));
  return out;
}

const std::vector<Column> kMixed = {{-3, 2, 0},  {0, 1, 0}, {5, 7, 0},
                                    {0, 300, 3}, {0, 4, 0}, {-50, 100, 1, ColumnShape::kNormal}};

double net_bits(const AnsStack& stack) {
  return stack.information_bits() - stack.clean_information_bits();
}

TEST(ComponentModel, NetRateIsTheBound) {
  // Rows that have nothing to do with the model are as good as any.
  RandomStream random(1);
  for (const ModelKind kind : {ModelKind::kMixture, ModelKind::kHmm}) {
    for (const size_t components : {1, 2, 9}) {
      const auto model = make_component_model(random_codes(random, kind, components, kMixed));
      const auto rows = random_rows(random, model->codes(), 700);
      AnsStack stack(5);
      model->encode(stack, rows, {});
      const double bound = model->evidence_bits(rows);
      EXPECT_NEAR(net_bits(stack) / bound, 1, 1e-4) << model->name();
      std::vector<uint32_t> back(rows.size());
      model->decode(stack, back, {});
      EXPECT_EQ(back, rows);
      EXPECT_TRUE(stack.is_back_at_start());
    }
  }
}

TEST(ComponentModel, HmmBoundIsTheSumOverAllChains) {
  RandomStream random(2);
  const auto model = make_component_model(random_codes(random, ModelKind::kHmm, 3, kMixed));
  const auto rows = random_rows(random, model->codes(), 5);
  const auto latent = model->latent_model(5);
  double p = 0;
  for (uint32_t code = 0; code < 243; ++code) {
    std::vector<uint32_t> z;
    for (uint32_t rest = code, t = 0; t < 5; ++t, rest /= 3) z.push_back(rest % 3);
    p += std::exp2(60 - latent->prior()->bits(z) - latent->likelihood(0, z)->bits(rows));
  }
  EXPECT_NEAR(model->evidence_bits(rows), 60 - std::log2(p), 1e-3);
  // The posterior: q(z | x) = p(x, z) / p(x) for every chain.
  const auto q = latent->posterior(1, rows);
  for (uint32_t code = 0; code < 243; ++code) {
    std::vector<uint32_t> z;
    for (uint32_t rest = code, t = 0; t < 5; ++t, rest /= 3) z.push_back(rest % 3);
    const double exact = latent->prior()->bits(z) + latent->likelihood(0, z)->bits(rows) -
                         model->evidence_bits(rows);
    if (exact < 15) {
      EXPECT_NEAR(q->bits(z), exact, 0.05) << code;
    }
  }
}

TEST(ComponentModel, MixtureBoundIsTheSumOverComponents) {
  RandomStream random(3);
  const auto model = make_component_model(random_codes(random, ModelKind::kMixture, 7, kMixed));
  const auto rows = random_rows(random, model->codes(), 1);
  const auto latent = model->latent_model(1);
  double p = 0;
  for (uint32_t z = 0; z < 7; ++z)
    p += std::exp2(60 - latent->prior()->bits(std::span(&z, 1)) -
                   latent->likelihood(0, std::span(&z, 1))->bits(rows));
  EXPECT_NEAR(model->evidence_bits(rows), 60 - std::log2(p), 1e-3);
}

TEST(ComponentModel, SameStackOnEveryTarget) {
  // Wide rows go over the states of a row, of bits and of symbols.
  RandomStream random(4);
  const auto before = numeric::simd_target();
  for (const uint32_t size : {2u, 5u, 200u}) {
    const auto model = make_component_model(
        random_codes(random, ModelKind::kMixture, 5, std::vector<Column>(130, Column{0, size, 0})));
    const auto rows = random_rows(random, model->codes(), 40);
    for (const Scheme scheme : {Scheme::kBitsBack, Scheme::kBitSwap, Scheme::kMonteCarlo}) {
      AnsState reference;
      for (const auto target : {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                                numeric::SimdTarget::kAvx512}) {
        if (!numeric::set_simd_target(target)) continue;
        AnsStack stack(1);
        model->encode(stack, rows, {scheme, 3});
        if (reference.words.empty()) reference = stack.state();
        ASSERT_EQ(stack.state(), reference);
      }
      // Written with one target, read with another.
      ASSERT_TRUE(numeric::set_simd_target(numeric::SimdTarget::kBaseline));
      AnsStack stack(reference, 1);
      std::vector<uint32_t> back(rows.size());
      model->decode(stack, back, {scheme, 3});
      ASSERT_EQ(back, rows);
      ASSERT_TRUE(stack.is_back_at_start());
    }
  }
  numeric::set_simd_target(before);
}

TEST(ComponentModel, ComesBackFromItsBytes) {
  RandomStream random(5);
  for (int n = 0; n < 20; ++n) {
    const ModelKind kind = n % 2 == 0 ? ModelKind::kMixture : ModelKind::kHmm;
    const ModelCodes codes =
        random_codes(random, kind, 1 + static_cast<size_t>(random.integer(6)), kMixed);
    const std::string bytes = serialise(codes);
    const ModelCodes back = parse_model(bytes);
    EXPECT_EQ(back.kind, codes.kind);
    EXPECT_EQ(back.weights, codes.weights);
    EXPECT_EQ(back.transitions, codes.transitions);
    EXPECT_EQ(back.emissions.codes, codes.emissions.codes);
    EXPECT_EQ(back.emissions.columns, codes.emissions.columns);
    EXPECT_EQ(make_component_model(back)->fingerprint(),
              make_component_model(codes)->fingerprint());
  }
}

TEST(ComponentModel, AnyBytesAreAModelOrAnError) {
  RandomStream random(6);
  const std::string good = serialise(random_codes(random, ModelKind::kHmm, 4, kMixed));
  for (int n = 0; n < 2000; ++n) {
    std::string bytes = good;
    for (int flips = 1 + static_cast<int>(random.integer(3)); flips > 0; --flips)
      bytes[static_cast<size_t>(
          random.integer(n % 2 == 0 ? 12 : static_cast<int64_t>(bytes.size())))] =
          static_cast<char>(random.integer(256));
    if (n % 5 == 0)
      bytes.resize(static_cast<size_t>(random.integer(static_cast<int64_t>(bytes.size()))));
    try {
      const ModelCodes codes = parse_model(bytes);
      EXPECT_EQ(codes.emissions.codes.size(), num_codes(codes.emissions));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kInput);
    }
  }
}

/// Rows of a planted model.
SymbolTable sample(RandomStream& random, const std::vector<std::vector<double>>& ones, size_t rows,
                   double stay) {
  SymbolTable table;
  table.columns.assign(ones[0].size(), Column{0, 2, 0});
  size_t k = 0;
  for (size_t r = 0; r < rows; ++r) {
    if (random.uniform() > stay)
      k = static_cast<size_t>(random.integer(static_cast<int64_t>(ones.size())));
    for (const double p : ones[k])
      table.symbols.push_back(static_cast<uint16_t>(random.bernoulli(p)));
  }
  return table;
}

double bits_of(const ModelCodes& codes, const SymbolTable& table) {
  const std::vector<uint32_t> rows(table.symbols.begin(), table.symbols.end());
  return make_component_model(codes)->evidence_bits(rows);
}

TEST(Learn, FindsAPlantedMixture) {
  RandomStream random(7);
  std::vector<std::vector<double>> ones(4, std::vector<double>(24));
  for (auto& row : ones)
    for (double& p : row) p = random.uniform() < 0.5 ? 0.05 : 0.9;
  const SymbolTable table = sample(random, ones, 3000, 0);
  // The truth, in the same form.
  ModelCodes truth = learn(table, {ModelKind::kMixture, 4});
  double entropy = 0;
  for (size_t r = 0; r < table.num_rows(); ++r) {
    double p = 0;
    for (const auto& row : ones) {
      double q = 0.25;
      for (size_t c = 0; c < row.size(); ++c)
        q *= table.symbols[r * 24 + c] != 0 ? row[c] : 1 - row[c];
      p += q;
    }
    entropy -= std::log2(p);
  }
  EXPECT_NEAR(bits_of(truth, table) / entropy, 1, 0.02);
  LearnOptions chosen;
  EXPECT_EQ(learn(table, chosen).emissions.components, 4u);
  // Threads do not matter.
  LearnOptions two{ModelKind::kMixture, 4};
  two.threads = 2;
  EXPECT_EQ(serialise(learn(table, two)), serialise(truth));
}

TEST(Learn, AChainIsShorterWithAHiddenMarkovModel) {
  RandomStream random(8);
  std::vector<std::vector<double>> ones = {{0.1, 0.2, 0.7}, {0.8, 0.5, 0.3}, {0.5, 0.95, 0.9}};
  const SymbolTable table = sample(random, ones, 4000, 0.97);
  const double mixture = bits_of(learn(table, {ModelKind::kMixture, 3}), table);
  const double hmm = bits_of(learn(table, {ModelKind::kHmm, 3}), table);
  EXPECT_LT(hmm, 0.85 * mixture);
}

TEST(Learn, NormalComponentsOfIntegers) {
  // Two far-apart normals on a wide column: the entropy is that of a rounded normal and one bit.
  RandomStream random(9);
  SymbolTable table;
  table.columns = {Column{0, 1000, 0}};
  for (int n = 0; n < 5000; ++n) {
    const double mean = random.uniform() < 0.5 ? 200 : 700;
    table.symbols.push_back(static_cast<uint16_t>(std::lround(random.normal(mean, 20))));
  }
  const double entropy = 1 + 0.5 * std::log2(2 * M_PI * M_E * 400);
  const double bits = bits_of(learn(table, {ModelKind::kMixture, 2}), table) / 5000;
  EXPECT_NEAR(bits, entropy, 0.12);  // a logistic costs 0.02 bits, what is left is noise of 0.01
  EXPECT_GT(bits_of(learn(table, {ModelKind::kMixture, 1}), table) / 5000, entropy + 1);
}

TEST(Learn, EmptyAndConstantTables) {
  SymbolTable empty;
  empty.columns = {Column{}, Column{0, 2, 0}};
  EXPECT_EQ(learn(empty, {}).emissions.components, 1u);
  SymbolTable constant;
  constant.columns = fit_columns(std::vector<int64_t>(100, 7), 1);
  constant.symbols.assign(100, 0);
  const ModelCodes codes = learn(constant, {});
  EXPECT_EQ(codes.emissions.components, 1u);
  EXPECT_NEAR(bits_of(codes, constant), 0, 1e-9);
}

TEST(Learn, ColumnsHoldTheirValues) {
  const int64_t low = std::numeric_limits<int64_t>::min();
  const int64_t high = std::numeric_limits<int64_t>::max();
  const std::vector<int64_t> values = {low, 5, 0, high, 5, 1, 12, 5, 1023};
  const auto columns = fit_columns(values, 3);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(columns[i % 3].holds(values[i]));
  EXPECT_EQ(columns[1], (Column{5, 1, 0}));
  EXPECT_EQ(columns[2], (Column{0, 1024, 0}));
  EXPECT_EQ(columns[0].size, 1024u);
  EXPECT_EQ(columns[0].shift, 54u);
  EXPECT_FALSE(columns[2].holds(-1));
  EXPECT_FALSE(columns[2].holds(1024));
}

}  // namespace
}  // namespace vinci::coding
