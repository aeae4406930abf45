#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "conjugate/terms.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

using lower::Value;
using numeric::lgamma;

namespace {

constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kLogTwo = 0.69314718055994530942;
constexpr double kLogPi = 1.1447298858494001741;

double lgamma_of_dim(int64_t dim, double x) {
  double sum = static_cast<double>(dim * (dim - 1)) / 4 * kLogPi;
  for (int64_t i = 0; i < dim; ++i) sum += lgamma(x - static_cast<double>(i) / 2);
  return sum;
}

bool all_constant(const Value& v) {
  return std::all_of(v.elements.begin(), v.elements.end(),
                     [](const Scalar& s) { return s.is_constant(); });
}

}  // namespace

bool power_code(double power, int32_t& code) {
  const double c = power * 4 + 64;
  if (c != std::floor(c) || c < 32 || c > 96) return false;
  code = static_cast<int32_t>(c);
  return true;
}

int32_t Statements::root(std::vector<int32_t>& p, int32_t leaf) {
  while (p[static_cast<size_t>(leaf)] != leaf) {
    leaf = p[static_cast<size_t>(leaf)] = p[static_cast<size_t>(p[static_cast<size_t>(leaf)])];
  }
  return leaf;
}

void Statements::unite(std::vector<int32_t>& parent, int32_t a, int32_t b) {
  a = root(parent, a);
  b = root(parent, b);
  if (a != b) parent[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
}

void merge_terms(std::vector<Term>& terms) {
  std::sort(terms.begin(), terms.end(),
            [](const Term& a, const Term& b) { return a.atoms < b.atoms; });
  size_t kept = 0;
  for (size_t k = 0; k < terms.size(); ++k) {
    if (kept > 0 && terms[kept - 1].atoms == terms[k].atoms) {
      terms[kept - 1].c += terms[k].c;
    } else {
      terms[kept++] = terms[k];
    }
  }
  terms.resize(kept);
}

// ---- terms

void Densities::emit(double c, std::vector<Atom> atoms) {
  atoms.insert(atoms.end(), gate_.begin(), gate_.end());
  if (atoms.empty()) {
    (capture_ != nullptr ? *capture_constant_ : s_.constant) += c;
    return;
  }
  // Rows of one form have the same atoms, whatever their data.
  if (c == 0 && capture_ == nullptr) return;
  VINCI_CHECK(atoms.size() <= kMaxAtoms);
  std::sort(atoms.begin(), atoms.end(), std::greater<>());
  Term term;
  term.c = c;
  std::copy(atoms.begin(), atoms.end(), term.atoms.begin());
  (capture_ != nullptr ? *capture_ : s_.terms).push_back(term);
}

void Densities::emit(double c, std::initializer_list<Atom> atoms, std::span<const Atom> more) {
  std::vector<Atom> all(atoms);
  all.insert(all.end(), more.begin(), more.end());
  emit(c, std::move(all));
}

bool Densities::fail(std::string& why, std::string text) const {
  why = std::move(text);
  return false;
}

std::string Densities::leaf_name(int32_t leaf) const {
  return "`" +
         s_.parameters[static_cast<size_t>(s_.leaves[static_cast<size_t>(leaf)].parameter)].name +
         "`";
}

int32_t Densities::add_auxiliary(Auxiliary::Kind kind, double count, int64_t parts) {
  s_.auxiliaries.push_back({kind, count, parts});
  return static_cast<int32_t>(s_.auxiliaries.size()) - 1;
}

// ---- positive numbers

bool Densities::positive(Scalar s, double exponent, Product& out, std::string& why,
                         const char* what) const {
  if (!forms_.product(s, exponent, out)) {
    return fail(why, fmt::format("its {} is not a product of powers of parameters", what));
  }
  return check_positive(out, why, what);
}

bool Densities::check_positive(const Product& out, std::string& why, const char* what) const {
  for (const auto& [leaf, power] : out.powers) {
    const Leaf& l = s_.leaves[static_cast<size_t>(leaf)];
    if (l.kind != Leaf::Kind::kPositive) {
      return fail(
          why, fmt::format("its {} depends on {}, which is not declared with `lower=0` alone", what,
                           leaf_name(leaf)));
    }
  }
  if (out.is_constant() && !(out.c > 0)) {
    return fail(why, fmt::format("its {} is {}; it has to be positive", what, out.c));
  }
  return true;
}

void Densities::emit_log(double c, const Product& x) {
  emit(c * std::log(x.c), {});
  for (const auto& [leaf, power] : x.powers) emit(c * power, {make_atom(AtomKind::kLog, leaf)});
}

bool Densities::power_atoms(const Product& x, std::vector<Atom>& atoms, std::string& why) const {
  for (const auto& [leaf, power] : x.powers) {
    int32_t code = 0;
    if (power == 0) continue;
    if (!power_code(power, code)) {
      return fail(why, fmt::format("{} has the power {}", leaf_name(leaf), power));
    }
    atoms.push_back(make_atom(AtomKind::kPower, leaf, code));
  }
  return true;
}

bool Densities::emit_product(double c, const Product& x, std::string& why,
                             std::span<const Atom> more) {
  std::vector<Atom> atoms(more.begin(), more.end());
  if (!power_atoms(x, atoms, why)) return false;
  if (atoms.size() + gate_.size() > kMaxAtoms)
    return fail(why, "it multiplies too many parameters");
  emit(c * x.c, std::move(atoms));
  return true;
}

// ---- normal distributions

bool Densities::residual(Scalar y, Scalar mean, Form& out, std::string& why) {
  Form a, b;
  if (!forms_.polynomial(y, a)) return fail(why, "its outcome is not linear in the parameters");
  if (!forms_.polynomial(mean, b)) {
    return fail(why, "its location is not linear in each of the parameters");
  }
  out = combine(1, a, -1, b);
  return true;
}

bool Densities::check_real(const Form& r, std::string& why) const {
  for (const Addend& x : r) {
    for (const int32_t leaf : {x.a, x.b}) {
      if (leaf < 0) continue;
      const Leaf::Kind kind = s_.leaves[static_cast<size_t>(leaf)].kind;
      if (kind == Leaf::Kind::kOther) {
        return fail(why, leaf_name(leaf) + " has a type which no conjugate family has");
      }
      if (kind != Leaf::Kind::kReal) {
        return fail(why, fmt::format("{} is constrained and enters linearly: its update would be a "
                                     "truncated normal",
                                     leaf_name(leaf)));
      }
    }
  }
  return true;
}

/// Those that enter one residual are jointly normal: all that stand alone, and of each parameter
/// the elements that stand in products.
void Densities::join(const Form& r) {
  int32_t alone = -1;
  std::vector<std::pair<int32_t, int32_t>> of_parameter;
  for (const Addend& x : r) {
    if (x.b < 0) {
      if (x.a < 0) continue;
      if (alone >= 0) s_.unite(alone, x.a);
      alone = x.a;
    }
    if (x.b >= 0) {
      s_.in_product[static_cast<size_t>(x.a)] = s_.in_product[static_cast<size_t>(x.b)] = 1;
      Statements::unite(s_.product, x.a, x.b);
    }
    for (const int32_t leaf : {x.a, x.b}) {
      if (leaf < 0) continue;
      const int32_t parameter = s_.leaves[static_cast<size_t>(leaf)].parameter;
      const auto found = std::find_if(of_parameter.begin(), of_parameter.end(),
                                      [&](const auto& p) { return p.first == parameter; });
      if (found == of_parameter.end()) {
        of_parameter.emplace_back(parameter, leaf);
      } else {
        s_.unite(found->second, leaf);
      }
    }
  }
}

const Addend* Densities::half(const Form& r) const {
  const size_t first = r.size() == 2 && r[0].a < 0 && r[0].c == 0 ? 1 : 0;
  const bool is_half = r.size() == first + 1 && r[first].a >= 0 && r[first].b < 0 &&
                       s_.leaves[static_cast<size_t>(r[first].a)].kind == Leaf::Kind::kPositive;
  return is_half ? &r[first] : nullptr;
}

/// In terms of d = x - shift.
void Densities::shift(Form& r) const {
  bool changed = false;
  const size_t count = r.size();
  for (size_t k = 0; k < count; ++k) {
    const Addend x = r[k];
    const double sa = x.a >= 0 ? s_.leaves[static_cast<size_t>(x.a)].shift : 0;
    const double sb = x.b >= 0 ? s_.leaves[static_cast<size_t>(x.b)].shift : 0;
    if (sa == 0 && sb == 0) continue;
    changed = true;
    if (x.b < 0) {
      r.push_back({x.c * sa, -1, -1});
      continue;
    }
    r.push_back({x.c * sa, x.b, -1});
    r.push_back({x.c * sb, x.a, -1});
    r.push_back({x.c * sa * sb, -1, -1});
  }
  if (changed) normalise(r);
}

/// c * weight * r^2.
bool Densities::emit_square(double c, std::span<const Atom> weight, const Form& residual_form,
                            std::string& why) {
  if (!check_real(residual_form, why)) return false;
  Form r = residual_form;
  shift(r);
  if (r.empty() || r[0].a >= 0) r.insert(r.begin(), Addend{0, -1, -1});
  size_t degree = 0;
  for (const Addend& x : r)
    degree = std::max(degree, x.b >= 0 ? size_t{2} : x.a >= 0 ? size_t{1} : size_t{0});
  if (2 * degree + weight.size() + gate_.size() > kMaxAtoms) {
    return fail(why, "it multiplies too many parameters");
  }
  join(r);
  const size_t n = r.size();
  if (capture_ != nullptr || !gate_.empty()) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        std::vector<Atom> atoms(weight.begin(), weight.end());
        for (const int32_t leaf : {r[i].a, r[i].b, r[j].a, r[j].b}) {
          if (leaf >= 0) atoms.push_back(make_atom(AtomKind::kValue, leaf));
        }
        emit((i == j ? 1 : 2) * c * r[i].c * r[j].c, std::move(atoms));
      }
    }
    return true;
  }
  std::vector<int64_t> key(weight.begin(), weight.end());
  key.push_back(-1);
  for (const Addend& x : r) {
    key.push_back(x.a);
    key.push_back(x.b);
  }
  Gram& gram = grams_[key];
  if (gram.sums.empty()) {
    gram.leaves = r;
    gram.sums.assign(n * (n + 1) / 2, 0.0);
  }
  double* sums = gram.sums.data();
  for (size_t i = 0; i < n; ++i) {
    const double ci = c * r[i].c;
    for (size_t j = 0; j <= i; ++j) *sums++ += ci * r[j].c;
  }
  return true;
}

