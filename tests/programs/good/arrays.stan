// Array types, literals and functions on arrays.
functions {
  int total(array[,] int x) {
    int t = 0;
    for (i in 1:size(x)) t += sum(x[i]);
    return t;
  }
  array[] real halves(array[] real x) {
    array[size(x)] real y;
    for (i in 1:size(x)) y[i] = x[i] / 2;
    return y;
  }
  array[,,] vector nested(int n) {
    return rep_array(rep_vector(n, n), 1, 2, n);
  }
}
transformed data {
  array[2, 3] int a = {{1, 2, 3}, {4, 5, 6}};
  array[3] real b = {1, 2.5, 3};   // ints are promoted
  array[2] vector[2] c = {[1, 2]', [3, 4]'};
  array[1, 1, 1] int d = {{{7}}};
  array[2] row_vector[1] e_1 = {[1], [2]};
  array[dims(a)[2]] int f = a[2];
  array[4] real g = append_array(halves(b), {9});
  if (total(a) != 21) reject("total");
  if (g[2] != 1.25 || g[4] != 9) reject("halves");
  if (size(nested(3)[1, 2]) != 3 || nested(3)[1, 2, 3][1] != 3) reject("nested");
  if (num_elements(a) != 6 || size(a) != 2 || d[1, 1, 1] != 7) reject("sizes");
  if (sort_desc(f)[1] != 6 || reverse(f)[1] != 6 || head(f, 1)[1] != 4) reject("order");
  if (c[2, 1] != 3 || e_1[2, 1] != 2) reject("elements");
}
