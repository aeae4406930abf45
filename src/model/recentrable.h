// Densities that can be evaluated in other coordinates: hierarchies with a learned centring.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::model {

/// A log density over new coordinates, |d old / d new| included, with the map to the old ones.
/// Laws: (1) value(new) = old density at to_original(new) + log_abs_det_jacobian;
/// (2) from_original inverts to_original, and both give the same log_abs_det_jacobian, that of
/// d old / d new; (3) those of LogDensity.
class Recentred : public LogDensity {
 public:
  /// points, original: [D][lanes]; log_abs_det_jacobian: [lanes].
  virtual void to_original(LaneMatrix points, MutableLaneMatrix original,
                           std::span<double> log_abs_det_jacobian) const = 0;
  virtual void from_original(LaneMatrix original, MutableLaneMatrix points,
                             std::span<double> log_abs_det_jacobian) const = 0;
};

/// A density some of whose coordinates are x = location + scale u, or u, of a hierarchy: the sites.
/// Each may be centred by c in [0, 1]: x_c = c location + scale^c u.
class Recentrable {
 public:
  struct Site {
    Index coordinate;
    bool centred;      // the coordinate is x (c = 1); else it is u (c = 0)
    double curvature;  // of -log p(u) at its mode, 1 for a normal
  };

  virtual ~Recentrable() = default;

  virtual std::span<const Site> sites() const = 0;
  /// Lines for a person: `theta[1..8]: location mu, scale tau`.
  virtual std::vector<std::string> describe_sites() const = 0;
  /// The same density with sites()[k] at centring[k]. Costs as much as building the model again
  /// without reading it.
  virtual std::unique_ptr<Recentred> recentred(std::span<const double> centring) const = 0;
};

}  // namespace vinci::model
