// Vectors, row vectors, matrices and arrays of them, with bounds, and with sizes of zero.
transformed data {
  int N = 3;
  int K = 2;
  vector[N] v = [1, 2, 3]';
  row_vector[0] nothing;
  matrix[0, 4] flat;
  array[0] int none;
  array[2, 0, 3] real hollow;
}
parameters {
  vector[N] a;
  vector<lower=0>[N] b;
  vector<lower=-v, upper=v>[N] c;
  row_vector<upper=1>[K] d;
  row_vector<offset=2, multiplier=3>[K] e1;
  matrix[N, K] f;
  matrix<lower=0, upper=1>[K, K] g;
  array[K] real h;
  array[K, N] real<lower=0> i;
  array[K] vector<multiplier=v>[N] j;
  array[2, 1, 2] matrix<lower=-1>[1, 2] k;
  array[K] row_vector[N - K] l;
  vector[0] m;
  array[0] vector<lower=0>[N] n;
  array[N + 1] real<offset=1> o;
}
transformed parameters {
  vector[N] t = a + b;
  array[K] vector<lower=0>[N] u;
  for (q in 1:K) {
    u[q] = to_vector(i[q]) + 1e-3;
  }
}
model {
  a ~ std_normal();
  b ~ exponential(1);
  d ~ normal(0, 1);
  e1 ~ normal(2, 3);
  to_vector(f) ~ std_normal();
  h ~ std_normal();
  for (q in 1:K) {
    i[q] ~ exponential(1);
    j[q] ~ normal(0, v);
    l[q] ~ std_normal();
    for (r in 1:K) {
      to_vector(k[q, 1, r]) + 1 ~ exponential(1);
    }
  }
  m ~ std_normal();
  o ~ normal(1, 1);
}
