data {
  int D;
  int V;
  int K;
  int N;
  array[N] int<lower=1, upper=D> doc;
  array[N] int<lower=1, upper=V> word;
}
parameters {
  array[D] simplex[K] theta;
  array[K] simplex[V] phi;
  array[N] int<lower=1, upper=K> z;
}
model {
  theta ~ dirichlet(rep_vector(1.0 / K, K));
  phi ~ dirichlet(rep_vector(1.0 / K, V));
  for (n in 1:N) {
    z[n] ~ categorical(theta[doc[n]]);
    word[n] ~ categorical(phi[z[n]]);
  }
}
