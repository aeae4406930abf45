// Operators on vectors and matrices.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
  int near(real x, real y) {
    return abs(x - y) < 1e-12;
  }
}
transformed data {
  matrix[2, 2] A = [[2, 1], [1, 3]];
  matrix[2, 2] B = [[0, 1], [-1, 4]];
  vector[2] v = [1, 2]';
  row_vector[2] w = [5, 6];
  check(w * v == 17, 1);
  check(sum(v * w) == 33, 2);
  check((A * v)[2] == 7, 3);
  check((w * A)[1] == 16, 4);
  check((A * B)[2, 2] == 13, 5);
  check((A')[1, 2] == 1 && (B')[1, 2] == -1, 6);
  check(near((A \ v)[1], 0.2) && near((A \ v)[2], 0.6), 7);
  check(near(sum((A \ A) - identity_matrix(2)), 0), 8);
  check(near((w / A * A)[2], 6), 9);
  check(near(sum(A / A), 2), 10);
  check((A .* B)[2, 1] == -1 && (B ./ A)[1, 2] == 1, 11);
  check((A .^ 2)[2, 2] == 9 && (2 .^ A)[2, 2] == 8, 12);
  check((v .^ v)[2] == 4 && (w .^ [1, 2])[2] == 36, 13);
  check((1 + v - 2)[2] == 1 && (w + 1 - w)[1] == 1, 14);
  check((A + 1)[1, 2] == 2 && (1 - A)[1, 2] == 0 && (2 * A / 4)[2, 2] == 1.5, 15);
  check((-A)[1, 1] == -2 && (+A)[1, 1] == 2, 16);
  check((A - B + A .* A)[1, 1] == 6, 17);
  check(near((1 ./ v)[2], 0.5) && near((v ./ 2)[1], 0.5) && near((v / 2)[2], 1), 18);
  check(near(quad_form(A, v), v' * A * v), 19);
  check(sum(v'') == 3 && (v')[1] == 1, 20);
}
