// Opens the comment form under a line without a new page. Without JavaScript the same link shows it.
function openForm(link) {
  const row = link.closest("tr");
  let place = row.nextElementSibling;
  if (!place?.classList.contains("said-row")) {
    place = document.createElement("tr");
    place.className = "said-row";
    const cell = place.insertCell();
    cell.colSpan = row.cells.length;
    cell.append(Object.assign(document.createElement("div"), { className: "said-in" }));
    row.after(place);
  }
  const inside = place.querySelector(".said-in");
  if (!inside.querySelector("form")) {
    inside.append(document.getElementById("line-form").content.cloneNode(true));
    inside.querySelector("form").elements.spot.value = link.dataset.spot;
  }
  inside.querySelector("form textarea").focus();
}

function closeForm(link) {
  const place = link.closest(".said-row");
  link.closest("form").remove();
  if (!place.querySelector(".remark")) place.remove();
}

// A saved reply goes to where the cursor was, beside what is written already.
function insertReply(text) {
  const field = document.getElementById("body");
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.focus();
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const say = event.target.closest("[data-spot]");
  const cancel = event.target.closest("[data-cancel]");
  const reply = event.target.closest("[data-reply]");
  if (!say && !cancel && !reply) return;
  event.preventDefault();
  if (say) openForm(say);
  else if (reply) insertReply(reply.dataset.reply);
  else closeForm(cancel);
});

// The two choices show at once what they choose.
for (const select of document.querySelectorAll(".diff-bar select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
