// warn: deprecated-syntax at 2, 5
# A comment of the older kind, "with" 'quotes' and /* signs
data {
  int N;      # as many as there are
  real y[N];  // the modern kind after a # sign
}
parameters {
  real mu;
}
model {
  y ~ normal(mu, 1);  ## two signs
}
#
