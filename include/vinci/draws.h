// Draws of an approximate posterior, by variable name, and what sums them up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vinci {

/// The marginal posterior of one quantity. NaN: not known.
struct Summary {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  std::string name;  ///< `theta[3]`
  double mean = kUnknown;
  double sd = kUnknown;
  double q05 = kUnknown;
  double q50 = kUnknown;
  double q95 = kUnknown;
  double khat = kUnknown;  ///< of this quantity: above 0.7 its mean cannot be trusted
  double ess = kUnknown;   ///< effective sample size of the draws
  /// Of an element of a discrete parameter: the probabilities of its states first_state,
  /// first_state + 1, .... Else empty.
  std::vector<double> probabilities;
  std::int64_t first_state = 0;
  /// The posterior has other modes, equal by a symmetry (such as labels that can be exchanged), and
  /// there it is another.
  bool is_of_one_mode = false;
};

/// A table of draws with equal weights; columns are the elements of variables. Copies share it.
class Draws {
 public:
  std::size_t num_draws() const;
  /// `mu`, `theta[1]`, `theta[2]`, ...: variables in the order of the program, the elements of each
  /// in column-major order.
  const std::vector<std::string>& names() const;
  /// All values, [num_draws][names().size()], row-major.
  std::span<const double> values() const;

  /// One element, [num_draws]: `draws["theta[3]"]`, or `draws["mu"]` for a scalar.
  /// Throws Error(kUsage) where there is no such name.
  std::vector<double> operator[](std::string_view name) const;
  /// A whole variable, [num_draws][size], elements in column-major order.
  /// Throws Error(kUsage) where there is no such variable.
  std::vector<double> variable(std::string_view name) const;
  /// Its shape, outermost array index first; empty for a scalar. Throws as `variable` does.
  std::vector<std::int64_t> shape(std::string_view name) const;

  /// log p(theta, data) and log q(theta) of each draw in unconstrained space, nats.
  std::span<const double> log_density() const;
  std::span<const double> log_approximation() const;

  struct Impl;
  explicit Draws(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace vinci
