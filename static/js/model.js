// A click on a point of a figure in .plot-opens opens the page that its customdata names.
(() => {
  const open = (event) => {
    const address = event.points[0]?.customdata;
    if (address) location.assign(address);
  };

  // Plotly gives the element `on` when it draws it for the first time, which may have been already.
  const listen = (holder) => {
    if (!holder.on) return false;
    holder.on("plotly_click", open);
    return true;
  };

  for (const holder of document.querySelectorAll(".plot-opens [data-figure]")) {
    if (listen(holder)) continue;
    const watch = new MutationObserver(() => listen(holder) && watch.disconnect());
    watch.observe(holder, { childList: true });
  }
})();
