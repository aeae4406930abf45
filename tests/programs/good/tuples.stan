// Tuples: types, literals, parts, nesting, arrays of them, as arguments and results, taken apart.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
  tuple(real, real) mean_sd(vector x) {
    return (mean(x), sd(x));
  }
  real weighted(tuple(vector, real) p) {
    return sum(p.1) * p.2;
  }
  array[] tuple(int, array[] real) ragged(int n) {
    return rep_array((n, rep_array(0.5, n)), 2);
  }
}
transformed data {
  tuple(int, real) a = (1, 2.5);
  tuple(int, tuple(vector[2], array[2] int), matrix[1, 2]) b = (1, ([1, 2]', {3, 4}), [[5, 6]]);
  array[2] tuple(int, real) c = {(1, 2.0), (3, 4.5)};
  tuple(real, complex) promoted = (1, 2);
  real m;
  real s;
  int i;
  vector[3] v = [1, 2, 3]';
  check(a.1 == 1 && a.2 == 2.5, 1);
  check(b.2.1[2] == 2 && b.2.2[1] == 3 && b.3[1, 2] == 6, 2);
  check(c[2].2 == 4.5 && c[1].1 == 1, 3);
  check(get_real(promoted.2) == 2, 4);
  a.2 = 7;
  b.2.1[1] = 9;
  b.2.2 = {8, 9};
  c[1].1 += 10;
  c[2] = (5, 6);
  check(a.2 == 7 && sum(b.2.1) == 11 && b.2.2[2] == 9 && c[1].1 == 11 && c[2].1 == 5, 5);
  (m, s) = mean_sd(v);
  check(m == 2 && s == 1, 6);
  (i, v[2]) = (4, 0.5);
  check(i == 4 && v[2] == 0.5, 7);
  (m, (s, i)) = (1, (2, 3));
  check(m == 1 && s == 2 && i == 3, 8);
  check(weighted((v, 2)) == 9, 9);
  check(ragged(3)[2].2[3] == 0.5, 10);
  check(mean_sd([4, 4]').1 == 4, 11);
}
