// Random vectors and matrices, in ordinary numbers.
#include <fmt/format.h>

#include "lower/library/random_generators.h"

namespace vinci::lower {

namespace {

using numeric::RandomStream;

/// Row-major square matrix of numbers.
struct Square {
  size_t n;
  std::vector<double> x;

  explicit Square(size_t size) : n(size), x(size * size, 0.0) {}
  double& at(size_t i, size_t j) { return x[i * n + j]; }
  double at(size_t i, size_t j) const { return x[i * n + j]; }
};

Square square_of(const Call& call, const Value& v, const char* what) {
  if (v.dims.size() != 2 || v.dims[0] != v.dims[1]) {
    call.fail(fmt::format("{} of `{}` is {} x {}; it must be square", what, call.name,
                          v.dims.front(), v.dims.back()),
              source::DiagnosticKind::kSize);
  }
  Square s(static_cast<size_t>(v.dims[0]));
  s.x = constants_of(call, v);
  return s;
}

/// L with L L' = a; a diagnostic unless `a` is symmetric and positive definite.
Square cholesky(const Call& call, const Square& a, const char* what) {
  Square l(a.n);
  for (size_t j = 0; j < a.n; ++j) {
    for (size_t i = j; i < a.n; ++i) {
      if (!(std::abs(a.at(i, j) - a.at(j, i)) <= 1e-8)) {
        call.fail(
            fmt::format("{} of `{}` is not symmetric: elements [{}, {}] and [{}, {}] are {} and {}",
                        what, call.name, i + 1, j + 1, j + 1, i + 1, a.at(i, j), a.at(j, i)));
      }
      double rest = a.at(i, j);
      for (size_t k = 0; k < j; ++k) rest -= l.at(i, k) * l.at(j, k);
      if (i == j) {
        if (!(rest > 0)) {
          call.fail(fmt::format("{} of `{}` is not positive definite", what, call.name));
        }
        l.at(j, j) = std::sqrt(rest);
      } else {
        l.at(i, j) = rest / l.at(j, j);
      }
    }
  }
  return l;
}

/// The lower triangle, with a positive diagonal; else a diagnostic.
Square factor_of(const Call& call, const Value& v, const char* what) {
  Square l = square_of(call, v, what);
  for (size_t i = 0; i < l.n; ++i) {
    if (!(l.at(i, i) > 0)) {
      call.fail(fmt::format("diagonal of the {} of `{}` has the element {}", what, call.name,
                            l.at(i, i)));
    }
    for (size_t j = i + 1; j < l.n; ++j) l.at(i, j) = 0;
  }
  return l;
}

/// a b, lower triangular.
Square multiply_lower(const Square& a, const Square& b) {
  Square c(a.n);
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      for (size_t k = j; k <= i; ++k) c.at(i, j) += a.at(i, k) * b.at(k, j);
    }
  }
  return c;
}

Square inverse_lower(const Square& l) {
  Square inverse(l.n);
  for (size_t j = 0; j < l.n; ++j) {
    for (size_t i = j; i < l.n; ++i) {
      double rest = i == j ? 1 : 0;
      for (size_t k = j; k < i; ++k) rest -= l.at(i, k) * inverse.at(k, j);
      inverse.at(i, j) = rest / l.at(i, i);
    }
  }
  return inverse;
}

/// a a', any square a.
Square self_product(const Square& a) {
  Square c(a.n);
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      for (size_t k = 0; k < a.n; ++k) c.at(i, j) += a.at(i, k) * a.at(j, k);
      c.at(j, i) = c.at(i, j);
    }
  }
  return c;
}

Value matrix_value(const Square& a) {
  const auto n = static_cast<int64_t>(a.n);
  return Value::matrix(n, n, {a.x.begin(), a.x.end()});
}

// ---- normal and Student-t

enum class Scale { kCovariance, kPrecision, kCholesky };

/// mu + scale L z for each vector of mu; `scale` gives one factor for each.
template <class NextScale>
Value draw_elliptical(const Call& call, const Value& mu, const Value& matrix, Scale form,
                      NextScale scale) {
  RandomStream& random = random_of(call);
  Square l = form == Scale::kCholesky ? factor_of(call, matrix, "Cholesky factor")
             : form == Scale::kCovariance
                 ? cholesky(call, square_of(call, matrix, "covariance"), "covariance")
                 : inverse_lower(cholesky(call, square_of(call, matrix, "precision"), "precision"));
  if (form == Scale::kPrecision) {  // L^{-T} has the covariance: turn it over
    for (size_t i = 0; i < l.n; ++i) {
      for (size_t j = 0; j < i; ++j) std::swap(l.at(i, j), l.at(j, i));
    }
  }
  std::vector<double> draws = constants_of(call, mu);
  const size_t count = mu.type.array_depth == 0 ? 1 : static_cast<size_t>(mu.dims[0]);
  if (count > 0 && static_cast<size_t>(mu.dims.back()) != l.n) {
    call.fail(
        fmt::format("location of `{}` has {} elements, its scale matrix {} rows; sizes must agree",
                    call.name, mu.dims.back(), l.n),
        source::DiagnosticKind::kSize);
  }
  std::vector<double> z(l.n);
  for (size_t c = 0; c < count; ++c) {
    for (double& x : z) x = random.normal();
    const double s = scale(random);
    for (size_t i = 0; i < l.n; ++i) {
      double sum = 0;
      for (size_t j = 0; j < l.n; ++j) sum += l.at(i, j) * z[j];
      draws[c * l.n + i] += s * sum;
    }
  }
  // vectors, whether the location is one of rows or of columns
  Value result;
  result.type = syntax::Type::array(BaseType::kVector, mu.type.array_depth);
  result.dims = mu.dims;
  result.elements.assign(draws.begin(), draws.end());
  return result;
}

