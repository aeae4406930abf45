// A variable of a conjugate network: one exponential family
//     q(v) = h(v) exp(eta . u(v) - A(eta)).
// The log joint density of a network is a multilinear polynomial in the statistics u of its
// variables, so that the coordinate update is exact whatever the families are: eta is the gradient
// of the expected log joint with respect to E[u]. One file for each family.
// [Winn and Bishop 2005, JMLR 6, sec. 3; Hoffman, Johnson, Tran 2018, "AutoConj", sec. 3]
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "numeric/parallel/thread_pool.h"
#include "numeric/random/random_stream.h"

namespace vinci::conjugate {

/// A distribution as books name it, of a parameter or of an element of one.
struct NamedDistribution {
  std::string name;    // `mu[2]`
  std::string family;  // `normal`
  std::vector<std::pair<std::string, double>> params;
};

/// A Dirichlet distribution of elements with such names, `phi[2,1]`, ..., in any order.
NamedDistribution describe_dirichlet(std::span<const std::string> leaf_names,
                                     std::span<const double> alpha);

/// x > 0 of which x^power is gamma of this shape and rate.
NamedDistribution describe_power_gamma(const std::string& name, double power, double shape,
                                       double rate);

/// Laws: (1) `update` gives mean = dA / d eta; (2) the entropy A - eta . mean - E[log h] is that of
/// the density that `log_density` gives, of which `draw` draws.
class Variable {
 public:
  virtual ~Variable() = default;

  /// The numbers that describe it in the program, one for each leaf; empty for auxiliary variables.
  const std::vector<int32_t>& leaves() const { return leaves_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  virtual int64_t num_statistics() const = 0;
  /// Moves q to `eta`; writes E[u] to `mean`. False where no density has these natural parameters
  /// (q is as before): an improper posterior.
  virtual bool update(std::span<const double> eta, std::span<double> mean) = 0;
  /// A(eta) of the last update, h included: E[-log q] = log_partition - eta . mean.
  double log_partition() const { return log_partition_; }
  /// Expected statistics to begin with, before the first update. `random` breaks symmetry.
  virtual void start(numeric::RandomStream& random, std::span<double> mean) = 0;

  /// Plates: threads to use (null: one), and their units (rows, documents) for minibatches, of
  /// which the statistics are scaled by `scale`; a count of -1 means all.
  virtual bool is_plate() const { return false; }
  virtual void set_pool(numeric::ThreadPool*) {}
  virtual int64_t num_units() const { return 0; }
  virtual void set_batch(int64_t first, int64_t count, double scale);

  /// Whether it is no family but a factor of the density that stays as it is: then law (1) holds
  /// with a step towards dA / d eta in place of it, and updates that use the statistics may lower
  /// the bound. `retreat`: after such, halves the last step that they have used, in `mean`.
  virtual bool is_nonconjugate() const { return false; }
  virtual void retreat(std::span<double>) {}

  /// Whether its leaves are discrete parameters.
  virtual bool is_discrete() const { return false; }
  /// Whether Network::log_density sums or integrates it out: discrete and auxiliary variables.
  virtual bool is_summed() const { return leaves_.empty(); }
  /// u at values of the leaves, of a variable that is not summed out.
  virtual void statistics(std::span<const double> values, std::span<double> u) const;
  /// log sum h exp(eta . u) over a variable that is summed out: A(eta), and q stays where it is.
  /// `values`: of its leaves, which matter where these stay (the shares of an admixture).
  virtual double log_sum(std::span<const double> eta, std::span<const double> values) const;

  /// p(state given the rest) of each discrete leaf that it stands for, under natural parameters
  /// `eta`; `values` as of `log_sum`. `visit` gets the leaf, its lowest state and the
  /// probabilities.
  using StateVisitor = std::function<void(int32_t, int64_t, std::span<const double>)>;
  virtual void visit_states(std::span<const double> eta, std::span<const double> values,
                            const StateVisitor& visit) const;
  /// Draws them, jointly: `states` is indexed by leaf.
  virtual void draw_states(std::span<const double> eta, std::span<const double> values,
                           numeric::RandomStream& random, std::span<double> states) const;

  /// Values of the leaves, of a variable whose leaves are not discrete.
  virtual void draw(numeric::RandomStream& random, std::span<double> values) const;
  /// log q of values of the leaves, with respect to the free ones among them (K - 1 of a simplex,
  /// the lower triangle of a symmetric matrix).
  virtual double log_density(std::span<const double> values) const;
  /// `leaf_names`: of the leaves, as people write them. Where states have been ordered anew these
  /// are the names that the leaves have now; elements of a simplex are named by their own.
  virtual void describe(std::span<const std::string> leaf_names,
                        std::vector<NamedDistribution>& out) const;

 protected:
  std::vector<int32_t> leaves_;
  std::string name_;
  double log_partition_ = 0;
};

using VariablePtr = std::unique_ptr<Variable>;

/// A scalar x > 0 of which x^power is gamma: power 1 gamma, -1 inverse gamma, -2 the standard
/// deviation of a precision that is gamma, 2 a half-normal's. Statistics: log x, x^power.
class PowerGamma final : public Variable {
 public:
  PowerGamma(int32_t leaf, double power);
  /// Without a leaf: auxiliary.
  explicit PowerGamma(double power) : power_(power) {}
  int64_t num_statistics() const override { return 2; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  void statistics(std::span<const double> values, std::span<double> u) const override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;
  void draw(numeric::RandomStream& random, std::span<double> values) const override;
  double log_density(std::span<const double> values) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;

 private:
  double power_;
  double shape_ = 1, rate_ = 1;
};

/// x on the simplex (two values: x and 1 - x of a probability). Statistics: log x_k.
class Dirichlet final : public Variable {
 public:
  /// With `is_probability`, one leaf x, and the statistics are log x, log(1 - x).
  Dirichlet(std::vector<int32_t> leaves, bool is_probability);
  int64_t num_statistics() const override { return static_cast<int64_t>(alpha_.size()); }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  void statistics(std::span<const double> values, std::span<double> u) const override;
  void draw(numeric::RandomStream& random, std::span<double> values) const override;
  double log_density(std::span<const double> values) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;

