// deno-lint-ignore-file
// deno-fmt-ignore-file
// Generated from ../client by ../bundle.ts; do not edit.
(() => {
  // src/appliance/status_page/client/printable.ts
  var HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\ufe0e\ufe0f]/gu;
  function printable(text) {
    return text.replace(HIDDEN, (mark) => `\\u{${mark.codePointAt(0).toString(16)}}`);
  }

  // src/appliance/status_page/client/dom.ts
  function setAttributes(target, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === void 0) {
        target.removeAttribute(name);
        continue;
      }
      const text = value === true ? "" : printable(String(value));
      if (target.getAttribute(name) !== text) target.setAttribute(name, text);
    }
  }
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    setAttributes(made, attributes);
    append(made, children);
    return made;
  }
  var SVG_NAMESPACE = "http://www.w3.org/2000/svg";
  function drawing(tag, attributes = {}, ...children) {
    const made = document.createElementNS(SVG_NAMESPACE, tag);
    setAttributes(made, attributes);
    append(made, children);
    return made;
  }
  function append(parent, children) {
    for (const child of children) {
      parent.append(typeof child === "string" ? printable(child) : child);
    }
  }
  var scrollFrame = (title, table) => element("div", {
    class: "scroll",
    tabindex: 0,
    role: "group",
    "aria-label": title
  }, table);
  function setText(target, text) {
    const shown = printable(text);
    if (target.textContent !== shown) target.textContent = shown;
  }
  function setChildren(target, children) {
    target.replaceChildren();
    append(target, children);
  }
  function byId(id, kind) {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) throw new Error(`page.html has no ${kind.name} #${id}`);
    return found;
  }

  // src/appliance/status_page/client/format.ts
  var grouped = new Intl.NumberFormat("en");
  var UNKNOWN = "\u2013";
  var count = (value) => grouped.format(value);
  function threeDigits(value) {
    return value.toFixed(value >= 99.95 || Number.isInteger(value) ? 0 : value >= 9.995 ? 1 : 2);
  }
  function scaled(value, step, units) {
    let index = 0;
    while (value >= step - 0.5 && index < units.length - 1) {
      value /= step;
      index++;
    }
    const unit = units[index];
    return unit === "" ? threeDigits(value) : `${threeDigits(value)} ${unit}`;
  }
  function perSecond(value) {
    if (Number.isNaN(value)) return UNKNOWN;
    if (value > 0 && value < 0.095) return "<0.1";
    if (value < 10) return Number.isInteger(value) ? String(value) : value.toFixed(1);
    if (value < 9999.5) return count(Math.round(value));
    return scaled(value, 1e3, [
      "",
      "k",
      "M",
      "G"
    ]);
  }
  function bytes(value) {
    if (Number.isNaN(value)) return UNKNOWN;
    return scaled(value, 1024, [
      "B",
      "KiB",
      "MiB",
      "GiB",
      "TiB",
      "PiB"
    ]);
  }
  function bytesPerSecond(value) {
    if (Number.isNaN(value)) return UNKNOWN;
    return `${value < 1024 ? `${Math.round(value)} B` : bytes(value)}/s`;
  }
  function latency(seconds) {
    if (Number.isNaN(seconds)) return UNKNOWN;
    if (seconds >= 1) return `${threeDigits(seconds)} s`;
    if (seconds >= 9995e-7) return `${threeDigits(seconds * 1e3)} ms`;
    return `${threeDigits(seconds * 1e6)} \xB5s`;
  }
  function duration(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1e3));
    const parts = [
      [
        Math.floor(seconds / 86400),
        "d"
      ],
      [
        Math.floor(seconds / 3600) % 24,
        "h"
      ],
      [
        Math.floor(seconds / 60) % 60,
        "min"
      ],
      [
        seconds % 60,
        "s"
      ]
    ];
    const first = parts.findIndex(([value]) => value > 0);
    if (first < 0) return "0 s";
    return parts.slice(first, first + 2).filter(([value], index) => index === 0 || value > 0).map(([value, unit]) => `${value} ${unit}`).join(" ");
  }
  var nextTry = (ms) => ms === null ? "none due" : ms < 1e3 ? "now" : `in ${duration(ms)}`;
  var timeOfDay = new Intl.DateTimeFormat("en-GB", {
    timeStyle: "medium"
  });
  var dayAndTime = new Intl.DateTimeFormat("en-GB", {
    dateStyle: "medium",
    timeStyle: "medium"
  });
  function moment(time, nowMs = Date.now()) {
    const date = new Date(time);
    if (Number.isNaN(date.getTime())) return String(time);
    const isToday = date.toDateString() === new Date(nowMs).toDateString();
    return (isToday ? timeOfDay : dayAndTime).format(date);
  }
  var plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

  // src/appliance/status_page/client/paged_table.ts
  var PAGE_SIZES = [
    25,
    100,
    500
  ];
  var TOOLS_FROM = 8;
  function textColumn(options) {
    return {
      ...options,
      makeCell() {
        const content = element("span");
        return {
          content,
          fill: (row) => setText(content, options.text(row))
        };
      }
    };
  }
  var collator = new Intl.Collator("en", {
    numeric: true,
    sensitivity: "base"
  });
  function compare(one, other) {
    if (typeof one === "string" || typeof other === "string") {
      return collator.compare(String(one), String(other));
    }
    const [a, b] = [
      one,
      other
    ].map((value) => Number.isNaN(value) ? -Infinity : value);
    return a === b ? 0 : a - b;
  }
  var PagedTable = class {
    options;
    root;
    rows;
    keys;
    page;
    pageSize;
    sortedBy;
    isDescending;
    /** Keys of the page, while the order is held. */
    heldKeys;
    drawn;
    body;
    heads;
    table;
    tools;
    empty;
    filter;
    range;
    previous;
    next;
    size;
    constructor(options) {
      this.options = options;
      this.rows = [];
      this.keys = /* @__PURE__ */ new Map();
      this.page = 0;
      this.pageSize = PAGE_SIZES[0];
      this.isDescending = false;
      this.drawn = /* @__PURE__ */ new Map();
      this.body = element("tbody");
      this.heads = /* @__PURE__ */ new Map();
      this.empty = element("p", {
        class: "empty"
      });
      this.filter = element("input", {
        type: "search",
        autocomplete: "off"
      });
      this.range = element("output");
      this.previous = element("button", {
        type: "button"
      }, "Previous");
      this.next = element("button", {
        type: "button"
      }, "Next");
      this.size = element("select");
      this.tools = this.makeTools();
      const table = element("table", {}, element("caption", {
        class: "hidden"
      }, options.title), element("thead", {}, element("tr", {}, ...options.columns.map((each) => this.makeHead(each)))), this.body);
      this.table = scrollFrame(options.title, table);
      this.root = element("div", {
        class: "paged"
      }, this.tools, this.table, this.empty);
      for (const name of [
        "pointerleave",
        "focusout"
      ]) {
        this.body.addEventListener(name, () => this.heldKeys = void 0);
      }
    }
    makeTools() {
      const title = this.options.title;
      this.filter.placeholder = "Filter";
      setAttributes(this.filter, {
        "aria-label": `${title}: filter`
      });
      setAttributes(this.previous, {
        "aria-label": `${title}: previous page`
      });
      setAttributes(this.next, {
        "aria-label": `${title}: next page`
      });
      setAttributes(this.size, {
        "aria-label": `${title}: rows on a page`
      });
      for (const rows of PAGE_SIZES) {
        this.size.append(element("option", {
          value: rows
        }, `${rows} rows`));
      }
      this.filter.addEventListener("input", () => this.turnTo(0));
      this.previous.addEventListener("click", () => this.turnTo(this.page - 1));
      this.next.addEventListener("click", () => this.turnTo(this.page + 1));
      this.size.addEventListener("change", () => {
        this.pageSize = Number(this.size.value);
        this.turnTo(0);
      });
      const pager = element("span", {
        class: "pager"
      }, this.previous, this.next, this.size);
      return element("div", {
        class: "tools"
      }, this.filter, this.range, pager);
    }
    turnTo(page) {
      this.page = page;
      this.heldKeys = void 0;
      this.draw();
    }
    makeHead(column) {
      const head = element("th", {
        scope: "col",
        class: classOf(column)
      });
      if (column.order === void 0) {
        head.append(column.title);
      } else {
        const button = element("button", {
          type: "button",
          class: "sort"
        }, column.title);
        button.addEventListener("click", () => this.sortBy(column));
        head.append(button);
      }
      this.heads.set(column, head);
      return head;
    }
    /** Sorts by a column; once more turns it around. */
    sortBy(column) {
      this.isDescending = this.sortedBy === column ? !this.isDescending : column.isLargestFirst ?? false;
      this.sortedBy = column;
      for (const [each, head] of this.heads) {
        const order = this.isDescending ? "descending" : "ascending";
        setAttributes(head, {
          "aria-sort": each === column ? order : void 0
        });
      }
      this.turnTo(0);
    }
    /** Shows only what has all of these words. */
    search(words) {
      this.filter.value = words;
      this.turnTo(0);
    }
    /** Takes over new data. */
    update(rows) {
      this.rows = rows;
      this.keys = uniqueKeys(rows, this.options.keyOf);
      this.draw();
    }
    matching() {
      const words = this.filter.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
      if (words.length === 0) return [
        ...this.rows
      ];
      return this.rows.filter((row) => {
        const text = this.options.searchText(row).toLowerCase();
        return words.every((word) => text.includes(word));
      });
    }
    sort(rows) {
      const order = this.sortedBy?.order;
      if (order === void 0) return rows;
      const sign = this.isDescending ? -1 : 1;
      return rows.map((row) => ({
        row,
        by: order(row)
      })).sort((one, other) => sign * compare(one.by, other.by)).map(({ row }) => row);
    }
    draw() {
      const matching = this.matching();
      const pages = Math.max(1, Math.ceil(matching.length / this.pageSize));
      this.page = Math.min(Math.max(0, this.page), pages - 1);
      const start = this.page * this.pageSize;
      this.place(this.held(matching) ?? this.sort(matching).slice(start, start + this.pageSize));
      this.describe(matching.length, start);
    }
    /** The rows of the page as they stand, while somebody is at them. */
    held(matching) {
      const isBusy = this.body.matches(":hover, :focus-within");
      if (!isBusy || this.heldKeys === void 0) return void 0;
      const byKey = new Map(matching.map((row) => [
        this.keys.get(row),
        row
      ]));
      const rows = this.heldKeys.map((key) => byKey.get(key));
      const isWhole = rows.every((row) => row !== void 0) && rows.length === Math.min(this.pageSize, matching.length - this.page * this.pageSize);
      return isWhole ? rows : void 0;
    }
    place(rows) {
      const keys = rows.map((row) => this.keys.get(row));
      const wanted = new Set(keys);
      for (const [key, { root }] of this.drawn) {
        if (wanted.has(key)) continue;
        root.remove();
        this.drawn.delete(key);
      }
      rows.forEach((row, index) => {
        const drawn = this.drawn.get(keys[index]) ?? this.makeRow(keys[index]);
        for (const cell of drawn.cells) cell.fill(row);
        const there = this.body.children[index];
        if (there !== drawn.root) this.body.insertBefore(drawn.root, there ?? null);
      });
      this.heldKeys = keys;
    }
    makeRow(key) {
      const cells = this.options.columns.map((column) => column.makeCell());
      const root = element("tr");
      this.options.columns.forEach((column, index) => {
        const holder = index === 0 ? element("th", {
          scope: "row",
          class: classOf(column)
        }) : element("td", {
          class: classOf(column)
        });
        holder.append(cells[index].content);
        root.append(holder);
      });
      const drawn = {
        root,
        cells
      };
      this.drawn.set(key, drawn);
      return drawn;
    }
    describe(matching, start) {
      const total = this.rows.length;
      const isLong = total >= TOOLS_FROM || this.filter.value !== "";
      this.tools.hidden = !isLong;
      this.table.hidden = matching === 0;
      this.empty.hidden = matching > 0;
      setText(this.empty, total === 0 ? this.options.whenEmpty : "Nothing matches the filter.");
      const end = Math.min(start + this.pageSize, matching);
      const of = matching === total ? count(total) : `${count(matching)} found of ${count(total)}`;
      setText(this.range, matching === 0 ? of : `${count(start + 1)}\u2013${count(end)} of ${of}`);
      setAttributes(this.previous, {
        "aria-disabled": start === 0 ? "true" : void 0
      });
      setAttributes(this.next, {
        "aria-disabled": end >= matching ? "true" : void 0
      });
      this.size.hidden = total <= PAGE_SIZES[0];
      this.previous.hidden = this.next.hidden = matching <= this.pageSize;
    }
  };
  function uniqueKeys(rows, keyOf2) {
    const seen = /* @__PURE__ */ new Map();
    return new Map(rows.map((row) => {
      const key = keyOf2(row);
      const times = seen.get(key) ?? 0;
      seen.set(key, times + 1);
      return [
        row,
        times === 0 ? key : `${key} ${times}`
      ];
    }));
  }
  function classOf({ isNumber, importance }) {
    return `${isNumber === true ? "number " : ""}importance-${importance}`;
  }

  // src/appliance/status.ts
  var IO_OPERATIONS = [
    "read",
    "write",
    "flush",
    "discard",
    "write_zeroes"
  ];

  // src/appliance/status_page/client/record_status.ts
  var IO = {
    readIos: 0,
    writeIos: 1,
    readBytes: 2,
    writeBytes: 3,
    otherIos: 4,
    errors: 5
  };
  var IO_WIDTH = 6;
  var PATH = {
    rxBytes: 0,
    txBytes: 1
  };
  var keyOf = {
    allMappings: "mappings",
    allExports: "exports",
    mapping: (name) => `mapping ${name}`,
    export: (device) => `export ${device}`,
    /** One value: the IOPS of the busiest one. */
    busiestMapping: "busiest mapping",
    /** `side`: paths to servers, or those that clients opened here. */
    path: (side, sessname, path) => JSON.stringify([
      side,
      sessname,
      path.src_addr,
      path.dst_addr
    ]),
    /** One value: requests in flight. */
    inflight: (side) => `inflight ${side}`
  };
  var errorsIn = (io) => IO_OPERATIONS.reduce((sum2, operation) => sum2 + io[operation].errors, 0);
  function totalsOf(io) {
    const { read, write, flush, discard, write_zeroes } = io;
    const others = flush.ios + discard.ios + write_zeroes.ios;
    return [
      read.ios,
      write.ios,
      read.bytes,
      write.bytes,
      others,
      errorsIn(io)
    ];
  }
  function recordIo(history, together, parts) {
    let busiest = NaN;
    const sums = new Array(IO_WIDTH).fill(NaN);
    for (const [key, io] of parts) {
      const rates = history.recordTotals(key, totalsOf(io));
      const iops = rates[IO.readIos] + rates[IO.writeIos];
      if (!(busiest >= iops)) busiest = iops;
      rates.forEach((rate, index) => {
        if (!Number.isNaN(rate)) sums[index] = (Number.isNaN(sums[index]) ? 0 : sums[index]) + rate;
      });
    }
    history.recordValues(together, sums);
    return busiest;
  }
  function recordPaths(history, side, owners) {
    for (const { sessname, paths } of owners) {
      for (const path of paths) {
        const totals = [
          path.rx_bytes,
          path.tx_bytes
        ];
        history.recordTotals(keyOf.path(side, sessname, path), totals);
      }
    }
  }
  var inflightOf = (owners) => owners.reduce((sum2, { paths }) => paths.reduce((sub, { inflight }) => sub + inflight, sum2), 0);
  function recordStatus(history, status, atMs, elapsedMs) {
    history.begin(atMs, elapsedMs);
    const { mappings, exports, sessions, clients } = status;
    const named = mappings.map(({ name, io }) => [
      keyOf.mapping(name),
      io
    ]);
    history.recordValues(keyOf.busiestMapping, [
      recordIo(history, keyOf.allMappings, named)
    ]);
    recordIo(history, keyOf.allExports, exports.map(({ device, io }) => [
      keyOf.export(device),
      io
    ]));
    recordPaths(history, "session", sessions);
    recordPaths(history, "client", clients);
    history.recordValues(keyOf.inflight("session"), [
      inflightOf(sessions)
    ]);
    const atServer = clients.reduce((sum2, { inflight }) => sum2 + inflight, 0);
    history.recordValues(keyOf.inflight("client"), [
      atServer
    ]);
    history.end();
  }

  // src/appliance/status_page/client/problems.ts
  var CONFIG_NAME = "config";
  var pathName = ({ src_addr, dst_addr }) => src_addr === "" ? dst_addr : `${src_addr},${dst_addr}`;
  function configProblems({ config }) {
    const found = [];
    const subject = {
      kind: "config",
      name: CONFIG_NAME
    };
    if (config.state === "stale") {
      const since = config.stale_since === null ? "" : ` since ${moment(config.stale_since)}`;
      const text = `Config is stale${since}: the config before it goes on`;
      found.push({
        severity: "bad",
        text,
        detail: config.stale_because.join("; "),
        subject
      });
    }
    const failed = config.pending.filter(({ last_error }) => last_error !== null);
    if (failed.length > 0) {
      const text = `${plural(failed.length, "step")} of the config failed and will be tried again`;
      const [{ action, kind, name, last_error }] = failed;
      const detail = `${action} ${kind} ${name}: ${last_error}`;
      found.push({
        severity: "warn",
        text,
        detail,
        subject
      });
    } else if (config.pending.length > 0) {
      const text = `${plural(config.pending.length, "step")} until the node is as its config says`;
      const waits = config.pending.find(({ waits_for }) => waits_for !== null)?.waits_for;
      found.push({
        severity: "warn",
        text,
        detail: waits ?? "",
        subject
      });
    }
    return found;
  }
  function sessionProblems({ sessions, mappings }) {
    return sessions.flatMap((session) => {
      const { sessname: name, paths } = session;
      const subject = {
        kind: "session",
        name
      };
      const lost = paths.filter(({ state }) => state !== "connected");
      if (session.state !== "connected") {
        const held = mappings.filter(({ sessname, state }) => sessname === name && state === "closed");
        const text = `Session ${name} is disconnected` + (held.length === 0 ? "" : `: ${plural(held.length, "mapping")} closed`);
        const errors = lost.flatMap(({ last_error }) => last_error ?? []);
        return [
          {
            severity: "bad",
            text,
            detail: [
              ...new Set(errors)
            ].join("; "),
            subject
          }
        ];
      }
      return lost.map((path) => ({
        severity: "warn",
        text: `Path ${pathName(path)} of session ${name} is disconnected`,
        detail: path.last_error ?? "",
        subject
      }));
    });
  }
  function mappingProblems({ sessions, mappings }) {
    const isLost = new Set(sessions.filter(({ state }) => state !== "connected").map(({ sessname }) => sessname));
    return mappings.filter(({ state, sessname }) => state === "closed" && !isLost.has(sessname)).map(({ name, last_error }) => ({
      severity: "bad",
      text: `Mapping ${name} is closed`,
      detail: last_error ?? "",
      subject: {
        kind: "mapping",
        name
      }
    }));
  }
  function clientProblems({ clients }) {
    return clients.flatMap(({ sessname: name, paths }) => paths.filter(({ state }) => state !== "connected").map((path) => ({
      severity: "warn",
      text: `Path ${pathName(path)} of client ${name} is disconnected`,
      detail: path.last_error ?? "",
      subject: {
        kind: "client",
        name
      }
    })));
  }
  function ioProblems(status, hasLateErrors) {
    const all = [
      ...status.mappings.map(({ name, io }) => [
        {
          kind: "mapping",
          name
        },
        io
      ]),
      ...status.exports.map(({ device, io }) => [
        {
          kind: "export",
          name: device
        },
        io
      ])
    ];
    const found = all.filter(([subject, io]) => errorsIn(io) > 0 && hasLateErrors(subject));
    return found.map(([subject, io]) => ({
      severity: "warn",
      text: `I/O errors at ${subject.kind} ${subject.name} in the last two minutes`,
      detail: `${count(errorsIn(io))} since the start`,
      subject
    }));
  }
  function findProblems(status, hasLateErrors = () => false) {
    const found = [
      ...configProblems(status),
      ...sessionProblems(status),
      ...mappingProblems(status),
      ...clientProblems(status),
      ...ioProblems(status, hasLateErrors)
    ];
    return found.sort((a, b) => Number(a.severity === "warn") - Number(b.severity === "warn"));
  }

  // src/appliance/status_page/client/state_mark.ts
  var SHAPES = {
    good: "M6 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8z",
    warn: "M6 1L11.5 11H.5z",
    bad: "M3 1L6 4L9 1L11 3L8 6L11 9L9 11L6 8L3 11L1 9L4 6L1 3z",
    quiet: "M6 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8zm0 1.6a2.4 2.4 0 1 0 0 4.8a2.4 2.4 0 1 0 0-4.8z"
  };
  var StateMark = class {
    root;
    shape = drawing("path");
    word = element("span");
    constructor() {
      const picture = drawing("svg", {
        viewBox: "0 0 12 12",
        "aria-hidden": "true"
      }, this.shape);
      this.root = element("span", {
        class: "mark"
      }, picture, this.word);
    }
    /** Shows another state. */
    set(mood, word) {
      if (this.root.dataset["mood"] !== mood) {
        this.root.dataset["mood"] = mood;
        this.shape.setAttribute("d", SHAPES[mood]);
      }
      setText(this.word, word);
    }
  };

  // src/appliance/status_page/client/config_view.ts
  var changesOf = ({ reason, changes }) => [
    reason,
    ...changes.map(({ key, from, to }) => `${key}: ${from} \u2192 ${to}`)
  ].join("; ");
  function makeSteps() {
    const column = (title, text, importance) => textColumn({
      title,
      importance,
      order: text,
      text
    });
    return new PagedTable({
      title: "Missing steps",
      columns: [
        column("Step", ({ action, kind, name }) => `${action} ${kind} ${name}`, 1),
        column("Why", changesOf, 2),
        column("Waits for", ({ waits_for }) => waits_for ?? "", 1),
        column("Last error", ({ last_error }) => last_error ?? "", 1),
        textColumn({
          title: "Next try",
          importance: 2,
          text: (step) => nextTry(step.next_try_ms)
        })
      ],
      keyOf: ({ action, kind, name }) => JSON.stringify([
        action,
        kind,
        name
      ]),
      searchText: (step) => [
        step.action,
        step.kind,
        step.name,
        changesOf(step),
        step.waits_for,
        step.last_error
      ].join(" "),
      whenEmpty: "Nothing is missing: the node is as its config says."
    });
  }
  var ConfigView = class {
    mark = new StateMark();
    facts = element("p", {
      class: "facts"
    });
    reasons = element("ul", {
      class: "reasons"
    });
    steps = makeSteps();
    constructor(openDetails) {
      const explain = element("button", {
        type: "button",
        "aria-haspopup": "dialog"
      }, "Explain");
      explain.setAttribute("aria-label", "Explain the config");
      explain.addEventListener("click", () => openDetails({
        kind: "config",
        name: CONFIG_NAME
      }));
      const state = element("p", {
        class: "config-state"
      }, this.mark.root, explain);
      byId("config", HTMLElement).append(state, this.reasons, this.facts, this.steps.root);
    }
    update({ status: { config } }) {
      const isStale = config.state === "stale";
      const since = config.stale_since === null ? "" : ` since ${moment(config.stale_since)}`;
      const missing = config.pending.length;
      if (isStale) {
        this.mark.set("bad", `stale${since}: the files have errors, what was before goes on`);
      } else if (missing > 0) this.mark.set("warn", `current, ${plural(missing, "step")} missing`);
      else this.mark.set("good", "current");
      this.showReasons(config.stale_because);
      setText(this.facts, factsOf(config));
      this.steps.update(config.pending);
    }
    showReasons(reasons) {
      this.reasons.hidden = reasons.length === 0;
      const shown = [
        ...this.reasons.children
      ].map(({ textContent }) => textContent);
      if (shown.join("\n") === reasons.join("\n")) return;
      setChildren(this.reasons, reasons.map((reason) => element("li", {}, reason)));
    }
  };
  function factsOf({ file, files, applied_at }) {
    const from = file === null ? "made in the program" : files.join(", ");
    return `In force since ${moment(applied_at)}; ${from}`;
  }

  // src/appliance/status_page/client/chart.ts
  var CHART_MS = 12e4;
  var GAP_MS = 5e3;
  var WIDTH = 1200;
  var HEIGHT = 100;
  var Chart = class {
    options;
    root;
    lines;
    area;
    cursor;
    top;
    picture;
    frame;
    when;
    nothing;
    data;
    nowMs;
    /** Time under the pointer; null: the newest. */
    cursorMs;
    /** @param onCursor the pointer is at this time, or has left */
    constructor(options, onCursor) {
      this.options = options;
      this.area = drawing("path", {
        class: "area"
      });
      this.cursor = drawing("path", {
        class: "cursor"
      });
      this.top = element("span", {
        class: "axis top"
      });
      this.when = element("span", {
        class: "when"
      }, "now");
      this.nothing = element("span", {
        class: "nothing"
      }, "nothing measured yet");
      this.data = {
        times: [],
        values: []
      };
      this.nowMs = 0;
      this.cursorMs = null;
      this.lines = options.lines.map((_, index) => ({
        path: drawing("path", {
          class: `line line-${index}`
        }),
        shown: element("b", {
          class: "value"
        })
      }));
      const grid = drawing("path", {
        class: "grid",
        d: `M0 0H${WIDTH}M0 50H${WIDTH}M0 100H${WIDTH}`
      });
      const paths = this.lines.map(({ path }) => path).reverse();
      const box = {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img"
      };
      this.picture = drawing("svg", box, grid, this.area, ...paths, this.cursor);
      const axis = element("span", {
        class: "axis start"
      }, "\u22122 min");
      const words = [
        this.top,
        axis,
        this.when,
        this.nothing
      ];
      this.frame = element("div", {
        class: "frame"
      }, this.picture, ...words);
      this.root = element("figure", {
        class: "chart"
      }, this.makeCaption(), this.frame);
      this.followPointer(onCursor);
    }
    makeCaption() {
      const legend = this.lines.map(({ shown }, index) => {
        const sample = drawing("path", {
          class: `line line-${index}`,
          d: "M0 5H18"
        });
        const swatch = drawing("svg", {
          viewBox: "0 0 18 10",
          "aria-hidden": "true"
        }, sample);
        return element("span", {
          class: "legend"
        }, swatch, this.options.lines[index], " ", shown);
      });
      const title = element("span", {
        class: "title"
      }, this.options.title);
      return element("figcaption", {}, title, ...legend);
    }
    followPointer(onCursor) {
      this.frame.addEventListener("pointermove", ({ clientX }) => {
        const { left, width } = this.frame.getBoundingClientRect();
        onCursor(this.nowMs - CHART_MS * (1 - (clientX - left) / width));
      });
      this.frame.addEventListener("pointerleave", () => onCursor(null));
    }
    /** Draws anew. */
    update(data, nowMs) {
      this.data = data;
      this.nowMs = nowMs;
      const known = data.values.flat().filter((value) => !Number.isNaN(value));
      this.top.hidden = known.length === 0;
      this.nothing.hidden = known.length > 0;
      const ceiling = this.options.ceiling(Math.max(0, ...known));
      setText(this.top, this.options.format(ceiling));
      this.lines.forEach(({ path }, index) => {
        const line = this.outline(data.values[index] ?? [], ceiling);
        path.setAttribute("d", line.stroke);
        if (index === 0) this.area.setAttribute("d", line.area);
      });
      this.describe();
      this.showValues();
    }
    outline(values, ceiling) {
      let stroke = "";
      let area = "";
      let lastX = 0;
      let lastMs = -Infinity;
      const closeArea = () => area === "" ? "" : `L${lastX} ${HEIGHT}Z`;
      values.forEach((value, index) => {
        const timeMs = this.data.times[index];
        if (Number.isNaN(value)) return;
        const x = Math.round(WIDTH * (1 - (this.nowMs - timeMs) / CHART_MS));
        if (x < 0) return;
        const y = (HEIGHT * (1 - value / ceiling)).toFixed(1);
        const isNew = timeMs - lastMs > GAP_MS;
        stroke += isNew ? `M${x} ${y}h0` : `L${x} ${y}`;
        area += isNew ? `${closeArea()}M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
        lastX = x;
        lastMs = timeMs;
      });
      return {
        stroke,
        area: area + closeArea()
      };
    }
    /** Shows the values at a time instead of the newest. */
    setCursor(timeMs) {
      this.cursorMs = timeMs;
      this.showValues();
    }
    /** Index of the sample at the cursor. */
    chosen() {
      const { times } = this.data;
      if (this.cursorMs === null) return times.length - 1;
      const cursorMs = this.cursorMs;
      const distance = (index) => Math.abs(times[index] - cursorMs);
      return times.reduce((best, _, index) => distance(index) < distance(best) ? index : best, 0);
    }
    showValues() {
      const chosen = this.chosen();
      this.lines.forEach(({ shown }, index) => {
        setText(shown, this.options.format(this.data.values[index]?.[chosen] ?? NaN));
      });
      const timeMs = this.data.times[chosen];
      const isFree = this.cursorMs === null || timeMs === void 0;
      setText(this.when, isFree ? "now" : moment(timeMs));
      this.when.classList.toggle("chosen", !isFree);
      const x = isFree ? -1 : Math.round(WIDTH * (1 - (this.nowMs - timeMs) / CHART_MS));
      this.cursor.setAttribute("d", isFree ? "" : `M${x} 0V${HEIGHT}`);
    }
    describe() {
      const { title, lines, format } = this.options;
      const parts = lines.map((name, index) => {
        const known = (this.data.values[index] ?? []).filter((value) => !Number.isNaN(value));
        if (known.length === 0) return `${name} unknown`;
        const [least, most] = [
          Math.min(...known),
          Math.max(...known)
        ].map(format);
        return `${name} between ${least} and ${most}`;
      });
      setAttributes(this.picture, {
        "aria-label": `${title}, last two minutes: ${parts.join("; ")}`
      });
    }
  };
  function sparkline(path, values, ceiling) {
    let outline = "";
    let isDown = false;
    values.forEach((value, index) => {
      if (Number.isNaN(value)) isDown = false;
      else {
        const x = 100 - (values.length - 1 - index);
        outline += `${isDown ? "L" : "M"}${x} ${(19 - 18 * value / ceiling).toFixed(1)}`;
        isDown = true;
      }
    });
    if (path.getAttribute("d") !== outline) path.setAttribute("d", outline);
  }

  // src/appliance/status_page/client/chart_row.ts
  var TABLE_ROWS = 20;
  var ChartRow = class {
    options;
    root;
    charts;
    table;
    disclosure;
    data;
    constructor(options) {
      this.options = options;
      this.table = element("table");
      this.data = [];
      this.charts = options.map((each) => new Chart(each, (timeMs) => this.charts.forEach((chart) => chart.setCursor(timeMs))));
      const charts = element("div", {
        class: "charts"
      }, ...this.charts.map(({ root }) => root));
      const scroll = scrollFrame("Figures of the charts", this.table);
      const summary = element("summary", {}, "Figures of these charts as a table");
      this.disclosure = element("details", {}, summary, scroll);
      this.disclosure.addEventListener("toggle", () => this.fillTable());
      this.root = element("div", {
        class: "chart-row"
      }, charts, this.disclosure);
    }
    /** Draws anew; `data` in the order of the options. */
    update(data, nowMs) {
      this.data = data;
      this.charts.forEach((chart, index) => chart.update(data[index], nowMs));
      this.fillTable();
    }
    fillTable() {
      if (!this.disclosure.open) return;
      const columns = this.options.flatMap(({ title, lines, format }, chart) => lines.map((line, index) => ({
        title: `${title}, ${line}`,
        text: (timeMs) => {
          const { times, values } = this.data[chart];
          const at = times.findLastIndex((time) => time <= timeMs);
          return format(values[index]?.[at] ?? NaN);
        }
      })));
      const heads = [
        "Time",
        ...columns.map(({ title }) => title)
      ];
      const head = element("tr", {}, ...heads.map((title) => element("th", {
        scope: "col"
      }, title)));
      const rows = this.data[0].times.slice(-TABLE_ROWS).reverse().map((timeMs) => element("tr", {}, element("th", {
        scope: "row"
      }, moment(timeMs)), ...columns.map(({ text }) => element("td", {
        class: "number"
      }, text(timeMs)))));
      setChildren(this.table, [
        element("caption", {}, "The newest samples first"),
        element("thead", {}, head),
        element("tbody", {}, ...rows)
      ]);
    }
  };

  // src/appliance/status_page/client/pairs.ts
  function showPairs(list, pairs) {
    const terms = [
      ...list.querySelectorAll("dt")
    ];
    const values = [
      ...list.querySelectorAll("dd")
    ];
    if (terms.length !== pairs.length) {
      setChildren(list, pairs.map(([key, value]) => element("div", {}, element("dt", {}, key), element("dd", {}, value))));
      return;
    }
    pairs.forEach(([key, value], index) => {
      setText(terms[index], key);
      setText(values[index], value);
    });
  }

  // src/appliance/status_page/client/poller.ts
  var ANSWER_TIMEOUT_MS = 5e3;
  var RETRY_MIN_MS = 1e3;
  var RETRY_MAX_MS = 1e4;
  var PAUSE_MIN_MS = 200;
  var Poller = class {
    options;
    timer;
    isAsking;
    isWanted;
    failures;
    lastStartMs;
    lastAnswerMs;
    constructor(options) {
      this.options = options;
      this.isAsking = false;
      this.isWanted = false;
      this.failures = 0;
      this.lastStartMs = -Infinity;
      this.lastAnswerMs = null;
    }
    /** Asks now, or as soon as it may. */
    poke() {
      if (this.isAsking) this.isWanted = true;
      else this.schedule(Math.max(0, this.lastStartMs + PAUSE_MIN_MS - performance.now()));
    }
    schedule(delayMs) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), delayMs);
    }
    async ask() {
      this.isAsking = true;
      this.isWanted = false;
      this.lastStartMs = performance.now();
      let delayMs;
      try {
        await this.fetch();
        this.failures = 0;
        this.lastAnswerMs = Date.now();
        this.options.onContact({
          state: "live"
        });
        const tookMs = performance.now() - this.lastStartMs;
        const { pauseMs, restFactor } = this.options;
        delayMs = Math.max(pauseMs() - tookMs, tookMs * restFactor, PAUSE_MIN_MS);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.options.onContact({
          state: "away",
          lastAnswerMs: this.lastAnswerMs,
          reason
        });
        delayMs = Math.min(RETRY_MIN_MS * 2 ** this.failures++, RETRY_MAX_MS);
      }
      this.isAsking = false;
      this.schedule(this.isWanted ? PAUSE_MIN_MS : delayMs);
    }
    async fetch() {
      const { url, onAnswer } = this.options;
      const response = await ask(url);
      await onAnswer(response);
    }
  };
  async function ask(url) {
    let response;
    try {
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      response = await fetch(url, {
        signal,
        cache: "no-store",
        credentials: "same-origin"
      });
    } catch (error) {
      const isLate = error instanceof DOMException && error.name === "TimeoutError";
      throw new Error(isLate ? "The appliance does not answer" : "The appliance cannot be reached");
    }
    if (response.ok) return response;
    throw new Error(await refusalOf(response));
  }
  async function refusalOf(response) {
    try {
      const { error } = await response.json();
      return error.message;
    } catch {
      return `The appliance answered ${response.status} ${response.statusText}`;
    }
  }

  // src/appliance/status_page/client/explanation_view.ts
  var ExplanationView = class {
    subject;
    body;
    again;
    root;
    constructor(subject) {
      this.subject = subject;
      this.body = element("div", {
        class: "explanation",
        "aria-live": "polite"
      });
      this.again = element("button", {
        type: "button"
      }, "Ask again");
      this.root = element("section", {}, element("h3", {}, "Explanation"), this.body, this.again);
      this.again.addEventListener("click", () => this.refresh());
    }
    /** Asks, and shows the answer. */
    async refresh() {
      try {
        const response = await ask(`/v1/explain/${encodeURIComponent(this.subject.name)}`);
        setChildren(this.body, describe(await response.json()));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        setChildren(this.body, [
          element("p", {}, `There is no explanation: ${reason}`)
        ]);
      }
    }
  };
  function withCommands(text) {
    return text.split("`").map((part, index) => index % 2 === 1 ? element("code", {}, part) : part);
  }
  function pairList(pairs) {
    const list = element("dl", {
      class: "pairs"
    });
    showPairs(list, pairs);
    return list;
  }
  function describe(explanation) {
    const { summary, cause, last_error, advice, facts, next_try_ms } = explanation;
    const parts = [
      element("p", {
        class: "summary"
      }, summary)
    ];
    if (cause !== null) parts.push(element("p", {}, ...withCommands(cause)));
    if (advice.length > 0) {
      parts.push(element("h4", {}, "What to do"), element("ol", {}, ...advice.map((step) => element("li", {}, ...withCommands(step)))));
    }
    const now = [
      ...last_error === null ? [] : [
        [
          "Last error",
          last_error
        ]
      ],
      ...next_try_ms === null ? [] : [
        [
          "Next try",
          nextTry(next_try_ms)
        ]
      ]
    ];
    if (now.length > 0) parts.push(pairList(now));
    if (facts.length > 0) {
      const pairs = pairList(facts.map(({ key, value }) => [
        key,
        value
      ]));
      parts.push(element("details", {}, element("summary", {}, "More about it"), pairs));
    }
    return parts;
  }

  // src/appliance/status_page/client/scale.ts
  function roundUp(value) {
    if (!(value > 1)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return ([
      1,
      2,
      5
    ].find((step) => step * power >= value) ?? 10) * power;
  }
  function roundUpBytes(value) {
    return value > 1024 ? 2 ** Math.ceil(Math.log2(value)) : 1024;
  }
  function roundUpSeconds(value) {
    return Math.max(10, roundUp(value * 1e6)) / 1e6;
  }

  // src/appliance/status_page/client/io_charts.ts
  var IOPS = {
    title: "IOPS",
    lines: [
      "read",
      "write"
    ],
    format: perSecond,
    ceiling: roundUp
  };
  var THROUGHPUT = {
    title: "Throughput",
    lines: [
      "read",
      "write"
    ],
    format: bytesPerSecond,
    ceiling: roundUpBytes
  };
  var LATENCY = {
    title: "Latency",
    lines: [
      "p50",
      "p99"
    ],
    format: latency,
    ceiling: roundUpSeconds
  };
  var INFLIGHT = {
    title: "In flight",
    lines: [
      "requests"
    ],
    format: (value) => Number.isNaN(value) ? "\u2013" : count(value),
    ceiling: roundUp
  };
  var IO_CHARTS = [
    IOPS,
    THROUGHPUT,
    LATENCY
  ];
  var NODE_CHARTS = [
    ...IO_CHARTS,
    INFLIGHT
  ];
  function ioChartData({ history, latency: latency2 }, key) {
    const times = history.readTimes();
    const read = (index) => history.read(key, index);
    return [
      {
        times,
        values: [
          read(IO.readIos),
          read(IO.writeIos)
        ]
      },
      {
        times,
        values: [
          read(IO.readBytes),
          read(IO.writeBytes)
        ]
      },
      latency2.chartData(key)
    ];
  }
  function nodeChartData(model, side) {
    const isClient = side === "mappings";
    const inflight = keyOf.inflight(isClient ? "session" : "client");
    const times = model.history.readTimes();
    return [
      ...ioChartData(model, isClient ? keyOf.allMappings : keyOf.allExports),
      {
        times,
        values: [
          model.history.read(inflight, 0)
        ]
      }
    ];
  }

  // src/appliance/status_page/client/details_view.ts
  var KIND_WORDS = {
    mapping: "Mapping",
    session: "Session",
    export: "Export",
    client: "Client",
    config: "Config"
  };
  function knownMapping({ mappings }, name) {
    const found = mappings.find((mapping) => mapping.name === name);
    if (found === void 0) return void 0;
    const isOpen = found.state === "open";
    return {
      mood: isOpen ? "good" : "bad",
      state: isOpen ? "open" : `closed: ${found.last_error ?? "not opened yet"}`,
      facts: [
        [
          "Session",
          found.sessname
        ],
        [
          "Device at the server",
          found.device_path
        ],
        [
          "Access mode",
          found.access_mode
        ],
        [
          "Here",
          found.device ?? UNKNOWN
        ],
        [
          "Exposed by",
          found.expose
        ],
        [
          "Size",
          found.size_bytes === 0 ? UNKNOWN : bytes(found.size_bytes)
        ],
        [
          "Logical block",
          found.logical_block_size === 0 ? UNKNOWN : bytes(found.logical_block_size)
        ],
        [
          "Made by",
          found.origin === "config" ? "the config" : "hand"
        ],
        ...isOpen ? [] : [
          [
            "Next try",
            nextTry(found.next_try_ms)
          ]
        ]
      ],
      io: {
        key: keyOf.mapping(name),
        totals: found.io
      }
    };
  }
  function knownSession({ sessions, mappings }, name) {
    const found = sessions.find(({ sessname }) => sessname === name);
    if (found === void 0) return void 0;
    const up = found.paths.filter(({ state }) => state === "connected").length;
    const isWhole = up === found.paths.length;
    const uses = mappings.filter(({ sessname }) => sessname === name).length;
    return {
      mood: found.state !== "connected" ? "bad" : isWhole ? "good" : "warn",
      state: `${found.state}, ${count(up)} of ${plural(found.paths.length, "path")}`,
      facts: [
        [
          "Mappings",
          count(uses)
        ],
        [
          "Port",
          String(found.dest_port)
        ],
        [
          "Policy",
          found.mpath_policy
        ],
        [
          "Queue depth",
          count(found.queue_depth)
        ],
        [
          "Longest request",
          bytes(found.max_io_size)
        ],
        [
          "Reconnects",
          count(found.reconnects)
        ],
        [
          "Reconnects tried",
          found.max_reconnect_attempts < 0 ? "without end" : count(found.max_reconnect_attempts)
        ],
        [
          "Made by",
          found.origin === "config" ? "the config" : "hand"
        ],
        ...pathFacts(found.paths)
      ]
    };
  }
  function pathFacts(paths) {
    return paths.map((path) => {
      const error = path.state === "connected" || path.last_error === null ? "" : `: ${path.last_error}`;
      return [
        `Path ${pathName(path).replace(",", " \u2192 ")}`,
        path.state + error
      ];
    });
  }
  function knownExport({ exports }, name) {
    const found = exports.find(({ device }) => device === name);
    if (found === void 0) return void 0;
    return {
      mood: "good",
      state: `open by ${plural(found.clients.length, "client")}`,
      facts: [
        [
          "Size",
          bytes(found.size_bytes)
        ],
        ...found.clients.map(({ sessname, mapping_path, access_mode, is_allowed }) => {
          const until = is_allowed ? "" : ", not allowed any more: open until the client closes it";
          return [
            `Client ${sessname}`,
            `${mapping_path}, ${access_mode}${until}`
          ];
        })
      ],
      io: {
        key: keyOf.export(name),
        totals: found.io
      }
    };
  }
  function knownClient({ clients, exports }, name) {
    const found = clients.find(({ sessname }) => sessname === name);
    if (found === void 0) return void 0;
    const isWhole = found.paths.every(({ state }) => state === "connected");
    const held = exports.flatMap(({ device, clients: clients2 }) => clients2.filter(({ sessname }) => sessname === name).map(({ access_mode }) => [
      `Has open ${device}`,
      access_mode
    ]));
    return {
      mood: isWhole ? "good" : "warn",
      state: isWhole ? "connected" : "some paths are disconnected",
      facts: [
        [
          "Devices open",
          count(found.devices)
        ],
        [
          "In flight",
          count(found.inflight)
        ],
        ...pathFacts(found.paths),
        ...held,
        ...found.force_closed.map((path) => [
          "Taken away",
          path
        ])
      ]
    };
  }
  function knownConfig({ config }) {
    const isStale = config.state === "stale";
    const missing = config.pending.length;
    return {
      mood: isStale ? "bad" : missing > 0 ? "warn" : "good",
      state: isStale ? "stale" : missing > 0 ? `current, ${plural(missing, "step")} missing` : "current",
      facts: [
        [
          "Files",
          config.files.length === 0 ? "none" : config.files.join(", ")
        ],
        ...config.stale_because.map((reason) => [
          "Error",
          reason
        ])
      ]
    };
  }
  function know(status, { kind, name }) {
    switch (kind) {
      case "mapping":
        return knownMapping(status, name);
      case "session":
        return knownSession(status, name);
      case "export":
        return knownExport(status, name);
      case "client":
        return knownClient(status, name);
      case "config":
        return knownConfig(status);
    }
  }
  var DetailsView = class {
    dialog = byId("details", HTMLDialogElement);
    title = byId("details-title", HTMLElement);
    body = byId("details-body", HTMLElement);
    mark = new StateMark();
    facts = element("dl", {
      class: "pairs"
    });
    charts = new ChartRow(IO_CHARTS);
    operations = element("tbody");
    ioPart = element("section");
    explanation;
    subject;
    explainedState;
    model;
    constructor() {
      byId("details-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
      this.dialog.addEventListener("click", ({ target }) => {
        if (target === this.dialog) this.dialog.close();
      });
      this.dialog.addEventListener("close", () => this.subject = void 0);
    }
    /** Opens the window. */
    open = (subject) => {
      this.subject = subject;
      this.explanation = new ExplanationView(subject);
      this.explainedState = void 0;
      this.charts = new ChartRow(IO_CHARTS);
      const isConfig = subject.kind === "config";
      setText(this.title, isConfig ? "Config" : `${KIND_WORDS[subject.kind]} ${subject.name}`);
      setChildren(this.ioPart, [
        this.charts.root,
        this.operationTable()
      ]);
      const facts = element("section", {}, element("h3", {}, "Facts"), this.facts);
      const state = element("p", {
        class: "state"
      }, this.mark.root);
      setChildren(this.body, [
        state,
        this.explanation.root,
        this.ioPart,
        facts
      ]);
      if (this.model !== void 0) this.update(this.model);
      this.dialog.showModal();
      this.dialog.scrollTop = 0;
    };
    operationTable() {
      const heads = [
        "Operation",
        "Requests",
        "Moved",
        "Errors",
        "p50",
        "p99"
      ];
      const head = element("tr", {}, ...heads.map((title, index) => element("th", {
        scope: "col",
        class: index === 0 ? void 0 : "number"
      }, title)));
      const caption = element("caption", {}, "Since the start; latency of the last seconds");
      const table = element("table", {}, caption, element("thead", {}, head), this.operations);
      return scrollFrame("Requests by operation", table);
    }
    update(model) {
      this.model = model;
      if (this.subject === void 0) return;
      const known = know(model.status, this.subject);
      const state = known?.state ?? "gone";
      this.mark.set(known?.mood ?? "quiet", state);
      if (state !== this.explainedState) {
        this.explainedState = state;
        this.explanation?.refresh();
      }
      showPairs(this.facts, known?.facts ?? []);
      this.ioPart.hidden = known?.io === void 0;
      if (known?.io === void 0) return;
      this.charts.update(ioChartData(model, known.io.key), model.nowMs);
      this.showOperations(model, known.io.key, known.io.totals);
    }
    showOperations(model, key, totals) {
      setChildren(this.operations, IO_OPERATIONS.map((operation) => {
        const { ios, bytes: moved, errors } = totals[operation];
        const { p50, p99 } = model.latency.latest(key, operation);
        const cells = [
          count(ios),
          bytes(moved),
          count(errors),
          latency(p50),
          latency(p99)
        ];
        return element("tr", {}, element("th", {
          scope: "row"
        }, operation.replace("_", " ")), ...cells.map((text) => element("td", {
          class: "number"
        }, text)));
      }));
    }
  };

  // src/appliance/status_page/client/event_stream.ts
  var EVENTS_MAX = 500;
  var RETRY_MS = 2e3;
  var EventStream = class {
    onEvent;
    kept;
    source;
    retry;
    /** @param onEvent an event has come that was not there before, or the stream has begun */
    constructor(onEvent) {
      this.onEvent = onEvent;
      this.kept = [];
    }
    /** The newest first. */
    get events() {
      return this.kept;
    }
    /** Begins from the first event that is remembered: the appliance counts from 1 again. */
    restart() {
      this.kept.length = 0;
      this.resume();
    }
    /** Gives the connection back: a browser has only a few to one place. */
    pause() {
      clearTimeout(this.retry);
      this.source?.close();
      this.source = void 0;
    }
    /** Goes on after the newest event that is here. */
    resume() {
      this.pause();
      const source = new EventSource(`/v1/events?after=${this.kept[0]?.id ?? 0}`);
      this.source = source;
      source.onopen = () => this.onEvent();
      source.onmessage = ({ data }) => this.add(JSON.parse(data));
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) return;
        this.retry = setTimeout(() => this.resume(), RETRY_MS);
      };
    }
    add(event) {
      const newest = this.kept[0];
      if (newest !== void 0 && event.id <= newest.id) return;
      this.kept.unshift(event);
      if (this.kept.length > EVENTS_MAX) this.kept.pop();
      this.onEvent();
    }
  };

  // src/appliance/status_page/client/cells.ts
  var URGENCY = [
    "bad",
    "warn",
    "good",
    "quiet"
  ];
  function stateColumn(title, stateOf2) {
    return {
      title,
      importance: 1,
      order: (row) => URGENCY.indexOf(stateOf2(row)[0]),
      makeCell() {
        const mark = new StateMark();
        return {
          content: mark.root,
          fill: (row) => mark.set(...stateOf2(row))
        };
      }
    };
  }
  function nameColumn(title, subjectOf, openDetails) {
    return {
      title,
      importance: 1,
      order: (row) => subjectOf(row).name,
      makeCell() {
        const content = element("button", {
          type: "button",
          class: "name",
          "aria-haspopup": "dialog"
        });
        let subject;
        content.addEventListener("click", () => {
          if (subject !== void 0) openDetails(subject);
        });
        const fill = (row) => {
          subject = subjectOf(row);
          setText(content, subject.name);
          setAttributes(content, {
            title: subject.name
          });
        };
        return {
          content,
          fill
        };
      }
    };
  }

  // src/appliance/status_page/client/events_view.ts
  var MOODS = {
    error: "bad",
    warn: "warn",
    info: "good",
    debug: "quiet"
  };
  var fieldsOf = ({ fields }) => Object.entries(fields).map(([key, value]) => `${key}=${value}`).join("  ");
  function eventColumn() {
    return {
      title: "Event",
      importance: 1,
      order: ({ event }) => event,
      makeCell() {
        const event = element("span");
        const fields = element("span", {
          class: "aside"
        });
        const fill = (row) => {
          setText(event, row.event);
          setText(fields, fieldsOf(row));
        };
        return {
          content: element("span", {}, event, fields),
          fill
        };
      }
    };
  }
  function timeColumn() {
    return {
      title: "Time",
      importance: 1,
      makeCell() {
        const content = element("time", {
          class: "nowrap"
        });
        const fill = ({ time }) => {
          setText(content, moment(time));
          setAttributes(content, {
            datetime: time,
            title: time
          });
        };
        return {
          content,
          fill
        };
      }
    };
  }
  var EventsView = class {
    table = new PagedTable({
      title: "Events",
      columns: [
        timeColumn(),
        stateColumn("Level", ({ level }) => [
          MOODS[level],
          level
        ]),
        eventColumn()
      ],
      keyOf: ({ id }) => String(id),
      searchText: (row) => `${row.level} ${row.event} ${fieldsOf(row)}`,
      whenEmpty: "Nothing has happened yet."
    });
    constructor() {
      byId("events", HTMLElement).append(this.table.root);
    }
    update({ events }) {
      this.table.update(events);
    }
  };

  // src/appliance/status_page/client/exports_view.ts
  var CLIENTS_NAMED = 3;
  function clientsOf({ clients }) {
    if (clients.length === 0) return "none";
    const named = clients.slice(0, CLIENTS_NAMED).map(({ sessname, access_mode }) => `${sessname} (${access_mode})`);
    const more = clients.length - named.length;
    return named.join(", ") + (more > 0 ? ` and ${count(more)} more` : "");
  }
  var ExportsView = class {
    table;
    rules;
    summary = element("summary");
    disclosure;
    model;
    constructor(openDetails) {
      this.table = new PagedTable({
        title: "Exports",
        columns: this.columns(openDetails),
        keyOf: ({ device }) => device,
        searchText: (row) => `${row.device} ${row.clients.map(({ sessname }) => sessname).join(" ")}`,
        whenEmpty: "No client has a device open."
      });
      this.rules = makeRules();
      this.disclosure = element("details", {}, this.summary, this.rules.root);
      byId("exports", HTMLElement).append(this.table.root, this.disclosure);
    }
    columns(openDetails) {
      const rate = ({ device }, index) => this.model?.history.latest(keyOf.export(device), index) ?? NaN;
      const iops = (row) => rate(row, IO.readIos) + rate(row, IO.writeIos);
      const moved = (row) => rate(row, IO.readBytes) + rate(row, IO.writeBytes);
      const number = (title, order, show = count) => textColumn({
        title,
        isNumber: true,
        importance: 2,
        order,
        isLargestFirst: true,
        text: (row) => show(order(row))
      });
      return [
        nameColumn("Device", ({ device }) => ({
          kind: "export",
          name: device
        }), openDetails),
        textColumn({
          title: "Open by",
          importance: 1,
          order: clientsOf,
          text: clientsOf
        }),
        number("Size", ({ size_bytes }) => size_bytes, bytes),
        {
          ...number("IOPS", iops, perSecond),
          importance: 1
        },
        number("Throughput", moved, bytesPerSecond),
        number("Errors", ({ io }) => errorsIn(io))
      ];
    }
    update(model) {
      this.model = model;
      const { exports, export_rules: rules, listeners } = model.status;
      this.table.update(exports);
      this.rules.update(rules);
      this.disclosure.hidden = listeners.length === 0;
      setText(this.summary, rules.length === 0 ? "Clients may open everything below the search path" : `What clients may open: ${plural(rules.length, "rule")}`);
    }
  };
  function makeRules() {
    const column = (title, text, importance = 2) => textColumn({
      title,
      importance,
      order: text,
      text
    });
    return new PagedTable({
      title: "Rules of what may be opened",
      columns: [
        column("Device path", ({ device_path }) => device_path, 1),
        column("Session", ({ sessname }) => sessname, 1),
        column("Most access", ({ access_mode }) => access_mode),
        column("Kept in", ({ backend }) => backend),
        column("Size", ({ size_bytes }) => size_bytes === 0 ? UNKNOWN : bytes(size_bytes))
      ],
      keyOf: ({ device_path, sessname }) => JSON.stringify([
        device_path,
        sessname
      ]),
      searchText: ({ device_path, sessname, access_mode }) => `${device_path} ${sessname} ${access_mode}`,
      whenEmpty: "There are no rules."
    });
  }

  // src/appliance/status_page/client/history.ts
  var SAMPLES_MAX = 121;
  var History = class {
    /** Wall-clock milliseconds of the samples. */
    times = new Float64Array(SAMPLES_MAX).fill(NaN);
    tracks = /* @__PURE__ */ new Map();
    sample = -1;
    elapsedSeconds = NaN;
    /**
     * @param atMs when, for the time axis
     * @param elapsedMs since the sample before; NaN when the totals have started anew
     */
    begin(atMs, elapsedMs) {
      this.sample++;
      this.times[this.slot] = atMs;
      this.elapsedSeconds = elapsedMs / 1e3;
    }
    get slot() {
      return this.sample % SAMPLES_MAX;
    }
    /**
     * Totals that only grow become rates.
     * @returns the rates a second; NaN when there is nothing to compare with or a total went down
     */
    recordTotals(key, totals) {
      const track = this.track(key, totals.length);
      const before = track.totals;
      const isContinued = before !== void 0 && track.seen === this.sample - 1 && totals.every((total, index) => total >= before[index]);
      const rates = totals.map((total, index) => isContinued ? (total - before[index]) / this.elapsedSeconds : NaN);
      track.totals = totals;
      this.write(track, rates);
      return rates;
    }
    /** Values as they are. */
    recordValues(key, values) {
      this.write(this.track(key, values.length), values);
    }
    track(key, width) {
      let track = this.tracks.get(key);
      if (track === void 0) {
        const values = new Float32Array(SAMPLES_MAX * width).fill(NaN);
        track = {
          values,
          width,
          totals: void 0,
          seen: -1
        };
        this.tracks.set(key, track);
      }
      return track;
    }
    write(track, values) {
      track.values.set(values, this.slot * track.width);
      track.seen = this.sample;
    }
    /** Forgets what was not recorded in this sample: it is gone. */
    end() {
      for (const [key, track] of this.tracks) {
        if (track.seen !== this.sample) this.tracks.delete(key);
      }
    }
    /** When the samples were taken, the oldest first. */
    readTimes() {
      return this.inOrder((slot) => this.times[slot]);
    }
    /** Figure number `index` of `key` at {@link readTimes}; NaN where it is not known. */
    read(key, index) {
      const track = this.tracks.get(key);
      return this.inOrder((slot) => track?.values[slot * track.width + index] ?? NaN);
    }
    inOrder(valueOf) {
      const length = Math.min(this.sample + 1, SAMPLES_MAX);
      const first = this.sample + 1 - length;
      return Array.from({
        length
      }, (_, index) => valueOf((first + index) % SAMPLES_MAX));
    }
    /** The newest value of figure `index`; NaN when there is none. */
    latest(key, index) {
      const track = this.tracks.get(key);
      return track === void 0 || this.sample < 0 ? NaN : track.values[this.slot * track.width + index];
    }
    /** Sum of the known values of figure `index` in the samples that are kept. */
    sum(key, index) {
      return this.read(key, index).reduce((sum2, value) => sum2 + (Number.isNaN(value) ? 0 : value), 0);
    }
  };

  // src/appliance/status_page/client/inflight_view.ts
  var PAUSE_MS = 1e3;
  var durationOf = ({ age_us }) => latency(age_us / 1e6);
  function makeTable() {
    const text = textColumn;
    return new PagedTable({
      title: "Requests in flight",
      columns: [
        text({
          title: "Age",
          isNumber: true,
          importance: 1,
          order: ({ age_us }) => age_us,
          isLargestFirst: true,
          text: durationOf
        }),
        text({
          title: "Operation",
          importance: 1,
          order: (row) => row.operation,
          text: ({ operation }) => operation.replace("_", " ")
        }),
        text({
          title: "Device",
          importance: 1,
          order: (row) => row.device,
          text: (row) => row.device
        }),
        text({
          title: "Session",
          importance: 2,
          order: (r) => r.sessname,
          text: (r) => r.sessname
        }),
        text({
          title: "Path",
          importance: 3,
          order: (row) => row.path,
          text: ({ path }) => path === "" ? "waits for one" : path.replace(",", " \u2192 ")
        }),
        text({
          title: "Offset",
          isNumber: true,
          importance: 2,
          order: (row) => row.offset_bytes,
          text: (row) => count(row.offset_bytes)
        }),
        text({
          title: "Length",
          isNumber: true,
          importance: 2,
          order: (row) => row.length_bytes,
          isLargestFirst: true,
          text: (row) => bytes(row.length_bytes)
        }),
        text({
          title: "Thread and slot",
          isNumber: true,
          importance: 3,
          text: ({ reactor, slot }) => `${reactor} / ${slot}`
        })
      ],
      keyOf: ({ side, reactor, slot, sessname }) => JSON.stringify([
        side,
        sessname,
        reactor,
        slot
      ]),
      searchText: (row) => `${row.side} ${row.operation} ${row.device} ${row.sessname} ${row.path}`,
      whenEmpty: "No request waits for its answer."
    });
  }
  var InflightView = class {
    table = makeTable();
    refusal = element("p", {
      class: "empty"
    });
    disclosure;
    timer;
    constructor() {
      const summary = element("summary", {}, "Requests in flight, the oldest first");
      this.disclosure = element("details", {}, summary, this.refusal, this.table.root);
      this.disclosure.addEventListener("toggle", () => void this.refresh());
      this.table.root.hidden = this.refusal.hidden = true;
      byId("inflight", HTMLElement).append(this.disclosure);
    }
    async refresh() {
      clearTimeout(this.timer);
      if (!this.disclosure.open) return;
      try {
        const response = await ask("/v1/inflight");
        const { requests } = await response.json();
        this.table.update(requests);
        this.show(void 0);
      } catch (error) {
        this.show(error instanceof Error ? error.message : String(error));
      }
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.refresh(), PAUSE_MS);
    }
    show(refusal) {
      this.table.root.hidden = refusal !== void 0;
      this.refusal.hidden = refusal === void 0;
      setText(this.refusal, refusal ?? "");
    }
  };

  // src/appliance/status_page/client/histogram.ts
  function difference(later, earlier) {
    const isSame = later.bounds.length === earlier.bounds.length && later.counts.every((value, index) => later.bounds[index] === earlier.bounds[index] && value >= earlier.counts[index]);
    if (!isSame) return void 0;
    const counts = later.counts.map((value, index) => value - earlier.counts[index]);
    return {
      bounds: later.bounds,
      counts
    };
  }
  function sum(one, other) {
    const isSame = one.bounds.length === other.bounds.length && one.bounds.every((bound, index) => bound === other.bounds[index]);
    if (!isSame) return void 0;
    return {
      bounds: one.bounds,
      counts: one.counts.map((value, i) => value + other.counts[i])
    };
  }
  function quantile({ bounds, counts }, share2) {
    const total = counts.at(-1) ?? 0;
    if (total <= 0) return NaN;
    const rank = share2 * total;
    const index = counts.findIndex((value) => value >= rank && value > 0);
    const upper = bounds[index];
    const lower = index === 0 ? 0 : bounds[index - 1];
    if (upper === Infinity) return lower;
    const before = index === 0 ? 0 : counts[index - 1];
    return lower + (upper - lower) * (rank - before) / (counts[index] - before);
  }

  // src/appliance/status_page/client/metrics_text.ts
  var BUCKET = "_bucket{";
  var BOUND = 'le="';
  var LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
  function readLabels(text) {
    const labels = {};
    for (const [, name, value] of text.matchAll(LABEL)) {
      labels[name] = value.replace(/\\(.)/g, (_, mark) => mark === "n" ? "\n" : mark);
    }
    return labels;
  }
  function readHistograms(text, keyOf2) {
    const found = /* @__PURE__ */ new Map();
    let bounds = [];
    let counts = [];
    for (const line of text.split("\n")) {
      const start = line.indexOf(BUCKET);
      const at = line.lastIndexOf(BOUND);
      if (start < 0 || at < start || line.startsWith("#")) continue;
      const end = line.indexOf('"', at + BOUND.length);
      const bound = line.slice(at + BOUND.length, end);
      bounds.push(bound === "+Inf" ? Infinity : Number(bound));
      counts.push(Number(line.slice(line.indexOf(" ", end))));
      if (bound !== "+Inf") continue;
      const key = keyOf2(line.slice(0, start), readLabels(line.slice(start + BUCKET.length, at)));
      if (key !== void 0) {
        const earlier = found.get(key);
        const histogram = {
          bounds,
          counts
        };
        found.set(key, earlier === void 0 ? histogram : sum(earlier, histogram) ?? earlier);
      }
      bounds = [];
      counts = [];
    }
    return found;
  }

  // src/appliance/status_page/client/latency_book.ts
  var P50 = 0;
  var P99 = 1;
  var SEPARATOR = "\0";
  var FAMILIES = {
    rnbd_client_device_request_duration_seconds: keyOf.mapping,
    rnbd_server_device_request_duration_seconds: keyOf.export
  };
  function bookKey(family, { device, operation }) {
    const keyOfThing = FAMILIES[family];
    if (keyOfThing === void 0 || device === void 0 || operation === void 0) return void 0;
    return keyOfThing(device) + SEPARATOR + operation;
  }
  var NOTHING = {
    p50: NaN,
    p99: NaN
  };
  var percentilesOf = (histogram) => histogram === void 0 ? NOTHING : {
    p50: quantile(histogram, 0.5),
    p99: quantile(histogram, 0.99)
  };
  var LatencyBook = class {
    history = new History();
    earlier = /* @__PURE__ */ new Map();
    /** Of things and of their operations, between the last two pages of metrics. */
    between = /* @__PURE__ */ new Map();
    /** Takes one page of metrics. */
    record(metrics, atMs) {
      const later = readHistograms(metrics, bookKey);
      this.between = /* @__PURE__ */ new Map();
      const things = /* @__PURE__ */ new Set([
        keyOf.allMappings,
        keyOf.allExports
      ]);
      for (const [key, histogram] of later) {
        const thing = key.slice(0, key.lastIndexOf(SEPARATOR));
        things.add(thing);
        const earlier = this.earlier.get(key);
        const between = earlier === void 0 ? void 0 : difference(histogram, earlier);
        if (between === void 0) continue;
        this.add(key, between);
        this.add(thing, between);
        this.add(thing.startsWith("mapping ") ? keyOf.allMappings : keyOf.allExports, between);
      }
      this.earlier = later;
      this.history.begin(atMs, NaN);
      for (const thing of things) {
        const { p50, p99 } = percentilesOf(this.between.get(thing));
        this.history.recordValues(thing, [
          p50,
          p99
        ]);
      }
      this.history.end();
    }
    add(key, histogram) {
      const there = this.between.get(key);
      this.between.set(key, there === void 0 ? histogram : sum(there, histogram) ?? there);
    }
    /** The two lines of the chart of a thing. */
    chartData(key) {
      const { history } = this;
      return {
        times: history.readTimes(),
        values: [
          history.read(key, P50),
          history.read(key, P99)
        ]
      };
    }
    /** The newest percentiles of one operation of a thing. */
    latest(key, operation) {
      return percentilesOf(this.between.get(key + SEPARATOR + operation));
    }
  };

  // src/appliance/status_page/client/mappings_view.ts
  var MappingsView = class {
    table;
    model;
    /** Largest IOPS of any mapping in the charts' time: the common scale of the small lines. */
    mostIops = 1;
    constructor(openDetails) {
      this.table = new PagedTable({
        title: "Mappings",
        columns: this.columns(openDetails),
        keyOf: ({ name }) => name,
        searchText: (row) => [
          row.name,
          row.state,
          row.sessname,
          row.device_path,
          row.access_mode,
          row.device ?? ""
        ].join(" "),
        whenEmpty: "This node maps nothing."
      });
      byId("mappings", HTMLElement).append(this.table.root);
    }
    columns(openDetails) {
      const rate = ({ name }, index) => this.model?.history.latest(keyOf.mapping(name), index) ?? NaN;
      const both = (row, one, other) => rate(row, one) + rate(row, other);
      const iops = (row) => both(row, IO.readIos, IO.writeIos);
      const moved = (row) => both(row, IO.readBytes, IO.writeBytes);
      const text = textColumn;
      return [
        nameColumn("Name", ({ name }) => ({
          kind: "mapping",
          name
        }), openDetails),
        stateColumn("State", ({ state }) => [
          state === "open" ? "good" : "bad",
          state
        ]),
        text({
          title: "Session",
          importance: 2,
          order: (r) => r.sessname,
          text: (r) => r.sessname
        }),
        text({
          title: "Device at the server",
          importance: 3,
          order: (row) => row.device_path,
          text: (row) => row.device_path
        }),
        text({
          title: "Mode",
          importance: 3,
          order: (row) => row.access_mode,
          text: (row) => row.access_mode
        }),
        text({
          title: "Size",
          isNumber: true,
          importance: 2,
          order: (row) => row.size_bytes,
          isLargestFirst: true,
          text: (row) => row.size_bytes === 0 ? UNKNOWN : bytes(row.size_bytes)
        }),
        this.trendColumn(),
        text({
          title: "IOPS",
          isNumber: true,
          importance: 1,
          order: iops,
          isLargestFirst: true,
          text: (row) => perSecond(iops(row))
        }),
        text({
          title: "Throughput",
          isNumber: true,
          importance: 2,
          order: moved,
          isLargestFirst: true,
          text: (row) => bytesPerSecond(moved(row))
        }),
        text({
          title: "Errors",
          isNumber: true,
          importance: 2,
          order: ({ io }) => errorsIn(io),
          isLargestFirst: true,
          text: ({ io }) => count(errorsIn(io))
        })
      ];
    }
    /** IOPS of the last two minutes as a small line; the number stands beside it. */
    trendColumn() {
      return {
        title: "Trend",
        importance: 3,
        makeCell: () => {
          const path = drawing("path");
          const box = {
            viewBox: "-20 0 120 20",
            class: "trend",
            "aria-hidden": "true"
          };
          const content = drawing("svg", {
            ...box,
            preserveAspectRatio: "none"
          }, path);
          const fill = ({ name }) => sparkline(path, this.iopsOf(name), this.mostIops);
          return {
            content,
            fill
          };
        }
      };
    }
    iopsOf(name) {
      const { history } = this.model;
      const writes = history.read(keyOf.mapping(name), IO.writeIos);
      return history.read(keyOf.mapping(name), IO.readIos).map((reads, index) => reads + writes[index]);
    }
    update(model) {
      this.model = model;
      const { mappings } = model.status;
      const busiest = model.history.read(keyOf.busiestMapping, 0);
      this.mostIops = busiest.reduce((most, iops) => iops > most ? iops : most, 1);
      this.table.update(mappings);
    }
  };

  // src/appliance/status_page/client/node_view.ts
  function countersOf(reactors) {
    const names = [
      ...new Set(reactors.flatMap(({ counters }) => Object.keys(counters)))
    ];
    return names.map((name) => {
      const values = reactors.map(({ counters }) => counters[name] ?? 0);
      const total = values.reduce((sum2, value) => sum2 + value, 0);
      return {
        name,
        total,
        byThread: values.map(count).join(" \xB7 ")
      };
    });
  }
  function counterTable(title, whenEmpty, hasThreads) {
    const total = ({ total: total2 }) => total2;
    const text = textColumn;
    const columns = [
      text({
        title: "Counter",
        importance: 1,
        order: ({ name }) => name,
        text: ({ name }) => name
      }),
      text({
        title: "Total",
        isNumber: true,
        importance: 1,
        order: total,
        isLargestFirst: true,
        text: (row) => count(total(row))
      }),
      text({
        title: "By thread",
        isNumber: true,
        importance: 2,
        text: ({ byThread }) => byThread
      })
    ];
    return new PagedTable({
      title,
      columns: hasThreads ? columns : columns.slice(0, 2),
      keyOf: ({ name }) => name,
      searchText: ({ name }) => name,
      whenEmpty
    });
  }
  var NodeView = class {
    facts = element("dl", {
      class: "pairs"
    });
    counters = counterTable("Counters of the threads", "No thread counts.", true);
    refused = counterTable("Refused messages", "Nothing was refused.", false);
    constructor() {
      const details = (title, table) => element("details", {}, element("summary", {}, title), table);
      byId("node-details", HTMLElement).append(this.facts, details("Counters of the threads", this.counters.root), details("Messages of other machines that were refused, by reason", this.refused.root));
    }
    update({ status }) {
      showPairs(this.facts, nodeFacts(status));
      this.counters.update(countersOf(status.reactors));
      const refused = Object.entries(status.rejections).filter(([, total]) => total > 0);
      this.refused.update(refused.map(([name, total]) => ({
        name,
        total,
        byThread: ""
      })));
    }
  };
  function nodeFacts(status) {
    const listeners = status.listeners.map(({ address, port }) => `${address} port ${port}`);
    return [
      [
        "Name",
        status.node
      ],
      [
        "Version",
        status.version
      ],
      [
        "Process",
        String(status.pid)
      ],
      [
        "Running for",
        duration(status.uptime_ms)
      ],
      [
        "Threads that carry I/O",
        count(status.reactors.length)
      ],
      [
        "Memory for I/O",
        bytes(status.memory_bytes)
      ],
      [
        "Listens on",
        listeners.length === 0 ? "nothing" : listeners.join(", ")
      ]
    ];
  }

  // src/appliance/status_page/client/overview_view.ts
  var PROBLEMS_SHOWN = 6;
  var NOT_KNOWN = "How the node is now is not known: it does not answer";
  var Attention = class {
    openDetails;
    items;
    list;
    more;
    calm;
    calmLine;
    announced;
    /** Nobody answers: what was well may be so no more. */
    isAway;
    constructor(openDetails) {
      this.openDetails = openDetails;
      this.items = /* @__PURE__ */ new Map();
      this.list = element("ul");
      this.more = element("p", {
        class: "more"
      });
      this.calm = new StateMark();
      this.calmLine = element("p", {
        class: "calm"
      }, this.calm.root);
      this.isAway = false;
      byId("attention", HTMLElement).append(this.calmLine, this.list, this.more);
    }
    update(problems, status) {
      const shown = problems.slice(0, PROBLEMS_SHOWN);
      const keys = new Set(shown.map(({ text }) => text));
      for (const [key, { root }] of this.items) {
        if (keys.has(key)) continue;
        root.remove();
        this.items.delete(key);
      }
      for (const [index, problem] of shown.entries()) {
        const { root, detail } = this.items.get(problem.text) ?? this.makeItem(problem);
        setText(detail, problem.detail);
        const there = this.list.children[index];
        if (there !== root) this.list.insertBefore(root, there ?? null);
      }
      const left = problems.length - shown.length;
      setText(this.more, left > 0 ? `and ${count(left)} more: see the tables below` : "");
      this.more.hidden = left <= 0;
      this.list.hidden = problems.length === 0;
      this.calmLine.hidden = problems.length > 0;
      if (this.isAway) this.calm.set("quiet", NOT_KNOWN);
      else this.calm.set("good", `Nothing needs attention: ${summaryOf(status)}`);
      this.announce(problems);
    }
    makeItem({ severity, text, subject }) {
      const mark = new StateMark();
      mark.set(severity, text);
      const detail = element("span", {
        class: "detail"
      });
      const explain = element("button", {
        type: "button",
        "aria-haspopup": "dialog"
      }, "Explain");
      setAttributes(explain, {
        "aria-label": `Explain: ${text}`
      });
      explain.addEventListener("click", () => this.openDetails(subject));
      const root = element("li", {}, element("div", {}, mark.root, detail), explain);
      const item = {
        root,
        mark,
        detail
      };
      this.items.set(text, item);
      return item;
    }
    /** For screen readers, when it changes. */
    announce(problems) {
      const first = problems[0]?.text;
      const text = this.isAway ? NOT_KNOWN : first === void 0 ? "Nothing needs attention" : problems.length === 1 ? first : `${plural(problems.length, "problem")}, the first: ${first}`;
      if (text === this.announced) return;
      this.announced = text;
      setText(byId("announcement", HTMLElement), text);
    }
  };
  function summaryOf({ mappings, sessions, exports, clients }) {
    const parts = [
      mappings.length > 0 ? `${plural(mappings.length, "mapping")} open` : "",
      sessions.length > 0 ? `${plural(sessions.length, "session")} connected` : "",
      exports.length > 0 ? `${plural(exports.length, "export")} in use` : "",
      clients.length > 0 ? `${plural(clients.length, "client")} here` : ""
    ].filter((part) => part !== "");
    return parts.length === 0 ? "nothing is mapped and nothing is served" : parts.join(", ");
  }
  function share(total, good, word) {
    const mood = total === 0 ? "quiet" : good === total ? "good" : good === 0 ? "bad" : "warn";
    const value = good === total ? count(total) : `${count(good)} of ${count(total)}`;
    return {
      value,
      mood,
      note: total === 0 ? "none" : word
    };
  }
  var plain = (value, note) => ({
    value,
    mood: "quiet",
    note
  });
  function configTile({ state, pending }) {
    if (state === "stale") return {
      value: "stale",
      mood: "bad",
      note: "the files have errors"
    };
    if (pending.length === 0) return {
      value: "current",
      mood: "good",
      note: "node is as declared"
    };
    return {
      value: "current",
      mood: "warn",
      note: `${plural(pending.length, "step")} missing`
    };
  }
  var TILES = [
    {
      title: "Mappings",
      read: ({ mappings }) => share(mappings.length, mappings.filter(({ state }) => state === "open").length, "open")
    },
    {
      title: "Sessions",
      read: ({ sessions }) => share(sessions.length, sessions.filter(({ state }) => state === "connected").length, "connected")
    },
    {
      title: "Paths",
      read({ sessions, clients }) {
        const paths = [
          ...sessions,
          ...clients
        ].flatMap((owner) => owner.paths);
        const good = paths.filter(({ state }) => state === "connected").length;
        return share(paths.length, good, "connected");
      }
    },
    {
      title: "Exports",
      read: ({ exports }) => plain(count(exports.length), exports.length === 0 ? "none" : "in use")
    },
    {
      title: "Clients",
      read: ({ clients }) => plain(count(clients.length), clients.length === 0 ? "none" : "here")
    },
    {
      title: "In flight",
      read: ({ sessions, clients }) => plain(count(inflightOf(sessions) + inflightOf(clients)), "requests")
    },
    {
      title: "Config",
      read: ({ config }) => configTile(config)
    },
    {
      title: "Memory",
      read: ({ memory_bytes }) => plain(bytes(memory_bytes), "for I/O")
    }
  ];
  var OverviewView = class {
    attention;
    charts = new ChartRow(NODE_CHARTS);
    scope = byId("scope", HTMLSelectElement);
    isScopeChosen = false;
    model;
    tiles = TILES.map((tile) => ({
      tile,
      value: element("span", {
        class: "value"
      }),
      mark: new StateMark()
    }));
    constructor(openDetails) {
      this.attention = new Attention(openDetails);
      byId("charts", HTMLElement).append(this.charts.root);
      byId("tiles", HTMLElement).append(...this.tiles.map(({ tile, value, mark }) => element("div", {}, element("dt", {}, tile.title), element("dd", {}, value, " ", mark.root))));
      this.scope.addEventListener("change", () => {
        this.isScopeChosen = true;
        this.drawCharts();
      });
    }
    /** Tells that the appliance does not answer, or does again. */
    showAway(isAway) {
      this.attention.isAway = isAway;
      if (this.model !== void 0) this.attention.update(this.model.problems, this.model.status);
    }
    update(model) {
      this.model = model;
      this.attention.update(model.problems, model.status);
      for (const { tile, value, mark } of this.tiles) {
        const shown = tile.read(model.status);
        setText(value, shown.value);
        mark.set(shown.mood, shown.note);
      }
      if (!this.isScopeChosen) {
        const isOnlyServer = model.status.mappings.length === 0 && model.status.listeners.length > 0;
        this.scope.value = isOnlyServer ? "exports" : "mappings";
      }
      this.drawCharts();
    }
    drawCharts() {
      if (this.model === void 0) return;
      const side = this.scope.value === "exports" ? "exports" : "mappings";
      this.charts.update(nodeChartData(this.model, side), this.model.nowMs);
    }
  };

  // src/appliance/status_page/client/paths_view.ts
  function stateOf({ path }) {
    if (path === void 0) return [
      "bad",
      "no path"
    ];
    return [
      path.state === "connected" ? "good" : "bad",
      path.state
    ];
  }
  var carrierOf = ({ hca_name, hca_port }) => hca_name === "" ? UNKNOWN : hca_port === 0 ? hca_name : `${hca_name} port ${hca_port}`;
  var PathsView = class {
    side;
    table;
    model;
    /** @param side whose sessions: this node's own, or its clients' */
    constructor(side, openDetails) {
      this.side = side;
      const isSession = side === "session";
      this.table = new PagedTable({
        title: isSession ? "Sessions" : "Clients",
        columns: this.columns(openDetails),
        keyOf: ({ owner, path }) => path === void 0 ? owner.sessname : this.keyOfPath(owner, path),
        searchText: ({ owner, path }) => path === void 0 ? owner.sessname : [
          owner.sessname,
          pathName(path),
          path.state,
          path.hca_name,
          path.last_error
        ].join(" "),
        whenEmpty: isSession ? "This node has no session to a server." : "No client is here."
      });
      byId(isSession ? "sessions" : "clients", HTMLElement).append(this.table.root);
    }
    keyOfPath(owner, path) {
      return keyOf.path(this.side, owner.sessname, path);
    }
    columns(openDetails) {
      const kind = this.side;
      const rate = ({ owner, path }, index) => path === void 0 ? NaN : this.model?.history.latest(this.keyOfPath(owner, path), index) ?? NaN;
      const rateColumn = (title, index) => textColumn({
        title,
        isNumber: true,
        importance: 2,
        order: (row) => rate(row, index),
        isLargestFirst: true,
        text: (row) => bytesPerSecond(rate(row, index))
      });
      const numberColumn = (title, valueOf) => textColumn({
        title,
        isNumber: true,
        importance: 2,
        order: ({ path }) => path === void 0 ? 0 : valueOf(path),
        isLargestFirst: true,
        text: ({ path }) => path === void 0 ? UNKNOWN : count(valueOf(path))
      });
      return [
        nameColumn("Session", ({ owner }) => ({
          kind,
          name: owner.sessname
        }), openDetails),
        stateColumn("State", stateOf),
        textColumn({
          title: "Path",
          importance: 1,
          order: ({ path }) => path === void 0 ? "" : pathName(path),
          text: ({ path }) => path === void 0 ? UNKNOWN : pathName(path).replace(",", " \u2192 ")
        }),
        textColumn({
          title: "Carrier",
          importance: 3,
          text: ({ path }) => path === void 0 ? UNKNOWN : carrierOf(path)
        }),
        numberColumn("In flight", ({ inflight }) => inflight),
        rateColumn("Received", PATH.rxBytes),
        rateColumn("Sent", PATH.txBytes),
        textColumn({
          title: "Round trip",
          isNumber: true,
          importance: 3,
          order: ({ path }) => path?.latency_us ?? 0,
          isLargestFirst: true,
          text: ({ path }) => latency((path?.latency_us || NaN) / 1e6)
        }),
        numberColumn("Reconnects", ({ reconnects }) => reconnects),
        textColumn({
          title: "Last error",
          importance: 3,
          text: ({ path }) => path?.last_error ?? ""
        })
      ];
    }
    update(model) {
      this.model = model;
      const owners = this.side === "session" ? model.status.sessions : model.status.clients;
      this.table.update(owners.flatMap((owner) => owner.paths.length === 0 ? [
        {
          owner,
          path: void 0
        }
      ] : owner.paths.map((path) => ({
        owner,
        path
      }))));
    }
  };

  // src/appliance/status_page/client/refusals_view.ts
  function makeTable2() {
    const column = (title, text, importance = 1) => textColumn({
      title,
      importance,
      order: text,
      text
    });
    return new PagedTable({
      title: "Clients that were turned away",
      columns: [
        column("Client", ({ client }) => client),
        column("Wanted", ({ kind, device_path }) => device_path ?? kind, 2),
        column("Reason", ({ reason }) => reason),
        column("Was told", ({ errno }) => errno ?? "nothing", 2),
        textColumn({
          title: "Times",
          isNumber: true,
          importance: 1,
          order: ({ count: count2 }) => count2,
          isLargestFirst: true,
          text: (row) => count(row.count)
        }),
        textColumn({
          title: "Last",
          importance: 2,
          text: ({ last_time }) => moment(last_time)
        })
      ],
      keyOf: ({ kind, client, device_path, reason }) => JSON.stringify([
        kind,
        client,
        device_path,
        reason
      ]),
      searchText: ({ client, device_path, reason }) => `${client} ${device_path ?? ""} ${reason}`,
      whenEmpty: "Nobody was turned away."
    });
  }
  var RefusalsView = class {
    table = makeTable2();
    summary = element("summary");
    disclosure = element("details", {}, this.summary, this.table.root);
    constructor() {
      byId("clients", HTMLElement).append(this.disclosure);
    }
    update({ status: { refusals, listeners } }) {
      this.disclosure.hidden = listeners.length === 0;
      setText(this.summary, `Turned away lately: ${refusals.length === 0 ? "nobody" : plural(refusals.length, "case")}`);
      this.table.update(refusals);
    }
  };

  // src/appliance/status_page/client/theme.ts
  var STORAGE_KEY = "rnbd-appliance-theme";
  var THEMES = [
    "auto",
    "light",
    "dark"
  ];
  var asTheme = (text) => THEMES.find((theme) => theme === text) ?? "auto";
  function remembered() {
    try {
      return asTheme(localStorage.getItem(STORAGE_KEY));
    } catch {
      return "auto";
    }
  }
  function remember(theme) {
    try {
      localStorage.setItem(STORAGE_KEY, theme);
    } catch {
    }
  }
  function apply(theme) {
    document.documentElement.dataset["theme"] = theme;
  }
  function applyRememberedTheme() {
    apply(remembered());
  }
  function connectThemeSwitch(select) {
    select.value = remembered();
    select.addEventListener("change", () => {
      const theme = asTheme(select.value);
      apply(theme);
      remember(theme);
    });
  }

  // src/appliance/status_page/client/main.ts
  var STATUS_PAUSE_MS = 1e3;
  var METRICS_PAUSE_MS = 2e3;
  var HIDDEN_PAUSE_MS = 1e4;
  var SAMPLE_PAUSE_MS = 800;
  var pause = (ms) => () => document.hidden ? HIDDEN_PAUSE_MS : ms;
  var StatusPage = class {
    history = new History();
    latency = new LatencyBook();
    contactMark = new StateMark();
    details = new DetailsView();
    overview = new OverviewView(this.details.open);
    views = [
      this.overview,
      new MappingsView(this.details.open),
      new PathsView("session", this.details.open),
      new ExportsView(this.details.open),
      new PathsView("client", this.details.open),
      new RefusalsView(),
      new ConfigView(this.details.open),
      new EventsView(),
      new NodeView(),
      this.details
    ];
    events = new EventStream(() => this.status.poke());
    status = new Poller({
      url: "/v1/status",
      pauseMs: pause(STATUS_PAUSE_MS),
      restFactor: 4,
      onAnswer: async (response) => this.take(await response.json()),
      onContact: (contact) => this.showContact(contact)
    });
    metrics = new Poller({
      url: "/metrics",
      pauseMs: pause(METRICS_PAUSE_MS),
      restFactor: 20,
      onAnswer: async (response) => this.latency.record(await response.text(), Date.now()),
      // The status tells whether somebody answers.
      onContact: () => {
      }
    });
    known;
    sampled;
    problems = [];
    contact = {
      state: "waiting"
    };
    start() {
      byId("contact", HTMLElement).append(this.contactMark.root);
      connectThemeSwitch(byId("theme", HTMLSelectElement));
      new InflightView();
      this.showContact(this.contact);
      document.addEventListener("visibilitychange", () => {
        if (document.hidden) return this.events.pause();
        this.events.resume();
        this.status.poke();
      });
      this.status.poke();
      this.metrics.poke();
    }
    take(status) {
      const nowMs = Date.now();
      if (this.known?.pid !== status.pid) this.events.restart();
      this.known = status;
      this.sample(status, nowMs);
      this.problems = findProblems(status, (subject) => this.hasLateErrors(subject));
      const { history, latency: latency2, problems } = this;
      const model = {
        status,
        history,
        latency: latency2,
        problems,
        events: this.events.events,
        nowMs
      };
      for (const view of this.views) view.update(model);
      this.showHead(status);
    }
    sample(status, nowMs) {
      const before = this.sampled;
      const isSame = before?.pid === status.pid;
      const elapsedMs = isSame ? status.uptime_ms - before.uptime_ms : NaN;
      if (elapsedMs < SAMPLE_PAUSE_MS) return;
      this.sampled = status;
      recordStatus(this.history, status, nowMs, elapsedMs);
    }
    hasLateErrors({ kind, name }) {
      const key = kind === "mapping" ? keyOf.mapping(name) : keyOf.export(name);
      return this.history.sum(key, IO.errors) > 0;
    }
    showHead({ node, version, uptime_ms, mappings, ...status }) {
      setText(byId("node", HTMLElement), node);
      setText(byId("about", HTMLElement), `rnbd-appliance ${version}, up ${duration(uptime_ms)}`);
      const counts = {
        mappings: mappings.length,
        sessions: status.sessions.length,
        exports: status.exports.length,
        clients: status.clients.length,
        config: status.config.pending.length
      };
      for (const [name, value] of Object.entries(counts)) {
        setText(byId(`${name}-count`, HTMLElement), value === 0 ? "" : count(value));
      }
      this.showTitle();
    }
    showTitle() {
      const isAway = this.contact.state === "away";
      const mark = isAway ? "(no answer) " : this.problems.length > 0 ? `(${this.problems.length}) ` : "";
      const node = this.known === void 0 ? "" : `${this.known.node} \u2013 `;
      document.title = `${mark}${node}rnbd-appliance`;
    }
    showContact(contact) {
      const wasAway = this.contact.state === "away";
      this.contact = contact;
      const away = byId("away", HTMLElement);
      away.hidden = contact.state !== "away";
      document.documentElement.classList.toggle("is-away", contact.state === "away");
      this.overview.showAway(contact.state === "away");
      if (contact.state === "away") {
        const since = contact.lastAnswerMs === null ? "" : ` since ${moment(contact.lastAnswerMs)}`;
        this.contactMark.set("bad", `No answer${since}`);
        const old = contact.lastAnswerMs === null ? "" : " What is shown below is from then.";
        setText(away, `${contact.reason}. No answer${since}; trying again.${old}`);
      } else if (contact.state === "live") {
        this.contactMark.set("good", `Live, ${moment(Date.now())}`);
        if (wasAway) this.metrics.poke();
      } else this.contactMark.set("quiet", "Connecting");
      this.showTitle();
    }
  };
  applyRememberedTheme();
  document.addEventListener("DOMContentLoaded", () => new StatusPage().start());
})();
