#include "conjugate/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "conjugate/normal_block.h"
#include "conjugate/rows.h"

namespace vinci::conjugate {

using lower::BoundType;
using lower::FactorArgument;
using lower::Value;
using syntax::ConstraintKind;

namespace {

constexpr size_t kMaxForms = 4096;  // forms of gated statements: beyond, rows stand alone
constexpr double kLogZero = -1e5;   // of a probability that is exactly zero

/// A gated statement with data as outcome. At row n and state k it is sum_s coefficient_s(n) times
/// the atoms of (k, s), plus the row's constant.
struct RowForm {
  enum class Kind : uint8_t { kTerms, kCategory, kNormalVector };
  Kind kind = Kind::kTerms;
  std::vector<std::vector<Term>> states;  // [K], sorted; coefficients of the first row
  size_t num_columns = 0;                 // of doubles that a row stores
  int64_t num_categories = 0;
  std::vector<std::pair<int32_t, int32_t>> features;  // of kNormalVector: columns of each term
};

struct Row {
  int32_t form;
  int64_t data;  // into Compiler::columns_, or the category
};

/// What is known of a discrete parameter.
struct State {
  std::vector<Row> rows;
  std::vector<double> offsets;                  // of states; empty: none
  std::vector<std::pair<int32_t, Term>> loose;  // (state, term): statements of no form
  int32_t prior = -1;                           // simplex
  int32_t previous = -1;                        // discrete leaf that the prior depends on
  int32_t transition = -1;                      // table of simplexes
  int32_t next = -1;
  bool is_odd = false;  // stands where only a variable of its own serves
};

std::vector<std::string> element_names(const std::string& name, const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  std::vector<std::string> names(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k) {
    std::string index;
    int64_t rest = k;
    for (size_t d = dims.size(); d-- > 0;) {
      index = std::to_string(rest % dims[d] + 1) + (index.empty() ? "" : ",") + index;
      rest /= dims[d];
    }
    names[static_cast<size_t>(k)] = dims.empty() ? name : name + "[" + index + "]";
  }
  return names;
}

class Compiler final : public lower::FactorSink {
 public:
  Compiler(const graph::Graph& graph, const CompileOptions& options, std::vector<Misfit>& misfits)
      : options_(options),
        misfits_(misfits),
        result_(std::make_unique<Conjugate>()),
        s_(result_->statements),
        forms_(graph),
        densities_(s_, forms_) {}

  // ---- FactorSink

  void parameter(const std::string& name, const BoundType& type, const Value& value,
                 source::Span span) override {
    const auto index = static_cast<int32_t>(s_.parameters.size());
    const auto names = element_names(name, type.all_dims());
    Leaf::Kind kind = Leaf::Kind::kOther;
    const auto constant = [](const Value& v, double& x) {
      if (v.elements.size() != 1 || !v.elements[0].is_constant()) return false;
      x = v.elements[0].constant();
      return true;
    };
    double low = 0, high = 0;
    const bool is_int = type.base == syntax::BaseType::kInt;
    switch (type.constraint) {
      case ConstraintKind::kNone:
        kind = is_int ? Leaf::Kind::kOther : Leaf::Kind::kReal;
        break;
      case ConstraintKind::kOffsetMultiplier:
        // The scale is the constrained one; but to be mapped back it has to be known.
        if (type.low.is_constant() && type.high.is_constant()) kind = Leaf::Kind::kReal;
        break;
      case ConstraintKind::kLower:
        if (!is_int && constant(type.low, low) && low == 0) kind = Leaf::Kind::kPositive;
        break;
      case ConstraintKind::kLowerUpper:
        if (!constant(type.low, low) || !constant(type.high, high)) break;
        if (is_int) kind = Leaf::Kind::kInteger;
        if (!is_int && low == 0 && high == 1) kind = Leaf::Kind::kProbability;
        break;
      case ConstraintKind::kSimplex:
        kind = Leaf::Kind::kSimplex;
        break;
      case ConstraintKind::kCovMatrix:
        kind = Leaf::Kind::kMatrix;
        break;
      default:
        break;
    }
    const int64_t size = std::max<int64_t>(type.container_size(), 1);
    const int64_t side = kind == Leaf::Kind::kMatrix ? type.dims[0] : 0;
    for (size_t k = 0; is_int && k < value.elements.size(); ++k) {
      const graph::Node& node = forms_.graph().node(value.elements[k].index());
      forms_.add_discrete(static_cast<int32_t>(node.first_operand),
                          static_cast<int32_t>(s_.leaves.size() + k), static_cast<int64_t>(low));
    }
    std::vector<int32_t> all;
    for (const Scalar& s : value.elements) all.push_back(forms_.leaf(s));
    s_.parameters.push_back({name, type, std::move(all), span});
    for (size_t k = 0; k < value.elements.size(); ++k) {
      const int32_t leaf = forms_.leaf(value.elements[k]);
      if (leaf < static_cast<int32_t>(s_.leaves.size())) continue;  // the upper triangle
      Leaf l;
      l.kind = kind;
      l.parameter = index;
      l.low = static_cast<int64_t>(low);
      l.high = static_cast<int64_t>(high);
      if (static_cast<size_t>(leaf) < options_.shifts.size() && kind == Leaf::Kind::kReal)
        l.shift = options_.shifts[static_cast<size_t>(leaf)];
      const int64_t within = static_cast<int64_t>(k) % size;
      if (kind == Leaf::Kind::kSimplex || kind == Leaf::Kind::kMatrix) {
        if (within == 0) {
          s_.containers.push_back(
              {{}, side > 0 ? side : size, kind == Leaf::Kind::kMatrix, index, 0});
        }
        l.container = static_cast<int32_t>(s_.containers.size()) - 1;
        l.index = static_cast<int32_t>(s_.containers.back().leaves.size());
        s_.containers.back().leaves.push_back(leaf);
      }
      s_.leaves.push_back(l);
      s_.parent.push_back(leaf);
      s_.in_product.push_back(0);
      s_.product.push_back(leaf);
      result_->leaf_names.push_back(names[k]);
    }
    states_.resize(s_.leaves.size());
  }

  void factor(std::string_view density, std::span<const FactorArgument> args,
              source::Span span) override {
    ++result_->num_statements;
    std::string why;
    bool ok = false;
    int32_t gate = -1;
    bool is_gated = false;
    has_picks_ = false;
    values_.resize(args.size());
    for (size_t k = 0; k < args.size(); ++k) {
      if (args[k].table == nullptr) {
        values_[k] = args[k].value;
        int32_t z = -1;
        for (const Scalar& s : values_[k].elements) {
          const int32_t c = forms_.choice(s);
          if (c != -1) z = z == -1 || z == c ? c : -2;
        }
        if (z == -1) continue;
        if (z == -2 || (gate >= 0 && gate != z))
          why = "it depends on two discrete parameters at once";
        has_picks_ = is_gated = true;
        gate = z;
        continue;
      }
      is_gated = true;
      const int32_t z = forms_.leaf(args[k].index);
      if (z < 0 || s_.leaves[static_cast<size_t>(z)].kind != Leaf::Kind::kInteger ||
          s_.leaves[static_cast<size_t>(z)].low != 1 ||
          s_.leaves[static_cast<size_t>(z)].high > args[k].table->dims[0]) {
        why = "an index of it is no discrete parameter that counts from 1 to the size";
      } else if (gate >= 0 && gate != z) {
        why = "it depends on two discrete parameters at once";
      }
      gate = z;
    }
    if (why.empty()) {
      ok = is_gated ? gated(density, args, gate, why) : plain(density, why);
      if (has_picks_) forms_.set_state(-1, 0);
    }
    if (!ok) misfit(span, fmt::format("`{}`: {}", density, why));
  }

  void addend(Scalar value, source::Span span) override {
    std::string why;
    if (!densities_.add_target(value, why)) misfit(span, why);
  }

  // ---- after the last statement

