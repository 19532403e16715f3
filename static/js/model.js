// A click on a point of a figure in .plot-opens opens the page that its customdata names.
(() => {
  const open = (event) => {
    const address = event.points[0]?.customdata;
    if (address) location.assign(address);
  };

  for (const holder of document.querySelectorAll(".plot-opens [data-figure]")) {
    // Plotly gives the element `on` when it draws it for the first time.
    const watch = new MutationObserver(() => {
      if (!holder.on) return;
      watch.disconnect();
      holder.on("plotly_click", open);
    });
    watch.observe(holder, { childList: true });
  }
})();
