// No blank more than is needed, and blanks where none are usual.
functions{real f(real x){return x+1;}void g(int a){if(a>5)reject("a");else return;}}
data{int<lower=0>N;array[N]real y;}transformed data{vector[N]v=to_vector(y);for(n in 1:N){v[n]+=1;}g(N);}
parameters{real mu;real<lower=0,upper=1e3>sigma;}
model{
  y~normal(mu,sigma);mu~normal(0,1);target+=-sigma+f(- mu)*.1-v[1]*1.;
  for ( n in 1 : N ) { target += normal_lpdf ( y [ n ] | mu , sigma ) ; }
  {}{;{}}
}