/// c * weight * r.
bool Densities::emit_linear(double c, std::span<const Atom> weight, const Form& residual_form,
                            std::string& why) {
  if (!check_real(residual_form, why)) return false;
  Form r = residual_form;
  shift(r);
  join(r);
  for (const Addend& x : r) {
    std::vector<Atom> atoms(weight.begin(), weight.end());
    for (const int32_t leaf : {x.a, x.b}) {
      if (leaf >= 0) atoms.push_back(make_atom(AtomKind::kValue, leaf));
    }
    if (atoms.size() + gate_.size() > kMaxAtoms)
      return fail(why, "it multiplies too many parameters");
    emit(c * x.c, std::move(atoms));
  }
  return true;
}

void Densities::flush() {
  const std::vector<Atom> gate = std::move(gate_);
  gate_.clear();
  for (const auto& [key, gram] : grams_) {
    std::vector<Atom> weight;
    for (size_t k = 0; key[k] != -1; ++k) weight.push_back(static_cast<Atom>(key[k]));
    size_t next = 0;
    for (size_t i = 0; i < gram.leaves.size(); ++i) {
      for (size_t j = 0; j <= i; ++j, ++next) {
        std::vector<Atom> atoms = weight;
        for (const int32_t leaf :
             {gram.leaves[i].a, gram.leaves[i].b, gram.leaves[j].a, gram.leaves[j].b}) {
          if (leaf >= 0) atoms.push_back(make_atom(AtomKind::kValue, leaf));
        }
        emit((i == j ? 1 : 2) * gram.sums[next], std::move(atoms));
      }
    }
  }
  grams_.clear();
  gate_ = gate;
}

/// N(r; 0, 1/precision); `more`: factors of the precision that are not leaves.
bool Densities::normal(const Form& r, const Product& precision, std::span<const Atom> more,
                       std::string& why) {
  emit(-kLogTwoPi / 2, {});
  emit_log(0.5, precision);
  std::vector<Atom> weight(more.begin(), more.end());
  if (!power_atoms(precision, weight, why)) return false;
  if (const Addend* x = half(r)) {
    int32_t code = 0;
    power_code(2, code);
    weight.push_back(make_atom(AtomKind::kPower, x->a, code));
    emit(-0.5 * precision.c * x->c * x->c, std::move(weight));
    return true;
  }
  return emit_square(-0.5 * precision.c, weight, r, why);
}

