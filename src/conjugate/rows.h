// Plates of discrete variables: rows of a mixture, hidden Markov chains, and admixtures (documents
// of words with topics).
#pragma once

#include <cstdint>
#include <vector>

#include "conjugate/variable.h"

namespace vinci::conjugate {

/// Rows n, each with a variable z_n in K states and log potentials
///     sum_s eta_ks f_s(n) + sum_c eta_c[value_c(n), k] + eta_group[group(n), k] + offset(n, k),
/// where feature f_s is a column, a product of two or 1. One exponential family for all rows: its
/// statistics are sum_n r_nk f_s(n), the counts of the categorical columns and of the groups, and
/// its log partition function is the sum of the rows'. Memory is that of the columns; no
/// responsibilities are kept. With `previous`, rows are chains: z_n given z_{n-1} has potentials
/// eta_transition[i, j], and the statistics are those of forward-backward.
struct RowData {
  int64_t rows = 0, states = 0, first_state = 1;
  std::vector<std::vector<double>> columns;
  struct Feature {
    int32_t left = -1, right = -1;  // columns; -1: 1
  };
  std::vector<Feature> features;
  struct Categories {
    std::vector<int32_t> values;
    int64_t count = 0;
  };
  std::vector<Categories> categories;
  std::vector<int32_t> groups;  // empty: none
  int64_t num_groups = 0;
  std::vector<double> offsets;  // [rows][states], or empty
  std::vector<char> follows;    // row n continues the chain of row n - 1; empty: no chains
  std::vector<int32_t> leaves;  // z_n, by row
};

class Rows final : public Variable {
 public:
  explicit Rows(RowData data);
  int64_t num_statistics() const override;
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  bool is_discrete() const override { return true; }
  bool is_summed() const override { return true; }
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;
  void visit_states(std::span<const double> eta, std::span<const double> values,
                    const StateVisitor& visit) const override;
  void draw_states(std::span<const double> eta, std::span<const double> values,
                   numeric::RandomStream& random, std::span<double> states) const override;
  bool is_plate() const override { return true; }
  void set_pool(numeric::ThreadPool* pool) override { pool_ = pool; }
  int64_t num_units() const override;
  void set_batch(int64_t first, int64_t count, double scale) override;

  int64_t slot_of_feature(int64_t k, int64_t s) const { return k * num_features() + s; }
  int64_t slot_of_category(size_t c, int64_t value, int64_t k) const {
    return category_first_[c] + value * data_.states + k;
  }
  int64_t slot_of_group(int64_t group, int64_t k) const {
    return group_first_ + group * data_.states + k;
  }
  int64_t slot_of_transition(int64_t i, int64_t j) const {
    return transition_first_ + i * data_.states + j;
  }
  /// r[k]: q(z_n = k) of rows [first, first + count), [count][K].
  void responsibilities(int64_t first, int64_t count, std::span<double> r) const;
  /// Of each state, the expected number of rows.
  std::vector<double> state_counts() const;

 private:
  int64_t num_features() const { return static_cast<int64_t>(data_.features.size()); }
  int64_t num_tiles() const;
  void scores(const double* eta, int64_t first, int64_t count, double* features,
              double* scores) const;
  void accumulate(int64_t first, int64_t count, const double* features, const double* r,
                  double* mean) const;
  /// mean: null where only the sum is wanted.
  double sweep_rows(const double* eta, int64_t first, int64_t count, double* mean) const;
  /// responsibilities, filtered: null, or p(z_n | all rows) and p(z_n | rows up to n), [rows][K].
  double sweep_chains(const double* eta, double* mean, std::vector<double>* responsibilities,
                      std::vector<double>* filtered = nullptr) const;
  void responsibilities(const double* eta, int64_t first, int64_t count, std::span<double> r) const;

  RowData data_;
  std::vector<int64_t> category_first_;
  int64_t group_first_ = 0, transition_first_ = 0, num_statistics_ = 0;
  std::vector<double> eta_, counts_;
  numeric::ThreadPool* pool_ = nullptr;
  int64_t batch_first_ = 0, batch_count_ = -1;
  double batch_scale_ = 1;
};

/// Documents d with shares theta_d ~ Dirichlet(alpha_d), words w with topics: r_dwk proportional to
/// exp(E[log theta_dk] + eta_wk). One coordinate step iterates r and theta of each document until
/// they stand still. Statistics: sum of r over the occurrences of word w, [V][K]. Equal words of a
/// document share their r.  [Blei, Ng, Jordan 2003, JMLR 3, fig. 6; Hoffman et al. 2010]
struct AdmixtureData {
  int64_t documents = 0, words = 0, topics = 0;
  std::vector<int64_t> first;  // [documents + 1], into word and count
  std::vector<int32_t> word;   // sorted within a document
  std::vector<double> count;
  std::vector<double> alpha;    // [documents][topics], or [topics] for all
  std::vector<int32_t> leaves;  // theta, [documents][topics]
  std::vector<int32_t> states;  // the discrete leaves, of the occurrences of each word in order
  int64_t max_inner = 100;
  double inner_tolerance = 1e-3;  // mean change of the concentrations
};

class Admixture final : public Variable {
 public:
  explicit Admixture(AdmixtureData data);
  int64_t num_statistics() const override { return data_.words * data_.topics; }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  bool is_summed() const override { return true; }
  double log_sum(std::span<const double> eta, std::span<const double> values) const override;
  void draw(numeric::RandomStream& random, std::span<double> values) const override;
  double log_density(std::span<const double> values) const override;
  void visit_states(std::span<const double> eta, std::span<const double> values,
                    const StateVisitor& visit) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;
  bool is_plate() const override { return true; }
  void set_pool(numeric::ThreadPool* pool) override { pool_ = pool; }
  int64_t num_units() const override { return data_.documents; }
  void set_batch(int64_t first, int64_t count, double scale) override;
  /// Concentrations of theta, [documents][topics].
  const std::vector<double>& concentrations() const { return gamma_; }

 private:
  double alpha(int64_t d, int64_t k) const {
    return data_.alpha[static_cast<size_t>(
        static_cast<int64_t>(data_.alpha.size()) == data_.topics ? k : d * data_.topics + k)];
  }
  /// exp(eta_wk - top_w), [words][stride], and top_w = max_k eta_wk.
  std::vector<double> word_table(std::span<const double> eta, int64_t stride,
                                 std::vector<double>& top) const;
  /// log B of the concentrations of document d: sum_k lgamma(alpha_k) - lgamma(sum_k alpha_k).
  double log_beta_alpha(int64_t d) const {
    return log_beta_alpha_[log_beta_alpha_.size() == 1 ? 0 : static_cast<size_t>(d)];
  }

  AdmixtureData data_;
  std::vector<double> log_beta_alpha_;          // one for all documents, or of each
  std::vector<double> gamma_, log_beta_gamma_;  // of q, by document
  numeric::ThreadPool* pool_ = nullptr;
  int64_t batch_first_ = 0, batch_count_ = -1;
  double batch_scale_ = 1;
};

}  // namespace vinci::conjugate
