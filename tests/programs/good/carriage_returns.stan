data {
  int<lower=0> N; // a file with carriage returns
  array[N] real y;
}
parameters {
	real mu; /* and	tabs
	in comments */
}
model {
	y ~ normal(mu,
	           1);
}
