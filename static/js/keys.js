// Single keys for the pages of a pull request. Their help lists them and can switch them off.
const help = document.getElementById("keys");
const opener = document.querySelector("[data-keys]");
const choice = help.querySelector("[data-keys-on]");
const KEPT = "touchstone:keys";

opener.hidden = false;
opener.querySelector("button").addEventListener("click", () => help.showModal());
choice.checked = localStorage.getItem(KEPT) !== "off";
choice.addEventListener("change", () => localStorage.setItem(KEPT, choice.checked ? "on" : "off"));

// To the next or previous file or thread, seen from what has the focus, else from the top of the window.
function step(by) {
  const stops = [...document.querySelectorAll("[data-stop]")].filter((stop) => stop.offsetParent);
  const here = stops.findIndex((stop) => stop === document.activeElement);
  const below = stops.findIndex((stop) => stop.getBoundingClientRect().top > 1);
  const at = here >= 0 ? here + by : by > 0 ? below : below < 0 ? stops.length - 1 : below - 1;
  const stop = stops[at];
  if (!stop) return;
  stop.tabIndex = -1;
  stop.focus();
  stop.scrollIntoView({ block: "start" });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (!choice.checked || typing || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") help.showModal();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else {
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("a")) target.click();
    else target.focus();
  }
});
