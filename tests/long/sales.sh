#!/bin/bash
# 10,000 sales a scheme over the real link, each recovered by the acquirer.
COUNT=10000 exec tests/system/sales.sh
