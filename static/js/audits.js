// Reports: a change of a select shows at once, and the address bar keeps what was chosen.
(() => {
  htmx.config.refreshOnHistoryMiss = true;

  const ready = (within) => {
    for (const part of within.querySelectorAll("[data-apply]")) part.hidden = true;
  };
  ready(document);
  document.addEventListener("htmx:afterSettle", (event) => ready(event.target));

  // What is empty is the default, which an address need not name.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("[data-controls]")) return;
    const sent = event.detail.formData;
    for (const name of new Set(sent.keys())) {
      const values = sent.getAll(name).filter((value) => value !== "");
      sent.delete(name);
      for (const value of values) sent.append(name, value);
    }
  });

  // A view that cannot be shown answers with a sentence, which belongs on the page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status !== 400 || event.detail.target.id !== "part") return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });
})();