/// Student t as a normal whose precision is multiplied by a Gamma(nu/2, nu/2); on a scale, as an
/// inverse gamma of its square with an inverse gamma scale.  [Wand et al. 2011, doi
/// 10.1214/11-BA631, result 5]
bool Densities::student(Scalar y, double nu, Scalar mean, Scalar scale, std::string& why) {
  if (!(nu > 0)) return fail(why, "its degrees of freedom are not positive");
  Form r;
  if (!residual(y, mean, r, why)) return false;
  Product precision;
  if (!positive(scale, -2, precision, why, "scale")) return false;
  if (capture_ != nullptr) return fail(why, "a Student t under a gate is not augmented");
  if (const Addend* x = half(r)) {
    const double c = x->c * x->c;  // of (c x)^2
    const int32_t aux = add_auxiliary(Auxiliary::Kind::kInverseGamma, 0);
    const Atom log_a = make_atom(AtomKind::kAuxiliary, aux, 0);
    const Atom inverse_a = make_atom(AtomKind::kAuxiliary, aux, 1);
    int32_t code = 0;
    power_code(-2, code);
    const Atom inverse_square = make_atom(AtomKind::kPower, x->a, code);
    // x^2 | a ~ IG(nu/2, nu/(a c)), a ~ IG(1/2, precision): x is half Student t; the density of
    // the program is half of it, |dx^2/dx| = 2 x.
    emit(nu / 2 * std::log(nu / c) - lgamma(nu / 2), {});
    emit(-nu / 2, {log_a});
    emit(-(nu + 2) + 1, {make_atom(AtomKind::kLog, x->a)});
    emit(-nu / c, {inverse_square, inverse_a});
    emit_log(0.5, precision);
    emit(-lgamma(0.5), {});
    emit(-1.5, {log_a});
    const Atom more[] = {inverse_a};
    return emit_product(-1, precision, why, more);
  }
  const int32_t aux = add_auxiliary(Auxiliary::Kind::kGamma, 0);
  const Atom log_w = make_atom(AtomKind::kAuxiliary, aux, 0);
  const Atom w = make_atom(AtomKind::kAuxiliary, aux, 1);
  emit(nu / 2 * std::log(nu / 2) - lgamma(nu / 2), {});
  emit(nu / 2 - 1 + 0.5, {log_w});
  emit(-nu / 2, {w});
  const Atom more[] = {w};
  return normal(r, precision, more, why);
}

/// A count whose log rate is linear: no family, but a factor that q's normal has an expectation of.
bool Densities::log_rate(double y, double shape, Scalar predictor, std::string& why) {
  Form m;
  if (!forms_.polynomial(predictor, m))
    return fail(why, "its log rate is not linear in each of the parameters");
  return log_rate(y, shape, m, why);
}

bool Densities::log_rate(double y, double shape, const Form& m, std::string& why) {
  if (capture_ != nullptr) return fail(why, "a log rate under a gate is not conjugate");
  if (!(shape > 0)) return fail(why, "its shape is not positive");
  if (std::any_of(m.begin(), m.end(), [](const Addend& x) { return x.b >= 0; }))
    return fail(why, "its log rate multiplies parameters: q makes it no normal");
  const int32_t aux = add_auxiliary(Auxiliary::Kind::kLogRate, y);
  s_.auxiliaries.back().shape = shape;
  const Atom linear[] = {make_atom(AtomKind::kAuxiliary, aux, 0)};
  const Atom square[] = {make_atom(AtomKind::kAuxiliary, aux, 1)};
  return emit_linear(1, linear, m, why) && emit_square(1, square, m, why);
}

/// Poisson; of a rate that is a sum, y is a sum of counts, each Poisson of its addend.
bool Densities::poisson(double y, Scalar rate, std::string& why) {
  if (Scalar log_of; forms_.is_unary(rate, graph::Op::kExp, log_of))
    return log_rate(y, std::numeric_limits<double>::infinity(), log_of, why);
  std::vector<Product> addends;
  if (!forms_.sum(rate, addends))
    return fail(why, "its rate is not a sum of products of powers of parameters");
  for (const Product& p : addends) {
    if (!check_positive(p, why, "rate")) return false;
    if (!(p.c > 0)) return fail(why, "its rate is a difference");
  }
  if (addends.empty()) return fail(why, "its rate is 0; it has to be positive");
  for (const Product& p : addends) {
    if (!emit_product(-1, p, why)) return false;
  }
  if (addends.size() == 1) {
    emit_log(y, addends[0]);
    emit(-lgamma(y + 1), {});
    return true;
  }
  if (capture_ != nullptr) return fail(why, "a sum of rates under a gate is not augmented");
  for (const Product& p : addends) {
    for (const auto& [leaf, power] : p.powers) {
      if (p.powers.size() < 2) continue;
      s_.in_product[static_cast<size_t>(leaf)] = 1;
      Statements::unite(s_.product, p.powers[0].first, leaf);
    }
  }
  if (y == 0) return true;  // no count to split
  const int32_t aux = add_auxiliary(Auxiliary::Kind::kSplitCount, y, std::ssize(addends));
  for (size_t k = 0; k < addends.size(); ++k) {
    const Atom count = make_atom(AtomKind::kAuxiliary, aux, static_cast<int64_t>(k));
    emit(std::log(addends[k].c), {count});
    for (const auto& [leaf, power] : addends[k].powers)
      emit(power, {count, make_atom(AtomKind::kLog, leaf)});
  }
  return true;
}

