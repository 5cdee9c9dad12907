// Copyright (c) 2026, the nemo_reasoning authors.
// SPDX-License-Identifier: Apache-2.0
// Draws the charts and runs the browsers. Text of models and of data is only ever inserted as text.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

// Charts

function withColours(value, style) {
  if (typeof value === "string") return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
  if (Array.isArray(value)) return value.map((item) => withColours(item, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withColours(item, style)]));
}

function baseLayout(style) {
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    automargin: true, fixedrange: true, gridcolor: colour("--line"), zerolinecolor: colour("--line"),
    linecolor: colour("--line"), exponentformat: "power", title: { standoff: 10, font: { size: 13 } },
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, height: 300,
    margin: { l: 56, r: 24, t: 16, b: 48 }, font: { family: "system-ui, sans-serif", size: 13, color: colour("--text") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line"), font: { color: colour("--text") } },
    xaxis: axis, yaxis: axis,
  };
}

function merged(base, extra) {
  const result = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    const both = [result[key], value].every((item) => item && typeof item === "object" && !Array.isArray(item));
    result[key] = both ? merged(result[key], value) : value;
  }
  return result;
}

function drawCharts() {
  const style = getComputedStyle(document.documentElement);
  for (const [name, figure] of Object.entries(DATA.figures)) {
    const { data, layout } = withColours(figure, style);
    Plotly.react(byId(`chart-${name}`), data, merged(baseLayout(style), layout), { displayModeBar: false, responsive: true });
  }
}

// Browsers

class Pager {
  constructor(name, show) {
    this.place = byId(`${name}-place`);
    this.previous = byId(`${name}-previous`);
    this.next = byId(`${name}-next`);
    this.show = show;
    this.previous.addEventListener("click", () => this.go(this.index - 1));
    this.next.addEventListener("click", () => this.go(this.index + 1));
  }
  use(items) {
    this.items = items;
    this.go(0);
  }
  go(index) {
    this.index = Math.max(0, Math.min(index, this.items.length - 1));
    this.place.textContent = this.items.length ? `${this.index + 1} of ${this.items.length}` : "none";
    this.previous.disabled = this.index === 0;
    this.next.disabled = this.index >= this.items.length - 1;
    this.show(this.items[this.index]);
  }
}

function options(select, values, chosen) {
  values.forEach((value, index) => {
    const option = element("option", "", value);
    option.value = index;
    option.selected = index === chosen;
    select.append(option);
  });
}

function verdict(status) {
  return element("span", status === "correct" ? "verdict correct" : "verdict", status.replaceAll("_", " "));
}

function output(title, completion, notes) {
  const box = element("article", "output");
  const heading = element("h3", "", title);
  heading.append(verdict(completion.verdict));
  box.append(heading);
  for (const note of notes) box.append(element("p", "note", note));
  box.append(element("pre", "", completion.text));
  return box;
}

function length(completion) {
  return `${completion.num_tokens} tokens${completion.truncated ? ", truncated" : ""}`;
}

function heading(problem) {
  const box = element("div");
  if (problem.id) box.append(element("p", "note", problem.id));
  box.append(element("p", "problem", problem.problem), element("p", "note", `right answer: ${problem.answer}`));
  return box;
}

function answers(out) {
  const list = out.answers.map((item) => `${item.answer === null ? "none" : item.answer} × ${item.count}`);
  return `${out.num_correct} of ${out.num_samples} samples correct; answers: ${list.join(", ")}`;
}

function showProblem(problem) {
  const view = byId("problem-view");
  view.replaceChildren();
  if (!problem) return view.append(element("p", "missing", "No problem matches."));
  const boxes = element("div", "outputs");
  problem.outputs.forEach((out, index) => {
    const said = `answer: ${out.extracted === null ? "none" : out.extracted} · ${length(out)}`;
    boxes.append(output(DATA.models[index], out, [said, answers(out)]));
  });
  view.append(heading(problem), boxes);
}

function startProblems() {
  const last = DATA.models.length - 1;
  const [first, second, filter, search] = ["first", "second", "filter", "search"].map((name) => byId(`problem-${name}`));
  options(first, DATA.models, Math.max(0, last - 1));
  options(second, DATA.models, last);
  const tests = {
    all: () => true,
    gained: (before, after) => !before && after,
    lost: (before, after) => before && !after,
    wrong: (before, after) => !after,
  };
  const pager = new Pager("problem", showProblem);
  const select = () => {
    const wanted = search.value.trim().toLowerCase();
    pager.use(DATA.problems.filter((problem) => {
      const right = (place) => problem.outputs[place.value].verdict === "correct";
      if (!tests[filter.value](right(first), right(second))) return false;
      const texts = [problem.id, problem.problem, ...problem.outputs.map((out) => out.text)];
      return texts.some((text) => text.toLowerCase().includes(wanted));
    }));
  };
  for (const control of [first, second, filter]) control.addEventListener("change", select);
  search.addEventListener("input", select);
  byId("problem-controls").addEventListener("submit", (event) => event.preventDefault());
  select();
}

