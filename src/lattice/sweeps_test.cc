// Mean field, ICM and belief propagation on fields against enumeration, transfer matrices, a naive
// reference and a Gibbs sampler.
#include "lattice/sweeps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <vector>

#include "lattice/sweep_schedule.h"
#include "lattice/testing/exact.h"

namespace vinci::lattice {
namespace {

using testing::exact;
using testing::Exact;
using testing::probability;
using testing::random_field;
using testing::rms_error;
using testing::uniform_q;

numeric::ThreadPool& one_thread() {
  static numeric::ThreadPool pool(1);
  return pool;
}

SplitGrid random_q(const Field& field, uint64_t seed) {
  SplitGrid q = uniform_q(field);
  numeric::RandomStream random(seed);
  for (int row = 0; row < q.height(); ++row) {
    for (int column = 0; column < q.width(); ++column) {
      if (field.is_ising()) {
        q.at(row, column) = static_cast<float>(random.uniform(-1, 1));
        continue;
      }
      std::vector<double> p(static_cast<size_t>(q.planes()));
      random.dirichlet(std::vector<double>(p.size(), 1.0), p);
      for (int k = 0; k < q.planes(); ++k)
        q.at(row, column, k) = static_cast<float>(p[static_cast<size_t>(k)]);
    }
  }
  return q;
}

/// E_q[log p] + H(q) by enumerating all states of the grid.
double enumerated_elbo(const Field& field, const SplitGrid& q) {
  const int levels = field.is_ising() ? 2 : field.field.planes();
  const int width = field.width(), height = field.height();
  const int pixels = width * height;
  std::vector<int> z(static_cast<size_t>(pixels), 0);
  const auto at = [&](int row, int column) { return z[static_cast<size_t>(row * width + column)]; };
  double sum = 0;
  for (;;) {
    double log_p = field.constant, q_of_z = 1;
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        log_p += testing::unary(field, row, column, at(row, column));
        q_of_z *= probability(q, row, column, at(row, column));
        for (const auto& [down, right] : {std::pair{0, 1}, {1, 0}, {1, 1}, {1, -1}}) {
          const int r = row + down, c = column + right;
          if (r >= height || c < 0 || c >= width) continue;
          const double coupling =
              down != 0 && right != 0 ? field.coupling.diagonal : field.coupling.straight;
          log_p += coupling * (at(row, column) == at(r, c) ? 1 : -1);
        }
      }
    }
    if (q_of_z > 0) sum += q_of_z * (log_p - std::log(q_of_z));
    int i = 0;
    while (i < pixels && ++z[static_cast<size_t>(i)] == levels) z[static_cast<size_t>(i++)] = 0;
    if (i == pixels) return sum;
  }
}

/// width, height, levels, diagonal coupling / straight coupling.
class Fields : public ::testing::TestWithParam<std::tuple<int, int, int, double>> {
 protected:
  Field field(double coupling, double spread, uint64_t seed) const {
    const auto [width, height, levels, diagonal] = GetParam();
    return random_field(width, height, levels, coupling, diagonal * coupling, spread, seed);
  }
};

TEST_P(Fields, BoundIsItsDefinition) {
  const Field f = field(0.4, 0.7, 1);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const SplitGrid q = random_q(f, seed);
    EXPECT_NEAR(elbo(f, q, one_thread()), enumerated_elbo(f, q), 1e-5);
  }
}

TEST_P(Fields, MeanFieldIsBelowTheEvidenceAndNeverFalls) {
  const int pixels = std::get<0>(GetParam()) * std::get<1>(GetParam());
  for (const double coupling : {0.1, 0.4, 1.0}) {
    const Field f = field(coupling, 0.8, 2);
    const double log_evidence = exact(f).log_evidence;
    for (const double damping : {0.0, 0.5}) {
      Sweeper sweeper(f, random_q(f, 3), {.damping = damping}, one_thread());
      double bound = elbo(f, sweeper.q(), one_thread());
      for (int sweep = 0; sweep < 30; ++sweep) {
        sweeper.run(1);
        const double next = elbo(f, sweeper.q(), one_thread());
        // A float mean is off its best by 1e-7, which costs the bound the square of that. Float
        // probabilities sum to 1 within 1e-7, which counts once, times a log weight of at most 5.
        const double rounding = f.is_ising() ? 1e-9 * std::abs(bound) : 5e-7 * pixels;
        EXPECT_GE(next, bound - rounding) << coupling << " " << sweep;
        bound = next;
      }
      EXPECT_LE(bound, log_evidence + 1e-6);
    }
  }
}

