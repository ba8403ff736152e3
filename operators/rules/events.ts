import { concatMap, from, type OperatorFunction } from 'rxjs'
import type { Event } from '../../src/domain.js'
import type { Rule, Scored } from './rule.js'
import { RuleBook } from './rule-book.js'

/** Scored clips, each source's in order → what the rules make of them. */
export function events(rules: readonly Rule[] | RuleBook): OperatorFunction<Scored, Event> {
  const book = rules instanceof RuleBook ? rules : new RuleBook(rules)
  return concatMap((clip) => from(book.add(clip)))
}
