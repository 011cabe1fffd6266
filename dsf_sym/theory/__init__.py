"""What is proved about layers beyond equality: approximation, conditions, spectra, state sizes."""
