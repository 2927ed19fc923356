#!/usr/bin/env bash
# The teacher of the small world from random weights: trained, scored on combinations that it was never shown, its card written.
# bash runs/story_teacher.sh [FOLDER]; an hour of one core. It stops and goes on. assets/story_teacher is FOLDER/run/model.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
out=${1:-story_teacher} steps=${STEPS:-14000} films=${FILMS:-300}
export OMP_NUM_THREADS=1  # networks this small are slower on two threads
mkdir -p "$out"

show python -m train.small_world teach --out "$out/run" --steps "$steps" --seed 0 --resume
show python -m media.synthetic.stories "$out/held_out" --split held_out --count "$films" --things 2 --events 2
show evaluate run stories --model "$out/run/model" --annotations "$out/held_out" --videos "$out/held_out" --judge rules \
    --out "$out/scores"
show python -m train.small_world card "$out/run" --scores "$out/scores/stories/scores.json"
