// The reader's choice of colours, before anything is drawn.
try {
  const chosen = localStorage.getItem("colours");
  if (chosen) document.documentElement.dataset.colours = chosen;
} catch { /* no storage: the system's colours */ }
