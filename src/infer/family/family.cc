#include "infer/family/family.h"

#include "infer/dense.h"

namespace vinci::infer {

void NormalFamily::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                        MutableLaneMatrix points, std::span<double> log_q) const {
  Matrix noise(points.rows, points.lanes);
  numeric::fill_normal(key, step, first_lane, noise.rows(), noise.cols(), noise.data(),
                       noise.cols());
  reparameterise(lanes_of(noise), points);
  const double constant = log_normaliser();
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * noise.col(l).squaredNorm();
  }
}

double NormalFamily::entropy() const {
  return -log_normaliser() + 0.5 * static_cast<double>(dim());
}

}  // namespace vinci::infer
