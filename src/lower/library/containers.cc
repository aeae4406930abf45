// Functions of containers: sums and other reductions, sizes, slices, joins, conversions, sorting.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lower/bound_type.h"
#include "lower/library.h"

namespace vinci::lower {
namespace {

using graph::Op;
using Args = std::span<const Value>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

int64_t int_at(const Call& call, Args args, size_t k) {
  const Scalar s = args[k].scalar();
  if (!s.is_constant()) {
    call.fail("argument " + std::to_string(k + 1) + " of `" + std::string(call.name) +
                  "` depends on a parameter; vinci needs it to be known from the data",
              source::DiagnosticKind::kNotCovered);
  }
  return static_cast<int64_t>(s.constant());
}

int64_t size_at(const Call& call, Args args, size_t k) {
  const int64_t n = int_at(call, args, k);
  if (n < 0) {
    call.fail("argument " + std::to_string(k + 1) + " of `" + std::string(call.name) + "` is " +
              std::to_string(n) + "; a size is not negative");
  }
  if (n > (int64_t{1} << 28)) {
    call.fail("argument " + std::to_string(k + 1) + " of `" + std::string(call.name) + "` is " +
                  std::to_string(n) + "; vinci makes no values of that size",
              source::DiagnosticKind::kLimit);
  }
  return n;
}

size_t width(const Value& v) { return v.is_complex() ? 2 : 1; }

[[noreturn]] void not_covered_on_parameters(const Call& call) {
  call.fail("`" + std::string(call.name) + "` of values that depend on parameters is not covered",
            source::DiagnosticKind::kNotCovered);
}

std::vector<double> constants_of(const Call& call, const Value& v) {
  std::vector<double> x;
  x.reserve(v.elements.size());
  for (const Scalar& s : v.elements) {
    if (!s.is_constant()) not_covered_on_parameters(call);
    x.push_back(s.constant());
  }
  return x;
}

void require_same_size(const Call& call, const Value& a, const Value& b) {
  if (a.size() != b.size()) {
    call.fail("the arguments of `" + std::string(call.name) + "` have different sizes: " +
              dims_to_string(a.dims) + " and " + dims_to_string(b.dims));
  }
}

// ---- reductions
// -----------------------------------------------------------------------------------------------

Value number(const Value& like, Scalar s) {
  return like.type.base == BaseType::kInt ? Value::integer(s) : Value::real(s);
}

Value complex_number(Scalar re, Scalar im) {
  Value z;
  z.type = Type::scalar(BaseType::kComplex);
  z.elements = {re, im};
  return z;
}

Value sum(const Call& call, Args args) {
  const Value& x = args[0];
  if (!x.is_complex()) return number(x, call.graph.sum(x.elements));
  std::vector<Scalar> part[2];
  for (size_t k = 0; k < x.elements.size(); ++k) part[k % 2].push_back(x.elements[k]);
  return complex_number(call.graph.sum(part[0]), call.graph.sum(part[1]));
}

Value prod(const Call& call, Args args) {
  graph::Graph& g = call.graph;
  const Value& x = args[0];
  if (x.is_complex()) {
    Scalar re = 1.0, im = 0.0;
    for (size_t k = 0; k + 1 < x.elements.size(); k += 2) {
      const Scalar c = x.elements[k], d = x.elements[k + 1];
      const Scalar next = g.sub(g.mul(re, c), g.mul(im, d));
      im = g.add(g.mul(re, d), g.mul(im, c));
      re = next;
    }
    return complex_number(re, im);
  }
  Scalar product = 1.0;
  for (const Scalar& s : x.elements) product = g.mul(product, s);
  return number(x, product);
}

Scalar mean_of(const Call& call, const Value& x) {
  if (x.elements.empty()) call.fail("`" + std::string(call.name) + "` of an empty container");
  graph::Graph& g = call.graph;
  return g.div(g.sum(x.elements), static_cast<double>(x.elements.size()));
}

Value mean(const Call& call, Args args) { return Value::real(mean_of(call, args[0])); }

Scalar variance_of(const Call& call, const Value& x) {
  graph::Graph& g = call.graph;
  const Scalar center = mean_of(call, x);
  const size_t n = x.elements.size();
  if (n == 1) return 0.0;
  std::vector<Scalar> deviations;
  deviations.reserve(n);
  for (const Scalar& s : x.elements) deviations.push_back(g.sub(s, center));
  const Scalar variance = g.div(g.dot(deviations, deviations), static_cast<double>(n - 1));
  g.assume(variance, graph::kRangeNonNegative);
  return variance;
}
Value variance(const Call& call, Args args) { return Value::real(variance_of(call, args[0])); }
Value sd(const Call& call, Args args) {
  return Value::real(call.graph.sqrt(variance_of(call, args[0])));
}

Value extremum(const Call& call, Args args, bool is_max) {
  graph::Graph& g = call.graph;
  const Op op = is_max ? Op::kFmax : Op::kFmin;
  if (args.size() == 2) return Value::integer(g.apply(op, args[0].scalar(), args[1].scalar()));
  const Value& x = args[0];
  if (x.elements.empty()) {
    if (x.type.base == BaseType::kInt)
      call.fail("`" + std::string(call.name) + "` of an empty array");
    return Value::real(is_max ? -kInfinity : kInfinity);
  }
  Scalar best = x.elements[0];
  for (size_t k = 1; k < x.elements.size(); ++k) {
    const Scalar s = x.elements[k];
    if (best.is_constant() && s.is_constant()) {
      const bool better = is_max ? s.constant() > best.constant() : s.constant() < best.constant();
      if (better || std::isnan(s.constant())) best = s;
    } else {
      best = g.apply(op, best, s);
    }
  }
  return number(x, best);
}
Value max(const Call& call, Args args) { return extremum(call, args, true); }
Value min(const Call& call, Args args) { return extremum(call, args, false); }

Value norm1(const Call& call, Args args) {
  std::vector<Scalar> x = args[0].elements;
  for (Scalar& s : x) s = call.graph.apply(Op::kAbs, s);
  return Value::real(call.graph.sum(x));
}
Value norm2(const Call& call, Args args) {
  return Value::real(call.graph.sqrt(call.graph.dot(args[0].elements, args[0].elements)));
}

/// Sample quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan
/// 1996, doi 10.1080/00031305.1996.10473566).
Value quantile(const Call& call, Args args) {
  std::vector<double> x = constants_of(call, args[0]);
  if (x.empty()) call.fail("`quantile` of an empty container");
  for (double v : x) {
    if (std::isnan(v)) call.fail("`quantile` of values that are not numbers");
  }
  std::sort(x.begin(), x.end());
  Value out = args[1];
  out.type.base = BaseType::kReal;
  for (Scalar& p : out.elements) {
    if (!p.is_constant()) not_covered_on_parameters(call);
    if (!(p.constant() >= 0 && p.constant() <= 1)) {
      call.fail("a probability of `quantile` is " + std::to_string(p.constant()) +
                "; it has to lie between 0 and 1");
    }
    const double h = static_cast<double>(x.size() - 1) * p.constant();
    const auto low = static_cast<size_t>(std::floor(h));
    const size_t high = std::min(low + 1, x.size() - 1);
    p = x[low] + (h - std::floor(h)) * (x[high] - x[low]);
  }
  return out;
}

Value rank(const Call& call, Args args) {
  const std::vector<double> x = constants_of(call, args[0]);
  const int64_t at = int_at(call, args, 1);
  if (at < 1 || at > static_cast<int64_t>(x.size())) {
    call.fail("index " + std::to_string(at) + " of `rank` is out of range; the size is " +
                  std::to_string(x.size()),
              source::DiagnosticKind::kIndexRange);
  }
  const double pivot = x[static_cast<size_t>(at - 1)];
  return Value::integer(static_cast<double>(
      std::count_if(x.begin(), x.end(), [pivot](double v) { return v < pivot; })));
}

Value squared_distance(const Call& call, Args args) {
  require_same_size(call, args[0], args[1]);
  graph::Graph& g = call.graph;
  std::vector<Scalar> d;
  for (size_t k = 0; k < args[0].elements.size(); ++k) {
    d.push_back(g.sub(args[0].elements[k], args[1].elements[k]));
  }
  return Value::real(g.dot(d, d));
}
Value distance(const Call& call, Args args) {
  return Value::real(call.graph.sqrt(squared_distance(call, args).scalar()));
}

/// sum_k conj(a_k) b_k over elements at the given strides.
void append_dot(graph::Graph& g, const Value& a, const Value& b, size_t first, size_t stride,
                size_t count, std::vector<Scalar>& out) {
  if (!a.is_complex() && !b.is_complex()) {
    double sum = 0;
    bool is_constant = true;
    for (size_t k = 0; k < count && is_constant; ++k) {
      const Scalar x = a.elements[first + k * stride], y = b.elements[first + k * stride];
      is_constant = x.is_constant() && y.is_constant();
      sum += x.constant() * y.constant();
    }
    if (is_constant) {
      out.push_back(sum);
      return;
    }
    std::vector<Scalar> x(count), y(count);
    for (size_t k = 0; k < count; ++k) {
      x[k] = a.elements[first + k * stride];
      y[k] = b.elements[first + k * stride];
    }
    out.push_back(g.dot(x, y));
    return;
  }
  std::vector<Scalar> re, im;
  const auto at = [](const Value& v, size_t k, size_t part) -> Scalar {
    if (v.is_complex()) return v.elements[2 * k + part];
    return part == 0 ? v.elements[k] : Scalar(0);
  };
  for (size_t k = 0; k < count; ++k) {
    const size_t i = first + k * stride;
    const Scalar ar = at(a, i, 0), ai = at(a, i, 1), br = at(b, i, 0), bi = at(b, i, 1);
    re.push_back(g.add(g.mul(ar, br), g.mul(ai, bi)));
    im.push_back(g.sub(g.mul(ar, bi), g.mul(ai, br)));
  }
  out.push_back(g.sum(re));
  out.push_back(g.sum(im));
}

Value dot_product(const Call& call, Args args) {
  require_same_size(call, args[0], args[1]);
  std::vector<Scalar> out;
  append_dot(call.graph, args[0], args[1], 0, 1, static_cast<size_t>(args[0].size()), out);
  return out.size() == 2 ? complex_number(out[0], out[1]) : Value::real(out[0]);
}
Value dot_self(const Call& call, Args args) {
  const Value both[] = {args[0], args[0]};
  return dot_product(call, both);
}

Value columns_or_rows_dot(const Call& call, const Value& a, const Value& b, bool by_column) {
  if (a.dims != b.dims) require_same_size(call, a, b);
  const bool is_column = a.dims.size() == 1 && (a.type.base == BaseType::kVector ||
                                                a.type.base == BaseType::kComplexVector);
  const auto rows = static_cast<size_t>(a.dims.size() == 2 ? a.dims[0] : is_column ? a.dims[0] : 1);
  const auto cols = static_cast<size_t>(a.dims.size() == 2 ? a.dims[1] : is_column ? 1 : a.dims[0]);
  std::vector<Scalar> out;
  const size_t count = by_column ? cols : rows;
  for (size_t k = 0; k < count; ++k) {
    append_dot(call.graph, a, b, by_column ? k : k * cols, by_column ? cols : 1,
               by_column ? rows : cols, out);
  }
  Value value = by_column ? Value::row_vector(std::move(out)) : Value::vector(std::move(out));
  if (a.is_complex() || b.is_complex()) {
    value.type.base = by_column ? BaseType::kComplexRowVector : BaseType::kComplexVector;
    value.dims[0] = static_cast<int64_t>(count);
  }
  return value;
}
Value columns_dot_product(const Call& call, Args args) {
  return columns_or_rows_dot(call, args[0], args[1], true);
}
Value columns_dot_self(const Call& call, Args args) {
  return columns_or_rows_dot(call, args[0], args[0], true);
}
Value rows_dot_product(const Call& call, Args args) {
  return columns_or_rows_dot(call, args[0], args[1], false);
}
Value rows_dot_self(const Call& call, Args args) {
  return columns_or_rows_dot(call, args[0], args[0], false);
}

Value log_sum_exp(const Call& call, Args args) {
  graph::Graph& g = call.graph;
  if (args.size() == 1) return Value::real(g.log_sum_exp(args[0].elements));
  const Value& a = args[0];
  const Value& b = args[1];
  if (a.is_scalar() && b.is_scalar()) return Value::real(g.log_sum_exp(a.scalar(), b.scalar()));
  if (!a.is_scalar() && !b.is_scalar()) require_same_size(call, a, b);
  Value out = a.is_scalar() ? b : a;
  if (out.type.base == BaseType::kInt) out.type.base = BaseType::kReal;
  for (size_t k = 0; k < out.elements.size(); ++k) {
    out.elements[k] =
        g.log_sum_exp(a.elements[a.is_scalar() ? 0 : k], b.elements[b.is_scalar() ? 0 : k]);
  }
  return out;
}

Value softmax_of(const Call& call, const Value& x, bool is_log) {
  graph::Graph& g = call.graph;
  Value out = x;
  if (x.dims.empty() || x.dims.back() == 0) return out;
  const auto n = static_cast<size_t>(x.dims.back());
  for (size_t first = 0; first < x.elements.size(); first += n) {
    const Scalar total = g.log_sum_exp(std::span<const Scalar>{x.elements.data() + first, n});
    for (size_t k = first; k < first + n; ++k) {
      const Scalar log_share = g.sub(x.elements[k], total);
      out.elements[k] = is_log ? log_share : g.exp(log_share);
      if (!is_log) g.assume(out.elements[k], graph::kRangePositive | graph::kRangeAtMostOne);
    }
  }
  return out;
}
Value softmax(const Call& call, Args args) { return softmax_of(call, args[0], false); }
Value log_softmax(const Call& call, Args args) { return softmax_of(call, args[0], true); }

Value cumulative_sum(const Call& call, Args args) {
  Value out = args[0];
  const size_t w = width(out);
  for (size_t k = w; k < out.elements.size(); ++k) {
    out.elements[k] = call.graph.add(out.elements[k - w], out.elements[k]);
  }
  return out;
}

// ---- sizes
// ----------------------------------------------------------------------------------------------------

Value int_value(int64_t n) { return Value::integer(static_cast<double>(n)); }

Value size(const Call&, Args args) {
  const Value& x = args[0];
  if (x.type.array_depth > 0) return int_value(x.dims[0]);
  return int_value(x.size());
}
Value num_elements(const Call&, Args args) { return int_value(args[0].size()); }
Value dims(const Call&, Args args) {
  std::vector<Scalar> out;
  for (int64_t d : args[0].dims) out.push_back(static_cast<double>(d));
  return Value::array(BaseType::kInt, std::move(out));
}
bool is_row(const Value& v) {
  return v.type.array_depth == 0 &&
         (v.type.base == BaseType::kRowVector || v.type.base == BaseType::kComplexRowVector);
}
Value rows(const Call&, Args args) { return int_value(is_row(args[0]) ? 1 : args[0].dims[0]); }
Value cols(const Call&, Args args) {
  const Value& x = args[0];
  if (x.dims.size() == 2) return int_value(x.dims[1]);
  return int_value(is_row(x) ? x.dims[0] : 1);
}

// ---- slices
// ---------------------------------------------------------------------------------------------------

/// Elements [first, first + count) of the first dimension.
Value slice(const Value& x, int64_t first, int64_t count) {
  Value out;
  out.type = x.type;
  out.dims = x.dims;
  const int64_t n = x.dims[0];
  out.dims[0] = count;
  const auto part = [&](const auto& all, auto& to) {
    if (n == 0 || all.empty()) return;
    const auto step = static_cast<int64_t>(all.size()) / n;
    to.assign(all.begin() + first * step, all.begin() + (first + count) * step);
  };
  part(x.elements, out.elements);
  part(x.members, out.members);
  return out;
}

Value checked_slice(const Call& call, const Value& x, int64_t first, int64_t count) {
  if (count < 0 || first < 0 || first + count > x.dims[0]) {
    call.fail("`" + std::string(call.name) + "` asks for elements " + std::to_string(first + 1) +
                  " to " + std::to_string(first + count) + "; the size is " +
                  std::to_string(x.dims[0]),
              source::DiagnosticKind::kIndexRange);
  }
  return slice(x, first, count);
}
Value head(const Call& call, Args args) {
  return checked_slice(call, args[0], 0, int_at(call, args, 1));
}
Value tail(const Call& call, Args args) {
  const int64_t n = int_at(call, args, 1);
  return checked_slice(call, args[0], args[0].dims[0] - n, n);
}
Value segment(const Call& call, Args args) {
  const int64_t n = int_at(call, args, 2);
  return checked_slice(call, args[0], n == 0 ? 0 : int_at(call, args, 1) - 1, n);
}

Value reverse(const Call&, Args args) {
  const Value& x = args[0];
  Value out = x;
  const int64_t n = x.dims[0];
  const auto flip = [n](const auto& all, auto& to) {
    if (n == 0) return;
    const auto step = static_cast<int64_t>(all.size()) / n;
    for (int64_t k = 0; k < n; ++k) {
      std::copy(all.begin() + k * step, all.begin() + (k + 1) * step,
                to.begin() + (n - 1 - k) * step);
    }
  };
  flip(x.elements, out.elements);
  flip(x.members, out.members);
  return out;
}

Value block_of(const Call& call, const Value& m, int64_t i, int64_t j, int64_t r, int64_t c) {
  if (r < 0 || c < 0 || i < 0 || j < 0 || i + r > m.dims[0] || j + c > m.dims[1]) {
    call.fail("`" + std::string(call.name) + "` asks for rows " + std::to_string(i + 1) + " to " +
                  std::to_string(i + r) + " and columns " + std::to_string(j + 1) + " to " +
                  std::to_string(j + c) + " of a matrix of size " + dims_to_string(m.dims),
              source::DiagnosticKind::kIndexRange);
  }
  Value out;
  out.type = m.type;
  out.dims = {r, c};
  const auto w = static_cast<int64_t>(width(m));
  for (int64_t row = i; row < i + r; ++row) {
    const auto at = m.elements.begin() + (row * m.dims[1] + j) * w;
    out.elements.insert(out.elements.end(), at, at + c * w);
  }
  return out;
}
Value as_vector(Value m, bool is_row_vector) {
  const bool is_complex = m.is_complex();
  m.dims = {m.dims[0] * m.dims[1]};
  m.type =
      Type::scalar(is_row_vector ? (is_complex ? BaseType::kComplexRowVector : BaseType::kRowVector)
                                 : (is_complex ? BaseType::kComplexVector : BaseType::kVector));
  return m;
}
Value block(const Call& call, Args args) {
  return block_of(call, args[0], int_at(call, args, 1) - 1, int_at(call, args, 2) - 1,
                  int_at(call, args, 3), int_at(call, args, 4));
}
Value sub_col(const Call& call, Args args) {
  return as_vector(block_of(call, args[0], int_at(call, args, 1) - 1, int_at(call, args, 2) - 1,
                            int_at(call, args, 3), 1),
                   false);
}
Value sub_row(const Call& call, Args args) {
  return as_vector(block_of(call, args[0], int_at(call, args, 1) - 1, int_at(call, args, 2) - 1, 1,
                            int_at(call, args, 3)),
                   true);
}
Value col(const Call& call, Args args) {
  return as_vector(block_of(call, args[0], 0, int_at(call, args, 1) - 1, args[0].dims[0], 1),
                   false);
}
Value row(const Call& call, Args args) {
  return as_vector(block_of(call, args[0], int_at(call, args, 1) - 1, 0, 1, args[0].dims[1]), true);
}

// ---- joins
// ----------------------------------------------------------------------------------------------------

Value widened(const Value& v) {
  Value out = v;
  if (v.is_complex()) return out;
  out.elements.clear();
  for (const Scalar& s : v.elements) {
    out.elements.push_back(s);
    out.elements.push_back(0.0);
  }
  return out;
}

Value append_array(const Call& call, Args args) {
  const Value& a = args[0];
  const Value& b = args[1];
  if (!std::equal(a.dims.begin() + 1, a.dims.end(), b.dims.begin() + 1, b.dims.end()) &&
      a.dims[0] != 0 && b.dims[0] != 0) {
    call.fail("the elements of the arguments of `append_array` have different sizes: " +
              dims_to_string(a.dims) + " and " + dims_to_string(b.dims));
  }
  Value out = a.dims[0] == 0 ? b : a;
  out.type = a.type.base == BaseType::kInt ? b.type : a.type;
  if (a.dims[0] == 0) return out;
  out.dims[0] = a.dims[0] + b.dims[0];
  out.elements.insert(out.elements.end(), b.elements.begin(), b.elements.end());
  out.members.insert(out.members.end(), b.members.begin(), b.members.end());
  return out;
}

struct Grid {
  int64_t rows, cols;
};
Grid grid_of(const Value& v) {
  if (v.dims.size() == 2) return {v.dims[0], v.dims[1]};
  if (v.dims.empty()) return {1, 1};
  return is_row(v) ? Grid{1, v.dims[0]} : Grid{v.dims[0], 1};
}

Value append(const Call& call, Args args, bool by_row) {
  const bool is_complex = args[0].is_complex() || args[1].is_complex();
  const Value a = is_complex ? widened(args[0]) : args[0];
  const Value b = is_complex ? widened(args[1]) : args[1];
  const Grid ga = grid_of(a), gb = grid_of(b);
  if (by_row ? ga.cols != gb.cols : ga.rows != gb.rows) {
    call.fail(std::string("the arguments of `") + std::string(call.name) + "` have " +
              std::to_string(by_row ? ga.cols : ga.rows) + " and " +
              std::to_string(by_row ? gb.cols : gb.rows) + (by_row ? " columns" : " rows"));
  }
  Value out;
  const int64_t w = is_complex ? 2 : 1;
  if (by_row) {
    out.elements = a.elements;
    out.elements.insert(out.elements.end(), b.elements.begin(), b.elements.end());
  } else {
    for (int64_t i = 0; i < ga.rows; ++i) {
      const auto part = [&](const Value& v, int64_t c) {
        const auto at = v.elements.begin() + i * c * w;
        out.elements.insert(out.elements.end(), at, at + c * w);
      };
      part(a, ga.cols);
      part(b, gb.cols);
    }
  }
  const auto is_flat = [by_row](const Value& v) {
    return v.dims.empty() || (v.dims.size() == 1 && is_row(v) != by_row);
  };
  if (is_flat(a) && is_flat(b)) {
    out.dims = {by_row ? ga.rows + gb.rows : ga.cols + gb.cols};
    out.type =
        Type::scalar(by_row ? (is_complex ? BaseType::kComplexVector : BaseType::kVector)
                            : (is_complex ? BaseType::kComplexRowVector : BaseType::kRowVector));
  } else {
    out.dims = by_row ? std::vector<int64_t>{ga.rows + gb.rows, ga.cols}
                      : std::vector<int64_t>{ga.rows, ga.cols + gb.cols};
    out.type = Type::scalar(is_complex ? BaseType::kComplexMatrix : BaseType::kMatrix);
  }
  return out;
}
Value append_row(const Call& call, Args args) { return append(call, args, true); }
Value append_col(const Call& call, Args args) { return append(call, args, false); }

// ---- repetition
// -----------------------------------------------------------------------------------------------

Value repeated(const Call& call, const Value& x, std::vector<int64_t> dims, BaseType base,
               BaseType complex_base) {
  Value out;
  out.type = Type::scalar(x.is_complex() ? complex_base : base);
  int64_t n = 1;
  for (int64_t d : dims) {
    n *= d;
    if (n > (int64_t{1} << 28))
      call.fail("the result would be too large", source::DiagnosticKind::kLimit);
  }
  out.dims = std::move(dims);
  out.elements.reserve(static_cast<size_t>(n) * width(x));
  for (int64_t k = 0; k < n; ++k) {
    out.elements.insert(out.elements.end(), x.elements.begin(), x.elements.end());
  }
  return out;
}
Value rep_vector(const Call& call, Args args) {
  return repeated(call, args[0], {size_at(call, args, 1)}, BaseType::kVector,
                  BaseType::kComplexVector);
}
Value rep_row_vector(const Call& call, Args args) {
  return repeated(call, args[0], {size_at(call, args, 1)}, BaseType::kRowVector,
                  BaseType::kComplexRowVector);
}
Value rep_matrix(const Call& call, Args args) {
  const Value& x = args[0];
  if (args.size() == 3) {
    return repeated(call, x, {size_at(call, args, 1), size_at(call, args, 2)}, BaseType::kMatrix,
                    BaseType::kComplexMatrix);
  }
  const int64_t n = size_at(call, args, 1);
  const int64_t m = x.dims[0];
  Value out;
  out.type = Type::scalar(x.is_complex() ? BaseType::kComplexMatrix : BaseType::kMatrix);
  const size_t w = width(x);
  if (is_row(x)) {
    out.dims = {n, m};
    for (int64_t i = 0; i < n; ++i)
      out.elements.insert(out.elements.end(), x.elements.begin(), x.elements.end());
  } else {
    out.dims = {m, n};
    for (int64_t i = 0; i < m; ++i) {
      const auto at = x.elements.begin() + i * static_cast<int64_t>(w);
      for (int64_t j = 0; j < n; ++j)
        out.elements.insert(out.elements.end(), at, at + static_cast<std::ptrdiff_t>(w));
    }
  }
  return out;
}
Value rep_array(const Call& call, Args args) {
  const Value& x = args[0];
  Value out;
  out.type = x.type;
  out.type.array_depth += static_cast<int>(args.size()) - 1;
  int64_t n = 1;
  for (size_t k = 1; k < args.size(); ++k) {
    out.dims.push_back(size_at(call, args, k));
    n *= out.dims.back();
    if (n * std::max<int64_t>(1, static_cast<int64_t>(x.elements.size())) > (int64_t{1} << 28)) {
      call.fail("the result would be too large", source::DiagnosticKind::kLimit);
    }
  }
  out.dims.insert(out.dims.end(), x.dims.begin(), x.dims.end());
  for (int64_t k = 0; k < n; ++k) {
    out.elements.insert(out.elements.end(), x.elements.begin(), x.elements.end());
    if (x.type.base == BaseType::kTuple) {
      if (x.type.array_depth == 0) {
        out.members.push_back(x);
      } else {
        out.members.insert(out.members.end(), x.members.begin(), x.members.end());
      }
    }
  }
  return out;
}

// ---- conversions
// ----------------------------------------------------------------------------------------------

/// Elements in the order of the language: of a matrix column by column, of arrays row-major.
std::vector<Scalar> in_order(const Value& x) {
  if (x.type.array_depth > 0 || x.dims.size() != 2) return x.elements;
  const auto w = static_cast<int64_t>(width(x));
  const int64_t r = x.dims[0], c = x.dims[1];
  std::vector<Scalar> out;
  out.reserve(x.elements.size());
  for (int64_t j = 0; j < c; ++j) {
    for (int64_t i = 0; i < r; ++i) {
      for (int64_t k = 0; k < w; ++k)
        out.push_back(x.elements[static_cast<size_t>((i * c + j) * w + k)]);
    }
  }
  return out;
}

Value to_vector(const Call&, Args args) {
  Value out = Value::vector(in_order(args[0]));
  if (args[0].is_complex()) out.type.base = BaseType::kComplexVector;
  out.dims[0] = args[0].size();
  return out;
}
Value to_row_vector(const Call&, Args args) {
  Value out = Value::row_vector(in_order(args[0]));
  if (args[0].is_complex()) out.type.base = BaseType::kComplexRowVector;
  out.dims[0] = args[0].size();
  return out;
}
Value to_array_1d(const Call&, Args args) {
  const Value& x = args[0];
  Value out =
      Value::array(x.type.base == BaseType::kInt ? BaseType::kInt : BaseType::kReal, in_order(x));
  if (x.is_complex()) out.type.base = BaseType::kComplex;
  out.dims[0] = x.size();
  return out;
}
Value to_array_2d(const Call&, Args args) {
  Value out = args[0];
  out.type = Type::array(out.is_complex() ? BaseType::kComplex : BaseType::kReal, 2);
  return out;
}
Value to_matrix(const Call& call, Args args) {
  const Value& x = args[0];
  const BaseType base = x.is_complex() ? BaseType::kComplexMatrix : BaseType::kMatrix;
  Value out;
  out.type = Type::scalar(base);
  if (args.size() == 1) {
    out.elements = x.elements;
    if (x.dims.size() == 2) {
      out.dims = x.dims;
    } else {
      const Grid g = grid_of(x);
      out.dims = {g.rows, g.cols};
    }
    return out;
  }
  const int64_t r = size_at(call, args, 1), c = size_at(call, args, 2);
  if (r * c != x.size()) {
    call.fail("`to_matrix` makes a matrix of size (" + std::to_string(r) + ", " +
              std::to_string(c) + ") of " + std::to_string(x.size()) + " elements");
  }
  const bool by_column = args.size() < 4 || int_at(call, args, 3) != 0;
  const std::vector<Scalar> flat = in_order(x);
  out.dims = {r, c};
  if (!by_column) {
    out.elements = flat;
    return out;
  }
  const auto w = static_cast<int64_t>(width(x));
  out.elements.reserve(flat.size());
  for (int64_t i = 0; i < r; ++i) {
    for (int64_t j = 0; j < c; ++j) {
      for (int64_t k = 0; k < w; ++k)
        out.elements.push_back(flat[static_cast<size_t>((j * r + i) * w + k)]);
    }
  }
  return out;
}

// ---- constant containers
// --------------------------------------------------------------------------------------

std::vector<Scalar> linspaced(const Call& call, Args args) {
  const int64_t n = size_at(call, args, 0);
  graph::Graph& g = call.graph;
  const Scalar low = args[1].scalar(), high = args[2].scalar();
  std::vector<Scalar> x;
  if (n == 1) return {high};
  for (int64_t k = 0; k < n; ++k) {
    if (k == n - 1) {
      x.push_back(high);
    } else {
      x.push_back(
          g.add(low, g.mul(g.sub(high, low), static_cast<double>(k) / static_cast<double>(n - 1))));
    }
  }
  return x;
}
Value linspaced_vector(const Call& call, Args args) { return Value::vector(linspaced(call, args)); }
Value linspaced_row_vector(const Call& call, Args args) {
  return Value::row_vector(linspaced(call, args));
}
Value linspaced_array(const Call& call, Args args) {
  return Value::array(BaseType::kReal, linspaced(call, args));
}
/// Spaced evenly by an int: the last element is the largest low + k * step that does not exceed
/// high.
Value linspaced_int_array(const Call& call, Args args) {
  const int64_t n = size_at(call, args, 0);
  const int64_t low = int_at(call, args, 1), high = int_at(call, args, 2);
  if (high < low) call.fail("the bounds of `linspaced_int_array` are in the wrong order");
  std::vector<Scalar> x;
  if (n == 1) return Value::array(BaseType::kInt, {static_cast<double>(high)});
  if (n == 0) return Value::array(BaseType::kInt, {});
  const int64_t span = high - low;
  if (span >= n) {
    // Equal steps, the range shortened to a multiple of them.
    const int64_t step = span / (n - 1);
    for (int64_t k = 0; k < n; ++k) x.push_back(static_cast<double>(low + k * step));
  } else {
    // More elements than numbers: each number is repeated equally often.
    const int64_t repeats = n / (span + 1) + (n % (span + 1) != 0 ? 1 : 0);
    for (int64_t k = 0; k < n; ++k) x.push_back(static_cast<double>(low + k / repeats));
  }
  return Value::array(BaseType::kInt, std::move(x));
}

std::vector<Scalar> filled(const Call& call, Args args, double value) {
  return std::vector<Scalar>(static_cast<size_t>(size_at(call, args, 0)), Scalar(value));
}
std::vector<Scalar> one_hot(const Call& call, Args args) {
  std::vector<Scalar> x = filled(call, args, 0);
  const int64_t at = int_at(call, args, 1);
  if (at < 1 || at > static_cast<int64_t>(x.size())) {
    call.fail("index " + std::to_string(at) + " of `" + std::string(call.name) +
                  "` is out of range; the size is " + std::to_string(x.size()),
              source::DiagnosticKind::kIndexRange);
  }
  x[static_cast<size_t>(at - 1)] = 1.0;
  return x;
}
Value one_hot_array(const Call& call, Args args) {
  return Value::array(BaseType::kReal, one_hot(call, args));
}
Value one_hot_int_array(const Call& call, Args args) {
  return Value::array(BaseType::kInt, one_hot(call, args));
}
Value one_hot_row_vector(const Call& call, Args args) {
  return Value::row_vector(one_hot(call, args));
}
Value one_hot_vector(const Call& call, Args args) { return Value::vector(one_hot(call, args)); }
Value ones_array(const Call& call, Args args) {
  return Value::array(BaseType::kReal, filled(call, args, 1));
}
Value ones_int_array(const Call& call, Args args) {
  return Value::array(BaseType::kInt, filled(call, args, 1));
}
Value ones_row_vector(const Call& call, Args args) {
  return Value::row_vector(filled(call, args, 1));
}
Value ones_vector(const Call& call, Args args) { return Value::vector(filled(call, args, 1)); }
Value zeros_array(const Call& call, Args args) {
  return Value::array(BaseType::kReal, filled(call, args, 0));
}
Value zeros_int_array(const Call& call, Args args) {
  return Value::array(BaseType::kInt, filled(call, args, 0));
}
Value zeros_row_vector(const Call& call, Args args) {
  return Value::row_vector(filled(call, args, 0));
}
Value zeros_vector(const Call& call, Args args) { return Value::vector(filled(call, args, 0)); }
Value uniform_simplex(const Call& call, Args args) {
  return Value::vector(
      filled(call, args, 1 / static_cast<double>(std::max<int64_t>(1, int_at(call, args, 0)))));
}
Value identity_matrix(const Call& call, Args args) {
  const int64_t n = size_at(call, args, 0);
  if (n > (1 << 14)) call.fail("the result would be too large", source::DiagnosticKind::kLimit);
  std::vector<Scalar> x(static_cast<size_t>(n * n), Scalar(0));
  for (int64_t k = 0; k < n; ++k) x[static_cast<size_t>(k * (n + 1))] = 1.0;
  return Value::matrix(n, n, std::move(x));
}

// ---- order
// ----------------------------------------------------------------------------------------------------

Value sorted(const Call& call, Args args, bool ascending) {
  Value out = args[0];
  if (out.is_constant()) {
    for (const Scalar& s : out.elements) {
      if (std::isnan(s.constant()))
        call.fail("`" + std::string(call.name) + "` of values that are not numbers");
    }
    std::stable_sort(out.elements.begin(), out.elements.end(),
                     [&](const Scalar& a, const Scalar& b) {
                       return ascending ? a.constant() < b.constant() : a.constant() > b.constant();
                     });
    return out;
  }
  // Odd-even transposition network: the order is a function of the parameters, its derivative
  // follows each element.
  constexpr size_t kMaxNetwork = 256;
  const size_t n = out.elements.size();
  if (n > kMaxNetwork) not_covered_on_parameters(call);
  for (size_t round = 0; round < n; ++round) {
    for (size_t k = round % 2; k + 1 < n; k += 2) {
      const Scalar a = out.elements[k], b = out.elements[k + 1];
      out.elements[k] = call.graph.apply(ascending ? Op::kFmin : Op::kFmax, a, b);
      out.elements[k + 1] = call.graph.apply(ascending ? Op::kFmax : Op::kFmin, a, b);
    }
  }
  return out;
}
Value sort_asc(const Call& call, Args args) { return sorted(call, args, true); }
Value sort_desc(const Call& call, Args args) { return sorted(call, args, false); }

Value sort_indices(const Call& call, Args args, bool ascending) {
  const std::vector<double> x = constants_of(call, args[0]);
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return ascending ? x[a] < x[b] : x[a] > x[b]; });
  std::vector<Scalar> out;
  for (size_t k : order) out.push_back(static_cast<double>(k + 1));
  return Value::array(BaseType::kInt, std::move(out));
}
Value sort_indices_asc(const Call& call, Args args) { return sort_indices(call, args, true); }
Value sort_indices_desc(const Call& call, Args args) { return sort_indices(call, args, false); }

}  // namespace

