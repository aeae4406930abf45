// Generalised linear models: the density of the linear predictor alpha + x beta. Nothing is special
// about them here; rows of data times coefficients become linear combinations that the engine
// handles as a matrix product.
#include <fmt/format.h>

#include "graph/arrays/arrays.h"
#include "lower/library/discrete_densities.h"
#include "lower/library/multivariate_densities.h"

namespace vinci::lower {

namespace {

struct Design {
  size_t rows;
  size_t cols;
  const Value& x;
  bool broadcast;  // a row vector stands for the row of every outcome

  std::span<const Scalar> row(size_t i) const {
    return {x.elements.data() + (broadcast ? 0 : i * cols), cols};
  }
};

[[noreturn]] void fail_size(const Call& call, const char* what, size_t found, const char* other,
                            size_t expected) {
  call.fail(fmt::format("{} of `{}` has {} elements, but {} has {}; sizes must agree", what,
                        call.name, found, other, expected),
            source::DiagnosticKind::kSize);
}

/// x: matrix, or a row vector, which is the row of every outcome. An outcome that is a scalar is
/// that of every row.
Design design_of(const Call& call, const Value& y, const Value& x) {
  const bool is_row = x.type.base == BaseType::kRowVector;
  const auto cols = static_cast<size_t>(x.dims.back());
  const size_t rows =
      is_row ? (y.is_scalar() ? 1 : y.elements.size()) : static_cast<size_t>(x.dims[0]);
  if (!y.is_scalar() && y.elements.size() != rows) {
    fail_size(call, "outcome", y.elements.size(), "number of rows of the predictors", rows);
  }
  return {rows, cols, x, is_row};
}

void check_length(const Call& call, const Value& v, size_t expected, const char* what,
                  const char* other) {
  if (!v.is_scalar() && v.elements.size() != expected) {
    fail_size(call, what, v.elements.size(), other, expected);
  }
}

/// Rows of the predictors times vectors of coefficients plus intercepts. Above a size, one array
/// function with the data inside; below it, a linear combination for each row.
class LinearPredictor {
 public:
  LinearPredictor(const Call& call, const Design& design, size_t num_products = 1)
      : call_(call), design_(design) {
    constexpr size_t kMaxExpandedProducts = 200'000;
    if (design.broadcast || design.rows * design.cols * num_products <= kMaxExpandedProducts)
      return;
    std::vector<double> matrix;
    matrix.reserve(design.x.elements.size());
    for (const Scalar& s : design.x.elements) {
      if (!s.is_constant()) return;
      matrix.push_back(s.constant());
    }
    product_ = graph::data_matrix_product(matrix, static_cast<int64_t>(design.rows),
                                          static_cast<int64_t>(design.cols));
  }

  /// intercept(i) + x_i beta.
  template <class Intercept>
  std::vector<Scalar> at(std::span<const Scalar> beta, Intercept intercept) const {
    graph::Graph& g = call_.graph;
    if (product_ != nullptr) {
      std::vector<Scalar> eta = g.call(product_, beta);
      for (size_t i = 0; i < design_.rows; ++i) eta[i] = g.add(eta[i], intercept(i));
      return eta;
    }
    std::vector<Scalar> eta(design_.rows);
    std::vector<Scalar> a(design_.cols + 1, Scalar(1.0));
    std::vector<Scalar> b(beta.begin(), beta.end());
    b.push_back(0.0);
    for (size_t i = 0; i < design_.rows;
         ++i) {  // the intercept is one more product: each row is one node
      const auto row = design_.row(i);
      std::copy(row.begin(), row.end(), a.begin());
      b.back() = intercept(i);
      eta[i] = g.dot(a, b);
    }
    return eta;
  }

