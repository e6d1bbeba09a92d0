"use strict";
// Links the views. Each is a Vega-Lite chart with signals (see _chart_parts.py); the script sets them
// from one state: the variable, the period and the units that are marked.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = data.words, count = data.units.length, size = data.periods.length;
  const byId = (id) => document.getElementById(id);
  const state = { variable: 0, period: data.start, each: false, chosen: new Set(), cell: null };
  const views = {};
  const number = new Intl.NumberFormat(data.lang === "zh" ? "zh-CN" : "en", { maximumSignificantDigits: 5 });
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const current = () => data.variables[state.variable];
  // A table by unit has a column for each period, or one for all of them.
  const at = (table, unit, period) => {
    const row = table[unit];
    return row.length === 1 ? row[0] : row[period];
  };
  // Classes are those of all periods, or of the one that is shown.
  const own = (period) => (state.each && current().each.length ? current().each[period] : null);
  const codeOf = (unit, period) => (own(period) ? own(period).codes[unit] : at(current().codes, unit, period));
  const classesAt = (period) => (own(period) || current()).classes;
  const units = Array.from({ length: count }, (_, i) => i);

  function mean(table, members, period) {
    let sum = 0, known = 0;
    for (const unit of members) {
      const value = at(table, unit, period);
      if (value !== null) { sum += value; known += 1; }
    }
    return known ? sum / known : null;
  }

  // -- signals -----------------------------------------------------------------------------------

  function common() {
    const missing = css("--missing"), classes = classesAt(state.period);
    return {
      fills: units.map((unit) => {
        const code = codeOf(unit, state.period);
        return code < 0 ? missing : classes[code].colour;
      }),
      chosen: units.map((unit) => state.chosen.has(unit)),
      any: state.chosen.size > 0,
    };
  }

  function signalsOf(name) {
    const variable = current();
    if (name === "map") return { ...common(), ground: css("--land") };
    if (name === "second") {
      if (variable.kind === "points") {
        return {
          ...common(),
          xs: units.map((unit) => at(variable.x, unit, state.period)),
          ys: units.map((unit) => at(variable.y, unit, state.period)),
          slope: variable.slopes ? variable.slopes[Math.min(state.period, variable.slopes.length - 1)] : null,
        };
      }
      if (variable.kind === "cells") return { cell: state.cell };
      return { counts: variable.classes.map((_, k) => units.filter((unit) => codeOf(unit, state.period) === k).length) };
    }
    const table = data.variables[variable.series].values;
    const periods = data.periods.map((_, t) => t);
    const marked = [...state.chosen];
    const signals = common();
    // Groups that do not change colour the lines of all units.
    const groups = variable.values === null && variable.codes[0].length === 1;
    return {
      ...signals,
      tints: groups ? signals.fills : units.map(() => css("--muted")),
      ink: css("--ink"),
      period: state.period,
      places: data.places,
      period_names: data.periods,
      lines: table,
      means: periods.map((t) => mean(table, units, t)),
      marked_means: periods.map((t) => (marked.length ? mean(table, marked, t) : null)),
    };
  }

  // What a signal held last, so that only what changed is drawn again.
  const held = {};

  function send(name) {
    const view = views[name];
    if (!view) return;
    const last = (held[name] = held[name] || {});
    let changed = false;
    for (const [signal, value] of Object.entries(signalsOf(name))) {
      const text = signal === "lines" ? state.variable : JSON.stringify(value);
      if (last[signal] === text) continue;
      last[signal] = text;
      view.signal(signal, value);
      changed = true;
    }
    if (changed) view.runAsync();
  }

  let waiting = 0;
  function refresh() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      for (const name of Object.keys(views)) send(name);
      describe();
    });
  }

  // -- charts ------------------------------------------------------------------------------------

  function theme(box) {
    const axis = {
      labelColor: css("--ink"), titleColor: css("--ink"), domainColor: css("--muted"), tickColor: css("--muted"),
      gridColor: css("--line"), gridOpacity: 0.5, labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal",
    };
    return {
      background: "transparent", font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null }, axis,
      axisX: { grid: false, titleLimit: Math.max(box.clientWidth - 70, 80) },
      axisY: { titleLimit: Math.max(box.clientHeight - 50, 80) },
    };
  }

  const drawn = {};
  async function draw(name, spec) {
    const box = byId(name);
    if (!box || !spec) return;
    const turn = (drawn[name] = (drawn[name] || 0) + 1);
    if (views[name]) { views[name].finalize(); delete views[name]; }
    box.replaceChildren();
    const full = structuredClone(spec);
    full.datasets = {
      ...(full.datasets || {}),
      units: units.map((i) => ({ i })),
      periods: data.periods.map((_, t) => ({ t })),
    };
    const feature = (geometry, i) => ({ type: "Feature", i, geometry });
    if (name === "map") {
      full.datasets.shapes = data.shapes.map(feature);
      full.datasets.ground = data.ground.map(feature);
      full.datasets.borders = data.borders.map(feature);
      full.datasets.middle = data.points.map(([h, v]) => ({ h, v }));
    }
    const values = signalsOf(name);
    for (const param of full.params) if (param.name in values) param.value = values[param.name];
    if (name === "lines") full.datasets.cells = units.flatMap((i) => data.periods.map((_, t) => ({ i, t })));
    const result = await vegaEmbed(box, full, {
      ast: true, actions: false, defaultStyle: false, renderer: "canvas", config: theme(box),
      tooltip: (handler, event, item, value) => tip(name, event, item, value),
    });
    if (turn !== drawn[name]) { result.finalize(); return; }
    const view = result.view;
    held[name] = {};
    views[name] = view;
    view.addEventListener("click", (event, item) => clicked(name, event, item));
    if (name === "map" || (name === "second" && current().kind === "points")) {
      view.addSignalListener("brush", (_, value) => brushed(name, value));
    }
    send(name);
    await view.runAsync();
  }

  function place(name) {
    // The coordinates of units in a view with a rectangle.
    if (name === "map") return (unit) => data.points[unit];
    const { x, y } = current();
    return (unit) => [at(x, unit, state.period), at(y, unit, state.period)];
  }

  // -- selection ---------------------------------------------------------------------------------

  let rectangle = null; // the view whose rectangle marks the units

  function brushed(name, value) {
    const ranges = value && value.h && value.v ? [value.h, value.v] : null;
    if (!ranges) {
      if (rectangle === name) { rectangle = null; choose([]); }
      return;
    }
    const other = name === "map" ? "second" : "map";
    rectangle = name;
    erase(other);
    const [[x0, x1], [y0, y1]] = ranges.map((ends) => [Math.min(...ends), Math.max(...ends)]);
    const where = place(name);
    choose(units.filter((unit) => {
      const [x, y] = where(unit);
      return x !== null && y !== null && x >= x0 && x <= x1 && y >= y0 && y <= y1;
    }));
  }

  function erase(name) {
    const view = views[name];
    if (!view) return;
    try {
      if (!view.data("brush_store").length) return;
      view.signal("brush_x", [0, 0]).signal("brush_y", [0, 0]).runAsync();
    } catch (error) { /* a chart without a rectangle */ }
  }

  function choose(members) {
    state.chosen = new Set(members);
    state.cell = null;
    refresh();
  }

  function clear() {
    rectangle = null;
    erase("map");
    erase("second");
    choose([]);
  }

  function toggle(members, add) {
    const every = members.every((unit) => state.chosen.has(unit));
    const alone = every && members.length === state.chosen.size;
    rectangle = null;
    erase("map");
    erase("second");
    if (add) {
      const next = new Set(state.chosen);
      members.forEach((unit) => (every ? next.delete(unit) : next.add(unit)));
      choose(next);
    } else choose(alone ? [] : members);
  }

  function unitOf(name, item) {
    if (!item || !item.datum) return null;
    // Lines answer by the nearest of their invisible points.
    const datum = item.datum.datum && item.datum.datum.i !== undefined ? item.datum.datum : item.datum;
    return typeof datum.i === "number" && datum.i >= 0 && datum.i < count ? datum : null;
  }

  function clicked(name, event, item) {
    const add = event.shiftKey || event.ctrlKey || event.metaKey;
    if (name === "second" && current().kind === "cells") return transition(item);
    if (name === "second" && current().kind === "bars") {
      if (item && item.datum && Number.isInteger(item.datum.k)) toggle(members(item.datum.k), add);
      return;
    }
    const datum = unitOf(name, item);
    if (datum) toggle([datum.i], add);
    else if (name === "map" && !add && !rectangle) clear();
  }

  const members = (code) => units.filter((unit) => codeOf(unit, state.period) === code);

  function transition(item) {
    const variable = current(), datum = item && item.datum;
    if (!datum || !Number.isInteger(datum.row)) return;
    const same = state.cell && state.cell[0] === datum.row && state.cell[1] === datum.column;
    if (same) return clear();
    // At the last periods there is no next state yet: the transitions that end there are shown.
    const start = Math.max(0, Math.min(state.period, size - 1 - variable.step));
    choose(units.filter((unit) => variable.rows[unit][start] === datum.row
      && at(variable.codes, unit, start + variable.step) === datum.column));
    state.cell = [datum.row, datum.column];
    state.start = start;
    refresh();
  }

  // -- words -------------------------------------------------------------------------------------

  function describe() {
    const variable = current();
    if (byId("map_heading")) byId("map_heading").textContent = heading();
    byId("second_heading").textContent = variable.heading + (moves() ? `${words.comma}${data.periods[state.period]}` : "");
    byId("remark").textContent = variable.remarks.length ? variable.remarks[Math.min(state.period, variable.remarks.length - 1)] : "";
    if (byId("lines_heading")) byId("lines_heading").textContent = variable.lines_heading;
    if (byId("period_name")) {
      byId("period_name").textContent = data.periods[state.period];
      byId("period").setAttribute("aria-valuetext", data.periods[state.period]);
    }
    if (byId("period")) {
      // A variable that does not change over time does not need the period.
      const fixed = variable.codes[0].length === 1 && !moves();
      if (byId("classes")) byId("classes").disabled = !variable.each.length;
      byId("period").disabled = byId("play").disabled = fixed;
    }
    legend();
    const chosen = [...state.chosen];
    const shown = chosen.slice(0, 8).map((unit) => fill(words.bracket, { name: data.units[unit], value: valueOf(unit, state.period) }));
    if (chosen.length > 8) shown.push(fill(words.more, { count: chosen.length - 8 }));
    let text = chosen.length ? `${fill(words.marked, { count: chosen.length })}${words.colon}${shown.join(words.separator)}` : words.none_marked;
    if (state.cell) {
      const next = Math.min(state.start + variable.step, size - 1);
      text = `${data.periods[state.start]} → ${data.periods[next]}. ${text}`;
    }
    byId("marked").textContent = text;
    byId("clear").disabled = !chosen.length;
  }

  // Whether the second view changes with the period.
  function moves() {
    const variable = current();
    if (size === 1 || variable.kind === "cells") return false;
    return variable.kind === "points" ? variable.x[0].length > 1 || variable.y[0].length > 1 : variable.codes[0].length > 1;
  }

  const heading = () => current().label + (size > 1 && current().codes[0].length > 1 ? `${words.comma}${data.periods[state.period]}` : "");

  function valueOf(unit, period) {
    const variable = current(), value = variable.values ? at(variable.values, unit, period) : null;
    if (variable.values && value !== null) return number.format(value);
    const code = codeOf(unit, period);
    return code < 0 ? words.no_data : classesAt(period)[code].name;
  }

  function legend() {
    const box = byId("legend"), entries = classesAt(state.period).map((entry, code) => [entry, code]);
    if (units.some((unit) => codeOf(unit, state.period) < 0)) entries.push([{ name: words.no_data, colour: css("--missing") }, -1]);
    while (box.children.length > entries.length) box.lastChild.remove();
    entries.forEach(([entry, code], place) => {
      let button = box.children[place];
      if (!button) {
        button = document.createElement("button");
        button.type = "button";
        button.append(document.createElement("i"), document.createElement("span"));
        button.addEventListener("click", (event) =>
          toggle(members(Number(button.dataset.code)), event.shiftKey || event.ctrlKey || event.metaKey));
        button.title = words.select_class;
        box.append(button);
      }
      const inside = members(code);
      button.dataset.code = code;
      button.disabled = !inside.length;
      button.firstChild.style.background = entry.colour;
      button.lastChild.textContent = fill(words.bracket, { name: entry.name, value: inside.length });
      button.setAttribute("aria-pressed", inside.length > 0 && inside.every((unit) => state.chosen.has(unit)));
    });
  }

  // -- tooltips: text only, so that a name is never read as HTML -------------------------------------

  function tip(name, event, item, value) {
    const box = byId("tip"), datum = unitOf(name, item);
    if (!datum || value === null || value === undefined) { box.hidden = true; return; }
    const period = name === "lines" && Number.isInteger(datum.t) ? datum.t : state.period;
    const variable = name === "lines" ? data.variables[current().series] : current();
    const rows = [`${variable.label}${words.colon}${variable === current() ? valueOf(datum.i, period) : number.format(at(variable.values, datum.i, period))}`];
    if (variable.values && variable === current()) {
      const code = codeOf(datum.i, period);
      if (code >= 0) rows.push(`${words.class_}${words.colon}${classesAt(period)[code].name}`);
    }
    if (size > 1) rows.push(`${words.period}${words.colon}${data.periods[period]}`);
    const title = document.createElement("b");
    title.textContent = data.units[datum.i];
    box.replaceChildren(title, ...rows.map((row) => {
      const line = document.createElement("span");
      line.textContent = row;
      line.style.display = "block";
      return line;
    }));
    box.hidden = false;
    const wide = box.offsetWidth, tall = box.offsetHeight;
    box.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - wide - 6))}px`;
    box.style.top = `${Math.max(4, event.clientY + 16 + tall > window.innerHeight ? event.clientY - tall - 10 : event.clientY + 16)}px`;
  }

  // -- controls ------------------------------------------------------------------------------------

  let timer = 0;
  function stop() {
    clearInterval(timer);
    timer = 0;
    if (byId("play")) { byId("play").textContent = "▶"; byId("play").setAttribute("aria-label", words.play); }
  }

  function setPeriod(period) {
    state.period = period;
    byId("period").value = period;
    refresh();
  }

  async function setVariable(variable) {
    const before = current().series, kind = current().kind;
    state.variable = variable;
    byId("variable").value = variable;
    state.cell = null;
    if (kind === "points" && rectangle === "second") rectangle = null;
    await show(before);
  }

  async function show(before) {
    const variable = current();
    const jobs = [draw("second", variable.chart)];
    if (byId("lines")) {
      byId("lines").parentNode.hidden = !variable.lines;
      jobs.push(draw("lines", variable.lines));
    }
    if (before === undefined) jobs.push(draw("map", data.map));
    await Promise.all(jobs);
    refresh();
  }

  byId("variable").addEventListener("change", (event) => setVariable(Number(event.target.value)));
  if (data.variables.length < 2) byId("variable").parentNode.hidden = true;
  if (byId("period")) {
    byId("period").addEventListener("input", (event) => { stop(); setPeriod(Number(event.target.value)); });
    byId("play").addEventListener("click", () => {
      if (timer) return stop();
      if (state.period === size - 1) setPeriod(0);
      byId("play").textContent = "❚❚";
      byId("play").setAttribute("aria-label", words.pause);
      timer = setInterval(() => (state.period < size - 1 ? setPeriod(state.period + 1) : stop()), 700);
    });
  }
  if (byId("classes")) byId("classes").addEventListener("change", (event) => { state.each = event.target.value === "each"; refresh(); });
  byId("names").append(...data.units.map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  }));
  byId("find").addEventListener("change", (event) => {
    const unit = data.units.indexOf(event.target.value.trim());
    if (unit >= 0) { toggle([unit], true); event.target.value = ""; }
  });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", clear);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });
  document.addEventListener("scroll", () => { byId("tip").hidden = true; }, true);
  dark.addEventListener("change", () => show());
  document.documentElement.style.setProperty("--ratio", data.ratio);

  // For tests and for those who look: the state, the views, and a promise of the first drawing.
  window.explorer = { data, state, views, setVariable, setPeriod, choose, clear, ready: null };
  window.explorer.ready = show();
})();
