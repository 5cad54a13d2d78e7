#!/bin/bash
# Skipped instructions as in tests/system/skips.sh, in all that the deciding functions call as well.
exec tests/system/skips.sh everything