/// Laplace as a normal whose variance b^2 t has t ~ exponential(1/2); of data, or of a positive
/// number, it is an exponential of a power of b as it stands.  [Park and Casella 2008, eq. (4)]
bool Densities::laplace(Scalar y, Scalar mean, Scalar scale, std::string& why) {
  Form r;
  Product precision, rate;  // b^-2 and b^-1
  if (!residual(y, mean, r, why) || !positive(scale, -2, precision, why, "scale") ||
      !positive(scale, -1, rate, why, "scale"))
    return false;
  emit(-kLogTwo, {});
  emit_log(0.5, precision);
  if (r.size() == 1 && r[0].a < 0) return emit_product(-std::abs(r[0].c), rate, why);
  if (const Addend* x = half(r)) {
    int32_t code = 0;
    power_code(1, code);
    const Atom value[] = {make_atom(AtomKind::kPower, x->a, code)};
    return emit_product(-std::abs(x->c), rate, why, value);
  }
  if (capture_ != nullptr) return fail(why, "a Laplace density under a gate is not augmented");
  emit(-kLogTwoPi / 2, {});
  std::vector<Atom> weight{
      make_atom(AtomKind::kAuxiliary, add_auxiliary(Auxiliary::Kind::kInverseGaussian, 0), 0)};
  return power_atoms(precision, weight, why) && emit_square(-0.5 * precision.c, weight, r, why);
}

/// Binomial with logit m: exp((y - n/2) m) 2^-n E_PG(n, 0)[exp(-w m^2/2)].
bool Densities::logistic(double successes, double trials, Scalar predictor, std::string& why) {
  Form m;
  if (!forms_.polynomial(predictor, m)) {
    return fail(why, "its predictor is not linear in each of the parameters");
  }
  if (capture_ != nullptr) return fail(why, "a logistic likelihood under a gate is not augmented");
  if (trials == 0) return true;
  const int32_t aux = add_auxiliary(Auxiliary::Kind::kPolyaGamma, trials);
  emit(-trials * kLogTwo, {});
  if (!emit_linear(successes - trials / 2, {}, m, why)) return false;
  const Atom weight[] = {make_atom(AtomKind::kAuxiliary, aux, 0)};
  return emit_square(-0.5, weight, m, why);
}

bool Densities::probit(double y, Scalar predictor, std::string& why) {
  Form m;
  if (!forms_.polynomial(predictor, m)) {
    return fail(why, "its predictor is not linear in each of the parameters");
  }
  if (capture_ != nullptr) return fail(why, "a probit likelihood under a gate is not augmented");
  const int32_t aux =
      add_auxiliary(y == 1 ? Auxiliary::Kind::kNormalAbove : Auxiliary::Kind::kNormalBelow, 0);
  const Atom u[] = {make_atom(AtomKind::kAuxiliary, aux, 0)};
  return emit_linear(1, u, m, why) && emit_square(-0.5, {}, m, why);
}

// ---- probabilities

bool Densities::bernoulli(double y, double trials, Scalar p, std::string& why) {
  if (p.is_constant()) {
    const double q = p.constant();
    if (y > 0) emit(y * std::log(q), {});
    if (trials - y > 0) emit((trials - y) * std::log1p(-q), {});
    return true;
  }
  Scalar inner;
  if (forms_.is_unary(p, graph::Op::kInvLogit, inner)) return logistic(y, trials, inner, why);
  if (trials == 1 && forms_.is_unary(p, graph::Op::kStdNormalCdf, inner))
    return probit(y, inner, why);
  const int32_t leaf = forms_.leaf(p);
  if (leaf < 0 || s_.leaves[static_cast<size_t>(leaf)].kind != Leaf::Kind::kProbability) {
    return fail(why, "its probability is not a parameter declared with `lower=0, upper=1`");
  }
  emit(y, {make_atom(AtomKind::kLog, leaf)});
  emit(trials - y, {make_atom(AtomKind::kLogOneMinus, leaf)});
  return true;
}

int32_t Densities::simplex_of(const Value& value) const {
  if (value.elements.empty()) return -1;
  const int32_t first = forms_.leaf(value.elements[0]);
  if (first < 0) return -1;
  const Leaf& leaf = s_.leaves[static_cast<size_t>(first)];
  if (leaf.kind != Leaf::Kind::kSimplex || leaf.index != 0) return -1;
  const Container& c = s_.containers[static_cast<size_t>(leaf.container)];
  if (c.leaves.size() != value.elements.size()) return -1;
  for (size_t k = 0; k < c.leaves.size(); ++k) {
    if (forms_.leaf(value.elements[k]) != c.leaves[k]) return -1;
  }
  return leaf.container;
}

bool Densities::dirichlet(Args args, std::string& why) {
  const Value& x = args[0];
  const Value& alpha = args[1];
  if (!all_constant(alpha)) return fail(why, "its concentrations depend on parameters");
  if (alpha.type.array_depth != 0) return fail(why, "its concentrations are an array");
  const size_t size = alpha.elements.size();
  if (size == 0 || x.elements.size() % size != 0) return fail(why, "its arguments differ in size");
  for (size_t first = 0; first < x.elements.size(); first += size) {
    Value one = Value::vector({x.elements.begin() + static_cast<std::ptrdiff_t>(first),
                               x.elements.begin() + static_cast<std::ptrdiff_t>(first + size)});
    if (simplex_of(one) < 0) return fail(why, "its outcome is not a simplex among the parameters");
    double total = 0, constant = 0;
    for (size_t k = 0; k < size; ++k) {
      const double a = alpha.elements[k].constant();
      if (!(a > 0)) return fail(why, "its concentrations are not positive");
      emit(a - 1, {make_atom(AtomKind::kLog, forms_.leaf(one.elements[k]))});
      total += a;
      constant -= lgamma(a);
    }
    emit(constant + lgamma(total), {});
  }
  return true;
}

bool Densities::categorical(Args args, std::string& why) {
  const Value& theta = args[1];
  const int32_t container = simplex_of(theta);
  if (container < 0 && !all_constant(theta)) {
    return fail(why, "its probabilities are not a simplex among the parameters");
  }
  for (const Scalar& y : args[0].elements) {
    const auto log_of = [&](size_t k, std::vector<Atom> more) {
      if (container < 0) {
        emit(std::log(theta.elements[k].constant()), std::move(more));
      } else {
        more.push_back(make_atom(AtomKind::kLog, forms_.leaf(theta.elements[k])));
        emit(1, std::move(more));
      }
    };
    if (y.is_constant()) {
      const double k = y.constant();
      if (!(k >= 1 && k <= static_cast<double>(theta.elements.size()))) {
        return fail(why, fmt::format("its outcome is {}; there are {} categories", k,
                                     theta.elements.size()));
      }
      log_of(static_cast<size_t>(k) - 1, {});
      continue;
    }
    const int32_t leaf = forms_.leaf(y);
    if (leaf < 0) return fail(why, "its outcome is neither data nor a discrete parameter");
    const Leaf& z = s_.leaves[static_cast<size_t>(leaf)];
    if (z.low < 1 || z.high > static_cast<int64_t>(theta.elements.size())) {
      return fail(why, fmt::format("{} can be {} to {}, but there are {} categories",
                                   leaf_name(leaf), z.low, z.high, theta.elements.size()));
    }
    for (int64_t k = z.low; k <= z.high; ++k) {
      log_of(static_cast<size_t>(k) - 1, {make_atom(AtomKind::kState, leaf, k - z.low)});
    }
  }
  return true;
}

