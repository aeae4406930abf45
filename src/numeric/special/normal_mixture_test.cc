#include "numeric/special/normal_mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/random_stream.h"

namespace vinci::numeric {
namespace {

struct Job {
  int64_t dim, count, lanes;
  std::vector<double> centres, points, own, weight;
  std::vector<double> log_sum, pull, share, centre_pull;

  Job(int64_t dim_in, int64_t count_in, int64_t lanes_in, double spread, uint64_t seed)
      : dim(dim_in), count(count_in), lanes(lanes_in) {
    RandomStream random(seed);
    const auto fill = [&](std::vector<double>& x, int64_t n, double scale) {
      x.resize(static_cast<size_t>(n));
      for (double& v : x) v = scale * random.normal();
    };
    fill(centres, count * dim, spread);
    fill(points, dim * lanes, spread);
    own = points;
    for (double& v : own) v += random.normal();
    fill(weight, lanes, 1);
    log_sum.assign(static_cast<size_t>(lanes), 0);
    pull.assign(static_cast<size_t>(lanes * dim), 0);
    share.assign(static_cast<size_t>(lanes), 0);
    centre_pull.assign(static_cast<size_t>(count * dim), 0);
  }
  void run(bool with_own, bool with_gradients) {
    std::vector<double> scratch(static_cast<size_t>(normal_mixture_scratch(dim)));
    NormalMixture job;
    job.dim = dim;
    job.count = count;
    job.centres = centres.data();
    job.lanes = lanes;
    job.points = points.data();
    job.point_stride = lanes;
    if (with_own) job.own = own.data();
    job.own_stride = lanes;
    job.log_sum = log_sum.data();
    if (with_gradients) {
      job.pull = pull.data();
      job.pull_stride = lanes;
      job.own_share = share.data();
      job.centre_pull = centre_pull.data();
      job.weight = weight.data();
    }
    job.scratch = scratch.data();
    VINCI_SIMD_SELECT(normal_mixture)(job);
  }
  long double term(int64_t l, const double* centre, int64_t stride) const {
    long double square = 0;
    for (int64_t d = 0; d < dim; ++d) {
      const long double t =
          static_cast<long double>(points[static_cast<size_t>(d * lanes + l)]) - centre[d * stride];
      square += t * t;
    }
    return -square / 2;
  }
  long double reference(int64_t l, bool with_own) const {
    long double top = with_own ? term(l, own.data() + l, lanes) : -INFINITY;
    for (int64_t k = 0; k < count; ++k) top = std::max(top, term(l, centres.data() + k * dim, 1));
    long double total = with_own ? std::exp(term(l, own.data() + l, lanes) - top) : 0;
    for (int64_t k = 0; k < count; ++k)
      total += std::exp(term(l, centres.data() + k * dim, 1) - top);
    return top + std::log(total);
  }
};

class NormalMixtureTest : public testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    if (!set_simd_target(GetParam())) GTEST_SKIP() << "this machine lacks the instruction set";
  }
  void TearDown() override { set_simd_target(before_); }
  SimdTarget before_ = simd_target();
};

TEST_P(NormalMixtureTest, LogSumEqualsLongDouble) {
  for (const double spread : {0.5, 30.0}) {  // near, and where all but one term underflow
    for (const int64_t count : {1, 5, 1100}) {
      for (const bool with_own : {false, true}) {
        Job job(3, count, 19, spread, 7);
        job.run(with_own, false);
        for (int64_t l = 0; l < job.lanes; ++l) {
          const auto expected = static_cast<double>(job.reference(l, with_own));
          EXPECT_NEAR(job.log_sum[static_cast<size_t>(l)], expected,
                      4e-15 * std::abs(expected) + 1e-13);
        }
      }
    }
  }
}

TEST_P(NormalMixtureTest, OwnAloneIsOneNormal) {
  Job job(4, 0, 5, 1, 3);
  job.run(true, true);
  for (int64_t l = 0; l < job.lanes; ++l) {
    EXPECT_NEAR(job.log_sum[static_cast<size_t>(l)],
                static_cast<double>(job.term(l, job.own.data() + l, job.lanes)), 1e-13);
    EXPECT_EQ(job.share[static_cast<size_t>(l)], 1);
  }
}

TEST_P(NormalMixtureTest, GradientsEqualDifferences) {
  constexpr double kStep = 1e-5;
  for (const int64_t count : {6, 530}) {
    for (const bool with_own : {false, true}) {
      Job job(3, count, 11, 1.2, 9);
      job.run(with_own, true);
      const auto total = [&](Job& j) {
        j.run(with_own, false);
        double s = 0;
        for (size_t l = 0; l < j.log_sum.size(); ++l) s += j.weight[l] * j.log_sum[l];
        return s;
      };
      const auto difference = [&](auto&& number) {
        Job up = job, down = job;
        number(up) += kStep;
        number(down) -= kStep;
        return (total(up) - total(down)) / (2 * kStep);
      };
      for (size_t i = 0; i < job.points.size(); i += 3) {
        const double d = difference([&](Job& j) -> double& { return j.points[i]; });
        EXPECT_NEAR(job.weight[i % 11] * job.pull[i], d, 1e-8);
      }
      for (size_t i = 0; i < job.centres.size(); i += job.centres.size() / 6) {
        const double d = difference([&](Job& j) -> double& { return j.centres[i]; });
        EXPECT_NEAR(job.centre_pull[i], d, 1e-8);
      }
      if (!with_own) continue;
      for (size_t i = 0; i < job.own.size(); i += 5) {
        const double d = difference([&](Job& j) -> double& { return j.own[i]; });
        EXPECT_NEAR(job.weight[i % 11] * job.share[i % 11] * (job.points[i] - job.own[i]), d, 1e-8);
      }
    }
  }
}

TEST_P(NormalMixtureTest, LanesAreIndependent) {
  Job all(2, 40, 13, 1, 5);
  all.run(true, true);
  Job few = all;
  few.lanes = 3;
  for (auto* rows : {&few.points, &few.own}) {
    std::vector<double> kept;
    for (size_t d = 0; d < 2; ++d)
      for (size_t l = 5; l < 8; ++l) kept.push_back((*rows)[d * 13 + l]);
    *rows = kept;
  }
  few.pull.resize(6);
  few.run(true, true);
  for (size_t l = 0; l < 3; ++l) {
    EXPECT_EQ(few.log_sum[l], all.log_sum[l + 5]);
    EXPECT_EQ(few.pull[l], all.pull[l + 5]);
    EXPECT_EQ(few.pull[3 + l], all.pull[13 + l + 5]);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, NormalMixtureTest,
                         testing::Values(SimdTarget::kBaseline, SimdTarget::kAvx2,
                                         SimdTarget::kAvx512),
                         [](const auto& tested) { return simd_target_name(tested.param); });

}  // namespace
}  // namespace vinci::numeric
