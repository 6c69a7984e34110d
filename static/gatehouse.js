// Gatehouse in the browser: every page works without this file, it only shortens the way.
const find = (selector, root = document) => root.querySelector(selector);
const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);
const on = (type, act, options) => document.addEventListener(type, act, options);
const words = document.body.dataset;

// Toasts: for what is done, six seconds, longer under the pointer; errors stay.
function keepToast(toast) {
  if (toast.dataset.level === "error") return;
  let timer;
  // Longer where there is something to undo.
  const wait = () => { timer = setTimeout(() => toast.remove(), find("form, a", toast) ? 15000 : 6000); };
  toast.addEventListener("mouseenter", () => clearTimeout(timer));
  toast.addEventListener("focusin", () => clearTimeout(timer));
  toast.addEventListener("mouseleave", wait);
  wait();
}

function showToast(text, level = "success") {
  const toast = find(`#toast-${level === "error" ? "error" : "done"}`).content.firstElementChild.cloneNode(true);
  toast.dataset.level = level;
  find("span", toast).textContent = text;
  find(".toasts").append(toast);
  keepToast(toast);
}

each(".toast", keepToast);

// Dialogs, menus, drawers
function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return false;
  dialog.showModal();
  return true;
}

const openMenus = () => document.querySelectorAll("details.menu[open]");
const drawer = () => find("[data-drawer]:target");
let drawerOpener;

function closeDrawer() {
  location.hash = "main";
  drawerOpener?.focus();
}

addEventListener("hashchange", () => {
  // Two frames on, the drawer has become visible and can take the focus.
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const open = drawer();
    if (open) find("a, input, button", open)?.focus();
  }));
});

on("click", (event) => {
  const target = event.target;
  openMenus().forEach((menu) => { if (!menu.contains(target)) menu.open = false; });

  if (target instanceof HTMLDialogElement) target.close(); // the veil around it
  if (target.closest("[data-close]")) target.closest("dialog, .toast")?.[target.closest("dialog") ? "close" : "remove"]();

  const opener = target.closest("[data-dialog]");
  if (opener && !event.ctrlKey && !event.metaKey) {
    if (opener.dataset.dialog === "palette" ? openPalette() : openDialog(opener.dataset.dialog)) event.preventDefault();
  }

  const link = target.closest('a[href^="#"]');
  if (link && document.getElementById(link.hash.slice(1))?.matches("[data-drawer]")) drawerOpener = link;

  if (target.closest("[data-print]")) print();
  if (target.closest("[data-hide]")) target.closest("[data-shown]").remove();

  const copier = target.closest("[data-copy-from], [data-copy-code]");
  if (copier) copy(copier);

  const row = target.closest("tr[data-href]");
  if (row && !target.closest("a, button, input, label, select, summary") && !getSelection().toString()) {
    const inside = find("a.plain", row);
    if (event.ctrlKey || event.metaKey) window.open(inside.href);
    else inside?.click();
  }
});

function copy(button) {
  const source = button.dataset.copyFrom ? find(button.dataset.copyFrom) : find("pre", button.closest("figure") ?? button);
  navigator.clipboard?.writeText(source.textContent).then(() => showToast(words.copied));
}

on("keydown", (event) => {
  const target = event.target;
  if (event.key === "Enter" && target.matches("textarea[data-enter-submits]") && !event.shiftKey && !event.isComposing) {
    if (matchMedia("(pointer: coarse)").matches) return; // on a phone Enter breaks the line
    event.preventDefault();
    if (target.value.trim()) target.form.requestSubmit();
  } else if (event.key === "Enter" && target.matches("[data-adds]") && target.value.trim()) {
    event.preventDefault(); // adds what stands there, instead of saving everything
    find("button", target.parentElement).click();
  } else if (event.key === "Escape" && !find("dialog[open]")) {
    const menus = openMenus();
    menus.forEach((menu) => { menu.open = false; find("summary", menu).focus(); });
    if (menus.length) return;
    if (drawer()) closeDrawer();
    else (find("[data-cancel]", target.closest("tr.detail") ?? document) ?? find("[data-stop]"))?.click();
  } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    openPalette();
  } else if (event.key === "?" && !target.matches("input, textarea, select, [contenteditable]")) {
    openDialog("shortcuts");
  }
});

// The palette: what the server finds while one types
const palette = find("#palette");

function openPalette() {
  if (!palette || !openDialog("palette")) return false;
  const input = find("input", palette);
  input.value = "";
  return input.dispatchEvent(new Event("opened"));
}

// Whether what is shown is for what is typed, and not for less of it.
const isFound = () => find("[data-found]", palette)?.dataset.found === find("input", palette).value.trim().replace(/\s+/g, " ");

// Enter goes to the first thing found; before it has come, as soon as it does.
function goToFirst(apart) {
  const first = find(".item", palette);
  delete palette.dataset.goes;
  if (apart && first) window.open(first.href);
  else first?.click();
}

