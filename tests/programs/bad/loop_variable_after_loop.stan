// expect: unknown-identifier at 4:13
model {
  for (i in 1:3) target += i;
  target += i;
}
