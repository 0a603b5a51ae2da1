# Finds or installs the Rust toolchain and chooses the version. Sourced after house.sh.
rust_pinned="$(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust-toolchain.toml")"

# at_least 1.97.0 1.95.0: whether the first version is the second one or newer.
at_least() {
    local a b i
    IFS=. read -r -a a <<<"${1%%-*}"
    IFS=. read -r -a b <<<"$2"
    for i in 0 1 2; do
        [ "${a[$i]:-0}" -gt "${b[$i]:-0}" ] && return 0
        [ "${a[$i]:-0}" -lt "${b[$i]:-0}" ] && return 1
    done
    return 0
}

ensure_rust() {
    command -v cc >/dev/null || fail "there is no C compiler (cc); SQLite is compiled from source." \
        "Debian, Ubuntu: sudo apt-get install build-essential" "macOS: xcode-select --install"
    # A fresh rustup is not in the PATH of the shell that is already open.
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH="$HOME/.cargo/bin:$PATH"; fi
    if ! command -v cargo >/dev/null; then install_rust; fi
    export PATH
    choose_rust
}

install_rust() {
    command -v curl >/dev/null || fail "Rust is missing, and so is curl to fetch it." "Install Rust $rust_pinned or newer from https://rustup.rs"
    say "Rust is missing: installing rustup (https://rustup.rs) with Rust $rust_pinned into $HOME/.cargo and $HOME/.rustup."
    say "Your shell's start files stay as they are; 'rustup self uninstall' removes it again."
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y --no-modify-path --profile minimal --default-toolchain "$rust_pinned" --component clippy --component rustfmt ||
        fail "rustup could not be installed." "Install Rust $rust_pinned or newer by hand, then run this again."
    PATH="$HOME/.cargo/bin:$PATH"
}

# The pinned toolchain if it is here, else one that is newer: nobody waits for a download that changes nothing.
choose_rust() {
    local here
    # Outside of the repository, so that rust-toolchain.toml does not set off a download.
    here="$(cd / && rustc --version 2>/dev/null | awk '{print $2}')" || here=""
    if command -v rustup >/dev/null && [ -z "${RUSTUP_TOOLCHAIN:-}" ]; then
        if rustup toolchain list | grep -q "^$rust_pinned-"; then
            RUSTUP_TOOLCHAIN="$rust_pinned"
        elif [ -n "$here" ] && at_least "$here" "$rust_pinned"; then
            RUSTUP_TOOLCHAIN="$(cd / && rustup show active-toolchain | awk '{print $1; exit}')"
        else
            say "Rust ${here:-none} is older than the pinned $rust_pinned: rustup installs that one beside it."
            rustup toolchain install "$rust_pinned" --profile minimal --component clippy --component rustfmt ||
                fail "rustup could not install Rust $rust_pinned."
            RUSTUP_TOOLCHAIN="$rust_pinned"
        fi
        export RUSTUP_TOOLCHAIN
    fi
    rust_version="$(cd / && rustc --version 2>/dev/null | awk '{print $2}')" || rust_version=""
    { [ -n "$rust_version" ] && at_least "$rust_version" "$rust_pinned"; } ||
        fail "Rust $rust_pinned or newer is needed, this is ${rust_version:-none}." "With rustup: rustup toolchain install $rust_pinned"
    say "Rust $rust_version (pinned: $rust_pinned)"
}

# rustfmt and clippy are parts of their own; a minimal toolchain lacks them.
ensure_lints() {
    if cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then return; fi
    command -v rustup >/dev/null || fail "rustfmt or clippy is missing." "Install both for Rust $rust_version."
    rustup component add rustfmt clippy || fail "rustup could not add rustfmt and clippy."
}

# A newer clippy knows lints that nobody here has read yet: they are shown, but only the pinned version's fail the build.
lint() {
    if [ "$rust_version" = "$rust_pinned" ]; then
        cargo clippy --workspace --all-targets --all-features -- -D warnings
    else
        say "Clippy of $rust_version is newer than the pinned $rust_pinned: its warnings are shown, denied lints fail."
        cargo clippy --workspace --all-targets --all-features
    fi
}
