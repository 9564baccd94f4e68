"""How well and how fast the trends worker does: against labelled series, dated news, real growth and a floor."""
