#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>

#include "conjugate/normal_block.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

namespace {
constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kLogPi = 1.1447298858494001741;
constexpr double kLogTwo = 0.69314718055994530942;

/// log of the multivariate gamma function.
double lgamma_of_dim(int64_t dim, double x) {
  double sum = static_cast<double>(dim * (dim - 1)) / 4 * kLogPi;
  for (int64_t i = 0; i < dim; ++i) sum += numeric::lgamma(x - static_cast<double>(i) / 2);
  return sum;
}
}  // namespace

NormalWishart::NormalWishart(std::vector<int32_t> matrix, std::vector<int32_t> vector,
                             std::vector<double> shifts, int64_t dim, double power)
    : dim_(dim), power_(power), shifts_(std::move(shifts)), degrees_(static_cast<double>(dim)) {
  leaves_ = std::move(matrix);
  leaves_.insert(leaves_.end(), vector.begin(), vector.end());
  mean_.assign(shifts_.size(), 0);
  inverse_scale_.assign(static_cast<size_t>(dim * dim), 0);
  root_ = inverse_scale_;
}

// log q(L, d) = c log|L| - tr(S L)/2 + g'(L d) - kappa d'L d/2. With the inverse as leaf the
// measure adds |L|^-(D+1).
bool NormalWishart::update(std::span<const double> eta, std::span<double> mean) {
  const auto dim = static_cast<double>(dim_);
  double c = power_ == 1 ? eta[0] : -eta[0] - (dim + 1);
  Eigen::MatrixXd s(dim_, dim_);
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      s(i, j) = s(j, i) = (i == j ? -2 : -1) * eta[static_cast<size_t>(slot_of(i, j))];
    }
  }
  double kappa = 0;
  Eigen::VectorXd m = Eigen::VectorXd::Zero(dim_);
  if (has_vector()) {
    kappa = -2 * eta[static_cast<size_t>(slot_of_form())];
    if (!(kappa > 0 && std::isfinite(kappa))) return false;
    for (int64_t i = 0; i < dim_; ++i) m(i) = eta[static_cast<size_t>(slot_of_product(i))] / kappa;
    s -= kappa * m * m.transpose();
    c -= 0.5;
  }
  const double degrees = 2 * c + dim + 1;
  if (!(degrees > dim - 1 && std::isfinite(degrees) && s.allFinite())) return false;
  const Eigen::LLT<Eigen::MatrixXd> llt(s);
  if (llt.info() != Eigen::Success) return false;
  double log_det = 0;
  for (int64_t i = 0; i < dim_; ++i) {
    const double d = llt.matrixLLT()(i, i);
    if (!(d * d > 4e-15 * s(i, i))) return false;
    log_det += 2 * std::log(d);
  }
  const Eigen::MatrixXd inverse = llt.solve(Eigen::MatrixXd::Identity(dim_, dim_));
  double log_leaf = dim * kLogTwo - log_det;
  for (int64_t i = 0; i < dim_; ++i)
    log_leaf += numeric::digamma((degrees - static_cast<double>(i)) / 2);
  mean[0] = power_ * log_leaf;
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j)
      mean[static_cast<size_t>(slot_of(i, j))] = degrees * (inverse(i, j) + inverse(j, i)) / 2;
  }
  log_partition_ = log_normaliser_ =
      degrees * dim / 2 * kLogTwo + lgamma_of_dim(dim_, degrees / 2) - degrees / 2 * log_det;
  if (has_vector()) {
    const Eigen::VectorXd product = degrees * (inverse * m);
    for (int64_t i = 0; i < dim_; ++i) {
      mean[static_cast<size_t>(slot_of_product(i))] = product(i);
      mean_[static_cast<size_t>(i)] = m(i);
    }
    mean[static_cast<size_t>(slot_of_form())] = m.dot(product) + dim / kappa;
    log_partition_ += dim / 2 * (kLogTwoPi - std::log(kappa));
  }
  degrees_ = degrees;
  kappa_ = kappa;
  Eigen::Map<Eigen::MatrixXd>(inverse_scale_.data(), dim_, dim_) = s;
  const Eigen::MatrixXd symmetric = (inverse + inverse.transpose()) / 2;
  Eigen::Map<Eigen::MatrixXd>(root_.data(), dim_, dim_) =
      Eigen::LLT<Eigen::MatrixXd>(symmetric).matrixL();
  return true;
}

void NormalWishart::start(numeric::RandomStream&, std::span<double> mean) {
  for (double& m : mean) m = 0;
  for (int64_t i = 0; i < dim_; ++i) mean[static_cast<size_t>(slot_of(i, i))] = 1;
  if (has_vector()) mean[static_cast<size_t>(slot_of_form())] = static_cast<double>(dim_);
}

