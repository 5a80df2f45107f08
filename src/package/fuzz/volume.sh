#!/bin/bash
# Runs targets one after the other for their number of executions: volume.sh BUILD SEEDS RUNS SECONDS TARGET...
# BUILD is configured with -DMOTE_FUZZ=ON -DMOTE_FUZZ_VOLUME=ON, SEEDS is what fuzz_package_corpus wrote. What is found on
# the way is kept below SEEDS/found. Ends with the first target that finds something.
set -euo pipefail
build=$1 seeds=$2 runs=$3 seconds=$4
shift 4
# Stacks of allocations are cut short: they cost more than most parsers. With fewer than two callers no leak is found.
export ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=1:thread_local_quarantine_size_kb=16:max_malloc_fill_size=0:detect_stack_use_after_return=0
for target in "$@"; do
  found=$seeds/found/$target
  mkdir -p "$found"
  echo "== $target"
  # Entropic schedules cost as much as a small parser.
  "$(find "$build" -name "fuzz_$target" -type f)" -runs="$runs" -max_total_time="$seconds" -max_len="${MAX_LEN:-256}" \
    -len_control=0 -reload=0 -entropic=0 -use_value_profile=0 -timeout=5 -detect_leaks=1 -print_final_stats=1 \
    -artifact_prefix="$found-" "$found" "$seeds/$target" 2>&1 | grep -aE 'DONE|stat::number|ERROR|SUMMARY|Done'
done
