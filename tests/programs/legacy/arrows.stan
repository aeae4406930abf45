// warn: deprecated-syntax at 8
parameters {
  real x;
}
transformed parameters {
  real y;
  vector[2] v;
  y <- 2 * x;
  v[1] <- y;
  v[2] <- x;
}
model {
  real z;
  z <- y < -x ? 1 : 2;   // here `< -x` is a comparison
  x ~ normal(0, z);
  for (i in 1:2) v[i] ~ normal(0, 1);
}
