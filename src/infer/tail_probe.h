// Is the posterior proper? Importance ratios see only where q is; this looks far out.
#pragma once

#include <span>

#include "infer/objective.h"

namespace vinci::infer {

/// A direction along which the density does not fall off.
struct TailProbe {
  bool improper = false;
  Index coordinate = -1;  // along which; -1: along a principal axis of the draws
};

/// points: [count][D] draws. From their mean, along every coordinate and (up to 100 dimensions)
/// every principal axis of the draws, both ways, looks at f(r) = log p + log r at 1e4 and 1e6
/// deviations: where the density can be integrated along a line, f falls without bound; where it
/// rises or stays (by less than one nat in a hundredfold), it cannot, or has tails beyond r^-1.2.
/// A ray is followed outward only while the density stays within a hundred nats of the mean's.
/// Costs at most 16 D (or 8 D) values, usually 4 D.
TailProbe probe_tails(Objective& objective, std::span<const double> points);

}  // namespace vinci::infer
