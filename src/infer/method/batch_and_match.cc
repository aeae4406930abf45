#include "infer/method/batch_and_match.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// The positive definite S with S U S + S = V, U = scores scores' of any rank, V positive definite;
/// a matrix that is not finite where V is not positive definite.
Matrix solve_update(const Matrix& scores, const Matrix& v) {
  const Index dim = v.rows(), columns = scores.cols();
  if (columns < dim) {
    // S = V - V Q [I/2 + (Q'VQ + I/4)^{1/2}]^{-2} Q'V; in eigenvectors of Q'VQ = W diag(x) W'.
    const Matrix vq = v * scores;
    const Matrix inner = scores.transpose() * vq;
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(inner);
    const Vector shrink =
        1 / (0.5 + (eigen.eigenvalues().array().max(0.0) + 0.25).sqrt());  // its square is meant
    const Matrix half = vq * eigen.eigenvectors() * shrink.asDiagonal();
    return v - half * half.transpose();
  }
  // V = L L', L'UL = W diag(x) W'  =>  S = L W diag(2 / (1 + sqrt(1 + 4x))) W' L'.
  const Eigen::LLT<Matrix> llt(v);
  if (llt.info() != Eigen::Success) return Matrix::Constant(dim, dim, std::nan(""));
  const Matrix l = llt.matrixL();
  const Matrix ls = l.transpose() * scores;
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Matrix(ls * ls.transpose()));
  const Vector root = (2 / (1 + (1 + 4 * eigen.eigenvalues().array().max(0.0)).sqrt())).sqrt();
  const Matrix half = l * eigen.eigenvectors() * root.asDiagonal();
  return half * half.transpose();
}

}  // namespace

BatchAndMatchResult batch_and_match(Objective& objective, const FullRankNormal& start,
                                    const BatchAndMatchOptions& options, numeric::RandomKey key) {
  const Index dim = objective.dim(), batch = options.batch;
  BatchAndMatchResult result{start};
  Vector mean = map_vector(start.mean());
  Matrix factor = map_square(start.factor(), dim);
  Matrix covariance = factor * factor.transpose();
  Matrix noise(dim, batch), z(dim, batch), g(dim, batch);
  Vector values(batch);
  double damping = 1;
  for (Index t = 1; t <= options.iterations && !objective.should_stop(); ++t) {
    numeric::fill_normal(key, static_cast<uint32_t>(t), 0, dim, batch, noise.data(), batch);
    z.noalias() = factor.triangularView<Eigen::Lower>() * noise;
    z.colwise() += mean;
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
      // Nearly all of q lies outside of the support: shrink it about its mean and look again.
      factor *= 0.5;
      covariance *= 0.25;
      ++result.rejected;
      continue;
    }
    const double lambda = damping * static_cast<double>(batch * dim) / static_cast<double>(t);
    const auto n = static_cast<double>(finite);
    const Vector z_mean = z.leftCols(finite).rowwise().mean();
    const Vector g_mean = g.leftCols(finite).rowwise().mean();
    const Matrix dz = z.leftCols(finite).colwise() - z_mean;
    Matrix scores(dim, finite + 1);  // U = scores scores'
    scores.leftCols(finite) = std::sqrt(lambda / n) * (g.leftCols(finite).colwise() - g_mean);
    scores.col(finite) = std::sqrt(lambda / (1 + lambda)) * g_mean;
    const Vector shift = mean - z_mean;
    Matrix v = covariance;
    v.noalias() += (lambda / n) * dz * dz.transpose();
    v.noalias() += (lambda / (1 + lambda)) * shift * shift.transpose();

    Matrix next = solve_update(scores, v);
    next = (0.5 * (next + next.transpose())).eval();
    const Vector next_mean = mean / (1 + lambda) + lambda / (1 + lambda) * (next * g_mean + z_mean);
    const Eigen::LLT<Matrix> llt(next);
    const bool usable = next.allFinite() && next_mean.allFinite() && llt.info() == Eigen::Success &&
                        next.diagonal().minCoeff() > 0;
    if (!usable) {
      damping *= 0.5;
      ++result.rejected;
      continue;
    }
    mean = next_mean;
    covariance = std::move(next);
    factor = llt.matrixL();
    ++result.accepted;
  }
  result.normal = FullRankNormal(to_std(mean), to_std(factor));
  return result;
}

}  // namespace vinci::infer