  std::unique_ptr<Conjugate> finish() {
    densities_.flush();
    if (!misfits_.empty()) return nullptr;
    for (size_t k = 0; k < s_.leaves.size(); ++k) {
      if (s_.leaves[k].kind == Leaf::Kind::kOther) {
        const Parameter& p = s_.parameters[static_cast<size_t>(s_.leaves[k].parameter)];
        misfit(p.span, fmt::format("`{}` has the type `{}`, which no conjugate family has", p.name,
                                   lower::to_string(p.type)));
      }
    }
    if (!misfits_.empty()) return nullptr;
    note_state_leaves();
    note_product_leaves();
    make_plates();
    decide_vectors();
    decide_powers();
    if (!misfits_.empty()) return nullptr;
    decide_blocks();
    if (!misfits_.empty()) return nullptr;
    make_variables();
    make_monomials();
    if (!misfits_.empty()) return nullptr;
    int32_t clash = -1;
    if (!result_->network.finish(clash)) {
      const std::string name = result_->network.variable(clash).name();
      misfit({}, fmt::format("`{}` is multiplied by itself: no product of q has a closed update",
                             name));
      return nullptr;
    }
    count_augmentations();
    s_.terms = {};
    return std::move(result_);
  }

  /// Thrown by the first misfit, where that is enough.
  struct Stopped {};

 private:
  void misfit(source::Span span, std::string message) {
    if (options_.stop_at_first) {
      misfits_.push_back({span, std::move(message)});
      throw Stopped();
    }
    for (const Misfit& m : misfits_) {
      if (m.span == span && m.message == message) return;
    }
    if (misfits_.size() < 20) misfits_.push_back({span, std::move(message)});
  }

  // ---- statements

  bool plain(std::string_view density, std::string& why) {
    // The prior of a discrete parameter by itself.
    if (density == "categorical" && values_.size() == 2 && values_[0].elements.size() == 1 &&
        !values_[0].elements[0].is_constant()) {
      const int32_t z = forms_.leaf(values_[0].elements[0]);
      const int32_t simplex = densities_.simplex_of(values_[1]);
      const bool is_state = z >= 0 &&
                            s_.leaves[static_cast<size_t>(z)].kind == Leaf::Kind::kInteger &&
                            s_.leaves[static_cast<size_t>(z)].low == 1 &&
                            s_.leaves[static_cast<size_t>(z)].high ==
                                static_cast<int64_t>(values_[1].elements.size());
      if (is_state && simplex < 0 && values_[1].is_constant()) {
        auto& offsets = states_[static_cast<size_t>(z)].offsets;
        offsets.resize(values_[1].elements.size(), 0.0);
        for (size_t k = 0; k < offsets.size(); ++k)
          offsets[k] += std::max(std::log(values_[1].elements[k].constant()), kLogZero);
        return true;
      }
      if (is_state && simplex >= 0 && states_[static_cast<size_t>(z)].prior < 0 &&
          states_[static_cast<size_t>(z)].previous < 0) {
        states_[static_cast<size_t>(z)].prior = simplex;
        return true;
      }
    }
    if (!densities_.add(density, values_, why)) return false;
    return true;
  }

  static Value element_of(const Value& table, int64_t k) {
    Value v;
    v.type = table.type;
    --v.type.array_depth;
    v.dims.assign(table.dims.begin() + 1, table.dims.end());
    const int64_t size = v.size();
    v.elements.assign(table.elements.begin() + static_cast<std::ptrdiff_t>(k * size),
                      table.elements.begin() + static_cast<std::ptrdiff_t>((k + 1) * size));
    return v;
  }

  /// values_ at state k.
  void set_state(std::span<const FactorArgument> args, int32_t z, int64_t k) {
    if (has_picks_) forms_.set_state(z, k + s_.leaves[static_cast<size_t>(z)].low);
    for (size_t a = 0; a < args.size(); ++a) {
      if (args[a].table == nullptr) continue;
      auto& elements = tables_[args[a].table_id];
      if (elements.empty()) {
        for (int64_t i = 0; i < args[a].table->dims[0]; ++i)
          elements.push_back(element_of(*args[a].table, i));
      }
      values_[a] = elements[static_cast<size_t>(k)];
    }
  }

  bool gated(std::string_view density, std::span<const FactorArgument> args, int32_t z,
             std::string& why) {
    State& state = states_[static_cast<size_t>(z)];
    const int64_t num_states =
        s_.leaves[static_cast<size_t>(z)].high - s_.leaves[static_cast<size_t>(z)].low + 1;
    if (args[0].table != nullptr || forms_choose(values_[0])) {
      why = "its outcome is chosen by a discrete parameter";
      return false;
    }
    bool is_data = true;
    for (const Scalar& s : values_[0].elements) is_data = is_data && s.is_constant();
    if (density == "categorical" && args.size() == 2 && args[1].table != nullptr &&
        values_[0].elements.size() == 1) {
      const bool fits = simplexes(args[1], num_states);
      if (is_data && fits) {
        const double w = values_[0].elements[0].constant();
        const int64_t size = args[1].table->dims[1];
        if (!(w >= 1 && w <= static_cast<double>(size))) {
          why = fmt::format("its outcome is {}; there are {} categories", w, size);
          return false;
        }
        const int32_t form = form_of({1, args[1].table_id, num_states}, [&](RowForm& f) {
          f.kind = RowForm::Kind::kCategory;
          f.num_categories = size;
          for (int64_t k = 0; k < num_states; ++k) {
            f.states.emplace_back();
            set_state(args, z, k);
            for (const Scalar& s : values_[1].elements) {
              Term t;
              t.c = 1;
              t.atoms[0] = make_atom(AtomKind::kLog, forms_.leaf(s));
              f.states.back().push_back(t);
            }
          }
          return true;
        });
        if (form >= 0) {
          state.rows.push_back({form, static_cast<int64_t>(w) - 1});
          return true;
        }
      }
      const int32_t child = is_data ? -1 : forms_.leaf(values_[0].elements[0]);
      if (child >= 0 && child != z &&
          s_.leaves[static_cast<size_t>(child)].kind == Leaf::Kind::kInteger) {
        State& c = states_[static_cast<size_t>(child)];
        const bool same = s_.leaves[static_cast<size_t>(child)].low == 1 &&
                          s_.leaves[static_cast<size_t>(child)].high == num_states &&
                          args[1].table->dims[1] == num_states;
        if (same && c.previous < 0 && c.prior < 0 && state.next < 0 &&
            (fits || constant_table(args[1]))) {
          c.previous = z;
          c.transition = args[1].table_id;
          table_values_[args[1].table_id] = args[1].table;
          state.next = child;
          return true;
        }
        states_[static_cast<size_t>(child)].is_odd = true;
      }
    }
    if (is_data && density.starts_with("multi_normal") && normal_vector(density, args, z, why))
      return true;
    if (is_data) {
      std::vector<Term> terms;
      double constant = 0;
      set_state(args, z, 0);
      if (!densities_.capture(density, values_, terms, constant, why)) return false;
      if (terms.empty()) {
        state.offsets.resize(static_cast<size_t>(num_states), 0.0);
        for (int64_t k = 0; k < num_states; ++k) {
          set_state(args, z, k);
          if (!densities_.capture(density, values_, terms, constant, why)) return false;
          if (!terms.empty()) {
            why = "of its states some are data and some parameters";
            return false;
          }
          state.offsets[static_cast<size_t>(k)] += std::max(constant, kLogZero);
        }
        return true;
      }
      std::vector<int64_t> key{2, num_states};
      for (const FactorArgument& a : args) key.push_back(a.table_id);
      const auto add_atoms = [&](const std::vector<Term>& of) {
        for (const Term& t : of) {
          for (Atom a : t.used()) key.push_back(static_cast<int64_t>(a));
          key.push_back(-1);
        }
      };
      add_atoms(terms);
      // A row has the columns of its first state: all others must have the same. Where the states
      // choose among bare parameters in their order, one row tells of all.
      bool agree = true;
      const auto other_states = [&](const auto& visit) {
        for (int64_t k = 1; k < num_states; ++k) {
          std::vector<Term> other;
          double c = 0;
          set_state(args, z, k);
          if (!densities_.capture(density, values_, other, c, why)) return false;
          agree = agree && c == constant &&
                  std::equal(terms.begin(), terms.end(), other.begin(), other.end(),
                             [](const Term& x, const Term& y) { return x.c == y.c; });
          visit(std::move(other));
        }
        return true;
      };
      const bool alike = !has_picks_ && std::all_of(args.begin(), args.end(), [&](const auto& a) {
        return a.table == nullptr || is_bare_in_order(a);
      });
      if (!alike && !other_states([&](const std::vector<Term>& other) { add_atoms(other); }))
        return false;
      const int32_t form = !agree ? -1 : form_of(key, [&](RowForm& f) {
        f.num_columns = terms.size();
        f.states.push_back(terms);
        return other_states(
                   [&](std::vector<Term> other) { f.states.push_back(std::move(other)); }) &&
               agree;
      });
      if (!why.empty()) return false;
      if (form >= 0) {
        s_.constant += constant;
        state.rows.push_back({form, static_cast<int64_t>(columns_.size())});
        for (const Term& t : terms) columns_.push_back(t.c);
        return true;
      }
    }
    // By itself: each state's terms, gated.
    state.is_odd = true;
    for (int64_t k = 0; k < num_states; ++k) {
      set_state(args, z, k);
      densities_.set_gate({make_atom(AtomKind::kState, z, k)});
      const bool ok = densities_.add(density, values_, why);
      densities_.set_gate({});
      if (!ok) return false;
    }
    return true;
  }

