// expect: not-assignable at 4:5
model {
  for (i in 1:3) {
    i = 2;
  }
}
