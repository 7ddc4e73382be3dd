"""One model server in several processes: a supervisor, fronts, stages and predictors, and what they share."""
