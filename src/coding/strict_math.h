// Elementary functions whose every bit is defined: sums, products and quotients of doubles in a
// fixed order, nothing of the system's mathematical library. Encoder and decoder have to agree on
// the last bit of a probability, whatever machine, library or instruction set each runs on.
//
// Relies on IEEE 754 doubles rounded to nearest and on no contraction to fused multiply-add, which
// the build switches off.
#pragma once

#include <cstdint>

namespace vinci::coding {

/// e^x, relative error below 1e-15; 0 below -708, inf above 709.7, NaN for NaN.
double strict_exp(double x);
/// log x, error below 1e-15 max(1, |log x|); -inf at 0, NaN below.
double strict_log(double x);
/// log x / log 2.
inline double strict_log2(double x) { return strict_log(x) * 1.4426950408889634074; }
/// 2^x.
inline double strict_exp2(double x) { return strict_exp(x * 0.6931471805599453); }
/// log Gamma(x), x > 0; error below 1e-13 max(1, |log Gamma|).
double strict_log_gamma(double x);
/// 1 / (1 + e^-x).
double strict_inv_logit(double x);
/// (e^2x - 1) / (e^2x + 1), absolute error below 1e-15.
double strict_tanh(double x);
/// x between -limit and limit, 0 for NaN: a number that any output of a network can stand for.
double bounded(double x, double limit);
/// The standard normal distribution function, absolute error below 1e-15; about 100 operations.
double strict_normal_cdf(double x);
/// The same from a table: absolute error below 1.4e-11, about 10 operations.
double fast_normal_cdf(double x);
/// Its inverse, p in (0, 1): |normal_cdf(result) - p| below 1e-15.
double strict_normal_quantile(double p);

}  // namespace vinci::coding