  bool forms_choose(const Value& value) {
    return std::any_of(value.elements.begin(), value.elements.end(),
                       [&](const Scalar& s) { return forms_.choice(s) != -1; });
  }

  bool simplexes(const FactorArgument& arg, int64_t num_states) {
    if (arg.table->dims.size() != 2 || arg.table->dims[0] < num_states) return false;
    if (const auto known = is_simplexes_.find(arg.table_id); known != is_simplexes_.end())
      return known->second;
    bool fits = true;
    for (int64_t k = 0; k < num_states && fits; ++k)
      fits = densities_.simplex_of(element_of(*arg.table, k)) >= 0;
    return is_simplexes_[arg.table_id] = fits;
  }

  /// Whether the elements are parameters one after the other, all states with the same shifts: then
  /// the terms of the states differ in their parameters only, and sort alike.
  bool is_bare_in_order(const FactorArgument& arg) {
    if (const auto known = is_bare_.find(arg.table_id); known != is_bare_.end())
      return known->second;
    const std::vector<Scalar>& elements = arg.table->elements;
    const size_t size = elements.size() / static_cast<size_t>(arg.table->dims[0]);
    bool is_bare = true;
    const int32_t first = forms_.leaf(elements[0]);
    for (size_t i = 0; i < elements.size() && is_bare; ++i) {
      const int32_t leaf = forms_.leaf(elements[i]);
      is_bare = first >= 0 && leaf == first + static_cast<int32_t>(i) &&
                s_.leaves[static_cast<size_t>(leaf)].shift ==
                    s_.leaves[static_cast<size_t>(first) + i % size].shift;
    }
    return is_bare_[arg.table_id] = is_bare;
  }

  static bool constant_table(const FactorArgument& arg) {
    return std::all_of(arg.table->elements.begin(), arg.table->elements.end(),
                       [](const Scalar& s) { return s.is_constant(); });
  }

  /// y ~ multi_normal_prec(mu[z], L[z]) and the like: the columns are y, the features its products.
  bool normal_vector(std::string_view density, std::span<const FactorArgument> args, int32_t z,
                     std::string& why) {
    const int64_t num_states = s_.leaves[static_cast<size_t>(z)].high;
    if (args.size() != 3 || args[1].table == nullptr || args[2].table == nullptr ||
        density == "multi_normal_cholesky" || values_[0].type.array_depth != 0 ||
        args[1].table->dims.size() != 2) {
      return false;
    }
    const auto dim = static_cast<size_t>(args[1].table->dims[1]);
    if (values_[0].elements.size() != dim || dim == 0 || dim >= kMaxVectorDim) return false;
    std::vector<double> shift(dim, 0.0);
    const bool is_precision = density == "multi_normal_prec";
    const int32_t form =
        form_of({3, is_precision, args[1].table_id, args[2].table_id, num_states}, [&](RowForm& f) {
          f.kind = RowForm::Kind::kNormalVector;
          f.num_columns = dim;
          for (size_t i = 0; i < dim; ++i) {
            for (size_t j = 0; j <= i; ++j)
              f.features.emplace_back(static_cast<int32_t>(i), static_cast<int32_t>(j));
          }
          for (size_t i = 0; i < dim; ++i) f.features.emplace_back(static_cast<int32_t>(i), -1);
          f.features.emplace_back(-1, -1);
          f.features.emplace_back(-1, -1);
          const auto term = [](double c, Atom a) {
            Term t;
            t.c = c;
            t.atoms[0] = a;
            return t;
          };
          for (int64_t k = 0; k < num_states; ++k) {
            set_state(args, z, k);
            double c = 1;
            const int32_t matrix = densities_.matrix_of(values_[2], c);
            if (matrix < 0 || c != 1) return false;
            Container& container = s_.containers[static_cast<size_t>(matrix)];
            const double power = is_precision ? 1 : -1;
            if (container.power != 0 && container.power != power) return false;
            std::vector<int32_t> leaves;
            for (const Scalar& s : values_[1].elements) {
              const int32_t leaf = forms_.leaf(s);
              if (leaf < 0 || s_.leaves[static_cast<size_t>(leaf)].kind != Leaf::Kind::kReal)
                return false;
              if (s_.leaves[static_cast<size_t>(leaf)].shift !=
                  s_.leaves[static_cast<size_t>(
                                forms_.leaf(args[1].table->elements[leaves.size()]))]
                      .shift)
                return false;
              leaves.push_back(leaf);
            }
            container.power = power;
            const auto [found, is_new] =
                s_.vector_ids.try_emplace(leaves, static_cast<int32_t>(s_.vectors.size()));
            if (is_new) s_.vectors.push_back(leaves);
            std::vector<Term> terms;
            for (size_t i = 0; i < dim; ++i) {
              for (size_t j = 0; j <= i; ++j) {
                terms.push_back(
                    term(i == j ? -0.5 : -1, make_atom(AtomKind::kMatrix, matrix,
                                                       static_cast<int64_t>(i * (i + 1) / 2 + j))));
              }
            }
            for (size_t i = 0; i < dim; ++i) {
              terms.push_back(
                  term(1, make_atom(AtomKind::kProduct, matrix,
                                    static_cast<int64_t>(found->second) * kMaxVectorDim +
                                        static_cast<int64_t>(i))));
            }
            terms.push_back(term(-0.5, make_atom(AtomKind::kForm, matrix, found->second)));
            terms.push_back(term(power / 2, make_atom(AtomKind::kLogDet, matrix)));
            f.states.push_back(std::move(terms));
          }
          return true;
        });
    if (form < 0) return false;
    s_.constant -= static_cast<double>(dim) / 2 * 1.8378770664093454836;
    states_[static_cast<size_t>(z)].rows.push_back({form, static_cast<int64_t>(columns_.size())});
    for (size_t d = 0; d < dim; ++d) {
      const int32_t leaf = forms_.leaf(args[1].table->elements[d]);
      columns_.push_back(values_[0].elements[d].constant() -
                         s_.leaves[static_cast<size_t>(leaf)].shift);
    }
    (void)why;
    return true;
  }

  /// The form of this key, made at its first use; -1 where there is none.
  template <class Make>
  int32_t form_of(std::vector<int64_t> key, Make make) {
    const auto found = form_ids_.find(key);
    if (found != form_ids_.end()) return found->second;
    if (row_forms_.size() >= kMaxForms) return -1;
    RowForm form;
    const bool ok = make(form);
    const int32_t id = ok ? static_cast<int32_t>(row_forms_.size()) : -1;
    if (ok) row_forms_.push_back(std::move(form));
    form_ids_.emplace(std::move(key), id);
    return id;
  }

  // ---- discrete parameters

  void note_state_leaves();
  void note_product_leaves();
  void add_leaves(const Term& term, std::vector<int32_t>& leaves) const;
  void make_plates();
  void loosen(int32_t z);
  void make_rows(const std::vector<int32_t>& leaves, bool is_chain);
  bool make_admixture(const std::vector<int32_t>& leaves);
  bool is_loose(int32_t z) const { return states_[static_cast<size_t>(z)].is_odd; }
  void add_term(double c, std::span<const Atom> atoms, Atom extra);

  // ---- variables

  void decide_vectors();
  void decide_powers();
  void decide_blocks();
  void make_variables();
  void make_monomials();
  void count_augmentations();
  bool split(const Term& term, std::vector<Atom>& others,
             std::vector<std::vector<int32_t>>& groups);

  const CompileOptions& options_;
  std::vector<Misfit>& misfits_;
  std::unique_ptr<Conjugate> result_;
  Statements& s_;
  Forms forms_;
  Densities densities_;
  std::vector<Value> values_;
  bool has_picks_ = false;  // some of them choose by a discrete parameter inside of an expression
  std::map<int32_t, std::vector<Value>> tables_;
  std::map<int32_t, const Value*> table_values_;
  std::map<int32_t, bool> is_simplexes_;  // by table, as is_bare_
  std::map<int32_t, bool> is_bare_;
  std::map<std::vector<int64_t>, int32_t> form_ids_;
  std::vector<RowForm> row_forms_;
  std::vector<double> columns_;
  std::vector<State> states_;  // by leaf

