"use strict";
// One cursor over all charts of time: with the pointer, or with the arrow keys on a chart. The numbers are those of the
// table below the chart.
const figures = [...document.querySelectorAll("figure.time")];
function show(index) {
  for (const figure of figures) {
    const svg = figure.querySelector("svg"), bins = Number(svg.dataset.bins);
    const cursor = svg.querySelector(".cursor"), readout = figure.querySelector("output");
    const row = figure.querySelector("tbody").rows[index];
    if (!row) { cursor.style.visibility = "hidden"; readout.textContent = ""; continue; }
    const x = Number(svg.dataset.left) + Number(svg.dataset.inner) * (index + 0.5) / bins;
    cursor.setAttribute("transform", `translate(${x} 0)`);
    cursor.style.visibility = "visible";
    const heads = figure.querySelector("thead").rows[0].cells;
    readout.textContent = [...row.cells].map((cell, i) => i ? `${heads[i].textContent} ${cell.textContent}` : cell.textContent).join(" · ");
  }
}
let at = -1;
for (const figure of figures) {
  const svg = figure.querySelector("svg"), bins = Number(svg.dataset.bins);
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * Number(svg.dataset.wide);
    at = Math.floor((x - Number(svg.dataset.left)) / Number(svg.dataset.inner) * bins);
    if (at >= 0 && at < bins) show(at);
  });
  figure.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
    if (!step) return;
    event.preventDefault();
    at = Math.min(bins - 1, Math.max(0, at + step));
    show(at);
  });
}
document.querySelector("#save")?.addEventListener("click", event => {
  const text = document.querySelector("#data").textContent;
  event.currentTarget.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
});
