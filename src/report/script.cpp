#include "assets.hpp"

namespace mote::report {

Markup script() {
  // Text from the data only ever passes through textContent. Errors are kept on the root element, where a test can see
  // them.
  return trusted(R"js(
"use strict";
(() => {
  const root = document.documentElement;
  addEventListener("error", e => { root.dataset.error = e.message; });

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth - 4 ? x - box.width - 14 : x + 14;
    const top = y + 14 + box.height > innerHeight - 4 ? y - box.height - 10 : y + 14;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, top) + "px";
  };
  const hide = () => { tip.hidden = true; };

  // Titles become read-outs that follow the pointer; screen readers get them as labels.
  for (const title of document.querySelectorAll("svg rect > title")) {
    const shape = title.parentNode;
    shape.dataset.tip = title.textContent;
    shape.setAttribute("role", "img");
    shape.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  for (const element of document.querySelectorAll("main [title]")) {
    element.dataset.tip = element.title;
    element.setAttribute("aria-description", element.title);
    element.removeAttribute("title");
  }
  const follow = e => {
    const marked = e.target.closest?.("[data-tip]");
    if (marked) show(marked.dataset.tip, e.clientX, e.clientY);
    else if (!e.target.closest?.("[data-n],[data-cells]")) hide();
  };
  addEventListener("pointermove", follow);
  addEventListener("pointerdown", follow);
  addEventListener("scroll", hide, { passive: true });

  // Curves: one cursor over all plots at the same epoch.
  const plots = [...document.querySelectorAll(".area[data-n]")].map(area => {
    const cursor = document.createElement("i");
    cursor.className = "cursor";
    cursor.hidden = true;
    area.append(cursor);
    const lines = [...area.querySelectorAll("path[data-v]")];
    return { area, cursor, n: +area.dataset.n, lines: lines.map(l => ({ name: l.dataset.name, v: l.dataset.v.split(" ") })) };
  });
  for (const plot of plots) {
    const move = e => {
      const box = plot.area.getBoundingClientRect();
      const at = Math.floor((e.clientX - box.left) / box.width * plot.n);
      const i = Math.min(plot.n - 1, Math.max(0, at));
      for (const other of plots) {
        other.cursor.hidden = false;
        other.cursor.style.left = (i + 0.5) / other.n * 100 + "%";
      }
      const rows = plot.lines.map(l => l.name + "  " + (l.v[i] === "-" ? "n/a" : l.v[i]));
      show("epoch " + (i + 1) + "\n" + rows.join("\n"), e.clientX, e.clientY);
    };
    plot.area.addEventListener("pointermove", move);
    plot.area.addEventListener("pointerdown", move);
    plot.area.addEventListener("pointerleave", () => {
      for (const other of plots) other.cursor.hidden = true;
      hide();
    });
  }

  // Confusion matrices of many classes are drawn without a title a cell.
  for (const drawing of document.querySelectorAll("svg[data-cells]")) {
    const names = drawing.dataset.names.split("\n");
    const counts = new Map();
    const rows = names.map(() => 0);
    for (const cell of drawing.dataset.cells.split(" ")) {
      const [truth, answer, count] = cell.split(",").map(Number);
      counts.set(truth * names.length + answer, count);
      rows[truth] += count;
    }
    const move = e => {
      const box = drawing.getBoundingClientRect();
      const index = (at, from, size) => Math.min(names.length - 1, Math.max(0, Math.floor((at - from) / size * names.length)));
      const truth = index(e.clientY, box.top, box.height);
      const answer = index(e.clientX, box.left, box.width);
      const count = counts.get(truth * names.length + answer) ?? 0;
      show("truth " + names[truth] + "\nanswer " + names[answer] + "\n" + count + " of " + rows[truth], e.clientX, e.clientY);
    };
    drawing.addEventListener("pointermove", move);
    drawing.addEventListener("pointerdown", move);
    drawing.addEventListener("pointerleave", hide);
  }

  // A button beside the commands; only where the browser can copy.
  for (const block of document.querySelectorAll(".commands pre")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
    });
    block.before(button);
  }

  // Paper cannot be clicked.
  addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });

  // The link of the section in view is marked.
  const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a]));
  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) links.get(entry.target.id)?.classList.toggle("here", entry.isIntersecting);
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section, main > header")) watcher.observe(section);

  root.dataset.ready = "yes";
})();
)js");
}

}  // namespace mote::report
