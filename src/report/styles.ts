/** The page's style sheet: system fonts, light and dark, from 390 px up, and print. */
export const STYLES = `
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #fff; --text: #1d1f22; --soft: #5a5f66; --line: #dedfda; --track: #ecece7;
  --focus: #1a56c4; --bad: #a8261b; --warn: #fff0cc; --warn-line: #b45f06; --warn-text: #4a2c00;
  --c0: #3568b2; --c1: #b8531b; --c2: #2b8256; --c3: #a83c78; --c4: #7458bd;
  --c5: #856700; --c6: #1b7f86; --c7: #b93a30; --c8: #557a1c; --c9: #72583f; --cx: #7d828a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #131416; --card: #1c1e21; --text: #ebebe8; --soft: #a6abb2; --line: #33363a; --track: #2b2e32;
    --focus: #8ab4ff; --bad: #ff9b8f; --warn: #3b2b06; --warn-line: #f0b429; --warn-text: #ffe6ad;
    --c0: #7eaef2; --c1: #ef9f60; --c2: #6bcb98; --c3: #ec8cbd; --c4: #b6a0f1;
    --c5: #d8ba45; --c6: #5fcbd1; --c7: #f28b82; --c8: #a6cd60; --c9: #c3b09b; --cx: #8e949c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 78rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1, h2, h3, td, dd, .label, .name, .hint, .failures p { overflow-wrap: anywhere; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.2; letter-spacing: -0.015em; }
h2 { font-size: 1.15rem; line-height: 1.3; }
h3 { font-size: 1rem; line-height: 1.35; }
code { font: 0.875em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
a { color: inherit; text-underline-offset: 0.2em; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
[hidden] { display: none !important; }
.num, .totals b, figcaption, .axis, .tip { font-variant-numeric: tabular-nums; }
.eyebrow { color: var(--soft); font-size: 0.875rem; letter-spacing: 0.02em; }
.meta { color: var(--soft); font-size: 0.875rem; }
.rows .name { font-weight: 550; }
.rows .folder, .folder { color: var(--soft); font-weight: 400; }
.unfinished, .bad { color: var(--bad); }

.warning {
  margin-top: 1.25rem; padding: 0.9rem 1.1rem; border: 1px solid var(--warn-line);
  border-left-width: 0.5rem; border-radius: 0.5rem; background: var(--warn); color: var(--warn-text);
  font-size: 1.0625rem; font-weight: 600;
}
.warning p + p { margin-top: 0.5rem; }
.mark {
  display: inline-block; margin-bottom: 0.6rem; padding: 0.1rem 0.5rem; border: 1px solid var(--warn-line);
  border-radius: 0.3rem; background: var(--warn); color: var(--warn-text); font-size: 0.8125rem; font-weight: 600;
}
.totals { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin-top: 1.5rem; color: var(--soft); }
.totals b { color: var(--text); font-size: 1.5rem; font-weight: 650; margin-right: 0.15rem; }
.totals .bad, .totals .bad b { color: var(--bad); }
.overview { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2rem; margin-top: 1.5rem; }
.overview h2 { margin-bottom: 0.75rem; color: var(--soft); font-size: 0.875rem; font-weight: 400; }
dl div { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: 0.75rem; padding: 0.4rem 0; border-top: 1px solid var(--line); }
dl div:last-child { border-bottom: 1px solid var(--line); }
dt { color: var(--soft); }
.others { margin-top: 1.5rem; font-size: 0.9375rem; }

.controls { display: flex; flex-wrap: wrap; align-items: end; gap: 0.75rem 1rem; margin-top: 2.5rem; }
.controls label { display: grid; gap: 0.25rem; color: var(--soft); font-size: 0.875rem; }
.controls label:first-child { flex: 1 1 16rem; max-width: 30rem; }
.controls input, .controls select {
  width: 100%; height: 2.75rem; padding: 0 0.7rem; border: 1px solid var(--soft); border-radius: 0.4rem;
  background: var(--card); color: var(--text); font: inherit;
}
#shown { min-width: 7rem; padding-bottom: 0.7rem; color: var(--soft); font-size: 0.875rem; }

main > section { margin-top: 2.5rem; }
main > section > h2 + p { margin-top: 0.25rem; }
.cards { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem; margin-top: 1rem; }
article.video {
  padding: 1.25rem clamp(1rem, 2vw, 1.5rem) 1.4rem; border: 1px solid var(--line); border-radius: 0.75rem;
  background: var(--card); content-visibility: auto; contain-intrinsic-size: auto 18rem;
}
.columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem 2rem; margin-top: 0.9rem; align-items: start; }
.strip ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr)); gap: 0.5rem 0.375rem; }
.strip.tall ol { grid-template-columns: repeat(auto-fill, minmax(3rem, 1fr)); }
.strip .meta { margin-top: 0.4rem; }
.strip figure { display: flex; flex-direction: column; height: 100%; }
.strip img {
  display: block; width: 100%; height: auto; max-height: 8.5rem; margin: auto 0; object-fit: contain;
  border-radius: 0.25rem; background: var(--track);
}
figcaption { margin-top: 0.15rem; color: var(--soft); font-size: 0.75rem; }
.placeholder {
  display: grid; place-items: center; min-height: 6rem; padding: 1rem; border: 1px dashed var(--line);
  border-radius: 0.5rem; color: var(--soft); font-size: 0.9375rem; text-align: center; overflow-wrap: anywhere;
}
.labels ol { display: grid; gap: 0.5rem; }
.labels li {
  display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) 4rem; gap: 0 0.75rem; align-items: center;
  font-size: 0.9375rem; line-height: 1.35;
}
.label { display: flex; align-items: baseline; }
.label bdi {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; line-clamp: 2; overflow: hidden;
}
.labels li .num, td.num:last-child { text-align: right; }
.labels li .meta { grid-column: 1 / -1; padding-left: 1.05rem; font-size: 0.8125rem; }
.labels > .meta { margin-top: 0.5rem; }
.dot { display: inline-block; flex: none; width: 0.65rem; height: 0.65rem; margin-right: 0.4rem; border-radius: 50%; background: currentColor; }
.bar { display: block; overflow: hidden; border-radius: 3px; fill: currentColor; }
.track { fill: var(--track); }
rect[class^="c"] { fill: currentColor; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
.c8 { color: var(--c8); } .c9 { color: var(--c9); } .cx { color: var(--cx); }

.seen { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem; }
.seen:empty { display: none; }
.timeline { display: block; overflow: visible; font-size: 0.8125rem; }
.clip { outline: none; cursor: default; }
.clip rect { fill: currentColor; stroke: var(--card); stroke-width: 1; }
.dense .clip rect { stroke: none; }
.clip .tip { display: none; fill: var(--text); }
.clip:hover .tip, .clip:focus .tip { display: inline; }
.clip:hover rect, .clip:focus rect, .dense .clip:hover rect, .dense .clip:focus rect { stroke: var(--text); stroke-width: 2; }
.timeline:has(.clip:hover) .clip:focus:not(:hover) .tip { display: none; }
.axis { fill: var(--soft); }
details { margin-top: 0.25rem; }
summary { width: fit-content; color: var(--soft); font-size: 0.875rem; cursor: pointer; }
.scroll { max-height: 20rem; margin-top: 0.5rem; overflow: auto; }
table { width: 100%; max-width: 44rem; border-collapse: collapse; font-size: 0.875rem; }
caption { padding-bottom: 0.4rem; color: var(--soft); text-align: left; }
th, td { padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 400; }
th:last-child { text-align: right; }
td:first-child { white-space: nowrap; }

.rows { margin-top: 1rem; border-top: 1px solid var(--line); }
.rows li {
  display: grid; grid-template-columns: minmax(0, 1fr) 4rem; gap: 0.1rem 1rem; align-items: center;
  padding: 0.6rem 0; border-bottom: 1px solid var(--line);
  font-size: 0.9375rem; content-visibility: auto; contain-intrinsic-size: auto 3rem;
}
.rows .who, .rows .meta { grid-column: 1 / -1; }
.rows .num:last-child { text-align: right; }
.rows .bar { display: none; }
.failures li { padding: 0.9rem 0; border-top: 1px solid var(--line); }
.failures ul { margin-top: 0.75rem; border-bottom: 1px solid var(--line); }
.failures code { color: var(--bad); font-weight: 600; }
.failures p { margin-top: 0.2rem; }
.empty { padding: 3rem 1rem; border: 1px dashed var(--line); border-radius: 0.75rem; text-align: center; }
.empty p { margin-top: 0.5rem; color: var(--soft); overflow-wrap: anywhere; }

@media (min-width: 30rem) {
  .strip ol { grid-template-columns: repeat(6, minmax(0, 1fr)); }
}
@media (min-width: 46rem) {
  .strip.tall ol { grid-template-columns: repeat(12, minmax(0, 1fr)); }
  .overview { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 3rem; }
  .rows li { grid-template-columns: minmax(0, 4fr) minmax(9rem, 2fr) minmax(0, 3fr) minmax(4rem, 2fr) 4rem; }
  .rows .who, .rows .meta { grid-column: auto; }
  .rows .bar { display: block; }
}
@media (min-width: 62rem) {
  .columns:has(.labels) { grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }
  .columns:not(:has(.labels)) .strip ol { grid-template-columns: repeat(12, minmax(0, 1fr)); }
}
@media print {
  :root {
    --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb; --track: #e5e5e5;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .controls, details { display: none; }
  article.video, .rows li { content-visibility: visible; break-inside: avoid; }
  .failures li, .labels li { break-inside: avoid; }
  .bar, .timeline, .dot, .warning, .mark, .strip img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
