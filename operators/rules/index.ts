export { events } from './events.js'
export { isCamera, type Rule, type Score, type Scored, scoreOf } from './rule.js'
export { RuleBook, type SavedWatches } from './rule-book.js'
export type { Episode, Watch } from './watch.js'
