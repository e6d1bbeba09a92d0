"""Tables for papers in Word, LaTeX, HTML and spreadsheets."""
