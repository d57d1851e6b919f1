"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");

function colours() {
  const style = getComputedStyle(document.documentElement);
  const [text, quiet, line] = ["--text", "--quiet", "--line"].map((name) => style.getPropertyValue(name).trim());
  return {
    background: null,
    font: style.fontFamily,
    view: { stroke: line },
    axis: { labelColor: text, titleColor: quiet, gridColor: line, domainColor: line, tickColor: line, labelLimit: 160 },
    legend: { labelColor: text, titleColor: quiet, symbolBaseFillColor: text, symbolBaseStrokeColor: text, labelLimit: 260, layout: { top: { direction: "vertical" } } },
    header: { labelColor: text, titleColor: quiet },
    title: { color: text },
  };
}

function draw(figure) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  let place = figure.querySelector(".vega");
  if (!place) {
    place = document.createElement("div");
    place.className = "vega";
    place.style.width = "100%";
    figure.append(place);
  }
  const theme = dark.matches ? "dark" : "light";
  vegaEmbed(place, spec, { actions: false, renderer: "svg", config: colours(), tooltip: { theme } }).catch((error) => {
    place.textContent = `This chart could not be drawn: ${error.message}`;
  });
}

// A chart in a fold is drawn when that is opened: many charts would hold up the first look, and some have no width yet.
const drawn = new Set();
function drawVisible() {
  for (const figure of document.querySelectorAll("figure.chart")) {
    if (!drawn.has(figure) && !figure.closest("details:not([open])")) {
      drawn.add(figure);
      draw(figure);
    }
  }
}
drawVisible();
for (const fold of document.querySelectorAll("details")) fold.addEventListener("toggle", drawVisible);
dark.addEventListener("change", () => drawn.forEach(draw));
// Printed are all tables and charts, of pictures those that are in sight: a printer's file holds every pixel of them.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details:not([open])")) {
    fold.classList.add("opened-for-print");
    fold.open = true;
  }
  drawVisible();
});
addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll(".opened-for-print")) {
    fold.classList.remove("opened-for-print");
    fold.open = false;
  }
});

// What is wider than its place says on which side more of it is.
function mark(scroll) {
  const sides = scroll.parentNode.dataset;
  const over = scroll.scrollWidth - scroll.clientWidth;
  const set = (name, holds) => (holds ? (sides[name] = "") : delete sides[name]);
  set("scrolls", over > 1);
  set("before", scroll.scrollLeft > 1);
  set("after", over - scroll.scrollLeft > 1);
  scroll.tabIndex = over > 1 ? 0 : -1;
}
const sizes = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target.closest(".scroll"))));
for (const scroll of document.querySelectorAll(".scroll")) {
  scroll.addEventListener("scroll", () => mark(scroll), { passive: true });
  sizes.observe(scroll);
  sizes.observe(scroll.firstElementChild);
}

// The number that a cell begins with; a cell without one comes last, whichever way a column is sorted.
function value(cell) {
  const text = cell.textContent.replaceAll(",", "").trim();
  const number = parseFloat(text);
  return Number.isNaN(number) ? text : number;
}

function compare(one, other) {
  if (typeof one === typeof other) return typeof one === "number" ? one - other : one.localeCompare(other);
  return 0;
}

// What rows are compared with stays above them.
function sort(head) {
  const body = head.closest("table").tBodies[0];
  const column = [...head.parentNode.children].indexOf(head);
  const down = head.getAttribute("aria-sort") !== "descending" && column > 0;
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const [fixed, free] = [true, false].map((is) => [...body.rows].filter((row) => row.matches(".reference") === is));
  const rows = free.map((row) => ({ row, key: value(row.cells[column]) }));
  const missing = (key) => column > 0 && typeof key !== "number" && rows.some((each) => typeof each.key === "number");
  rows.sort((one, other) => missing(one.key) - missing(other.key) || compare(one.key, other.key) * (down ? -1 : 1));
  body.append(...fixed, ...rows.map((each) => each.row));
}
for (const button of document.querySelectorAll("thead .name")) {
  button.addEventListener("click", () => sort(button.parentNode));
}

// What a number means and what it is of, when it or its column's name is pointed at, it or the "?" there tapped, or that
// has the focus.
const tip = document.getElementById("tip");
function explain(target) {
  const cell = target.closest && target.closest("td, thead th");
  if (!cell) return hide();
  const table = cell.closest("table");
  const head = table.tHead.rows[0].cells[cell.cellIndex];
  const context = table.dataset.context && `(${table.dataset.context})`;
  const lines = [head.dataset.note, context].filter(Boolean);
  if (!lines.length) return hide();
  tip.textContent = `${head.querySelector(".name").textContent}: ${lines.join(" ")}`;
  tip.hidden = false;
  const box = cell.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left), innerWidth - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 6;
  const below = box.bottom + 6;
  const fits = below + tip.offsetHeight < innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${above >= 0 && (!fits || cell.tagName === "TH") ? above : below}px`;
}
function hide() {
  tip.hidden = true;
}
const asks = (target) => target.closest(".note, td");
document.addEventListener("pointerover", (event) => event.pointerType === "mouse" && explain(event.target));
document.addEventListener("focusin", (event) => (asks(event.target) ? explain(event.target) : hide()));
document.addEventListener("click", (event) => (asks(event.target) ? explain(event.target) : hide()));
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
// The focus itself scrolls to where it goes.
function follow() {
  const focused = document.activeElement;
  if (focused.matches(".note:focus-visible")) explain(focused);
  else hide();
}
document.addEventListener("scroll", follow, { passive: true, capture: true });
