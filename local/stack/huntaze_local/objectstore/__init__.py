"""An S3-compatible object store on loopback whose objects survive kill -9.

The protocol is `moto`'s; the signatures are checked and the objects are kept on disk by us. Why so, and what
was tried instead: docs/adr/0003-embedded-object-store.md.
"""