bool Densities::multinomial(Args args, std::string& why) {
  const Value& theta = args[1];
  const int32_t container = simplex_of(theta);
  if (container < 0) return fail(why, "its probabilities are not a simplex among the parameters");
  if (!all_constant(args[0])) return fail(why, "its counts depend on parameters");
  const size_t size = theta.elements.size();
  for (size_t first = 0; first < args[0].elements.size(); first += size) {
    double total = 0;
    for (size_t k = 0; k < size; ++k) {
      const double n = args[0].elements[first + k].constant();
      emit(n, {make_atom(AtomKind::kLog, forms_.leaf(theta.elements[k]))});
      emit(-lgamma(n + 1), {});
      total += n;
    }
    emit(lgamma(total + 1), {});
  }
  return true;
}

// ---- scalar densities

bool Densities::scalar_density(std::string_view name, std::span<const Scalar> x, std::string& why) {
  const auto constant = [&](size_t k, const char* what, double& out) {
    if (!x[k].is_constant()) {
      return fail(why, fmt::format("its {} depends on parameters; it has to be data", what));
    }
    out = x[k].constant();
    return true;
  };
  if (name == "normal" || name == "std_normal") {
    Form r;
    Product precision;
    const bool is_std = name == "std_normal";
    return residual(x[0], is_std ? Scalar(0.0) : x[1], r, why) &&
           positive(is_std ? Scalar(1.0) : x[2], -2, precision, why, "scale") &&
           normal(r, precision, {}, why);
  }
  if (name == "lognormal") {
    double y = 0;
    if (!constant(0, "outcome", y)) return false;
    if (!(y > 0)) return fail(why, "its outcome is not positive");
    emit(-std::log(y), {});
    const Scalar args[] = {Scalar(std::log(y)), x[1], x[2]};
    return scalar_density("normal", args, why);
  }
  if (name == "double_exponential") return laplace(x[0], x[1], x[2], why);
  if (name == "student_t" || name == "cauchy") {
    double nu = 1;
    const bool is_cauchy = name == "cauchy";
    if (!is_cauchy && !constant(1, "degrees of freedom", nu)) return false;
    return student(x[0], nu, x[is_cauchy ? 1 : 2], x[is_cauchy ? 2 : 3], why);
  }
  if (name == "gamma" || name == "inv_gamma" || name == "exponential" || name == "chi_square" ||
      name == "inv_chi_square" || name == "scaled_inv_chi_square") {
    // a log b - lgamma(a) + (a - 1) log x - b x, of x or its inverse.
    double a = 1;
    Product b, y;
    const bool is_inverse = name.starts_with("inv") || name.starts_with("scaled");
    if (name == "gamma" || name == "inv_gamma") {
      if (!constant(1, "shape", a) || !positive(x[2], 1, b, why, is_inverse ? "scale" : "rate"))
        return false;
    } else if (name == "exponential") {
      if (!positive(x[1], 1, b, why, "rate")) return false;
    } else {
      if (!constant(1, "degrees of freedom", a)) return false;
      if (name == "scaled_inv_chi_square") {
        if (!positive(x[2], 2, b, why, "scale")) return false;
        b.c *= a / 2;
      } else {
        b.c = 0.5;
      }
      a /= 2;
    }
    if (!(a > 0)) return fail(why, "its shape is not positive");
    if (!positive(x[0], is_inverse ? -1 : 1, y, why, "outcome")) return false;
    emit_log(a, b);
    emit(-lgamma(a), {});
    emit_log(a - 1, y);
    if (is_inverse) emit_log(2, y);  // |d(1/x)/dx| = 1/x^2
    Product both = y;
    both.c *= b.c;
    for (const auto& [leaf, power] : b.powers) {
      const auto found = std::find_if(both.powers.begin(), both.powers.end(),
                                      [&, l = leaf](const auto& p) { return p.first == l; });
      if (found != both.powers.end()) return fail(why, "its outcome and scale share a parameter");
      both.powers.emplace_back(leaf, power);
    }
    return emit_product(-1, both, why);
  }
  if (name == "poisson") {
    double y = 0;
    return constant(0, "outcome", y) && poisson(y, x[1], why);
  }
  if (name == "poisson_log" || name == "neg_binomial_2_log") {
    double y = 0, shape = std::numeric_limits<double>::infinity();
    if (!constant(0, "outcome", y)) return false;
    if (name == "neg_binomial_2_log" && !constant(2, "shape", shape)) return false;
    return log_rate(y, shape, x[1], why);
  }
  if (name == "neg_binomial" || name == "neg_binomial_2") {
    // Poisson with rate w ~ Gamma(alpha, beta).
    double y = 0, alpha = 0;
    const bool is_second = name == "neg_binomial_2";
    if (!constant(0, "outcome", y) || !constant(is_second ? 2 : 1, "shape", alpha)) return false;
    Product beta;
    if (!positive(x[is_second ? 1 : 2], is_second ? -1 : 1, beta, why, is_second ? "mean" : "rate"))
      return false;
    if (is_second) beta.c *= alpha;
    if (!(alpha > 0)) return fail(why, "its shape is not positive");
    if (beta.is_constant()) {
      emit(std::lgamma(y + alpha) - lgamma(alpha) - lgamma(y + 1) +
               alpha * std::log(beta.c / (1 + beta.c)) - y * std::log1p(beta.c),
           {});
      return true;
    }
    if (capture_ != nullptr) return fail(why, "a negative binomial under a gate is not augmented");
    const int32_t aux = add_auxiliary(Auxiliary::Kind::kGamma, 0);
    const Atom w[] = {make_atom(AtomKind::kAuxiliary, aux, 1)};
    emit(-lgamma(y + 1) - lgamma(alpha), {});
    emit(y + alpha - 1, {make_atom(AtomKind::kAuxiliary, aux, 0)});
    emit(-1, {w[0]});
    emit_log(alpha, beta);
    return emit_product(-1, beta, why, w);
  }
  if (name == "beta") {
    double a = 0, b = 0;
    if (!constant(1, "first shape", a) || !constant(2, "second shape", b)) return false;
    if (!(a > 0 && b > 0)) return fail(why, "its shapes are not positive");
    emit(lgamma(a + b) - lgamma(a) - lgamma(b), {});
    const int32_t leaf = forms_.leaf(x[0]);
    if (x[0].is_constant()) {
      emit((a - 1) * std::log(x[0].constant()) + (b - 1) * std::log1p(-x[0].constant()), {});
      return true;
    }
    if (leaf < 0 || s_.leaves[static_cast<size_t>(leaf)].kind != Leaf::Kind::kProbability) {
      return fail(why, "its outcome is not a parameter declared with `lower=0, upper=1`");
    }
    emit(a - 1, {make_atom(AtomKind::kLog, leaf)});
    emit(b - 1, {make_atom(AtomKind::kLogOneMinus, leaf)});
    return true;
  }
  if (name == "bernoulli" || name == "bernoulli_logit") {
    if (!x[0].is_constant()) {
      const int32_t leaf = forms_.leaf(x[0]);
      const int32_t p = forms_.leaf(x[1]);
      const bool is_bit = leaf >= 0 &&
                          s_.leaves[static_cast<size_t>(leaf)].kind == Leaf::Kind::kInteger &&
                          s_.leaves[static_cast<size_t>(leaf)].low == 0 &&
                          s_.leaves[static_cast<size_t>(leaf)].high == 1;
      if (!is_bit || name != "bernoulli" || (p < 0 && !x[1].is_constant())) {
        return fail(why, "its outcome is neither data nor a discrete parameter from 0 to 1");
      }
      const Atom zero = make_atom(AtomKind::kState, leaf, 0),
                 one = make_atom(AtomKind::kState, leaf, 1);
      if (p < 0) {
        emit(std::log(x[1].constant()), {one});
        emit(std::log1p(-x[1].constant()), {zero});
      } else {
        if (s_.leaves[static_cast<size_t>(p)].kind != Leaf::Kind::kProbability) {
          return fail(why, "its probability is not a parameter declared with `lower=0, upper=1`");
        }
        emit(1, {one, make_atom(AtomKind::kLog, p)});
        emit(1, {zero, make_atom(AtomKind::kLogOneMinus, p)});
      }
      return true;
    }
    return name == "bernoulli" ? bernoulli(x[0].constant(), 1, x[1], why)
                               : logistic(x[0].constant(), 1, x[1], why);
  }
  if (name == "binomial" || name == "binomial_logit") {
    double y = 0, n = 0;
    if (!constant(0, "outcome", y) || !constant(1, "number of trials", n)) return false;
    emit(numeric::lchoose(n, y), {});
    return name == "binomial" ? bernoulli(y, n, x[2], why) : logistic(y, n, x[2], why);
  }
  if (name == "uniform") {
    double low = 0, high = 0;
    if (!constant(1, "lower bound", low) || !constant(2, "upper bound", high)) return false;
    const int32_t leaf = forms_.leaf(x[0]);
    if (leaf < 0 || s_.leaves[static_cast<size_t>(leaf)].kind != Leaf::Kind::kProbability ||
        low > 0 || high < 1) {
      return fail(why, "a uniform density is conjugate only on a probability");
    }
    emit(-std::log(high - low), {});
    return true;
  }
  return fail(why, fmt::format("`{}` is not among the conjugate densities", name));
}