palette?.addEventListener("keydown", (event) => {
  const items = [...palette.querySelectorAll(".item")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Enter" && event.target.matches("input")) {
    event.preventDefault();
    if (isFound()) goToFirst(event.ctrlKey || event.metaKey);
    else palette.dataset.goes = "";
  } else if (step && items.length) {
    event.preventDefault();
    const here = items.indexOf(document.activeElement);
    // From the field, up leads to the last.
    items.at(here < 0 && step < 0 ? -1 : (here + step) % items.length).focus();
  }
});
palette?.addEventListener("input", () => delete palette.dataset.goes);
palette?.addEventListener("htmx:afterSwap", () => { if ("goes" in palette.dataset && isFound()) goToFirst(); });

// A secret goes from the server into the clipboard without being shown.
on("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-copy-secret]")) return;
  event.preventDefault();
  const answer = navigator.clipboard && await fetch(form.action, {
    method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, redirect: "manual",
  }).catch(() => null);
  const elsewhere = answer?.headers.get("HX-Redirect");
  const text = answer?.headers.get("Content-Type")?.startsWith("text/plain") && await answer.text();
  if (elsewhere) location.assign(elsewhere);
  else if (answer?.ok && text) navigator.clipboard.writeText(text).then(() => showToast(words.copied), () => showToast(words.failed, "error"));
  else showToast(text || words.failed, "error");
});

// Forms: busy while saving, a warning before what was typed is lost, filters that apply themselves
let unsaved = false;

on("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-unsaved]")) unsaved = true;
  if (event.target.matches("[data-confirm]")) askName(event.target);
  each("[data-follows]", (place) => { if (place.dataset.follows === event.target.name) follow(place, event.target.value); });
});

// An address that is made with what is typed.
function follow(place, typed) {
  place.dataset.pattern ??= place.textContent;
  place.textContent = place.dataset.pattern.replace("SHORT-NAME", typed.trim().toLowerCase() || "SHORT-NAME");
}
on("change", (event) => {
  if (event.target.form?.matches("[data-auto]") && event.target.matches("select, [type=checkbox], [type=radio]")) event.target.form.requestSubmit();
});
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

function askName(input) {
  each("button.danger", (button) => { button.disabled = input.value.trim() !== input.dataset.confirm; }, input.form);
}

on("submit", (event) => {
  const { target: form, submitter } = event;
  const byHtmx = form.matches("[hx-post], [data-hx-post]") || submitter?.matches("[hx-post]");
  if (form.matches("[data-theme-form]")) return switchTheme(event);
  if (form.method !== "post" || submitter?.formMethod === "dialog" || (event.defaultPrevented && !byHtmx)) return;
  if (form.matches("[data-unsaved]")) unsaved = false;
  // A file leaves the page as it stands, and nothing says that it has come.
  if (form.matches("[data-download]") || submitter?.matches("[data-download]")) return;
  if (form.dataset.sending && !byHtmx) return event.preventDefault();
  form.dataset.sending = "1";
  submitter?.setAttribute("aria-busy", "true");
  if (!byHtmx) startWaiting();
});

// What this browser keeps for somebody goes with them: the next person is somebody else.
on("submit", (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  sessionStorage.clear();
  Object.keys(localStorage).filter((key) => key.startsWith("draft:")).forEach((key) => localStorage.removeItem(key));
});

function settle() {
  stopWaiting();
  each("[data-sending]", (form) => delete form.dataset.sending);
  each("button[aria-busy]", (button) => button.removeAttribute("aria-busy"));
}
addEventListener("pageshow", settle);

async function switchTheme(event) {
  event.preventDefault();
  const theme = event.submitter.value;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  each("[name=theme]", (button) => button.setAttribute("aria-pressed", button.value === theme), event.target);
  const body = new FormData(event.target, event.submitter);
  const answer = await fetch(event.target.action, { method: "POST", body, redirect: "manual" }).catch(() => ({ status: 500 }));
  if (answer.status >= 400) showToast(words.failed, "error");
}

// Waiting shows after 150 ms.
let waiting;
function startWaiting() {
  clearTimeout(waiting);
  waiting = setTimeout(() => { document.documentElement.dataset.busy = ""; }, 150);
}
function stopWaiting() {
  clearTimeout(waiting);
  delete document.documentElement.dataset.busy;
}
on("htmx:beforeRequest", (event) => {
  const asker = event.target;
  const isHidden = document.hidden && asker.closest("[data-live]");
  if (isHidden || closeDetail(asker.closest("a[aria-expanded]"))) event.preventDefault();
  else if (!asker.closest("[data-live]")) startWaiting();
});

// A row opens to its details below it, or to rows of a deeper level, and closes again without asking.
function closeDetail(link) {
  const row = link?.closest("tr");
  if (!row) return false;
  const isBelow = (next) => next?.matches(".detail") || next?.dataset.level > Number(row.dataset.level);
  const isOpen = isBelow(row.nextElementSibling);
  const isTree = "level" in row.dataset;
  while (isBelow(row.nextElementSibling)) {
    row.nextElementSibling.remove();
    if (!isTree) break;
  }
  if (!isTree) row.classList.toggle("on", !isOpen);
  link.setAttribute("aria-expanded", !isOpen);
  return isOpen;
}

