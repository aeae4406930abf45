// Sparse linear regression with the horseshoe prior, non-centred.
data {
  int<lower=1> N;
  int<lower=1> D;
  matrix[N, D] X;
  vector[N] y;
}
parameters {
  vector[D] z;
  vector<lower=0>[D] lambda;
  real<lower=0> tau;
}
transformed parameters {
  vector[D] beta = tau * lambda .* z;
}
model {
  z ~ std_normal();
  lambda ~ cauchy(0, 1);
  tau ~ cauchy(0, 0.2);
  y ~ normal(X * beta, 1);
}
