// The form of a find or a fix: only what belongs to what is chosen, columns to find and to insert.
(() => {
  const form = document.querySelector("[data-group-form]");
  const ENDINGS = { onnx: [".onnx"], skops: [".skops"], python: [".py"] };
  const PARTS = ["group", "predictor"];
  const fields = (name) => PARTS.map((part) => form.elements[`${part}_${name}`]).filter(Boolean);
  const [rules, files] = [fields("rule"), fields("file")];
  let rule = rules[0];

  const kind = () => form.elements.kind?.value || "find";
  const format = (part) => form.elements[`${part}_format`]?.value;

  const describeType = (file) => {
    const part = file.name.replace("_file", "");
    const endings = ENDINGS[format(part)] || [];
    const name = file.files[0]?.name.toLowerCase();
    const fits = !name || endings.some((ending) => name.endsWith(ending));
    document.getElementById(`${part}-file-type`).textContent = fits
      ? ""
      : `Its name does not end in ${endings.join(" or ")}: is this the right file for the format?`;
    file.accept = endings.join(",");
  };

  // A part names what it is for, such as "kind:fix" or "group:rule predictor:rule": any of them is enough.
  const show = () => {
    const chosen = [`kind:${kind()}`, `group:${format("group")}`];
    if (kind() === "fix") chosen.push(`predictor:${format("predictor")}`);
    for (const part of document.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").some((name) => chosen.includes(name));
    }
    for (const said of document.querySelectorAll("[data-says-fix]")) {
      said.textContent = kind() === "fix" ? said.dataset.saysFix : said.dataset.saysFind;
    }
    document.title = document.title.replace(/^Submit a (find|fix)/, `Submit a ${kind()}`);
    files.forEach(describeType);
  };

  const isShown = (field) => !field.closest("[hidden]");

  form.addEventListener("submit", (event) => {
    const refused = files.find((file) => isShown(file) && !file.checkValidity());
    if (!refused) return;
    event.preventDefault();
    refused.reportValidity();
  });
  form.addEventListener("change", (event) => {
    if (/^(kind|group_format|predictor_format)$/.test(event.target.name)) show();
    if (files.includes(event.target)) describeType(event.target);
  });
  form.addEventListener("focusin", (event) => {
    if (rules.includes(event.target)) rule = event.target;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    const field = [rule, ...rules].find(isShown);
    if (!button || !field) return;
    const before = field.value.slice(0, field.selectionStart);
    const space = before && !/[\s(]$/.test(before) ? " " : "";
    field.setRangeText(`${space}${button.dataset.insert} `, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  });
  document.querySelector("[data-find-column]")?.addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("[data-column]")) row.hidden = !row.dataset.column.includes(wanted);
  });
  show();
})();
