import { STYLES } from './styles.js'

/** The report's style sheet, and what a table of right and wrong labels needs besides. */
export const CHECKED_STYLES = `${STYLES}
.checked { --good: #1d6b44; margin-top: 2rem; margin-bottom: 2.5rem; }
.checked .result { margin-top: 0.25rem; font-size: 1.5rem; font-weight: 650; line-height: 1.3; }
.checked .note { max-width: 48rem; margin-top: 0.25rem; color: var(--soft); font-size: 0.9375rem; }
.checked table { max-width: none; margin-top: 0.75rem; }
.checked th, .checked td { padding: 0.4rem 1rem 0.4rem 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
.checked thead th { white-space: nowrap; }
.checked th:last-child, .checked td:last-child { padding-right: 0; white-space: nowrap; }
.checked tbody th { color: var(--text); }
.checked tbody .name { font-weight: 400; }
.checked .num, .checked thead th:nth-child(4) { text-align: right; white-space: nowrap; }
.checked .right { color: var(--good); font-weight: 600; }
.checked .wrong { color: var(--bad); font-weight: 600; }
.video:target { outline: 2px solid var(--focus); outline-offset: 2px; }
@media screen and (prefers-color-scheme: dark) {
  .checked { --good: #6bcb98; }
}
@media (max-width: 46rem) {
  .checked table, .checked tbody { display: block; }
  .checked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .checked tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
  .checked tbody tr:first-child { border-top: 1px solid var(--line); }
  .checked tbody th, .checked tbody td { padding: 0.1rem 0; border: 0; }
  .checked tbody th, .checked td[data-head] { grid-column: 1 / -1; }
  .checked td[data-head] { display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); }
  .checked td[data-head]::before { content: attr(data-head); color: var(--soft); }
  .checked .right, .checked .wrong { grid-column: 1; grid-row: 4; }
  .checked .num { grid-column: 2; grid-row: 4; }
}
`
