// Copyright (c) 2026, the nemo_reasoning authors.
// SPDX-License-Identifier: Apache-2.0
// Shows the completions of a comparison. Text of models and of data is only ever inserted as text.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const state = { items: [], index: 0 };

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

function options(select, names) {
  select.replaceChildren(...names.map((name, index) => {
    const option = element("option", "", name);
    option.value = index;
    return option;
  }));
}

function output(label, out, which, change) {
  const box = element("article", "output");
  const heading = element("h3", "", label);
  const completion = out.completions[which];
  if (completion) {
    const right = completion.verdict === "correct";
    heading.append(element("span", right ? "verdict correct" : "verdict", completion.verdict.replaceAll("_", " ")));
  }
  if (change && change !== "same") heading.append(element("span", `mark ${change}`, change));
  box.append(heading);
  if (!completion) return box.append(element("p", "missing", `There is no ${which} completion.`)), box;
  const answer = completion.extracted === null ? "none" : completion.extracted;
  const tokens = completion.num_tokens === null ? "" : ` · ${completion.num_tokens} tokens`;
  box.append(element("p", "note", `answer: ${answer}${tokens}${completion.truncated ? ", truncated" : ""}`));
  if (out.right) box.append(element("p", "note", out.right));
  box.append(element("pre", "", completion.text));
  return box;
}

function show() {
  const item = state.items[state.index];
  byId("place").textContent = item ? `${state.index + 1} of ${state.items.length}` : "none";
  byId("previous").disabled = state.index === 0;
  byId("next").disabled = state.index >= state.items.length - 1;
  const view = byId("view");
  view.replaceChildren();
  if (!item) return view.append(element("p", "missing", "No problem matches."));
  const which = byId("which").selectedOptions[0]?.textContent ?? "";
  const boxes = element("div", "outputs");
  item.outputs.forEach((out, index) => boxes.append(output(DATA.labels[index], out, which, item.changes[index - 1])));
  view.append(element("p", "note", item.id), element("p", "problem", item.problem));
  view.append(element("p", "note", `right answer: ${item.answer}`), boxes);
}

function select() {
  const exam = DATA.exams[byId("exam").value];
  const wanted = byId("search").value.trim().toLowerCase();
  const [change, model] = [byId("change").value, Number(byId("model").value)];
  state.items = exam.problems.filter((item) => {
    if (change !== "all" && item.changes[model] !== change) return false;
    const texts = [item.id, item.problem];
    item.outputs.forEach((out) => Object.values(out.completions).forEach((one) => texts.push(one.text)));
    return texts.some((text) => text.toLowerCase().includes(wanted));
  });
  state.index = 0;
  show();
}

function chooseExam() {
  const exam = DATA.exams[byId("exam").value];
  const names = new Set(exam.problems.flatMap((item) => item.outputs.flatMap((out) => Object.keys(out.completions))));
  options(byId("which"), [...names]);
  select();
}

options(byId("exam"), DATA.exams.map((exam) => exam.name));
options(byId("model"), DATA.labels.slice(1));
byId("exam").addEventListener("change", chooseExam);
byId("which").addEventListener("change", show);
for (const name of ["model", "change"]) byId(name).addEventListener("change", select);
byId("search").addEventListener("input", select);
byId("previous").addEventListener("click", () => { state.index -= 1; show(); });
byId("next").addEventListener("click", () => { state.index += 1; show(); });
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
chooseExam();
document.documentElement.dataset.ready = "true";
