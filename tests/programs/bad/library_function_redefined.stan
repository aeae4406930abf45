// expect: redeclared at 3:8
functions {
  real exp(real x) {
    return x;
  }
}
