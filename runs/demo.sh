#!/usr/bin/env bash
# The first tour: videos with a known truth become a catalogue, which is queried and compared with that truth.
# Each command is printed before it runs, as one would type it. What is done is not done again: a second tour takes
# seconds. VIDEOS=folder curates that folder as well. `make demo` runs this with the venv's commands.
set -euo pipefail
cd "$(dirname "$0")/.."

show() {
    printf '\n\033[1m$ %s\033[0m\n' "$1" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
    eval "$1"
}

show 'python -m media.synthetic demo/videos'
show 'curate run demo/videos -c demo/catalogue --recipe lvd2m'
show 'curate sql -c demo/catalogue "select video_key, codec, seconds, flow_diag_per_s from clip order by seconds desc, video_key limit 6"'
show 'curate sql -c demo/catalogue "select rank, video_key, seconds, flow_dis_lvd from selections join clip using (clip_id) where selection = '\''lvd2m'\'' order by rank"'
show 'curate sql -c demo/catalogue "select video_key, stage, reason from rejects order by video_key"'
show 'curate verify -c demo/catalogue'
show 'python -m bench.truth demo/catalogue demo/videos/truth.json'
if [ -n "${VIDEOS:-}" ]; then
    own=$(printf '%q' "$VIDEOS")
    show "curate run $own -c demo/own-catalogue --recipe lvd2m"
    show 'curate sql -c demo/own-catalogue "select video_key, codec, seconds, flow_diag_per_s from clip order by seconds desc, video_key limit 10"'
fi
