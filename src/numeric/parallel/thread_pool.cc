#include "numeric/parallel/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace vinci::numeric {

int hardware_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct ThreadPool::State {
  std::mutex loop;  // held by the thread whose loop is running

  std::mutex mutex;  // guards what follows, except the atomics
  std::condition_variable_any start;
  std::condition_variable done;
  uint64_t generation = 0;
  size_t busy = 0;  // workers that have not finished this generation
  Body body = nullptr;
  void* fn = nullptr;
  std::ptrdiff_t count = 0;
  std::atomic<std::ptrdiff_t> next{0};
  std::exception_ptr error;
  std::ptrdiff_t error_index = std::numeric_limits<std::ptrdiff_t>::max();

  std::vector<std::jthread> workers;  // last: joined before the rest is destroyed

  void run_indices() {
    for (std::ptrdiff_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      try {
        body(fn, i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (i < error_index) {
          error_index = i;
          error = std::current_exception();
        }
      }
    }
  }

  void work(const std::stop_token& stop) {
    uint64_t seen = 0;
    while (true) {
      {
        std::unique_lock lock(mutex);
        if (!start.wait(lock, stop, [&] { return generation != seen; })) return;
        seen = generation;
      }
      run_indices();
      const std::scoped_lock lock(mutex);
      if (--busy == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 1) threads = hardware_threads();
  for (int i = 1; i < threads; ++i) {
    state_->workers.emplace_back(
        [s = state_.get()](const std::stop_token& stop) { s->work(stop); });
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::num_threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(std::ptrdiff_t count, Body body, void* fn) {
  State& s = *state_;
  // A pool that is taken (by another thread, or by the loop this call is nested in) is not waited
  // for.
  static thread_local bool inside = false;
  std::unique_lock loop(s.loop, std::defer_lock);
  if (count <= 1 || s.workers.empty() || inside || !loop.try_lock()) {
    std::exception_ptr error;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      try {
        body(fn, i);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
    return;
  }
  {
    const std::scoped_lock lock(s.mutex);
    s.body = body;
    s.fn = fn;
    s.count = count;
    s.next.store(0, std::memory_order_relaxed);
    s.error = nullptr;
    s.error_index = std::numeric_limits<std::ptrdiff_t>::max();
    s.busy = s.workers.size();
    ++s.generation;
  }
  s.start.notify_all();
  inside = true;
  s.run_indices();
  inside = false;
  std::unique_lock lock(s.mutex);
  s.done.wait(lock, [&] { return s.busy == 0; });
  if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
}

}  // namespace vinci::numeric
