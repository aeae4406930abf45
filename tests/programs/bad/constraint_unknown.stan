// expect: syntax at 3:8
parameters {
  real<minimum=0> x;
}
