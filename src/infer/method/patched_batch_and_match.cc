#include "infer/method/patched_batch_and_match.h"

#include <algorithm>
#include <cmath>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// Psi + R R' - W W', never formed.
struct StepCovariance {
  Vector psi;
  Matrix plus, minus;

  Matrix times(const Matrix& x) const {
    Matrix y = psi.asDiagonal() * x;
    y.noalias() += plus * (plus.transpose() * x);
    if (minus.cols() > 0) y.noalias() -= minus * (minus.transpose() * x);
    return y;
  }
  Vector diagonal() const {
    Vector d = psi + plus.rowwise().squaredNorm();
    if (minus.cols() > 0) d -= minus.rowwise().squaredNorm();
    return d;
  }
};

/// Diagonal plus low rank, with draws by a square root of the same shape as LowRankNormal's.
class Factors {
 public:
  Factors(Vector psi, Matrix lambda) : psi_(std::move(psi)), lambda_(std::move(lambda)) {
    const Index dim = lambda_.rows(), rank = lambda_.cols();
    const Matrix scaled = psi_.cwiseSqrt().cwiseInverse().asDiagonal() * lambda_;
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(scaled);
    basis_ = qr.householderQ() * Eigen::MatrixXd::Identity(dim, rank);
    const Eigen::MatrixXd r =
        Eigen::MatrixXd(qr.matrixQR().topRows(rank).triangularView<Eigen::Upper>());
    const Eigen::LLT<Eigen::MatrixXd> llt(Eigen::MatrixXd::Identity(rank, rank) +
                                          r * r.transpose());
    valid_ = llt.info() == Eigen::Success && psi_.allFinite() && lambda_.allFinite();
    core_ = Eigen::MatrixXd(llt.matrixL());
  }

  bool valid() const { return valid_; }
  const Vector& psi() const { return psi_; }
  const Matrix& lambda() const { return lambda_; }
  std::shared_ptr<const LowRankNormal> at(const Vector& mean) const {
    return std::make_shared<LowRankNormal>(to_std(mean), to_std(psi_), to_std(basis_),
                                           to_std(core_));
  }

 private:
  Vector psi_;
  Matrix lambda_, basis_, core_;
  bool valid_ = false;
};

/// Factor analysis of `target`, starting from (psi, lambda).
void patch(const StepCovariance& target, Index steps, Vector& psi, Matrix& lambda) {
  const Index rank = lambda.cols();
  const Vector diagonal = target.diagonal();
  for (Index k = 0; k < steps; ++k) {
    // B = Lambda' (Lambda Lambda' + Psi)^-1 = (I + Lambda' Psi^-1 Lambda)^-1 Lambda' Psi^-1.
    const Matrix scaled = psi.cwiseInverse().asDiagonal() * lambda;
    const Matrix inner = Matrix::Identity(rank, rank) + lambda.transpose() * scaled;
    const Matrix b = Eigen::LLT<Matrix>(inner).solve(scaled.transpose());
    const Matrix moved = target.times(b.transpose());  // Sigma B'
    const Matrix second = Matrix::Identity(rank, rank) - b * lambda + b * moved;
    const Matrix next = Eigen::LLT<Matrix>(0.5 * (second + second.transpose()))
                            .solve(moved.transpose())
                            .transpose();
    const Vector explained = next.cwiseProduct(moved).rowwise().sum();
    lambda = next;
    psi = (diagonal - explained).cwiseMax(1e-6 * diagonal.cwiseAbs());
  }
}

}  // namespace

