// Functions that add to the target, or to the Jacobian adjustment.
functions {
  void add_prior_lp(vector x) {
    x ~ normal(0, 2);
    target += -0.1 * dot_self(x);
  }
  real half_normal_lp(real raw) {
    real x = exp(raw);
    target += raw;
    x ~ normal(0, 1);
    return x + 0 * target();
  }
  real positive_jacobian(real raw) {
    jacobian += raw;
    return exp(raw);
  }
  vector positives_jacobian(vector raw) {
    vector[rows(raw)] y;
    for (i in 1:rows(raw)) {
      y[i] = positive_jacobian(raw[i]);
    }
    return y;
  }
}
parameters {
  vector[2] a;
  real raw;
  vector[2] raw2;
}
transformed parameters {
  vector[2] positive = positives_jacobian(raw2);
  real b = positive_jacobian(a[1]);
  jacobian += 0.5 * a[2];
}
model {
  add_prior_lp(a);
  real x = half_normal_lp(raw);
  positive ~ gamma(2, x + 1);
  b ~ exponential(1);
}
