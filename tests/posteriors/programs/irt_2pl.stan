// Item response, two parameters per item (discrimination a, difficulty b), complete responses.
// Source: item-response section of the Stan User's Guide; Birnbaum (1968).
data {
  int<lower=0> I;  // items
  int<lower=0> J;  // persons
  array[I, J] int<lower=0, upper=1> y;
}
parameters {
  real<lower=0> sigma_theta;
  vector[J] theta;
  real<lower=0> sigma_a;
  vector<lower=0>[I] a;
  real mu_b;
  real<lower=0> sigma_b;
  vector[I] b;
}
model {
  sigma_theta ~ cauchy(0, 2);
  sigma_a ~ cauchy(0, 2);
  sigma_b ~ cauchy(0, 2);
  mu_b ~ normal(0, 5);
  theta ~ normal(0, sigma_theta);
  a ~ lognormal(0, sigma_a);
  b ~ normal(mu_b, sigma_b);
  for (item in 1:I) {
    vector[J] eta = a[item] * (theta - b[item]);
    y[item] ~ bernoulli_logit(eta);
  }
}
