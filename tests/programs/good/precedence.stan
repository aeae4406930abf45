// How tightly operators bind and to which side, told by values.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  row_vector[2] r = [3, 4];
  check(-2 ^ 2 == -4, 1);
  check(2 ^ 3 ^ 2 == 512, 2);
  check(2 ^ -1 == 0.5, 3);
  check(1 - 2 - 3 == -4, 4);
  check(2 + 3 * 4 == 14, 5);
  check(12 %/% 2 * 3 == 18, 6);
  check(2 * 7 %/% 2 == 6, 7);      // %/% binds tighter than *
  check(20 / 2 / 5 == 2, 8);
  check(1 < 2 == 2 > 1, 9);
  check(!0 + 1 == 2, 10);          // the not comes first
  check(1 || 0 && 0, 11);
  check((1 || 0) && 0 == 0, 12);   // == binds tighter than &&
  check(r * r' == 25, 13);         // the transpose comes first
  check((1 ? 2 : 0 ? 3 : 4) == 2, 14);
  check((0 ? 2 : 0 ? 3 : 4) == 4, 15);
  check(- -3 == 3 && !!2 == 1, 16);
  check(3 - -3 == 6, 17);
  check(7 % 4 * 2 == 6, 18);
  check(sum(2 * r .* r) == 50, 19);
  check(sum(r .^ 2) == 25, 20);
  check(-r[1] == -3, 21);
  check(1 ? 1 : 0, 22);
}
