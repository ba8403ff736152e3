import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { from, lastValueFrom, toArray } from 'rxjs'
import { events, type Rule, RuleBook, type Scored } from '../../operators/index.js'
import type { Event } from '../../src/domain.js'

const FALL: Rule = {
  ...{ name: 'fall', labels: ['falls'], combine: 'sum', threshold: 0.6, release: 0.4 },
  ...{ openAfter: 2, closeAfter: 2, cooldown: 0, gapAfter: 10, gap: 'close', gated: 'same' },
  ...{ appliesTo: () => true, isOn: () => true },
}
const CAMERA = 'camera:door'

/** Clips of 4 s every second; `null` is a clip where nothing moved. */
function clips(scores: readonly (number | null)[], at: (n: number) => number = (n) => n): Scored[] {
  return scores.map((score, n) => ({
    ...{ clipId: `c${n}`, source: CAMERA, series: 's', start: at(n), end: at(n) + 4 },
    ...(score !== null && { labels: [{ label: 'falls', score, similarity: 0 }] }),
  }))
}

const run = (rules: readonly Rule[], scored: readonly Scored[]): readonly Event[] => {
  const book = new RuleBook(rules)
  return scored.flatMap((clip) => book.add(clip))
}

const shown = (all: readonly Event[]) => all.map(({ kind, start, end }) => [kind.slice(5), start, end])

