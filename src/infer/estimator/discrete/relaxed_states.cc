#include "infer/estimator/discrete/relaxed_states.h"

#include <cmath>

namespace vinci::infer {

namespace {

/// z to softmax(z / t), coordinate by coordinate.
void soften(const MixedFamily& family, double temperature, Matrix& z) {
  for (Index m = 0; m < family.num_discrete(); ++m) {
    auto own = z.middleRows(family.first_state(m), family.discrete()[static_cast<size_t>(m)].count);
    own /= temperature;
    own.rowwise() -= own.colwise().maxCoeff().eval();
    own = own.array().exp();
    own.array().rowwise() /= own.colwise().sum().array().eval();
  }
}

}  // namespace

RelaxedStates relax_freely(const MixedFamily& family, std::span<const double> log_pi,
                           double temperature, const Matrix& uniform) {
  RelaxedStates r;
  r.temperature = temperature;
  r.slope = Matrix::Ones(uniform.rows(), uniform.cols());
  r.soft = -(-uniform.array().log()).log();
  r.soft.colwise() += Eigen::Map<const Vector>(log_pi.data(), static_cast<Index>(log_pi.size()));
  soften(family, temperature, r.soft);
  return r;
}

RelaxedStates relax_given_states(const MixedFamily& family, std::span<const double> log_pi,
                                 double temperature, const Matrix& uniform, const Matrix& states,
                                 bool along_free_noise) {
  RelaxedStates r;
  r.temperature = temperature;
  r.soft.resize(uniform.rows(), uniform.cols());
  r.slope = Matrix::Ones(uniform.rows(), uniform.cols());
  for (Index m = 0; m < family.num_discrete(); ++m) {
    const Index first = family.first_state(m);
    const Index count = family.discrete()[static_cast<size_t>(m)].count;
    for (Index l = 0; l < uniform.cols(); ++l) {
      const Index drawn = first + family.state_index(m, states(m, l));
      // The largest of all is Gumbel, as the probabilities sum to one; the others fall below it.
      const double top = -std::log(uniform(drawn, l));
      r.soft(drawn, l) = -std::log(top);
      if (!along_free_noise) r.slope(drawn, l) = 0;
      for (Index k = first; k < first + count; ++k) {
        if (k == drawn) continue;
        const double own = -std::log(uniform(k, l)) / std::exp(log_pi[static_cast<size_t>(k)]);
        r.soft(k, l) = -std::log(own + top);
        if (!along_free_noise) r.slope(k, l) = std::isfinite(own) ? own / (own + top) : 1;
      }
    }
  }
  soften(family, temperature, r.soft);
  return r;
}

Matrix RelaxedStates::pull(const MixedFamily& family, std::span<const double> log_pi,
                           const Matrix& adjoint) const {
  Matrix gradient(family.num_logits(), adjoint.cols());
  for (Index m = 0; m < family.num_discrete(); ++m) {
    const Index first = family.first_state(m);
    const Index count = family.discrete()[static_cast<size_t>(m)].count;
    const auto y = soft.middleRows(first, count).array();
    const auto w = adjoint.middleRows(first, count).array();
    const Eigen::Array<double, 1, Eigen::Dynamic> mean = (y * w).colwise().sum();
    // Of log pi.
    Matrix of_log_pi = y * (w.rowwise() - mean) / temperature;
    of_log_pi.array() *= slope.middleRows(first, count).array();
    const Eigen::RowVectorXd sum = of_log_pi.colwise().sum();
    for (Index k = 1; k < count; ++k) {
      gradient.row(family.first_logit(m) + k - 1) =
          of_log_pi.row(k) - std::exp(log_pi[static_cast<size_t>(first + k)]) * sum;
    }
  }
  return gradient;
}

Matrix RelaxedStates::push(const MixedFamily& family, std::span<const double> log_pi,
                           const Matrix& move) const {
  Matrix result(soft.rows(), soft.cols());
  for (Index m = 0; m < family.num_discrete(); ++m) {
    const Index first = family.first_state(m);
    const Index count = family.discrete()[static_cast<size_t>(m)].count;
    Matrix of_log_pi = Matrix::Zero(count, soft.cols());
    for (Index k = 1; k < count; ++k) {
      const auto own = move.row(family.first_logit(m) + k - 1);
      of_log_pi.row(k) += own;
      of_log_pi.rowwise() -= std::exp(log_pi[static_cast<size_t>(first + k)]) * own.eval();
    }
    const Matrix z = of_log_pi.array() * slope.middleRows(first, count).array();
    const auto y = soft.middleRows(first, count).array();
    const Eigen::Array<double, 1, Eigen::Dynamic> mean = (y * z.array()).colwise().sum();
    result.middleRows(first, count) = y * (z.array().rowwise() - mean) / temperature;
  }
  return result;
}

}  // namespace vinci::infer
