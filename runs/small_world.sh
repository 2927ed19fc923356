#!/usr/bin/env bash
# The small world: a teacher captions films, students of a quarter of its weights learn from the captions by two ways, and all are
# scored on combinations that nobody was shown. bash runs/small_world.sh [FOLDER]; hours of one core; it stops and goes on.
#
# TEACHER: a checkpoint (assets/story_teacher, which runs/story_teacher.sh makes). FILMS, STEPS: how much of it.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
out=${1:-small_world} teacher=${TEACHER:-$(dirname "$0")/../assets/story_teacher}
films=${FILMS:-40000} steps=${STEPS:-7500}
catalogue=$out/catalogue
export OMP_NUM_THREADS=1  # networks this small are slower on two threads
mkdir -p "$out"

show python -m train.small_world shelf -c "$catalogue" --count "$films"
show python -m train.small_world caption -c "$catalogue" --model "$teacher" --name teacher --split train
show train samples -c "$catalogue" --dataset taught --kind raw --where "model = 'teacher'"
[ -d "$out/untrained" ] || show python -m train.small_world student "$out/untrained"
for recipe in story_student story_student_logits; do
    show train run "$recipe" -c "$catalogue" --model "$out/untrained" --out "$out/$recipe" --dataset taught=3 \
        --steps "$steps" --cache-gb 1 --resume
done

show python -m media.synthetic.stories "$out/held_out" --split held_out --count "${HELD_OUT:-300}" --things 2 --events 2
for model in "$teacher" "$out/story_student/model" "$out/story_student_logits/model" "$out/untrained"; do
    show evaluate run stories --model "$model" --annotations "$out/held_out" --videos "$out/held_out" --judge rules \
        --out "$out/scores/$(basename "${model%/model}")" -c "$catalogue"
done
show evaluate leaderboard -c "$catalogue"
