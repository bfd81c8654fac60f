"use strict";
// The wipe: a range input moves the edge, so that keys, touch and mouse all work; dragging on the picture does the same.
for (const wipe of document.querySelectorAll(".wipe")) {
  const range = wipe.querySelector("input"), stage = wipe.querySelector(".stage");
  const show = () => wipe.style.setProperty("--at", range.value + "%");
  range.addEventListener("input", show);
  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = Math.round(1000 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))) / 10;
    show();
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
}
// Suspects: filter by key, open or close every group, collect those judged harmless as lines for --ignore.
const search = document.querySelector("#filter");
if (search) {
  const groups = [...document.querySelectorAll("details.group")];
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const group of groups) {
      let left = 0;
      for (const item of group.querySelectorAll(".suspect")) {
        item.hidden = wanted !== "" && !item.dataset.text.toLowerCase().includes(wanted);
        left += item.hidden ? 0 : 1;
      }
      group.hidden = wanted !== "" && left === 0;
    }
  });
  document.querySelector("#open").addEventListener("click", () => groups.forEach((group) => { group.open = true; }));
  document.querySelector("#close").addEventListener("click", () => groups.forEach((group) => { group.open = false; }));
  const ignored = document.querySelector("#ignored"), box = document.querySelector("#ignore-box");
  const collect = () => {
    const lines = [...document.querySelectorAll(".suspect input:checked")].map((tick) => tick.value);
    ignored.textContent = lines.join("\n");
    box.hidden = lines.length === 0;
  };
  for (const tick of document.querySelectorAll(".suspect input")) tick.addEventListener("change", collect);
}
addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
