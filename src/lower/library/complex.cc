// Functions of complex numbers: two scalars each, real then imaginary part.
#include <complex>
#include <numbers>

#include "lower/library/elementwise.h"

namespace vinci::lower {
namespace {

using graph::Graph;
using graph::Op;
using Args = std::span<const Value>;
using Number = std::complex<double>;

struct Complex {
  Scalar re, im;
  bool is_constant() const { return re.is_constant() && im.is_constant(); }
  Number constant() const { return {re.constant(), im.constant()}; }
};
Complex of(Number z) { return {z.real(), z.imag()}; }

/// Element k; a real container counts as complex.
Complex at(const Value& v, size_t k) {
  if (v.is_complex()) return {v.elements[2 * k], v.elements[2 * k + 1]};
  return {v.elements[k], 0.0};
}
size_t count(const Value& v) { return v.is_complex() ? v.elements.size() / 2 : v.elements.size(); }

BaseType complex_kin(BaseType base) {
  switch (base) {
    case BaseType::kVector:
      return BaseType::kComplexVector;
    case BaseType::kRowVector:
      return BaseType::kComplexRowVector;
    case BaseType::kMatrix:
      return BaseType::kComplexMatrix;
    case BaseType::kInt:
    case BaseType::kReal:
      return BaseType::kComplex;
    default:
      return base;
  }
}
BaseType real_kin(BaseType base) {
  switch (base) {
    case BaseType::kComplexVector:
      return BaseType::kVector;
    case BaseType::kComplexRowVector:
      return BaseType::kRowVector;
    case BaseType::kComplexMatrix:
      return BaseType::kMatrix;
    case BaseType::kComplex:
    case BaseType::kInt:
      return BaseType::kReal;
    default:
      return base;
  }
}
Value complex_shape(const Value& like) {
  Value out;
  out.type = like.type;
  out.type.base = complex_kin(like.type.base);
  out.dims = like.dims;
  return out;
}
Value complex_scalar(Complex z) {
  Value out;
  out.type = Type::scalar(BaseType::kComplex);
  out.elements = {z.re, z.im};
  return out;
}

// ---- arithmetic and elementary functions of symbolic numbers

Complex add(Graph& g, Complex a, Complex b) { return {g.add(a.re, b.re), g.add(a.im, b.im)}; }
Complex sub(Graph& g, Complex a, Complex b) { return {g.sub(a.re, b.re), g.sub(a.im, b.im)}; }
Complex mul(Graph& g, Complex a, Complex b) {
  return {g.sub(g.mul(a.re, b.re), g.mul(a.im, b.im)), g.add(g.mul(a.re, b.im), g.mul(a.im, b.re))};
}
Complex div(Graph& g, Complex a, Complex b) {
  const Scalar inverse = g.inv(g.add(g.square(b.re), g.square(b.im)));
  const Complex product = mul(g, a, {b.re, g.neg(b.im)});
  return {g.mul(product.re, inverse), g.mul(product.im, inverse)};
}
Scalar size(Graph& g, Complex z) { return g.apply(Op::kHypot, z.re, z.im); }
Scalar angle(Graph& g, Complex z) { return g.apply(Op::kAtan2, z.im, z.re); }
Complex times_i(Graph& g, Complex z) { return {g.neg(z.im), z.re}; }
Complex negated(Graph& g, Complex z) { return {g.neg(z.re), g.neg(z.im)}; }
Complex polar(Graph& g, Scalar r, Scalar theta) {
  return {g.mul(r, g.apply(Op::kCos, theta)), g.mul(r, g.apply(Op::kSin, theta))};
}
Complex exp(Graph& g, Complex z) { return polar(g, g.exp(z.re), z.im); }
Complex log(Graph& g, Complex z) { return {g.log(size(g, z)), angle(g, z)}; }
Complex sqrt(Graph& g, Complex z) { return polar(g, g.sqrt(size(g, z)), g.mul(angle(g, z), 0.5)); }
Complex sinh(Graph& g, Complex z) {
  return {g.mul(g.apply(Op::kSinh, z.re), g.apply(Op::kCos, z.im)),
          g.mul(g.apply(Op::kCosh, z.re), g.apply(Op::kSin, z.im))};
}
Complex cosh(Graph& g, Complex z) {
  return {g.mul(g.apply(Op::kCosh, z.re), g.apply(Op::kCos, z.im)),
          g.mul(g.apply(Op::kSinh, z.re), g.apply(Op::kSin, z.im))};
}
Complex asinh(Graph& g, Complex z) {
  return log(g, add(g, z, sqrt(g, add(g, mul(g, z, z), {1.0, 0.0}))));
}
Complex atanh(Graph& g, Complex z) {
  const Complex one{1.0, 0.0};
  const Complex d = sub(g, log(g, add(g, one, z)), log(g, sub(g, one, z)));
  return {g.mul(d.re, 0.5), g.mul(d.im, 0.5)};
}
/// f(z) = -i F(i z) for the pairs sin/sinh, tan/tanh, asin/asinh, atan/atanh.
template <Complex (*f)(Graph&, Complex)>
Complex rotated(Graph& g, Complex z) {
  return negated(g, times_i(g, f(g, times_i(g, z))));
}
Complex tanh(Graph& g, Complex z) { return div(g, sinh(g, z), cosh(g, z)); }
Complex asin(Graph& g, Complex z) { return rotated<asinh>(g, z); }
Complex acos(Graph& g, Complex z) { return sub(g, {std::numbers::pi / 2, 0.0}, asin(g, z)); }
Complex acosh(Graph& g, Complex z) {
  const Complex one{1.0, 0.0};
  return log(g, add(g, z, mul(g, sqrt(g, add(g, z, one)), sqrt(g, sub(g, z, one)))));
}

struct Row {
  std::string_view name;
  Number (*constant)(Number);
  Complex (*symbolic)(Graph&, Complex);
};
const Row kRows[] = {
    {"exp", [](Number z) { return std::exp(z); }, exp},
    {"log", [](Number z) { return std::log(z); }, log},
    {"log10", [](Number z) { return std::log10(z); },
     [](Graph& g, Complex z) {
       const Complex l = log(g, z);
       return Complex{g.mul(l.re, std::numbers::log10e), g.mul(l.im, std::numbers::log10e)};
     }},
    {"sqrt", [](Number z) { return std::sqrt(z); }, sqrt},
    {"sin", [](Number z) { return std::sin(z); }, rotated<sinh>},
    {"cos", [](Number z) { return std::cos(z); },
     [](Graph& g, Complex z) { return cosh(g, times_i(g, z)); }},
    {"tan", [](Number z) { return std::tan(z); }, rotated<tanh>},
    {"sinh", [](Number z) { return std::sinh(z); }, sinh},
    {"cosh", [](Number z) { return std::cosh(z); }, cosh},
    {"tanh", [](Number z) { return std::tanh(z); }, tanh},
    {"asin", [](Number z) { return std::asin(z); }, asin},
    {"acos", [](Number z) { return std::acos(z); }, acos},
    {"atan", [](Number z) { return std::atan(z); }, rotated<atanh>},
    {"asinh", [](Number z) { return std::asinh(z); }, asinh},
    {"acosh", [](Number z) { return std::acosh(z); }, acosh},
    {"atanh", [](Number z) { return std::atanh(z); }, atanh},
};

Complex power(Graph& g, Complex a, Complex b) {
  if (a.is_constant() && b.is_constant()) return of(std::pow(a.constant(), b.constant()));
  if (b.is_constant() && b.constant() == Number(2, 0)) return mul(g, a, a);
  return exp(g, mul(g, b, log(g, a)));
}

/// A real result of the same shape.
template <class F>
Value to_real(const Value& z, F f) {
  Value out;
  out.type = z.type;
  out.type.base = real_kin(z.type.base);
  out.dims = z.dims;
  for (size_t k = 0; k < count(z); ++k) out.elements.push_back(f(at(z, k)));
  return out;
}
template <class F>
Value to_complex(const Value& z, F f) {
  Value out = complex_shape(z);
  for (size_t k = 0; k < count(z); ++k) {
    const Complex r = f(at(z, k));
    out.elements.push_back(r.re);
    out.elements.push_back(r.im);
  }
  return out;
}

Value conj(const Call& call, Args args) {
  return to_complex(args[0], [&](Complex z) { return Complex{z.re, call.graph.neg(z.im)}; });
}
Value proj(const Call&, Args args) {
  return to_complex(args[0],
                    [](Complex z) { return z.is_constant() ? of(std::proj(z.constant())) : z; });
}
Value make_complex(const Call& call, Args args) {
  if (args.empty()) return complex_scalar({0.0, 0.0});
  if (args.size() == 1) return to_complex(args[0], [](Complex z) { return z; });
  const Value& re = args[0];
  const Value& im = args[1];
  if (!re.is_scalar() && !im.is_scalar() && re.dims != im.dims)
    call.fail("the sizes of the arguments of `to_complex` do not match");
  const Value& like = re.is_scalar() ? im : re;
  Value out = complex_shape(like);
  for (size_t k = 0; k < like.elements.size(); ++k) {
    out.elements.push_back(re.elements[re.is_scalar() ? 0 : k]);
    out.elements.push_back(im.elements[im.is_scalar() ? 0 : k]);
  }
  return out;
}

// ---- discrete Fourier transforms

/// sum_k z_k e^{sign 2 pi i j k / n}, j < n; by the definition, O(n^2), as lincombs of the parts.
std::vector<Complex> transform(Graph& g, const std::vector<Complex>& z, int sign) {
  const size_t n = z.size();
  std::vector<double> cosine(n), sine(n);
  for (size_t k = 0; k < n; ++k) {
    const double theta = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    cosine[k] = std::cos(theta);
    sine[k] = sign * std::sin(theta);
  }
  std::vector<Complex> out;
  const double scale = sign > 0 ? 1 / static_cast<double>(n) : 1;
  std::vector<Scalar> parts(2 * n);
  for (size_t k = 0; k < n; ++k) {
    parts[2 * k] = z[k].re;
    parts[2 * k + 1] = z[k].im;
  }
  std::vector<double> for_re(2 * n), for_im(2 * n);
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < n; ++k) {
      const size_t turn = j * k % n;
      for_re[2 * k] = for_im[2 * k + 1] = cosine[turn] * scale;
      for_re[2 * k + 1] = -sine[turn] * scale;
      for_im[2 * k] = sine[turn] * scale;
    }
    out.push_back({g.lincomb(0, for_re, parts), g.lincomb(0, for_im, parts)});
  }
  return out;
}
template <int sign>
Value fourier(const Call& call, Args args) {
  std::vector<Complex> z;
  for (size_t k = 0; k < count(args[0]); ++k) z.push_back(at(args[0], k));
  Value out = complex_shape(args[0]);
  for (const Complex& r : transform(call.graph, z, sign)) {
    out.elements.push_back(r.re);
    out.elements.push_back(r.im);
  }
  return out;
}
template <int sign>
Value fourier_2d(const Call& call, Args args) {
  const auto rows = static_cast<size_t>(args[0].dims[0]);
  const auto cols = static_cast<size_t>(args[0].dims[1]);
  std::vector<Complex> z;
  for (size_t k = 0; k < rows * cols; ++k) z.push_back(at(args[0], k));
  for (size_t i = 0; i < rows; ++i) {
    const auto begin = z.begin() + static_cast<std::ptrdiff_t>(i * cols);
    const std::vector<Complex> line(begin, begin + static_cast<std::ptrdiff_t>(cols));
    const std::vector<Complex> r = transform(call.graph, line, sign);
    std::copy(r.begin(), r.end(), begin);
  }
  for (size_t j = 0; j < cols; ++j) {
    std::vector<Complex> line;
    for (size_t i = 0; i < rows; ++i) line.push_back(z[i * cols + j]);
    const std::vector<Complex> r = transform(call.graph, line, sign);
    for (size_t i = 0; i < rows; ++i) z[i * cols + j] = r[i];
  }
  Value out = complex_shape(args[0]);
  for (const Complex& r : z) {
    out.elements.push_back(r.re);
    out.elements.push_back(r.im);
  }
  return out;
}

}  // namespace

