// The filter of the pattern matrix: rows that hold every typed word stay.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("filter");
  if (!field) return;
  const rows = [...document.querySelectorAll("#matrix tbody tr")];
  const nothing = document.getElementById("nothing");
  const apply = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    nothing.hidden = rows.some((row) => !row.hidden);
  };
  field.addEventListener("input", apply);
  apply();
});
// A block that scrolls sideways can be reached by the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const block of document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap")) block.tabIndex = 0;
});
// The theme's search is a dialog without a name.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
});
