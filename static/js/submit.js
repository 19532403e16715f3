// The form that names a group: only what belongs to the chosen format, columns to find and to insert.
(() => {
  const form = document.querySelector("[data-group-form]");
  const { group_rule: rule, group_file: file } = form.elements;
  const ENDINGS = { onnx: [".onnx"], skops: [".skops"], python: [".py"] };

  const chosen = () => form.elements.group_format.value;

  const describeType = () => {
    const endings = ENDINGS[chosen()] || [];
    const name = file.files[0]?.name.toLowerCase();
    const fits = !name || endings.some((ending) => name.endsWith(ending));
    document.getElementById("group-file-type").textContent = fits
      ? ""
      : `Its name does not end in ${endings.join(" or ")}: is this the right file for the format?`;
    file.accept = endings.join(",");
  };

  const showFormat = () => {
    for (const part of document.querySelectorAll("[data-for-format]")) {
      part.hidden = !part.dataset.forFormat.split(" ").includes(chosen());
    }
    describeType();
  };

  form.addEventListener("submit", (event) => {
    if (file.closest("[hidden]") || file.checkValidity()) return;
    event.preventDefault();
    file.reportValidity();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "group_format") showFormat();
    if (event.target === file) describeType();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button || rule.closest("[hidden]")) return;
    const before = rule.value.slice(0, rule.selectionStart);
    const space = before && !/[\s(]$/.test(before) ? " " : "";
    rule.setRangeText(`${space}${button.dataset.insert} `, rule.selectionStart, rule.selectionEnd, "end");
    rule.focus();
  });
  document.querySelector("[data-find-column]")?.addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("[data-column]")) row.hidden = !row.dataset.column.includes(wanted);
  });
  showFormat();
})();
