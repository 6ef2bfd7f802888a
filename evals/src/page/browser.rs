//! What a browser makes of the page: it is opened on a phone's width, light and dark,
//! and measured from inside. Without a browser the tests say that they were skipped;
//! where `THROUGHLINE_REQUIRE_CHROMIUM` is set they fail.

use std::{env, fs, path::Path, process::Command};

use serde::Deserialize;

use super::{html, tests::outcome};

/// Programs that can open a page without a screen.
const BROWSERS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell"];
/// Nobody is asked anything, and nothing is fetched.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=600,900",
];
/// A phone: 390 by 844. The window of a headless browser is never so narrow, but a
/// frame in it is.
const PHONE: &str = "width:390px;height:844px;border:0";
/// The page has no script; the copy that is opened gets this one, which measures it.
const MEASURE: &str = r"<script>
const all = [...document.querySelectorAll('*')];
const named = ['src', 'href', 'srcset', 'poster', 'data', 'action'];
const of = (what) => document.querySelectorAll(what).length;
const box = (what) => document.querySelector(what).getBoundingClientRect();
const colour = (what, property) => getComputedStyle(document.querySelector(what))[property];
parent.document.getElementById('measured').textContent = JSON.stringify({
  room: innerWidth,
  wide: document.documentElement.scrollWidth,
  dark: matchMedia('(prefers-color-scheme: dark)').matches,
  paper: colour('body', 'backgroundColor'),
  ink: colour('body', 'color'),
  cell: colour('svg.turns rect', 'fill'),
  hottest: colour('svg.turns rect[style*=\'91%\']', 'fill'),
  lines: of('svg polyline.line'),
  cells: of('svg.turns rect'),
  tables: of('table'),
  curve: box('svg:not(.turns)').width,
  outside: all.flatMap((one) => named.map((name) => one.getAttribute(name)))
    .filter((value) => value && !value.startsWith('#')),
  loaded: performance.getEntriesByType('resource').length,
});
</script></body>";

/// What the script found.
#[derive(Debug, Deserialize)]
struct Measured {
    room: f64,
    wide: f64,
    dark: bool,
    paper: String,
    ink: String,
    cell: String,
    hottest: String,
    lines: usize,
    cells: usize,
    tables: usize,
    curve: f64,
    outside: Vec<String>,
    loaded: usize,
}

/// A browser, or nothing where it may be missing.
fn browser() -> Option<&'static str> {
    let found =
        BROWSERS.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        let required = env::var_os("THROUGHLINE_REQUIRE_CHROMIUM").is_some();
        assert!(!required, "none of {BROWSERS:?} is on this machine");
        crate::report::print("skipped: no headless browser on this machine");
    }
    found
}

/// Opens a page in a frame of a phone's size and measures it.
fn measure(browser: &str, folder: &Path, page: &str, flags: &[&str]) -> Measured {
    let page = page.replace("</body>", MEASURE);
    let frame = format!(r#"<iframe style="{PHONE}" srcdoc="{}"></iframe>"#, html::escape(&page));
    let path = folder.join("page.html");
    let outer = format!(r#"<!doctype html><body><pre id="measured"></pre>{frame}</body>"#);
    fs::write(&path, outer).unwrap();
    let output = Command::new(browser)
        .args(FLAGS)
        .args(flags)
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let text = dom.split(r#"<pre id="measured">"#).nth(1).and_then(|rest| rest.split('<').next());
    let log = String::from_utf8_lossy(&output.stderr);
    let text = text.unwrap_or_else(|| panic!("the page was not opened: {log}"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}: {log}"))
}

#[test]
fn a_phone_shows_the_page_light_and_dark() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let page = html::page("Test", &[outcome(0.5)]);
    let light = measure(browser, dir.path(), &page, &[]);
    let dark = measure(browser, dir.path(), &page, &["--force-dark-mode"]);
    assert!(!light.dark && dark.dark, "{light:?} {dark:?}");
    for measured in [&light, &dark] {
        assert!((measured.room - 390.0).abs() < 1.0, "{measured:?}");
        assert!(measured.wide <= measured.room, "it scrolls sideways: {measured:?}");
        assert!(measured.curve > 300.0, "a curve is too small to read: {measured:?}");
        // Two lines of the curve, seven cells, and the tables: side by side, figures,
        // where it stands.
        let drawn = (measured.lines, measured.cells, measured.tables);
        assert_eq!(drawn, (2, 7, 3), "{measured:?}");
        assert!(measured.outside.is_empty() && measured.loaded == 0, "{measured:?}");
        assert_ne!(measured.paper, measured.ink);
        assert_ne!(measured.cell, measured.hottest, "cells are not coloured");
    }
    for (light, dark) in [
        (&light.paper, &dark.paper),
        (&light.ink, &dark.ink),
        (&light.cell, &dark.cell),
        (&light.hottest, &dark.hottest),
    ] {
        assert_ne!(light, dark, "the same colour light and dark");
    }
}

#[test]
fn a_page_that_is_too_wide_or_asks_outside_is_noticed() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let bad = "<p style='width:1000px'>wide</p><img src='other.png'></main>";
    let page = html::page("Test", &[outcome(0.5)]).replace("</main>", bad);
    let measured = measure(browser, dir.path(), &page, &[]);
    assert!(measured.wide > measured.room, "{measured:?}");
    assert_eq!(measured.outside, ["other.png"]);
}
