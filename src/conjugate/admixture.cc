#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "conjugate/rows.h"
#include "conjugate/rows_kernels.h"
#include "numeric/special/row_functions.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

using namespace numeric;  // NOLINT: the dispatch macro names its namespaces from there

namespace {
// Fixed, so that sums do not depend on the threads: each part has statistics of its own.
constexpr int64_t kParts = 4;

/// sum_k lgamma(a_k) - lgamma(sum_k a_k).
double log_beta(std::span<const double> a) {
  double sum = 0, total = 0;
  for (double x : a) {
    sum += numeric::lgamma(x);
    total += x;
  }
  return sum - numeric::lgamma(total);
}
}  // namespace

Admixture::Admixture(AdmixtureData data) : data_(std::move(data)) {
  leaves_ = data_.leaves;
  gamma_.resize(static_cast<size_t>(data_.documents * data_.topics));
  log_beta_gamma_.resize(static_cast<size_t>(data_.documents));
  const auto topics = static_cast<size_t>(data_.topics);
  for (size_t first = 0; first + topics <= data_.alpha.size(); first += topics)
    log_beta_alpha_.push_back(log_beta({data_.alpha.data() + first, topics}));
}

void Admixture::set_batch(int64_t first, int64_t count, double scale) {
  batch_first_ = first;
  batch_count_ = count;
  batch_scale_ = scale;
}

std::vector<double> Admixture::word_table(std::span<const double> eta, int64_t stride,
                                          std::vector<double>& top) const {
  const int64_t topics = data_.topics, words = data_.words;
  std::vector<double> table(static_cast<size_t>(words * stride), 0.0);
  top.resize(static_cast<size_t>(words));
  for (int64_t w = 0; w < words; ++w) {
    const double* row = eta.data() + w * topics;
    double most = *std::max_element(row, row + topics);
    if (!std::isfinite(most)) most = 0;
    top[static_cast<size_t>(w)] = most;
    double* out = table.data() + w * stride;
    for (int64_t k = 0; k < topics; ++k) out[k] = row[k] - most;
  }
  VINCI_SIMD_SELECT(row_function)
  (numeric::RowFunction::exp, table.data(), nullptr, table.data(), words * stride);
  for (int64_t w = 0; w < words; ++w)
    std::fill(table.begin() + w * stride + topics, table.begin() + (w + 1) * stride, 0.0);
  return table;
}

