// Names that begin like keywords, or differ from a library function only in case.
functions {
  real fortune(real elsewhere) {
    return elsewhere;
  }
}
transformed data {
  int T = 3;
  int integer = T;
  int forty = 40;
  int iffy = 1;
  int data_1 = 2;
  int model_ = 5;
  int inner = 6;
  int targets = 7;
  int array_ = 8;
  int vectors = 9;
  int lowered = 10;
  int x = 1;
  int X = 2;
  int x1y2z3 = 3;
  int Normal = 4;
  array[2] int functions_ = {1, 2};
  if (x == X) reject("names tell upper case from lower case");
}
parameters {
  real realistic;
  real returned;
}
model {
  realistic ~ normal(fortune(forty - 40), T);
  returned ~ normal(0, 1) T[-T, T];
}
