// Bounds, offsets and multipliers that depend on parameters declared before them.
parameters {
  real<lower=0> scale;
  real center;
  vector<lower=center>[2] above;
  vector<lower=center, upper=above>[2] between;
  vector<offset=center, multiplier=scale>[3] effect;
  row_vector<offset=above', multiplier=scale>[2] shifted;
  real<upper=min(between)> below;
  array[2] real<lower=below, upper=below + scale> inside;
}
model {
  scale ~ lognormal(0, 1);
  center ~ normal(0, 1);
  above - center ~ exponential(1);
  effect ~ normal(center, scale);
  shifted ~ normal(above', scale);
  min(between) - below ~ exponential(1);
}
