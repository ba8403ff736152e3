import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EventSeen, Live } from '../../src/server/live.js'
import { event } from './support.js'

const T = 1.7e9
const labels = (source: string, start: number, label = 'a hall') => ({
  ...{ source, start, end: start + 2, labels: [{ label, score: 0.9 }] },
})
const down = (start: number) =>
  event({
    event_id: `down ${start}`,
    episode_id: `away ${start}`,
    kind: 'camera-down',
    start,
    rule: null,
    code: 'MEDIA_TIMEOUT',
  })

test('a camera is up while labels come, quiet when they stop, down when it is said to be', () => {
  const live = new Live(30)
  const state = (now: number) => live.cameras(now)[0]?.state
  live.labels(labels('camera:hall', T), T + 3)
  assert.equal(state(T + 5), 'up')
  assert.equal(state(T + 40), 'quiet')
  live.events(down(T + 2))
  assert.equal(state(T + 5), 'down')
  // A clip that was cut before it went, labelled after.
  live.labels(labels('camera:hall', T + 0.5, 'late'), T + 9)
  assert.equal(state(T + 9), 'down')
  live.labels(labels('camera:hall', T + 20), T + 23)
  assert.equal(state(T + 23), 'up')
})

test('labels of videos are no cameras, and what is older does not take the place of what is newer', () => {
  const live = new Live(30)
  live.labels(labels('video.mp4', 3), T)
  assert.equal(live.cameras(T).length, 0)
  live.labels(labels('camera:a', T + 10, 'new'), T + 12)
  live.labels(labels('camera:a', T, 'old'), T + 13)
  assert.deepEqual(
    live.cameras(T + 13)[0]?.labels.map(({ label }) => label),
    ['new'],
  )
})

test('only what changed is told, and falling quiet is a change', () => {
  const live = new Live(30)
  live.labels(labels('camera:a', T), T)
  live.labels(labels('camera:b', T + 20), T)
  assert.equal(live.changes(T + 1).cameras.length, 2)
  assert.equal(live.changes(T + 2).cameras.length, 0)
  assert.deepEqual(
    live.changes(T + 40).cameras.map(({ source, state }) => `${source} ${state}`),
    ['camera:a quiet'],
  )
})

test('an episode is the same whatever the order in which its events come, and however often', () => {
  const events: EventSeen[] = [
    event({ event_id: '1', episode_id: 'p', start: T, peak: 0.7, thumbnail: '/a.jpg' }),
    event({
      event_id: '2',
      episode_id: 'p',
      kind: 'rule-closed',
      start: T,
      end: T + 9,
      peak: 0.9,
      video: '/a.mp4',
    }),
    event({ event_id: '3', episode_id: 'q', start: T + 5 }),
    down(T + 3),
  ]
  const told = (order: readonly EventSeen[]) => {
    const live = new Live(30)
    for (const one of order) live.events(one)
    return live.episodes()
  }
  const expected = told(events)
  assert.deepEqual(
    expected.map(({ id, open, peak }) => [id, open, peak]),
    [
      ['q', true, 0.9],
      [`away ${T + 3}`, true, 0.9],
      ['p', false, 0.9],
    ],
  )
  const orders = fc.shuffledSubarray([...events, ...events], { minLength: 8, maxLength: 8 })
  fc.assert(fc.property(orders, (order) => assert.deepEqual(told(order), expected)))
})

test('a camera that comes back ends the episode of its being down', () => {
  const live = new Live(30)
  live.events(down(T))
  const episode_id = `away ${T}`
  live.events(event({ event_id: 'gap', episode_id, kind: 'camera-gap', start: T, end: T + 60, rule: null }))
  live.events(event({ event_id: 'up', episode_id, kind: 'camera-up', start: T + 60, rule: null }))
  assert.equal(live.cameras(T + 61)[0]?.state, 'up')
  assert.deepEqual(
    live.episodes().map(({ kind, open, end }) => [kind, open, end]),
    [['camera-gap', false, T + 60]],
  )
})

test('memory is bounded: the oldest that are over go first', () => {
  const live = new Live(30)
  for (let i = 0; i < 5100; i++) {
    const over = i % 2 === 0
    live.events(event({ event_id: `${i}`, episode_id: `${i}`, start: T + i, end: over ? T + i + 1 : null }))
  }
  const all = live.episodes(10_000)
  assert.equal(all.length, 5000)
  assert.equal(all.filter(({ open }) => open).length, 2550)
})
