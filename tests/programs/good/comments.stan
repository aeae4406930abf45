// Comments stand wherever blanks may. "Quotes" and 'primes' in them mean nothing; neither does /*
/* A block comment may hold // and * and / and letters beyond ASCII: Bär, naïve, λ = ½.
 * It ends at the first star with a slash after it. /* It does not nest. */
/**/
/***/
parameters /* between */ { // after a brace
  real /* type and name */ mu /* name and semicolon */ ;
}
model {
  mu ~ /* one */ normal /* two */ ( 0 /* three */ , 1 ) /* four */ ;
  //
  target += 6 /* not a division *// 3;
}
// The file ends in a comment without a line break.
// no newline here