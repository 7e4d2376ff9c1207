"use strict";
(() => {
  const base = document.documentElement.dataset.base;
  const get = (id) => document.getElementById(id);
  // The stream says at least every ten seconds that it lives.
  const SILENT = 25000;
  const AGAIN = [500, 1000, 2000, 4000, 8000];
  // What is shown as chosen, what the server has taken, what is on its way, and what comes after that.
  let page = null, chosen = null, taken = null, sending = null, wanted = null, failed = "";
  let stream = null, heard = 0, tries = 0, timer = 0, over = false, drawn = "";
  let follows = false;
  try {
    follows = sessionStorage.getItem("follow") === "yes";
  } catch {
    // Without storage the page starts without the picture.
  }

  // The bar at the top: only when something is wrong.
  function line(text) {
    get("line").textContent = text;
    get("line").hidden = !text;
  }

  function connect() {
    clearTimeout(timer);
    if (stream) stream.close();
    heard = Date.now();
    const mine = stream = new EventSource(base + "/events" + (follows ? "?picture" : ""));
    const on = (name, act) => mine.addEventListener(name, (event) => {
      if (mine !== stream) return;
      heard = Date.now();
      tries = 0;
      line("");
      act(event.data);
    });
    on("page", (text) => {
      const news = JSON.parse(text);
      const same = page && page.poll && news.page.poll && page.poll.number === news.page.poll.number;
      page = news.page;
      taken = news.chosen;
      if (!same) {
        failed = "";
        wanted = null;
      }
      if (!same || !sending) chosen = taken;
      show();
    });
    on("picture", draw);
    on("alive", () => {});
    on("end", end);
    mine.onerror = () => {
      if (mine === stream) lost();
    };
  }

  function end() {
    over = true;
    clearTimeout(timer);
    if (stream) stream.close();
    stream = null;
    page = { lesson: page ? page.lesson : "", chapter: "", caption: "The teacher has ended the session. Thank you for taking part.", poll: null };
    failed = "";
    get("follow").hidden = true;
    show();
    get("status").textContent = "You can close this page.";
  }

  function lost() {
    if (over) return;
    stream.close();
    stream = null;
    again();
  }

  // Says why there is no stream, if the server does; the cookie comes with the page.
  async function look() {
    try {
      const answer = await fetch(base, { cache: "no-store", credentials: "same-origin" });
      if (answer.status === 404) {
        line("This session is over, or its code has changed. Scan the code on the screen again.");
        timer = setTimeout(look, 10000);
        return;
      }
      if (!answer.ok) {
        line((await said(answer)) || "The server has no room at the moment. Trying again.");
        timer = setTimeout(look, 5000);
        return;
      }
      await answer.text();
    } catch {
      return again();
    }
    connect();
  }

  // Waits longer each time, a little differently on each phone, so that a class does not come back all at once.
  function again() {
    line(tries < 3 ? "Connection lost. Trying again." : "No connection. The session may be over, or the network is lost. Trying again.");
    const wait = AGAIN[Math.min(tries, AGAIN.length - 1)];
    tries += 1;
    timer = setTimeout(look, wait / 2 + Math.random() * wait);
  }

  async function said(answer) {
    try {
      return (await answer.json()).message;
    } catch {
      return "";
    }
  }

  // One answer is under way at a time, so that the last one given is the last to arrive.
  async function answer(option) {
    chosen = option;
    failed = "";
    wanted = { poll: page.poll.number, option };
    show();
    if (sending) return;
    while (wanted) {
      sending = wanted;
      wanted = null;
      const problem = await send(sending);
      const asked = page.poll ? page.poll.number : 0;
      if (asked === sending.poll && !wanted) {
        if (!problem) taken = sending.option;
        chosen = taken;
        failed = problem;
      }
    }
    sending = null;
    show();
  }

  async function send(body) {
    try {
      const answered = await fetch(base + "/answer", {
        method: "POST",
        credentials: "same-origin",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (answered.ok) return "";
      if (answered.status === 403) look();
      return (await said(answered)) || "The answer was not taken. Try again.";
    } catch {
      return "The answer did not arrive. Try again.";
    }
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function show() {
    const poll = page.poll;
    get("title").textContent = page.lesson;
    get("chapter").textContent = page.chapter;
    get("question").hidden = !poll;
    get("question").textContent = poll ? poll.question : "";
    get("caption").hidden = Boolean(poll) || !page.caption;
    get("caption").textContent = page.caption;
    get("options").hidden = !poll;
    const state = poll ? poll.state : { is: "none" };
    get("why").hidden = state.is !== "revealed" || !state.explanation;
    get("explanation").textContent = state.explanation || "";
    options(poll, state);
    const [text, kind] = status(state);
    get("status").className = "status" + (kind ? " " + kind : "");
    if (get("status").textContent !== text) get("status").textContent = text;
  }

  function status(state) {
    if (failed) return [failed, "bad"];
    const own = chosen === null ? "" : "Your answer: " + (chosen + 1) + ". ";
    switch (state.is) {
      case "open":
        if (sending) return ["Sending your answer.", ""];
        return own ? [own + "You can change it while the poll is open.", "good"] : ["Choose one answer.", ""];
      case "closed":
        return [own ? own + "The poll is closed. Look at the screen." : "The poll is closed. You have not answered.", ""];
      case "counted":
        return [own + "This is what the class chose. The right answer comes later.", ""];
      case "revealed":
        if (chosen === null) return ["The right answer is " + (state.right + 1) + ".", ""];
        if (chosen === state.right) return [own + "That is right.", "good"];
        return [own + "The right answer is " + (state.right + 1) + ".", "bad"];
      default:
        return ["Look at the screen. Questions appear here.", ""];
    }
  }

  function options(poll, state) {
    const list = get("options");
    const key = poll ? poll.number + state.is : "";
    const kept = list.dataset.key === key ? [...list.children].map((item) => item.firstChild) : [];
    list.dataset.key = key;
    if (!poll) return list.replaceChildren();
    list.setAttribute("aria-label", "Answers");
    const total = state.counts ? state.counts.reduce((sum, count) => sum + count, 0) : 0;
    // While a poll is open the buttons stay, so that none loses the focus.
    if (kept.length === poll.options.length && state.is === "open") {
      kept.forEach((button, at) => button.setAttribute("aria-pressed", String(at === chosen)));
      return;
    }
    list.replaceChildren(...poll.options.map((text, at) => {
      const item = element("li");
      const box = element(state.is === "open" ? "button" : "div", "option");
      box.append(element("span", "n", String(at + 1)), element("span", "", text));
      if (state.is === "open") {
        box.type = "button";
        box.setAttribute("aria-pressed", String(at === chosen));
        box.addEventListener("click", () => answer(at));
      } else {
        mark(box, at, state, total);
      }
      item.append(box);
      return item;
    }));
  }

  function mark(box, at, state, total) {
    const own = at === chosen, right = state.right === at;
    if (state.counts) {
      const count = state.counts[at] || 0;
      const share = total ? Math.round((count / total) * 100) : 0;
      const figure = element("span", "share", share + " %");
      figure.append(element("small", "", count + " of " + total));
      box.append(figure);
    }
    if (own) box.classList.add("own");
    if (right) box.classList.add("right");
    if (own && state.is === "revealed" && !right) box.classList.add("wrong");
    const tags = [right ? "✓ Right answer" : "", own ? (box.classList.contains("wrong") ? "✗ Your answer" : "Your answer") : ""];
    const tag = tags.filter(Boolean).join(" · ");
    if (tag) box.append(element("span", "tag", tag));
    if (state.counts) {
      const bar = element("meter");
      bar.max = Math.max(total, 1);
      bar.value = state.counts[at] || 0;
      bar.setAttribute("aria-hidden", "true");
      box.append(bar);
    }
  }

  function draw(text) {
    drawn = text;
    const made = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (made.nodeName !== "svg") return;
    get("picture").replaceChildren(document.adoptNode(made));
  }

  function follow(wanted) {
    follows = wanted;
    get("toggle").setAttribute("aria-pressed", String(wanted));
    get("toggle").textContent = wanted ? "Stop following the cluster" : "Follow the cluster";
    get("picture").hidden = !wanted;
    document.body.classList.toggle("following", wanted);
    if (!wanted) get("picture").replaceChildren();
    else if (!drawn) get("picture").replaceChildren(element("p", "status", "The picture of the cluster appears here."));
    drawn = "";
  }

  get("toggle").addEventListener("click", () => {
    follow(!follows);
    try {
      sessionStorage.setItem("follow", follows ? "yes" : "no");
    } catch {
      // It is kept until the page is loaded again.
    }
    connect();
  });
  // A phone that slept finds its connection dead, and is not told so.
  setInterval(() => {
    if (!over && stream && Date.now() - heard > SILENT) lost();
  }, 2000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !over && (!stream || Date.now() - heard > SILENT / 2)) {
      tries = 0;
      connect();
    }
  });
  window.addEventListener("online", () => {
    if (!over && !stream) connect();
  });
  follow(follows);
  if (navigator.cookieEnabled) connect();
  else line("This page needs a cookie, so that each phone counts once. Allow cookies and load it again.");
})();
