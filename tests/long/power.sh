#!/bin/bash
# Power cuts at every store of every operation of the terminal, and in the recovery from each at every store again.
STRIDE=1 exec "$B/test/terminal/power_test"
