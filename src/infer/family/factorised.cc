#include "infer/family/factorised.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// One lane's values of some rows.
class Column {
 public:
  std::span<const double> read(LaneMatrix m, Index first, Index rows, Index lane) {
    values_.resize(static_cast<size_t>(rows));
    for (Index r = 0; r < rows; ++r) values_[static_cast<size_t>(r)] = m(first + r, lane);
    return values_;
  }
  std::span<double> space(Index rows) {
    values_.resize(static_cast<size_t>(rows));
    return values_;
  }
  void write(MutableLaneMatrix m, Index first, Index lane) const {
    for (size_t r = 0; r < values_.size(); ++r) m(first + static_cast<Index>(r), lane) = values_[r];
  }

 private:
  std::vector<double> values_;
};

}  // namespace

FactorisedFamily::FactorisedFamily(Index dim, std::vector<FactorBlock> blocks)
    : dim_(dim), blocks_(std::move(blocks)) {
  std::stable_sort(blocks_.begin(), blocks_.end(),
                   [](const FactorBlock& a, const FactorBlock& b) { return a.first < b.first; });
  Index next = 0;
  for (const FactorBlock& b : blocks_) {
    VINCI_CHECK(b.first == next);
    next += b.factor->num_unconstrained();
    first_params_.push_back(num_params_);
    first_noises_.push_back(noise_dim_);
    num_params_ += b.factor->num_params();
    noise_dim_ += b.factor->noise_dim();
    has_points_ = has_points_ || b.factor->noise_dim() == 0;
  }
  VINCI_CHECK(next == dim_);
}

std::string FactorisedFamily::describe() const {
  // Up to three factors by name, more by their kinds.
  std::vector<std::string_view> kinds;
  std::string names;
  Index named = 0, normals = 0, points = 0;
  for (const FactorBlock& b : blocks_) {
    if (b.factor->noise_dim() == 0) {
      ++points;
    } else if (!b.named) {
      ++normals;
    } else {
      ++named;
      const std::string_view word = b.factor->word();
      if (named <= 3) names += fmt::format("{}{} ~ {}", named == 1 ? "" : ", ", b.name, word);
      if (std::find(kinds.begin(), kinds.end(), word) == kinds.end()) kinds.push_back(word);
    }
  }
  if (named > 3) names = fmt::format("{} factors: {}", named, fmt::join(kinds, ", "));
  const auto add = [&names](Index count, std::string_view what) {
    if (count == 0) return;
    names +=
        fmt::format("{}{} {}{}", names.empty() ? "" : "; ", count, what, count == 1 ? "" : "s");
  };
  add(normals, "normal");
  add(points, "point");
  return names;
}

std::string FactorisedFamily::param_name(Index p) const {
  const auto after = std::upper_bound(first_params_.begin(), first_params_.end(), p);
  const auto b = static_cast<size_t>(after - first_params_.begin()) - 1;
  const ContinuousFactor& f = *blocks_[b].factor;
  const std::vector<double> zero(static_cast<size_t>(f.num_params()), 0.0);
  return fmt::format("{}.{}", blocks_[b].name,
                     f.named_params(zero)[static_cast<size_t>(p - first_params_[b])].name);
}

FamilyPtr FactorisedFamily::at(std::span<const double> lambda) const {
  return std::make_shared<Factorised>(*this, std::vector<double>(lambda.begin(), lambda.end()));
}

namespace {

std::span<const double> params_of(const FactorisedFamily& family, size_t b,
                                  std::span<const double> lambda) {
  return lambda.subspan(static_cast<size_t>(family.first_param(b)),
                        static_cast<size_t>(family.blocks()[b].factor->num_params()));
}

}  // namespace

void FactorisedFamily::log_q(std::span<const double> lambda, LaneMatrix points,
                             std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  Column z;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto l = params_of(*this, b, lambda);
    for (Index i = 0; i < points.lanes; ++i) {
      out[static_cast<size_t>(i)] +=
          f.log_q(l, z.read(points, blocks_[b].first, f.num_unconstrained(), i));
    }
  }
}

void FactorisedFamily::score(std::span<const double> lambda, LaneMatrix points,
                             MutableLaneMatrix score) const {
  Column z, s;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto l = params_of(*this, b, lambda);
    for (Index i = 0; i < points.lanes; ++i) {
      f.score_unconstrained(l, z.read(points, blocks_[b].first, f.num_unconstrained(), i),
                            s.space(f.num_params()));
      s.write(score, first_params_[b], i);
    }
  }
}

