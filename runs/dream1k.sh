#!/usr/bin/env bash
# Models on DREAM-1K, each against the others, by a judge that can be pinned and replayed.
#
#   ANNOTATIONS=DREAM-1k.jsonl VIDEOS=DREAM-1K_videos JUDGE='http://127.0.0.1:8000/v1?model=Qwen3-32B' \
#       bash runs/dream1k.sh recap/model Tarsier2-Recap-7b
#
# BENCHMARK=all and a folder of annotations run the fourteen others as well. DEVICE=cuda:0,cuda:1 uses several GPUs.
#
# What it takes, by `python -m model plan MODEL --gpu H200 --clips 1000`: 1,000 captions are four minutes of one H200 at the
# roofline. `evaluate run` says before it asks how many calls a judge will get (about 3 a caption) and what they cost; a second run
# makes none.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
: "${ANNOTATIONS:?the published rows}" "${VIDEOS:?the folder of videos}" "${JUDGE:?who judges: docs/commands/evaluate.md}" "${1:?models}"
out=${OUT:-scores} benchmark=${BENCHMARK:-dream} first=

for model in "$@"; do
    name=$(basename "${model%/model}")
    show evaluate run "$benchmark" --model "$model" --annotations "$ANNOTATIONS" --videos "$VIDEOS" --judge "$JUDGE" \
        --device "${DEVICE:-cuda}" --out "$out/$name" ${CATALOGUE:+-c "$CATALOGUE"}
    for scored in "$out/$name"/*/; do
        other=$out/$first/$(basename "$scored")
        [ -z "$first" ] || show evaluate compare "$other" "$scored"
    done
    first=${first:-$name}
done
[ -z "${CATALOGUE:-}" ] || show evaluate leaderboard -c "$CATALOGUE"