  // Made after the last statement.
  std::vector<VariablePtr> plates_;                    // become variables after all others
  std::map<int32_t, double> powers_;                   // of positive leaves
  std::map<int32_t, int32_t> scale_of_root_;           // normal block to the leaf that scales it
  std::map<std::pair<int32_t, int32_t>, bool> joint_;  // (matrix, vector) that are one variable
  std::vector<int32_t> matrix_vector_;                 // by container: its vector, or -1
  std::set<int32_t> absorbed_;                         // simplexes inside of an admixture
  std::map<Atom, Slot> slots_;
  std::vector<std::pair<int32_t, Slot>> leaf_slot_;  // by leaf: (variable, slot) of its value
  std::vector<int32_t> leaf_position_;               // in its block
  std::map<int32_t, int32_t> block_variable_;        // by root
  std::vector<int32_t> plate_variable_;
};

void Compiler::add_term(double c, std::span<const Atom> atoms, Atom extra) {
  Term t;
  t.c = c;
  std::vector<Atom> all(atoms.begin(), atoms.end());
  all.push_back(extra);
  VINCI_CHECK(all.size() <= kMaxAtoms);
  std::sort(all.begin(), all.end(), std::greater<>());
  std::copy(all.begin(), all.end(), t.atoms.begin());
  s_.terms.push_back(t);
}

/// The leaves that a term is made of, in the order of its atoms.
void Compiler::add_leaves(const Term& term, std::vector<int32_t>& leaves) const {
  const auto add = [&](const std::vector<int32_t>& more) {
    leaves.insert(leaves.end(), more.begin(), more.end());
  };
  for (const Atom a : term.used()) {
    switch (atom_kind(a)) {
      case AtomKind::kValue:
      case AtomKind::kLog:
      case AtomKind::kLogOneMinus:
      case AtomKind::kPower:
        leaves.push_back(atom_a(a));
        break;
      case AtomKind::kProduct:
        add(s_.vectors[static_cast<size_t>(atom_b(a) / kMaxVectorDim)]);
        break;
      case AtomKind::kForm:
        add(s_.vectors[static_cast<size_t>(atom_b(a))]);
        break;
      case AtomKind::kLogDet:
        add(s_.containers[static_cast<size_t>(atom_a(a))].leaves);
        break;
      default:
        break;
    }
  }
}

void Compiler::note_state_leaves() {
  struct Seen {
    std::set<int32_t> forms, priors, transitions;
    StateLeaves out;
  };
  std::map<int32_t, Seen> by_parameter;
  const auto seen_of = [&](int32_t z) -> Seen& {
    const Leaf& leaf = s_.leaves[static_cast<size_t>(z)];
    Seen& seen = by_parameter[leaf.parameter];
    if (seen.out.leaves.empty()) {
      seen.out.name = s_.parameters[static_cast<size_t>(leaf.parameter)].name;
      seen.out.first_state = leaf.low;
      seen.out.leaves.resize(static_cast<size_t>(leaf.high - leaf.low + 1));
    }
    return seen;
  };
  for (size_t z = 0; z < s_.leaves.size(); ++z) {
    if (s_.leaves[z].kind != Leaf::Kind::kInteger) continue;
    const State& state = states_[z];
    Seen& seen = seen_of(static_cast<int32_t>(z));
    auto& leaves = seen.out.leaves;
    for (const Row& row : state.rows) {
      if (!seen.forms.insert(row.form).second) continue;
      const RowForm& form = row_forms_[static_cast<size_t>(row.form)];
      for (size_t k = 0; k < leaves.size(); ++k) {
        for (const Term& t : form.states[k]) add_leaves(t, leaves[k]);
      }
    }
    if (state.prior >= 0 && seen.priors.insert(state.prior).second) {
      const auto& simplex = s_.containers[static_cast<size_t>(state.prior)].leaves;
      for (size_t k = 0; k < leaves.size(); ++k) leaves[k].push_back(simplex[k]);
    }
    if (state.transition >= 0 && seen.transitions.insert(state.transition).second) {
      std::vector<int32_t> table;
      for (const Scalar& p : table_values_[state.transition]->elements) {
        if (!p.is_constant()) table.push_back(forms_.leaf(p));
      }
      if (!table.empty()) seen.out.transitions.push_back(std::move(table));
    }
  }
  // Statements that gate terms of their own.
  for (const Term& t : s_.terms) {
    for (const Atom a : t.used()) {
      if (atom_kind(a) == AtomKind::kState)
        add_leaves(t, seen_of(atom_a(a)).out.leaves[static_cast<size_t>(atom_b(a))]);
    }
  }
  for (auto& [parameter, seen] : by_parameter) {
    const auto& leaves = seen.out.leaves;
    const bool alike = std::all_of(leaves.begin(), leaves.end(), [&](const auto& of_state) {
      return of_state.size() == leaves[0].size();
    });
    if (alike && leaves.size() > 1) result_->state_leaves.push_back(std::move(seen.out));
  }
}

void Compiler::note_product_leaves() {
  std::map<int32_t, std::vector<int32_t>> groups;
  for (size_t k = 0; k < s_.leaves.size(); ++k) {
    if (s_.in_product[k]) {
      const auto leaf = static_cast<int32_t>(k);
      groups[Statements::root(s_.product, leaf)].push_back(leaf);
    }
  }
  for (auto& [root, leaves] : groups) result_->product_leaves.push_back(std::move(leaves));
}

/// The statements of z as terms over its own states.
void Compiler::loosen(int32_t z) {
  State& state = states_[static_cast<size_t>(z)];
  state.is_odd = true;
  const int64_t num_states =
      s_.leaves[static_cast<size_t>(z)].high - s_.leaves[static_cast<size_t>(z)].low + 1;
  for (const Row& row : state.rows) {
    const RowForm& form = row_forms_[static_cast<size_t>(row.form)];
    for (int64_t k = 0; k < num_states; ++k) {
      const auto& terms = form.states[static_cast<size_t>(k)];
      const Atom gate = make_atom(AtomKind::kState, z, k);
      if (form.kind == RowForm::Kind::kCategory) {
        add_term(1, terms[static_cast<size_t>(row.data)].used(), gate);
        continue;
      }
      for (size_t s = 0; s < terms.size(); ++s) {
        double c = terms[s].c;
        if (form.kind == RowForm::Kind::kTerms) {
          c = columns_[static_cast<size_t>(row.data) + s];
        } else {
          for (const int32_t column : {form.features[s].first, form.features[s].second}) {
            if (column >= 0) c *= columns_[static_cast<size_t>(row.data + column)];
          }
        }
        add_term(c, terms[s].used(), gate);
      }
    }
  }
  for (size_t k = 0; k < state.offsets.size(); ++k)
    add_term(state.offsets[k], {}, make_atom(AtomKind::kState, z, static_cast<int64_t>(k)));
  if (state.prior >= 0) {
    for (int64_t k = 0; k < num_states; ++k) {
      const Atom log_p[] = {make_atom(
          AtomKind::kLog,
          s_.containers[static_cast<size_t>(state.prior)].leaves[static_cast<size_t>(k)])};
      add_term(1, log_p, make_atom(AtomKind::kState, z, k));
    }
  }
  if (state.previous >= 0) {
    const Value& table = *table_values_[state.transition];
    for (int64_t i = 0; i < num_states; ++i) {
      for (int64_t j = 0; j < num_states; ++j) {
        const Scalar p = table.elements[static_cast<size_t>(i * num_states + j)];
        std::vector<Atom> atoms{make_atom(AtomKind::kState, state.previous, i)};
        double c = 1;
        if (p.is_constant()) {
          c = std::max(std::log(p.constant()), kLogZero);
        } else {
          atoms.push_back(make_atom(AtomKind::kLog, forms_.leaf(p)));
        }
        add_term(c, atoms, make_atom(AtomKind::kState, z, j));
      }
    }
  }
  state.rows.clear();
  state.offsets.clear();
}

void Compiler::make_plates() {
  // A state that some term has is a variable of its own, and so are its neighbours in a chain.
  for (const Term& t : s_.terms) {
    for (Atom a : t.used()) {
      if (atom_kind(a) == AtomKind::kState) states_[static_cast<size_t>(atom_a(a))].is_odd = true;
    }
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t z = 0; z < states_.size(); ++z) {
      State& s = states_[z];
      if (!s.is_odd) continue;
      for (const int32_t other : {s.previous, s.next}) {
        if (other >= 0 && !states_[static_cast<size_t>(other)].is_odd)
          changed = states_[static_cast<size_t>(other)].is_odd = true;
      }
    }
  }
  std::map<std::vector<int64_t>, std::vector<int32_t>> plates;
  for (size_t z = 0; z < s_.leaves.size(); ++z) {
    if (s_.leaves[z].kind != Leaf::Kind::kInteger) continue;
    State& s = states_[z];
    const auto leaf = static_cast<int32_t>(z);
    if (s.is_odd || s_.leaves[z].low != 1) {
      loosen(leaf);
      continue;
    }
    if (s.previous >= 0) continue;  // with the first of its chain
    // Chains are keyed by their transitions, rows by their forms.
    std::vector<int64_t> key{s_.leaves[z].high, s.next < 0 ? 0 : 1,
                             s.next < 0 ? -1 : states_[static_cast<size_t>(s.next)].transition};
    for (const Row& row : s.rows) key.push_back(row.form);
    bool same = true;
    for (int32_t n = s.next; n >= 0; n = states_[static_cast<size_t>(n)].next) {
      const State& other = states_[static_cast<size_t>(n)];
      same = same && other.rows.size() == s.rows.size() && other.transition == key[2];
      for (size_t k = 0; same && k < s.rows.size(); ++k)
        same = other.rows[k].form == s.rows[k].form;
    }
    if (!same) {
      for (int32_t n = leaf; n >= 0;) {
        const int32_t next = states_[static_cast<size_t>(n)].next;
        loosen(n);
        n = next;
      }
      continue;
    }
    auto& members = plates[key];
    for (int32_t n = leaf; n >= 0; n = states_[static_cast<size_t>(n)].next) members.push_back(n);
  }
  for (const auto& [key, leaves] : plates) {
    if (key[1] == 0 && make_admixture(leaves)) continue;
    make_rows(leaves, key[1] != 0);
  }
}

void Compiler::make_rows(const std::vector<int32_t>& leaves, bool is_chain) {
  RowData data;
  data.rows = static_cast<int64_t>(leaves.size());
  data.states = s_.leaves[static_cast<size_t>(leaves[0])].high;
  data.leaves = leaves;
  const auto plate = static_cast<int64_t>(plates_.size());
  const State& first = states_[static_cast<size_t>(leaves[0])];
  // Features: of each form its columns (or products of them); columns that do not vary are 1.
  struct Use {
    size_t row;  // which of the rows of a state
    size_t s;    // which term
    double factor;
    int32_t feature;
  };
  std::vector<Use> uses;
  int32_t one = -1;
  const auto one_feature = [&] {
    if (one < 0) {
      one = static_cast<int32_t>(data.features.size());
      data.features.push_back({});
    }
    return one;
  };
  std::vector<std::pair<size_t, size_t>> categories;  // (row, index into data.categories)
  for (size_t r = 0; r < first.rows.size(); ++r) {
    const RowForm& form = row_forms_[static_cast<size_t>(first.rows[r].form)];
    if (form.kind == RowForm::Kind::kCategory) {
      categories.emplace_back(r, data.categories.size());
      RowData::Categories c;
      c.count = form.num_categories;
      for (int32_t z : leaves)
        c.values.push_back(static_cast<int32_t>(states_[static_cast<size_t>(z)].rows[r].data));
      data.categories.push_back(std::move(c));
      continue;
    }
    std::vector<int32_t> column_of(form.num_columns, -1);
    std::vector<double> constant(form.num_columns);
    for (size_t c = 0; c < form.num_columns; ++c) {
      std::vector<double> column;
      column.reserve(leaves.size());
      bool varies = false;
      for (int32_t z : leaves) {
        column.push_back(
            columns_[static_cast<size_t>(states_[static_cast<size_t>(z)].rows[r].data) + c]);
        varies = varies || column.back() != column[0];
      }
      constant[c] = column[0];
      if (!varies && form.kind == RowForm::Kind::kTerms) continue;
      column_of[c] = static_cast<int32_t>(data.columns.size());
      data.columns.push_back(std::move(column));
    }
    const size_t terms = form.states[0].size();
    for (size_t s = 0; s < terms; ++s) {
      if (form.kind == RowForm::Kind::kTerms) {
        if (column_of[s] < 0) {
          uses.push_back({r, s, constant[s], one_feature()});
        } else {
          uses.push_back({r, s, 1, static_cast<int32_t>(data.features.size())});
          data.features.push_back({column_of[s], -1});
        }
        continue;
      }
      const auto [left, right] = form.features[s];
      const double c = form.states[0][s].c;
      if (left < 0) {
        uses.push_back({r, s, c, one_feature()});
      } else {
        uses.push_back({r, s, c, static_cast<int32_t>(data.features.size())});
        data.features.push_back({column_of[static_cast<size_t>(left)],
                                 right < 0 ? -1 : column_of[static_cast<size_t>(right)]});
      }
    }
  }
  const bool has_offsets = std::any_of(leaves.begin(), leaves.end(), [&](int32_t z) {
    return !states_[static_cast<size_t>(z)].offsets.empty();
  });
  for (size_t i = 0; has_offsets && i < leaves.size(); ++i) {
    auto offsets = states_[static_cast<size_t>(leaves[i])].offsets;
    offsets.resize(static_cast<size_t>(data.states), 0.0);
    data.offsets.insert(data.offsets.end(), offsets.begin(), offsets.end());
  }
  std::map<int32_t, int32_t> groups;
  std::vector<int32_t> group_of;
  for (int32_t z : leaves) {
    const int32_t prior = states_[static_cast<size_t>(z)].prior;
    if (prior < 0) {
      group_of.push_back(-1);
      continue;
    }
    group_of.push_back(
        groups.try_emplace(prior, static_cast<int32_t>(groups.size())).first->second);
  }
  if (!groups.empty()) {
    data.groups = group_of;
    data.num_groups = static_cast<int64_t>(groups.size());
  }
  if (is_chain) {
    for (int32_t z : leaves) data.follows.push_back(states_[static_cast<size_t>(z)].previous >= 0);
  }
  const int32_t transition = is_chain ? states_[static_cast<size_t>(first.next)].transition : -1;
  if (data.features.empty()) one_feature();
  const int64_t states = data.states;
  auto rows = std::make_unique<Rows>(std::move(data));
  const auto name =
      s_.parameters[static_cast<size_t>(s_.leaves[static_cast<size_t>(leaves[0])].parameter)].name;
  rows->set_name(name);
  const auto slot = [&](int64_t at) { return make_atom(AtomKind::kPlate, plate, at); };
  for (int64_t k = 0; k < states; ++k) {
    for (const Use& use : uses) {
      const RowForm& form = row_forms_[static_cast<size_t>(first.rows[use.row].form)];
      add_term(use.factor, form.states[static_cast<size_t>(k)][use.s].used(),
               slot(rows->slot_of_feature(k, use.feature)));
    }
    for (const auto& [r, c] : categories) {
      const RowForm& form = row_forms_[static_cast<size_t>(first.rows[r].form)];
      const auto& terms = form.states[static_cast<size_t>(k)];
      for (size_t v = 0; v < terms.size(); ++v)
        add_term(1, terms[v].used(), slot(rows->slot_of_category(c, static_cast<int64_t>(v), k)));
    }
    for (const auto& [container, group] : groups) {
      const Atom log_p[] = {
          make_atom(AtomKind::kLog,
                    s_.containers[static_cast<size_t>(container)].leaves[static_cast<size_t>(k)])};
      add_term(1, log_p, slot(rows->slot_of_group(group, k)));
    }
    for (int64_t j = 0; is_chain && j < states; ++j) {
      const Scalar p = table_values_[transition]->elements[static_cast<size_t>(k * states + j)];
      if (p.is_constant()) {
        add_term(std::max(std::log(p.constant()), kLogZero), {},
                 slot(rows->slot_of_transition(k, j)));
      } else {
        const Atom log_p[] = {make_atom(AtomKind::kLog, forms_.leaf(p))};
        add_term(1, log_p, slot(rows->slot_of_transition(k, j)));
      }
    }
  }
  result_->plates.push_back(
      {-1, name, static_cast<int64_t>(leaves.size()), states, false, is_chain});
  plates_.push_back(std::move(rows));
}

/// Words with topics: each discrete parameter has one categorical outcome and a prior that it
/// shares with the others of its document, and that has a Dirichlet prior and nothing else.
bool Compiler::make_admixture(const std::vector<int32_t>& leaves) {
  const State& first = states_[static_cast<size_t>(leaves[0])];
  if (first.rows.size() != 1 || !first.offsets.empty()) return false;
  const RowForm& form = row_forms_[static_cast<size_t>(first.rows[0].form)];
  if (form.kind != RowForm::Kind::kCategory) return false;
  // By simplex: words, and the discrete leaves that chose them.
  std::map<int32_t, std::vector<std::pair<int32_t, int32_t>>> documents;
  for (int32_t z : leaves) {
    const State& s = states_[static_cast<size_t>(z)];
    if (s.prior < 0 || !s.offsets.empty()) return false;
    documents[s.prior].emplace_back(static_cast<int32_t>(s.rows[0].data), z);
  }
  if (documents.size() < 2) return false;
  for (size_t z = 0; z < states_.size(); ++z) {
    if (states_[z].prior >= 0 && documents.contains(states_[z].prior) &&
        !std::binary_search(leaves.begin(), leaves.end(), static_cast<int32_t>(z)))
      return false;
  }
  const int64_t topics = s_.leaves[static_cast<size_t>(leaves[0])].high;
  std::map<int32_t, size_t> order;
  for (const auto& [container, words] : documents) order.emplace(container, order.size());
  AdmixtureData data;
  data.documents = static_cast<int64_t>(documents.size());
  data.topics = topics;
  data.words = form.num_categories;
  data.alpha.assign(static_cast<size_t>(data.documents * topics), 1.0);
  std::vector<char> drop(s_.terms.size(), 0);
  for (size_t t = 0; t < s_.terms.size(); ++t) {
    const auto used = s_.terms[t].used();
    for (Atom a : used) {
      if (atom_kind(a) != AtomKind::kLog) continue;
      const Leaf& leaf = s_.leaves[static_cast<size_t>(atom_a(a))];
      if (leaf.kind != Leaf::Kind::kSimplex) continue;
      const auto found = order.find(leaf.container);
      if (found == order.end()) continue;
      if (used.size() != 1) return false;
      drop[t] = 1;
      data.alpha[found->second * static_cast<size_t>(topics) + static_cast<size_t>(leaf.index)] +=
          s_.terms[t].c;
    }
  }
  for (double a : data.alpha) {
    if (!(a > 0)) return false;
  }
  // The admixture's bound holds the normalising constants of its Dirichlets; the statements too.
  for (int64_t d = 0; d < data.documents; ++d) {
    double total = 0;
    for (int64_t k = 0; k < topics; ++k) {
      const double a = data.alpha[static_cast<size_t>(d * topics + k)];
      total += a;
      s_.constant += std::lgamma(a);
    }
    s_.constant -= std::lgamma(total);
  }
  size_t kept = 0;
  for (size_t t = 0; t < s_.terms.size(); ++t) {
    if (!drop[t]) s_.terms[kept++] = s_.terms[t];
  }
  s_.terms.resize(kept);
  data.first.push_back(0);
  for (auto& [container, words] : documents) {
    std::sort(words.begin(), words.end());
    for (size_t i = 0; i < words.size(); ++i) {
      const auto [word, leaf] = words[i];
      data.states.push_back(leaf);
      if (i > 0 && word == words[i - 1].first) {
        data.count.back() += 1;
      } else {
        data.word.push_back(word);
        data.count.push_back(1);
      }
    }
    data.first.push_back(static_cast<int64_t>(data.word.size()));
    const auto& members = s_.containers[static_cast<size_t>(container)].leaves;
    data.leaves.insert(data.leaves.end(), members.begin(), members.end());
    absorbed_.insert(container);
  }
  const std::string theta =
      s_.parameters[static_cast<size_t>(
                        s_.containers[static_cast<size_t>(order.begin()->first)].parameter)]
          .name;
  const std::string z =
      s_.parameters[static_cast<size_t>(s_.leaves[static_cast<size_t>(leaves[0])].parameter)].name;
  auto admixture = std::make_unique<Admixture>(std::move(data));
  admixture->set_name(theta);
  const auto plate = static_cast<int64_t>(plates_.size());
  for (int64_t k = 0; k < topics; ++k) {
    const auto& terms = form.states[static_cast<size_t>(k)];
    for (size_t w = 0; w < terms.size(); ++w)
      add_term(1, terms[w].used(),
               make_atom(AtomKind::kPlate, plate, static_cast<int64_t>(w) * topics + k));
  }
  result_->plates.push_back({-1, z, static_cast<int64_t>(leaves.size()), topics, true, false});
  plates_.push_back(std::move(admixture));
  return true;
}

// ---- variables

/// Which vectors are one variable with their matrix; the products of the others are written out.
void Compiler::decide_vectors() {
  std::vector<int32_t> partner(s_.vectors.size(), -1);
  std::vector<char> bad(s_.vectors.size(), !options_.joint_scales);
  matrix_vector_.assign(s_.containers.size(), -1);
  std::map<int32_t, std::vector<size_t>> of_leaf;
  for (size_t v = 0; v < s_.vectors.size(); ++v) {
    for (int32_t leaf : s_.vectors[v]) of_leaf[leaf].push_back(v);
    // Each leaf once, and in one vector.
    auto sorted = s_.vectors[v];
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) bad[v] = 1;
  }
  for (const auto& [leaf, vectors] : of_leaf) {
    for (size_t v : vectors) bad[v] = bad[v] || vectors.size() > 1;
  }
  for (const Term& t : s_.terms) {
    for (Atom a : t.used()) {
      if (atom_kind(a) == AtomKind::kValue) {
        const auto found = of_leaf.find(atom_a(a));
        if (found != of_leaf.end()) {
          for (size_t v : found->second) bad[v] = 1;
        }
      }
      if (atom_kind(a) != AtomKind::kProduct && atom_kind(a) != AtomKind::kForm) continue;
      const auto v = static_cast<size_t>(
          atom_kind(a) == AtomKind::kForm ? atom_b(a) : atom_b(a) / kMaxVectorDim);
      if (partner[v] >= 0 && partner[v] != atom_a(a)) bad[v] = 1;
      partner[v] = atom_a(a);
    }
  }
  for (size_t v = 0; v < partner.size(); ++v) {
    if (bad[v] || partner[v] < 0) continue;
    int32_t& slot = matrix_vector_[static_cast<size_t>(partner[v])];
    if (slot >= 0) {
      bad[static_cast<size_t>(slot)] = bad[v] = 1;
    } else {
      slot = static_cast<int32_t>(v);
    }
  }
  for (int32_t& v : matrix_vector_) {
    if (v >= 0 && bad[static_cast<size_t>(v)]) v = -1;
  }
  std::vector<Term> out;
  out.reserve(s_.terms.size());
  for (const Term& t : s_.terms) {
    Atom special = 0;
    for (Atom a : t.used()) {
      if (atom_kind(a) != AtomKind::kProduct && atom_kind(a) != AtomKind::kForm) continue;
      const int32_t v = atom_kind(a) == AtomKind::kForm ? atom_b(a) : atom_b(a) / kMaxVectorDim;
      if (matrix_vector_[static_cast<size_t>(atom_a(a))] != v) special = a;
    }
    if (special == 0) {
      out.push_back(t);
      continue;
    }
    const int32_t matrix = atom_a(special);
    const bool is_form = atom_kind(special) == AtomKind::kForm;
    const auto& vector = s_.vectors[static_cast<size_t>(is_form ? atom_b(special)
                                                                : atom_b(special) / kMaxVectorDim)];
    const auto dim = vector.size();
    for (size_t i = 1; i < dim; ++i) s_.unite(vector[0], vector[i]);
    const auto push = [&](double c, size_t i, size_t j, std::initializer_list<int32_t> leaves) {
      Term n;
      n.c = c * t.c;
      std::vector<Atom> atoms;
      for (Atom a : t.used()) {
        if (a != special) atoms.push_back(a);
      }
      atoms.push_back(make_atom(
          AtomKind::kMatrix, matrix,
          static_cast<int64_t>(std::max(i, j) * (std::max(i, j) + 1) / 2 + std::min(i, j))));
      for (int32_t leaf : leaves) atoms.push_back(make_atom(AtomKind::kValue, leaf));
      VINCI_CHECK(atoms.size() <= kMaxAtoms);
      std::sort(atoms.begin(), atoms.end(), std::greater<>());
      std::copy(atoms.begin(), atoms.end(), n.atoms.begin());
      out.push_back(n);
    };
    if (is_form) {
      for (size_t i = 0; i < dim; ++i) {
        for (size_t j = 0; j <= i; ++j) push(i == j ? 1 : 2, i, j, {vector[i], vector[j]});
      }
    } else {
      const auto i = static_cast<size_t>(atom_b(special) % kMaxVectorDim);
      for (size_t j = 0; j < dim; ++j) push(1, i, j, {vector[j]});
    }
  }
  s_.terms = std::move(out);
}

