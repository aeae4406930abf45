// Tracer: indexing, on both sides of an assignment. A variable under single indices is read and
// written in place; ranges and multi-indices go through a list of offsets.
#include <algorithm>

#include "lower/tracer.h"

namespace vinci::lower {

using source::DiagnosticKind;
using syntax::Expr;
using syntax::ExprId;
using syntax::IndexExpr;

namespace {

int64_t product_from(const std::vector<int64_t>& dims, size_t first) {
  int64_t n = 1;
  for (size_t k = first; k < dims.size(); ++k) n *= dims[k];
  return n;
}

bool is_tuple_array(const Value& value) {
  return value.type.base == BaseType::kTuple && !value.dims.empty();
}

/// Numbers per element of the base type.
size_t width(const Value& value) { return value.is_complex() ? 2 : 1; }

}  // namespace

std::string Tracer::place_name(const Expr& e) const {
  switch (e.kind) {
    case Expr::Kind::kVariable:
      return "`" + e.name + "`";
    case Expr::Kind::kIndexed:
    case Expr::Kind::kParenthesised:
      return place_name(expr(e.args[0]));
    case Expr::Kind::kProjection: {
      std::string inner = place_name(expr(e.args[0]));
      if (inner.back() != '`') return inner;
      inner.pop_back();
      return inner + "." + std::to_string(e.integer) + "`";
    }
    default:
      return "an expression";
  }
}

void Tracer::index_error(const Expr& e, size_t position, int64_t index, int64_t size) const {
  const IndexExpr& at = e.indices[position];
  const source::Span span = at.low.valid()    ? expr(at.low).span
                            : at.high.valid() ? expr(at.high).span
                                              : e.span;
  std::string message = "index " + std::to_string(index) + " of ";
  message += place_name(expr(e.args[0]));
  if (e.indices.size() > 1) message += " (index " + std::to_string(position + 1) + ")";
  message += size == 0 ? " is out of range; its size is 0"
                       : " is out of range; it has to be between 1 and " + std::to_string(size);
  fail(span, DiagnosticKind::kIndexRange, message);
}

Tracer::Choice Tracer::choice_of(Scalar index, int64_t size, source::Span span) {
  const auto bounds = g_.integer_bounds(index);  // of a constant, itself
  if (!bounds && !unbounded_indices_) as_int(index, span, "this index");
  if (size == 0) {
    fail(span, DiagnosticKind::kIndexRange, "an index into an array of size 0");
  }
  Choice choice{index, 0, size, 1};
  if (bounds) {
    choice.first = std::clamp<int64_t>(bounds->low, 1, size) - 1;
    choice.count = std::clamp<int64_t>(bounds->high, 1, size) - choice.first;
  }
  if (!bounds || bounds->low < 1 || bounds->high > size) {
    const Scalar inside = g_.mul(g_.apply(graph::Op::kLessEqual, 1.0, index),
                                 g_.apply(graph::Op::kLessEqual, index, static_cast<double>(size)));
    call_.span = span;
    call_.require(graph::Guard::Kind::kPositive, inside, "an index");
  }
  return choice;
}

void Tracer::step(Location& at, ExprId index, int64_t size, const Expr& e, size_t position) {
  const Scalar value = scalar(index);
  for (Choice& c : at.choices) c.stride *= size;
  if (value.is_constant()) {
    const auto i = static_cast<int64_t>(value.constant());
    if (i < 1 || i > size) index_error(e, position, i, size);
    at.offset = at.offset * size + i - 1;
  } else {
    at.offset *= size;
    at.choices.push_back(choice_of(value, size, expr(index).span));
  }
  ++at.depth;
}

Scalar Tracer::chosen_value(std::span<const Choice> choices, std::span<const Scalar> values) {
  double offset = 1;
  double radix = 1;
  std::vector<double> strides;
  std::vector<Scalar> parts;
  for (size_t c = choices.size(); c-- > 0;) {
    offset -= radix * static_cast<double>(choices[c].first + 1);
    strides.push_back(radix);
    parts.push_back(choices[c].index);
    radix *= static_cast<double>(choices[c].count);
  }
  return g_.pick(g_.lincomb(offset, strides, parts), values);
}

Scalar Tracer::chosen(const Value& root, int64_t offset, std::span<const Choice> choices,
                      int64_t count, int64_t part) {
  constexpr int64_t kMaxElements = int64_t{1} << 16;
  int64_t total = 1;
  for (const Choice& choice : choices) {
    total *= choice.count;
    if (total > kMaxElements) {
      fail(call_.span, DiagnosticKind::kLimit,
           "indices that depend on parameters choose among more than " +
               std::to_string(kMaxElements) + " elements here");
    }
  }
  chosen_.clear();
  for (int64_t entry = 0; entry < total; ++entry) {
    int64_t rest = entry;
    int64_t place = offset;
    for (size_t c = choices.size(); c-- > 0;) {
      place += (choices[c].first + rest % choices[c].count) * choices[c].stride;
      rest /= choices[c].count;
    }
    chosen_.push_back(root.elements[static_cast<size_t>(place * count + part)]);
  }
  return chosen_value(choices, chosen_);
}

void Tracer::require_known(const Location& at, source::Span span) const {
  if (!at.choices.empty()) as_int(at.choices[0].index, span, "this index");
}

Tracer::Location Tracer::locate(ExprId id) {
  const Expr& e = expr(id);
  switch (e.kind) {
    case Expr::Kind::kVariable:
      return {&slots_[static_cast<size_t>(e.variable.index)], 0, 0};
    case Expr::Kind::kParenthesised:
      return locate(e.args[0]);
    case Expr::Kind::kProjection: {
      const Location at = locate(e.args[0]);
      require_known(at, e.span);
      Value* tuple = at.depth > 0 ? &at.root->members[static_cast<size_t>(at.offset)] : at.root;
      return {&tuple->members[static_cast<size_t>(e.integer - 1)], 0, 0};
    }
    default: {
      Location at = locate(e.args[0]);
      if (at.depth > 0 && at.depth == at.root->dims.size() && is_tuple_array(*at.root)) {
        require_known(at, e.span);
        at = {&at.root->members[static_cast<size_t>(at.offset)], 0, 0};
      }
      for (size_t k = 0; k < e.indices.size(); ++k) {
        VINCI_CHECK(at.depth < at.root->dims.size());
        step(at, e.indices[k].low, at.root->dims[at.depth], e, k);
      }
      return at;
    }
  }
}

Value Tracer::read(const Location& at, const Type& type) {
  const Value& root = *at.root;
  if (at.depth == 0) return root;
  if (root.type.base == BaseType::kTuple) require_known(at, call_.span);
  const int64_t count = product_from(root.dims, at.depth);
  const auto first = static_cast<std::ptrdiff_t>(at.offset * count);
  if (root.type.base == BaseType::kTuple) {
    if (at.depth == root.dims.size()) return root.members[static_cast<size_t>(at.offset)];
    Value out;
    out.type = type;
    out.dims.assign(root.dims.begin() + static_cast<std::ptrdiff_t>(at.depth), root.dims.end());
    out.members.assign(root.members.begin() + first, root.members.begin() + first + count);
    return out;
  }
  Value out;
  out.type = type;
  out.dims.assign(root.dims.begin() + static_cast<std::ptrdiff_t>(at.depth), root.dims.end());
  const auto w = static_cast<std::ptrdiff_t>(width(root));
  if (!at.choices.empty()) {
    out.elements.reserve(static_cast<size_t>(count * w));
    for (int64_t part = 0; part < count * w; ++part) {
      out.elements.push_back(chosen(root, at.offset, at.choices, count * w, part));
    }
    return out;
  }
  out.elements.assign(root.elements.begin() + first * w,
                      root.elements.begin() + (first + count) * w);
  return out;
}

std::vector<Tracer::Selection> Tracer::selections(const Expr& e, const std::vector<int64_t>& dims,
                                                  size_t first_dim) {
  VINCI_CHECK(first_dim + e.indices.size() <= dims.size());
  std::vector<Selection> out(e.indices.size());
  for (size_t k = 0; k < e.indices.size(); ++k) {
    const IndexExpr& index = e.indices[k];
    const int64_t size = dims[first_dim + k];
    Selection& s = out[k];
    const auto range = [&](int64_t low, int64_t high) {
      if (high < low) return;  // a range that runs backwards is empty
      if (low < 1 || low > size) index_error(e, k, low, size);
      if (high > size) index_error(e, k, high, size);
      s.first = low - 1;
      s.count = high - low + 1;
    };
    switch (index.kind) {
      case IndexExpr::Kind::kAll:
        s.count = size;
        break;
      case IndexExpr::Kind::kSingle:
        if (expr(index.low).type.array_depth == 0) {
          s.single = true;
          s.count = 1;
          const Scalar x = scalar(index.low);
          if (!x.is_constant()) {
            s.choices.push_back(choice_of(x, size, expr(index.low).span));
            break;
          }
          const auto i = static_cast<int64_t>(x.constant());
          if (i < 1 || i > size) index_error(e, k, i, size);
          s.first = i - 1;
        } else {
          Value storage;
          const Value& list = reference(index.low, storage);
          s.count = list.size();
          s.positions.reserve(list.elements.size());
          const bool is_known = std::all_of(list.elements.begin(), list.elements.end(),
                                            [](const Scalar& x) { return x.is_constant(); });
          if (!is_known) {
            for (const Scalar& x : list.elements) {
              s.choices.push_back(choice_of(x, size, expr(index.low).span));
            }
            break;
          }
          for (const Scalar& x : list.elements) {
            const int64_t i = as_int(x, expr(index.low).span, "this index");
            if (i < 1 || i > size) index_error(e, k, i, size);
            s.positions.push_back(i - 1);
          }
        }
        break;
      case IndexExpr::Kind::kFrom:
        range(int_value(index.low, "the begin of this range"), size);
        break;
      case IndexExpr::Kind::kUpTo:
        range(1, int_value(index.high, "the end of this range"));
        break;
      case IndexExpr::Kind::kBetween: {
        const int64_t low = int_value(index.low, "the begin of this range");
        range(low, int_value(index.high, "the end of this range"));
        break;
      }
    }
  }
  return out;
}

namespace {

/// Appends the offsets that the selections choose of an array of `dims`, from dimension `first_dim`
/// on, below `offset`.
template <class Selection>
void append_offsets(const std::vector<int64_t>& dims, size_t first_dim,
                    const std::vector<Selection>& selected, size_t k, int64_t offset,
                    std::vector<int64_t>& out) {
  const bool is_last = k + 1 >= selected.size();
  const int64_t rest = is_last ? product_from(dims, first_dim + selected.size()) : 1;
  if (selected.empty()) {
    for (int64_t r = 0; r < rest; ++r) out.push_back(offset * rest + r);
    return;
  }
  const Selection& s = selected[k];
  const int64_t base = offset * dims[first_dim + k];
  if (is_last) {
    size_t next = out.size();
    out.resize(next + static_cast<size_t>(s.count * rest));
    for (int64_t p = 0; p < s.count; ++p) {
      const int64_t first = (base + s.at(p)) * rest;
      for (int64_t r = 0; r < rest; ++r) out[next++] = first + r;
    }
    return;
  }
  for (int64_t p = 0; p < s.count; ++p) {
    append_offsets(dims, first_dim, selected, k + 1, base + s.at(p), out);
  }
}

template <class Selection>
std::vector<int64_t> selected_dims(const std::vector<int64_t>& dims, size_t first_dim,
                                   const std::vector<Selection>& selected) {
  std::vector<int64_t> out;
  for (const Selection& s : selected) {
    if (!s.single) out.push_back(s.count);
  }
  out.insert(out.end(), dims.begin() + static_cast<std::ptrdiff_t>(first_dim + selected.size()),
             dims.end());
  return out;
}

Value gather(const Value& root, const std::vector<int64_t>& offsets, std::vector<int64_t> dims,
             const Type& type) {
  // One tuple is a value of its own, not an array of one.
  if (root.type.base == BaseType::kTuple && type.array_depth == 0) {
    return root.members[static_cast<size_t>(offsets[0])];
  }
  Value out;
  out.type = type;
  out.dims = std::move(dims);
  if (root.type.base == BaseType::kTuple) {
    for (int64_t o : offsets) out.members.push_back(root.members[static_cast<size_t>(o)]);
    return out;
  }
  const size_t w = width(root);
  out.elements.resize(offsets.size() * w);
  size_t next = 0;
  for (int64_t o : offsets) {
    for (size_t part = 0; part < w; ++part) {
      out.elements[next++] = root.elements[static_cast<size_t>(o) * w + part];
    }
  }
  return out;
}

}  // namespace

/// Elements under ranges and multi-indices some of which are nodes.
Value Tracer::indexed_by_choices(const Value& root, const Location& at,
                                 const std::vector<Selection>& selected, const Type& type) {
  if (root.type.base == BaseType::kTuple) {
    fail(call_.span, DiagnosticKind::kNotCovered,
         "an index into an array of tuples depends on a parameter; vinci needs it to be known from "
         "the data");
  }
  Value out;
  out.type = type;
  out.dims = selected_dims(root.dims, at.depth, selected);
  const int64_t numbers =
      product_from(root.dims, at.depth + selected.size()) * static_cast<int64_t>(width(root));
  std::vector<int64_t> index(selected.size(), 0);
  const bool is_empty = std::any_of(selected.begin(), selected.end(),
                                    [](const Selection& s) { return s.count == 0; });
  std::vector<Choice> choices;
  for (bool more = !is_empty; more;) {
    choices = at.choices;
    int64_t offset = at.offset;
    for (size_t k = 0; k < selected.size(); ++k) {
      const int64_t size = root.dims[at.depth + k];
      for (Choice& c : choices) c.stride *= size;
      offset *= size;
      if (selected[k].choices.empty()) {
        offset += selected[k].at(index[k]);
      } else {
        choices.push_back(selected[k].choices[static_cast<size_t>(index[k])]);
      }
    }
    for (int64_t part = 0; part < numbers; ++part) {
      out.elements.push_back(chosen(root, offset, choices, numbers, part));
    }
    more = false;
    for (size_t k = selected.size(); k-- > 0;) {
      if (++index[k] < selected[k].count) {
        more = true;
        break;
      }
      index[k] = 0;
    }
  }
  return out;
}

namespace {

template <class Selection>
bool any_choice(const std::vector<Selection>& selected) {
  return std::any_of(selected.begin(), selected.end(),
                     [](const Selection& s) { return !s.choices.empty(); });
}

}  // namespace

Value Tracer::indexed(const Expr& e) {
  const Expr& base = expr(e.args[0]);
  std::vector<int64_t> offsets;
  if (info(e.args[0]).locatable) {
    Location at = locate(e.args[0]);
    if (at.depth > 0 && at.depth == at.root->dims.size() && is_tuple_array(*at.root)) {
      require_known(at, e.span);
      at = {&at.root->members[static_cast<size_t>(at.offset)], 0, 0};
    }
    const std::vector<Selection> selected = selections(e, at.root->dims, at.depth);
    if (!at.choices.empty() || any_choice(selected)) {
      call_.span = e.span;
      return indexed_by_choices(*at.root, at, selected, e.type);
    }
    append_offsets(at.root->dims, at.depth, selected, 0, at.offset, offsets);
    return gather(*at.root, offsets, selected_dims(at.root->dims, at.depth, selected), e.type);
  }
  Value storage = evaluate(e.args[0]);
  promote(storage, base.type);
  const std::vector<Selection> selected = selections(e, storage.dims, 0);
  if (any_choice(selected)) {
    call_.span = e.span;
    return indexed_by_choices(storage, {}, selected, e.type);
  }
  append_offsets(storage.dims, 0, selected, 0, 0, offsets);
  return gather(storage, offsets, selected_dims(storage.dims, 0, selected), e.type);
}

void Tracer::require_known(const std::vector<Selection>& selected, source::Span span) const {
  for (const Selection& s : selected) {
    for (const Choice& c : s.choices) as_int(c.index, span, "this index");
  }
}

Tracer::View Tracer::view_of(const Expr& e) {
  View view;
  if (e.kind == Expr::Kind::kParenthesised) return view_of(expr(e.args[0]));
  VINCI_CHECK(e.kind == Expr::Kind::kIndexed);
  if (info(e.args[0]).locatable) {
    Location at = locate(e.args[0]);
    if (at.depth > 0 && at.depth == at.root->dims.size() && is_tuple_array(*at.root)) {
      at = {&at.root->members[static_cast<size_t>(at.offset)], 0, 0};
    }
    require_known(at, e.span);
    view.root = at.root;
    const std::vector<Selection> selected = selections(e, at.root->dims, at.depth);
    require_known(selected, e.span);
    append_offsets(at.root->dims, at.depth, selected, 0, at.offset, view.offsets);
    view.dims = selected_dims(at.root->dims, at.depth, selected);
    return view;
  }
  const View base = view_of(expr(e.args[0]));
  view.root = base.root;
  const std::vector<Selection> selected = selections(e, base.dims, 0);
  require_known(selected, e.span);
  append_offsets(base.dims, 0, selected, 0, 0, view.offsets);
  for (int64_t& o : view.offsets) o = base.offsets[static_cast<size_t>(o)];
  view.dims = selected_dims(base.dims, 0, selected);
  return view;
}

void Tracer::assign_whole(Value& variable, Value value, const Expr& lhs) {
  if (variable.type.base == BaseType::kTuple && variable.dims.empty()) {
    for (size_t k = 0; k < variable.members.size(); ++k) {
      assign_whole(variable.members[k], std::move(value.members[k]), lhs);
    }
    return;
  }
  // A variable of size zero takes the size of the first value, as in Stan.
  if (variable.dims != value.dims && variable.size() != 0) {
    fail(lhs.span, DiagnosticKind::kSize,
         place_name(lhs) + " has size " + dims_to_string(variable.dims) + ", the value " +
             dims_to_string(value.dims));
  }
  promote(value, variable.type);
  value.type = variable.type;
  variable = std::move(value);
}

void Tracer::assign(const Expr& lhs, Value value) {
  switch (lhs.kind) {
    case Expr::Kind::kParenthesised:
      return assign(expr(lhs.args[0]), std::move(value));
    case Expr::Kind::kVariable:
      return assign_whole(slots_[static_cast<size_t>(lhs.variable.index)], std::move(value), lhs);
    case Expr::Kind::kTuple:
      for (size_t k = 0; k < lhs.args.size(); ++k) {
        assign(expr(lhs.args[k]), std::move(value.members[k]));
      }
      return;
    default:
      break;
  }
  const auto size_error = [&](const std::vector<int64_t>& dims) {
    fail(lhs.span, DiagnosticKind::kSize,
         "this part of " + place_name(lhs) + " has size " + dims_to_string(dims) + ", the value " +
             dims_to_string(value.dims));
  };
  bool in_place = lhs.kind == Expr::Kind::kProjection;
  if (lhs.kind == Expr::Kind::kIndexed) {
    in_place =
        info(lhs.args[0]).locatable &&
        std::all_of(lhs.indices.begin(), lhs.indices.end(), [this](const IndexExpr& index) {
          return index.kind == IndexExpr::Kind::kSingle && expr(index.low).type.array_depth == 0;
        });
  }
  if (!in_place) {
    const View view = view_of(lhs);
    if (view.dims != value.dims) size_error(view.dims);
    Value& root = *view.root;
    if (root.type.base == BaseType::kTuple) {
      for (size_t k = 0; k < view.offsets.size(); ++k) {
        Value& member = root.members[static_cast<size_t>(view.offsets[k])];
        promote(value.members[k], member.type);
        member = std::move(value.members[k]);
      }
      return;
    }
    promote(value, Type::scalar(root.type.base));
    const size_t w = width(root);
    for (size_t k = 0; k < view.offsets.size(); ++k) {
      for (size_t part = 0; part < w; ++part) {
        root.elements[static_cast<size_t>(view.offsets[k]) * w + part] =
            value.elements[k * w + part];
      }
    }
    return;
  }
  Location at = locate_lhs(lhs);
  Value& root = *at.root;
  if (!at.choices.empty()) {
    if (at.depth == root.dims.size() && value.elements.size() == 1) {
      return assign_chosen(at, value.elements[0]);
    }
    require_known(at, lhs.span);
  }
  if (at.depth == 0) return assign_whole(root, std::move(value), lhs);
  if (root.type.base == BaseType::kTuple && at.depth == root.dims.size()) {
    return assign_whole(root.members[static_cast<size_t>(at.offset)], std::move(value), lhs);
  }
  const std::vector<int64_t> dims(root.dims.begin() + static_cast<std::ptrdiff_t>(at.depth),
                                  root.dims.end());
  if (dims != value.dims) size_error(dims);
  const int64_t first = at.offset * product_from(root.dims, at.depth);
  if (root.type.base == BaseType::kTuple) {
    std::move(value.members.begin(), value.members.end(), root.members.begin() + first);
    return;
  }
  promote(value, Type::scalar(root.type.base));
  std::copy(value.elements.begin(), value.elements.end(),
            root.elements.begin() + first * static_cast<int64_t>(width(root)));
}

void Tracer::assign_chosen(const Location& at, Scalar value) {
  Value& root = *at.root;
  std::vector<int64_t> index(at.choices.size(), 0);
  for (bool more = true; more;) {
    int64_t place = at.offset;
    Scalar here = 1.0;
    for (size_t c = 0; c < index.size(); ++c) {
      const Choice& choice = at.choices[c];
      const int64_t position = choice.first + index[c];
      place += position * choice.stride;
      const Scalar is_meant =
          g_.apply(graph::Op::kEqual, choice.index, static_cast<double>(position + 1));
      here = here.is_constant() ? is_meant : g_.select(here, is_meant, 0.0);
    }
    Scalar& element = root.elements[static_cast<size_t>(place)];
    element = g_.select(here, value, element);
    more = false;
    for (size_t c = index.size(); c-- > 0;) {
      if (++index[c] < at.choices[c].count) {
        more = true;
        break;
      }
      index[c] = 0;
    }
  }
}

Tracer::Location Tracer::locate_lhs(const Expr& lhs) {
  Location at = locate(lhs.args[0]);
  if (at.depth > 0 && at.depth == at.root->dims.size() && is_tuple_array(*at.root)) {
    require_known(at, lhs.span);
    at = {&at.root->members[static_cast<size_t>(at.offset)], 0, 0};
  }
  if (lhs.kind == Expr::Kind::kProjection) {
    return {&at.root->members[static_cast<size_t>(lhs.integer - 1)], 0, 0};
  }
  for (size_t k = 0; k < lhs.indices.size(); ++k) {
    VINCI_CHECK(at.depth < at.root->dims.size());
    step(at, lhs.indices[k].low, at.root->dims[at.depth], lhs, k);
  }
  return at;
}

}  // namespace vinci::lower
