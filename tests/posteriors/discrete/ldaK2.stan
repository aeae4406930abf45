// Latent Dirichlet allocation with two topics and uniform priors, the topic of each word written
// out.
// Source: Blei, Ng and Jordan (2003); clustering chapter of the Stan User's Guide.
data {
  int<lower=2> V;  // distinct words
  int<lower=1> M;  // documents
  int<lower=1> N;  // words in all documents
  array[N] int<lower=1, upper=V> w;
  array[N] int<lower=1, upper=M> doc;
}
transformed data {
  int<lower=1> K = 2;
  vector<lower=0>[K] alpha = rep_vector(1, K);
  vector<lower=0>[V] beta = rep_vector(1, V);
}
parameters {
  array[M] simplex[K] theta;
  array[K] simplex[V] phi;
  array[N] int<lower=1, upper=K> topic;
}
model {
  for (m in 1:M) {
    theta[m] ~ dirichlet(alpha);
  }
  for (k in 1:K) {
    phi[k] ~ dirichlet(beta);
  }
  for (n in 1:N) {
    topic[n] ~ categorical(theta[doc[n]]);
    target += log(phi[topic[n], w[n]]);
  }
}
