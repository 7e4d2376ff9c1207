//! Chromium without a window, driven through its debugging protocol over a pipe.

use crate::PATIENCE;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use std::{env, fs, thread};

/// What it is called where.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser.
pub(crate) struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Events that came while an answer was waited for.
    pub(crate) events: VecDeque<Value>,
    number: u64,
    _profile: tempfile::TempDir,
}

/// A page with cookies of its own: another person's browser.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    session: String,
}

impl Chromium {
    /// `None`: there is no Chromium on this machine.
    pub(crate) fn start() -> Option<Self> {
        let path = env::var_os("PATH")?;
        let mut places = env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        let browser: PathBuf = places.find(|place| place.is_file())?;
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // The protocol is spoken over the file descriptors 3 and 4.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2"]).arg(browser);
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-background-networking",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (commands, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                if send.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let events = VecDeque::new();
        Some(Self { child, commands, messages, events, number: 0, _profile: profile })
    }

    fn call(&mut self, tab: Option<&Tab>, method: &str, params: &Value) -> Value {
        self.try_call(tab, method, params).unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    fn try_call(&mut self, tab: Option<&Tab>, method: &str, params: &Value) -> Result<Value, Value> {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if let Some(tab) = tab {
            message["sessionId"] = tab.session.clone().into();
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        self.commands.flush().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut message = self
                .messages
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no answer to {method}: {params}"));
            if message["id"] == self.number {
                let error = message["error"].take();
                return if error.is_null() { Ok(message["result"].take()) } else { Err(error) };
            }
            if message["id"].is_null() {
                self.events.push_back(message);
            }
        }
    }

    /// Opens a page of this size, as a phone would.
    pub(crate) fn open(&mut self, url: &str, (width, height): (u32, u32), is_dark: bool) -> Tab {
        let context = self.call(None, "Target.createBrowserContext", &json!({}));
        let context = &context["browserContextId"];
        let target = self.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank", "browserContextId": context }),
        );
        let attached = self.call(
            None,
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        let tab = Tab { session: attached["sessionId"].as_str().unwrap().to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(Some(&tab), &format!("{domain}.enable"), &json!({}));
        }
        let is_phone = width < 600;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": if is_phone { 2 } else { 1 }, "mobile": is_phone });
        self.call(Some(&tab), "Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call(Some(&tab), "Emulation.setEmulatedMedia", &features);
        self.call(Some(&tab), "Page.navigate", &json!({ "url": url }));
        tab
    }

    /// The value of an expression, waited for if it is a promise.
    pub(crate) fn value(&mut self, tab: &Tab, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answered = self.call(Some(tab), "Runtime.evaluate", &params);
        assert!(answered["exceptionDetails"].is_null(), "{expression}: {answered}");
        answered["result"]["value"].take()
    }

    /// Waits until an expression holds.
    pub(crate) fn wait(&mut self, tab: &Tab, expression: &str) {
        let until = Instant::now() + PATIENCE;
        // It waits in the page itself; a page that is being loaded loses that, and is asked again.
        let waiting = format!(
            "new Promise(done => {{ const look = (left) => {{ if ({expression}) done(true); else if (!left) done(false); else setTimeout(look, 20, left - 1); }}; look(50); }})"
        );
        let params = json!({ "expression": waiting, "awaitPromise": true, "returnByValue": true });
        loop {
            let answered = self.try_call(Some(tab), "Runtime.evaluate", &params);
            if answered.as_ref().is_ok_and(|answered| answered["result"]["value"] == true) {
                return;
            }
            if Instant::now() > until {
                let page = self.value(tab, "document.body.innerText");
                panic!("{expression} does not hold: {answered:?}; the page: {page}");
            }
        }
    }

    /// Clicks where an element is, as a finger would.
    pub(crate) fn click(&mut self, tab: &Tab, element: &str) {
        let place = self.value(
            tab,
            &format!(
                "(() => {{ const it = {element}; it.scrollIntoView({{ block: 'center' }}); const at = it.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
            ),
        );
        for kind in ["mousePressed", "mouseReleased"] {
            let params =
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call(Some(tab), "Input.dispatchMouseEvent", &params);
        }
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, tab: &Tab, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.call(Some(tab), "Input.dispatchKeyEvent", &params);
        }
    }

    /// Keeps a picture of the page, where `RAFTDECK_SHOTS` names a folder for them.
    pub(crate) fn shot(&mut self, tab: &Tab, name: &str) {
        use base64::Engine as _;
        let Some(folder) = env::var_os("RAFTDECK_SHOTS") else { return };
        let shot = self.call(Some(tab), "Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It has nothing to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