template <Scale kScale>
Value multi_normal_rng(const Call& call, std::span<const Value> args) {
  return draw_elliptical(call, args[0], args[1], kScale, [](RandomStream&) { return 1.0; });
}

template <Scale kScale>
Value multi_student_t_rng(const Call& call, std::span<const Value> args) {
  const double nu = constants_of(call, args[0])[0];
  if (!(nu > 0)) fail_domain(call, {&nu, 1});
  return draw_elliptical(call, args[1], args[2], kScale, [nu](RandomStream& random) {
    return std::isinf(nu) ? 1.0 : std::sqrt(nu / random.chi_square(nu));
  });
}

// ---- correlation matrices

/// The factor of a correlation matrix, row by row: row k + 1 has squared length beta(k/2, .) in
/// front of its diagonal, in a direction uniform on the sphere.  [Lewandowski, Kurowicka, Joe 2009,
/// sec. 3.2, the onion method]
Square draw_lkj(const Call& call, const Value& size, const Value& shape) {
  RandomStream& random = random_of(call);
  const double rows = constants_of(call, size)[0];
  const double eta = constants_of(call, shape)[0];
  if (!(rows >= 1) || !(rows <= 1e4)) fail_domain(call, {&rows, 1});
  if (!(eta > 0) || std::isinf(eta)) fail_domain(call, {&eta, 1});
  Square l(static_cast<size_t>(rows));
  l.at(0, 0) = 1;
  double b = eta + 0.5 * (rows - 2);
  for (size_t k = 1; k < l.n; ++k) {
    const double squared = random.beta(0.5 * static_cast<double>(k), b);
    double norm = 0;
    for (size_t j = 0; j < k; ++j) {
      l.at(k, j) = random.normal();
      norm += l.at(k, j) * l.at(k, j);
    }
    const double scale = std::sqrt(squared / norm);
    for (size_t j = 0; j < k; ++j) l.at(k, j) *= scale;
    l.at(k, k) = std::sqrt(1 - squared);
    b -= 0.5;
  }
  return l;
}

Value lkj_corr_cholesky_rng(const Call& call, std::span<const Value> args) {
  return matrix_value(draw_lkj(call, args[0], args[1]));
}
Value lkj_corr_rng(const Call& call, std::span<const Value> args) {
  Square r = self_product(draw_lkj(call, args[0], args[1]));
  for (size_t i = 0; i < r.n; ++i) r.at(i, i) = 1;
  return matrix_value(r);
}

// ---- covariance matrices

/// The factor of a Wishart matrix of scale identity.  [Bartlett 1933; Smith and Hocking 1972,
/// doi 10.2307/2346290]
Square draw_bartlett(const Call& call, double nu, size_t n) {
  RandomStream& random = random_of(call);
  if (!(nu > static_cast<double>(n) - 1) || std::isinf(nu)) fail_domain(call, {&nu, 1});
  Square a(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) a.at(i, j) = random.normal();
    a.at(i, i) = std::sqrt(random.chi_square(nu - static_cast<double>(i)));
  }
  return a;
}

enum class Form { kMatrix, kCholesky };

Square scale_factor(const Call& call, const Value& v, Form form) {
  return form == Form::kCholesky ? factor_of(call, v, "scale")
                                 : cholesky(call, square_of(call, v, "scale"), "scale");
}

template <Form kForm>
Value wishart_rng(const Call& call, std::span<const Value> args) {
  const Square l = scale_factor(call, args[1], kForm);
  const Square factor = multiply_lower(l, draw_bartlett(call, constants_of(call, args[0])[0], l.n));
  return matrix_value(kForm == Form::kCholesky ? factor : self_product(factor));
}

/// W^{-1} of a Wishart W with scale S^{-1}: with S = L L' and Bartlett's A, (L^{-T} A A'
/// L^{-1})^{-1} = (L A^{-T}) (...)'.
template <Form kForm>
Value inv_wishart_rng(const Call& call, std::span<const Value> args) {
  const Square l = scale_factor(call, args[1], kForm);
  const Square inverse = inverse_lower(draw_bartlett(call, constants_of(call, args[0])[0], l.n));
  Square root(l.n);
  for (size_t i = 0; i < l.n; ++i) {
    for (size_t j = 0; j < l.n; ++j) {
      for (size_t k = 0; k <= i; ++k) root.at(i, j) += l.at(i, k) * inverse.at(j, k);
    }
  }
  const Square w = self_product(root);
  return matrix_value(kForm == Form::kCholesky ? cholesky(call, w, "draw") : w);
}

}  // namespace

void add_multivariate_random_generators(LibraryTable& table) {
  table.add("multi_normal_rng", multi_normal_rng<Scale::kCovariance>);
  table.add("multi_normal_prec_rng", multi_normal_rng<Scale::kPrecision>);
  table.add("multi_normal_cholesky_rng", multi_normal_rng<Scale::kCholesky>);
  table.add("multi_student_t_rng", multi_student_t_rng<Scale::kCovariance>);
  table.add("multi_student_t_cholesky_rng", multi_student_t_rng<Scale::kCholesky>);
  table.add("lkj_corr_rng", lkj_corr_rng);
  table.add("lkj_corr_cholesky_rng", lkj_corr_cholesky_rng);
  table.add("wishart_rng", wishart_rng<Form::kMatrix>);
  table.add("wishart_cholesky_rng", wishart_rng<Form::kCholesky>);
  table.add("inv_wishart_rng", inv_wishart_rng<Form::kMatrix>);
  table.add("inv_wishart_cholesky_rng", inv_wishart_rng<Form::kCholesky>);
}

}  // namespace vinci::lower
