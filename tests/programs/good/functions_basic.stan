// Functions: results of every kind, arguments of unsized types, data arguments, early return, void.
functions {
  int one() {
    return 1;
  }
  real square_sum(vector x, row_vector y) {
    return dot_self(x) + dot_self(y);
  }
  matrix outer(vector x) {
    return x * x';
  }
  row_vector flip(row_vector x) {
    int n = cols(x);
    row_vector[n] y;
    for (i in 1:n) {
      y[i] = x[n - i + 1];
    }
    return y;
  }
  real sizes(array[] int a, array[,] real b, array[] matrix c, data real d) {
    return size(a) + size(b) + rows(c[1]) + d;
  }
  real sign_of(real x) {
    if (x > 0) {
      return 1;
    } else if (x < 0) {
      return -1;
    }
    return 0;
  }
  real first_positive(vector x) {
    for (i in 1:rows(x)) {
      if (x[i] > 0) {
        return x[i];
      }
    }
    return not_a_number();
  }
  void expect_positive(real x) {
    if (x > 0) {
      return;
    }
    reject("expected a positive number, not ", x);
  }
  real twice(real x) {
    real y = x;   // an argument is a value: assigning to a copy does not change it
    y *= 2;
    return y;
  }
}
transformed data {
  real x = 2;
  expect_positive(one());
  expect_positive(square_sum([1, 2]', [3]));
  if (twice(x) != 4 || x != 2) reject("twice");
  if (sizes({1, 2}, {{1.0}}, {[[1, 2]]}, 0.5) != 4.5) reject("sizes");
  if (flip([1, 2, 3])[1] != 3 || outer([1, 2]')[2, 1] != 2) reject("containers");
  if (sign_of(-3) != -1 || sign_of(0) != 0) reject("sign");
  if (first_positive([-1, 0, 3]') != 3) reject("first");
}
parameters {
  vector[2] theta;
}
model {
  target += -square_sum(theta, theta') / 2 + sizes({1}, {{1}}, {outer(theta)}, x);
}
