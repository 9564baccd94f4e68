"""For tests of workers: signing, a recording QStash, and a process that dies wherever it is told to.

Never imported by production code (`.importlinter` sees to it).
"""
