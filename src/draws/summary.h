// Summaries of draws: moments, quantiles, effective sample size, R-hat.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "draws/draws.h"

namespace vinci::draws {

/// One quantity, as in the tables and the run record. NaN: not computed.
struct ParameterSummary {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::string name;  ///< `theta[3]`
  double mean = kUnknown;
  double sd = kUnknown;
  double q05 = kUnknown;
  double q50 = kUnknown;
  double q95 = kUnknown;
  double khat = kUnknown;
  double ess = kUnknown;        ///< effective sample size of the draws
  double rhat = kUnknown;       ///< of several chains
  bool is_point = false;        ///< learned, not integrated out: its value, without uncertainty
  bool is_of_one_mode = false;  ///< other in the other modes that the posterior has by a symmetry
  double mcse = kUnknown;       ///< Monte Carlo standard error of the mean
  /// How far the approximation's own mean and sd may be from the posterior's at most.
  double mean_error = kUnknown;
  double sd_error = kUnknown;
  /// Of a discrete parameter: of its states first_state, first_state + 1, ...; else empty.
  std::vector<double> probabilities;
  int64_t first_state = 0;
};

/// Summary of each column. With log weights, self-normalised importance sampling: mean = sum w x,
/// sd^2 = sum w (x - mean)^2 / (1 - sum w^2), which for equal weights has the divisor n - 1;
/// quantiles as below; ess = 1 / sum w^2, the number of draws for equal weights. NaN in a column
/// makes its figures NaN. O(n log n) per column.
std::vector<ParameterSummary> summarise(const Draws& draws);

/// Summary of the same model's chains, pooled: ess is the bulk effective sample size and rhat the
/// rank-normalised split R-hat. The chains' columns have to agree (else Error(kInput)).
std::vector<ParameterSummary> summarise_chains(std::span<const Draws* const> chains);

/// Quantile of type 7 (linear between order statistics): sorted x, p in [0, 1]. NaN for empty x.
/// [Hyndman and Fan 1996, definition 7]
double quantile_sorted(std::span<const double> x, double p);

/// Weighted quantile of type 7; `weights` sum to 1 and belong to the sorted `x`. Equal weights give
/// the type 7 of quantile_sorted. [Akinshin 2023, arXiv:2304.07265, section 4]
double quantile_sorted(std::span<const double> x, std::span<const double> weights, double p);

/// Bulk effective sample size of `chains` of equal length, rank-normalised and split in halves,
/// autocorrelation sums cut by Geyer's initial monotone sequence; at most N log10(N). NaN below 4
/// draws a chain, for constant or non-finite draws. [Vehtari, Gelman, Simpson, Carpenter, Bürkner
/// 2021, section 3, eq. (10) to (14), doi:10.1214/20-BA1221]
double ess_bulk(std::span<const std::vector<double>> chains);

/// Effective sample size of the mean: as ess_bulk, of the values themselves instead of their ranks.
double ess_mean(std::span<const std::vector<double>> chains);

/// R-hat: the larger of the rank-normalised split R-hat and that of the folded draws |x - median|.
/// NaN as above. [Vehtari et al. 2021, section 4.1, eq. (1) to (4)]
double rhat(std::span<const std::vector<double>> chains);

/// Phi^-1(p), the standard normal quantile: p in (0, 1), relative error < 1e-14; -inf at 0, inf
/// at 1.
double standard_normal_quantile(double p);

}  // namespace vinci::draws
