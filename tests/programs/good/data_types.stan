// Data of every type.
data {
  int i;
  real r;
  complex z;
  array[3] int ai;
  array[2, 2] real ar;
  vector[2] v;
  row_vector[3] rv;
  matrix[2, 3] m;
  complex_vector[2] cv;
  complex_matrix[1, 2] cm;
  array[2] vector[2] av;
  array[2] matrix[1, 2] am;
  array[2] complex az;
  simplex[3] s;
  ordered[2] o;
  corr_matrix[2] C;
  cholesky_factor_cov[2] L;
  sum_to_zero_vector[3] sz;
  row_stochastic_matrix[2, 2] P;
  tuple(int, vector[2]) t;
  array[0] int none;
  matrix[0, 3] flat;
  vector<lower=0, upper=1>[i] unit;
  ;
}
transformed data {
  if (m[2, 1] != 4) reject("JSON holds a matrix row by row");
  if (get_imag(z) != 2 || get_imag(cv[2]) != -1 || get_real(cm[1, 2]) != 3) reject("complex");
  if (t.2[2] != 2.5 || am[2, 1, 2] != 4 || ar[1, 2] != 2) reject("nested");
  if (size(none) != 0 || rows(flat) != 0 || cols(flat) != 3) reject("empty");
}
