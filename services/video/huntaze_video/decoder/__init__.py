"""Decoding in a process of its own, because a video is the most hostile input that the service takes.

`huntaze_video.decoder.process` is the service's side, ``python -m huntaze_video.decoder`` the other one.
"""
