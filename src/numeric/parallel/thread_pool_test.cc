#include "numeric/parallel/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace vinci::numeric {
namespace {

TEST(ThreadPool, RunsEachIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const std::ptrdiff_t count : {0, 1, 2, 1000}) {
      std::vector<int> calls(static_cast<size_t>(count), 0);
      pool.parallel_for(count, [&](std::ptrdiff_t i) { ++calls[static_cast<size_t>(i)]; });
      EXPECT_EQ(std::accumulate(calls.begin(), calls.end(), std::ptrdiff_t{0}), count);
      for (const int c : calls) EXPECT_EQ(c, 1);
    }
  }
}

TEST(ThreadPool, ManyShortLoopsLeaveNothingBehind) {
  ThreadPool pool(4);
  std::atomic<int> total{0};
  for (int loop = 0; loop < 2000; ++loop) {
    pool.parallel_for(3, [&](std::ptrdiff_t) { total.fetch_add(1, std::memory_order_relaxed); });
    ASSERT_EQ(total.load(), 3 * (loop + 1));
  }
}

TEST(ThreadPool, NestedAndConcurrentLoopsRun) {
  ThreadPool pool(3);
  std::atomic<int> total{0};
  pool.parallel_for(8, [&](std::ptrdiff_t) {
    pool.parallel_for(8, [&](std::ptrdiff_t) { total.fetch_add(1); });
  });
  EXPECT_EQ(total.load(), 64);
}

TEST(ThreadPool, RethrowsTheErrorOfTheSmallestIndexAndGoesOn) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> runs{0};
    try {
      pool.parallel_for(100, [&](std::ptrdiff_t i) {
        runs.fetch_add(1);
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
      ADD_FAILURE() << "no exception";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "7");
    }
    EXPECT_EQ(runs.load(), 100);
    pool.parallel_for(10, [&](std::ptrdiff_t) { runs.fetch_add(1); });
    EXPECT_EQ(runs.load(), 110);
  }
}

}  // namespace
}  // namespace vinci::numeric
