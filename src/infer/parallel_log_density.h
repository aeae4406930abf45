// A log density whose batches are spread over a thread pool.
#pragma once

#include "numeric/parallel/thread_pool.h"
#include "vinci/log_density.h"

namespace vinci::infer {

/// Evaluates blocks of 64 lanes on the threads of `pool`. The blocks are the same whatever the
/// number of threads, so are the bits of the result. Both arguments must outlive the object.
class ParallelLogDensity final : public LogDensity {
 public:
  ParallelLogDensity(const LogDensity& density, numeric::ThreadPool& pool)
      : density_(density), pool_(pool) {}

  Index dim() const override { return density_.dim(); }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override;
  void hessian_vector(LaneMatrix points, LaneMatrix directions,
                      MutableLaneMatrix products) const override;
  bool has_exact_hessian_vector() const override { return density_.has_exact_hessian_vector(); }
  std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> hessian_pattern(
      std::size_t max_pairs) const override {
    return density_.hessian_pattern(max_pairs);
  }

 private:
  const LogDensity& density_;
  numeric::ThreadPool& pool_;
};

}  // namespace vinci::infer
