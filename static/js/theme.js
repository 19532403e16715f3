// Runs before the first paint, so it is loaded without defer: the theme the reader chose, or the system's.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const preferred = () => (system.matches ? "dark" : "light");

  const chosen = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };

  const apply = (theme) => {
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("themechange"));
  };

  apply(chosen() || preferred());
  system.addEventListener("change", () => apply(chosen() || preferred()));

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      if (theme === preferred()) localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // A browser that keeps nothing still switches this page.
    }
    apply(theme);
  });
})();
