// Complex scalars, vectors and matrices.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
  int near(complex x, complex y) {
    return abs(x - y) < 1e-12;
  }
  complex rotate(complex z, real angle) {
    return z * polar(1, angle);
  }
  complex_vector twice(complex_vector z) {
    return 2 * z;
  }
}
transformed data {
  complex z = 3 + 4i;
  complex w = to_complex(0, 1);
  complex_vector[2] v = [z, 1]';
  complex_row_vector[2] r = [2i, 3];
  complex_matrix[2, 2] A = [[1, 1i], [-1i, 2]];
  array[2] complex a = {z, w};
  array[1] complex_vector[2] av = {v};
  check(abs(z) == 5 && norm(z) == 25, 1);
  check(z * w == -4 + 3i && z + w == 3 + 5i && z - w == 3 + 3i, 2);
  check(near(z / w, 4 - 3i), 3);
  check(conj(z) == 3 - 4i && -z == -3 - 4i, 4);
  check(z != w && !(z == w), 5);
  check(near(exp(1i * pi()), -1), 6);
  check(near(rotate(1, pi() / 2), 1i), 7);
  check(near(z ^ 2, -7 + 24i), 8);
  check(near(r * v, -5 + 6i), 9);
  check(near((A * v)[2], 6 - 3i), 10);
  check(near(twice(v)[1], 6 + 8i), 11);
  check(near((A')[1, 2], -1i), 12);     // the transpose does not conjugate
  check(near((v .* v)[2], 1), 13);
  check(near(sum(A), 3), 14);
  check(get_real(v)[1] == 3 && get_imag(v)[1] == 4, 15);
  check(a[2] == 1i && av[1][1] == z, 16);
  v[2] = 1;
  v[1] += 1;
  A[1, 2] = 5;
  A[2] = r;
  check(near(v[1], 4 + 4i) && near(A[1, 2], 5) && near(A[2, 1], 2i), 17);
}
parameters {
  complex c;
  complex_vector[2] cv;
  complex_matrix[1, 2] cm;
}
model {
  get_real(c) ~ normal(0, 1);
  get_imag(c) ~ normal(1, 1);
  target += -abs(cv[1] - 1i) ^ 2 - norm(cv[2]);
  to_vector(get_real(cm)) ~ std_normal();
  to_vector(get_imag(cm)) ~ std_normal();
}