void add_container_functions(LibraryTable& table) {
  table.add("sum", sum);
  table.add("prod", prod);
  table.add("mean", mean);
  table.add("variance", variance);
  table.add("sd", sd);
  table.add("max", max);
  table.add("min", min);
  table.add("norm1", norm1);
  table.add("norm2", norm2);
  table.add("quantile", quantile);
  table.add("rank", rank);
  table.add("squared_distance", squared_distance);
  table.add("distance", distance);
  table.add("dot_product", dot_product);
  table.add("dot_self", dot_self);
  table.add("columns_dot_product", columns_dot_product);
  table.add("columns_dot_self", columns_dot_self);
  table.add("rows_dot_product", rows_dot_product);
  table.add("rows_dot_self", rows_dot_self);
  table.add("log_sum_exp", log_sum_exp);
  table.add("softmax", softmax);
  table.add("log_softmax", log_softmax);
  table.add("cumulative_sum", cumulative_sum);
  table.add("size", size);
  table.add("num_elements", num_elements);
  table.add("dims", dims);
  table.add("rows", rows);
  table.add("cols", cols);
  table.add("head", head);
  table.add("tail", tail);
  table.add("segment", segment);
  table.add("reverse", reverse);
  table.add("block", block);
  table.add("sub_col", sub_col);
  table.add("sub_row", sub_row);
  table.add("col", col);
  table.add("row", row);
  table.add("append_array", append_array);
  table.add("append_row", append_row);
  table.add("append_col", append_col);
  table.add("rep_vector", rep_vector);
  table.add("rep_row_vector", rep_row_vector);
  table.add("rep_matrix", rep_matrix);
  table.add("rep_array", rep_array);
  table.add("to_vector", to_vector);
  table.add("to_row_vector", to_row_vector);
  table.add("to_array_1d", to_array_1d);
  table.add("to_array_2d", to_array_2d);
  table.add("to_matrix", to_matrix);
  table.add("linspaced_vector", linspaced_vector);
  table.add("linspaced_row_vector", linspaced_row_vector);
  table.add("linspaced_array", linspaced_array);
  table.add("linspaced_int_array", linspaced_int_array);
  table.add("one_hot_array", one_hot_array);
  table.add("one_hot_int_array", one_hot_int_array);
  table.add("one_hot_row_vector", one_hot_row_vector);
  table.add("one_hot_vector", one_hot_vector);
  table.add("ones_array", ones_array);
  table.add("ones_int_array", ones_int_array);
  table.add("ones_row_vector", ones_row_vector);
  table.add("ones_vector", ones_vector);
  table.add("zeros_array", zeros_array);
  table.add("zeros_int_array", zeros_int_array);
  table.add("zeros_row_vector", zeros_row_vector);
  table.add("zeros_vector", zeros_vector);
  table.add("uniform_simplex", uniform_simplex);
  table.add("identity_matrix", identity_matrix);
  table.add("sort_asc", sort_asc);
  table.add("sort_desc", sort_desc);
  table.add("sort_indices_asc", sort_indices_asc);
  table.add("sort_indices_desc", sort_indices_desc);
}

}  // namespace vinci::lower
