// The form that names a group: only the inputs of the chosen format, and column names that a click inserts.
(() => {
  const form = document.querySelector("[data-group-form]");
  const rule = form.elements.group_rule;

  const showFormat = () => {
    const chosen = form.elements.group_format.value === "rule" ? "rule" : "file";
    for (const part of form.querySelectorAll("[data-for-format]")) part.hidden = part.dataset.forFormat !== chosen;
  };

  form.addEventListener("change", (event) => {
    if (event.target.name === "group_format") showFormat();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button || rule.closest("[hidden]")) return;
    const before = rule.value.slice(0, rule.selectionStart);
    const space = before && !/[\s(]$/.test(before) ? " " : "";
    rule.setRangeText(`${space}${button.dataset.insert} `, rule.selectionStart, rule.selectionEnd, "end");
    rule.focus();
  });
  showFormat();
})();