 private:
  const Call& call_;
  const Design& design_;
  graph::ArrayFunctionPtr product_;
};

/// alpha_i + x_i beta; without alpha, x_i beta.
std::vector<Scalar> linear_predictor(const Call& call, const Design& design, const Value* alpha,
                                     const Value& beta) {
  check_length(call, beta, design.cols, "vector of coefficients", "a row of the predictors");
  if (alpha != nullptr) {
    check_length(call, *alpha, design.rows, "intercept", "number of rows of the predictors");
  }
  return LinearPredictor(call, design).at(beta.elements, [&](size_t i) {
    return alpha == nullptr ? Scalar(0.0) : element(*alpha, i);
  });
}

/// Density kDensity(y_i, eta_i, extra arguments_i).
template <auto kDensity>
Value glm(const Call& call, const Value& y, const Value& x, const Value* trials, const Value& alpha,
          const Value& beta, const Value* dispersion) {
  const Design design = design_of(call, y, x);
  const std::vector<Scalar> eta = linear_predictor(call, design, &alpha, beta);
  if (trials != nullptr) {
    check_length(call, *trials, design.rows, "population size", "number of rows of the predictors");
  }
  if (dispersion != nullptr) {
    check_length(call, *dispersion, design.rows, "dispersion", "number of rows of the predictors");
  }
  Density d(call);
  for (size_t i = 0; i < design.rows; ++i) {
    const bool is_int = y.type.base == BaseType::kInt;
    if constexpr (density_arity(kDensity) == 2) {
      const Scalar at[] = {element(y, i), eta[i]};
      const bool ints[] = {is_int, false};
      call_scalars<kDensity>(d, at, ints);
    } else {
      const Scalar at[] = {element(y, i), trials != nullptr ? element(*trials, i) : eta[i],
                           trials != nullptr ? eta[i] : element(*dispersion, i)};
      const bool ints[] = {is_int, trials != nullptr, false};
      call_scalars<kDensity>(d, at, ints);
    }
  }
  return Value::real(d.total().scalar());
}

void normal_identity(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  d += apply(graph::Op::kNormalKernel, y, mu, inv(sigma));
  d -= log(sigma);
  d -= kLogSqrtTwoPi;
}

Value normal_id_glm(const Call& call, std::span<const Value> args) {
  return glm<normal_identity>(call, args[0], args[1], nullptr, args[2], args[3], &args[4]);
}

Value bernoulli_logit_glm(const Call& call, std::span<const Value> args) {
  return glm<bernoulli_logit>(call, args[0], args[1], nullptr, args[2], args[3], nullptr);
}

Value poisson_log_glm(const Call& call, std::span<const Value> args) {
  return glm<poisson_log>(call, args[0], args[1], nullptr, args[2], args[3], nullptr);
}

Value neg_binomial_2_log_glm(const Call& call, std::span<const Value> args) {
  return glm<neg_binomial_2_log>(call, args[0], args[1], nullptr, args[2], args[3], &args[4]);
}

Value binomial_logit_glm(const Call& call, std::span<const Value> args) {
  return glm<binomial_logit>(call, args[0], args[2], &args[1], args[3], args[4], nullptr);
}

/// Logits alpha' + x_i beta, beta one column for each category.
Value categorical_logit_glm(const Call& call, std::span<const Value> args) {
  const Design design = design_of(call, args[0], args[1]);
  const Value& alpha = args[2];
  const Value& beta = args[3];
  const size_t categories = alpha.elements.size();
  if (beta.dims[0] != static_cast<int64_t>(design.cols) ||
      beta.dims[1] != static_cast<int64_t>(categories)) {
    call.fail(fmt::format("coefficients of `{}` are a matrix of {} x {}; {} predictors and {} "
                          "intercepts need {} x {}",
                          call.name, beta.dims[0], beta.dims[1], design.cols, categories,
                          design.cols, categories),
              source::DiagnosticKind::kSize);
  }
  const LinearPredictor predictor(call, design, categories);
  std::vector<std::vector<Scalar>> eta;  // [category][row]
  std::vector<Scalar> column(design.cols);
  for (size_t k = 0; k < categories; ++k) {
    for (size_t j = 0; j < design.cols; ++j) column[j] = beta.elements[j * categories + k];
    eta.push_back(predictor.at(column, [&](size_t) { return alpha.elements[k]; }));
  }
  Density d(call);
  std::vector<Scalar> logits(categories);
  for (size_t i = 0; i < design.rows; ++i) {
    for (size_t k = 0; k < categories; ++k) logits[k] = eta[k][i];
    add_category(d, element(args[0], i), categories,
                 [&logits](Density& one, int64_t k) { categorical_logit(one, k, logits); });
  }
  return Value::real(d.total().scalar());
}

Value ordered_logistic_glm(const Call& call, std::span<const Value> args) {
  const Design design = design_of(call, args[0], args[1]);
  const std::vector<Scalar> eta = linear_predictor(call, design, nullptr, args[2]);
  const std::vector<Scalar>& cuts = args[3].elements;
  Density d(call);
  require_ordered(d, cuts);
  for (size_t i = 0; i < design.rows; ++i) {
    const Expr predictor = d.expr(eta[i]);
    add_category(d, element(args[0], i), cuts.size() + 1,
                 [&](Density& one, int64_t k) { ordered_logistic(one, k, predictor, cuts); });
  }
  return Value::real(d.total().scalar());
}

}  // namespace

void add_glm_densities(LibraryTable& table) {
  add_density_names(table, "normal_id_glm", normal_id_glm);
  add_mass_names(table, "bernoulli_logit_glm", bernoulli_logit_glm);
  add_mass_names(table, "poisson_log_glm", poisson_log_glm);
  add_mass_names(table, "neg_binomial_2_log_glm", neg_binomial_2_log_glm);
  add_mass_names(table, "binomial_logit_glm", binomial_logit_glm);
  add_mass_names(table, "categorical_logit_glm", categorical_logit_glm);
  add_mass_names(table, "ordered_logistic_glm", ordered_logistic_glm);
}

}  // namespace vinci::lower