describe('a rule', () => {
  test('opens after so many clips at the threshold and closes after so many under the release', () => {
    const found = run([FALL], clips([0.1, 0.7, 0.3, 0.6, 0.9, 0.5, 0.3, 0.4, 0.3, 0.2, 0.9]))
    assert.deepEqual(shown(found), [
      ['opened', 3, null],
      ['closed', 3, 11],
    ])
    const [opened, closed] = found as [Event, Event]
    assert.equal(opened.episodeId, closed.episodeId)
    assert.notEqual(opened.id, closed.id)
    assert.deepEqual(opened.clipIds, ['c3', 'c4'])
    assert.deepEqual(closed.clipIds, ['c3', 'c4', 'c5', 'c7'])
    assert.deepEqual([closed.rule, closed.label, closed.peak, closed.peakAt], ['fall', 'falls', 0.9, 6])
  })

  test('adds the scores of several labels, or takes the highest', () => {
    const labels = ['falls', 'lies'].map((label, n) => ({ label, score: 0.35 - 0.05 * n, similarity: 0 }))
    const both = clips([0, 0]).map((clip) => ({ ...clip, labels }))
    const rule = { ...FALL, labels: ['lies', 'falls'] }
    assert.deepEqual(
      run([rule], both).map(({ label, peak }) => [label, peak?.toFixed(2)]),
      [['falls', '0.65']],
    )
    assert.deepEqual(run([{ ...rule, combine: 'max' }], both), [])
  })

  test('closes at a gap with the last clip before it, or holds', () => {
    const away = (n: number) => (n < 3 ? n : n + 60)
    const scored = clips([0.7, 0.7, 0.7, 0.7, 0.7], away)
    assert.deepEqual(shown(run([FALL], scored)), [
      ['opened', 0, null],
      ['closed', 0, 6],
      ['opened', 63, null],
    ])
    assert.deepEqual(shown(run([{ ...FALL, gap: 'hold' }], scored)), [['opened', 0, null]])
    // Once it is late for the next, it closes at once, and with the same event.
    const book = new RuleBook([FALL])
    for (const clip of scored.slice(0, 3)) book.add(clip)
    assert.deepEqual(book.late(CAMERA, 10), [])
    assert.deepEqual(book.late(CAMERA, 60), run([FALL], scored).slice(1, 2))
    assert.deepEqual(book.late(CAMERA, 60), [])
  })

  test('takes a clip where nothing moved as it is told to', () => {
    const lies = [0.7, null, null, null, 0.1, null]
    const of = (gated: Rule['gated']) => shown(run([{ ...FALL, gated }], clips(lies)))
    assert.deepEqual(of('same'), [
      ['opened', 0, null],
      ['closed', 0, 7],
    ])
    assert.deepEqual(of('below'), [])
    assert.deepEqual(of('skip'), [])
    // Nothing is known of what was never looked at.
    assert.deepEqual(run([FALL], clips([null, null, null])), [])
  })

  test('is quiet for a while after it closed, and off outside of its schedule', () => {
    const twice = [0.7, 0.7, 0, 0, 0.7, 0.7, 0.7, 0.7]
    assert.equal(run([FALL], clips(twice)).length, 3)
    assert.deepEqual(shown(run([{ ...FALL, cooldown: 2 }], clips(twice))).slice(2), [])
    assert.deepEqual(shown(run([{ ...FALL, cooldown: 0.5, closeAfter: 1 }], clips(twice))).slice(2), [])
    assert.deepEqual(
      shown(run([{ ...FALL, isOn: (_source: string, at: number) => at >= 5 }], clips(twice))),
      [['opened', 5, null]],
    )
  })

  test('keeps sources and series apart, and passes over what came before', () => {
    const one = clips([0.7, 0.7])
    const other = one.map((clip) => ({ ...clip, source: 'camera:yard' }))
    const longer = one.map((clip) => ({ ...clip, series: 'other' }))
    const found = run([FALL], [...one, ...other, ...longer, ...one])
    assert.deepEqual(new Set(found.map(({ id }) => id)).size, 3)
    assert.deepEqual(
      found.map(({ source }) => source),
      [CAMERA, 'camera:yard', CAMERA],
    )
  })

  test('closes when its camera has been away for long enough, with the event that the next clip would make', () => {
    const scored = clips([0.7, 0.9, 0.7])
    const book = new RuleBook([FALL, { ...FALL, name: 'held', gap: 'hold' }])
    for (const clip of scored) book.add(clip)
    assert.deepEqual(
      book.going(CAMERA).map(({ peakAt }) => peakAt),
      [3, 3],
    )
    assert.deepEqual(book.late(CAMERA, 6 + FALL.gapAfter), [])
    const [closed, ...more] = book.late(CAMERA, 6.1 + FALL.gapAfter)
    assert.deepEqual([shown([closed as Event]), more, book.going(CAMERA).length], [[['closed', 0, 6]], [], 1])
    const next = clips([0.1], () => 100).map((clip) => ({ ...clip, clipId: 'next' }))
    assert.deepEqual(run([FALL], [...scored, ...next]).slice(1), [closed])
  })

  test('that is gone closes what it opened', async () => {
    const book = new RuleBook([FALL])
    const opened = await lastValueFrom(from(clips([0.7, 0.7])).pipe(events(book), toArray()))
    assert.equal(opened.length, 1)
    assert.deepEqual(shown(book.replace([{ ...FALL, name: 'other' }])), [['closed', 0, 5]])
    assert.deepEqual(book.replace([FALL]), [])
  })
})

/** The same by another way: each clip a letter, the rule a pattern over the word. */
function reference(rule: Rule, scored: readonly Scored[]): (readonly [string, number, number | null])[] {
  const found: (readonly [string, number, number | null])[] = []
  let quietUntil = Number.NEGATIVE_INFINITY
  for (let from = 0; from < scored.length; ) {
    let to = from + 1
    while (to < scored.length && !isGap(to)) to++
    const part = scored.slice(from, to)
    let last: number | undefined
    const scores = part.map(({ labels }) => {
      last = labels?.[0]?.score ?? last
      return labels === undefined && rule.gated === 'below' && last !== undefined ? 0 : last
    })
    const seen = part.flatMap((clip, n) => {
      const score = rule.gated === 'skip' && clip.labels === undefined ? undefined : scores[n]
      return score === undefined ? [] : [{ clip, score }]
    })
    for (let at = 0; at < seen.length; ) {
      const word = seen
        .map(({ clip, score }, n) => {
          if (n < at) return '_'
          if (score >= rule.threshold && clip.start >= quietUntil) return 'A'
          return score >= rule.threshold ? 'a' : score >= rule.release ? 'm' : 'b'
        })
        .join('')
      const open = new RegExp(`A{${rule.openAfter}}`).exec(word)
      if (open === null) break
      const first = seen[open.index] as (typeof seen)[0]
      found.push(['opened', first.clip.start, null])
      const after = open.index + rule.openAfter
      const close = new RegExp(`b{${rule.closeAfter}}`).exec(word.slice(after))
      const closedAt = close === null ? seen.length : after + close.index + rule.closeAfter
      const until = close === null ? part.at(-1)?.end : seen[closedAt - 1]?.clip.end
      const counted = seen.slice(0, closedAt).findLast(({ score }) => score >= rule.release)
      // The last episode of all is still open.
      if (close === null && to === scored.length) return found
      found.push(['closed', first.clip.start, counted?.clip.end ?? null])
      quietUntil = rule.cooldown > 0 ? (until as number) + rule.cooldown : Number.NEGATIVE_INFINITY
      at = closedAt
    }
    from = to
  }
  return found

  function isGap(n: number): boolean {
    return (scored[n]?.start ?? 0) - (scored[n - 1]?.end ?? 0) > rule.gapAfter
  }
}