bool Densities::elementwise(std::string_view name, Args args, size_t arity, std::string& why) {
  if (args.size() != arity) return fail(why, "it has an unusual number of arguments");
  size_t size = 1;
  for (const Value& a : args) {
    if (a.is_scalar()) continue;
    if (size != 1 && a.elements.size() != size) return fail(why, "its arguments differ in size");
    size = a.elements.size();
  }
  std::vector<Scalar> x(arity);
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < arity; ++k) x[k] = args[k].elements[args[k].is_scalar() ? 0 : i];
    if (!scalar_density(name, x, why)) return false;
  }
  return true;
}

// ---- vectors and matrices

int32_t Densities::vector_id(std::vector<int32_t> leaves) {
  const auto [found, is_new] =
      s_.vector_ids.try_emplace(leaves, static_cast<int32_t>(s_.vectors.size()));
  if (is_new) s_.vectors.push_back(std::move(leaves));
  return found->second;
}

int32_t Densities::matrix_of(const Value& value, double& c) const {
  if (value.dims.size() != 2 || value.dims[0] != value.dims[1] || value.elements.empty()) return -1;
  const auto dim = static_cast<size_t>(value.dims[0]);
  int32_t container = -1;
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      Product p;
      if (!forms_.product(value.elements[i * dim + j], 1, p) || p.powers.size() != 1 ||
          p.powers[0].second != 1)
        return -1;
      const Leaf& leaf = s_.leaves[static_cast<size_t>(p.powers[0].first)];
      if (leaf.kind != Leaf::Kind::kMatrix) return -1;
      if (i + j == 0) {
        container = leaf.container;
        c = p.c;
      }
      const size_t index = i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
      if (leaf.container != container || static_cast<size_t>(leaf.index) != index || p.c != c)
        return -1;
    }
  }
  return s_.containers[static_cast<size_t>(container)].dim == value.dims[0] ? container : -1;
}