// With r from theta's last q and theta's new q = Dirichlet(alpha + n), n_k = sum r, the terms of a
// document are  sum count log norm - n . E_old[log theta] + log B(alpha + n) - log B(alpha).
bool Admixture::update(std::span<const double> eta, std::span<double> mean) {
  const int64_t topics = data_.topics, words = data_.words;
  const int64_t padded = (topics + 7) / 8 * 8;
  for (double e : eta) {
    if (std::isnan(e) || e > 1e300) return false;
  }
  std::vector<double> top;
  const std::vector<double> table = word_table(eta, padded, top);
  const int64_t first = batch_count_ < 0 ? 0 : batch_first_;
  const int64_t count = batch_count_ < 0 ? data_.documents : batch_count_;
  const int64_t parts = std::min(kParts, std::max<int64_t>(count, 1));
  std::vector<std::vector<double>> partial(static_cast<size_t>(parts));
  std::vector<double> bounds(static_cast<size_t>(parts), 0.0);
  const auto body = [&](std::ptrdiff_t p) {
    auto& statistics = partial[static_cast<size_t>(p)];
    statistics.assign(static_cast<size_t>(words * padded), 0.0);
    std::vector<double> share(static_cast<size_t>(padded), 0.0),
        gained(static_cast<size_t>(padded));
    std::vector<double> norm;
    double bound = 0;
    for (int64_t d = first + count * p / parts; d < first + count * (p + 1) / parts; ++d) {
      const int64_t begin = data_.first[static_cast<size_t>(d)];
      const int64_t end = data_.first[static_cast<size_t>(d) + 1];
      norm.resize(static_cast<size_t>(end - begin) + 1);
      double* gamma = gamma_.data() + d * topics;
      numeric::DocumentStep job;
      job.words = end - begin;
      job.topics = padded;
      job.table = table.data();
      job.word = data_.word.data() + begin;
      job.count = data_.count.data() + begin;
      job.share = share.data();
      job.gained = gained.data();
      job.norm = norm.data();
      double total = 0, psi_total = 0, share_top = 0;
      for (int64_t inner = 0;; ++inner) {
        share_top = VINCI_SIMD_SELECT(exp_digamma)(gamma, topics, share.data());
        // The last step leaves the statistics of the r that gamma is made of.
        const bool is_last = inner + 1 >= data_.max_inner;
        VINCI_SIMD_SELECT(document_step)(job);
        double change = 0;
        for (int64_t k = 0; k < topics; ++k)
          change += std::abs(alpha(d, k) + gained[static_cast<size_t>(k)] - gamma[k]);
        if (is_last || change < data_.inner_tolerance * static_cast<double>(topics)) break;
        for (int64_t k = 0; k < topics; ++k)
          gamma[k] = alpha(d, k) + gained[static_cast<size_t>(k)];
      }
      job.statistics = statistics.data();
      VINCI_SIMD_SELECT(document_statistics)(job);
      VINCI_SIMD_SELECT(row_function)
      (numeric::RowFunction::log, norm.data(), nullptr, norm.data(), end - begin);
      for (int64_t i = begin; i < end; ++i) {
        bound += data_.count[static_cast<size_t>(i)] *
                 (norm[static_cast<size_t>(i - begin)] +
                  top[static_cast<size_t>(data_.word[static_cast<size_t>(i)])]);
      }
      // share = exp(digamma(gamma_k) - share_top), E_old[log theta_k] = that - digamma(total):
      // norm leaves out share_top - digamma(total), which with n . E_old leaves digammas alone.
      for (int64_t k = 0; k < topics; ++k) total += gamma[k];
      psi_total = numeric::digamma(total);
      double cross = 0, mass = 0;
      for (int64_t k = 0; k < topics; ++k) {
        const double n = gained[static_cast<size_t>(k)];
        if (n > 0) cross += n * (std::log(share[static_cast<size_t>(k)]) + share_top - psi_total);
        mass += n;
        gamma[k] = alpha(d, k) + n;
      }
      const double log_b = log_beta({gamma, static_cast<size_t>(topics)});
      log_beta_gamma_[static_cast<size_t>(d)] = log_b;
      bound += mass * (share_top - psi_total) - cross + log_b - log_beta_alpha(d);
    }
    bounds[static_cast<size_t>(p)] = bound;
  };
  if (pool_ != nullptr) {
    pool_->parallel_for(parts, body);
  } else {
    for (int64_t p = 0; p < parts; ++p) body(p);
  }
  std::fill(mean.begin(), mean.end(), 0.0);
  log_partition_ = 0;
  for (size_t p = 0; p < partial.size(); ++p) {
    log_partition_ += batch_scale_ * bounds[p];
    for (int64_t w = 0; w < words; ++w) {
      for (int64_t k = 0; k < topics; ++k) {
        mean[static_cast<size_t>(w * topics + k)] +=
            batch_scale_ * partial[p][static_cast<size_t>(w * padded + k)];
      }
    }
  }
  return std::isfinite(log_partition_);
}