TEST_P(Fields, WithoutCouplingAllIsExact) {
  const Field f = field(0, 1.2, 4);
  const Exact truth = exact(f);
  for (const Method method : {Method::kMeanField, Method::kTree}) {
    Sweeper sweeper(f, uniform_q(f), {.method = method}, one_thread());
    sweeper.run(2);
    EXPECT_LT(rms_error(truth, sweeper.q()), 1e-6);
    EXPECT_NEAR(elbo(f, sweeper.q(), one_thread()), truth.log_evidence, 1e-5);
  }
}

TEST_P(Fields, IcmEndsWhereNoPixelWantsToChange) {
  const Field f = field(0.5, 1, 5);
  Sweeper sweeper(f, random_q(f, 6), {.method = Method::kIcm}, one_thread());
  sweeper.run(1);
  double bound = elbo(f, sweeper.q(), one_thread());
  float changed = 1;
  for (int sweep = 0; sweep < 100 && changed > 0; ++sweep) {
    changed = sweeper.run(1);
    const double next = elbo(f, sweeper.q(), one_thread());
    EXPECT_GE(next, bound - 1e-6);
    bound = next;
  }
  EXPECT_EQ(changed, 0);
  // q is a point mass: the bound is log p of it, and each other value of a pixel has less.
  SplitGrid q = sweeper.q();
  const int levels = f.is_ising() ? 2 : f.field.planes();
  for (int row = 0; row < q.height(); ++row) {
    for (int column = 0; column < q.width(); ++column) {
      const SplitGrid kept = q;
      for (int k = 0; k < levels; ++k) {
        for (int plane = 0; plane < q.planes(); ++plane) q.at(row, column, plane) = 0;
        q.at(row, column, f.is_ising() ? 0 : k) = f.is_ising() && k == 0 ? -1.0F : 1.0F;
        EXPECT_LE(elbo(f, q, one_thread()), bound + 1e-5);
      }
      q = kept;
    }
  }
}

