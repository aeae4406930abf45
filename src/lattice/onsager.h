// What is known exactly of the zero-field Ising model on the square lattice with four neighbours,
// and where fields order: the yardstick for mean field, and the prior's constant that learning a
// coupling needs.
#pragma once

namespace vinci::lattice {

/// log Z / N of the infinite lattice, coupling J >= 0 on each edge; ln 2 at 0. To 1e-9, at the
/// critical coupling to 1e-7.  [Onsager 1944, doi 10.1103/PhysRev.65.117]
double onsager_log_partition(double coupling);

/// E[z_i z_j] of neighbours: half the derivative of onsager_log_partition. 0 at 0, sqrt(1/2) at the
/// critical coupling.
double onsager_correlation(double coupling);

/// The J at which neighbours have this correlation, in [0, 1); by bisection, to 1e-10. Where the
/// correlation is too near to 1, the largest that this returns: 3.
double coupling_of_correlation(double correlation);

/// |E[z_i]| under an infinitesimal field: 0 up to the critical coupling, then (1 -
/// sinh(2J)^-4)^(1/8). [Yang 1952, doi 10.1103/PhysRev.85.808]
double onsager_magnetisation(double coupling);

/// The coupling above which the infinite lattice orders by itself: ln(1 + sqrt(levels)) / 2, exact
/// for four neighbours.  [Potts 1952; Beffara and Duminil-Copin 2012,
/// doi 10.1007/s00440-011-0353-8] 0.4407 for two levels.
double critical_coupling(int levels);

/// The coupling above which mean field orders without data although, below critical_coupling, the
/// exact field does not: an edge counts as `degree` independent ones. Ising: 1 / degree.
double mean_field_critical_coupling(int levels, double degree);

}  // namespace vinci::lattice