void FactorisedFamily::log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                                      MutableLaneMatrix gradient) const {
  Column z, g;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto l = params_of(*this, b, lambda);
    for (Index i = 0; i < points.lanes; ++i) {
      f.log_q_gradient(l, z.read(points, blocks_[b].first, f.num_unconstrained(), i),
                       g.space(f.num_unconstrained()));
      g.write(gradient, blocks_[b].first, i);
    }
  }
}

void FactorisedFamily::fill_noise(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                                  MutableLaneMatrix noise) const {
  numeric::fill_uniform(key, step, first_lane, noise.rows, noise.lanes, noise.data, noise.stride);
}

ParametricFamily::TapePtr FactorisedFamily::transform(std::span<const double> lambda,
                                                      LaneMatrix noise, MutableLaneMatrix points,
                                                      std::span<double> log_q) const {
  std::fill(log_q.begin(), log_q.end(), 0.0);
  Column u, z;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto l = params_of(*this, b, lambda);
    for (Index i = 0; i < points.lanes; ++i) {
      const std::span<double> out = z.space(f.num_unconstrained());
      f.transform(l, u.read(noise, first_noises_[b], f.noise_dim(), i), out);
      log_q[static_cast<size_t>(i)] += f.log_q(l, out);
      z.write(points, blocks_[b].first, i);
    }
  }
  return nullptr;
}

void FactorisedFamily::pathwise(std::span<const double> lambda, LaneMatrix /*noise*/,
                                LaneMatrix points, const Tape* /*tape*/, LaneMatrix adjoint,
                                MutableLaneMatrix gradient) const {
  Column z, a, g;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto l = params_of(*this, b, lambda);
    const Index size = f.num_unconstrained();
    for (Index i = 0; i < points.lanes; ++i) {
      f.pathwise(l, z.read(points, blocks_[b].first, size, i),
                 a.read(adjoint, blocks_[b].first, size, i), g.space(f.num_params()));
      g.write(gradient, first_params_[b], i);
    }
  }
}

double FactorisedFamily::entropy(std::span<const double> lambda) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    sum += blocks_[b].factor->entropy_unconstrained(params_of(*this, b, lambda));
  }
  return sum;
}

double FactorisedFamily::kl(std::span<const double> lambda, std::span<const double> other) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    sum += f.kl(params_of(*this, b, lambda), f, params_of(*this, b, other));
  }
  return sum;
}

std::vector<double> FactorisedFamily::start(std::span<const double> mean,
                                            std::span<const double> sd) const {
  std::vector<double> lambda(static_cast<size_t>(num_params_));
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const ContinuousFactor& f = *blocks_[b].factor;
    const auto first = static_cast<size_t>(blocks_[b].first),
               size = static_cast<size_t>(f.num_unconstrained());
    f.start(mean.subspan(first, size), sd.subspan(first, size),
            std::span(lambda).subspan(static_cast<size_t>(first_params_[b]),
                                      static_cast<size_t>(f.num_params())));
  }
  return lambda;
}

std::vector<FittedFactor> FactorisedFamily::fitted(std::span<const double> lambda) const {
  std::vector<FittedFactor> out;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (!blocks_[b].named) continue;
    const ContinuousFactor& f = *blocks_[b].factor;
    out.push_back({blocks_[b].name, f.word(), f.named_params(params_of(*this, b, lambda))});
  }
  return out;
}

Factorised::Factorised(FactorisedFamily family, std::vector<double> lambda)
    : family_(std::move(family)), lambda_(std::move(lambda)) {
  VINCI_CHECK(static_cast<Index>(lambda_.size()) == family_.num_params());
}

void Factorised::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                      MutableLaneMatrix points, std::span<double> log_q) const {
  Matrix noise(family_.noise_dim(), points.lanes);
  family_.fill_noise(key, step, first_lane, mutable_lanes(noise));
  family_.transform(lambda_, lanes_of(noise), points, log_q);
}

void Factorised::log_q(LaneMatrix points, std::span<double> log_q) const {
  family_.log_q(lambda_, points, log_q);
}

}  // namespace vinci::infer
