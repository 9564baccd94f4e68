"""The fault harness on receivers as they are usually written: what is lost and doubled, beside ours."""