/// Of each positive leaf the one power that is its statistic.
void Compiler::decide_powers() {
  for (const Term& t : s_.terms) {
    for (Atom a : t.used()) {
      if (atom_kind(a) != AtomKind::kPower) continue;
      const double p = power_of(atom_b(a));
      const auto [found, is_new] = powers_.try_emplace(atom_a(a), p);
      if (!is_new && found->second != p) {
        const Parameter& parameter =
            s_.parameters[static_cast<size_t>(s_.leaves[static_cast<size_t>(atom_a(a))].parameter)];
        misfit(parameter.span,
               fmt::format("`{}` enters as its power {:g} in one statement and {:g} in another: no "
                           "family has both as statistics",
                           parameter.name, found->second, p));
      }
    }
  }
}

/// The atoms of a term that are no values, and its values by block. False where a block has more
/// than two.
bool Compiler::split(const Term& term, std::vector<Atom>& others,
                     std::vector<std::vector<int32_t>>& groups) {
  others.clear();
  groups.clear();
  for (Atom a : term.used()) {
    if (atom_kind(a) != AtomKind::kValue) {
      others.push_back(a);
      continue;
    }
    const int32_t leaf = atom_a(a);
    bool placed = false;
    for (auto& g : groups) {
      if (s_.find(g[0]) == s_.find(leaf)) {
        g.push_back(leaf);
        placed = true;
        break;
      }
    }
    if (!placed) groups.push_back({leaf});
  }
  return std::all_of(groups.begin(), groups.end(), [](const auto& g) { return g.size() <= 2; });
}

