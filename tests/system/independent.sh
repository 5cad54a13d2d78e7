#!/bin/bash
# 10,000 random KSNs a scheme against an independent implementation. tests/independent/dukpt.py DRIVER 100000 is part of
# the long tests (make check-long).
exec /usr/bin/python3 tests/independent/dukpt.py "$B/test/independent/driver" "${COUNT:-10000}"
