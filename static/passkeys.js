// Passkeys: asks the browser for one, and sends its answer with the form it belongs to.
const known = "PublicKeyCredential" in window;
const coded = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

// Options as they come, for browsers that do not read them themselves.
function read(options, making) {
  const own = making ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  if (PublicKeyCredential[own]) return PublicKeyCredential[own](options);
  const listed = (list = []) => list.map((each) => ({ ...each, id: bytes(each.id) }));
  const common = { ...options, challenge: bytes(options.challenge) };
  return making
    ? { ...common, user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: listed(options.excludeCredentials) }
    : { ...common, allowCredentials: listed(options.allowCredentials) };
}

function written(credential) {
  // Some that replace the browser's own have it and cannot.
  try { return JSON.stringify(credential.toJSON()); } catch { /* by hand, below */ }
  const { response } = credential;
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const answer = Object.fromEntries(parts.filter((part) => response[part]).map((part) => [part, coded(response[part])]));
  if (response.getTransports) answer.transports = response.getTransports();
  return JSON.stringify({ id: credential.id, rawId: coded(credential.rawId), type: credential.type, response: answer });
}

async function asked(form) {
  const token = form.elements.csrfmiddlewaretoken.value;
  const answer = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token }, redirect: "manual" });
  // Signed out, or a fresh proof is due: the page itself says so.
  if (answer.type === "opaqueredirect") location.reload();
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

let waiting = new AbortController();

async function give(form, mediation) {
  const making = form.dataset.passkey === "create";
  const options = read(await asked(form), making);
  waiting.abort();
  waiting = new AbortController();
  const question = { publicKey: options, signal: waiting.signal };
  if (mediation) question.mediation = mediation;
  const credential = await (making ? navigator.credentials.create(question) : navigator.credentials.get(question));
  form.elements.credential.value = written(credential);
  const remember = document.querySelector("input[type=checkbox][name=remember]");
  if (form.elements.remember) form.elements.remember.disabled = !remember?.checked;
  form.requestSubmit();
}

function show(form, name = "") {
  form.querySelectorAll("[data-trouble]").forEach((each) => { each.hidden = each.dataset.trouble !== name; });
}

const reasons = { NotAllowedError: "cancelled", AbortError: "", InvalidStateError: "known" };

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  let busy = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return; // answered: on with it
    event.preventDefault();
    if (busy) return;
    busy = true;
    show(form);
    try {
      if (known) await give(form);
      else show(form, "missing");
    } catch (error) {
      show(form, reasons[error.name] ?? "failed");
      if ("fillsIn" in form.dataset) fillIn(form);
    }
    busy = false;
  });
  addEventListener("pageshow", () => { form.elements.credential.value = ""; });
  if ("fillsIn" in form.dataset) fillIn(form);
});

// Passkeys among what the browser fills into the field of the name; asked anew before the challenge grows too old.
async function fillIn(form) {
  if (!known || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const again = setTimeout(() => fillIn(form), 240000);
  await give(form, "conditional").catch(() => clearTimeout(again));
}
