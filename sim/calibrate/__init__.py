"""`penstock calibrate`: what one model server can take, as `concurrency` and `rate` for a routing table."""
