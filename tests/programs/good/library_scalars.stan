// Scalar functions against identities and known values.
functions {
  // Relative closeness, absolute below one.
  void near(real x, real y, real tolerance, int which) {
    if (!(abs(x - y) <= tolerance * (1 + abs(y)))) {
      reject("check ", which, ": ", x, " is not ", y);
    }
  }
}
transformed data {
  real tol = 1e-13;
  array[6] real some = {0.1, 0.5, 0.9, 1.3, 2.7, 6.2};
  for (x in some) {
    near(exp(log(x)), x, tol, 1);
    near(exp2(log2(x)), x, tol, 2);
    near(pow(10, log10(x)), x, tol, 3);
    near(expm1(x) + 1, exp(x), tol, 4);
    near(log1p(x), log(1 + x), tol, 5);
    near(cbrt(x) ^ 3, x, tol, 6);
    near(square(sqrt(x)), x, tol, 7);
    near(inv(x) * inv_sqrt(x) * inv_square(x), x ^ -3.5, tol, 8);
    near(square(sin(x)) + square(cos(x)), 1, tol, 9);
    near(tan(x), sin(x) / cos(x), tol, 10);
    near(square(cosh(x)) - square(sinh(x)), 1, 1e-9, 11);
    near(tanh(x), sinh(x) / cosh(x), tol, 12);
    near(asinh(sinh(x)), x, tol, 13);
    near(acosh(cosh(x)), x, 1e-12, 14);
    near(atanh(tanh(x / 3)), x / 3, 1e-12, 15);
    near(asin(x / 7) + acos(x / 7), pi() / 2, tol, 16);
    near(atan2(x, 1), atan(x), tol, 17);
    near(hypot(3 * x, 4 * x), 5 * x, tol, 18);
    near(tgamma(x + 1), x * tgamma(x), 1e-12, 19);
    near(lgamma(x + 1), log(x) + lgamma(x), 1e-12, 20);
    near(digamma(x + 1), digamma(x) + 1 / x, 1e-12, 21);
    near(trigamma(x + 1), trigamma(x) - 1 / square(x), 1e-12, 22);
    near(lbeta(x, 2), lgamma(x) + lgamma(2) - lgamma(x + 2), 1e-12, 23);
    near(beta(x, 3), exp(lbeta(x, 3)), 1e-12, 24);
    near(erf(x) + erfc(x), 1, tol, 25);
    near(Phi(x), 0.5 * erfc(-x / sqrt2()), 1e-12, 26);
    near(inv_Phi(Phi(x - 2)), x - 2, 1e-9, 27);
    near(std_normal_qf(Phi(x - 2)), x - 2, 1e-9, 28);
    near(inv_logit(logit(x / 7)), x / 7, tol, 29);
    near(log_inv_logit(x), log(inv_logit(x)), tol, 30);
    near(log1m_inv_logit(x), log1m(inv_logit(x)), 1e-10, 31);
    near(inv_cloglog(x - 2), 1 - exp(-exp(x - 2)), 1e-12, 32);
    near(log1m_exp(-x), log(1 - exp(-x)), 1e-12, 33);
    near(log1p_exp(x), log(1 + exp(x)), tol, 34);
    near(log_diff_exp(x, x - 1), log(exp(x) - exp(x - 1)), 1e-12, 35);
    near(log_sum_exp(x, 2), log(exp(x) + exp(2)), tol, 36);
    near(log_mix(x / 7, 1, 2), log(x / 7 * exp(1) + (1 - x / 7) * exp(2)), 1e-12, 37);
    near(gamma_p(x, 2) + gamma_q(x, 2), 1, 1e-12, 38);
    near(inc_beta(x, 2, 0.3) + inc_beta(2, x, 0.7), 1, 1e-12, 39);
    near(lmultiply(x, 3), x * log(3), tol, 40);
    near(lmgamma(1, x), lgamma(x), 1e-12, 41);
    near(bessel_first_kind(2, x) + bessel_first_kind(0, x), 2 / x * bessel_first_kind(1, x),
         1e-11, 43);
    near(modified_bessel_first_kind(0, x) - modified_bessel_first_kind(2, x),
         2 / x * modified_bessel_first_kind(1, x), 1e-10, 44);
    near(exp(log_modified_bessel_first_kind(1.0, x)), modified_bessel_first_kind(1, x), 1e-9, 45);
    near(lambert_w0(x) * exp(lambert_w0(x)), x, 1e-12, 46);
    near(owens_t(x, 1), 0.5 * Phi(x) * (1 - Phi(x)), 1e-12, 47);
    near(fma(x, 2, 3), 2 * x + 3, tol, 48);
    near(fmod(x, 0.5), x - 0.5 * floor(x / 0.5), 1e-12, 49);
    near(fdim(x, 1), x > 1 ? x - 1 : 0, tol, 50);
    near(fmax(x, 1) + fmin(x, 1), x + 1, tol, 51);
    near(falling_factorial(x + 3, 2), (x + 3) * (x + 2), 1e-11, 52);
    near(rising_factorial(x, 3), x * (x + 1) * (x + 2), 1e-12, 53);
    near(log_falling_factorial(x + 3, 2), log((x + 3) * (x + 2)), 1e-12, 54);
    near(log_rising_factorial(x, 3), log(x * (x + 1) * (x + 2)), 1e-12, 55);
    near(lchoose(x + 5, 2), log((x + 5) * (x + 4) / 2), 1e-11, 56);
  }
  near(tgamma(5), 24, tol, 60);
  near(digamma(1), -0.57721566490153286, tol, 61);
  near(trigamma(1), pi() ^ 2 / 6, tol, 62);
  near(erf(0.5), 0.52049987781304654, tol, 63);
  near(e(), exp(1), tol, 64);
  near(choose(10, 3), 120, 0, 65);
  near(round(2.4) + round(-2.6) + ceil(0.2) + floor(-0.2) + trunc(-1.7), -2, 0, 66);
  near(step(0) + step(-1) + int_step(2.0) + int_step(0.0), 2, 0, 67);
  near(is_inf(positive_infinity()) + is_nan(not_a_number()) + is_nan(1), 2, 0, 68);
  near(machine_precision(), 2.0 ^ -52, 0, 69);
  near(to_int(3.7) + abs(-2) + max(3, 5) + min(3, 5), 13, 0, 70);
  near(logit(0.5) + Phi_approx(0) + inv_erfc(1), 0.5, tol, 71);
  near(binary_log_loss(1, 0.25), log(4), tol, 72);
  near(ldexp(3, 4), 48, 0, 73);
}
