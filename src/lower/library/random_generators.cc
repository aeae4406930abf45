// Random number generators of scalars. Each is a function of a stream and numbers; that arguments
// may be containers, with an array as the result, is a rule. A generator says by NaN or kNoDraw
// that its arguments are outside of the domain.
#include "lower/library/random_generators.h"

#include <fmt/format.h>

#include <array>

namespace vinci::lower {

using numeric::RandomStream;

numeric::RandomStream& random_of(const Call& call) {
  if (call.random == nullptr) {
    call.fail(fmt::format("`{}` is called where there are no random numbers", call.name));
  }
  return *call.random;
}

std::vector<double> constants_of(const Call& call, const Value& value) {
  std::vector<double> result;
  result.reserve(value.elements.size());
  for (const Scalar& s : value.elements) {
    if (!s.is_constant()) {
      call.fail(fmt::format("`{}` has an argument that is not known yet", call.name),
                source::DiagnosticKind::kNotCovered);
    }
    result.push_back(s.constant());
  }
  return result;
}

void fail_domain(const Call& call, std::span<const double> args) {
  call.fail(fmt::format("`{}` has no distribution at ({})", call.name, fmt::join(args, ", ")));
}

void check_probabilities(const Call& call, std::span<const double> p, const char* what) {
  double sum = 0;
  for (double x : p) {
    if (!(x >= 0)) call.fail(fmt::format("{} of `{}` has the element {}", what, call.name, x));
    sum += x;
  }
  if (!(std::abs(sum - 1) <= 1e-8)) {
    call.fail(fmt::format("{} of `{}` sum to {}; they must sum to 1", what, call.name, sum));
  }
}

namespace {

/// Returned by a generator of integers (which may be negative) whose arguments are outside of the
/// domain.
constexpr int64_t kNoDraw = std::numeric_limits<int64_t>::min();

// ---- rows

template <class Result, class... Args>
constexpr size_t draw_arity(Result (*)(RandomStream&, Args...)) {
  return sizeof...(Args);
}

template <auto kDraw, size_t n, size_t... k>
auto draw_with(RandomStream& random, const std::array<double, n>& x, std::index_sequence<k...>) {
  return kDraw(random, x[k]...);
}

/// kDraw(random, args[0][i], args[1][i], ...) for each element: a scalar if all arguments are, else
/// an array.
template <auto kDraw>
Value draw_each(const Call& call, std::span<const Value> args) {
  constexpr size_t n = draw_arity(kDraw);
  RandomStream& random = random_of(call);
  const size_t size = common_size(call, args);
  bool all_scalar = true;
  std::array<std::vector<double>, n> numbers;
  for (size_t k = 0; k < n; ++k) {
    numbers[k] = constants_of(call, args[k]);
    all_scalar &= args[k].is_scalar();
  }
  std::vector<Scalar> draws(size);
  constexpr bool kIsInteger =
      std::same_as<decltype(draw_with<kDraw>(random, std::array<double, n>(),
                                             std::make_index_sequence<n>())),
                   int64_t>;
  for (size_t i = 0; i < size; ++i) {
    std::array<double, n> x{};
    for (size_t k = 0; k < n; ++k) x[k] = args[k].is_scalar() ? numbers[k][0] : numbers[k][i];
    const auto draw = draw_with<kDraw>(random, x, std::make_index_sequence<n>());
    if constexpr (kIsInteger) {
      if (draw == kNoDraw) fail_domain(call, x);
    } else {
      if (std::isnan(draw)) fail_domain(call, x);
    }
    draws[i] = static_cast<double>(draw);
  }
  constexpr BaseType base = kIsInteger ? BaseType::kInt : BaseType::kReal;
  if (all_scalar) return kIsInteger ? Value::integer(draws[0]) : Value::real(draws[0]);
  return Value::array(base, std::move(draws));
}

template <auto kDraw>
void add_rng(LibraryTable& table, const std::string& name) {
  table.add(name + "_rng", draw_each<kDraw>);
}

/// What a generator of integers returns for its own "-1".
int64_t count(int64_t draw) { return draw < 0 ? kNoDraw : draw; }

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_positive(double x) { return x > 0 && std::isfinite(x); }

// ---- reals

double normal(RandomStream& r, double mu, double sigma) { return r.normal(mu, sigma); }
double std_normal(RandomStream& r) { return r.normal(); }
double exp_mod_normal(RandomStream& r, double mu, double sigma, double lambda) {
  return r.exp_mod_normal(mu, sigma, lambda);
}
double skew_normal(RandomStream& r, double xi, double omega, double alpha) {
  return r.skew_normal(xi, omega, alpha);
}
double student_t(RandomStream& r, double nu, double mu, double sigma) {
  return r.student_t(nu, mu, sigma);
}
double cauchy(RandomStream& r, double mu, double sigma) { return r.cauchy(mu, sigma); }
double double_exponential(RandomStream& r, double mu, double sigma) {
  return r.double_exponential(mu, sigma);
}
double logistic(RandomStream& r, double mu, double sigma) { return r.logistic(mu, sigma); }
double gumbel(RandomStream& r, double mu, double beta) { return r.gumbel(mu, beta); }
/// Below mu with probability tau, at rate 2 (1 - tau)/sigma; above at rate 2 tau/sigma.
double skew_double_exponential(RandomStream& r, double mu, double sigma, double tau) {
  if (!is_positive(sigma) || !(tau > 0 && tau < 1) || !std::isfinite(mu)) return kNaN;
  const bool below = r.uniform() < tau;
  const double size = 0.5 * sigma * r.exponential();
  return below ? mu - size / (1 - tau) : mu + size / tau;
}
double lognormal(RandomStream& r, double mu, double sigma) { return r.lognormal(mu, sigma); }
double chi_square(RandomStream& r, double nu) { return r.chi_square(nu); }
double inv_chi_square(RandomStream& r, double nu) { return r.inv_chi_square(nu); }
double scaled_inv_chi_square(RandomStream& r, double nu, double s) {
  return r.scaled_inv_chi_square(nu, s);
}
double exponential(RandomStream& r, double beta) { return r.exponential(beta); }
double gamma(RandomStream& r, double a, double b) { return r.gamma(a, b); }
double inv_gamma(RandomStream& r, double a, double b) { return r.inv_gamma(a, b); }
double weibull(RandomStream& r, double alpha, double sigma) { return r.weibull(alpha, sigma); }
double frechet(RandomStream& r, double alpha, double sigma) { return r.frechet(alpha, sigma); }
double rayleigh(RandomStream& r, double sigma) { return r.rayleigh(sigma); }
/// alpha (u / (1 - u))^{1/beta}.
double loglogistic(RandomStream& r, double alpha, double beta) {
  if (!is_positive(alpha) || !is_positive(beta)) return kNaN;
  return alpha * std::exp(r.logistic(0, 1) / beta);
}
double pareto(RandomStream& r, double y_min, double alpha) { return r.pareto(y_min, alpha); }
double pareto_type_2(RandomStream& r, double mu, double lambda, double alpha) {
  return r.pareto_type_2(mu, lambda, alpha);
}
double beta(RandomStream& r, double a, double b) { return r.beta(a, b); }
double beta_proportion(RandomStream& r, double mu, double kappa) {
  return r.beta(mu * kappa, (1 - mu) * kappa);
}
double uniform(RandomStream& r, double a, double b) {
  return a < b && std::isfinite(a) && std::isfinite(b) ? r.uniform(a, b) : kNaN;
}
double von_mises(RandomStream& r, double mu, double kappa) { return r.von_mises(mu, kappa); }

// ---- integers

bool is_count(double n) { return n >= 0 && n <= 9e15 && n == std::floor(n); }
int64_t to_count(double n) { return static_cast<int64_t>(n); }

int64_t bernoulli(RandomStream& r, double p) { return count(r.bernoulli(p)); }
double inv_logit_of(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
int64_t bernoulli_logit(RandomStream& r, double alpha) {
  return std::isnan(alpha) ? kNoDraw : count(r.bernoulli(inv_logit_of(alpha)));
}
int64_t binomial(RandomStream& r, double n, double p) {
  return is_count(n) ? count(r.binomial(to_count(n), p)) : kNoDraw;
}
int64_t binomial_logit(RandomStream& r, double n, double alpha) {
  return is_count(n) ? count(r.binomial(to_count(n), inv_logit_of(alpha))) : kNoDraw;
}
int64_t beta_binomial(RandomStream& r, double n, double a, double b) {
  return is_count(n) ? count(r.beta_binomial(to_count(n), a, b)) : kNoDraw;
}
int64_t hypergeometric(RandomStream& r, double draws, double a, double b) {
  if (!is_count(draws) || !is_count(a) || !is_count(b) || draws > a + b) return kNoDraw;
  return count(r.hypergeometric(to_count(draws), to_count(a), to_count(b)));
}
int64_t discrete_range(RandomStream& r, double lower, double upper) {
  return lower <= upper ? to_count(lower) + r.integer(to_count(upper) - to_count(lower) + 1)
                        : kNoDraw;
}
int64_t neg_binomial(RandomStream& r, double alpha, double beta) {
  return count(r.neg_binomial(alpha, beta));
}
int64_t neg_binomial_2(RandomStream& r, double mu, double phi) {
  return count(r.neg_binomial_2(mu, phi));
}
int64_t neg_binomial_2_log(RandomStream& r, double eta, double phi) {
  return count(r.neg_binomial_2(std::exp(eta), phi));
}
/// A negative binomial whose success probability is beta(alpha, beta).
int64_t beta_neg_binomial(RandomStream& r, double successes, double alpha, double beta) {
  if (!is_positive(successes)) return kNoDraw;
  const double p = r.beta(alpha, beta);
  if (std::isnan(p)) return kNoDraw;
  return count(r.poisson(r.gamma(successes) * (1 - p) / p));
}
int64_t poisson(RandomStream& r, double lambda) { return count(r.poisson(lambda)); }
int64_t poisson_log(RandomStream& r, double alpha) { return count(r.poisson(std::exp(alpha))); }
/// Geometric from 1 on with success probability e^{-w}, w exponential of rate alpha.
int64_t yule_simon(RandomStream& r, double alpha) {
  if (!is_positive(alpha)) return kNoDraw;
  const double w = r.exponential(alpha);
  const double n = 1 + std::floor(std::log(r.uniform()) / std::log1p(-std::exp(-w)));
  return n <= 9e15 ? to_count(n) : kNoDraw;
}

// ---- categories

Value categorical_rng(const Call& call, std::span<const Value> args) {
  const std::vector<double> theta = constants_of(call, args[0]);
  check_probabilities(call, theta, "probabilities");
  return Value::integer(static_cast<double>(random_of(call).categorical(theta) + 1));
}

/// Proportional to e^{logits}.
std::vector<double> softmax(std::vector<double> logits) {
  double top = kNegativeInfinity;
  for (double x : logits) top = std::fmax(top, x);
  double sum = 0;
  for (double& x : logits) sum += x = std::exp(x - top);
  for (double& x : logits) x /= sum;
  return logits;
}

Value categorical_logit_rng(const Call& call, std::span<const Value> args) {
  const std::vector<double> weights = softmax(constants_of(call, args[0]));
  const int64_t k = random_of(call).categorical(weights);
  if (k < 0) fail_domain(call, constants_of(call, args[0]));
  return Value::integer(static_cast<double>(k + 1));
}

/// 1 + number of cut points below eta + noise.
Value ordered(const Call& call, std::span<const Value> args, double noise) {
  const double eta = constants_of(call, args[0])[0];
  const std::vector<double> cuts = constants_of(call, args[1]);
  int64_t k = 1;
  for (size_t j = 0; j < cuts.size(); ++j) {
    if (std::isnan(cuts[j]) || (j > 0 && !(cuts[j] > cuts[j - 1]))) fail_domain(call, cuts);
    if (eta + noise > cuts[j]) ++k;
  }
  if (cuts.empty() || !std::isfinite(eta)) fail_domain(call, {&eta, 1});
  return Value::integer(static_cast<double>(k));
}
Value ordered_logistic_rng(const Call& call, std::span<const Value> args) {
  return ordered(call, args, random_of(call).logistic(0, 1));
}
Value ordered_probit_rng(const Call& call, std::span<const Value> args) {
  return ordered(call, args, random_of(call).normal());
}

Value draw_multinomial(const Call& call, std::span<const double> p, const Value& size) {
  const double n = constants_of(call, size)[0];
  if (!is_count(n)) fail_domain(call, {&n, 1});
  std::vector<int64_t> counts(p.size());
  random_of(call).multinomial(to_count(n), p, counts);
  std::vector<Scalar> result;
  for (int64_t c : counts) {
    if (c < 0) fail_domain(call, p);
    result.push_back(static_cast<double>(c));
  }
  return Value::array(BaseType::kInt, std::move(result));
}
Value multinomial_rng(const Call& call, std::span<const Value> args) {
  const std::vector<double> theta = constants_of(call, args[0]);
  check_probabilities(call, theta, "probabilities");
  return draw_multinomial(call, theta, args[1]);
}
Value multinomial_logit_rng(const Call& call, std::span<const Value> args) {
  return draw_multinomial(call, softmax(constants_of(call, args[0])), args[1]);
}

std::vector<double> draw_dirichlet(const Call& call, const Value& argument) {
  const std::vector<double> alpha = constants_of(call, argument);
  for (double a : alpha) {
    if (!is_positive(a)) fail_domain(call, alpha);
  }
  std::vector<double> theta(alpha.size());
  if (!alpha.empty()) random_of(call).dirichlet(alpha, theta);
  return theta;
}
Value dirichlet_rng(const Call& call, std::span<const Value> args) {
  const std::vector<double> theta = draw_dirichlet(call, args[0]);
  return Value::vector({theta.begin(), theta.end()});
}
Value dirichlet_multinomial_rng(const Call& call, std::span<const Value> args) {
  return draw_multinomial(call, draw_dirichlet(call, args[0]), args[1]);
}

/// Arguments x [n, k] or [k], alpha [n] or scalar, beta [k].
Value bernoulli_logit_glm_rng(const Call& call, std::span<const Value> args) {
  const std::vector<double> x = constants_of(call, args[0]);
  const std::vector<double> alpha = constants_of(call, args[1]);
  const std::vector<double> coefficients = constants_of(call, args[2]);
  const bool is_matrix = args[0].type.base == BaseType::kMatrix;
  const size_t rows = is_matrix ? static_cast<size_t>(args[0].dims[0]) : alpha.size();
  const auto cols = static_cast<size_t>(args[0].dims.back());
  if (coefficients.size() != cols || (!args[1].is_scalar() && alpha.size() != rows)) {
    call.fail(
        fmt::format("`{}` has predictors of {} x {}, {} intercepts and {} coefficients; sizes "
                    "must agree",
                    call.name, rows, cols, alpha.size(), coefficients.size()),
        source::DiagnosticKind::kSize);
  }
  std::vector<Scalar> draws;
  for (size_t i = 0; i < rows; ++i) {
    double eta = args[1].is_scalar() ? alpha[0] : alpha[i];
    for (size_t j = 0; j < cols; ++j) eta += x[(is_matrix ? i * cols : 0) + j] * coefficients[j];
    const int64_t draw = bernoulli_logit(random_of(call), eta);
    if (draw == kNoDraw) fail_domain(call, {&eta, 1});
    draws.push_back(static_cast<double>(draw));
  }
  return Value::array(BaseType::kInt, std::move(draws));
}

}  // namespace

void add_random_generators(LibraryTable& table) {
  add_rng<normal>(table, "normal");
  add_rng<std_normal>(table, "std_normal");
  add_rng<exp_mod_normal>(table, "exp_mod_normal");
  add_rng<skew_normal>(table, "skew_normal");
  add_rng<student_t>(table, "student_t");
  add_rng<cauchy>(table, "cauchy");
  add_rng<double_exponential>(table, "double_exponential");
  add_rng<logistic>(table, "logistic");
  add_rng<gumbel>(table, "gumbel");
  add_rng<skew_double_exponential>(table, "skew_double_exponential");
  add_rng<lognormal>(table, "lognormal");
  add_rng<chi_square>(table, "chi_square");
  add_rng<inv_chi_square>(table, "inv_chi_square");
  add_rng<scaled_inv_chi_square>(table, "scaled_inv_chi_square");
  add_rng<exponential>(table, "exponential");
  add_rng<gamma>(table, "gamma");
  add_rng<inv_gamma>(table, "inv_gamma");
  add_rng<weibull>(table, "weibull");
  add_rng<frechet>(table, "frechet");
  add_rng<rayleigh>(table, "rayleigh");
  add_rng<loglogistic>(table, "loglogistic");
  add_rng<pareto>(table, "pareto");
  add_rng<pareto_type_2>(table, "pareto_type_2");
  add_rng<beta>(table, "beta");
  add_rng<beta_proportion>(table, "beta_proportion");
  add_rng<uniform>(table, "uniform");
  add_rng<von_mises>(table, "von_mises");
  add_rng<bernoulli>(table, "bernoulli");
  add_rng<bernoulli_logit>(table, "bernoulli_logit");
  add_rng<binomial>(table, "binomial");
  add_rng<binomial_logit>(table, "binomial_logit");
  add_rng<beta_binomial>(table, "beta_binomial");
  add_rng<hypergeometric>(table, "hypergeometric");
  add_rng<discrete_range>(table, "discrete_range");
  add_rng<neg_binomial>(table, "neg_binomial");
  add_rng<neg_binomial_2>(table, "neg_binomial_2");
  add_rng<neg_binomial_2_log>(table, "neg_binomial_2_log");
  add_rng<beta_neg_binomial>(table, "beta_neg_binomial");
  add_rng<poisson>(table, "poisson");
  add_rng<poisson_log>(table, "poisson_log");
  add_rng<yule_simon>(table, "yule_simon");
  table.add("categorical_rng", categorical_rng);
  table.add("categorical_logit_rng", categorical_logit_rng);
  table.add("ordered_logistic_rng", ordered_logistic_rng);
  table.add("ordered_probit_rng", ordered_probit_rng);
  table.add("multinomial_rng", multinomial_rng);
  table.add("multinomial_logit_rng", multinomial_logit_rng);
  table.add("dirichlet_rng", dirichlet_rng);
  table.add("dirichlet_multinomial_rng", dirichlet_multinomial_rng);
  table.add("bernoulli_logit_glm_rng", bernoulli_logit_glm_rng);
  add_multivariate_random_generators(table);
}

}  // namespace vinci::lower
