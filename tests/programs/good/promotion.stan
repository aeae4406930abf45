// An int may stand where a real is wanted, a real where a complex is; arrays of them too.
functions {
  real f(real x) {
    return x / 2;
  }
  real g(array[] real x) {
    return sum(x) / 2;
  }
  complex h(complex x) {
    return x;
  }
  array[] complex k(array[] complex x) {
    return x;
  }
}
transformed data {
  int i = 3;
  array[2] int a = {1, 2};
  array[2] real b = a;
  array[2] complex c = b;
  real x = i;
  complex z = i;
  vector[2] v = rep_vector(i, 2);
  x = a[1];
  b[1] = i;
  v[2] = 4;
  if (f(i) != 1.5) reject("an int argument is a real inside");
  if (g(a) != 1.5) reject("an array of int is an array of real inside");
  if (get_real(h(i)) != 3 || get_real(k(a)[2]) != 2) reject("complex");
  if ((i + 0.5) * 2 != 7) reject("mixed arithmetic");
}
parameters {
  real y;
}
model {
  y ~ normal(i, a[2]);
  i ~ normal(y, 1);
}
