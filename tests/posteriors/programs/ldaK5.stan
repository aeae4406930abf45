// Latent Dirichlet allocation with five topics, Dirichlet parameters as data, topic labels summed
// out.
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
}
model {
  for (m in 1:M) {
    theta[m] ~ dirichlet(alpha);
  }
  for (k in 1:5) {
    phi[k] ~ dirichlet(beta);
  }
  for (n in 1:N) {
    array[5] real joint;
    for (k in 1:5) {
      joint[k] = log(theta[doc[n], k]) + log(phi[k, w[n]]);
    }
    target += log_sum_exp(joint);
  }
}
