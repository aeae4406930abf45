// Statements that begin with a brace: blocks, and densities of array literals.
parameters {
  real mu;
  vector[2] beta;
}
model {
  {mu, 1 + mu} ~ normal(0, 1);
  {mu} ~ normal({0.5}, 2);
  {
    {1, 0, 1} ~ bernoulli_logit(mu);
  }
  {beta, -beta} ~ multi_normal([0, 1]', identity_matrix(2));
  [mu, 2] ~ normal(0, 1);
  (mu + 1) * 2 ~ normal(0, 1);
  -mu ~ normal(0, 1);
  {}
}