// On a small torus-free grid the tree-reweighted fixed point bounds the evidence from above, as
// mean field bounds it from below; weights: rows and columns (and both diagonals) appear equally
// often.
TEST_P(Fields, ReweightedTreesBoundTheEvidenceFromAbove) {
  const auto [width, height, levels, diagonal] = GetParam();
  for (const double coupling : {0.1, 0.3, 0.6}) {
    const Field f = field(coupling, 0.8, 7);
    const double log_evidence = exact(f).log_evidence;
    Sweeper sweeper(
        f, uniform_q(f),
        {.method = Method::kTree, .damping = 0.5, .tree_weight = diagonal > 0 ? 0.25 : 0.5},
        one_thread());
    ASSERT_LT(sweeper.run(2000), 1e-5);
    EXPECT_GE(sweeper.log_evidence_estimate(), log_evidence - 1e-4) << coupling;
    EXPECT_LE(elbo(f, sweeper.q(), one_thread()), log_evidence + 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Small, Fields,
                         ::testing::Values(std::tuple{4, 4, 2, 0.0}, std::tuple{3, 4, 2, 0.7},
                                           std::tuple{1, 1, 2, 0.0}, std::tuple{5, 1, 2, 0.0},
                                           std::tuple{1, 6, 2, 0.7}, std::tuple{3, 3, 3, 0.0},
                                           std::tuple{3, 2, 4, 0.7}, std::tuple{1, 1, 5, 0.0}));

class Chains : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

// A row or column of pixels is a tree.
TEST_P(Chains, BeliefPropagationIsExact) {
  const auto [width, height, levels] = GetParam();
  for (const double coupling : {0.2, 0.9, 2.5}) {
    const Field f = random_field(width, height, levels, coupling, 0, 1.0, 11);
    const Exact truth = exact(f);
    Sweeper sweeper(f, uniform_q(f), {.method = Method::kTree}, one_thread());
    EXPECT_LT(sweeper.run(40), 1e-6);
    EXPECT_LT(rms_error(truth, sweeper.q()), 1e-6);
    EXPECT_NEAR(sweeper.log_evidence_estimate(), truth.log_evidence, 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Chains,
                         ::testing::Values(std::tuple{10, 1, 2}, std::tuple{1, 33, 2},
                                           std::tuple{6, 1, 3}, std::tuple{1, 17, 3}));

// Narrow fields by transfer matrix: what the methods are worth. Propagation is an order of
// magnitude nearer to the exact marginals than mean field; its estimate of the evidence too.
TEST(Sweeps, PropagationIsNearerToTheExactMarginalsThanMeanField) {
  for (const auto& [coupling, diagonal, levels, width] :
       {std::tuple{0.2, 0.0, 2, 8}, {0.4, 0.0, 2, 8}, {0.15, 0.1, 2, 8}, {0.3, 0.0, 3, 5}}) {
    const Field f = random_field(width, 40, levels, coupling, diagonal, 0.6, 12);
    const Exact truth = exact(f);
    Sweeper mean_field(f, uniform_q(f), {}, one_thread());
    EXPECT_LT(mean_field.run(500), 1e-5);
    Sweeper tree(f, uniform_q(f), {.method = Method::kTree, .damping = 0.2}, one_thread());
    EXPECT_LT(tree.run(500), 1e-5);
    const double of_mean_field = rms_error(truth, mean_field.q());
    const double of_tree = rms_error(truth, tree.q());
    // Diagonals make triangles, the shortest loops there are.
    const double share = diagonal > 0 ? 0.3 : 0.2;
    EXPECT_LT(of_tree, share * of_mean_field) << coupling << " " << levels;
    const double bound = elbo(f, mean_field.q(), one_thread());
    EXPECT_LT(bound, truth.log_evidence);
    EXPECT_LT(std::abs(tree.log_evidence_estimate() - truth.log_evidence),
              share * (truth.log_evidence - bound));
    // The product of its marginals is a q like any other.
    EXPECT_LT(elbo(f, tree.q(), one_thread()), truth.log_evidence);
    EXPECT_LE(elbo(f, tree.q(), one_thread()), bound + 1e-4);
  }
}

// Lectures, D.3: mu <- (1 - lambda) mu + lambda tanh(sum_j W mu_j + (l+ - l-) / 2), q(+1) =
// sigmoid(2a). Their density sums over i and all neighbours j of i, which counts an edge twice; the
// update is that of a density which counts it once (J = W), and this is the convention of a Field.
TEST(Sweeps, lectures_d3_damped_mean_field_update) {
  const double w = 0.6, sigma = 1.3, lambda = 0.5;
  Field f;
  f.coupling = {static_cast<float>(w), 0};
  f.field = SplitGrid(4, 4);
  SplitGrid x(4, 4);
  numeric::RandomStream random(3);
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 4; ++column) {
      const double observed = (row < 2 ? 1 : -1) + sigma * random.normal();
      const auto log_likelihood = [&](double z) {
        return -(observed - z) * (observed - z) / (2 * sigma * sigma);
      };
      f.field.at(row, column) = static_cast<float>(0.5 * (log_likelihood(1) - log_likelihood(-1)));
      f.constant += 0.5 * (log_likelihood(1) + log_likelihood(-1));
      x.at(row, column) = static_cast<float>(observed);
    }
  }
  // Starts at the observation; all pixels at once, as the lectures' loop over a matrix does.
  Sweeper sweeper(f, x, {.schedule = Schedule::kSimultaneous, .damping = 1 - lambda}, one_thread());
  SplitGrid mu = x;
  for (int sweep = 0; sweep < 15; ++sweep) {
    sweeper.run(1);
    SplitGrid next = mu;
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 4; ++column) {
        double m = 0;
        if (row > 0) m += w * mu.at(row - 1, column);
        if (row < 3) m += w * mu.at(row + 1, column);
        if (column > 0) m += w * mu.at(row, column - 1);
        if (column < 3) m += w * mu.at(row, column + 1);
        const double a = m + f.field.at(row, column);
        const double plus = 1 / (1 + std::exp(-2 * a));
        EXPECT_NEAR(2 * plus - 1, std::tanh(a), 1e-12);
        next.at(row, column) =
            static_cast<float>((1 - lambda) * mu.at(row, column) + lambda * std::tanh(a));
      }
    }
    mu = next;
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 4; ++column)
        ASSERT_NEAR(sweeper.q().at(row, column), mu.at(row, column), 2e-6);
    }
  }
  // The density with the double sum is the field of twice the coupling: its evidence by enumeration
  // over all 2^16 pictures agrees with the transfer matrix at J = 2 W.
  Field twice = f;
  twice.coupling.straight *= 2;
  double log_sum = -INFINITY;
  for (int state = 0; state < 1 << 16; ++state) {
    double pairs = 0, data = 0;
    const auto z = [&](int row, int column) {
      return (state >> (row * 4 + column) & 1) != 0 ? 1 : -1;
    };
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 4; ++column) {
        int neighbours = 0;
        if (row > 0) neighbours += z(row - 1, column);
        if (row < 3) neighbours += z(row + 1, column);
        if (column > 0) neighbours += z(row, column - 1);
        if (column < 3) neighbours += z(row, column + 1);
        pairs += z(row, column) * neighbours;
        data += static_cast<double>(f.field.at(row, column)) * z(row, column);
      }
    }
    const double log_p = static_cast<double>(f.coupling.straight) * pairs + data;
    const double high = std::max(log_sum, log_p);
    log_sum = high + std::log(std::exp(log_sum - high) + std::exp(log_p - high));
  }
  EXPECT_NEAR(log_sum + f.constant, exact(twice).log_evidence, 1e-6);
}

