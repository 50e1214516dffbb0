// The filter of the ledger's page: by document, by verdict, by words. Without JavaScript the tables are all there.
"use strict";

(() => {
  const tables = [...document.querySelectorAll("table.ledger-records")];
  if (!tables.length) return;
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => ({
    row,
    document: table.closest("section").querySelector("h2").firstChild.textContent.trim(),
    verdict: row.querySelector(".verdict").textContent,
    text: row.textContent.toLowerCase(),
  })));

  const form = Object.assign(document.createElement("form"), { className: "ledger-filter" });
  form.addEventListener("submit", (event) => event.preventDefault());
  const control = (label, element) => {
    const box = Object.assign(document.createElement("label"), { textContent: label });
    box.append(element);
    form.append(box);
    return element;
  };
  const choice = (label, key) => {
    const select = control(label, document.createElement("select"));
    select.add(new Option("all", ""));
    [...new Set(rows.map((entry) => entry[key]))].forEach((value) => select.add(new Option(value)));
    return select;
  };
  const wanted = { document: choice("document", "document"), verdict: choice("verdict", "verdict") };
  const words = control("words", Object.assign(document.createElement("input"), { type: "search" }));
  const count = form.appendChild(document.createElement("output"));

  const show = () => {
    const asked = words.value.toLowerCase().split(/\s+/);
    rows.forEach(({ row, text, ...entry }) => {
      row.hidden = !asked.every((word) => text.includes(word))
        || Object.entries(wanted).some(([key, select]) => select.value && select.value !== entry[key]);
    });
    tables.forEach((table) => {
      table.closest("section").hidden = [...table.tBodies[0].rows].every((row) => row.hidden);
    });
    count.value = `${rows.filter(({ row }) => !row.hidden).length} of ${rows.length} records`;
  };
  form.addEventListener("input", show);

  // A link to a record shows it, whatever the filter hides, with its evidence.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.matches("tr") && target.querySelector("details");
    if (target && target.matches("tr") && target.hidden) {
      form.reset();
      show();
    }
    if (details) details.open = true;
    if (target && target.matches("tr")) target.scrollIntoView({ behavior: "instant" });
  };
  window.addEventListener("hashchange", open);

  tables[0].closest("section").before(form);
  show();
  open();
})();
