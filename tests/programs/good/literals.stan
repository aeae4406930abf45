// Every form of number.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
}
transformed data {
  int i1 = 0;
  int i2 = 007;
  int i3 = 1_000_000;
  int i4 = 2147483647;
  int i5 = 2_147_483_647;
  real r1 = 1.;
  real r2 = .5;
  real r3 = 1e3;
  real r4 = 1.5E+2;
  real r5 = 25e-2;
  real r6 = 1_0.2_5;
  real r7 = .5e1;
  real r8 = 1.e1;
  real r9 = 1e-320;   // subnormal
  complex z1 = 1i;
  complex z2 = 2.5i;
  complex z3 = 1e2i;
  complex z4 = .5i;
  complex z5 = 3 - 4i;

  check(i2 == 7, 1);
  check(i3 == 1000000, 2);
  check(i4 == i5, 3);
  check(r1 == 1, 4);
  check(r2 == 1 / 2.0, 5);
  check(r3 == 1000, 6);
  check(r4 == 150, 7);
  check(r5 == 0.25, 8);
  check(r6 == 10.25, 9);
  check(r7 == 5, 10);
  check(r8 == 10, 11);
  check(r9 > 0, 12);
  check(get_imag(z1) == 1 && get_real(z1) == 0, 13);
  check(get_imag(z2) == 2.5, 14);
  check(get_imag(z3) == 100, 15);
  check(get_imag(z4) == 0.5, 16);
  check(get_real(z5) == 3 && get_imag(z5) == -4, 17);
  check(abs(z5) == 5, 18);
  check(i1 == 0, 19);
}