// A list of choices with "all" at its top; each is [text, value].
function choices(select, all, pairs) {
  const option = ([text, value]) => Object.assign(element("option", "", text), { value });
  select.replaceChildren(...[[all, ""], ...pairs].map(option));
}

function showDropped(trace) {
  const view = byId("dropped-view");
  view.replaceChildren();
  if (!trace) return view.append(element("p", "missing", "No example matches."));
  const why = element("p", "why", `${trace.step}: `);
  why.append(element("span", "verdict", trace.reason));
  if (trace.detail) why.append(element("span", "note", ` ${trace.detail}`));
  const answers = `right answer: ${trace.gold ?? "none"} · extracted answer: ${trace.answer ?? "none"}`;
  const box = element("article", "output");
  box.append(
    why, element("p", "note", `${trace.id} · ${trace.file}, line ${trace.line}`),
    element("p", "problem", trace.problem), element("p", "note", answers), element("pre", "", trace.completion),
  );
  view.append(box);
}

function startDropped() {
  const [step, reason, search] = ["step", "reason", "search"].map((name) => byId(`dropped-${name}`));
  const counted = (name, count) => [`${name} (${count.toLocaleString("en")})`, name];
  choices(step, "all", DATA.steps.map((row) => counted(row.name, row.dropped)));
  const pager = new Pager("dropped", showDropped);
  const select = () => {
    const wanted = search.value.trim().toLowerCase();
    pager.use(DATA.dropped.filter((trace) => {
      if (step.value && trace.step !== step.value || reason.value && trace.reason !== reason.value) return false;
      const texts = [trace.id, trace.file, trace.problem, trace.completion, trace.gold, trace.answer, trace.detail];
      return texts.some((text) => (text ?? "").toLowerCase().includes(wanted));
    }));
  };
  const reasons = () => {
    const counts = new Map();
    for (const row of DATA.steps.filter((row) => !step.value || row.name === step.value)) {
      for (const [name, count] of Object.entries(row.reasons)) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    choices(reason, "all", [...counts].map(([name, count]) => counted(name, count)));
    select();
  };
  step.addEventListener("change", reasons);
  reason.addEventListener("change", select);
  search.addEventListener("input", select);
  byId("dropped-controls").addEventListener("submit", (event) => event.preventDefault());
  reasons();
}

function number(value, digits) {
  return value === null || value === undefined ? "none" : value.toFixed(digits);
}

function showGroup(group) {
  const view = byId("rollout-view");
  view.replaceChildren();
  if (!group) return view.append(element("p", "missing", "No group matches."));
  const boxes = element("div", "outputs");
  group.rollouts.forEach((rollout, index) => {
    const parts = Object.entries(rollout.components || {}).map(([name, value]) => `${name} ${number(value, 2)}`);
    const use = rollout.masked ? "not learned from" : `advantage ${number(rollout.advantage, 2)}`;
    const scored = `reward ${number(rollout.reward, 2)} · ${use} · ${length(rollout)}`;
    boxes.append(output(`Rollout ${index + 1}`, rollout, parts.length > 1 ? [scored, parts.join(" · ")] : [scored]));
  });
  const prompt = element("details", "note");
  prompt.append(element("summary", "", "prompt, as the model reads it"), element("pre", "", group.prompt));
  view.append(heading(group), ...(group.prompt ? [prompt] : []), boxes);
}

function startRollouts() {
  const [step, status, search] = ["step", "verdict", "search"].map((name) => byId(`rollout-${name}`));
  const every = DATA.rollouts.flatMap((row) => row.groups.flatMap((group) => group.rollouts));
  const verdicts = ["all", ...new Set(every.map((rollout) => rollout.verdict))];
  const pager = new Pager("rollout", showGroup);
  const select = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = (group) => group.rollouts.some((rollout) =>
      (status.value === "0" || rollout.verdict === verdicts[status.value])
      && [group.problem, rollout.text].some((text) => text.toLowerCase().includes(wanted)));
    pager.use(DATA.rollouts[step.value].groups.filter(found));
  };
  options(step, DATA.rollouts.map((row) => row.step), DATA.rollouts.length - 1);
  options(status, verdicts.map((name) => name.replaceAll("_", " ")), 0);
  for (const control of [step, status]) control.addEventListener("change", select);
  search.addEventListener("input", select);
  byId("rollout-controls").addEventListener("submit", (event) => event.preventDefault());
  select();
}

drawCharts();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
if (DATA.dropped.length) startDropped();
if (DATA.problems.length) startProblems();
if (DATA.rollouts.length) startRollouts();
document.documentElement.dataset.ready = "true";
