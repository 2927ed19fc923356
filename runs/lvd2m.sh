#!/usr/bin/env bash
# LVD-2M, or any dataset of its form, from its own csv: fetched, scanned, chosen from, looked at. Kill it and run it again;
# run it on many machines with SHARD=0/64 … 63/64 over one catalogue.
#
#   CSV=ytb_600k_720p.csv CATALOGUE=lvd2m COOKIES=accounts bash runs/lvd2m.sh
#
# SHARD: this machine's share. COOKIES: a file, or a folder of them. JOBS: videos at once. DOWNLOAD: more options of `curate
# download`, as --sections or --proxy. KEEP=full keeps whole videos and not only the asked spans.
#
# What it takes. Fetching: YouTube allows about 300 videos an hour to a guest, which is the default rate; 600,000 videos would be
# 2,000 hours of one address, so use many, or accounts (COOKIES) with a rate of their own (DOWNLOAD="--rate 1000"). Scanning: the
# asked spans are 600,000 x 20 s = 3,300 hours; at 20 times real time on two cores (1080p H.264, docs/log.md) that is 170 hours
# of two cores, 2.6 hours of 64 machines with two cores each. `curate download --status` and the scan's own line say how it goes.
set -euo pipefail
source "$(dirname "$0")/shown.sh"
: "${CSV:?the csv of the dataset}"
catalogue=${CATALOGUE:-lvd2m} jobs=${JOBS:-8}
shard=(${SHARD:+--shard "$SHARD"}) cookies=(${COOKIES:+--cookies "$COOKIES"})

show curate download --csv "$CSV" -c "$catalogue" --max-height 720 --keep "${KEEP:-spans}" --jobs "$jobs" \
    "${shard[@]}" "${cookies[@]}" ${DOWNLOAD:-}
show curate download --status -c "$catalogue"
show curate scan -c "$catalogue" "${shard[@]}"
[ -z "${SHARD:-}" ] || exit 0  # the rest wants all shares: run it once more without SHARD
show curate dedup -c "$catalogue"
show curate select -c "$catalogue" --recipe long_takes --where is_keeper
show curate report -c "$catalogue" --selection long_takes --out "$catalogue-report.html"
