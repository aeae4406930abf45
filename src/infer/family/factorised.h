// q = product of factors: gammas, betas, Dirichlets, normals, points, each over its own
// coordinates.
#pragma once

#include <string>
#include <vector>

#include "infer/family/factor/factor.h"
#include "infer/family/parametric_family.h"

namespace vinci::infer {

/// A factor of q and where its unconstrained coordinates lie.
struct FactorBlock {
  std::string name;  // of the parameter's element, such as `theta[2]`; may be empty
  ContinuousFactorPtr factor;
  Index first = 0;
  bool named = false;  // asked for by name: reported
};

/// A factor with the parameters that it has in a fitted q.
struct FittedFactor {
  std::string name;
  std::string_view word;
  std::vector<NamedParam> params;
};

/// Mean field on the constrained support. Noise is uniform on (0, 1), so that draws are by
/// inversion; a point takes none. Draws, densities and gradients cost what the factors cost; the
/// entropy is exact. Points (see point_factor) have no density: log q is that of the rest.
class FactorisedFamily final : public ParametricFamily {
 public:
  /// The blocks' coordinates cover 0, ..., dim - 1, each once.
  FactorisedFamily(Index dim, std::vector<FactorBlock> blocks);

  Index dim() const override { return dim_; }
  Index num_params() const override { return num_params_; }
  std::string describe() const override;
  std::string param_name(Index p) const override;
  FamilyPtr at(std::span<const double> lambda) const override;

  void log_q(std::span<const double> lambda, LaneMatrix points, std::span<double> out) const;
  void score(std::span<const double> lambda, LaneMatrix points,
             MutableLaneMatrix score) const override;
  void log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                      MutableLaneMatrix gradient) const override;
  Index noise_dim() const override { return noise_dim_; }
  void fill_noise(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                  MutableLaneMatrix noise) const override;
  TapePtr transform(std::span<const double> lambda, LaneMatrix noise, MutableLaneMatrix points,
                    std::span<double> log_q) const override;
  void pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                const Tape* tape, LaneMatrix adjoint, MutableLaneMatrix gradient) const override;

  /// E[-log q] over the unconstrained coordinates; NaN where a factor has no closed form.
  double entropy(std::span<const double> lambda) const;
  /// KL(q_lambda || q_other): the sum over factors. Both lambda belong to this family.
  double kl(std::span<const double> lambda, std::span<const double> other) const;
  /// lambda of members that lie about where N(mean, diag(sd^2)) does; mean, sd: [D].
  std::vector<double> start(std::span<const double> mean, std::span<const double> sd) const;

  const std::vector<FactorBlock>& blocks() const { return blocks_; }
  /// Where block b's parameters lie in lambda.
  Index first_param(size_t b) const { return first_params_[b]; }
  /// The factors that were asked for by name.
  std::vector<FittedFactor> fitted(std::span<const double> lambda) const;
  bool has_points() const { return has_points_; }

 private:
  Index dim_;
  Index num_params_ = 0;
  Index noise_dim_ = 0;
  bool has_points_ = false;
  std::vector<FactorBlock> blocks_;
  std::vector<Index> first_params_, first_noises_;
};

/// A member of a factorised family.
class Factorised final : public Family {
 public:
  Factorised(FactorisedFamily family, std::vector<double> lambda);

  Index dim() const override { return family_.dim(); }
  std::string describe() const override { return family_.describe(); }
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override { return family_.entropy(lambda_); }

  const FactorisedFamily& family() const { return family_; }
  const std::vector<double>& lambda() const { return lambda_; }

 private:
  FactorisedFamily family_;
  std::vector<double> lambda_;
};

}  // namespace vinci::infer
