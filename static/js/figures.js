// Draws each [data-figure] from the json_script it names, in the page's own colours, and again when they change.
(() => {
  const CONFIG = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg" },
  };

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--fl-${name}`).trim();
    const axis = {
      gridcolor: colour("border"),
      linecolor: colour("border-strong"),
      zerolinecolor: colour("border-strong"),
      automargin: true,
      title: { standoff: 12, font: { size: 13, color: colour("muted") } },
    };
    return {
      colorway: colour("series").split(/,\s*/),
      font: { family: colour("sans"), size: 13, color: colour("text") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("border-strong"), font: { color: colour("text") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("accent") },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      margin: { l: 48, r: 16, t: 16, b: 44 },
      bargap: 0.12,
      xaxis: axis,
      yaxis: axis,
    };
  };

  // Long names of groups go over several lines, so that they leave the plot at least two thirds of a phone.
  const wrap = (name, width) =>
    name.split(" ").reduce((text, word) => {
      const line = text.slice(text.lastIndexOf(">") + 1);
      return text + (line && line.length + word.length >= width ? "<br>" : line && " ") + word;
    }, "");

  const namesBeside = (traces, width) => {
    const names = [...new Set(traces.flatMap((trace) => trace.y || []))].filter((y) => typeof y === "string");
    return names.length ? { tickvals: names, ticktext: names.map((name) => wrap(name, width)) } : {};
  };

  const draw = (holder) => {
    const spec = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    const yaxis = { ...namesBeside(spec.data, holder.clientWidth / 22), ...spec.layout.yaxis };
    const layout = { autosize: true, ...spec.layout, yaxis, template: { layout: theme() } };
    return Plotly.react(holder, spec.data, layout, CONFIG);
  };

  // One a frame, so that a page of many figures stays usable while they appear.
  const drawAll = (within) => {
    const waiting = [...within.querySelectorAll("[data-figure]")];
    const next = () => {
      const holder = waiting.shift();
      if (!holder) return;
      draw(holder);
      requestAnimationFrame(next);
    };
    next();
  };

  drawAll(document);
  document.addEventListener("themechange", () => drawAll(document));
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
})();
