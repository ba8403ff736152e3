import type { Event } from '../../src/domain.js'
import type { Rule, Scored } from './rule.js'
import { afterGap, end, episodeIdOf, type Step, step, type Watch } from './watch.js'

/** Where all rules stand at one source, by rule and series. Plain JSON. */
export type SavedWatches = Readonly<Record<string, Readonly<Record<string, Watch>>>>

/** All rules at all sources: clips go in, one source's in order, and events come out. */
export class RuleBook {
  #rules: ReadonlyMap<string, Rule>
  /** By source, rule and series. */
  readonly #sources = new Map<string, Map<string, Map<string, Watch>>>()

  constructor(rules: readonly Rule[]) {
    this.#rules = byName(rules)
  }

  /** Sources of which something is known. */
  get sources(): readonly string[] {
    return [...this.#sources.keys()]
  }

  /** Other rules from now on; what goes on by a rule that is gone is closed. */
  replace(rules: readonly Rule[]): readonly Event[] {
    this.#rules = byName(rules)
    const events: Event[] = []
    for (const [source, watches] of this.#sources) {
      for (const [name, series] of watches) {
        if (this.#rules.get(name)?.appliesTo(source)) continue
        watches.delete(name)
        for (const watch of series.values()) events.push(...end({ name, cooldown: 0 }, watch, source).events)
      }
    }
    return events
  }

  add(clip: Scored): readonly Event[] {
    const { source, series } = clip
    const watches = this.#of(source)
    const events: Event[] = []
    for (const rule of this.#rules.values()) {
      if (!rule.appliesTo(source)) continue
      const ofRule = entry(watches, rule.name, () => new Map<string, Watch>())
      const next = step(rule, ofRule.get(series), clip)
      ofRule.set(series, next.watch)
      events.push(...next.events)
    }
    return events
  }

  /** At `now` (as the source's clips count time) nothing has come for a while: closes what does not hold for so long. */
  late(source: string, now: number): readonly Event[] {
    return this.#over(source, (rule, { lastEnd }) => now - lastEnd > rule.gapAfter)
  }

  /** Nothing has come of the source for so many seconds, by another clock than that of its clips. */
  silent(source: string, seconds: number): readonly Event[] {
    return this.#over(source, (rule) => seconds > rule.gapAfter)
  }

  /** Whether anything is going on at a source. */
  isGoing(source: string): boolean {
    return this.going(source).length > 0
  }

  /** What is going on at a source, and when it was at its height. */
  going(source: string): readonly { readonly episodeId: string; readonly peakAt: number }[] {
    return [...(this.#sources.get(source) ?? [])].flatMap(([name, series]) =>
      [...series.values()].flatMap(({ open }) =>
        open === undefined ? [] : [{ episodeId: episodeIdOf(name, source, open), peakAt: open.peakAt }],
      ),
    )
  }

  /** Nothing more comes of the source: everything is closed and forgotten. */
  finish(source: string): readonly Event[] {
    const events = this.#each(source, (rule, watch) => end(rule, watch, source))
    this.#sources.delete(source)
    return events
  }

  /** `undefined` where there is nothing that is worth keeping. */
  save(source: string): SavedWatches | undefined {
    const watches = this.#sources.get(source)
    if (watches === undefined || watches.size === 0) return undefined
    return Object.fromEntries([...watches].map(([rule, series]) => [rule, Object.fromEntries(series)]))
  }

  /** Goes on where another book stood. What rules that are gone left open stays as it is until `replace`. */
  restore(source: string, saved: SavedWatches): void {
    const watches = this.#of(source)
    for (const [rule, series] of Object.entries(saved)) watches.set(rule, new Map(Object.entries(series)))
  }

  forget(source: string): void {
    this.#sources.delete(source)
  }

  #over(source: string, isOver: (rule: Rule, watch: Watch) => boolean): readonly Event[] {
    return this.#each(source, (rule, watch) =>
      watch.open !== undefined && isOver(rule, watch) ? afterGap(rule, watch, source) : { watch, events: [] },
    )
  }

  #of(source: string): Map<string, Map<string, Watch>> {
    return entry(this.#sources, source, () => new Map())
  }

  #each(source: string, move: (rule: Rule, watch: Watch) => Step): readonly Event[] {
    const events: Event[] = []
    for (const [name, series] of this.#sources.get(source) ?? []) {
      const rule = this.#rules.get(name)
      if (rule === undefined) continue
      for (const [key, watch] of series) {
        const next = move(rule, watch)
        series.set(key, next.watch)
        events.push(...next.events)
      }
    }
    return events
  }
}

const byName = (rules: readonly Rule[]): ReadonlyMap<string, Rule> =>
  new Map(rules.map((rule) => [rule.name, rule]))

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
