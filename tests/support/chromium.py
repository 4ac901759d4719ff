"""How tests and benchmarks start Chromium."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"Runs as root, and asks nobody outside for anything."
SOUND_AT_ONCE = "--autoplay-policy=no-user-gesture-required"
