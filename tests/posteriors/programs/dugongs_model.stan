// Growth of dugongs: a curve that levels off with age.
// Source: BUGS Examples, volume 2, "Dugongs"; data of Ratkowsky (1983).
data {
  int<lower=0> N;
  array[N] real x;  // age
  array[N] real Y;  // length
}
parameters {
  real alpha;
  real beta;
  real<lower=0.5, upper=1> lambda;
  real<lower=0> tau;  // precision
}
transformed parameters {
  real sigma = 1 / sqrt(tau);
  real U3 = logit(lambda);
}
model {
  alpha ~ normal(0, 1000);
  beta ~ normal(0, 1000);
  lambda ~ uniform(0.5, 1);
  tau ~ gamma(1e-4, 1e-4);
  array[N] real expected;
  for (i in 1:N) {
    expected[i] = alpha - beta * lambda ^ x[i];
  }
  Y ~ normal(expected, sigma);
}