bool Densities::multi_normal(std::string_view name, Args args, std::string& why) {
  const bool is_precision = name == "multi_normal_prec";
  const Value& y = args[0];
  const Value& mean = args[1];
  const Value& matrix = args[2];
  if (matrix.dims.size() != 2 || matrix.type.array_depth != 0)
    return fail(why, "its matrix is an array");
  const auto dim = static_cast<size_t>(matrix.dims[0]);
  if (dim == 0 || y.elements.size() % dim != 0 || mean.elements.size() % dim != 0) {
    return fail(why, "its arguments differ in size");
  }
  const size_t count = std::max(y.elements.size(), mean.elements.size()) / dim;
  const bool is_constant = all_constant(matrix);
  Eigen::MatrixXd root;  // R with precision R'R
  int32_t container = -1;
  double c = 1, log_det = 0;
  if (is_constant) {
    Eigen::MatrixXd m(static_cast<Eigen::Index>(dim), static_cast<Eigen::Index>(dim));
    for (size_t i = 0; i < dim; ++i) {
      for (size_t j = 0; j < dim; ++j)
        m(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
            matrix.elements[i * dim + j].constant();
    }
    Eigen::MatrixXd lower;
    if (name == "multi_normal_cholesky") {
      lower = m.triangularView<Eigen::Lower>();
    } else {
      const Eigen::LLT<Eigen::MatrixXd> llt(m);
      if (llt.info() != Eigen::Success) return fail(why, "its matrix is not positive definite");
      lower = llt.matrixL();
    }
    const double sum = lower.diagonal().array().abs().log().sum();
    if (!std::isfinite(sum)) return fail(why, "its matrix is not positive definite");
    log_det = is_precision ? 2 * sum : -2 * sum;
    root =
        is_precision
            ? Eigen::MatrixXd(lower.transpose())
            : Eigen::MatrixXd(lower.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(
                  static_cast<Eigen::Index>(dim), static_cast<Eigen::Index>(dim))));
  } else {
    if (name == "multi_normal_cholesky")
      return fail(why, "its Cholesky factor depends on parameters");
    container = matrix_of(matrix, c);
    if (container < 0)
      return fail(why, "its matrix is not a multiple of a matrix among the parameters");
    Container& k = s_.containers[static_cast<size_t>(container)];
    const double power = is_precision ? 1 : -1;
    if (k.power != 0 && k.power != power) {
      return fail(why, "its matrix is a covariance in one place and a precision in another");
    }
    k.power = power;
    if (!is_precision) c = 1 / c;
    if (!(c > 0)) return fail(why, "its matrix is not positive definite");
  }
  for (size_t at = 0; at < count; ++at) {
    std::vector<Form> r(dim);
    for (size_t d = 0; d < dim; ++d) {
      const Scalar a = y.elements[y.elements.size() == dim ? d : at * dim + d];
      const Scalar b = mean.elements[mean.elements.size() == dim ? d : at * dim + d];
      if (!residual(a, b, r[d], why) || !check_real(r[d], why)) return false;
    }
    emit(-static_cast<double>(dim) / 2 * kLogTwoPi, {});
    if (is_constant) {
      emit(log_det / 2, {});
      for (size_t i = 0; i < dim; ++i) {
        Form white;
        for (size_t d = 0; d < dim; ++d) {
          const double w = root(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(d));
          if (w != 0) white = combine(1, white, w, r[d]);
        }
        if (!emit_square(-0.5, {}, white, why)) return false;
      }
      continue;
    }
    const double power = is_precision ? 1 : -1;
    emit(static_cast<double>(dim) / 2 * std::log(c), {});
    emit(power / 2, {make_atom(AtomKind::kLogDet, container)});
    // One vector of parameters, with sign: its products with the matrix are statistics of their
    // own.
    std::vector<int32_t> vector;
    double sign = 0;
    std::vector<double> rest(dim, 0.0);
    bool is_vector = dim < kMaxVectorDim;
    for (size_t d = 0; d < dim && is_vector; ++d) {
      for (const Addend& x : r[d]) {
        if (x.a < 0) {
          rest[d] = x.c;
        } else if (x.b < 0 && vector.size() == d && (d == 0 || x.c == sign) && std::abs(x.c) == 1) {
          sign = x.c;
          vector.push_back(x.a);
        } else {
          is_vector = false;
        }
      }
      if (vector.size() != d + 1) is_vector = is_vector && vector.empty();
    }
    is_vector = is_vector && (vector.empty() || vector.size() == dim);
    const auto element = [&](size_t i, size_t j) {
      return make_atom(AtomKind::kMatrix, container, static_cast<int64_t>(i * (i + 1) / 2 + j));
    };
    if (is_vector) {
      for (size_t d = 0; d < dim && !vector.empty(); ++d)
        rest[d] += sign * s_.leaves[static_cast<size_t>(vector[d])].shift;
      for (size_t i = 0; i < dim; ++i) {
        for (size_t j = 0; j <= i; ++j)
          emit((i == j ? -0.5 : -1) * c * rest[i] * rest[j], {element(i, j)});
      }
      if (vector.empty()) continue;
      const int32_t id = vector_id(vector);
      for (size_t i = 0; i < dim; ++i) {
        emit(-sign * c * rest[i],
             {make_atom(AtomKind::kProduct, container,
                        static_cast<int64_t>(id) * kMaxVectorDim + static_cast<int64_t>(i))});
      }
      emit(-0.5 * c, {make_atom(AtomKind::kForm, container, id)});
      continue;
    }
    for (Form& f : r) shift(f);
    Form all;
    for (const Form& f : r) all.insert(all.end(), f.begin(), f.end());
    join(all);
    for (size_t i = 0; i < dim; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        for (const Addend& x : r[i]) {
          for (const Addend& z : r[j]) {
            std::vector<Atom> atoms{element(i, j)};
            for (const int32_t leaf : {x.a, x.b, z.a, z.b}) {
              if (leaf >= 0) atoms.push_back(make_atom(AtomKind::kValue, leaf));
            }
            if (atoms.size() + gate_.size() > kMaxAtoms)
              return fail(why, "it multiplies too many parameters");
            emit((i == j ? -0.5 : -1) * c * x.c * z.c, std::move(atoms));
          }
        }
      }
    }
  }
  return true;
}

