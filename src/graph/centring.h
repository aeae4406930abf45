// Centring: the coordinates of a density graph whose prior is a location-scale family of other
// parameters, and the same density in coordinates that are more or less centred.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

/// A coordinate that is x = location + scale u, or u itself, where u has a prior without parameters
/// and the scale depends on other parameters. With a centring c in [0, 1], the coordinate can be
/// x_c = c location + scale^c u instead: u for c = 0 (non-centred), x for c = 1 (centred). Then
/// x = location + scale^(1 - c) (x_c - c location). [Gorinova, Moore, Hoffman 2020, ICML, eq. (5)]
struct Site {
  int coordinate = 0;
  bool centred = true;  // the program's coordinate is x; false: it is u
  Scalar location;
  Scalar scale;          // positive wherever the density is
  double curvature = 1;  // of -log p(u) at its mode
  // Nodes that have a simple form in any centring, -1 where there are none: x of a coordinate u,
  // scale * u, x - location, and -(x - location)^2 / (2 scale^2).
  NodeIndex sum = -1;
  NodeIndex product = -1;
  NodeIndex residual = -1;
  NodeIndex kernel = -1;
};

/// The sites of a graph as it was traced, before passes. A parameter x is a site where
/// - one normal kernel N(x | location, scale) has a scale that is not constant and a location that
///   is another node: the only one, or the only one on its side in the order of declaration, as
///   parents are declared on one side of x and children on the other; or else a kernel has the
///   location 0, where a scale that more parameters share wins. (The kernel is symmetric. Of an
///   observation y ~ N(x, sigma) it sees N(x | y, sigma), but y is a constant.)
/// - or (x - location) / scale is squared within a Student t density, or |x - location| / scale is
///   computed, as in a double exponential one;
/// - or x has a standard normal prior and is used in one product with one positive node, as in
///   location + scale * x.
/// A site whose location or scale would depend on its own coordinate through other sites is left
/// out. May add nodes to the graph, never terms. O(nodes).
std::vector<Site> find_sites(Graph& graph);

/// A density in other coordinates.
struct Recentred {
  Graph graph;                   // of the new coordinates; its terms hold the Jacobian
  std::vector<Scalar> original;  // the old coordinates, nodes of `graph`
  Scalar log_abs_det_jacobian;   // log |d old / d new|, a node of `graph`
};
/// The density of `terms` and `constants` (of the density, of the Jacobian) over the nodes of
/// `graph`, with sites[k] at centring[k]. Residuals are rewritten, not computed: nothing cancels
/// where a scale is small, and what a site costs does not grow. O(nodes).
Recentred recentre(const Graph& graph, std::span<const Term> terms,
                   std::span<const double> constants, std::span<const Site> sites,
                   std::span<const double> centring);

/// The inverse map: the new coordinates and log |d old / d new| as nodes over the old ones.
struct Uncentred {
  Graph graph;
  std::vector<Scalar> recentred;
  Scalar log_abs_det_jacobian;
};
Uncentred to_recentred(const Graph& graph, std::span<const Site> sites,
                       std::span<const double> centring);

}  // namespace vinci::graph
