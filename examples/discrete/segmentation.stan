// A noisy picture in two colours. Neighbours like to agree (an Ising field); the colours' levels and the
// noise are unknown. A 16 x 16 grid has too many joint states to sum over: q(z) is fitted by sampling.
data {
  int<lower=1> R;
  int<lower=1> C;
  matrix[R, C] y;
  real coupling;
}
parameters {
  array[R, C] int<lower=0, upper=1> z;
  ordered[2] level;
  real<lower=0> sigma;
}
model {
  level ~ normal(0, 2);
  sigma ~ lognormal(0, 1);
  for (r in 1:R) {
    for (c in 1:C) {
      y[r, c] ~ normal(level[1 + z[r, c]], sigma);
      if (r < R) {
        target += coupling * (2 * z[r, c] - 1) * (2 * z[r + 1, c] - 1);
      }
      if (c < C) {
        target += coupling * (2 * z[r, c] - 1) * (2 * z[r, c + 1] - 1);
      }
    }
  }
}
