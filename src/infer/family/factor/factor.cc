#include "infer/family/factor/factor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "numeric/special/special.h"

namespace vinci::infer {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Word {
  std::string_view word;
  Support support;
  std::string_view other;  // Stan's name, without underscores
  ContinuousFactorPtr (*make)();
};
constexpr std::array<Word, 9> kWords = {{
    {"exponential", Support::kPositive, "", exponential_factor},
    {"gamma", Support::kPositive, "", gamma_factor},
    {"inverse-gamma", Support::kPositive, "invgamma", inverse_gamma_factor},
    {"log-normal", Support::kPositive, "", log_normal_factor},
    {"beta", Support::kUnitInterval, "", beta_factor},
    {"logit-normal", Support::kUnitInterval, "", logit_normal_factor},
    {"dirichlet", Support::kSimplex, "", nullptr},
    {"normal", Support::kReal, "", normal_factor},
    {"von-mises", Support::kCircle, "", von_mises_factor},
}};

std::string plain(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c != '-' && c != '_') out.push_back(c);
  }
  return out;
}

const Word& find_word(std::string_view word) {
  const auto* found =
      std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.word == word; });
  VINCI_CHECK(found != kWords.end());
  return *found;
}

/// Whether the inner support lies within the outer one, as far as forms go.
bool within(Support inner, Support outer) {
  const auto rank = [](Support s) {
    return s == Support::kUnitInterval ? 0 : s == Support::kPositive ? 1 : 2;
  };
  return rank(inner) <= rank(outer);
}
bool has_form(Support s) {
  return s == Support::kReal || s == Support::kPositive || s == Support::kUnitInterval;
}

}  // namespace

Form Factor::log_density_form(std::span<const double>) const {
  Form f;
  f.fill(kNan);
  return f;
}
Form Factor::expected_statistics(std::span<const double> lambda) const {
  return Factor::log_density_form(lambda);
}
double Factor::kl_same_kind(std::span<const double>, std::span<const double>) const { return kNan; }

double Factor::kl(std::span<const double> lambda, const Factor& other,
                  std::span<const double> other_lambda) const {
  if (word() == other.word() && num_values() == other.num_values()) {
    const double same = kl_same_kind(lambda, other_lambda);
    if (!std::isnan(same)) return same;
  }
  if (!has_form(support())) return kNan;
  if (!has_form(other.support())) return kNan;
  if (!within(support(), other.support())) return kInf;
  const Form expected = expected_statistics(lambda), form = other.log_density_form(other_lambda);
  double cross = 0;
  for (size_t k = 0; k < form.size(); ++k) {
    if (form[k] != 0) cross += form[k] * expected[k];
  }
  return -entropy(lambda) - cross;
}

void ContinuousFactor::constrain(std::span<const double> z, std::span<double> x) const {
  switch (support()) {
    case Support::kPositive:
      x[0] = std::exp(z[0]);
      return;
    case Support::kUnitInterval:
      x[0] = numeric::inv_logit(z[0]);
      return;
    case Support::kSimplex: {
      double stick = 1;
      for (size_t k = 0; k < z.size(); ++k) {
        const double shifted = z[k] - std::log(static_cast<double>(z.size() - k));
        x[k] = stick * numeric::inv_logit(shifted);
        stick *= numeric::inv_logit(-shifted);
      }
      x[z.size()] = stick;
      return;
    }
    default:
      x[0] = z[0];
  }
}

void ContinuousFactor::unconstrain(std::span<const double> x, std::span<double> z) const {
  switch (support()) {
    case Support::kPositive:
      z[0] = std::log(x[0]);
      return;
    case Support::kUnitInterval:
      z[0] = std::log(x[0]) - std::log1p(-x[0]);
      return;
    case Support::kSimplex: {
      // logit(x_k / (x_k + rest)) = log x_k - log rest, rest summed from the end.
      double rest = x[z.size()];
      for (size_t k = z.size(); k-- > 0;) {
        z[k] = std::log(x[k]) - std::log(rest) + std::log(static_cast<double>(z.size() - k));
        rest += x[k];
      }
      return;
    }
    default:
      z[0] = x[0];
  }
}

double ContinuousFactor::log_abs_det_jacobian(std::span<const double> z) const {
  switch (support()) {
    case Support::kPositive:
      return z[0];
    case Support::kUnitInterval:
      return z[0] - 2 * numeric::log1p_exp(z[0]);
    case Support::kSimplex: {
      double sum = 0;
      for (size_t k = 0; k < z.size(); ++k) {
        const double left = static_cast<double>(z.size() - k), shifted = z[k] - std::log(left);
        sum += shifted - (left + 1) * numeric::log1p_exp(shifted);
      }
      return sum;
    }
    default:
      return 0;
  }
}

double ContinuousFactor::log_density(std::span<const double> lambda,
                                     std::span<const double> x) const {
  double sum = 0;
  for (const double v : x) {
    sum += v;
    if (support() != Support::kReal && support() != Support::kCircle && !(v > 0)) return -kInf;
    if (support() == Support::kUnitInterval && !(v < 1)) return -kInf;
  }
  if (support() == Support::kSimplex && std::abs(sum - 1) > 1e-8) return -kInf;
  std::vector<double> z(static_cast<size_t>(num_unconstrained()));
  unconstrain(x, z);
  return log_q(lambda, z) - log_abs_det_jacobian(z);
}

void ContinuousFactor::score(std::span<const double> lambda, std::span<const double> x,
                             std::span<double> out) const {
  std::vector<double> z(static_cast<size_t>(num_unconstrained()));
  unconstrain(x, z);
  score_unconstrained(lambda, z, out);
}

void ContinuousFactor::draw(std::span<const double> lambda, std::span<const double> noise,
                            std::span<double> x) const {
  std::vector<double> z(static_cast<size_t>(num_unconstrained()));
  transform(lambda, noise, z);
  constrain(z, x);
}

std::vector<std::string_view> factor_words(Support support) {
  std::vector<std::string_view> words;
  for (const Word& w : kWords) {
    if (w.support == support) words.push_back(w.word);
  }
  return words;
}

std::string_view canonical_factor_word(std::string_view word) {
  const std::string wanted = plain(word);
  for (const Word& w : kWords) {
    if (!wanted.empty() && (wanted == plain(w.word) || wanted == w.other)) return w.word;
  }
  return {};
}

ContinuousFactorPtr make_factor(std::string_view word, Index num_values) {
  const Word& w = find_word(word);
  return w.make != nullptr ? w.make() : dirichlet_factor(num_values);
}

Support factor_support(std::string_view word) { return find_word(word).support; }

}  // namespace vinci::infer