/// Which normal blocks are one variable with the precision that scales them.
void Compiler::decide_blocks() {
  std::map<int32_t, Atom> scale;  // by root; 0: none
  std::vector<Atom> others;
  std::vector<std::vector<int32_t>> groups;
  for (const Term& t : s_.terms) {
    if (!split(t, others, groups)) {
      const Parameter& p = s_.parameters[static_cast<size_t>(
          s_.leaves[static_cast<size_t>(groups[0][0])].parameter)];
      misfit(p.span, fmt::format("`{}` is multiplied by itself: its update is not normal", p.name));
      return;
    }
    for (const auto& g : groups) {
      Atom candidate = 0;
      if (groups.size() == 1 && options_.joint_scales) {
        int count = 0;
        for (Atom a : others) {
          if (atom_kind(a) == AtomKind::kPower) {
            candidate = a;
            ++count;
          }
        }
        if (count != 1) candidate = 0;
      }
      const auto [found, is_new] = scale.try_emplace(s_.find(g[0]), candidate);
      if (!is_new && found->second != candidate) found->second = 0;
    }
  }
  std::map<Atom, int32_t> root_of_scale;
  for (const auto& [root, a] : scale) {
    if (a == 0) continue;
    const auto [found, is_new] = root_of_scale.try_emplace(a, root);
    if (!is_new) s_.unite(found->second, root);
  }
  for (const auto& [a, root] : root_of_scale) scale_of_root_[s_.find(root)] = atom_a(a);
}

