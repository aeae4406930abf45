#!/usr/bin/env python3
"""Prints the coefficients of vec_math.h: Chebyshev interpolants of smooth functions, in 40-digit arithmetic.

Each line: name, largest relative error found on the interval, coefficients from degree 0 upwards.
"""
from mpmath import (mp, mpf, chebyfit, expm1, log, sqrt, pi, sin, cos, atan, asin, erfc, erf, exp, loggamma, polyval,
                    matrix, lu_solve, cos as mcos)

mp.dps = 40


def show(name, function, low, high, terms):
    coefficients = chebyfit(function, [low, high], terms)
    worst = mpf(0)
    for k in range(401):
        x = low + (high - low) * k / 400
        if x == 0:
            continue
        worst = max(worst, abs(polyval(coefficients, x) / function(x) - 1))
    print(f"// {name}: {len(coefficients)} terms, relative error {mp.nstr(worst, 3)}")
    print("{" + ", ".join(mp.nstr(c, 19) for c in reversed(coefficients)) + "}")


def show_rational(name, function, low, high, p, q):
    """Rational interpolant: numerator of degree p, denominator 1 + ... of degree q, at Chebyshev nodes."""
    n = p + q + 1
    a = matrix(n, n)
    b = matrix(n, 1)
    for i in range(n):
        x = (low + high) / 2 + (high - low) / 2 * mcos(pi * (2 * i + 1) / (2 * n))
        f = function(x)
        for j in range(p + 1):
            a[i, j] = x**j
        for j in range(1, q + 1):
            a[i, p + j] = -f * x**j
        b[i] = f
    c = lu_solve(a, b)
    num = [c[j] for j in range(p + 1)]
    den = [mpf(1)] + [c[p + j] for j in range(1, q + 1)]
    worst = mpf(0)
    for k in range(401):
        x = low + (high - low) * k / 400 + mpf(10)**-12
        worst = max(worst, abs(polyval(num[::-1], x) / polyval(den[::-1], x) / function(x) - 1))
    print(f"// {name}: degrees {p}/{q}, relative error {mp.nstr(worst, 3)}")
    print("{" + ", ".join(mp.nstr(v, 19) for v in num) + "}")
    print("{" + ", ".join(mp.nstr(v, 19) for v in den) + "}")


def safe(function, limit):
    return lambda x: function(x) if abs(x) > mpf(10)**-25 else limit


half_log2 = log(mpf(2)) / 2 * mpf("1.001")
show("(expm1(r) - r) / r^2", lambda r: (expm1(r) - r) / r**2 if abs(r) > mpf(10)**-12 else mpf(1) / 2 + r / 6,
     -half_log2, half_log2, 10)


def log_tail(z):
    """(log((1+s)/(1-s)) - 2 s) / (s z), z = s^2."""
    if z < mpf(10)**-12:
        return mpf(2) / 3 + 2 * z / 5
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s) / (s * z)


def log_tail_2(z):
    return (log_tail(z) - mpf(2) / 3) / z if z > mpf(10)**-12 else mpf(2) / 5 + 2 * z / 7


# mantissas in [3/4, 3/2): |s| <= 1/5
show("log tail", log_tail, mpf(0), mpf("0.04001"), 8)
show("second log tail", log_tail_2, mpf(0), mpf("0.04001"), 8)
show("log tail on s <= 1/3", log_tail, mpf(0), mpf("0.1112"), 11)

q = (pi / 4 * mpf("1.001"))**2


def sin_tail(z):
    if z < mpf(10)**-12:
        return -mpf(1) / 6 + z / 120
    x = sqrt(z)
    return (sin(x) - x) / (x * z)


def cos_tail(z):
    if z < mpf(10)**-10:
        return mpf(1) / 24 - z / 720
    return (cos(sqrt(z)) - 1 + z / 2) / z**2


show("(sin x - x) / x^3 in x^2", sin_tail, mpf(0), q, 6)
show("(cos x - 1 + x^2/2) / x^4 in x^2", cos_tail, mpf(0), q, 6)


def atan_tail(z):
    if z < mpf(10)**-12:
        return -mpf(1) / 3 + z / 5
    x = sqrt(z)
    return (atan(x) - x) / (x * z)


show("(atan x - x) / x^3 in x^2", atan_tail, mpf(0), ((sqrt(mpf(2)) - 1) * mpf("1.001"))**2, 11)


def asin_tail(z):
    if z < mpf(10)**-12:
        return mpf(1) / 6 + 3 * z / 40
    x = sqrt(z)
    return (asin(x) - x) / (x * z)


show("(asin x - x) / x^3 in x^2", asin_tail, mpf(0), mpf("0.2501"), 13)

show("erf(x)/x - 1 in x^2, |x| <= 1", lambda z: erf(sqrt(z)) / sqrt(z) if z > mpf(10)**-20 else 2 / sqrt(pi),
     mpf(0), mpf("1.0"), 13)


def scaled_erfc(k):
    def f(t):
        # t = (x - k) / (x + k), x = k (1 + t) / (1 - t); (1 + 2 x) erfcx(x) is smooth and bounded on [-1, 1]
        if t >= 1 - mpf(10)**-9:
            return 2 / sqrt(pi)
        x = k * (1 + t) / (1 - t)
        if x > 60:
            y = 1 / (2 * x * x)
            s, term = mpf(1), mpf(1)
            for j in range(1, 14):
                term *= -(2 * j - 1) * y
                s += term
            return (1 + 2 * x) * s / (x * sqrt(pi))
        return (1 + 2 * x) * exp(x * x) * erfc(x)
    return f


show("(1 + 2x) erfcx(x), t = (x-3)/(x+3)", scaled_erfc(mpf(3)), mpf(-1), mpf(1), 25)


def lgamma_core(u):
    """lgamma(1 + u) / (u (u - 1)), u in [0, 2]: no zero left. In u all coefficients are positive: no cancellation."""
    if abs(u) < mpf(10)**-15:
        return -mp.digamma(mpf(1))
    if abs(u - 1) < mpf(10)**-15:
        return mp.digamma(mpf(2))
    return loggamma(1 + u) / (u * (u - 1))


show_rational("lgamma(1 + u) / (u (u - 1))", lgamma_core, mpf(0), mpf(2), 8, 8)
