#!/bin/bash
# tests/system/stations.sh with 10,000 device ids and 30 kills.
LOADS=10000 KILLS=30 exec tests/system/stations.sh
