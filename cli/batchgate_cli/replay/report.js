"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 50;
  const form = document.getElementById("filters");
  const body = document.getElementById("jobs");
  const shown = document.getElementById("shown");
  const [before, after] = [document.getElementById("previous"), document.getElementById("next")];
  const open = new Set();
  let found = [];
  let page = 0;

  const el = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const cell = (row, text, kind) => row.appendChild(el("td", text, kind));

  const jobs = data.jobs.map((job, number) => ({
    ...job,
    number,
    day: (job.since || "").slice(0, 10),
    changed: data.changed.includes(job.change),
    searched: [job.id, job.operation, job.account, job.region, ...job.statements, job.check, job.reason_before, job.reason_after]
      .join("\n").toLowerCase(),
  }));

  const options = (name, values) => {
    for (const value of [...new Set(values)].filter(Boolean).sort()) {
      const option = el("option", value);
      option.value = value;
      form.elements[name].append(option);
    }
  };
  options("operation", jobs.map((job) => job.operation));
  options("statement", jobs.flatMap((job) => job.statements));

  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.text.trim().toLowerCase();
    found = jobs.filter((job) =>
      (wanted.change === "" || (wanted.change === "changed" ? job.changed : job.change === wanted.change)) &&
      (wanted.before === "" || job.end_before === wanted.before) &&
      (wanted.after === "" || job.end_after === wanted.after) &&
      (wanted.operation === "" || job.operation === wanted.operation) &&
      (wanted.statement === "" || job.statements.includes(wanted.statement)) &&
      (wanted.from === "" || job.day >= wanted.from) &&
      (wanted.to === "" || job.day <= wanted.to) &&
      (text === "" || job.searched.includes(text)));
    page = 0;
    draw();
  };

  const trace = (job) => {
    const part = el("td");
    part.colSpan = 8;
    for (const [name, text] of [["Before", job.reason_before], ["After", job.reason_after], ["Not known", job.why]]) {
      if (!text) continue;
      const line = part.appendChild(el("p"));
      line.append(el("strong", `${name}: `), el("span", text, "mono"));
    }
    if (!job.since_is_exact) part.append(el("p", "Evaluated at its creation: S3 does not report since when it waited.", "quiet"));
    if (job.steps.length) {
      const list = el("ol");
      for (const step of job.steps) {
        const item = list.appendChild(el("li"));
        item.append(`${step.at} `, el("strong", step.end, step.end));
        if (step.ahead) item.append(`, ${step.ahead}`);
        if (step.reason) item.append(el("div", step.reason, "mono"));
      }
      part.append(el("p", "Step by step (UTC)"), list);
    }
    if (job.objections.length) {
      const table = el("table");
      table.append(el("caption", "Requirements that are not met at the end"));
      const head = table.createTHead().insertRow();
      for (const name of ["statement", "looks at", "job has", "wanted", "asks for"]) {
        const heading = head.appendChild(el("th", name));
        heading.scope = "col";
      }
      const rows = table.createTBody();
      for (const each of job.objections) {
        const row = rows.insertRow();
        for (const text of each) cell(row, text);
      }
      const wrapper = part.appendChild(el("div", undefined, "scroll"));
      wrapper.append(table);
    }
    const row = el("tr", undefined, "trace");
    row.id = `trace-${job.number}`;
    row.append(part);
    return row;
  };

  const rowOf = (job) => {
    const row = el("tr");
    const button = row.appendChild(el("td")).appendChild(el("button", job.id, "mono"));
    button.type = "button";
    button.setAttribute("aria-expanded", String(open.has(job.number)));
    button.setAttribute("aria-controls", `trace-${job.number}`);
    button.addEventListener("click", () => {
      const isOpen = !open.delete(job.number);
      if (isOpen) {
        open.add(job.number);
        row.after(trace(job));
      } else {
        row.nextElementSibling.remove();
      }
      button.setAttribute("aria-expanded", String(isOpen));
    });
    cell(row, (job.since || "?") + (job.since_is_exact ? "" : " (created)"));
    cell(row, job.operation || "?");
    cell(row, job.tasks === null ? "?" : job.tasks.toLocaleString("en"), "number");
    cell(row, job.before, job.end_before);
    cell(row, job.after, job.end_after);
    cell(row, job.waiting);
    cell(row, job.check ? `${job.statements.join(", ")}: ${job.check}` : job.statements.join(", "));
    return row;
  };

  const draw = () => {
    const start = page * PAGE;
    const rows = [];
    for (const job of found.slice(start, start + PAGE)) {
      rows.push(rowOf(job));
      if (open.has(job.number)) rows.push(trace(job));
    }
    body.replaceChildren(...rows);
    const last = Math.min(start + PAGE, found.length);
    shown.textContent = found.length ? `${start + 1} to ${last} of ${found.length} jobs` : "no job";
    before.disabled = page === 0;
    after.disabled = last >= found.length;
  };

  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  before.addEventListener("click", () => { page -= 1; draw(); });
  after.addEventListener("click", () => { page += 1; draw(); });
  for (const bar of document.querySelectorAll("[data-from]")) {
    bar.addEventListener("click", () => {
      [form.elements.from.value, form.elements.to.value] = [bar.dataset.from, bar.dataset.to];
      form.elements.change.value = "";
      filter();
      document.getElementById("jobs-heading").scrollIntoView();
    });
  }
  addEventListener("beforeprint", () => {
    for (const job of found.slice(page * PAGE, (page + 1) * PAGE)) if (job.changed) open.add(job.number);
    draw();
  });
  if (!jobs.some((job) => job.changed)) form.elements.change.value = "";
  filter();
})();
