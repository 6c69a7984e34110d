// Two texts of a prompt tried at once: the answers grow beside each other, and Stop leaves what there is of them. The page
// works without it, and then waits for both.
const find = (selector, root = document) => root.querySelector(selector);
const busy = (is) => document.documentElement.toggleAttribute("data-busy", is);
let trial;

// Before the house looks at it, which would take it for a page on its way.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-try]") || event.submitter?.name) return;
  event.preventDefault();
  if (trial) return;
  trial = new AbortController();
  const stop = find("[data-stop]", form), places = document.querySelectorAll("[data-answer]");
  stop.onclick = () => trial?.abort();
  busy(true);
  try {
    const headers = { Accept: "application/x-ndjson" };
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers, signal: trial.signal });
    // Not the two answers: the page says what is wrong.
    if (!answer.headers.get("Content-Type")?.startsWith(headers.Accept)) return form.submit();
    busy(false);
    find("#answers").hidden = stop.hidden = false;
    places.forEach((place, at) => {
      place.innerHTML = '<div class="prose plain-text caret"></div>';
      place.setAttribute("aria-busy", "true");
      place.nextElementSibling.hidden = true;
      find("h2", place.parentElement).textContent = form.elements[at ? "right" : "left"].selectedOptions[0].text;
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", piece; !(piece = await reader.read()).done;) {
      const lines = (rest + piece.value).split("\n");
      rest = lines.pop();
      lines.map(JSON.parse).forEach(({ place, text, html }) => {
        const at = places[place];
        if (text) at.firstChild.append(text);
        else at.innerHTML = html;
        if (html) at.removeAttribute("aria-busy");
      });
    }
  } catch {
    const detail = { value: document.body.dataset.failed, level: "error" };
    if (!trial.signal.aborted) document.dispatchEvent(new CustomEvent("toast", { detail }));
  } finally {
    places.forEach((place) => {
      if (!place.hasAttribute("aria-busy")) return;
      place.removeAttribute("aria-busy");
      place.firstChild.classList.remove("caret");
      place.nextElementSibling.hidden = false;
    });
    busy(false);
    if (stop === document.activeElement) find(".primary", form).focus();
    stop.hidden = true;
    trial = undefined;
  }
}, true);