void Compiler::make_variables() {
  Network& network = result_->network;
  std::vector<char> in_wishart(s_.leaves.size(), 0);
  for (int32_t v : matrix_vector_) {
    if (v >= 0) {
      for (int32_t leaf : s_.vectors[static_cast<size_t>(v)])
        in_wishart[static_cast<size_t>(leaf)] = 1;
    }
  }
  const auto parameter_name = [&](int32_t leaf) {
    return s_.parameters[static_cast<size_t>(s_.leaves[static_cast<size_t>(leaf)].parameter)].name;
  };
  // Normal blocks with the pairs that some term has.
  std::map<int32_t, std::vector<int32_t>> members;
  leaf_position_.assign(s_.leaves.size(), -1);
  for (size_t k = 0; k < s_.leaves.size(); ++k) {
    const auto leaf = static_cast<int32_t>(k);
    if (s_.leaves[k].kind != Leaf::Kind::kReal || in_wishart[k]) continue;
    auto& m = members[s_.find(leaf)];
    leaf_position_[k] = static_cast<int32_t>(m.size());
    m.push_back(leaf);
  }
  std::map<int32_t, std::set<std::pair<int32_t, int32_t>>> pairs;
  std::vector<Atom> others;
  std::vector<std::vector<int32_t>> groups;
  for (const Term& t : s_.terms) {
    split(t, others, groups);
    for (const auto& g : groups) {
      if (g.size() != 2) continue;
      const int32_t i = leaf_position_[static_cast<size_t>(g[0])],
                    j = leaf_position_[static_cast<size_t>(g[1])];
      pairs[s_.find(g[0])].emplace(std::max(i, j), std::min(i, j));
    }
  }
  std::set<int32_t> scales;
  for (const auto& [root, leaves] : members) {
    auto& set = pairs[root];
    for (size_t i = 0; i < leaves.size(); ++i)
      set.emplace(static_cast<int32_t>(i), static_cast<int32_t>(i));
    std::vector<double> shifts;
    bool is_factor = false;
    std::string name;
    for (int32_t leaf : leaves) {
      shifts.push_back(s_.leaves[static_cast<size_t>(leaf)].shift);
      is_factor = is_factor || s_.in_product[static_cast<size_t>(leaf)] != 0;
      const std::string n = parameter_name(leaf);
      if (name.find(n) == std::string::npos && name.size() < 60)
        name += (name.empty() ? "" : ", ") + n;
    }
    auto block = std::make_unique<NormalBlock>(
        leaves, shifts, std::vector<std::pair<int32_t, int32_t>>(set.begin(), set.end()));
    if (is_factor) block->start_deviation = 1;
    if (const auto found = scale_of_root_.find(root); found != scale_of_root_.end()) {
      block->set_scale(found->second, powers_.at(found->second));
      scales.insert(found->second);
      name += ", " + parameter_name(found->second);
    }
    block->set_name(name);
    block_variable_[root] = network.add(std::move(block));
  }
  const auto bind = [&](Atom a, int32_t variable, int64_t at) {
    slots_[a] = network.place(variable).first + static_cast<Slot>(at);
  };
  const auto power_atom = [&](int32_t leaf, double p) {
    int32_t code = 0;
    power_code(p, code);
    return make_atom(AtomKind::kPower, leaf, code);
  };
  for (const auto& [root, leaf] : scale_of_root_) {
    const int32_t v = block_variable_.at(root);
    const auto& block = static_cast<const NormalBlock&>(network.variable(v));
    bind(make_atom(AtomKind::kLog, leaf), v, block.slot_of_log_scale());
    bind(power_atom(leaf, powers_.at(leaf)), v, block.slot_of_log_scale() + 1);
  }
  for (size_t k = 0; k < s_.leaves.size(); ++k) {
    const auto leaf = static_cast<int32_t>(k);
    if (s_.leaves[k].kind == Leaf::Kind::kPositive && !scales.contains(leaf)) {
      const auto found = powers_.find(leaf);
      const double p = found == powers_.end() ? 1 : found->second;
      auto gamma = std::make_unique<PowerGamma>(leaf, p);
      gamma->set_name(result_->leaf_names[k]);
      const int32_t v = network.add(std::move(gamma));
      bind(make_atom(AtomKind::kLog, leaf), v, 0);
      bind(power_atom(leaf, p), v, 1);
    } else if (s_.leaves[k].kind == Leaf::Kind::kProbability) {
      auto beta = std::make_unique<Dirichlet>(std::vector<int32_t>{leaf}, true);
      beta->set_name(result_->leaf_names[k]);
      const int32_t v = network.add(std::move(beta));
      bind(make_atom(AtomKind::kLog, leaf), v, 0);
      bind(make_atom(AtomKind::kLogOneMinus, leaf), v, 1);
    }
  }
  for (size_t c = 0; c < s_.containers.size(); ++c) {
    const Container& container = s_.containers[c];
    if (absorbed_.contains(static_cast<int32_t>(c))) continue;
    std::string name = result_->leaf_names[static_cast<size_t>(container.leaves[0])];
    // The name of the container is its first element's without the last indices.
    const size_t bracket = name.rfind('[');
    const size_t comma =
        container.is_matrix ? name.rfind(',', name.rfind(',') - 1) : name.rfind(',');
    const bool in_array =
        !s_.parameters[static_cast<size_t>(container.parameter)].type.array_dims.empty();
    name = in_array && comma != std::string::npos ? name.substr(0, comma) + "]"
                                                  : name.substr(0, bracket);
    if (!container.is_matrix) {
      auto dirichlet = std::make_unique<Dirichlet>(container.leaves, false);
      dirichlet->set_name(name);
      const int32_t v = network.add(std::move(dirichlet));
      for (size_t k = 0; k < container.leaves.size(); ++k)
        bind(make_atom(AtomKind::kLog, container.leaves[k]), v, static_cast<int64_t>(k));
      continue;
    }
    const int32_t vector = matrix_vector_[c];
    std::vector<int32_t> vector_leaves;
    std::vector<double> shifts;
    if (vector >= 0) vector_leaves = s_.vectors[static_cast<size_t>(vector)];
    for (int32_t leaf : vector_leaves) shifts.push_back(s_.leaves[static_cast<size_t>(leaf)].shift);
    auto wishart =
        std::make_unique<NormalWishart>(container.leaves, vector_leaves, shifts, container.dim,
                                        container.power == 0 ? 1 : container.power);
    wishart->set_name(name);
    const NormalWishart& w = *wishart;
    const int32_t v = network.add(std::move(wishart));
    const auto matrix = static_cast<int64_t>(c);
    bind(make_atom(AtomKind::kLogDet, matrix), v, 0);
    for (int64_t i = 0; i < container.dim; ++i) {
      for (int64_t j = 0; j <= i; ++j)
        bind(make_atom(AtomKind::kMatrix, matrix, i * (i + 1) / 2 + j), v, w.slot_of(i, j));
      if (vector >= 0)
        bind(
            make_atom(AtomKind::kProduct, matrix, static_cast<int64_t>(vector) * kMaxVectorDim + i),
            v, w.slot_of_product(i));
    }
    if (vector >= 0) bind(make_atom(AtomKind::kForm, matrix, vector), v, w.slot_of_form());
  }
  for (size_t a = 0; a < s_.auxiliaries.size(); ++a) {
    const Auxiliary& aux = s_.auxiliaries[a];
    VariablePtr v;
    switch (aux.kind) {
      case Auxiliary::Kind::kGamma:
        v = std::make_unique<PowerGamma>(1.0);
        break;
      case Auxiliary::Kind::kInverseGamma:
        v = std::make_unique<PowerGamma>(-1.0);
        break;
      case Auxiliary::Kind::kPolyaGamma:
        v = std::make_unique<PolyaGamma>(aux.count);
        break;
      case Auxiliary::Kind::kNormalAbove:
      case Auxiliary::Kind::kNormalBelow:
        v = std::make_unique<TruncatedNormal>(aux.kind == Auxiliary::Kind::kNormalAbove);
        break;
      case Auxiliary::Kind::kInverseGaussian:
        v = std::make_unique<InverseGaussian>();
        break;
      case Auxiliary::Kind::kSplitCount:
        v = std::make_unique<SplitCount>(aux.count, aux.parts);
        break;
      case Auxiliary::Kind::kLogRate:
        v = std::make_unique<LogRate>(aux.count, aux.shape);
        break;
    }
    v->set_name("an auxiliary variable");
    const int32_t id = network.add(std::move(v));
    for (int64_t k = 0; k < network.place(id).count; ++k)
      bind(make_atom(AtomKind::kAuxiliary, static_cast<int64_t>(a), k), id, k);
  }
  for (size_t k = 0; k < s_.leaves.size(); ++k) {
    if (s_.leaves[k].kind != Leaf::Kind::kInteger || !states_[k].is_odd) continue;
    const auto leaf = static_cast<int32_t>(k);
    const int64_t count = s_.leaves[k].high - s_.leaves[k].low + 1;
    auto z = std::make_unique<Categorical>(leaf, count, s_.leaves[k].low);
    z->set_name(result_->leaf_names[k]);
    const int32_t v = network.add(std::move(z));
    for (int64_t i = 0; i < count; ++i) bind(make_atom(AtomKind::kState, leaf, i), v, i);
  }
  for (size_t p = 0; p < plates_.size(); ++p) {
    plate_variable_.push_back(network.add(std::move(plates_[p])));
    result_->plates[p].variable = plate_variable_.back();
  }
}

