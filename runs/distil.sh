#!/usr/bin/env bash
# The published distillation: Qwen2-VL-7B learns a teacher's captions for two epochs (arXiv 2501.07888, Table 18).
#
#   CATALOGUE=lvd2m TEACHER=Tarsier2-Recap-7b STUDENT=Qwen2-VL-7B-Instruct OUT=recap bash runs/distil.sh
#
# RECIPE: `train recipes` lists them; student_logit_kd wants captions made with --top-logprobs. GPUS: processes of this machine;
# weights are split among them. TRAIN: more options of `train run`, as --steps 100.
#
# What it takes, by `python -m model plan STUDENT --gpu H200 --clips 585000`: 598 TFLOP a clip where all weights learn, 1.34 s at
# 45 % of the datasheet: 218 GPU hours an epoch of 585,000 clips, two epochs 55 hours on eight.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
: "${STUDENT:?folder of the checkpoint to begin from}"
catalogue=${CATALOGUE:-lvd2m} out=${OUT:-recap} recipe=${RECIPE:-recap} gpus=${GPUS:-8} device=${DEVICE:-cuda}

show train samples -c "$catalogue" --dataset recap --kind dense ${TEACHER:+--where "model = '$TEACHER'"}
show torchrun --standalone --nproc-per-node "$gpus" -m train run "$recipe" -c "$catalogue" --model "$STUDENT" --out "$out" \
    --dataset "recap=${EPOCHS:-2}" --device "$device" --sharing "${SHARING:-fsdp}" --workers "${WORKERS:-4}" \
    --cache-gb "${CACHE_GB:-500}" --resume ${TRAIN:-}
echo "the student is in $out/model"
