// A conjugate network: the log joint density as a multilinear polynomial in the statistics of its
// variables, and coordinate ascent on the bound.
//
// E[log p] = constant + sum_m c_m prod_s E[u_s], where no monomial has two statistics of one
// variable. Then the best q(v) given the rest is the family's member with
//     eta_s = sum over the monomials that hold s of c_m times the product of the other factors,
// each update does not lower the bound, and the bound
//     E[log p] + sum_v (A_v(eta_v) - eta_v . E[u_v])
// is exact.  [Bishop 2006, sec. 10.1; Johnson et al. 2016, doi 10.48550/arXiv.1603.06277, app. B]
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "conjugate/variable.h"
#include "vinci/context.h"

namespace vinci::conjugate {

using Slot = int32_t;

/// Slots of a monomial, at most: precision, its scale, gate, and two pairs of factors of a product.
constexpr size_t kMaxDegree = 6;

struct AscentOptions {
  uint64_t seed = 1;
  int64_t max_sweeps = 2000;
  double max_seconds = 1e300;  // after which the sweep (of a minibatch: the step) is the last
  double tolerance = 1e-9;     // relative change of the bound in a sweep at which to stop
  double damping = 0;          // eta <- (1 - damping) eta_new + damping eta_old
  int threads = 1;             // 0: as many as the machine has
  /// The share of a plate's units (tiles of rows, documents) in a minibatch; 0: full sweeps. Each
  /// step updates the batch's own variables and takes a natural-gradient step of size
  /// (t + delay)^-forgetting on all others; a sweep is one pass over the plates, and the number of
  /// sweeps is max_sweeps.  [Hoffman et al. 2013, JMLR 14, fig. 4]
  double minibatch = 0;
  double delay = 1, forgetting = 0.7;
};

struct AscentResult {
  bool converged = false;
  bool cancelled = false;
  int64_t sweeps = 0;
  double elbo = 0;
  std::vector<double> elbos;    // after each sweep
  double largest_decrease = 0;  // beyond rounding, of one sweep: 0, or a defect
  int64_t retreats = 0;         // sweeps of non-conjugate factors that were taken back
  int32_t improper = -1;        // the variable whose posterior is improper; the ascent ended there
};

class Network {
 public:
  /// Slots of the new variable are [first, first + num_statistics()).
  struct Place {
    Slot first;
    int64_t count;
  };
  int32_t add(VariablePtr variable);
  const Place& place(int32_t variable) const { return places_[static_cast<size_t>(variable)]; }
  void add_constant(double c) { constant_ += c; }
  /// Adds c prod_s u_s. Equal products merge.
  void add_monomial(double c, std::span<const Slot> slots);
  /// After the last monomial. False where a monomial has two statistics of one variable, which
  /// `clash` then names.
  bool finish(int32_t& clash);

  int32_t num_variables() const { return static_cast<int32_t>(variables_.size()); }
  Variable& variable(int32_t v) { return *variables_[static_cast<size_t>(v)]; }
  const Variable& variable(int32_t v) const { return *variables_[static_cast<size_t>(v)]; }
  std::span<const double> mean(int32_t v) const {
    return {mean_.data() + place(v).first, static_cast<size_t>(place(v).count)};
  }
  size_t num_monomials() const { return coefficients_.size(); }

  /// Expected statistics to begin with.
  void start(numeric::RandomStream& random);
  /// One update of a variable; false where it is improper.
  bool update(int32_t v, double damping = 0);
  /// The bound in nats, once each variable has been updated.
  double elbo() const;
  /// Updates in order until the bound stands still, cancelled, or out of time. The first sweep is
  /// always made, so that there is a q of every variable. Where some variables are not conjugate, a
  /// sweep that lowers the bound is followed by one from half of their step, and is not in `elbos`.
  AscentResult ascend(const AscentOptions& options, const Context& context = {});
  /// The derivative of the expected log joint with respect to a variable's statistics.
  void gradient(int32_t v, std::span<double> eta) const { gradient(v, mean_, eta); }

  // ---- at points: values by leaf, on the constrained scale

  /// Whether `log_density` is there: no two variables that are summed out meet in a monomial.
  bool has_density() const { return has_density_; }
  /// log p(x, theta) with discrete and auxiliary variables summed out, exactly, with respect to the
  /// leaves; -inf outside of the support. Cost: of a bound.
  double log_density(std::span<const double> values) const;
  /// One draw of q, without the discrete leaves.
  void draw(numeric::RandomStream& random, std::span<double> values) const;
  /// log q of such values.
  double log_q(std::span<const double> values) const;
  /// p(z | x, theta) of each discrete leaf, exactly where `has_density`.
  void visit_states(std::span<const double> values, const Variable::StateVisitor& visit) const;
  /// Draws the discrete leaves given all others, jointly, into `values`.
  void draw_states(std::span<double> values, numeric::RandomStream& random) const;

 private:
  void gradient(int32_t v, std::span<const double> statistics, std::span<double> eta) const;
  /// u at a point, 0 for what is summed out.
  std::vector<double> statistics(std::span<const double> values) const;
  /// Calls visit(variable, its eta, values of its leaves) for all that are summed out.
  template <class Visit>
  void for_each_summed(std::span<const double> statistics, std::span<const double> values,
                       Visit visit) const;
  /// Plates start with random statistics: all other variables follow them before the first sweep.
  bool follow_plates(AscentResult& result);
  bool sweep(double damping, const Context& context, AscentResult& result);
  /// `is_late`: whether the time is over.
  /// Takes the last sweep back, as far as a non-conjugate network can.
  void retreat(AscentResult& result);
  AscentResult ascend_minibatches(const AscentOptions& options,
                                  const std::function<bool()>& is_late, const Context& context);
  struct Use {
    int32_t monomial;
    Slot slot;
  };
  double constant_ = 0;
  std::vector<VariablePtr> variables_;
  std::vector<Place> places_;
  std::vector<double> coefficients_;
  std::vector<Slot> slots_;     // [monomials][kMaxDegree], -1: none
  std::vector<int64_t> table_;  // hash of monomials while they are added
  std::vector<int64_t> first_use_;
  std::vector<Use> uses_;
  std::vector<char> is_summed_;  // by monomial: it has a slot of a variable that is summed out
  bool has_density_ = true;
  bool is_conjugate_ = true;  // all variables
  std::vector<double> mean_, eta_;
};

}  // namespace vinci::conjugate
