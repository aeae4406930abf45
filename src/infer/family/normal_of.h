// The normal that stands for any q: where a fit of a normal starts that is given another's result.
#pragma once

#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"

namespace vinci::infer {

/// Of a normal, itself; of a mixture, its heaviest component; of any other q, the normal of the
/// mean and covariance of max(4000, 4 D) draws.  O(D^3).
FullRankNormal full_rank_normal_of(const Family& q);
/// The product of that normal's marginals; no dense covariance for normals that have none.
MeanFieldNormal mean_field_normal_of(const Family& q);

/// The marginal of a normal over the coordinates `kept`, in that order.
FullRankNormal marginal_of(const FullRankNormal& q, const std::vector<Index>& kept);

}  // namespace vinci::infer