// log p(words, theta): of a word sum_k theta_k exp(eta_wk), of a document its Dirichlet prior.
double Admixture::log_sum(std::span<const double> eta, std::span<const double> values) const {
  const int64_t topics = data_.topics;
  std::vector<double> top;
  const std::vector<double> table = word_table(eta, topics, top);
  double total = 0;
  for (int64_t d = 0; d < data_.documents; ++d) {
    const double* theta = values.data() + d * topics;
    for (int64_t k = 0; k < topics; ++k) {
      const double a = alpha(d, k);
      if (a != 1) total += (a - 1) * std::log(theta[k]);
    }
    total -= log_beta_alpha(d);
    for (int64_t i = data_.first[static_cast<size_t>(d)];
         i < data_.first[static_cast<size_t>(d) + 1]; ++i) {
      const int64_t w = data_.word[static_cast<size_t>(i)];
      const double* p = table.data() + w * topics;
      double sum = 0;
      for (int64_t k = 0; k < topics; ++k) sum += theta[k] * p[k];
      total += data_.count[static_cast<size_t>(i)] * (std::log(sum) + top[static_cast<size_t>(w)]);
    }
  }
  return total;
}

void Admixture::visit_states(std::span<const double> eta, std::span<const double> values,
                             const StateVisitor& visit) const {
  const int64_t topics = data_.topics;
  std::vector<double> top, p(static_cast<size_t>(topics));
  const std::vector<double> table = word_table(eta, topics, top);
  size_t next = 0;
  for (int64_t d = 0; d < data_.documents; ++d) {
    const double* theta = values.data() + d * topics;
    for (int64_t i = data_.first[static_cast<size_t>(d)];
         i < data_.first[static_cast<size_t>(d) + 1]; ++i) {
      const double* word = table.data() + data_.word[static_cast<size_t>(i)] * topics;
      double sum = 0;
      for (size_t k = 0; k < p.size(); ++k) sum += p[k] = theta[k] * word[k];
      for (double& x : p) x /= sum;
      for (auto n = static_cast<int64_t>(data_.count[static_cast<size_t>(i)]); n > 0; --n)
        visit(data_.states[next++], 1, p);
    }
  }
}

void Admixture::start(numeric::RandomStream& random, std::span<double> mean) {
  // Shares are even; the topics begin apart, as draws of a gamma of shape 100.
  // [Hoffman et al. 2010, sec. 4]
  for (int64_t d = 0; d < data_.documents; ++d) {
    const int64_t begin = data_.first[static_cast<size_t>(d)],
                  end = data_.first[static_cast<size_t>(d) + 1];
    double length = 0;
    for (int64_t i = begin; i < end; ++i) length += data_.count[static_cast<size_t>(i)];
    for (int64_t k = 0; k < data_.topics; ++k) {
      gamma_[static_cast<size_t>(d * data_.topics + k)] =
          alpha(d, k) + length / static_cast<double>(data_.topics);
    }
  }
  for (double& m : mean) m = random.gamma(100, 100);
}

void Admixture::draw(numeric::RandomStream& random, std::span<double> values) const {
  const auto topics = static_cast<size_t>(data_.topics);
  for (size_t d = 0; d < static_cast<size_t>(data_.documents); ++d) {
    random.dirichlet({gamma_.data() + d * topics, topics}, values.subspan(d * topics, topics));
  }
}

double Admixture::log_density(std::span<const double> values) const {
  double sum = 0;
  std::vector<double> logs(values.size());
  VINCI_SIMD_SELECT(row_function)
  (numeric::RowFunction::log, values.data(), nullptr, logs.data(),
   static_cast<int64_t>(values.size()));
  for (size_t at = 0; at < logs.size(); ++at) sum += (gamma_[at] - 1) * logs[at];
  for (const double log_b : log_beta_gamma_) sum -= log_b;
  return sum;
}

void Admixture::describe(std::span<const std::string> leaf_names,
                         std::vector<NamedDistribution>& out) const {
  const auto topics = static_cast<size_t>(data_.topics);
  for (size_t first = 0; first < gamma_.size(); first += topics) {
    out.push_back(describe_dirichlet(leaf_names.subspan(first, topics),
                                     std::span(gamma_).subspan(first, topics)));
  }
}

}  // namespace vinci::conjugate
