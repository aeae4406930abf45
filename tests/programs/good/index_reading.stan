// Single indices and multi-indices on the right of an assignment.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  int N = 4;
  vector[N] v = [10, 20, 30, 40]';
  row_vector[3] r = [1, 2, 3];
  matrix[3, 4] A = [[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34]];
  array[3] int idx = {3, 1, 1};
  array[2, 3] real a = {{1, 2, 3}, {4, 5, 6}};
  array[2] matrix[2, 2] m = {[[1, 2], [3, 4]], [[5, 6], [7, 8]]};
  array[0] int none;
  // vectors
  check(v[2] == 20, 1);
  check(sum(v[2:3]) == 50 && sum(v[3:]) == 70 && sum(v[:2]) == 30, 2);
  check(sum(v[:]) == 100 && sum(v[]) == 100, 3);
  check(v[idx][1] == 30 && v[idx][3] == 10 && size(v[idx]) == 3, 4);
  check(size(v[none]) == 0 && size(v[3:2]) == 0 && size(v[4:1]) == 0, 5);
  check(v[2:4][2] == 30 && v[2:4][{1}][1] == 20, 6);
  check(r[{2, 2}] * v[1:2] == 60, 7);
  // matrices
  check(A[2, 3] == 23 && A[2][3] == 23, 8);
  check(A[2] * v == 2300 && sum(A[, 1]) == 63 && sum(A[:, 1]) == 63, 9);
  check(rows(A[2:3]) == 2 && cols(A[2:3]) == 4, 10);
  check(sum(A[2:3, 1]) == 52 && sum(A[1, 2:]) == 39, 11);
  check(A[idx, 2][1] == 32 && A[2, idx][2] == 21, 12);
  check(A[idx, {4, 1}][1, 1] == 34 && A[2:, :2][2, 2] == 32, 13);
  check(A[, ][1, 1] == 11 && A[:, :][3, 4] == 34, 14);
  check(A[{2}][1, 3] == 23 && A[3:, 4:][1, 1] == 34, 15);
  // arrays
  check(a[2, 3] == 6 && a[2][3] == 6, 16);
  check(sum(a[2]) == 15 && sum(a[, 2]) == 7 && a[{2, 1}, 3][1] == 6, 17);
  check(size(a[1:1]) == 1 && a[:, 2:3][2, 1] == 5, 18);
  check(m[2, 1, 2] == 6 && m[2][1][2] == 6 && m[2, 1][2] == 6, 19);
  check(m[, 1, 2][2] == 6 && sum(m[2, , 1]) == 12 && m[{2, 2}, 2, 1][1] == 7, 20);
  check(m[:, {1}, 2][2][1] == 6, 21);
  check(idx[idx][1] == 1 && v[idx[idx]][1] == 10, 22);
  check((v + 1)[2] == 21 && {5, 6}[2] == 6 && [7, 8][1] == 7, 23);
  check((A')[4, 3] == 34 && (A[1]')[2] == 12, 24);
}
