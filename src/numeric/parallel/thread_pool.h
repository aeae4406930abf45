// A fixed set of threads that run the indices of a loop. Which thread runs an index is left to
// chance; results must not depend on it: an index writes only what is its own.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace vinci::numeric {

/// Number of threads that this machine runs at once, at least 1.
int hardware_threads();

/// Laws: (1) parallel_for(count, fn) calls fn(i) exactly once for each 0 <= i < count and returns
/// when all have returned; (2) an exception out of fn is rethrown after the loop, that of the
/// smallest index that threw (all indices are run all the same); (3) a call from within fn, or
/// while another thread's loop is running on the pool, runs its loop in the calling thread.
class ThreadPool {
 public:
  /// `threads` includes the calling thread: 1 starts none. Values below 1 mean hardware_threads().
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const;

  /// fn: void(std::ptrdiff_t index).
  template <class Fn>
  void parallel_for(std::ptrdiff_t count, Fn&& fn) {
    run(
        count,
        [](void* f, std::ptrdiff_t i) { (*static_cast<std::remove_reference_t<Fn>*>(f))(i); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  using Body = void (*)(void*, std::ptrdiff_t);
  void run(std::ptrdiff_t count, Body body, void* fn);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vinci::numeric
