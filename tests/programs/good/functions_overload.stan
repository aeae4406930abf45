// One name, several argument types; the call that needs no promotion or the least is taken.
functions {
  int kind(int x) {
    return 1;
  }
  int kind(real x) {
    return 2;
  }
  int kind(vector x) {
    return 3;
  }
  int kind(row_vector x) {
    return 4;
  }
  int kind(array[] real x) {
    return 5;
  }
  int kind(array[] int x) {
    return 6;
  }
  int kind(int x, real y) {
    return 7;
  }
  int kind(complex x) {
    return 8;
  }
  // A library name for other argument types.
  real log(tuple(real, real) x) {
    return x.1 * x.2;
  }
}
transformed data {
  if (kind(1) != 1 || kind(1.0) != 2 || kind(1i) != 8) reject("scalars");
  if (kind([1]') != 3 || kind([1]) != 4) reject("vectors");
  if (kind({1.0}) != 5 || kind({1}) != 6) reject("arrays");
  if (kind(1, 2) != 7) reject("two arguments, one promoted");
  if (log((2.0, 3.0)) != 6 || log(1) != 0) reject("log");
}
