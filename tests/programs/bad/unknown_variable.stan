// expect: unknown-identifier at 6:18
parameters {
  real alpha;
}
model {
  alpha ~ normal(alhpa, 1);
}
