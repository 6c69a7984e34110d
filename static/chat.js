// A conversation in the browser: drafts, files, what is sent next, prompts by their names. Its pages work without it.
const find = (selector, root = document) => root.querySelector(selector);
const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);
const on = (type, act, options) => document.addEventListener(type, act, options);
const say = (text) => document.dispatchEvent(new CustomEvent("toast", { detail: { value: text } }));
const words = document.body.dataset;
const form = () => find("#composer form");
const box = () => find("textarea[data-draft]");
const joined = (...texts) => texts.filter((text) => text.trim()).join("\n\n");

// A message not yet sent outlives the page it was written on, for its person and in this browser alone. What waits for
// the end of an answer is not sent either.
let held = "";
const draftOf = (path) => `draft:${box().dataset.draft}:${path}`;

function keepDraft() {
  if (!box()) return;
  const text = joined(held, box().value);
  // A browser keeps some megabytes, or nothing at all.
  try { localStorage.setItem(draftOf(location.pathname), text); } catch { /* it stays on the page */ }
  if (!text) localStorage.removeItem(draftOf(location.pathname));
  markDrafts();
}

function markDrafts() {
  if (box()) each("[data-drafted]", (mark) => { mark.hidden = !localStorage.getItem(draftOf(mark.closest("a").pathname)); });
}

on("input", (event) => { if (event.target === box()) keepDraft(); });
addEventListener("storage", markDrafts);

// What is written while an answer comes is sent when that ends.
let onItsWay = "", besides = "";

function showHeld() {
  const note = find("#held");
  if (!note) return;
  note.hidden = !held;
  find("[data-held]", note).textContent = held;
}

on("submit", (event) => {
  if (event.target !== form() || !find("[data-stop]", form()) || event.submitter?.matches("[data-stop]")) return;
  event.preventDefault();
  event.stopPropagation();
  held = joined(held, box().value);
  box().value = "";
  showHeld();
  keepDraft();
  box().focus();
}, { capture: true });

on("click", (event) => {
  if (!event.target.closest("[data-take-back]")) return;
  box().value = joined(held, box().value);
  held = "";
  showHeld();
  box().focus();
});

function sendHeld() {
  if (!held || !form() || find("[data-stop]")) return;
  [onItsWay, besides, held] = [held, box().value, ""];
  showHeld();
  htmx.ajax("POST", form().action, { source: form(), target: "#messages", swap: "beforeend", values: { message: onItsWay, held: "yes" } });
}

on("sent", () => {
  if (!onItsWay && box()) box().value = "";
  onItsWay = "";
  files = new DataTransfer();
  listFiles();
  keepDraft();
});
on("htmx:afterRequest", (event) => {
  if (onItsWay && !event.detail.successful) {
    // The sentence says why; both texts are here to be sent again.
    box().value = joined(onItsWay, besides);
    onItsWay = "";
    keepDraft();
  }
  // What had the focus may have been replaced.
  if (document.activeElement === document.body && event.target.closest?.("#composer")) box()?.focus({ preventScroll: true });
});

// Files
let files = new DataTransfer();
const picker = () => find("#composer [type=file]");

function listFiles() {
  if (!picker()) return;
  picker().files = files.files;
  const chosen = find("#chosen");
  chosen.hidden = !files.files.length;
  chosen.replaceChildren(...[...files.files].map((file) => {
    const item = find("#chosen-file").content.firstElementChild.cloneNode(true), off = find("button", item);
    find("span", item).textContent = file.name;
    off.ariaLabel = `${off.ariaLabel}: ${file.name}`;
    return item;
  }));
}

on("change", ({ target }) => {
  if (target !== picker()) return;
  for (const file of target.files) files.items.add(file);
  listFiles();
  box().focus();
});
on("click", (event) => {
  const item = event.target.closest("[data-take-off]")?.closest("li");
  if (!item) return;
  files.items.remove([...item.parentElement.children].indexOf(item));
  listFiles();
  box().focus();
});

