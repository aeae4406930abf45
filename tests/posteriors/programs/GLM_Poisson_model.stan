// Poisson counts of breeding falcons with a cubic trend in the year, uniform priors.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 3.
data {
  int<lower=0> n;
  array[n] int<lower=0> C;
  vector[n] year;
}
transformed data {
  vector[n] year2 = square(year);
  vector[n] year3 = year2 .* year;
}
parameters {
  real<lower=-20, upper=20> alpha;
  real<lower=-10, upper=10> beta1;
  real<lower=-10, upper=10> beta2;
  real<lower=-10, upper=10> beta3;
}
transformed parameters {
  vector[n] log_lambda = alpha + beta1 * year + beta2 * year2 + beta3 * year3;
}
model {
  C ~ poisson_log(log_lambda);
}
generated quantities {
  vector[n] lambda = exp(log_lambda);
}