// Lectures, D.4: where mean field passes means to the neighbours, Gibbs sampling passes samples.
// Both against the exact marginals: the sampler's error is its Monte Carlo error, mean field's
// stays.
TEST(Sweeps, lectures_d4_mean_field_passes_means_and_gibbs_samples) {
  const Field f = random_field(6, 6, 2, 0.35, 0, 0.4, 21);
  const Exact truth = exact(f);
  Sweeper sweeper(f, uniform_q(f), {}, one_thread());
  EXPECT_LT(sweeper.run(400), 1e-5);
  const double of_mean_field = rms_error(truth, sweeper.q());

  const auto gibbs_error = [&](int sweeps) {
    SplitGrid z(6, 6), mean(6, 6);
    numeric::RandomStream random(5);
    for (int row = 0; row < 6; ++row) {
      for (int column = 0; column < 6; ++column) z.at(row, column) = 1;
    }
    std::vector<double> sum(36, 0.0);
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      for (int i = 0; i < 36; ++i) {
        const int row = i / 6, column = i % 6;
        double a = f.field.at(row, column);
        if (row > 0) a += 0.35 * static_cast<double>(z.at(row - 1, column));
        if (row < 5) a += 0.35 * static_cast<double>(z.at(row + 1, column));
        if (column > 0) a += 0.35 * static_cast<double>(z.at(row, column - 1));
        if (column < 5) a += 0.35 * static_cast<double>(z.at(row, column + 1));
        z.at(row, column) = random.uniform() < 1 / (1 + std::exp(-2 * a)) ? 1.0F : -1.0F;
        sum[static_cast<size_t>(i)] += std::tanh(a);  // the mean given the neighbours
      }
    }
    for (int i = 0; i < 36; ++i)
      mean.at(i / 6, i % 6) = static_cast<float>(sum[static_cast<size_t>(i)] / sweeps);
    return rms_error(truth, mean);
  };
  const double few = gibbs_error(100), many = gibbs_error(40'000);
  EXPECT_LT(many, 0.01);
  EXPECT_LT(many, 0.3 * few);
  EXPECT_GT(of_mean_field, 5 * many);
  EXPECT_LT(of_mean_field, 0.25);
}

