# For the scripts beside it: every command is printed as one would type it, then run.
bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi; }
step() { bold "== $1"; }
show() { bold "\$ $(typed "$@")"; "$@"; }

# The words of a command, quoted where a shell wants that, on lines of at most 120 characters where options allow it.
typed() {
    local word line=
    for word; do
        if [[ $word == *\'* && $word != *[\"\$\`\\!]* ]]; then
            word="\"$word\""
        elif [[ ! $word =~ ^[A-Za-z0-9_./:=,%+@-]+$ ]]; then
            word="'${word//\'/\'\\\'\'}'"
        fi
        if [[ $word == --* ]] && ((${#line} + ${#word} > 100)); then
            printf '%s \\\n' "$line"
            line="   "
        fi
        line+="${line:+ }$word"
    done
    printf '%s' "$line"
}
