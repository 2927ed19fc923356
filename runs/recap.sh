#!/usr/bin/env bash
# Tarsier2-Recap over a selection: one process a GPU, each with its share of the clips. Kill it and run it again.
#
#   CATALOGUE=lvd2m SELECTION=long_takes bash runs/recap.sh
#
# MODEL: a folder, or owner/name on the hub. DEVICE=cuda takes every GPU of the machine. SHARD=3/64: this machine's share of a
# cluster. RECAPTION: more options of `recaption run`, as --window 30 or --top-logprobs 16.
#
# What it takes, by `python -m model plan MODEL --gpu H200 --clips 2100000`: 203 TFLOP a clip of 16 frames at 720p and 200
# tokens of text; at the roofline 4.3 clips/s a GPU, 136 GPU hours for 2.1 million clips, 17 hours on eight. No run reaches
# its roofline: `recaption plan` says what this one does as soon as some clips are done.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
catalogue=${CATALOGUE:-lvd2m} selection=${SELECTION:-long_takes} device=${DEVICE:-cuda}
model=${MODEL:-omni-research/Tarsier2-Recap-7b}
run=(-c "$catalogue" --selection "$selection" --model "$model")

show recaption plan "${run[@]}" --gpu "${GPU:-H200}" --gpus "${GPUS:-8}" --usd-per-hour "${USD_PER_HOUR:-3.5}"
show recaption run "${run[@]}" --device "$device" ${SHARD:+--shard "$SHARD"} ${RECAPTION:-}
show recaption status -c "$catalogue" --selection "$selection"
show curate sql -c "$catalogue" \
    "select video_key, round(start_us / 1e6, 1) as start_s, text from caption order by random() limit 5"
