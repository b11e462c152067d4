// Before anything is painted: the theme that was chosen the last time.
const chosen = localStorage.getItem('theme');
if (chosen) document.documentElement.dataset.theme = chosen;