on("htmx:afterRequest", settle);
on("htmx:sendError", () => showToast(words.failed, "error"));
on("htmx:responseError", ({ detail: { xhr } }) => {
  // A plain sentence stands in the place of a page.
  const isSentence = [413, 503].includes(xhr.status) && xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
  showToast(isSentence ? xhr.responseText : words.failed, "error");
});
on("htmx:load", (event) => {
  const root = event.detail.elt;
  prepare(root);
  if (root.matches(".toast")) keepToast(root);
});
// What was to be undone is, or the answer says why not.
on("htmx:afterRequest", (event) => event.target.closest?.(".toast")?.remove());
on("toast", ({ detail }) => showToast(detail.value, detail.level));
// The arrows go from cell to cell of a grid; its links stay links.
on("keydown", (event) => {
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
  if (down === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!event.target.matches(".grid-set :is(a.key, a.v)")) return;
  event.preventDefault();
  const cell = event.target.closest("td, th");
  const rows = [...cell.closest("table").querySelectorAll("tbody tr:not(.group, .detail)")];
  let row = rows.indexOf(cell.parentElement), column = cell.cellIndex, next;
  // Cells without a value are passed over.
  do next = rows[row += down]?.cells[column += right]; while (next && !find("a.key, a.v", next));
  if (next) find("a.key, a.v", next).focus();
});

// What was typed into a row is gone with it.
on("htmx:afterSwap", () => { if (!find("form[data-unsaved]")) unsaved = false; });

// Rows of a table found by their words while one types; what has just come in is looked at too.
function narrow(input) {
  const table = document.getElementById(input.dataset.narrows), shown = "[data-words]:not([hidden])";
  const wanted = input.value.toLowerCase().split(/\s+/);
  each("[data-words]", (row) => { row.hidden = !wanted.every((word) => row.dataset.words.includes(word)); }, table);
  each("tbody", (group) => { group.hidden = !find(shown, group); }, table);
  find(`#${table.id}-none`).hidden = Boolean(find(shown, table));
}
on("input", ({ target }) => { if (target.matches("[data-narrows]")) narrow(target); });
on("htmx:afterSwap", () => each("[data-narrows]", narrow));

// An answer says that it has begun as soon as its first words are there.
on("htmx:sseMessage", (event) => {
  const answer = event.target.closest("[data-status=pending]");
  if (answer) answer.dataset.status = "streaming";
});

// Relative times stay true while a page is open.
setInterval(() => each("time[data-rel]", (time) => {
  const minutes = Math.floor((Date.now() - new Date(time.dateTime)) / 60000);
  if (minutes >= 0 && minutes < 60) time.textContent = minutes ? words.min.replace("%s", minutes) : words.now;
  else if (minutes >= 60 && minutes < 360) time.textContent = words.hours.replace("%s", Math.floor(minutes / 60));
}), 30000);

// The thread is column-reverse, so new text pushes up what is above it: hold the place of who reads further up.
function holdPlace(thread) {
  const content = thread.firstElementChild;
  let height = content.offsetHeight;
  new ResizeObserver(() => {
    const grown = content.offsetHeight - height;
    height += grown;
    if (grown > 0 && thread.scrollTop < -8) thread.scrollTop -= grown;
  }).observe(content);
}

// Rows ticked for an act upon many: how many, and all of a page at once.
function countPicked(form) {
  const boxes = [...form.querySelectorAll("[name=id]")], picked = boxes.filter((box) => box.checked).length;
  const all = find("[data-pick-all]", form), count = find("[data-picked]", form);
  if (all) [all.checked, all.indeterminate] = [picked > 0 && picked === boxes.length, picked > 0 && picked < boxes.length];
  if (count) count.textContent = picked;
  // The button says what will come next.
  each("[data-names]", (button) => {
    const choice = form.elements[button.dataset.names];
    button.dataset.words ??= button.textContent;
    button.textContent = choice.value ? `${choice.selectedOptions[0].text}…` : button.dataset.words;
  }, form);
}
on("click", ({ target }) => {
  const form = target.closest("[data-unpick]")?.form;
  if (!form) return;
  each("[name=id], [name=all]", (box) => { box.checked = false; }, form);
  countPicked(form);
});
on("change", ({ target }) => {
  const form = target.closest("[data-picks]");
  if (!form) return;
  if (target.matches("[data-pick-all]")) each("[name=id]", (box) => { box.checked = target.checked; }, form);
  countPicked(form);
});
addEventListener("pageshow", () => each("[data-picks]", countPicked));

function prepare(root) {
  each("[data-shown]", (shown) => setTimeout(() => shown.remove(), shown.dataset.shown * 1000), root);
  each("input[data-confirm]", askName, root);
  each(".thread-body:not([data-held])", (thread) => { thread.dataset.held = ""; holdPlace(thread); }, root);
}
prepare(document);
find("[data-select]")?.select();
find("[data-error-summary]")?.focus();
