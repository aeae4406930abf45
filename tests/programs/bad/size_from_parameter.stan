// expect: data-only at 9:10
parameters {
  real<lower=0> x;
}
model {
  vector[2] v;
}
generated quantities {
  vector[to_int(x)] w;
}
