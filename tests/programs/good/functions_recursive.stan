// Recursion, directly and through a function declared before its definition.
functions {
  int is_odd(int n);
  int is_even(int n) {
    return n == 0 ? 1 : is_odd(n - 1);
  }
  int is_odd(int n) {
    return n == 0 ? 0 : is_even(n - 1);
  }
  real factorial(int n) {
    if (n <= 1) {
      return 1;
    }
    return n * factorial(n - 1);
  }
  real horner(vector c, real x) {
    if (rows(c) == 1) {
      return c[1];
    }
    return c[1] + x * horner(c[2:], x);
  }
}
transformed data {
  if (!is_even(10) || is_odd(10)) reject("parity");
  if (factorial(10) != 3628800) reject("factorial");
}
parameters {
  real x;
}
model {
  target += -horner([1, 0, 0.5, 0, 0.1]', x);
}
