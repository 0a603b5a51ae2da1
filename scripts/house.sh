# What every script of the house shares: the root, the pinned versions, the headings. Sourced, never run.
# Kept to what bash 3.2 knows, because that is what macOS ships.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
target_dir="${CARGO_TARGET_DIR:-$root/target}"
schemathesis_version="4.32.5"

bold="" plain=""
if [ -t 1 ] && [ "${CI:-}" != "true" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi

say() { printf '%s\n' "$*"; }
fail() { printf '\nerror: %s\n' "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }

# step "heading" command...: one heading, the command's own output, one line with the time it took.
steps_done=""
step() {
    local heading="$1" started status=0
    shift
    started=$(date +%s)
    printf '\n%s==> %s%s\n' "$bold" "$heading" "$plain"
    # Called plainly and not in a condition: there, bash would ignore `set -e` inside of the step.
    set +e
    ( set -e; "$@" )
    status=$?
    set -e
    local took=$(( $(date +%s) - started ))
    if [ "$status" -ne 0 ]; then
        printf '%s<== FAILED after %s s: %s%s\n' "$bold" "$took" "$heading" "$plain" >&2
        exit "$status"
    fi
    printf '<== %s s\n' "$took"
    steps_done="$steps_done$(printf '%6s s  %s' "$took" "$heading")"$'\n'
}

# Installs system packages: with apt on Debian and Ubuntu, with brew on macOS; says what it does before it asks for sudo.
install_packages() {
    local what="$1" apt="$2" brew="$3" sudo=""
    if command -v apt-get >/dev/null; then
        if [ "$(id -u)" -ne 0 ]; then
            command -v sudo >/dev/null || fail "$what is missing and there is no sudo to install it." "As root: apt-get install $apt"
            sudo="sudo"
        fi
        say "$what is missing: installing $apt with apt-get."
        # shellcheck disable=SC2086 # the packages are a list on purpose
        { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $apt; } ||
            fail "apt-get could not install $apt." "Install $what by hand, then run this again."
    elif command -v brew >/dev/null; then
        say "$what is missing: installing $brew with Homebrew."
        brew install "$brew" || fail "Homebrew could not install $brew." "Install $what by hand, then run this again."
    else
        fail "$what is missing, and neither apt-get nor Homebrew is here to install it." "Install it by hand, then run this again."
    fi
}