/// One sweep of mean field in double, colour by colour, as the schedule promises it.
void naive_sweep(const Field& f, std::vector<double>& mu) {
  const int width = f.width(), height = f.height();
  const bool eight = f.coupling.diagonal != 0;
  const auto at = [&](int row, int column) -> double {
    if (row < 0 || row >= height || column < 0 || column >= width) return 0;
    return mu[static_cast<size_t>(row) * static_cast<size_t>(width) + static_cast<size_t>(column)];
  };
  for (int colour = 0; colour < (eight ? 4 : 2); ++colour) {
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        const int own = eight ? 2 * (row % 2) + column % 2 : (row + column) % 2;
        if (own != colour) continue;
        const double near =
            at(row - 1, column) + at(row + 1, column) + at(row, column - 1) + at(row, column + 1);
        const double far = at(row - 1, column - 1) + at(row - 1, column + 1) +
                           at(row + 1, column - 1) + at(row + 1, column + 1);
        mu[static_cast<size_t>(row) * static_cast<size_t>(width) + static_cast<size_t>(column)] =
            std::tanh(f.coupling.straight * near + f.coupling.diagonal * far +
                      static_cast<double>(f.field.at(row, column)));
      }
    }
  }
}

TEST(Sweeps, EverySizeTargetAndTilingIsTheNaiveSweep) {
  const numeric::SimdTarget before = numeric::simd_target();
  for (const auto& [width, height] :
       {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 2}, {31, 5}, {32, 33}, {33, 70}, {67, 300}}) {
    for (const double diagonal : {0.0, 0.1}) {
      const Field f = random_field(width, height, 2, 0.2, diagonal, 1.0, 8);
      std::vector<double> mu(static_cast<size_t>(width) * static_cast<size_t>(height), 0.0);
      for (int sweep = 0; sweep < 7; ++sweep) naive_sweep(f, mu);
      for (const auto target : {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                                numeric::SimdTarget::kAvx512}) {
        if (!numeric::set_simd_target(target)) continue;
        Sweeper sweeper(f, uniform_q(f), {}, one_thread());
        sweeper.run(7);
        for (int row = 0; row < height; ++row) {
          for (int column = 0; column < width; ++column) {
            ASSERT_NEAR(sweeper.q().at(row, column),
                        mu[static_cast<size_t>(row) * static_cast<size_t>(width) +
                           static_cast<size_t>(column)],
                        3e-6)
                << width << "x" << height << " at " << row << ", " << column;
          }
        }
      }
    }
  }
  numeric::set_simd_target(before);
}

TEST(Sweeps, ThreadsAndBlocksOfSweepsChangeNoBit) {
  for (const int levels : {2, 3}) {
    for (const double diagonal : {0.0, 0.2}) {
      for (const Method method : {Method::kMeanField, Method::kIcm, Method::kTree}) {
        for (const Schedule schedule : {Schedule::kCheckerboard, Schedule::kSimultaneous}) {
          const Field f = random_field(130, 700, levels, 0.4, diagonal, 1.0, 9);
          const SweepOptions options{.method = method, .schedule = schedule, .damping = 0.1};
          numeric::ThreadPool three(3);
          Sweeper whole(f, uniform_q(f), options, one_thread());
          Sweeper threaded(f, uniform_q(f), options, three);
          Sweeper single(f, uniform_q(f), options, one_thread());
          const float change = whole.run(5);
          EXPECT_EQ(threaded.run(5), change);
          float last = 0;
          for (int sweep = 0; sweep < 5; ++sweep) last = single.run(1);
          EXPECT_EQ(last, change);
          for (int row = 0; row < f.height(); ++row) {
            for (int plane = 0; plane < f.field.planes(); ++plane) {
              for (int parity = 0; parity < 2; ++parity) {
                const size_t bytes = static_cast<size_t>(f.field.half_size(parity)) * sizeof(float);
                const float* expected = whole.q().half(row, parity, plane);
                ASSERT_EQ(std::memcmp(expected, threaded.q().half(row, parity, plane), bytes), 0);
                ASSERT_EQ(std::memcmp(expected, single.q().half(row, parity, plane), bytes), 0);
              }
            }
          }
          EXPECT_EQ(elbo(f, whole.q(), one_thread()), elbo(f, whole.q(), three));
        }
      }
    }
  }
}

