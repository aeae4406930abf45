// All compound assignments, to whole variables and parts of them.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  int n = 7;
  real x = 1;
  vector[3] v = [1, 2, 3]';
  row_vector[2] r = [1, 2];
  matrix[2, 2] A = [[1, 2], [3, 4]];
  array[2] real a = {1, 2};
  complex z = 1i;
  n += 3;
  n -= 1;
  n *= 4;
  n /= 5;
  check(n == 7, 1);
  x += n;
  x -= 2;
  x *= 2;
  x /= 4;
  check(x == 3, 2);
  v += 1;
  v -= [1, 1, 1]';
  v *= 2;
  v /= 4;
  check(v[3] == 1.5, 3);
  v .*= v;
  check(v[2] == 1, 4);
  v ./= [1, 2, 3]';
  check(v[2] == 0.5, 5);
  A *= A;
  check(A[2, 2] == 22, 6);
  A .*= [[1, 0], [0, 1]];
  check(A[1, 2] == 0 && A[1, 1] == 7, 7);
  A += 1;
  r *= A;
  check(r[1] == 10, 8);
  a[2] += 5;
  check(a[2] == 7, 9);
  A[1, 2] -= 1;
  A[2] *= 3;
  A[, 1] /= 2;
  check(A[2, 1] == 1.5, 10);
  v[2:3] += [10, 20]';
  check(v[2] == 10.5, 11);
  v[{1, 3}] .*= [2, 0]';
  check(v[3] == 0, 12);
  z *= z;
  check(get_real(z) == -1, 13);
  z += 1;
  check(abs(z) == 0, 14);
}
