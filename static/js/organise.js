// The organiser's form: the address follows the title, columns are called by the measure's words, a column with a
// role is not shown, fixes are offered where they can be taken, the parts' rows and the level of a verdict are counted
// while one types.
(() => {
  const form = document.querySelector("form[data-organise]");
  const field = (name) => form.elements[name];
  const count = new Intl.NumberFormat("en");

  const slug = field("slug");
  const title = field("title");
  let typed = slug.value !== "";
  const toSlug = (text) =>
    text
      .normalize("NFKD")
      .replace(/[^\w\s-]/g, "")
      .toLowerCase()
      .trim()
      .replace(/[\s_-]+/g, "-")
      .slice(0, 50)
      .replace(/^-+|-+$/g, "");
  title.addEventListener("input", () => {
    if (!typed) slug.value = toSlug(title.value);
  });
  slug.addEventListener("input", () => (typed = slug.value !== ""));

  const source = document.getElementById("table-preview");
  if (!source) return;
  const table = JSON.parse(source.textContent);
  const wordings = JSON.parse(document.getElementById("wordings").textContent);
  const ROLES = {
    labels: { label_column: "label", prediction_column: "prediction", cluster_column: "cluster", weight_column: "weight" },
    speech: { label_column: "reference", prediction_column: "hypothesis", cluster_column: "speaker", weight_column: "weight" },
  };
  const kind = () => (field("measure").value === "wer" ? "speech" : "labels");

  const showWords = () => {
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== kind();
    const warning = form.querySelector("[data-no-speaker]");
    warning.hidden = warning.hidden || field("cluster_column").value !== "";
    for (const [name, words] of Object.entries(wordings)) {
      const [label, help] = words[kind()];
      const { id } = field(name);
      form.querySelector(`label[for="${id}"]`).firstChild.data = `${label} `;
      document.getElementById(`${id}_help`).textContent = help;
    }
  };

  const showRoles = () => {
    const roles = ROLES[kind()];
    const roleOf = Object.fromEntries(Object.entries(roles).map(([name, role]) => [field(name).value, role]));
    for (const row of form.querySelectorAll("[data-column]")) {
      const role = roleOf[row.dataset.column];
      const tag = row.querySelector("[data-role]");
      tag.hidden = !role;
      tag.textContent = role || "";
      const visible = row.querySelector("[data-visible]");
      const group = row.querySelector("[data-group]");
      visible.disabled = Boolean(role);
      group.disabled = Boolean(role) || !visible.checked;
    }
    const label = table.columns.find((column) => column.name === field("label_column").value);
    document.getElementById("labels").replaceChildren(
      ...(label?.values || []).map((value) => Object.assign(document.createElement("option"), { value })),
    );
  };

  const showParts = () => {
    const shares = ["sample_share", "leaderboard_share"].map((name) => Number(field(name).value) / 100);
    shares.push(1 - shares[0] - shares[1]);
    const parts = form.querySelector("[data-parts]");
    parts.hidden = !shares.every((share) => share > 0);
    parts.querySelectorAll(".stat-value").forEach((value, place) => {
      value.textContent = (table.exact ? "" : "about ") + count.format(Math.round(table.rows * shares[place]));
    });
  };

  const showFixes = () => {
    const taken = kind() === "speech" ? "speech" : field("weight_column").value ? "weights" : "taken";
    for (const part of form.querySelectorAll("[data-fixes]")) part.hidden = part.dataset.fixes !== taken;
  };

  const showLevel = () => {
    const level = Number(field("alpha").value) / Number(field("verdict_cap").value);
    const place = form.querySelector("[data-level]");
    place.hidden = !(level > 0 && level < 1);
    place.querySelector("strong").textContent = level.toPrecision(2).replace("e-", " × 10^-");
  };

  const show = () => {
    showWords();
    showRoles();
    showParts();
    showFixes();
    showLevel();
  };
  form.addEventListener("input", show);
  show();
})();
