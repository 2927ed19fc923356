# For the scripts beside it: every command is printed as one would type it, then run.
bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi; }
step() { bold "== $1"; }
show() { bold "\$ $1"; eval "$1"; }
