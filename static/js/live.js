// Follows a pull request: draws the run panel from the stream, and fetches the page again when more has changed.
// The page is complete without this; a stream that ends is opened again by the browser itself.

const root = document.querySelector("[data-live]");
const RETRY_AFTER = 15000; // after an answer that EventSource takes as final
let fetching = false;
let fetchAgain = false;

// What somebody is writing must not be replaced under their hands.
function isBusy(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches("textarea, input, select")) return true;
  return [...part.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
}

function announce(sentence) {
  root.querySelector("[data-announce]").textContent = sentence;
}

function drawRun(html) {
  const panel = root.querySelector("[data-run]");
  if (!panel) return;
  const before = panel.querySelector("[data-log]");
  const atEnd = !before || before.scrollHeight - before.scrollTop - before.clientHeight < 24;
  const top = before?.scrollTop ?? 0;
  panel.innerHTML = html;
  const log = panel.querySelector("[data-log]");
  if (log) log.scrollTop = atEnd ? log.scrollHeight : top;
  tick();
}

// Folds that were opened stay open.
function keepFolds(old, fresh) {
  const before = old.querySelectorAll("details");
  fresh.querySelectorAll("details").forEach((fold, i) => {
    if (before[i]?.querySelector("summary")?.textContent === fold.querySelector("summary")?.textContent) fold.open = before[i].open;
  });
}

async function drawPage() {
  if (fetching) {
    fetchAgain = true;
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of root.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!fresh || fresh.innerHTML === part.innerHTML) continue;
      if (isBusy(part)) {
        root.querySelector("[data-stale]").hidden = false;
        continue;
      }
      keepFolds(part, fresh);
      part.className = fresh.className;
      part.replaceChildren(...fresh.childNodes);
      document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: part } }));
    }
  } finally {
    fetching = false;
    if (fetchAgain) {
      fetchAgain = false;
      drawPage();
    }
  }
}

function follow(seen) {
  const stream = new EventSource(`${root.dataset.live}?seen=${encodeURIComponent(seen)}`);
  let last = seen;
  stream.addEventListener("change", (event) => {
    last = event.lastEventId;
    const data = JSON.parse(event.data);
    if ("run" in data) drawRun(data.run);
    if ("sentence" in data) {
      announce(data.sentence);
      drawPage();
    }
  });
  stream.addEventListener("over", () => stream.close());
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(last), RETRY_AFTER);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// How long the run has been going, counted on while the page is looked at.
function tick() {
  for (const place of root.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - Number(place.dataset.since)));
    place.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

if (root && window.EventSource) {
  follow(root.dataset.seen);
  tick();
  setInterval(tick, 1000);
}
