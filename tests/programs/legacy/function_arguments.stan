// warn: deprecated-syntax at 3, 13
functions {
  real total(real[] x, int[,] weights, vector[] v) {
    real sums[size(x)];
    for (i in 1:size(x)) {
      sums[i] = x[i] * weights[1, i] + sum(v[i]);
    }
    return sum(sums);
  }
  real[] halves(real[] x) {
    real y[size(x)];
    for (i in 1:size(x)) {
      y[i] <- x[i] / 2;
    }
    return y;
  }
  matrix[] blank(int n) {
    return rep_array(rep_matrix(0, n, n), n);
  }
}
transformed data {
  if (total({1, 2}, {{3, 4}}, {[1, 1]', [0.5, 0]'}) != 13.5) reject("total");
  if (halves({1.0, 3.0})[2] != 1.5) reject("halves");
}
parameters {
  real p[2];
}
model {
  halves(p) ~ normal(0, 1);
}
