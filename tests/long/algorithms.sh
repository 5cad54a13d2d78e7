#!/bin/bash
# Every TDES key of a terminal's life, five million AES ones, and 100,000 random KSNs a scheme against an independent derivation.
set -eu
"$B/test/long/registers" tdes
"$B/test/long/registers" aes
python3 tests/independent/dukpt.py "$B/test/independent/driver" 100000 2
