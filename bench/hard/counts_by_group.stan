// A hierarchical generalised linear model of 2,003 parameters: counts in 2,000 groups.
data {
  int<lower=1> N;
  int<lower=1> G;
  array[N] int<lower=1, upper=G> group;
  vector[N] x;
  array[N] int<lower=0> y;
}
parameters {
  real alpha;
  real beta;
  real<lower=0> sigma;
  vector<offset=alpha, multiplier=sigma>[G] a;
}
model {
  alpha ~ normal(0, 2);
  beta ~ normal(0, 1);
  sigma ~ normal(0, 1);
  a ~ normal(alpha, sigma);
  y ~ poisson_log(a[group] + beta * x);
}
