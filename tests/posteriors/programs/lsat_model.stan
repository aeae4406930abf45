// Item response with one common slope (Rasch) for a section of the Law School Aptitude Test; the
// data come as response patterns with cumulated counts.
// Source: BUGS Examples, volume 1, "LSAT"; Bock and Lieberman (1970).
data {
  int<lower=0> N;  // students
  int<lower=0> R;  // patterns
  int<lower=0> T;  // questions
  array[R] int<lower=0> culm;
  array[R, T] int<lower=0> response;
}
transformed data {
  array[T, N] int answer;
  int done = 0;
  for (pattern in 1:R) {
    for (student in done + 1:culm[pattern]) {
      answer[, student] = response[pattern];
    }
    done = culm[pattern];
  }
}
parameters {
  array[T] real alpha;
  vector[N] theta;
  real<lower=0> beta;
}
model {
  alpha ~ normal(0, 100);
  theta ~ normal(0, 1);
  beta ~ normal(0, 100);
  for (question in 1:T) {
    answer[question] ~ bernoulli_logit(beta * theta - alpha[question]);
  }
}
generated quantities {
  real mean_alpha = mean(alpha);
  array[T] real a;
  for (question in 1:T) {
    a[question] = alpha[question] - mean_alpha;
  }
}