 private:
  bool is_probability_;
  std::vector<double> alpha_;
};

/// z in 1, ..., K. Statistics: [z = k].
class Categorical final : public Variable {
 public:
  Categorical(int32_t leaf, int64_t num_states, int64_t first_state);
  int64_t num_statistics() const override { return static_cast<int64_t>(probability_.size()); }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  bool is_discrete() const override { return true; }
  bool is_summed() const override { return true; }
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;
  void visit_states(std::span<const double> eta, std::span<const double> values,
                    const StateVisitor& visit) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;

 private:
  int64_t first_state_;
  std::vector<double> probability_;
};

/// w ~ PG(b, 0) tilted by exp(-c^2 w / 2), the auxiliary variable of a logistic likelihood.
/// Statistic: w, eta = -c^2 / 2; E[w] = b tanh(c / 2) / (2 c), A = -b log cosh(c / 2).
/// [Polson, Scott, Windle 2013, doi 10.1080/01621459.2013.829001, eqs. (2), (5)]
class PolyaGamma final : public Variable {
 public:
  explicit PolyaGamma(double count) : count_(count) {}
  int64_t num_statistics() const override { return 1; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;

 private:
  double count_;
};

/// u ~ N(eta, 1) on u > 0 (or u < 0), the auxiliary variable of a probit likelihood. Statistic: u;
/// h holds the normal density, A = log Phi(+-eta) + eta^2 / 2.  [Albert and Chib 1993,
/// doi 10.1080/01621459.1993.10476321, sec. 3]
class TruncatedNormal final : public Variable {
 public:
  explicit TruncatedNormal(bool is_positive) : sign_(is_positive ? 1 : -1) {}
  int64_t num_statistics() const override { return 1; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;

 private:
  double sign_;
};

/// A count y with log-linear rate, Poisson or negative binomial of a shape: log f(y | m), m a
/// number that q makes normal. Statistics: those that approximate log f by u_1 m + u_2 m^2; eta =
/// (E[m], E[m^2]), A = E[log f] and u moves towards dA / d eta, which is conjugate-computation
/// variational inference. Errors of A: none of Poisson, those of 32 Gauss-Hermite nodes of the
/// other.  [Khan and Lin 2017, arXiv 1703.04265, algorithm 1 and eq. (13)]
class LogRate final : public Variable {
 public:
  /// `shape`: of the negative binomial, whose variance is mean + mean^2 / shape; infinite: Poisson.
  LogRate(double count, double shape);
  int64_t num_statistics() const override { return 2; }
  bool is_nonconjugate() const override { return true; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void retreat(std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;

 private:
  /// E[log f], and the expected first and second derivatives with respect to m.
  double expected(double mean, double variance, double& slope, double& curvature) const;
  double count_, shape_, constant_;
  double step_ = 1;
  bool has_retreated_ = false;
  double used_[2] = {}, before_[2] = {};  // statistics that updates have used, last and before
};

/// c_1 + ... + c_K = n, where c_k given no sum is Poisson of rate exp(eta_k): the auxiliary
/// variable of a Poisson outcome n whose rate is a sum. Statistics: c; h = 1 / prod c_k!, so that c
/// is multinomial, and A = n log sum_k exp(eta_k) - lgamma(n + 1).  [Cemgil 2009,
/// doi 10.1155/2009/785152, sec. 2]
class SplitCount final : public Variable {
 public:
  SplitCount(double count, int64_t parts) : count_(count), parts_(parts) {}
  int64_t num_statistics() const override { return parts_; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;

 private:
  double count_;
  int64_t parts_;
};

/// w = 1 / t > 0 of t ~ exponential(1/2), tilted by exp(-c^2 w / 2), the auxiliary variable of a
/// Laplace density, which is a normal one of variance t. Statistic: w, eta = -c^2 / 2 < 0; w is
/// inverse Gaussian of mean E[w] = 1 / c and shape 1; h holds sqrt(w) and the density of t without
/// its 1/2, A = log(2 pi) / 2 - c.  [Park and Casella 2008, doi 10.1198/016214508000000337, eqs.
/// (4) and (8); Andrews and Mallows 1974]
class InverseGaussian final : public Variable {
 public:
  int64_t num_statistics() const override { return 1; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;
};

}  // namespace vinci::conjugate
