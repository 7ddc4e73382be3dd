"""`penstock replay`: a plan of load and faults, played against a live proxy, judged and reported."""
