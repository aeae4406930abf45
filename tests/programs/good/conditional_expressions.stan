// The ternary operator with scalars, promotion and containers; only the chosen branch is evaluated.
functions {
  real sign(real x) {
    return x > 0 ? 1 : x < 0 ? -1 : 0;
  }
  real not_here() {
    reject("a branch that was not chosen has been evaluated");
    return 0;
  }
}
transformed data {
  vector[2] v = 1 ? [1, 2]' : rep_vector(0, 2);
  array[2] int a = 0 ? {1, 2} : {3, 4};
  real x = a[1] == 3 ? 2 : 2.5;
  complex z = 1 ? x : 1i;
  if (x != 2 || get_real(z) != 2) reject("promotion");
  x = 1 ? x : not_here();
}
parameters {
  real y;
}
model {
  y ~ normal(sign(y - 100), v[2] > 1 ? 2 : 1);
}
