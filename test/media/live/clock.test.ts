import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamClock } from '../../../src/media/live/clock.js'

test('without a clock of the camera, a frame was taken when the quickest came', () => {
  const clock = new StreamClock()
  const times = [0.2, 0.05, 0.3, 0.05, 0.05].map((wait, n) => clock.frame(10 + n, 1000 + n + wait))
  for (const [n, time] of times.entries()) {
    if (n > 0) assert.ok(Math.abs(time - (1000 + n + 0.05)) < 0.01, `${n}: ${time}`)
  }
})

test("the camera's clock counts where it is steady and right, over a new connection too", () => {
  const clock = new StreamClock()
  clock.frame(10, 1000.1)
  for (let n = 0; n < 8; n++) clock.reference(10 + n / 15, 1000.03 + n / 15)
  assert.equal(clock.source, 'camera')
  assert.ok(Math.abs(clock.frame(11, 1001.4) - 1001.03) < 1e-6)
  clock.restart()
  assert.equal(clock.source, 'arrival')
  // What its clock was off is remembered.
  assert.ok(Math.abs(clock.frame(0, 1010.1) - 1010.03) < 0.01)
})

test("a camera's clock that is hours off, or follows packets, does not count", () => {
  const clock = new StreamClock()
  clock.frame(10, 1000)
  for (let n = 0; n < 20; n++) clock.reference(10 + n, 4600 + n)
  assert.equal(clock.source, 'arrival')
  for (let n = 0; n < 20; n++) clock.reference(10 + n, 1000 + n + (n % 3) * 0.01)
  assert.equal(clock.source, 'arrival')
})

test('times ascend, whatever clocks and connections do', () => {
  const clock = new StreamClock()
  const times = [clock.frame(50, 1000), clock.frame(51, 1001)]
  clock.restart()
  times.push(clock.frame(0, 999), clock.frame(0, 999.5), clock.frame(1, 1000.2))
  for (const [n, time] of times.entries()) assert.ok(n === 0 || time > (times[n - 1] as number))
})
