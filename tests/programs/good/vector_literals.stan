// Row vector and matrix literals, empty ones among them.
transformed data {
  int n = 2;
  row_vector[3] a = [1, 2.5, n];
  vector[3] b = [1, 2, 3]';
  matrix[2, 3] c = [[1, 2, 3], a];
  matrix[1, 3] d = [a];
  row_vector[0] e_1 = [];
  matrix[3, 2] f = [a, a]';
  complex_row_vector[2] g = [1i, 2];
  complex_matrix[2, 2] h = [[1, 2i], [3i, 4]];
  if (c[2, 2] != 2.5 || d[1, 1] != 1 || f[3, 2] != 2) reject("elements");
  if (get_imag(h[1, 2]) != 2 || get_real(g[2]) != 2) reject("complex elements");
  if (dot_product(a, b) != 12 || size(e_1) != 0) reject("product");
}
parameters {
  real x;
  real y;
}
model {
  [x, y] ~ multi_normal([0, 1], [[1, 0.5], [0.5, 2]]);
}
