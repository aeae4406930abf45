// expect: reserved-word at 3:8
functions {
  real f_lupdf(real x) {
    return x;
  }
}
