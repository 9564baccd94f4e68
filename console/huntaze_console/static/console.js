// Times in the reader's zone, what changes without reloading, and a key for the search. Everything can be read without it.
"use strict";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const sameDay = at.toDateString() === new Date().toDateString();
    time.textContent = (sameDay ? today : exact).format(at);
    time.title = exact.format(at) + "\n" + time.dateTime;
  }
}

function listen(region, state) {
  const source = new EventSource(region.dataset.live);
  source.onmessage = (event) => {
    // Nothing moves under a finger: what is being marked, typed into or opened stays until it is let go.
    Idiomorph.morph(region, event.data, {
      morphStyle: "innerHTML",
      ignoreActiveValue: true,
      callbacks: {
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") && name !== "checked",
      },
    });
    localise(region);
    state.textContent = "Live";
  };
  source.onerror = () => {
    state.textContent = source.readyState === EventSource.CLOSED ? "Not followed any more: reload the page" : "Reconnecting …";
  };
  return source;
}

// A page that nobody looks at must not keep services awake that scale to zero.
function followWhileSeen(region) {
  const state = document.getElementById("state");
  let source = listen(region, state);
  addEventListener("pagehide", () => source.close());
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (document.hidden) state.textContent = "Paused";
    else source = listen(region, state);
  });
}

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (all) for (const box of all.form.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  }
});

localise(document);
const region = document.querySelector("[data-live]");
if (region) followWhileSeen(region);
