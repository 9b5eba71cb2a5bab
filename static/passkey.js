// Asks the browser for a passkey in the forms that want one, and sends its answer with the form.
// Such a form has `data-options`, a hidden field `credential`, one button that does not submit, and a line with the role
// "status". It stands in something that is hidden until there is a script, and a browser that knows passkeys.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

  // Older browsers cannot read options themselves, and what some extensions hand out cannot write itself.
  function read(options, isNew) {
    const parse = isNew ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
    if (PublicKeyCredential[parse]) return PublicKeyCredential[parse](options);
    const challenge = bytes(options.challenge);
    if (!isNew) return { ...options, challenge, allowCredentials: listed(options.allowCredentials) };
    const user = { ...options.user, id: bytes(options.user.id) };
    return { ...options, challenge, user, excludeCredentials: listed(options.excludeCredentials) };
  }

  function write(credential) {
    try {
      return JSON.stringify(credential.toJSON());
    } catch {
      const from = credential.response;
      const response = { transports: from.getTransports ? from.getTransports() : [] };
      for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
        if (from[part]) response[part] = text(from[part]);
      }
      return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
    }
  }

  async function ask(form) {
    const options = JSON.parse(form.dataset.options);
    const isNew = "rp" in options;
    const publicKey = read(options, isNew);
    form.elements.credential.value = write(await navigator.credentials[isNew ? "create" : "get"]({ publicKey }));
    form.submit();
  }

  const words = {
    NotAllowedError: "You cancelled, or it took too long. Nothing was changed: you can try again.",
    InvalidStateError: "This device has a passkey of yours already. Use that one, or take another device.",
  };
  for (const form of document.querySelectorAll("form[data-options]")) {
    if (!window.PublicKeyCredential) break;
    const [button, status] = [form.querySelector("button"), form.querySelector("[role=status]")];
    button.addEventListener("click", () => {
      if (!form.reportValidity()) return;
      [button.disabled, status.textContent] = [true, "Your browser is asking for the passkey."];
      ask(form).catch((error) => {
        const other = `This browser cannot use a passkey here (${error.name}). Nothing was changed: take another way.`;
        [button.disabled, status.textContent] = [false, words[error.name] || other];
        button.focus();
      });
    });
    form.closest("[hidden]")?.removeAttribute("hidden");
  }
})();
