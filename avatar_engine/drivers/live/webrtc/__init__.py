"""Media out: encoders, tracks and peers on aiortc."""
