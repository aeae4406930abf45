// Integer operators, and that division truncates towards zero.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
  int reject_if_called() {
    reject("the second operand should not be evaluated");
    return 1;
  }
}
transformed data {
  int a = 7;
  int b = -2;
  check(a + b == 5, 1);
  check(a - b == 9, 2);
  check(a * b == -14, 3);
  check(a %/% 2 == 3, 4);
  check(-7 %/% 2 == -3, 5);
  check(a / 2 == 3, 6);
  check(a % 4 == 3, 7);
  check(-7 % 4 == -3, 8);
  check(-a == -7 && +a == 7, 9);
  check(!0 == 1 && !5 == 0, 10);
  check((a < 8) + (a > 8) == 1, 11);
  check(a <= 7 && a >= 7 && a != 8, 12);
  check(a ^ 2 == 49.0, 13);
  check(max(a, b) == 7 && min(a, b) == -2, 14);
  check(abs(b) == 2, 15);
  check(1 || reject_if_called(), 16);
  check(!(0 && reject_if_called()), 17);
  check(sum({1, 2, 3}) == 6 && size({4, 5}) == 2, 18);
}
