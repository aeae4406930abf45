// Annotations on functions.
functions {
  @deprecated
  real old_way(real x) {
    return x;
  }
  @stable @experimental real new_way(real x) {
    return x;
  }
}
parameters {
  real x;
}
model {
  new_way(x) ~ normal(0, 1);
}
