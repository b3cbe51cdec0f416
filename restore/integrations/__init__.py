"""Doors for other libraries: for deepinv and OCRmyPDF, and functions in the manner of scikit-image."""
