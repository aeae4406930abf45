// Vote for the Republican candidate in 1988 polls: logistic regression with varying intercepts of
// age, education, their product, state and region.
// Source: Gelman and Hill (2007), section 14.1.
data {
  int<lower=0> N;
  int<lower=0> n_age;
  int<lower=0> n_age_edu;
  int<lower=0> n_edu;
  int<lower=0> n_region_full;
  int<lower=0> n_state;
  array[N] int<lower=0, upper=n_age> age;
  array[N] int<lower=0, upper=n_age_edu> age_edu;
  vector<lower=0, upper=1>[N] black;
  array[N] int<lower=0, upper=n_edu> edu;
  vector<lower=0, upper=1>[N] female;
  array[N] int<lower=0, upper=n_region_full> region_full;
  array[N] int<lower=0, upper=n_state> state;
  vector[N] v_prev_full;
  array[N] int<lower=0, upper=1> y;
}
parameters {
  vector[n_age] a;
  vector[n_edu] b;
  vector[n_age_edu] c;
  vector[n_state] d;
  vector[n_region_full] e;
  vector[5] beta;
  real<lower=0, upper=100> sigma_a;
  real<lower=0, upper=100> sigma_b;
  real<lower=0, upper=100> sigma_c;
  real<lower=0, upper=100> sigma_d;
  real<lower=0, upper=100> sigma_e;
}
transformed parameters {
  vector[N] y_hat;
  for (n in 1:N) {
    real fixed = beta[1] + beta[2] * black[n] + beta[3] * female[n] + beta[4] * v_prev_full[n]
                 + beta[5] * female[n] * black[n];
    real varying = a[age[n]] + b[edu[n]] + c[age_edu[n]] + d[state[n]] + e[region_full[n]];
    y_hat[n] = fixed + varying;
  }
}
model {
  beta ~ normal(0, 100);
  a ~ normal(0, sigma_a);
  b ~ normal(0, sigma_b);
  c ~ normal(0, sigma_c);
  d ~ normal(0, sigma_d);
  e ~ normal(0, sigma_e);
  y ~ bernoulli_logit(y_hat);
}
