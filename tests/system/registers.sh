#!/bin/bash
# 250,000 transactions of AES register machines against the host, with all edges; the long tests run 5,000,000, and every
# one of TDES (make check-long).
exec "$B/test/long/registers" aes 250000