const scenario = fc.record({
  scores: fc.array(fc.constantFrom(null, 0.1, 0.3, 0.45, 0.5, 0.6, 0.7, 0.95), { maxLength: 60 }),
  steps: fc.array(fc.constantFrom(1, 1, 1, 1, 2, 30), { minLength: 60, maxLength: 60 }),
  rule: fc.record({
    openAfter: fc.integer({ min: 1, max: 4 }),
    closeAfter: fc.integer({ min: 1, max: 4 }),
    cooldown: fc.constantFrom(0, 0.5, 3, 8),
    gated: fc.constantFrom('same', 'below', 'skip'),
    threshold: fc.constantFrom(0.45, 0.6),
  }),
})

const made = ({ scores, steps, rule }: typeof scenario extends fc.Arbitrary<infer T> ? T : never) => {
  let at = 0
  const times = steps.map((step) => {
    at += step
    return at
  })
  return { rule: { ...FALL, ...rule } as Rule, scored: clips(scores, (n) => times[n] as number) }
}

describe('rules of any kind over scores of any kind', () => {
  test('find what a plain search in the whole finds', () => {
    fc.assert(
      fc.property(scenario, (given) => {
        const { rule, scored } = made(given)
        assert.deepEqual(shown(run([rule], scored)), reference(rule, scored))
      }),
      { numRuns: 3000 },
    )
  })

  test('say the same wherever they are stopped, and taken up by another process', () => {
    fc.assert(
      fc.property(scenario, fc.nat(60), fc.nat(10), (given, stop, repeated) => {
        const { rule, scored } = made(given)
        const first = new RuleBook([rule])
        const early = scored.slice(0, stop).flatMap((clip) => first.add(clip))
        const second = new RuleBook([rule])
        const saved = first.save(CAMERA)
        if (saved !== undefined) second.restore(CAMERA, JSON.parse(JSON.stringify(saved)))
        // What comes a second time changes nothing.
        const late = scored.slice(Math.max(0, stop - repeated)).flatMap((clip) => second.add(clip))
        assert.deepEqual([...early, ...late], run([rule], scored))
      }),
      { numRuns: 1000 },
    )
  })

  test('open and close in turn, each episode under ids of its own', () => {
    fc.assert(
      fc.property(scenario, (given) => {
        const { rule, scored } = made(given)
        const book = new RuleBook([rule])
        const found = [...scored.flatMap((clip) => book.add(clip)), ...book.finish(CAMERA)]
        assert.equal(new Set(found.map(({ id }) => id)).size, found.length)
        assert.equal(found.length % 2, 0)
        for (const [n, { kind, episodeId }] of found.entries()) {
          assert.equal(kind, n % 2 === 0 ? 'rule-opened' : 'rule-closed')
          assert.equal(episodeId, found[n - (n % 2)]?.episodeId)
        }
        assert.deepEqual(book.sources, [])
      }),
      { numRuns: 500 },
    )
  })
})
