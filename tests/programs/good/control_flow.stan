// Loops and branches, their nesting, break and continue.
functions {
  void check(int ok, int which) {
    if (!ok) {
      reject("check ", which, " failed");
    }
  }
  int collatz(int start) {
    int n = start;
    int steps = 0;
    while (n != 1) {
      if (n % 2 == 0) n = n %/% 2;
      else n = 3 * n + 1;
      steps += 1;
    }
    return steps;
  }
}
transformed data {
  int count = 0;
  for (i in 1:3) count += i;
  check(count == 6, 1);
  for (i in 3:1) count = -1;
  check(count == 6, 2);
  for (i in -1:1) {
    for (j in i:1) {
      if (j == 0) continue;
      if (i == 1) break;
      count += 1;
    }
  }
  check(count == 9, 3);
  check(collatz(6) == 8, 4);
  while (1) {
    count -= 1;
    if (count < 0) break;
    else if (count == 5) continue;
    else {
      ;
    }
  }
  check(count == -1, 5);
  if (count > 0) reject("no"); else if (count < -5) reject("no"); else count = 2;
  if (count == 2) if (count == 3) reject("no"); else count = 4;  // the else goes with the nearer if
  check(count == 4, 6);
  for (i in 1:2) {
    int fresh;
    fresh = i;
    {
      int count2 = fresh;
      count += count2;
    }
  }
  check(count == 7, 7);
  while (0) reject("no");
  for (i in 1:0) {
  }
}
