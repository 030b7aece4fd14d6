// Draws every Plotly figure of the page from its JSON block, in the colours of the current theme.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The server leaves colours out of a figure; they are the stylesheet's.
function themed(figure, width) {
  const ink = colour("--ink-2");
  const line = colour("--line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line };
  const layout = {
    ...figure.layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 14, color: ink },
    colorway: [colour("--gold"), colour("--wait"), colour("--good"), colour("--bad"), colour("--ink-3")],
    hoverlabel: { bgcolor: colour("--slab"), font: { color: colour("--slab-ink") } },
    autosize: true,
  };
  // A trace may name the token that it is drawn in, so that what it means keeps its colour.
  const data = figure.data.map((trace) => {
    if (!trace.meta) return trace;
    const tone = colour(`--${trace.meta}`);
    return { ...trace, marker: { ...trace.marker, color: tone }, line: { ...trace.line, color: tone } };
  });
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(name)) layout[name] = { ...axis, ...layout[name] };
  }
  if (width < 560 && layout.yaxis) {
    if (layout.xaxis) layout.xaxis = { ...layout.xaxis, nticks: 4 }; // more would be turned, to fit
    // On a phone the names go above their lines, so that the plot has the whole width.
    const above = { x: 0, xref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false };
    const names = [...new Set(figure.data.flatMap((trace) => trace.y ?? []))];
    layout.yaxis = { ...layout.yaxis, ticklabelposition: "inside top", tickfont: { color: ink }, automargin: false };
    if (layout.yaxis.type !== "log" && names.length) {
      // As annotations: Plotly leaves out what the other axis says below labels that stand inside.
      const said = names.map((name) => ({ ...above, y: name, yref: "y", text: name }));
      layout.yaxis = { ...layout.yaxis, showticklabels: false, range: [-0.6, names.length - 0.2] };
      layout.annotations = [...(layout.annotations ?? []), ...said];
    }
    if (layout.yaxis.type === "log" && layout.yaxis.title) {
      // Beside the axis it would lie on the numbers: it stands above them.
      const title = { ...above, y: 1, yref: "paper", text: layout.yaxis.title.text };
      layout.annotations = [...(layout.annotations ?? []), title];
      layout.yaxis.title = undefined;
    }
    layout.margin = { ...layout.margin, l: 4, r: 12 };
  }
  layout.shapes = (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } }));
  return { data, layout };
}

function draw(target) {
  const figure = themed(JSON.parse(document.getElementById(target.dataset.plot).textContent), target.clientWidth);
  Plotly.react(target, figure.data, figure.layout, { displayModeBar: false, responsive: true });
}

function drawAll() {
  for (const target of document.querySelectorAll("[data-plot]")) draw(target);
}

drawAll();
document.addEventListener("touchstone:theme", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
document.addEventListener("htmx:load", (event) => {
  for (const target of event.detail.elt.querySelectorAll?.("[data-plot]") ?? []) draw(target);
});
