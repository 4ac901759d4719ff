"""The live driver: speech and text come in over the network, a talking head goes out over WebRTC."""