void NormalWishart::statistics(std::span<const double> values, std::span<double> u) const {
  Eigen::MatrixXd leaf(dim_, dim_);
  size_t next = 0;
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j) leaf(i, j) = leaf(j, i) = values[next++];
  }
  const Eigen::LLT<Eigen::MatrixXd> llt(leaf);
  double log_det = 0;
  for (int64_t i = 0; i < dim_; ++i) log_det += 2 * std::log(llt.matrixLLT()(i, i));
  // No density where the matrix is not positive definite.
  u[0] = llt.info() == Eigen::Success ? log_det : std::numeric_limits<double>::quiet_NaN();
  const Eigen::MatrixXd l =
      power_ == 1 ? leaf : Eigen::MatrixXd(llt.solve(Eigen::MatrixXd::Identity(dim_, dim_)));
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j)
      u[static_cast<size_t>(slot_of(i, j))] = (l(i, j) + l(j, i)) / 2;
  }
  if (!has_vector()) return;
  Eigen::VectorXd d(dim_);
  for (size_t i = 0; i < shifts_.size(); ++i)
    d(static_cast<Eigen::Index>(i)) = values[next++] - shifts_[i];
  const Eigen::VectorXd product = l * d;
  for (int64_t i = 0; i < dim_; ++i) u[static_cast<size_t>(slot_of_product(i))] = product(i);
  u[static_cast<size_t>(slot_of_form())] = d.dot(product);
}

void NormalWishart::draw(numeric::RandomStream& random, std::span<double> values) const {
  // Bartlett: L = C A A' C', S^-1 = C C'.  [Smith and Hocking 1972, doi 10.2307/2346290]
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(dim_, dim_);
  for (int64_t i = 0; i < dim_; ++i) {
    a(i, i) = std::sqrt(random.chi_square(degrees_ - static_cast<double>(i)));
    for (int64_t j = 0; j < i; ++j) a(i, j) = random.normal();
  }
  const Eigen::Map<const Eigen::MatrixXd> root(root_.data(), dim_, dim_);
  const Eigen::MatrixXd factor = root * a;  // lower triangular
  Eigen::MatrixXd leaf = factor * factor.transpose();
  if (power_ == -1) leaf = leaf.llt().solve(Eigen::MatrixXd::Identity(dim_, dim_));
  size_t next = 0;
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j) values[next++] = (leaf(i, j) + leaf(j, i)) / 2;
  }
  if (!has_vector()) return;
  Eigen::VectorXd noise(dim_);
  for (int64_t i = 0; i < dim_; ++i) noise(i) = random.normal();
  factor.triangularView<Eigen::Lower>().transpose().solveInPlace(noise);
  for (size_t i = 0; i < mean_.size(); ++i) {
    values[next++] =
        shifts_[i] + mean_[i] + noise(static_cast<Eigen::Index>(i)) / std::sqrt(kappa_);
  }
}

double NormalWishart::log_density(std::span<const double> values) const {
  const auto dim = static_cast<double>(dim_);
  Eigen::MatrixXd leaf(dim_, dim_);
  size_t next = 0;
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j) leaf(i, j) = leaf(j, i) = values[next++];
  }
  const Eigen::LLT<Eigen::MatrixXd> llt(leaf);
  if (llt.info() != Eigen::Success) return -std::numeric_limits<double>::infinity();
  double log_det = 0;
  for (int64_t i = 0; i < dim_; ++i) log_det += 2 * std::log(llt.matrixLLT()(i, i));
  Eigen::MatrixXd l = leaf;
  if (power_ == -1) {
    l = llt.solve(Eigen::MatrixXd::Identity(dim_, dim_));
    log_det = -log_det;
  }
  const Eigen::Map<const Eigen::MatrixXd> s(inverse_scale_.data(), dim_, dim_);
  double result =
      (degrees_ - dim - 1) / 2 * log_det - s.cwiseProduct(l).sum() / 2 - log_normaliser_;
  if (power_ == -1) result += (dim + 1) * log_det;  // |dL / dleaf| = |L|^(D+1)
  if (!has_vector()) return result;
  Eigen::VectorXd d(dim_);
  for (size_t i = 0; i < mean_.size(); ++i)
    d(static_cast<Eigen::Index>(i)) = values[next++] - shifts_[i] - mean_[i];
  return result + dim / 2 * (std::log(kappa_) - kLogTwoPi) + log_det / 2 -
         kappa_ / 2 * d.dot(l * d);
}

void NormalWishart::describe(std::span<const std::string> leaf_names,
                             std::vector<NamedDistribution>& out) const {
  const size_t matrix = static_cast<size_t>(dim_ * (dim_ + 1) / 2);
  // Of the first element's name without its last two indices.
  const std::string& first = leaf_names[0];
  const size_t at = first.find_last_of("[,", first.rfind(',') - 1);
  const std::string name = first[at] == '[' ? first.substr(0, at) : first.substr(0, at) + "]";
  NamedDistribution d{name, power_ == 1 ? "wishart" : "inverse-wishart", {{"degrees", degrees_}}};
  for (int64_t i = 0; i < dim_; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      d.params.emplace_back(
          fmt::format("{}[{},{}]", power_ == 1 ? "inverse_scale" : "scale", i + 1, j + 1),
          inverse_scale_[static_cast<size_t>(j * dim_ + i)]);
    }
  }
  out.push_back(std::move(d));
  const Eigen::Map<const Eigen::MatrixXd> s(inverse_scale_.data(), dim_, dim_);
  for (size_t i = 0; i < mean_.size(); ++i) {
    const double df = degrees_ - static_cast<double>(dim_) + 1;
    const auto k = static_cast<Eigen::Index>(i);
    out.push_back({leaf_names[matrix + i],
                   "student-t",
                   {{"degrees", df},
                    {"location", shifts_[i] + mean_[i]},
                    {"scale", std::sqrt(s(k, k) / (kappa_ * df))}}});
  }
}

}  // namespace vinci::conjugate