// "/" in an empty box lists the prompts.
const choices = () => find("#composer [name=prompt]");
const listed = () => find("#slash");
const selected = () => find("[aria-selected=true]", listed());

function listPrompts() {
  const text = box().value, wanted = text.slice(1).trim().toLowerCase();
  const options = choices() && /^\/.*$/.test(text) ? [...choices().options].filter((option) => option.text.toLowerCase().includes(wanted)) : [];
  options.sort((one, other) => !one.value - !other.value); // none comes last: nobody means it by a mere Enter
  find(".pop", listed()).replaceChildren(...options.map((option, place) => {
    const item = document.createElement("div");
    Object.assign(item, { id: `slash-${place}`, className: "item", role: "option", textContent: option.text });
    item.dataset.value = option.value;
    return item;
  }));
  listed().hidden = !options.length;
  mark(find(".item", listed()));
}

function mark(item) {
  each(".item", (other) => { other.ariaSelected = String(other === item); }, listed());
  item?.scrollIntoView({ block: "nearest" });
  if (item && !listed().hidden) box().setAttribute("aria-activedescendant", item.id);
  else box().removeAttribute("aria-activedescendant");
}

function choose(item) {
  choices().value = item.dataset.value;
  box().value = "";
  listed().hidden = true;
  mark();
  keepDraft();
  choices().dispatchEvent(new Event("change", { bubbles: true }));
  box().focus();
}

on("input", (event) => { if (event.target === box()) listPrompts(); });
on("keydown", (event) => {
  if (event.target !== box() || listed().hidden || event.isComposing) return;
  const items = [...listed().querySelectorAll(".item")], here = items.indexOf(selected());
  if (event.key === "ArrowDown") mark(items[(here + 1) % items.length]);
  else if (event.key === "ArrowUp") mark(items.at(here - 1));
  else if (event.key === "Enter" && !event.shiftKey) choose(selected());
  else if (event.key === "Escape") { listed().hidden = true; mark(); }
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
on("click", (event) => {
  const item = event.target.closest("#slash .item");
  if (item) choose(item);
  else if (listed()) listed().hidden = true;
});

// What will be answered with is said at once, also on a phone where there is little room for it.
on("change", ({ target }) => {
  const place = { model: "#model-in-use", prompt: "#held-with" }[target.form === form() && target.name];
  if (!place) return;
  find(place).textContent = `${target.name === "prompt" ? "· " : ""}${target.selectedOptions[0].text}`;
  find(place).classList.remove("only-wide");
});

// The source of a message, with its Markdown signs; and a message edited in its place, or not.
on("click", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  const source = event.target.closest("[data-copy-text]"), cancel = event.target.closest(".msg [data-cancel]");
  if (!source && !cancel) return;
  event.preventDefault();
  if (cancel) {
    const message = cancel.closest(".msg");
    cancel.closest("form").remove();
    find("[hx-get]", message).focus();
  } else copyFrom(source.href);
});

function copyFrom(address) {
  const text = fetch(address, { redirect: "error" }).then(async (answer) => {
    if (!answer.ok) throw new Error(address);
    return new Blob([await answer.text()], { type: "text/plain" });
  });
  // The promise is handed over, because some browsers let nothing be copied later than at the click.
  const copied = navigator.clipboard ? navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]) : Promise.reject(text);
  copied.then(() => say(words.copied), () => say(words.failed));
}

// Who sends wants to see it, wherever they have read before.
on("htmx:beforeRequest", ({ target }) => { if (target === form()) find(".thread-body").scrollTop = 0; });
on("htmx:load", () => {
  markDrafts();
  showHeld();
  listFiles();
  if (box()) box().placeholder = find("[data-stop]") ? box().dataset.while : box().dataset.first;
  // Once the page has settled.
  setTimeout(sendHeld);
});
if (box()?.value === "") box().value = localStorage.getItem(draftOf(location.pathname)) ?? "";
markDrafts();
