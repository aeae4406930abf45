// expect: include-not-found at 3:3
functions {
  #include "no_such_file.stan"
}
