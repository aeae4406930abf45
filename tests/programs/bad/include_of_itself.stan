// expect: include-cycle at 3:3
functions {
  #include "include_of_itself.stan"
}
