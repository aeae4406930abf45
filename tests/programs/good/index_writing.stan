// Single indices and multi-indices on the left of an assignment.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  vector[4] v = rep_vector(0, 4);
  matrix[3, 3] A = rep_matrix(0, 3, 3);
  array[2, 3] int a = rep_array(0, 2, 3);
  array[2] matrix[2, 2] m = rep_array(rep_matrix(0, 2, 2), 2);
  v[1] = 1;
  v[2:3] = [2, 3]';
  v[{4, 1}] = [4, 5]';
  check(v[1] == 5 && v[2] == 2 && v[3] == 3 && v[4] == 4, 1);
  v[:2] = v[3:];
  check(v[1] == 3 && v[2] == 4, 2);
  v[{1, 2}] = v[{2, 1}];  // the right side is read before anything is written
  check(v[1] == 4 && v[2] == 3, 3);
  v[{1, 1}] = [8, 9]';    // the last one stays
  check(v[1] == 9, 4);
  v[3:2] = v[2:1];
  A[1, 2] = 12;
  A[2] = [21, 22, 23];
  A[, 3] = [13, 23, 33]';
  check(A[2, 3] == 23 && A[3, 3] == 33 && A[1, 2] == 12, 5);
  A[2:3, 1:2] = [[1, 2], [3, 4]];
  A[1, {3, 1}] = [7, 8];
  check(A[3, 2] == 4 && A[1, 1] == 8 && A[1, 3] == 7, 6);
  A[{3, 1}, 2] = [5, 6]';
  A[{2, 1}] = A[{1, 2}];
  check(A[3, 2] == 5 && A[2, 2] == 6, 7);
  A[1][2] = 100;
  check(A[1, 2] == 100, 8);
  a[2, 3] = 6;
  a[1] = {1, 2, 3};
  a[, 1] = {7, 8};
  a[:, 2:3] = {{1, 2}, {3, 4}};
  check(a[1, 1] == 7 && a[2, 3] == 4, 9);
  m[2, 1, 2] = 5;
  m[1] = [[1, 2], [3, 4]];
  m[, 2, 1] = {9, 8};
  m[2][2][2] = 7;
  check(m[1, 2, 1] == 9 && m[2, 2, 1] == 8 && m[2, 2, 2] == 7 && m[2, 1, 2] == 5, 10);
  v = v[{4, 3, 2, 1}];
  check(v[4] == 9, 11);
}
