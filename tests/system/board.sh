#!/bin/bash
# The whole main job with its terminals on a Cortex-M4: the same programs and the same checks as in demo.sh.
set -u
. tests/board/need.sh
BOARD=mps2-an386 tests/system/demo.sh