bool Densities::wishart(std::string_view name, Args args, std::string& why) {
  double c = 1;
  const int32_t container = matrix_of(args[0], c);
  if (container < 0 || c != 1) return fail(why, "its outcome is not a matrix among the parameters");
  if (!all_constant(args[1]) || !all_constant(args[2])) {
    return fail(why, "its degrees of freedom or its scale depend on parameters");
  }
  Container& k = s_.containers[static_cast<size_t>(container)];
  const double power = name == "wishart" ? 1 : -1;
  if (k.power != 0 && k.power != power) {
    return fail(why, "its matrix is a covariance in one place and a precision in another");
  }
  k.power = power;
  const auto dim = static_cast<Eigen::Index>(k.dim);
  const double nu = args[1].elements[0].constant(), d = static_cast<double>(dim);
  Eigen::MatrixXd s(dim, dim);
  for (Eigen::Index i = 0; i < dim; ++i) {
    for (Eigen::Index j = 0; j < dim; ++j)
      s(i, j) = args[2].elements[static_cast<size_t>(i * dim + j)].constant();
  }
  const Eigen::LLT<Eigen::MatrixXd> llt(s);
  if (llt.info() != Eigen::Success) return fail(why, "its scale is not positive definite");
  if (!(nu > d - 1))
    return fail(why,
                fmt::format("its degrees of freedom are {}; more than {} are needed", nu, d - 1));
  double log_det = 0;
  for (Eigen::Index i = 0; i < dim; ++i) log_det += 2 * std::log(llt.matrixLLT()(i, i));
  // log |leaf|: (nu - D - 1)/2, of an inverse Wishart -(nu + D + 1)/2.
  emit(-nu * d / 2 * kLogTwo - lgamma_of_dim(dim, nu / 2) - power * nu / 2 * log_det, {});
  emit(power == 1 ? (nu - d - 1) / 2 : -(nu + d + 1) / 2,
       {make_atom(AtomKind::kLogDet, container)});
  const Eigen::MatrixXd inner =
      power == 1 ? Eigen::MatrixXd(llt.solve(Eigen::MatrixXd::Identity(dim, dim))) : s;
  for (Eigen::Index i = 0; i < dim; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      emit((i == j ? -0.5 : -1) * (inner(i, j) + inner(j, i)) / 2,
           {make_atom(AtomKind::kMatrix, container, i * (i + 1) / 2 + j)});
    }
  }
  return true;
}

bool Densities::add(std::string_view name, Args args, std::string& why) {
  const auto arity = [&](size_t n) {
    return args.size() == n || fail(why, "it has an unusual number of arguments");
  };
  if (name == "dirichlet") return arity(2) && dirichlet(args, why);
  if (name == "categorical") return arity(2) && categorical(args, why);
  if (name == "multinomial") return arity(2) && multinomial(args, why);
  if (name == "multi_normal" || name == "multi_normal_prec" || name == "multi_normal_cholesky") {
    return arity(3) && multi_normal(name, args, why);
  }
  if (name == "wishart" || name == "inv_wishart") return arity(3) && wishart(name, args, why);
  if (name == "normal_id_glm" || name == "bernoulli_logit_glm" || name == "poisson_log_glm" ||
      name == "neg_binomial_2_log_glm") {
    // Rows of X beta + alpha.
    const bool is_normal = name == "normal_id_glm", is_bit = name == "bernoulli_logit_glm";
    const bool has_shape = name == "neg_binomial_2_log_glm";
    if (!arity(is_normal || has_shape ? 5 : 4)) return false;
    if (!all_constant(args[1])) return fail(why, "its design matrix depends on parameters");
    const size_t columns = args[3].elements.size();
    const size_t rows = columns == 0 ? 0 : args[1].elements.size() / columns;
    for (size_t n = 0; n < rows; ++n) {
      Form f, part;
      if (!forms_.polynomial(args[2].elements[args[2].is_scalar() ? 0 : n], f))
        return fail(why, "its intercept is not linear in the parameters");
      for (size_t k = 0; k < columns; ++k) {
        if (!forms_.polynomial(args[3].elements[k], part))
          return fail(why, "its coefficients are not linear in the parameters");
        const double x = args[1].elements[n * columns + k].constant();
        for (Addend a : part) f.push_back({x * a.c, a.a, a.b});
      }
      normalise(f);
      const Scalar y = args[0].elements[args[0].is_scalar() ? 0 : n];
      if (!y.is_constant()) return fail(why, "its outcome depends on parameters");
      if (is_normal) {
        Product precision;
        const Scalar scale = args[4].elements[args[4].is_scalar() ? 0 : n];
        Form r = combine(1, {Addend{y.constant(), -1, -1}}, -1, f);
        if (!positive(scale, -2, precision, why, "scale") || !normal(r, precision, {}, why))
          return false;
      } else if (!is_bit) {
        double shape = std::numeric_limits<double>::infinity();
        if (has_shape) {
          const Scalar phi = args[4].elements[args[4].is_scalar() ? 0 : n];
          if (!phi.is_constant())
            return fail(why, "its shape depends on parameters; it has to be data");
          shape = phi.constant();
        }
        if (!log_rate(y.constant(), shape, f, why)) return false;
      } else {
        const int32_t aux = add_auxiliary(Auxiliary::Kind::kPolyaGamma, 1);
        emit(-kLogTwo, {});
        const Atom weight[] = {make_atom(AtomKind::kAuxiliary, aux, 0)};
        if (!emit_linear(y.constant() - 0.5, {}, f, why) || !emit_square(-0.5, weight, f, why))
          return false;
      }
    }
    return true;
  }
  return elementwise(name, args, args.size(), why);
}

bool Densities::capture(std::string_view name, Args args, std::vector<Term>& terms,
                        double& constant, std::string& why) {
  terms.clear();
  constant = 0;
  capture_ = &terms;
  capture_constant_ = &constant;
  const bool ok = add(name, args, why);
  capture_ = nullptr;
  merge_terms(terms);
  return ok;
}

bool Densities::add_target(Scalar value, std::string& why) {
  if (value.is_constant()) {
    emit(value.constant(), {});
    return true;
  }
  // A sum of logarithms and powers of positive parameters.
  const auto one = [&](double c, Scalar x) {
    if (x.is_constant()) {
      emit(c * x.constant(), {});
      return true;
    }
    Scalar inner;
    Product p;
    std::string unused;
    if (forms_.is_unary(x, graph::Op::kLog, inner)) {
      const int32_t leaf = forms_.leaf(inner);
      if (leaf >= 0 && (s_.leaves[static_cast<size_t>(leaf)].kind == Leaf::Kind::kProbability ||
                        s_.leaves[static_cast<size_t>(leaf)].kind == Leaf::Kind::kSimplex)) {
        emit(c, {make_atom(AtomKind::kLog, leaf)});
        return true;
      }
      if (positive(inner, 1, p, unused, "argument")) {
        emit_log(c, p);
        return true;
      }
    } else if (positive(x, 1, p, unused, "addend")) {
      return emit_product(c, p, why);
    }
    return fail(why, "it adds to the log density what is no density of the table");
  };
  const graph::Graph& g = forms_.graph();
  const graph::Node& node = g.node(value.index());
  if (node.op != graph::Op::kLinComb) return one(1, value);
  const auto operands = g.operands(node);
  emit(g.constant(operands[0]), {});
  for (size_t k = 1; k + 1 < operands.size(); k += 2) {
    if (!one(g.constant(operands[k]), g.scalar(operands[k + 1]))) return false;
  }
  return true;
}

}  // namespace vinci::conjugate
