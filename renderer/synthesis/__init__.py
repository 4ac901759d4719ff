"""The 3D scene that renders a synthetic person with exactly known controls: the generator's training data.

A frame is a function of (avatar recipe, seed, index): seeded random ARKit-52 weights, head rotation and
gaze move a parametric head, and Cycles renders it together with the labels (controls, 68 landmarks, 368
exact points). No photograph and no real person is in it.

    python -m renderer.synthesis convert --ict FaceXModel --grooms CharMorph-Vitruvian --out MODEL
    python -m renderer.synthesis render  --avatar ava --face-model MODEL --out FRAMES --seed 2001 --frames 500
    python -m renderer.synthesis points  --avatar ava --face-model MODEL --frames FRAMES
    python -m renderer.synthesis pack    --frames FRAMES --out SHARDS
    python -m renderer.synthesis.rig_labels --avatar ava --face-model MODEL --out LABELS.npz

The head is the user's own copy of ICT-FaceKit (Li, Bladin, Zhao et al., "Learning formation of physically-
based face attributes", CVPR 2020; MIT licence), hair, brows and torso those of CharMorph-Vitruvian (CC0).
Neither is part of this project: every command takes the path of a converted copy.

LICENCE. Rendering needs Blender as a Python module (`pip install 'avatar-engine[synthesis]'`: bpy 4.2,
Python 3.11 only), which is GPL-3.0-or-later. It is an option: nothing outside this folder imports it,
nothing at run time imports this folder, and in here only `blender`, `materials`, `studio`, `avatar` and
`render` touch it. All else (converter, controls, posing, skin painting, grooms, labels, packing) is numpy
and scipy and works without it.

Coordinates everywhere: centimetres, x to the subject's left, y up, z to the front (ICT-FaceKit's own
frame). Angles: yaw > 0 turns the face to the subject's left, pitch > 0 looks up, roll > 0 raises the
subject's left ear.
"""
