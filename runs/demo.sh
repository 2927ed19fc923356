#!/usr/bin/env bash
# The whole loop on small, true instances: raw videos are fetched, scanned and chosen from, captioned by a teacher, a student
# learns from the captions, and both are scored. Each command is printed as one would type it; what is done is not done
# again, so a second tour takes seconds. `make demo` runs this with the venv's commands.
#
# OUT=folder (demo), REELS, STEPS, HELD_OUT: how much of it. VIDEOS=folder: curate that folder as well.
# What came of it lies in OUT/out: a summary with a picture, and the report.
# MODEL=checkpoint, or owner/name on the hub: caption clips of VIDEOS with it.
set -euo pipefail
cd "$(dirname "$0")/.."
source runs/shown.sh
out=${OUT:-demo}
reels=${REELS:-40} steps=${STEPS:-150} held_out=${HELD_OUT:-100} port=${PORT:-8765}
teacher=assets/story_teacher
catalogue=$out/catalogue
began=$SECONDS
export OMP_NUM_THREADS=1  # networks this small are slower on two threads

step "1. Raw videos: a dataset's csv asks a server for them, and some cannot be had"
show python runs/raw_videos.py "$out/raw" --reels "$reels" --port "$port"
python -m tests.misbehaving_server "$out/raw/files" "$port" >/dev/null & server=$!
trap 'kill $server 2>/dev/null || true' EXIT
show curate download --csv "$out/raw/requests.csv" -c "$catalogue" --allow-private-hosts --max-attempts 3
kill $server
show curate download --status -c "$catalogue"

step "2. Clips: one decode pass finds cuts and measures; what to keep is a query"
show curate scan -c "$catalogue"
show curate dedup -c "$catalogue" \
    --where "origin = 'detected' and coalesce(coherence, 0) < 0.96 and coalesce(ken_burns_score, 0) < 0.25"
show curate select -c "$catalogue" --recipe everything --name stories --where "origin = 'detected'" \
    --where 'coalesce(coherence, 0) < 0.96' --where 'coalesce(ken_burns_score, 0) < 0.25' --where is_keeper
show python runs/compare_truth.py "$catalogue" "$out/raw"

step "3. Captions: a Tarsier2 of a million weights describes the clips, in two shards; the first is killed"
recaption=(recaption run -c "$catalogue" --selection stories --model "$teacher" --gates off --top-logprobs 8
    --max-new-tokens 64)
bold "\$ $(typed "${recaption[@]}" --shard 0/2) &  # kill -9"
"${recaption[@]}" --shard 0/2 >"$out/killed.log" 2>&1 & run=$!
for _ in $(seq 600); do  # until it has said its first text: those under way are lost, and are made again below
    sleep 0.05
    if ! kill -0 $run 2>/dev/null || grep -q "caption: [1-9]" "$out/killed.log"; then break; fi
done
kill -9 $run 2>/dev/null || true
wait $run 2>/dev/null || true
cat "$out/killed.log"
show recaption status -c "$catalogue" --selection stories
show "${recaption[@]}" --shard 0/2
show "${recaption[@]}" --shard 1/2
show curate sql -c "$catalogue" \
    "select video_key, round(start_us / 1e6, 2) as start_s, text from caption order by video_key, start_us limit 5"

step "4. A student: half of the teacher's layers learn from its captions, and from the words that it nearly said"
show train samples -c "$catalogue" --dataset taught --kind dense
[ -d "$out/pruned" ] || show python -m model prune "$teacher" "$out/pruned" --layers 2
show train run story_student_logits -c "$catalogue" --model "$out/pruned" --out "$out/student" --dataset taught \
    --steps "$steps" --cache-gb 0.5 --resume

step "5. Scores: stories of combinations that nobody was shown, by an exact judge"
show python -m media.synthetic.stories "$out/held_out" --split held_out --count "$held_out" --things 2 --events 2
for who in teacher student pruned; do
    case $who in teacher) model=$teacher ;; student) model=$out/student/model ;; pruned) model=$out/pruned ;; esac
    show evaluate run stories --model "$model" --annotations "$out/held_out" --videos "$out/held_out" --judge rules \
        --out "$out/scores/$who" -c "$catalogue"
done
show evaluate compare "$out/scores/teacher/stories" "$out/scores/student/stories" ||
    echo "(with so few steps the student writes no sentence that the judge reads)"
show evaluate leaderboard -c "$catalogue"

step "6. Questions over all of it"
show curate sql -c "$catalogue" "select count(*) as clips, count(text) as captioned,
    round(sum(clip.seconds) / 60, 1) as minutes from clip left join caption using (clip_id)"
show curate sql -c "$catalogue" "select reason, stage, count(*) as n from rejects group by all order by n desc"
show curate sql -c "$catalogue" "select model, metric, round(value, 3) as value, round(low, 3) as low,
    round(high, 3) as high from scores where metric = 'f1' and low is not null order by value desc"
mkdir -p "$out/out"
show curate report -c "$catalogue" --selection stories --out "$out/out/report.html"
show python runs/summary.py "$out"

if [ -n "${VIDEOS:-}" ]; then
    step "7. Your own folder"
    show curate run "$VIDEOS" -c "$out/own-catalogue" --recipe long_takes
    if [ -n "${MODEL:-}" ]; then
        show recaption run -c "$out/own-catalogue" --selection long_takes --model "$MODEL" --limit 8
        show curate sql -c "$out/own-catalogue" "select video_key, text from caption limit 8"
    fi
fi
bold "$((SECONDS - began)) s. Look at $out/out/summary.md and $out/out/report.html; talk to the teacher: recaption demo --model $teacher"
