// Loops over the elements of containers; over a matrix they go down the columns.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  real total = 0;
  array[2, 2] int table = {{1, 2}, {3, 4}};
  matrix[2, 2] A = [[1, 2], [3, 4]];
  array[4] real order;
  int k = 0;
  for (row_of_table in table) {
    for (x in row_of_table) total = 10 * total + x;
  }
  check(total == 1234, 1);
  for (x in A) {
    k += 1;
    order[k] = x;
  }
  check(order[2] == 3 && order[3] == 2, 2);
  for (x in [5, 6]) total += x;
  for (x in [5, 6]') total -= x;
  check(total == 1234, 3);
  for (v in {[1, 2]', [3, 4]'}) total += v[2];
  check(total == 1240, 4);
  for (x in rep_array(1, 0)) reject("an empty array has no elements");
  for (pair in {(1, 2.5), (2, 3.5)}) total += pair.1 * pair.2;
  check(total == 1249.5, 5);
}
parameters {
  vector[3] theta;
}
model {
  for (t in theta) {
    t ~ normal(0, 1);
  }
}
