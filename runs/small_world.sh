#!/usr/bin/env bash
# The small world from nothing: a teacher learns stories, a student learns from the teacher's captions by two ways,
# and all are scored on combinations that nobody was shown. bash runs/small_world.sh [FOLDER]; stops and goes on.
set -euo pipefail

out=${1:-small_world}
steps=${STEPS:-2200}
student_steps=${STUDENT_STEPS:-1000}
world=(python -m train.small_world)
mkdir -p "$out"

"${world[@]}" teach --out "$out/teacher" --steps "$steps" --resume
"${world[@]}" shelf -c "$out/catalogue" --count "${FILMS:-2000}"
"${world[@]}" shelf -c "$out/catalogue" --count 200 --split held_out

"${world[@]}" caption -c "$out/catalogue" --model "$out/teacher/model" --name teacher --split train
train samples -c "$out/catalogue" --dataset taught --kind raw --where "model = 'teacher'"
[ -d "$out/student_untrained" ] || "${world[@]}" student "$out/student_untrained"
for recipe in story_student story_student_logits; do
    train run "$recipe" -c "$out/catalogue" --model "$out/student_untrained" --out "$out/$recipe" \
        --dataset taught --steps "$student_steps" --cache-gb 1 --resume
done

for name in teacher story_student story_student_logits untrained; do
    folder=$out/$name/model
    [ "$name" = untrained ] && folder=$out/student_untrained
    "${world[@]}" caption -c "$out/catalogue" --model "$folder" --name "$name" --split held_out
    echo "$name $("${world[@]}" score -c "$out/catalogue" --name "$name" --split held_out)"
done
