import { STYLES } from './styles.js'

/** The page of an evaluation: the report's style sheet, and what tables of scores and mistakes need besides. */
export const EVALUATION_STYLES = `${STYLES}
.wide { overflow-x: auto; margin-top: 0.75rem; }
.wide, .confusion {
  --shade: rgb(0 0 0 / 0.22);
  background:
    linear-gradient(to right, var(--page) 40%, transparent) left / 2.5rem 100% local,
    linear-gradient(to left, var(--page) 40%, transparent) right / 2.5rem 100% local,
    linear-gradient(to right, var(--shade), transparent) left / 0.9rem 100% scroll,
    linear-gradient(to left, var(--shade), transparent) right / 0.9rem 100% scroll;
  background-repeat: no-repeat;
}
.scores { font-size: 0.875rem; }
.scores td, .scores th { white-space: nowrap; }
.scores td:first-child { white-space: normal; min-width: 6rem; }
.scores th, .scores td { padding-right: 0.5rem; }
.scores th:last-child, .scores td:last-child { padding-right: 0; }
.note { max-width: 44rem; margin-top: 0.5rem; }
.scores .num { text-align: right; }
.scores .published td { color: var(--soft); }
.confusion { overflow: auto; max-height: 48rem; margin-top: 0.75rem; }
.confusion svg { display: block; }
.scrolls { display: none; }
@media (max-width: 46rem) { .scrolls { display: block; } }
@media screen and (prefers-color-scheme: dark) {
  .wide, .confusion { --shade: rgb(255 255 255 / 0.25); }
  .confusion .count { fill: #fff; }
}
.classes { columns: 1; margin-top: 0.75rem; font-size: 0.9375rem; }
.classes li {
  display: grid; grid-template-columns: minmax(0, 1fr) 6rem 3.5rem 3rem; gap: 0 0.75rem; align-items: center;
  padding: 0.2rem 0; break-inside: avoid;
}
.classes .num { text-align: right; }
.classes .meta { text-align: right; }
.mistake h3 { font-size: 1.0625rem; }
.mistake .columns { grid-template-columns: minmax(0, 1fr); }
.mistake h4 { margin: 0 0 0.4rem; color: var(--soft); font-size: 0.875rem; font-weight: 400; overflow-wrap: anywhere; }
.mistake .answers { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
.mistake .guess { display: grid; grid-template-columns: minmax(0, 1fr) 4rem; gap: 0.15rem 0.75rem; padding: 0.25rem 0; }
.mistake .guess.right { font-weight: 600; }
.mistake .guess .num { text-align: right; }
.mistake .columns .strip ol { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.missing li { padding: 0.25rem 0; overflow-wrap: anywhere; font-size: 0.9375rem; }
@media (min-width: 30rem) {
  .scores { font-size: 0.9375rem; }
  .scores td:first-child { min-width: 8rem; }
  .scores th, .scores td { padding-right: 0.75rem; }
}
@media (min-width: 46rem) {
  .classes { columns: 2; column-gap: 3rem; }
}
@media (min-width: 62rem) {
  .mistake .columns:not(:has(.answers)) .strip ol { grid-template-columns: repeat(6, minmax(0, 1fr)); }
  .mistake .columns { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
  .mistake .answers { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .mistake .columns:has(.answers) { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
}
`