Value complex_elementwise(const Call& call, std::span<const Value> args) {
  Graph& g = call.graph;
  if (call.name == "abs") return to_real(args[0], [&](Complex z) { return size(g, z); });
  if (args.size() == 2) {
    const Value& a = args[0];
    const Value& b = args[1];
    if (!a.is_scalar() && !b.is_scalar() && a.dims != b.dims)
      call.fail("the sizes of the arguments of `" + std::string(call.name) + "` do not match");
    Value out = complex_shape(a.is_scalar() ? b : a);
    for (size_t k = 0; k < std::max(count(a), count(b)); ++k) {
      const Complex r = power(g, at(a, a.is_scalar() ? 0 : k), at(b, b.is_scalar() ? 0 : k));
      out.elements.push_back(r.re);
      out.elements.push_back(r.im);
    }
    return out;
  }
  for (const Row& row : kRows) {
    if (row.name != call.name) continue;
    return to_complex(args[0], [&](Complex z) {
      return z.is_constant() ? of(row.constant(z.constant())) : row.symbolic(g, z);
    });
  }
  call.fail("`" + std::string(call.name) + "` of complex numbers is not covered",
            source::DiagnosticKind::kNotCovered);
}

void add_complex_functions(LibraryTable& table) {
  table.add("arg", [](const Call& call, Args args) {
    return to_real(args[0], [&](Complex z) { return angle(call.graph, z); });
  });
  table.add("norm", [](const Call& call, Args args) {
    Graph& g = call.graph;
    return to_real(args[0], [&](Complex z) { return g.add(g.square(z.re), g.square(z.im)); });
  });
  table.add("get_real", [](const Call&, Args args) {
    return to_real(args[0], [](Complex z) { return z.re; });
  });
  table.add("get_imag", [](const Call&, Args args) {
    return to_real(args[0], [](Complex z) { return z.im; });
  });
  table.add("polar", [](const Call& call, Args args) {
    return complex_scalar(polar(call.graph, args[0].scalar(), args[1].scalar()));
  });
  table.add("conj", conj);
  table.add("proj", proj);
  table.add("to_complex", make_complex);
  table.add("fft", fourier<-1>);
  table.add("inv_fft", fourier<1>);
  table.add("fft2", fourier_2d<-1>);
  table.add("inv_fft2", fourier_2d<1>);
}

}  // namespace vinci::lower
