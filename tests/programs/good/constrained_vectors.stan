// Vectors that are constrained as a whole.
parameters {
  simplex[3] a;
  array[2] simplex[2] b;
  unit_vector[3] c;
  ordered[3] d;
  positive_ordered[2] e_1;
  sum_to_zero_vector[4] f;
  array[2, 2] ordered[2] g;
  simplex[1] h;
  ordered[0] i;
  array[2] sum_to_zero_vector[3] j;
}
transformed parameters {
  simplex[3] a2 = reverse(a);
  unit_vector[3] c2 = -c;
  sum_to_zero_vector[4] f2 = 2 * f;
}
model {
  a ~ dirichlet([2, 2, 2]');
  d ~ normal(0, 2);
  e_1 ~ exponential(1);
  f ~ normal(0, 1);
  for (m in 1:2) {
    b[m] ~ dirichlet(rep_vector(1, 2));
    j[m] ~ normal(0, 1);
    for (n in 1:2) {
      g[m, n] ~ normal(0, 1);
    }
  }
}
