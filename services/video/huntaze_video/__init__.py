"""The video worker: shots, keyframes and a contact sheet of one video."""
