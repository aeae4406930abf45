// expect: syntax at 3:10
model {
  for (i = 1:3) target += i;
}
