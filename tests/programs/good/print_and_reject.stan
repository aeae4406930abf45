// Messages: strings with other characters, all types, nothing else; rejections that do not happen.
functions {
  void refuse(int really) {
    if (really) {
      reject("refused: ", really, " ", [1, 2], {3, 4});
    }
    if (really > 1) {
      fatal_error("gave up at ", really);
    }
  }
}
transformed data {
  int n = 2;
  real x = 2.5;
  vector[2] v = [1, 2]';
  matrix[2, 2] m = [[1, 2], [3, 4]];
  array[2] int a = {1, 2};
  complex z = 1 + 2i;
  tuple(int, real) t = (1, 2.5);
  print("n = ", n, ", x = ", x, "; v: ", v, " m: ", m, " a: ", a);
  print(z, t, v', [x, n], {v, v});
  print("not a comment: // /* */ # and 'quotes' { } ; naïve Σ");
  print("");
  print(x);
  refuse(n > 2);
}
parameters {
  real mu;
}
model {
  if (mu > 1e10) {
    reject("mu is ", mu);
  }
  mu ~ std_normal();
}
generated quantities {
  print("target in the model block only, mu here: ", mu);
}
