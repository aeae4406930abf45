// expect: syntax at 3:3
model {
  else target += 1;
}