PatchedBatchAndMatchResult patched_batch_and_match(Objective& objective,
                                                   const std::vector<double>& start_mean,
                                                   const std::vector<double>& sd,
                                                   const PatchedBatchAndMatchOptions& options,
                                                   numeric::RandomKey key) {
  const Index dim = objective.dim(), batch = options.batch;
  const Index rank = std::min(options.rank, dim);
  PatchedBatchAndMatchResult result;
  Vector mean = map_vector(start_mean);
  Vector psi = map_vector(sd).array().square();
  // Directions to grow from: noise well below the diagonal.
  Matrix lambda(dim, rank);
  numeric::fill_normal(key, 0, 0, dim, rank, lambda.data(), rank);
  lambda = (0.03 * psi.cwiseSqrt()).asDiagonal() * lambda;
  Factors factors(psi, lambda);
  if (!factors.valid()) return result;
  std::shared_ptr<const LowRankNormal> normal = factors.at(mean);
  Matrix noise(dim, batch), z(dim, batch), g(dim, batch);
  Vector values(batch);
  double damping = 1;
  for (Index t = 1; t <= options.iterations && !objective.should_stop(); ++t) {
    numeric::fill_normal(key, static_cast<uint32_t>(t), 0, dim, batch, noise.data(), batch);
    normal->reparameterise(lanes_of(noise), mutable_lanes(z));
    objective.evaluate(lanes_of(z), span_of(values), mutable_lanes(g));
    Index finite = 0;
    for (Index b = 0; b < batch; ++b) {
      if (!std::isfinite(values[b])) continue;
      if (finite != b) {
        z.col(finite) = z.col(b).eval();
        g.col(finite) = g.col(b).eval();
      }
      ++finite;
    }
    if (finite < batch) damping *= 0.5;
    if (finite < 2) {
      psi *= 0.25;
      lambda *= 0.5;
      factors = Factors(psi, lambda);
      normal = factors.at(mean);
      ++result.rejected;
      continue;
    }
    const double learning = damping * static_cast<double>(batch * dim) / static_cast<double>(t);
    const auto n = static_cast<double>(finite);
    const Vector z_mean = z.leftCols(finite).rowwise().mean();
    const Vector g_mean = g.leftCols(finite).rowwise().mean();
    Matrix scores(dim, finite + 1);
    scores.leftCols(finite) = std::sqrt(learning / n) * (g.leftCols(finite).colwise() - g_mean);
    scores.col(finite) = std::sqrt(learning / (1 + learning)) * g_mean;
    StepCovariance step;
    step.psi = factors.psi();
    step.plus.resize(dim, rank + finite + 1);
    step.plus.leftCols(rank) = factors.lambda();
    step.plus.middleCols(rank, finite) =
        std::sqrt(learning / n) * (z.leftCols(finite).colwise() - z_mean);
    step.plus.col(rank + finite) = std::sqrt(learning / (1 + learning)) * (mean - z_mean);
    // S = V - V Q [I/2 + (Q'VQ + I/4)^{1/2}]^{-2} Q'V, as in batch_and_match.
    const Matrix vq = step.times(scores);
    const Matrix inner = scores.transpose() * vq;
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(inner);
    const Vector shrink = 1 / (0.5 + (eigen.eigenvalues().array().max(0.0) + 0.25).sqrt());
    step.minus = vq * eigen.eigenvectors() * shrink.asDiagonal();
    const Vector moved = step.times(g_mean);
    const Vector next_mean = mean / (1 + learning) + learning / (1 + learning) * (moved + z_mean);
    Vector next_psi = factors.psi();
    Matrix next_lambda = factors.lambda();
    if (step.diagonal().minCoeff() > 0) patch(step, options.em_steps, next_psi, next_lambda);
    Factors next(next_psi, next_lambda);
    if (!next_mean.allFinite() || !next.valid() || step.diagonal().minCoeff() <= 0) {
      damping *= 0.5;
      ++result.rejected;
      continue;
    }
    mean = next_mean;
    psi = std::move(next_psi);
    lambda = std::move(next_lambda);
    factors = std::move(next);
    normal = factors.at(mean);
    ++result.accepted;
  }
  if (result.accepted > 0) result.normal = normal;
  return result;
}

}  // namespace vinci::infer