void Compiler::make_monomials() {
  Network& network = result_->network;
  network.add_constant(s_.constant);
  std::vector<Atom> others;
  std::vector<std::vector<int32_t>> groups;
  std::vector<Slot> slots;
  for (const Term& t : s_.terms) {
    split(t, others, groups);
    slots.clear();
    int32_t absorbed_scale = -1;
    for (const auto& g : groups) {
      const int32_t root = s_.find(g[0]);
      const int32_t v = block_variable_.at(root);
      const auto& block = static_cast<const NormalBlock&>(network.variable(v));
      if (block.has_scale()) absorbed_scale = scale_of_root_.at(root);
      const int32_t i = leaf_position_[static_cast<size_t>(g[0])];
      const int64_t at =
          g.size() == 1 ? i : block.slot_of_pair(i, leaf_position_[static_cast<size_t>(g[1])]);
      slots.push_back(network.place(v).first + static_cast<Slot>(at));
    }
    for (Atom a : others) {
      if (atom_kind(a) == AtomKind::kPower && atom_a(a) == absorbed_scale) continue;
      if (atom_kind(a) == AtomKind::kPlate) {
        slots.push_back(network.place(plate_variable_[static_cast<size_t>(atom_a(a))]).first +
                        static_cast<Slot>(atom_b(a)));
        continue;
      }
      const auto found = slots_.find(a);
      VINCI_CHECK(found != slots_.end());
      slots.push_back(found->second);
    }
    if (slots.size() > kMaxDegree) {
      misfit({}, "a statement multiplies too many parameters");
      return;
    }
    network.add_monomial(t.c, slots);
  }
}

void Compiler::count_augmentations() {
  int64_t logistic = 0, probit = 0, gamma = 0, scale = 0, laplace = 0, split = 0, log_rate = 0;
  for (const Auxiliary& a : s_.auxiliaries) {
    switch (a.kind) {
      case Auxiliary::Kind::kPolyaGamma:
        ++logistic;
        break;
      case Auxiliary::Kind::kNormalAbove:
      case Auxiliary::Kind::kNormalBelow:
        ++probit;
        break;
      case Auxiliary::Kind::kGamma:
        ++gamma;
        break;
      case Auxiliary::Kind::kInverseGamma:
        ++scale;
        break;
      case Auxiliary::Kind::kInverseGaussian:
        ++laplace;
        break;
      case Auxiliary::Kind::kSplitCount:
        ++split;
        break;
      case Auxiliary::Kind::kLogRate:
        ++log_rate;
        break;
    }
  }
  result_->num_log_rates = log_rate;
  auto& out = result_->augmentations;
  const auto add = [&](int64_t n, const char* text) {
    if (n > 0) out.push_back(fmt::format("{} for {} of them", text, n));
  };
  add(logistic, "Polya-gamma variables of logistic outcomes");
  add(probit, "truncated normal variables of probit outcomes");
  add(gamma, "gamma variables of Student t or negative binomial outcomes");
  add(scale, "inverse gamma variables of half-Cauchy scales");
  add(laplace, "inverse Gaussian variables of Laplace densities");
  add(split, "counts of the addends of Poisson rates");
}

}  // namespace

std::unique_ptr<Conjugate> compile(const check::TypedProgram& typed, const data::DataTable& data,
                                   const CompileOptions& options, std::vector<Misfit>& misfits,
                                   source::DiagnosticSink& diagnostics) {
  misfits.clear();
  lower::TraceOptions trace_options;
  trace_options.context = options.context;
  lower::FactorTrace trace(typed, trace_options);
  Compiler compiler(trace.graph(), options, misfits);
  try {
    if (!trace.run(data, options.seed, compiler, diagnostics)) return nullptr;
    return compiler.finish();
  } catch (const Compiler::Stopped&) {
    return nullptr;
  }
}

}  // namespace vinci::conjugate
