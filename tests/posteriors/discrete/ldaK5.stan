// Latent Dirichlet allocation with five topics, Dirichlet parameters as data, the topic of each
// word written out.
// Source: Blei, Ng and Jordan (2003); clustering chapter of the Stan User's Guide.
data {
  int<lower=2> V;  // distinct words
  int<lower=1> M;  // documents
  int<lower=1> N;  // words in all documents
  array[N] int<lower=1, upper=V> w;
  array[N] int<lower=1, upper=M> doc;
  vector<lower=0>[5] alpha;
  vector<lower=0>[V] beta;
}
parameters {
  array[M] simplex[5] theta;
  array[5] simplex[V] phi;
  array[N] int<lower=1, upper=5> topic;
}
model {
  for (m in 1:M) {
    theta[m] ~ dirichlet(alpha);
  }
  for (k in 1:5) {
    phi[k] ~ dirichlet(beta);
  }
  for (n in 1:N) {
    topic[n] ~ categorical(theta[doc[n]]);
    w[n] ~ categorical(phi[topic[n]]);
  }
}
