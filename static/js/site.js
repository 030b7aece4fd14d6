// Small comforts; every page works without them.

// Where a row of links is wider than the screen, the one that is open is brought into sight.
for (const row of document.querySelectorAll(".sections, .tabs")) {
  const open = row.querySelector("[aria-current]");
  if (open) row.scrollLeft = open.offsetLeft - row.offsetLeft - (row.clientWidth - open.offsetWidth) / 2;
}

// Copy buttons appear only where the clipboard can be used.
function showCopyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    const source = button.dataset.copy
      ? document.getElementById(button.dataset.copy)
      : button.parentElement.querySelector("code");
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    const label = button.querySelector("[data-copy-label]");
    const before = label.textContent;
    if (before === button.dataset.done) return;
    label.textContent = button.dataset.done;
    button.classList.add("is-done");
    setTimeout(() => {
      label.textContent = before;
      button.classList.remove("is-done");
    }, 1600);
    return;
  }
  // A click elsewhere closes an open menu.
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  // "/" goes to the search field, as on most sites that people work with all day.
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

// A form that was sent cannot be sent twice by an impatient second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 4000);
});

// Filters would push the list off a phone's screen: they are folded there unless one is in use.
const phone = matchMedia("(max-width: 55.99rem)");
function foldFilters() {
  for (const fold of document.querySelectorAll("[data-fold-on-phone]")) {
    fold.open = !phone.matches || Boolean(fold.querySelector('input:checked:not([value=""])'));
  }
}
phone.addEventListener("change", foldFilters);
foldFilters();

showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.detail.elt));

// The theme buttons: the colours change at once, without a new page. Without JavaScript the form is posted.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-theme-form]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  form.querySelector(`[data-from="${theme}"]`).focus();
  document.dispatchEvent(new CustomEvent("touchstone:theme"));
});
