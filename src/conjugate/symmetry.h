// Symmetries of a posterior that q does not have: labels of states that can be exchanged, factors
// of products whose signs can be turned or that can be exchanged. Where there is one, the posterior
// has images of the mode that q is in, and q covers one of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "conjugate/compile.h"
#include "numeric/random/random_stream.h"
#include "vinci/context.h"

namespace vinci::conjugate {

/// Values of the leaves to values of the leaves, one to one and of Jacobian 1: leaf i gets the
/// value of source[i], times -1 where is_turned.
struct LeafMap {
  std::vector<int32_t> source;
  std::vector<char> is_turned;  // empty: none
  void apply(std::span<const double> values, std::span<double> image) const;
  /// The map back, of one that turns nothing.
  LeafMap inverse() const;
};

struct Symmetry {
  enum class Kind : uint8_t { kLabels, kSigns, kFactors };
  Kind kind;
  std::string name;             // of the discrete parameter, or of those in the product
  std::vector<int64_t> states;  // kLabels: those that can be exchanged
  double log_modes = 0;         // log of the number of equal modes, of which q is one
  std::vector<char> moves;      // by leaf: its mean is another in another of the modes
  std::vector<LeafMap> maps;    // from mode to mode, some of them
  /// kLabels: to the mode in which the states stand in order of their weights (the expected number
  /// of rows or words in them), the largest first; state k is there what state order[k] is in q's.
  /// Empty where they stand so.
  std::vector<size_t> order;
  LeafMap by_weight;
  bool is_ordered =
      false;  // they stand so there: false where the search ended before that was known
};

struct Symmetries {
  std::vector<Symmetry> equal;
  /// Images of the mode that are modes too but of other mass: log of that, relative to q's mode.
  std::vector<double> rivals;
  bool is_complete = true;  // false: cancelled or out of time, there may be others
};

using LeafDensity = std::function<double(std::span<const double>)>;

/// Looks at the density at images of draws of q: where it is as large as at the draws and q is
/// small, there is a mode that q does not cover. Its mass relative to q's mode is
///     E_q[p(image) / p(draw); q(image)/p(image) < e^-5 q(draw)/p(draw)].
/// Nothing is claimed of the statements: an asymmetric prior counts by what it does to the mass,
/// and images that q covers (of states that no row is in) are not counted. `log_density`: as
/// Network::log_density. Cost: some 16 densities for each state and each factor. After
/// `max_seconds`, or when `context` is cancelled, it ends with the next density: what was found
/// until then is returned, and is not complete.
Symmetries find_symmetries(const Conjugate& model, const LeafDensity& log_density, uint64_t seed,
                           double max_seconds = 1e300, const Context& context = {});

/// All `by_weight`, one after the other; empty where there is none.
LeafMap ordering_of(std::span<const Symmetry> symmetries);

/// Labels exchanged, in words: "states 1, 2, 4 of `z`".
std::string describe(const Symmetry& symmetry);

}  // namespace vinci::conjugate
