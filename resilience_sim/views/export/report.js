"use strict";
// One play head, an instant of the run in seconds, for everything that lies in time: the charts, the strip of requests,
// the picture and the steps of each request. It is moved by the slider, the pointer, or the arrow keys on a picture.
const all = selector => [...document.querySelectorAll(selector)];
const charts = all("figure.time"), strip = document.querySelector("figure.strip"), slider = document.querySelector("#head");
const stories = all("section.story").map(section => ({
  svg: section.querySelector("svg"), figure: section.querySelector("figure"), name: section.id.replace("request-", "#"),
  steps: [...section.querySelectorAll("li[data-t]")], from: Number(section.querySelector("svg").dataset.from),
  to: Number(section.querySelector("svg").dataset.to),
}));
const number = (svg, name) => Number(svg.dataset[name]);
let head = -1;

function place(svg, share) {
  const cursor = svg.querySelector(".cursor"), there = share >= 0 && share <= 1;
  cursor.style.visibility = there ? "visible" : "hidden";
  if (there) cursor.setAttribute("transform", `translate(${number(svg, "left") + number(svg, "inner") * share} 0)`);
}

function chart(figure) {
  const svg = figure.querySelector("svg"), bins = number(svg, "bins"), to = number(svg, "to");
  const index = Math.min(bins - 1, Math.floor(head / to * bins)), row = figure.querySelector("tbody").rows[index];
  const heads = figure.querySelector("thead").rows[0].cells;
  place(svg, row ? (index + 0.5) / bins : -1);
  figure.querySelector("output").textContent = row ? [...row.cells].map(
    (cell, i) => i ? `${heads[i].textContent} ${cell.textContent}` : cell.textContent).join(" · ") : "";
}

function show(t) {
  head = t;
  charts.forEach(chart);
  const under = [];
  for (const {svg, name, steps, from, to} of stories) {
    place(svg, (t - from) / (to - from));
    if (t >= from && t <= to) under.push(name);
    const past = steps.filter(step => Number(step.dataset.t) <= t), inside = t >= from && t <= to;
    for (const step of steps) step.classList.toggle("ahead", inside && !past.includes(step));
    for (const step of steps) step.classList.toggle("now", inside && step === past[past.length - 1]);
  }
  if (!strip) return;
  const svg = strip.querySelector("svg"), text = `${t.toFixed(3)} s`;
  place(svg, t / number(svg, "to"));
  slider.value = t;
  slider.setAttribute("aria-valuetext", text);
  strip.querySelector("output").textContent = under.length ? `${text} · under way: ${under.join(", ")}` : text;
}

function pointed(svg, then) {
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * number(svg, "wide");
    const share = (x - number(svg, "left")) / number(svg, "inner");
    if (share >= 0 && share <= 1) then(share);
  });
}

function keyed(figure, step) {
  figure.addEventListener("keydown", event => {
    const by = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
    if (!by || event.target !== figure) return;
    event.preventDefault();
    step(by);
  });
}

for (const figure of charts) {
  const svg = figure.querySelector("svg"), to = number(svg, "to"), bin = to / number(svg, "bins");
  pointed(svg, share => show(share * to));
  keyed(figure, by => show(Math.min(to - bin / 2, Math.max(bin / 2, (Math.floor(head / bin) + by + 0.5) * bin))));
}
for (const {svg, figure, steps, from, to} of stories) {
  pointed(svg, share => show(from + share * (to - from)));
  keyed(figure, by => { // from step to step
    const times = [...new Set(steps.map(step => Number(step.dataset.t)))].sort((a, b) => a - b);
    const at = times.filter(t => t <= head).length - 1;
    if (times.length) show(times[Math.min(times.length - 1, Math.max(0, at + by))]);
  });
}
if (strip) {
  const svg = strip.querySelector("svg");
  slider.hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  pointed(svg, share => show(share * number(svg, "to")));
  for (const link of strip.querySelectorAll("a")) {
    link.addEventListener("click", () => {
      const found = stories.find(story => `#request-${story.name.slice(1)}` === link.getAttribute("href"));
      if (found) show(found.from);
    });
  }
}
document.querySelector("#save")?.addEventListener("click", event => {
  const text = document.querySelector("#data").textContent;
  event.currentTarget.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
});
