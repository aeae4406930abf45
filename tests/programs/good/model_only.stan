model {
  ;
  target += 0;
}
