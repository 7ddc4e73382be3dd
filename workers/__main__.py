"""`python -m workers REPOSITORY`: the same as `penstock worker REPOSITORY`."""

from workers.command import worker

if __name__ == "__main__":
    worker(prog_name="python -m workers")
