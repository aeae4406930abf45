// Declarations between statements, several names in one, values at once, names that hide nothing.
transformed data {
  int a = 1, b, c = a + 1;
  b = 2;
  real x;
  x = a + b + c;
  vector[c] v = rep_vector(x, c), u;
  u = v;
  array[2] vector[2] w = {u, v}, w2 = w;
  {
    int local = 4;
    array[local] int inner_array = rep_array(local, local);
    {
      real local2 = inner_array[local];
      x += local2;
    }
  }
  {
    real local = 0.5;  // another block, the same name, another type
    x += local;
  }
  for (local in 1:2) x += local;
  if (x != 12.5) reject("x is ", x);
}
parameters {
  real p, q;
  vector[b] r, s;
}
transformed parameters {
  real pq = p * q;
  vector[b] rs = r .* s;
}
model {
  p ~ normal(0, 1);
  real scale = 1 + p ^ 2;
  q ~ normal(0, scale);
  vector[2] location = [p, q]';
  r ~ normal(location, 1);
  s ~ normal(location, 1);
}
generated quantities {
  real total = p + q;
  int<lower=0> n = 3;  // not a size of block variables, which are data
  array[b] real reps;
  for (i in 1:b) reps[i] = total * i;
}
