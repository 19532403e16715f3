// What every page can use: copy buttons, messages to close, questions before what cannot be undone, the name
// and size of a chosen file, the current tab in view.
(() => {
  const announce = (text) => {
    const live = document.getElementById("live");
    live.textContent = "";
    setTimeout(() => (live.textContent = text), 50);
  };

  const copy = async (button) => {
    const words = button.querySelector("[data-copy-label]");
    const before = words.textContent;
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    words.textContent = "Copied";
    announce("Copied");
    setTimeout(() => (words.textContent = before), 1600);
  };

  const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  const describeFiles = (input) => {
    const note = document.getElementById(input.dataset.describe);
    const files = [...input.files];
    note.textContent = files.map((file) => `${file.name}, ${size(file.size)}`).join("; ");
    const most = Number(input.dataset.maxBytes || Infinity);
    const tooBig = files.find((file) => file.size > most);
    input.setCustomValidity(tooBig ? `${tooBig.name} has ${size(tooBig.size)}; at most ${size(most)} are taken.` : "");
    if (tooBig) input.reportValidity();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-dismiss]");
    if (button?.matches("[data-copy]")) copy(button);
    else button?.closest("[data-message]").remove();
  });

  document.addEventListener("submit", (event) => {
    const asks = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (asks && !confirm(asks)) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[type=file][data-describe]")) describeFiles(event.target);
  });

  const lostContact = () => {
    const notice = document.getElementById("lost-contact");
    if (notice) notice.hidden = false;
  };
  document.addEventListener("htmx:sendError", lostContact);
  document.addEventListener("htmx:responseError", lostContact);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) document.getElementById("lost-contact").hidden = true;
  });

  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
