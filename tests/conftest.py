"""What holds for every test."""

import hypothesis

# No deadline: how long an example takes on a busy machine is no property of the code. The blob is what
# replays a failing example on another machine.
hypothesis.settings.register_profile("penstock", deadline=None, print_blob=True)
hypothesis.settings.load_profile("penstock")
