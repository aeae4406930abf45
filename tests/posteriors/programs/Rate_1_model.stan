// One binomial rate with a uniform prior.
// Source: Lee and Wagenmakers, "Bayesian Cognitive Modeling" (2013), section 3.1.
data {
  int<lower=1> n;
  int<lower=0> k;
}
parameters {
  real<lower=0, upper=1> theta;
}
model {
  theta ~ beta(1, 1);
  k ~ binomial(n, theta);
}