TEST(Sweeps, PottsOfTwoLevelsIsIsing) {
  const Field ising = random_field(37, 23, 2, 0.5, 0.3, 0.8, 10);
  Field potts;
  potts.coupling = ising.coupling;
  potts.constant = ising.constant;
  potts.field = SplitGrid(37, 23, 2);
  for (int row = 0; row < 23; ++row) {
    for (int column = 0; column < 37; ++column) {
      potts.field.at(row, column, 0) = -ising.field.at(row, column);
      potts.field.at(row, column, 1) = ising.field.at(row, column);
    }
  }
  for (const Method method : {Method::kMeanField, Method::kIcm, Method::kTree}) {
    const SweepOptions options{.method = method, .damping = method == Method::kTree ? 0.3 : 0};
    SplitGrid start = uniform_q(ising), potts_start = uniform_q(potts);
    if (method == Method::kIcm) {  // ties stay in one and go to the first level in the other
      for (int row = 0; row < 23; ++row) {
        for (int column = 0; column < 37; ++column) {
          const bool up = ising.field.at(row, column) > 0;
          start.at(row, column) = up ? 1.0F : -1.0F;
          potts_start.at(row, column, 0) = up ? 0.0F : 1.0F;
          potts_start.at(row, column, 1) = up ? 1.0F : 0.0F;
        }
      }
    }
    Sweeper two(ising, start, options, one_thread());
    Sweeper k(potts, potts_start, options, one_thread());
    two.run(12);
    k.run(12);
    for (int row = 0; row < 23; ++row) {
      for (int column = 0; column < 37; ++column)
        ASSERT_NEAR(probability(k.q(), row, column, 1), probability(two.q(), row, column, 1), 5e-6);
    }
    EXPECT_NEAR(elbo(potts, k.q(), one_thread()), elbo(ising, two.q(), one_thread()), 2e-3);
    EXPECT_NEAR(edge_correlation(potts, k.q()), edge_correlation(ising, two.q()), 1e-5);
    if (method == Method::kTree) {
      k.run(500);
      two.run(500);
      EXPECT_NEAR(k.log_evidence_estimate(), two.log_evidence_estimate(), 5e-3);
    }
  }
}

// All at once, two neighbours that prefer to be equal exchange their signs for ever; damping ends
// it.
TEST(Sweeps, SimultaneousUpdatesSwingUnlessDamped) {
  Field f;
  f.coupling = {2, 0};
  f.field = SplitGrid(2, 1);
  SplitGrid start(2, 1);
  start.at(0, 0) = 0.5F;
  start.at(0, 1) = -0.5F;
  const SweepOptions all_at_once{.schedule = Schedule::kSimultaneous};
  Sweeper undamped(f, start, all_at_once, one_thread());
  EXPECT_GT(undamped.run(1001), 1.5F);
  Sweeper damped(f, start, {.schedule = Schedule::kSimultaneous, .damping = 0.5}, one_thread());
  EXPECT_LT(damped.run(1001), 1e-6F);
  // With data, the damped schedule ends where the checkerboard does.
  const Field g = random_field(40, 40, 2, 0.22, 0, 0.7, 13);
  Sweeper board(g, uniform_q(g), {}, one_thread());
  Sweeper together(g, uniform_q(g), {.schedule = Schedule::kSimultaneous, .damping = 0.5},
                   one_thread());
  board.run(500);
  together.run(1000);
  for (int row = 0; row < 40; ++row) {
    for (int column = 0; column < 40; ++column)
      ASSERT_NEAR(board.q().at(row, column), together.q().at(row, column), 1e-5);
  }
}

TEST(SweepSchedule, EveryRowTakesEveryStepAfterItsNeighbours) {
  for (const int height : {1, 2, 7, 64, 65, 200}) {
    for (const int half_steps : {1, 2, 6, 16}) {
      for (const int tile_rows : {4, 16, 33, 1000}) {
        std::vector<int> done(static_cast<size_t>(height), 0);
        run_half_steps(height, half_steps, tile_rows, one_thread(), [&](int row, int step) {
          auto at = [&](int r) { return done[static_cast<size_t>(r)]; };
          ASSERT_EQ(at(row), step);
          // Neighbours have taken the step before, and perhaps this one, which does not touch what
          // this row reads of them; not more.
          for (const int r : {row - 1, row + 1}) {
            if (r < 0 || r >= height) continue;
            ASSERT_GE(at(r), step);
            ASSERT_LE(at(r), step + 1);
          }
          ++done[static_cast<size_t>(row)];
        });
        for (const int count : done) EXPECT_EQ(count, half_steps);
      }
    }
  }
}

}  // namespace
}  // namespace vinci::lattice
